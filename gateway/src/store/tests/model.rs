//! Any sequence of commits, acknowledgements, pruning and restarts against a model of ten lines.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::forward::Outbox;

#[derive(Debug, Clone)]
enum Step {
    /// Keys and contents of a capture's records.
    Commit(Vec<(u8, u8)>),
    Acknowledge(u64),
    Prune,
    Reopen,
    /// The handle is dropped, the files are opened again as they are.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec((0..40_u8, 0..2_u8), 0..25).prop_map(Step::Commit),
        2 => (0..80_u64).prop_map(Step::Acknowledge),
        1 => Just(Step::Prune),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

#[derive(Default)]
struct Model {
    known: HashMap<u8, (u8, u64)>,
    newest: u64,
}

impl Model {
    fn commit(&mut self, key: u8, content: u8) -> Option<Outcome> {
        match self.known.get(&key) {
            Some((known, sequence)) if *known == content => {
                Some(Outcome::Duplicate { sequence: *sequence })
            }
            Some(_) => None,
            None => {
                self.newest += 1;
                self.known.insert(key, (content, self.newest));
                Some(accepted(self.newest))
            }
        }
    }
}

/// Everything is old at once, so that pruning has to look at what is delivered.
async fn open(folder: &Path) -> Store {
    let retention = Retention { capture_days: 0, record_days: 0, ..Retention::default() };
    let options = StoreOptions { retention, ..options(folder) };
    Store::open(options, HandClock::new(), Arc::new(Pulse::default())).await.unwrap()
}

async fn crash(store: Store, folder: &mut TempDir) -> Store {
    let copy = tempfile::tempdir().unwrap();
    for file in ["journal.db", "journal.db-wal"] {
        std::fs::copy(folder.path().join(file), copy.path().join(file)).unwrap();
    }
    store.close().await;
    *folder = copy;
    open(folder.path()).await
}

async fn play(steps: Vec<Step>) {
    let mut folder = folder();
    open(folder.path()).await.close().await;
    trust_the_clock(folder.path()).await;
    let mut store = open(folder.path()).await;
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Commit(pairs) => {
                let items = pairs.iter().map(|(k, c)| record(&format!("k{k}"), &c.to_string()));
                let outcomes = commit(&store, items.collect()).await;
                for ((key, content), outcome) in pairs.into_iter().zip(outcomes) {
                    match model.commit(key, content) {
                        Some(expected) => assert_eq!(outcome, expected),
                        None => assert!(matches!(outcome, Outcome::Conflict { .. })),
                    }
                }
            }
            Step::Acknowledge(through) => store.acknowledge(through),
            Step::Prune => {
                let pruned = store.prune().await.unwrap();
                assert!(pruned.records <= store.acknowledged() && pruned.keys == 0);
            }
            Step::Reopen => {
                store.close().await;
                store = open(folder.path()).await;
            }
            Step::Crash => store = crash(store, &mut folder).await,
        }
        assert_eq!(*store.newest().borrow(), model.newest);
        assert!(store.acknowledged() <= model.newest);
        let waiting = store.after(store.acknowledged(), 500).await.unwrap();
        let sequences = waiting.iter().map(|outgoing| outgoing.sequence);
        assert!(sequences.eq(store.acknowledged() + 1..=model.newest));
    }
    store.close().await;
    assert_whole(folder.path()).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn sequences_have_no_gaps_and_keys_count_once(steps in prop::collection::vec(step(), 1..25)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(play(steps));
    }
}
