//! Commits: numbers, duplicates, conflicts, groups, failures.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::customer::KeyKind;
use crate::normalize::Reply;
use crate::source::{FileStamp, FileState};
use crate::store::{CustomerEntry, Product, StoreError};

#[tokio::test]
async fn records_are_numbered_from_one_over_restarts() {
    let folder = folder();
    let store = open(folder.path()).await;
    let outcomes = commit(&store, vec![record("a", "1"), NewItem::Noted, record("b", "1")]).await;
    assert_eq!(outcomes, [accepted(1), Outcome::Noted, accepted(2)]);
    store.close().await;
    let store = open(folder.path()).await;
    assert_eq!(commit(&store, vec![record("c", "1")]).await, [accepted(3)]);
    let figures = store.figures().await.unwrap();
    assert_eq!((figures.sequence_assigned, figures.outbox_records, figures.captures), (3, 3, 2));
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn the_journal_is_private() {
    let folder = folder();
    let data = folder.path().join("deep/data");
    let store = open(&data).await;
    commit(&store, vec![record("a", "1")]).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for file in ["journal.db", "journal.db-wal", "tillgate.lock"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    store.close().await;
}

#[tokio::test]
async fn repeats_and_conflicts_are_told_apart_also_within_one_capture() {
    let folder = folder();
    let store = open(folder.path()).await;
    let first = capture(vec![record("a", "1"), record("a", "1"), record("a", "2")]);
    let entry = format!("{}-2", first.id);
    let outcomes = store.commit(first).await.unwrap().outcomes;
    let conflict = Outcome::Conflict { entry: entry.clone() };
    assert_eq!(outcomes, [accepted(1), Outcome::Duplicate { sequence: 1 }, conflict]);
    let later = commit(&store, vec![record("a", "1"), record("b", "1")]).await;
    assert_eq!(later, [Outcome::Duplicate { sequence: 1 }, accepted(2)]);
    let shown = store.quarantine_show(&entry).await.unwrap();
    assert_eq!(shown.entry.findings[0].rule, "conflict");
    assert_eq!(shown.raw.as_deref(), Some("{\"what\":\"was received\"}"));
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_posters_share_commits_and_all_get_their_own_answer() {
    let folder = folder();
    let store = open(folder.path()).await;
    let posters = (0..64).map(|poster| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut sequences = Vec::new();
            for number in 0..20 {
                let key = format!("{poster}/{number}");
                match commit(&store, vec![record(&key, "x")]).await.as_slice() {
                    [Outcome::Accepted { sequence }] => sequences.push(*sequence),
                    other => panic!("{other:?}"),
                }
            }
            assert!(sequences.is_sorted());
            sequences
        })
    });
    let mut all = BTreeSet::new();
    for poster in posters.collect::<Vec<_>>() {
        all.extend(poster.await.unwrap());
    }
    assert!(all.into_iter().eq(1..=1280));
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn a_failed_commit_leaves_no_gap_and_no_trace() {
    let folder = folder();
    let store = open(folder.path()).await;
    commit(&store, vec![record("a", "1")]).await;
    meddle(
        folder.path(),
        &["CREATE TRIGGER sick BEFORE INSERT ON known WHEN new.key = 'sick' \
           BEGIN SELECT RAISE(ABORT, 'the disk is sick'); END"],
    )
    .await;
    let error = store.commit(capture(vec![record("b", "1"), record("sick", "1")])).await;
    assert!(matches!(error, Err(StoreError::Failed { operation: "commit", .. })), "{error:?}");
    assert!(!store.is_healthy());
    meddle(folder.path(), &["DROP TRIGGER sick"]).await;
    assert_eq!(commit(&store, vec![record("b", "1"), record("sick", "1")]).await.len(), 2);
    assert!(store.is_healthy());
    assert_eq!(commit(&store, vec![record("c", "1")]).await, [accepted(4)]);
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn odd_keys_are_keys_and_endless_ones_go_to_quarantine() {
    let folder = folder();
    let store = open(folder.path()).await;
    let odd = ["nul\0nul", "nul\0other", "quote'\"", "汉字", " "];
    for (key, sequence) in odd.into_iter().zip(1..) {
        assert_eq!(commit(&store, vec![record(key, "1")]).await, [accepted(sequence)], "{key:?}");
        let again = commit(&store, vec![record(key, "1")]).await;
        assert_eq!(again, [Outcome::Duplicate { sequence }], "{key:?}");
    }
    let long = commit(&store, vec![record(&"9".repeat(2000), "1")]).await;
    assert!(matches!(long.as_slice(), [Outcome::Quarantined { .. }]), "{long:?}");
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn a_large_capture_is_a_group_of_its_own() {
    let folder = folder();
    let store = open(folder.path()).await;
    let items = (0..5321).map(|n| record(&format!("k{n}"), "1")).collect();
    let outcomes = commit(&store, items).await;
    assert_eq!(outcomes.last(), Some(&accepted(5321)));
    let items = (0..5321).map(|n| record(&format!("k{n}"), "1")).collect();
    let again = commit(&store, items).await;
    assert_eq!(again.last(), Some(&Outcome::Duplicate { sequence: 5321 }));
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn files_and_replies_are_committed_with_their_capture() {
    let folder = folder();
    let store = open(folder.path()).await;
    let stamp = FileStamp {
        partner: "bigbox".to_owned(),
        name: "850.edi".to_owned(),
        inode: u64::MAX,
        modified_ns: -1,
        bytes: 7,
    };
    assert_eq!(store.file_state(&stamp).await.unwrap(), None);
    let reply = Reply {
        content_type: "application/EDI-X12",
        file_name: "997-1.edi".to_owned(),
        content: b"ISA".to_vec(),
    };
    let mut from_file = capture(vec![record("a", "1")]);
    from_file.source = "bigbox".to_owned();
    from_file.channel = Channel::EdiFolder;
    from_file.file = Some(stamp.clone());
    from_file.replies = vec![reply.clone()];
    let mut inline = capture(vec![record("b", "1")]);
    inline.source = "bigbox".to_owned();
    inline.channel = Channel::EdiHttp;
    inline.replies = vec![reply];
    store.commit(from_file).await.unwrap();
    store.commit(inline).await.unwrap();

    let state = store.file_state(&stamp).await.unwrap();
    assert_eq!(state, Some(FileState::Committed { refused: false }));
    store.file_finished(&stamp).await.unwrap();
    assert_eq!(store.file_state(&stamp).await.unwrap(), Some(FileState::Finished));

    let pending = store.pending_replies("bigbox").await.unwrap();
    assert_eq!(pending.len(), 1, "what went out on the request's connection is not written again");
    assert_eq!(
        (pending[0].file_name.as_str(), pending[0].content.as_slice()),
        ("997-1.edi", &b"ISA"[..])
    );
    store.reply_written(pending[0].id).await.unwrap();
    assert!(store.pending_replies("bigbox").await.unwrap().is_empty());
    store.close().await;
}

#[tokio::test]
async fn control_numbers_rise_and_never_come_twice() {
    let folder = folder();
    let store = open(folder.path()).await;
    let first = store.reserve_control_number("a").await.unwrap();
    assert_eq!(store.reserve_control_number("a").await.unwrap(), first + 1);
    assert_eq!(store.reserve_control_number("b").await.unwrap(), first);
    store.close().await;
    meddle(folder.path(), &["UPDATE control_number SET last = 999999998 WHERE partner = 'b'"])
        .await;
    let store = open(folder.path()).await;
    assert_eq!(store.reserve_control_number("a").await.unwrap(), first + 2);
    assert_eq!(store.reserve_control_number("b").await.unwrap(), 999_999_999);
    assert!(matches!(store.reserve_control_number("b").await, Err(StoreError::Unusable { .. })));
    store.close().await;
}

#[tokio::test]
async fn the_directory_answers_by_key_and_replaces_by_id() {
    let folder = folder();
    let store = open(folder.path()).await;
    assert!(store.directory_is_empty() && store.catalog_is_empty());
    let key = |value: &str| KeyKind::Loyalty.key(value, &[7; 32], None).unwrap();
    let customer = |id: &str, values: &[&str]| CustomerEntry {
        id: id.to_owned(),
        name: Some(format!("name of {id}")),
        keys: values.iter().map(|value| key(value)).collect(),
    };
    let shared = (0..9).map(|n| customer(&format!("s{n}"), &["shared"]));
    let mut customers: Vec<_> = shared.collect();
    customers.push(customer("c1", &["old"]));
    customers.push(customer("c1", &["new", "newer"]));
    let version = store.import_customers(customers).await.unwrap();
    assert_eq!((version, store.directory_version()), (1, 1));
    let hits = store.customers_by_keys(&[key("old"), key("new"), key("none")]).await.unwrap();
    assert_eq!(hits.len(), 1, "{hits:?}");
    assert_eq!((hits[0].key, hits[0].customer.as_str()), (key("new"), "c1"));
    assert_eq!(hits[0].name.as_deref(), Some("name of c1"));
    assert_eq!(store.customers_by_keys(&[key("shared")]).await.unwrap().len(), 4);
    let many: Vec<_> = (0..1234).map(|n| key(&n.to_string())).chain([key("newer")]).collect();
    assert_eq!(store.customers_by_keys(&many).await.unwrap().len(), 1);

    let product =
        Product { gtin: "06901234567892".to_owned(), sku: None, description: "绿茶".to_owned() };
    store.import_products(vec![product.clone()]).await.unwrap();
    let found = store.products(&["06901234567892", "00000096385074"]).await.unwrap();
    assert_eq!(found.into_values().collect::<Vec<_>>(), [product]);
    store.close().await;
    let store = open(folder.path()).await;
    assert!(!store.directory_is_empty() && !store.catalog_is_empty());
    assert_eq!((store.directory_version(), store.catalog_version()), (1, 1));
    store.close().await;
}
