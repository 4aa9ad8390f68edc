//! Crashes, locks, and files that are not ours.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use tillgate_record::Event;

use super::*;
use crate::forward::Outbox;

const CHILD_FOLDER: &str = "TILLGATE_TEST_CHILD_FOLDER";
const SELF: &str = "store::tests::crash::a_killed_daemon_keeps_what_it_answered";

#[tokio::test]
async fn what_was_answered_survives_a_copy_of_the_open_files() {
    let (original, copy) = (folder(), folder());
    let store = open(original.path()).await;
    for number in 0..50 {
        commit(&store, vec![record(&format!("k{number}"), "1")]).await;
    }
    store.acknowledge(20);
    for file in ["journal.db", "journal.db-wal"] {
        fs::copy(original.path().join(file), copy.path().join(file)).unwrap();
    }
    assert_whole(copy.path()).await;
    let reopened = open(copy.path()).await;
    assert_eq!(reopened.after(0, 500).await.unwrap().len(), 50);
    assert_eq!(
        commit(&reopened, vec![record("k7", "1")]).await,
        [Outcome::Duplicate { sequence: 8 }]
    );
    assert_eq!(commit(&reopened, vec![record("new", "1")]).await, [accepted(51)]);
    reopened.close().await;
    store.close().await;
}

/// The life of the daemon that the next test kills.
async fn commit_until_killed(folder: &Path) {
    let store = open(folder).await;
    let start = store.figures().await.unwrap().sequence_assigned;
    for number in start.. {
        let items = (0..3).map(|item| record(&format!("{number}-{item}"), "1")).collect();
        commit(&store, items).await;
        println!("answered {number}-2");
    }
}

/// Runs itself as a second process, which finds the variable and becomes the daemon.
#[tokio::test]
async fn a_killed_daemon_keeps_what_it_answered() {
    if let Some(folder) = std::env::var_os(CHILD_FOLDER) {
        return commit_until_killed(Path::new(&folder)).await;
    }
    let folder = folder();
    for round in 1..=4_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", SELF, "--nocapture"])
            .env(CHILD_FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let answered: Vec<String> = lines
            .map_while(Result::ok)
            .filter_map(|line| line.split_once("answered ").map(|(_, key)| key.to_owned()))
            .enumerate()
            .map(|(count, key)| {
                if count as u64 == 20 * round {
                    child.kill().unwrap();
                }
                key
            })
            .collect();
        child.wait().unwrap();
        assert!(answered.len() as u64 > 20 * round);
        assert_whole(folder.path()).await;
        let store = open(folder.path()).await;
        for key in &answered {
            let outcome = commit(&store, vec![record(key, "1")]).await;
            assert!(matches!(outcome[0], Outcome::Duplicate { .. }), "{key} was lost");
        }
        store.close().await;
    }
}

#[tokio::test]
async fn the_cursor_is_stored_without_a_close() {
    let folder = folder();
    let store = open(folder.path()).await;
    commit(&store, vec![record("a", "1"), record("b", "1")]).await;
    store.acknowledge(1);
    store.acknowledge(99);
    assert_eq!(store.acknowledged(), 2, "what was never given out cannot be acknowledged");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(scalar(folder.path(), "SELECT acknowledged FROM counter").await, 2);
    store.close().await;
    let store = open(folder.path()).await;
    assert_eq!(store.acknowledged(), 2);
    store.close().await;
}

#[tokio::test]
async fn a_second_daemon_is_told_who_is_there() {
    let folder = folder();
    let store = open(folder.path()).await;
    let error = try_open(folder.path()).await.unwrap_err().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    store.close().await;
    open(folder.path()).await.close().await;
}

#[tokio::test]
async fn after_a_close_nothing_is_taken() {
    let folder = folder();
    let store = open(folder.path()).await;
    let other = store.clone();
    store.close().await;
    let refused = other.commit(capture(vec![])).await;
    assert!(matches!(refused, Err(StoreError::Stopping)), "{refused:?}");
    assert!(other.accepting().is_err());
}

#[tokio::test]
async fn what_is_not_for_us_to_open_is_refused_with_advice() {
    let newer = folder();
    open(newer.path()).await.close().await;
    meddle(
        newer.path(),
        &["INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
           VALUES (99, 'later', 1, x'00', 0)"],
    )
    .await;
    let error = try_open(newer.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { version: 99, .. }), "{error}");

    let file = folder();
    let path = file.path().join("taken");
    fs::write(&path, "x").unwrap();
    let error = try_open(&path.join("data")).await.unwrap_err().to_string();
    assert!(error.contains("data_dir") || error.contains("no folder"), "{error}");
}

#[tokio::test]
async fn a_number_that_was_given_out_is_never_given_out_again() {
    for damage in [
        "UPDATE counter SET next_sequence = 2",
        "DELETE FROM record WHERE sequence = 3",
        "DELETE FROM record",
        "DELETE FROM capture",
    ] {
        let folder = folder();
        let store = open(folder.path()).await;
        commit(&store, vec![record("a", "1"), record("b", "1"), record("c", "1")]).await;
        store.close().await;
        meddle(folder.path(), &[damage]).await;
        let store = open(folder.path()).await;
        assert_eq!(store.losses().len(), 1, "{damage}");
        let before = *store.newest().borrow();
        commit(&store, vec![record("d", "1")]).await;
        let event = store.after(before, 1).await.unwrap().remove(0);
        let event: Event<'_> = serde_json::from_slice(&event.payload).unwrap();
        assert!(event.incarnation > 1, "{damage}: {} of {}", event.sequence, event.incarnation);
        store.close().await;
        assert_whole(folder.path()).await;
    }
}
