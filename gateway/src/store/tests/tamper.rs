//! `verify` finds what SQLite does not notice.

use super::*;
use crate::forward::Outbox;

/// A journal with something of everything.
async fn journal() -> TempDir {
    let folder = folder();
    let store = open(folder.path()).await;
    for number in 0..6 {
        commit(
            &store,
            vec![record(&format!("k{number}"), "1"), record(&format!("m{number}"), "1")],
        )
        .await;
    }
    commit(&store, vec![record("k0", "1"), record("k1", "2"), NewItem::Noted]).await;
    let open_entry = capture(vec![NewItem::Quarantine(vec![finding("total")])]);
    let replayed = capture(vec![NewItem::Quarantine(vec![finding("total")])]);
    let entry = format!("{}-0", replayed.id);
    store.commit(open_entry).await.unwrap();
    store.commit(replayed).await.unwrap();
    replay(&store, &entry, record("r", "1"), false).await.unwrap();
    store.acknowledge(4);
    store.close().await;
    folder
}

#[tokio::test]
async fn a_sound_journal_is_whole() {
    let folder = journal().await;
    let report = report(folder.path()).await;
    assert!(report.whole, "{report:#?}");
    assert_eq!((report.records, report.captures, report.raws), (13, 9, 9));
    assert_eq!((report.entries, report.keys), (3, 13));
    assert_eq!((report.sequence_assigned, report.sequence_acknowledged), (13, 4));
}

#[tokio::test]
async fn every_kind_of_tampering_is_found() {
    for (statements, told) in [
        (
            &[
                "UPDATE record SET data = CAST(replace(CAST(data AS TEXT), '1', '2') AS BLOB) WHERE sequence = 3",
            ][..],
            "record 3 does not match its checksum",
        ),
        (
            &["UPDATE record SET received_us = received_us + 1 WHERE sequence = 3"],
            "record 3 does not match its checksum",
        ),
        (&["UPDATE record SET checksum = 7 WHERE sequence = 3"], "record 4 does not follow"),
        (&["DELETE FROM record WHERE sequence = 5"], "record 5 to 5 are missing"),
        (&["DELETE FROM record WHERE sequence <= 4"], "record 1 to 4 are missing"),
        (&["DELETE FROM record WHERE sequence >= 12"], "record 12 to 13 are missing"),
        (
            &[
                "UPDATE record SET sequence = 99 WHERE sequence = 3",
                "UPDATE record SET sequence = 3 WHERE sequence = 4",
                "UPDATE record SET sequence = 4 WHERE sequence = 99",
            ],
            "record 3 does not match its checksum",
        ),
        (&["UPDATE counter SET acknowledged = 12"], "the counters do not match"),
        (&["UPDATE counter SET next_sequence = 20"], "record 14 to 19 are missing"),
        (&["UPDATE capture SET raw = x'00' WHERE number = 2"], "is not what was received"),
        (&["UPDATE capture SET duplicates = 1 WHERE number = 2"], "does not match its checksum"),
        (&["DELETE FROM capture WHERE number = 2"], "capture 2 to 2 are missing"),
        (&["DELETE FROM capture WHERE number = 2"], "has no capture that accounts for it"),
        (&["DELETE FROM quarantine WHERE state = 'open'"], "does not have the quarantine entries"),
        (&["UPDATE quarantine SET state = 'discarded'"], "does not match its checksum"),
        (&["DELETE FROM known WHERE key = 'k3'"], "has a key that is not known"),
        (
            &["UPDATE known SET content = x'00' WHERE key = 'k3'"],
            "names a record that has another key",
        ),
    ] {
        let folder = journal().await;
        meddle(folder.path(), statements).await;
        let report = report(folder.path()).await;
        let found = report.problems.iter().any(|problem| problem.contains(told));
        assert!(!report.whole && found, "{statements:?}: {:#?}", report.problems);
    }
}

#[tokio::test]
async fn a_flipped_bit_in_the_file_never_leaves_the_gateway() {
    let folder = journal().await;
    let path = journal_path(folder.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let needle = b"{\"content\":\"1\"}";
    let places: Vec<usize> = (0..bytes.len() - needle.len())
        .filter(|at| &bytes[*at..*at + needle.len()] == needle)
        .collect();
    assert_eq!(places.len(), 13);
    // SQLite lays the cells of a page down from its end: the last place is the first record.
    bytes[places[9] + 12] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let damaged = report(folder.path()).await;
    assert!(damaged.problems.iter().any(|problem| problem.contains("checksum")), "{damaged:?}");
    let store = open(folder.path()).await;
    let sound = store.after(0, 500).await.unwrap();
    assert!(sound.len() < 13);
    for outgoing in &sound {
        let event: serde_json::Value = serde_json::from_slice(&outgoing.payload).unwrap();
        assert_eq!(event["data"]["content"], "1");
    }
    let next = sound.last().map_or(0, |outgoing| outgoing.sequence);
    let error = store.after(next, 500).await.unwrap_err();
    let reason = std::error::Error::source(&error).unwrap().to_string();
    assert!(reason.contains(&format!("record {} is damaged", next + 1)), "{reason}");
    store.close().await;
}

/// One value that cannot be read does not hide the other problems.
#[tokio::test]
async fn what_cannot_be_read_is_one_problem_of_several() {
    let folder = folder();
    let store = open(folder.path()).await;
    for number in 0..6 {
        commit(&store, vec![record(&format!("k{number}"), "1")]).await;
    }
    store.close().await;
    meddle(
        folder.path(),
        &[
            "UPDATE record SET key = CAST(x'ff41' AS TEXT) WHERE sequence = 2",
            "UPDATE known SET key = CAST(x'ff42' AS TEXT) WHERE key = 'k3'",
            "UPDATE record SET data = x'7b7d' WHERE sequence = 5",
            "UPDATE capture SET source = CAST(x'ff' AS TEXT) WHERE number = 4",
        ],
    )
    .await;
    let report = verify(folder.path()).await.unwrap();
    for problem in [
        "record 2 cannot be read",
        "a key cannot be read",
        "record 5 does not match",
        "capture 4 cannot be read",
    ] {
        let told = report.problems.iter().any(|told| told.starts_with(problem));
        assert!(told, "{problem}: {:#?}", report.problems);
    }
    assert!(!report.whole);
}
