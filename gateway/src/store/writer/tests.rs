//! What a failed commit leaves behind in the writer.

use super::*;
use crate::clock::SystemClock;
use crate::config::Retention;
use crate::store::open;
use crate::store::tests::{accepted, assert_whole, capture, folder, options, record};

/// The writer of a folder, without its task.
async fn writer(folder: &std::path::Path) -> Writer {
    let mut opened = open::open(folder, None, 0).await.unwrap();
    let shared = Shared::of(&mut opened, &options(folder)).await.unwrap();
    let aging = Aging::read(&mut opened.connection, Retention::default(), None).await.unwrap();
    Writer::new(opened, Arc::new(shared), aging, Arc::new(SystemClock), Arc::default())
}

/// A record is committed, and the writer does not know: the commit said that it failed, and the file could not be
/// opened again.
async fn held_unseen(writer: &mut Writer, key: &str) {
    let before = writer.counters;
    writer.group(vec![capture(vec![record(key, "1")])]).await.unwrap();
    writer.counters = before;
    writer.connection = None;
    writer.shared.newest.send_replace(unsigned(before.newest()));
    let there = std::mem::replace(&mut writer.path, "/nowhere/journal.db".into());
    assert!(writer.group(vec![capture(vec![record("refused", "1")])]).await.is_err());
    writer.path = there;
}

#[tokio::test]
async fn numbers_go_on_after_a_commit_that_held_unseen() {
    let folder = folder();
    let mut writer = writer(folder.path()).await;
    held_unseen(&mut writer, "a").await;
    let receipts = writer.group(vec![capture(vec![record("b", "1")])]).await.unwrap();
    assert_eq!(receipts[0].outcomes, [accepted(2)]);

    held_unseen(&mut writer, "c").await;
    assert_eq!(writer.customers(&[]).await.unwrap(), 1);
    assert_eq!(*writer.shared.newest.borrow(), 3, "what held goes out");
    held_unseen(&mut writer, "d").await;
    assert_eq!(writer.products(&[]).await.unwrap(), 1);
    held_unseen(&mut writer, "e").await;
    writer.park(1, "refused").await.unwrap();
    held_unseen(&mut writer, "f").await;
    writer.shared.acknowledge(1);
    writer.write_cursor().await.unwrap();
    held_unseen(&mut writer, "g").await;
    writer.prune().await.unwrap();

    let receipts = writer.group(vec![capture(vec![record("h", "1")])]).await.unwrap();
    assert_eq!(receipts[0].outcomes, [accepted(8)]);
    writer.finish().await;
    assert_whole(folder.path()).await;
}

#[tokio::test]
async fn a_replay_goes_on_after_a_commit_that_held_unseen() {
    let folder = folder();
    let mut writer = writer(folder.path()).await;
    let odd = capture(vec![crate::store::NewItem::Quarantine(Vec::new())]);
    let entry = format!("{}-0", odd.id);
    writer.group(vec![odd]).await.unwrap();
    held_unseen(&mut writer, "a").await;
    let replay = Replay {
        entry,
        item: record("b", "1"),
        replacement: None,
        as_correction: false,
        by: "li".to_owned(),
    };
    assert_eq!(writer.replay(replay, 0).await.unwrap(), accepted(2));
    writer.finish().await;
    assert_whole(folder.path()).await;
}
