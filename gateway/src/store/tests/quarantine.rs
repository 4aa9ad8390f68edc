//! Quarantine: shown, replayed, discarded.

use super::*;
use crate::forward::Outbox;
use crate::store::{EntryState, Replay, StoreError};

async fn quarantined(store: &Store) -> String {
    let odd = capture(vec![NewItem::Quarantine(vec![finding("total")])]);
    let entry = format!("{}-0", odd.id);
    store.commit(odd).await.unwrap();
    entry
}

#[tokio::test]
async fn an_entry_is_replayed_once() {
    let folder = folder();
    let store = open(folder.path()).await;
    let entry = quarantined(&store).await;
    let still = NewItem::Quarantine(vec![finding("other")]);
    let outcome = replay(&store, &entry, still, false).await.unwrap();
    assert_eq!(outcome, Outcome::Quarantined { entry: entry.clone() });
    let shown = store.quarantine_show(&entry).await.unwrap().entry;
    assert_eq!((shown.state, shown.findings[0].rule.as_str()), (EntryState::Open, "other"));

    assert_eq!(replay(&store, &entry, record("a", "1"), false).await.unwrap(), accepted(1));
    let shown = store.quarantine_show(&entry).await.unwrap().entry;
    assert_eq!((shown.state, shown.replayed), (EntryState::Replayed, Some(1)));
    assert!(shown.closed.unwrap().starts_with("replayed by li at 2026-11-21"));
    let twice = replay(&store, &entry, record("a", "1"), false).await;
    assert!(matches!(twice, Err(StoreError::EntryClosed { .. })), "{twice:?}");
    assert_eq!(store.after(0, 10).await.unwrap().len(), 1);
    assert!(store.quarantine_list(10, false).await.unwrap().is_empty());
    assert_eq!(store.quarantine_list(10, true).await.unwrap().len(), 1);
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn a_conflict_replayed_is_the_next_version() {
    let folder = folder();
    let store = open(folder.path()).await;
    commit(&store, vec![record("a", "1")]).await;
    let outcome = commit(&store, vec![record("a", "2")]).await;
    let Outcome::Conflict { entry } = &outcome[0] else { panic!("{outcome:?}") };
    let refused = replay(&store, entry, record("a", "2"), false).await.unwrap();
    assert_eq!(refused, outcome[0]);
    assert_eq!(replay(&store, entry, record("a", "2"), true).await.unwrap(), accepted(2));
    let events = store.after(0, 10).await.unwrap();
    let ids: Vec<_> = events
        .iter()
        .map(|event| {
            serde_json::from_slice::<serde_json::Value>(&event.payload).unwrap()["id"].clone()
        })
        .collect();
    let key = IdempotencyKey::from_stored("a".to_owned());
    assert_eq!(ids, [key.event_id(1).to_string(), key.event_id(2).to_string()]);
    assert_eq!(commit(&store, vec![record("a", "2")]).await, [Outcome::Duplicate { sequence: 2 }]);
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn what_arrived_meanwhile_is_no_second_record() {
    let folder = folder();
    let store = open(folder.path()).await;
    let entry = quarantined(&store).await;
    commit(&store, vec![record("a", "1")]).await;
    let outcome = replay(&store, &entry, record("a", "1"), false).await.unwrap();
    assert_eq!(outcome, Outcome::Duplicate { sequence: 1 });
    assert_eq!(store.figures().await.unwrap().quarantine_open, 0);
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn a_discarded_entry_says_who_and_keeps_its_input() {
    let folder = folder();
    let store = open(folder.path()).await;
    let entry = quarantined(&store).await;
    store.quarantine_discard(&entry, "li").await.unwrap();
    let shown = store.quarantine_show(&entry).await.unwrap();
    assert_eq!(shown.entry.state, EntryState::Discarded);
    let again = store.quarantine_discard(&entry, "wang").await.unwrap_err().to_string();
    assert!(again.contains("discarded by li"), "{again}");
    let missing = store.quarantine_discard("01J-0", "li").await.unwrap_err();
    assert!(matches!(missing, StoreError::NotFound { .. }), "{missing}");
    let stored = store.capture_raw(&shown.entry.capture).await.unwrap();
    assert_eq!(stored.raw, b"{\"what\":\"was received\"}");
    assert_eq!(stored.sha256, <[u8; 32]>::from(Sha256::digest(&stored.raw)));
    assert_eq!((stored.media, stored.channel), (Media::SaleJson, Channel::TerminalHttp));
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn only_a_correction_makes_a_second_version() {
    let folder = folder();
    let store = open(folder.path()).await;
    let entry = quarantined(&store).await;
    commit(&store, vec![record("a", "1")]).await;
    let refused = replay(&store, &entry, record("a", "2"), false).await.unwrap();
    assert_eq!(refused, Outcome::Conflict { entry: entry.clone() });
    let shown = store.quarantine_show(&entry).await.unwrap().entry;
    assert_eq!((shown.state, shown.findings[0].rule.as_str()), (EntryState::Open, "conflict"));
    assert_eq!(store.after(0, 10).await.unwrap().len(), 1);
    assert_eq!(replay(&store, &entry, record("a", "2"), true).await.unwrap(), accepted(2));
    store.close().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn a_replacement_is_a_capture_once_something_became_of_it() {
    let folder = folder();
    let store = open(folder.path()).await;
    commit(&store, vec![record("a", "1")]).await;
    let with = async |item: NewItem, as_correction: bool| {
        let entry = quarantined(&store).await;
        let before = store.figures().await.unwrap().captures;
        let replacement = capture(Vec::new());
        let id = replacement.id.to_string();
        let by = "li".to_owned();
        let replay = Replay { entry, item, replacement: Some(replacement), as_correction, by };
        let outcome = store.commit_replay(replay).await.unwrap();
        let kept = store.figures().await.unwrap().captures - before;
        assert_eq!(store.capture_raw(&id).await.is_ok(), kept == 1);
        (outcome, kept)
    };
    assert_eq!(with(record("b", "1"), false).await, (accepted(2), 1));
    assert_eq!(with(record("a", "1"), false).await, (Outcome::Duplicate { sequence: 1 }, 1));
    assert_eq!(with(record("a", "2"), true).await, (accepted(3), 1));
    assert_eq!(with(NewItem::Noted, false).await, (Outcome::Noted, 1));
    let (conflict, kept) = with(record("a", "3"), false).await;
    assert!(matches!(conflict, Outcome::Conflict { .. }) && kept == 0, "{conflict:?}");
    let (still, kept) = with(NewItem::Quarantine(vec![finding("other")]), false).await;
    assert!(matches!(still, Outcome::Quarantined { .. }) && kept == 0, "{still:?}");
    store.close().await;
    assert_whole(folder.path()).await;
}
