//! Copies that are made beside a running store, and what a restore does with them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::forward::Outbox;
use crate::store::{BackupError, backup, restore};

const LATER_US: i64 = NOW_US + 3_600_000_000;

async fn name_of_newest(store: &Store) -> (u32, u64) {
    let figures = store.figures().await.unwrap();
    (figures.incarnation, figures.sequence)
}

#[tokio::test]
async fn a_backup_beside_a_running_store_is_whole_and_private() {
    let (data, elsewhere) = (folder(), folder());
    let store = open(data.path()).await;
    for number in 0..20 {
        commit(&store, vec![record(&format!("k{number}"), "1")]).await;
    }
    let copy = elsewhere.path().join("copy.db");
    fs::write(&copy, "the backup of yesterday").unwrap();
    let (made, committed) = tokio::join!(
        backup(data.path(), &copy),
        store.commit(capture(vec![record("meanwhile", "1")]))
    );
    let made = made.unwrap();
    committed.unwrap();
    assert!((20..=21).contains(&made.records), "{made:?}");
    assert_eq!((made.incarnation, made.bytes), (FIRST, fs::metadata(&copy).unwrap().len()));
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1, "nothing else is left there");
    store.close().await;
}

#[tokio::test]
async fn a_damaged_journal_is_not_backed_up() {
    let (data, elsewhere) = (folder(), folder());
    let store = open(data.path()).await;
    commit(&store, vec![record("a", "1"), record("b", "1")]).await;
    store.close().await;
    meddle(data.path(), &["UPDATE record SET data = x'7b7d' WHERE sequence = 1"]).await;
    let error = backup(data.path(), &elsewhere.path().join("copy.db")).await.unwrap_err();
    assert!(matches!(error, BackupError::NotWhole { .. }), "{error}");
    assert!(error.to_string().contains("record 1 does not match its checksum"), "{error}");
    assert!(error.to_string().contains("`tillgate verify --recover`"), "{error}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_restored_gateway_knows_its_keys_and_never_reuses_a_number() {
    let (data, elsewhere) = (folder(), folder());
    let copy = elsewhere.path().join("copy.db");
    let store = open(data.path()).await;
    commit(&store, vec![record("a", "1"), record("b", "1")]).await;
    backup(data.path(), &copy).await.unwrap();
    commit(&store, vec![record("c", "1"), record("d", "1"), record("e", "1")]).await;
    let refused = restore(data.path(), &copy, LATER_US).await.unwrap_err();
    assert!(refused.to_string().contains("is in use by"), "{refused}");
    store.close().await;

    for round in FIRST + 1..FIRST + 3 {
        let restored = restore(data.path(), &copy, LATER_US).await.unwrap();
        assert_eq!((restored.records, restored.incarnation), (2, round));
        let gone = &restored.missing.records[0];
        let expected = if round == FIRST + 1 { (FIRST, 3, 5) } else { (FIRST + 1, 1, 1) };
        assert_eq!((gone.incarnation, gone.from, gone.through), expected);
        assert!(data.path().join(restored.set_aside.unwrap()).exists());
        let store = open(data.path()).await;
        assert_eq!(store.losses().len(), 1, "told once: {:#?}", store.losses());
        let repeat = commit(&store, vec![record("b", "1"), record("b", "2")]).await;
        assert_eq!(repeat[0], Outcome::Duplicate { sequence: 2 });
        assert!(matches!(repeat[1], Outcome::Conflict { .. }));
        commit(&store, vec![record("c", "1")]).await;
        assert_eq!(name_of_newest(&store).await, (round, 1));
        assert_eq!(store.after(0, 10).await.unwrap().len(), 3);
        store.close().await;
        assert_whole(data.path()).await;
    }

    // On another machine nobody knows which incarnations were used.
    let machine = folder();
    let restored = restore(machine.path(), &copy, LATER_US).await.unwrap();
    assert_eq!(i64::from(restored.incarnation), LATER_US / 1_000_000);
    assert_eq!(restored.set_aside, None);
    let gone = restored.missing.words();
    assert!(gone.contains("gone: whatever the gateway took after 2026-11-21T00:00:00Z"), "{gone}");
    let store = open(machine.path()).await;
    assert_eq!(store.after(0, 10).await.unwrap().len(), 2);
    store.close().await;
    assert_whole(machine.path()).await;
}

#[tokio::test]
async fn a_backup_that_is_not_whole_changes_nothing() {
    let (data, elsewhere) = (folder(), folder());
    let copy = elsewhere.path().join("copy.db");
    let store = open(data.path()).await;
    commit(&store, vec![record("a", "1")]).await;
    backup(data.path(), &copy).await.unwrap();
    store.close().await;
    let before = fs::read(journal_path(data.path())).unwrap();
    let sound = fs::read(&copy).unwrap();
    let mut truncated = sound.clone();
    truncated.truncate(sound.len() / 2);
    let needle = b"{\"content\":\"1\"}";
    let at = sound.windows(needle.len()).position(|window| window == needle).unwrap();
    let mut flipped = sound.clone();
    flipped[at + 12] ^= 1;
    for damaged in [b"no journal".to_vec(), truncated, flipped] {
        fs::write(&copy, damaged).unwrap();
        restore(data.path(), &copy, LATER_US).await.unwrap_err();
        assert_eq!(fs::read(journal_path(data.path())).unwrap(), before);
    }
    let store = open(data.path()).await;
    assert_eq!(name_of_newest(&store).await, (FIRST, 1));
    store.close().await;
}
