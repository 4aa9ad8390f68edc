//! Damage in the write-ahead log, and what only looks like it.

use std::collections::BTreeSet;
use std::fs;

use rand::{Rng, SeedableRng};

use super::damage::{SEED, Shown, crashed, events, flip, half_in_the_log, names, the_loss};
use super::*;

/// SQLite would drop all that comes behind the damage; here a bit costs at most the row that it is in.
#[tokio::test]
async fn a_flipped_bit_in_the_log_does_not_cost_what_stands_behind_it() {
    let frame = 32 + 4120;
    for (at, lost) in [
        // The header: magic, page size, salt, checksum.
        (&[1][..], 0),
        (&[10], 0),
        (&[17], 0),
        (&[25], 0),
        // The first frame: its salt, its checksum.
        (&[32 + 9], 0),
        (&[32 + 17], 0),
        (&[frame + 20], 0),
        // Two salts of the four that are asked.
        (&[18, 32 + 9], 0),
        (&[32 + 9, frame + 10], 0),
    ] {
        let (copy, before) = half_in_the_log().await;
        at.iter().for_each(|at| flip(&copy.path().join("journal.db-wal"), *at, 3));
        let store = open(copy.path()).await;
        let loss = the_loss(&store).clone();
        assert_eq!(names(&loss).len(), lost, "bytes {at:?}: {loss:#?}");
        assert_eq!(loss.is_nothing(), lost == 0, "bytes {at:?}: {loss:#?}");
        assert_eq!(events(&store).await, before, "bytes {at:?}");
        commit(&store, vec![record("new", "1")]).await;
        assert_eq!(events(&store).await.pop().unwrap().0, (FIRST + 1, 1));
        store.close().await;
        assert_whole(copy.path()).await;
    }
}

/// A crash moments after five commits that the mark has not seen.
async fn ahead_of_its_mark() -> (TempDir, Vec<Shown>) {
    let original = folder();
    let store = open(original.path()).await;
    for number in 0..5 {
        commit(&store, vec![record(&format!("k{number}"), "1")]).await;
    }
    let copy = crashed(&store, original.path()).await;
    for number in 5..10 {
        commit(&store, vec![record(&format!("k{number}"), "1")]).await;
    }
    for file in ["journal.db", "journal.db-wal"] {
        fs::copy(original.path().join(file), copy.path().join(file)).unwrap();
    }
    let before = events(&store).await;
    store.close().await;
    (copy, before)
}

/// The frames of a log that end a commit. Behind those with the header's salt stand older ones.
fn commit_frames(log: &[u8]) -> Vec<usize> {
    let frames = log[32..].chunks_exact(4120).enumerate();
    let frames = frames.take_while(|(_, frame)| frame[8..16] == log[16..24]);
    frames.filter_map(|(at, frame)| (frame[4..8] != [0; 4]).then_some(at)).collect()
}

/// Nobody but the log itself knows of these commits.
#[tokio::test]
async fn damage_behind_the_mark_is_noticed_and_no_name_is_given_twice() {
    let (source, before) = ahead_of_its_mark().await;
    let sound = fs::read(source.path().join("journal.db-wal")).unwrap();
    let commits = commit_frames(&sound);
    let seen = 32 + (commits[commits.len() - 6] + 1) * 4120;
    let last = 32 + (commits[commits.len() - 2] + 1) * 4120;
    let end = 32 + (commits[commits.len() - 1] + 1) * 4120;
    let mut random = rand::rngs::SmallRng::seed_from_u64(SEED);
    let (mut in_doubt, mut all_there) = (0, 0);
    for round in 0..80 {
        // Each bit counts in the headers of frames: page, commit, salt, checksum. A sector stands for a torn write.
        let (at, bytes) = match round {
            0..30 => (random.random_range(seen..end), 1),
            30..40 => (last + 24 + random.random_range(0..4096 - 512), 512),
            40..56 => (last + random.random_range(0..24), 1),
            _ => (seen + random.random_range(0..(end - seen) / 4120) * 4120 + round % 24, 1),
        };
        let copy = folder();
        for file in ["journal.db", "journal.db-wal", "journal.mark"] {
            fs::copy(source.path().join(file), copy.path().join(file)).unwrap();
        }
        for byte in at..at + bytes {
            flip(&copy.path().join("journal.db-wal"), byte, round % 8);
        }
        let store = open(copy.path()).await;
        let losses = store.losses().to_vec();
        let after = events(&store).await;
        let told: BTreeSet<_> = losses.iter().flat_map(|(_, loss)| names(loss)).collect();
        let is_there = |id: &String| after.iter().any(|(_, there, _)| there == id);
        let whole = before.iter().all(|(name, id, _)| is_there(id) || told.contains(name));
        let doubted = losses.iter().any(|(_, loss)| !loss.others.is_empty());
        assert!(whole || doubted, "byte {at}: {losses:#?}");
        commit(&store, vec![record("new", "1")]).await;
        let new = events(&store).await.pop().unwrap();
        assert!(before.iter().all(|(name, ..)| *name != new.0), "byte {at}: {new:?} again");
        store.close().await;
        assert_whole(copy.path()).await;
        in_doubt += u32::from(doubted);
        all_there += u32::from(before.iter().all(|(_, id, _)| is_there(id)));
    }
    println!("in doubt {in_doubt}, all there {all_there} of 80");
    assert!(in_doubt >= 10 && all_there >= 60);
}

/// What a kill or a power cut leaves behind the last commit is no loss, and nobody is told of one.
#[tokio::test]
async fn a_commit_that_was_interrupted_is_no_loss() {
    let (source, before) = ahead_of_its_mark().await;
    let sound = fs::read(source.path().join("journal.db-wal")).unwrap();
    let commits = commit_frames(&sound);
    let (last, end) = (commits[commits.len() - 2] + 1, commits[commits.len() - 1]);
    assert!(end > last + 1, "the last commit has some frames");
    let place = |frame: usize| 32 + frame * 4120;
    for left in
        ["its first frame", "half a frame", "no commit frame", "a frame short", "an old frame"]
    {
        let mut log = sound.clone();
        match left {
            "its first frame" => log.truncate(place(last + 1)),
            "half a frame" => log.truncate(place(end) + 1000),
            "no commit frame" => log.truncate(place(end)),
            "a frame short" => log[place(last)..place(last + 1)].fill(0),
            _ => log[place(last)..place(last + 1)].rotate_left(700),
        }
        let copy = folder();
        for file in ["journal.db", "journal.mark"] {
            fs::copy(source.path().join(file), copy.path().join(file)).unwrap();
        }
        fs::write(copy.path().join("journal.db-wal"), &log).unwrap();
        let store = open(copy.path()).await;
        assert!(store.losses().is_empty(), "{left}: {:#?}", store.losses());
        assert_eq!(events(&store).await, before[..9], "{left}");
        assert_eq!(commit(&store, vec![record("new", "1")]).await, [accepted(10)], "{left}");
        // A short commit in front of what the interrupted one left is not mistaken for its begin.
        let again = crashed(&store, copy.path()).await;
        store.close().await;
        let store = open(again.path()).await;
        assert!(store.losses().is_empty(), "{left}: {:#?}", store.losses());
        assert_eq!(events(&store).await.len(), 10, "{left}");
        store.close().await;
        assert_whole(again.path()).await;
    }
}
