//! The store in simulated lives against a model: commits side by side with duplicates and conflicts, quarantine,
//! acknowledgements, receipts, pruning under a clock that jumps, files and replies; each life ends with a close, or
//! with a crash, also in the middle of commits.
//!
//! What a seed does is the same each time; where exactly in a commit a crash strikes is not, since the database works
//! on threads of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::ops::AddAssign;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::Rng;
use rand::rngs::SmallRng;
use tillgate_record::Event;

use super::seeds::{generator, live_all};
use super::*;
use crate::forward::{Outbox, Outgoing};
use crate::normalize::Reply;
use crate::source::{FileStamp, FileState};
use crate::store::{EntryState, Receipt};

/// Seeds of an ordinary run.
const SEEDS: u64 = 150;

const PARTNER: &str = "acme";

#[derive(Debug, Default)]
struct Tally {
    lives: u64,
    crashes: u64,
    crashes_in_commits: u64,
    committed_unanswered: u64,
    lost_unanswered: u64,
    records: u64,
    duplicates: u64,
    conflicts: u64,
    replays: u64,
    pruned: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.lives += other.lives;
        self.crashes += other.crashes;
        self.crashes_in_commits += other.crashes_in_commits;
        self.committed_unanswered += other.committed_unanswered;
        self.lost_unanswered += other.lost_unanswered;
        self.records += other.records;
        self.duplicates += other.duplicates;
        self.conflicts += other.conflicts;
        self.replays += other.replays;
        self.pruned += other.pruned;
    }
}

/// An item of an input, as its sender knows it.
#[derive(Debug, Clone, Copy)]
enum Item {
    /// Key and content of a record.
    Record(u8, u8),
    Odd,
    Noted,
}

impl Item {
    fn random(random: &mut SmallRng) -> Self {
        match random.random_range(0..10) {
            0 => Self::Odd,
            1 => Self::Noted,
            // Most are new or repeats; few conflict.
            _ => Self::Record(random.random_range(0..60), u8::from(random.random_bool(0.1))),
        }
    }

    fn new_item(self) -> NewItem {
        match self {
            Self::Record(key, content) => record(&format!("k{key}"), &content.to_string()),
            Self::Odd => NewItem::Quarantine(vec![finding("total")]),
            Self::Noted => NewItem::Noted,
        }
    }
}

/// An input on its way.
#[derive(Debug, Clone)]
struct Sent {
    items: Vec<Item>,
    capture: NewCapture,
}

impl Sent {
    fn new(items: Vec<Item>, random: &mut SmallRng) -> Self {
        let mut capture = capture(items.iter().map(|item| item.new_item()).collect());
        capture.id = Ulid::from_parts(1_795_219_200_000, random.random());
        if random.random_bool(0.3) {
            let name = capture.id.to_string();
            let file_name = format!("{name}.ack");
            (capture.source, capture.channel) = (PARTNER.to_owned(), Channel::EdiFolder);
            capture.file = Some(FileStamp {
                partner: PARTNER.to_owned(),
                name,
                inode: random.random_range(1..1 << 40),
                modified_ns: 1,
                bytes: 1,
            });
            let content = b"taken".to_vec();
            capture.replies =
                vec![Reply { content_type: "application/EDIFACT", file_name, content }];
        }
        Self { items, capture }
    }
}

/// What must be true.
#[derive(Default)]
struct Model {
    /// The newest version of each key: content and number.
    known: HashMap<u8, (u8, u64)>,
    /// Key and content of each record.
    records: BTreeMap<u64, (u8, u8)>,
    /// Conflicts with keys that only the next life can tell.
    doubted: Vec<(u8, u8)>,
    open_entries: BTreeSet<String>,
    acknowledged: u64,
    confirmed: u64,
    /// What a crash leaves at least.
    acknowledged_stored: u64,
    files: Vec<(FileStamp, bool)>,
    replies: BTreeSet<String>,
    control_numbers: BTreeSet<u32>,
    /// Sent, and never answered.
    unanswered: Vec<Sent>,
}

impl Model {
    fn newest(&self) -> u64 {
        self.records.last_key_value().map_or(0, |(sequence, _)| *sequence)
    }

    fn accept(&mut self, key: u8, content: u8, sequence: u64) {
        let before = self.records.insert(sequence, (key, content));
        assert_eq!(before, None, "number {sequence} was given out twice");
        self.known.insert(key, (content, sequence));
    }

    /// Books what was answered. After a crash a duplicate may be of an input that was committed and not answered.
    fn book(&mut self, answered: &[(Sent, Receipt)], after_crash: bool, tally: &mut Tally) {
        let outcomes = || {
            answered.iter().flat_map(|(sent, receipt)| {
                assert_eq!(sent.items.len(), receipt.outcomes.len());
                sent.items.iter().copied().zip(&receipt.outcomes)
            })
        };
        for (item, outcome) in outcomes() {
            if let (Item::Record(key, content), Outcome::Accepted { sequence }) = (item, outcome) {
                assert!(!self.known.contains_key(&key), "k{key} was accepted twice");
                self.accept(key, content, *sequence);
                tally.records += 1;
            }
        }
        for (item, outcome) in outcomes() {
            match (item, outcome) {
                (Item::Record(..), Outcome::Accepted { .. }) | (Item::Noted, Outcome::Noted) => {}
                (Item::Record(key, content), Outcome::Duplicate { sequence }) => {
                    tally.duplicates += 1;
                    if after_crash && !self.known.contains_key(&key) {
                        self.accept(key, content, *sequence);
                    }
                    assert_eq!(self.known.get(&key), Some(&(content, *sequence)), "k{key}");
                }
                (Item::Record(key, content), Outcome::Conflict { entry }) => {
                    tally.conflicts += 1;
                    self.doubted.push((key, content));
                    self.open_entries.insert(entry.clone());
                }
                (Item::Odd, Outcome::Quarantined { entry }) => {
                    self.open_entries.insert(entry.clone());
                }
                other => panic!("{other:?}"),
            }
        }
        for (sent, _) in answered {
            self.files.extend(sent.capture.file.clone().map(|stamp| (stamp, false)));
            self.replies.extend(sent.capture.replies.iter().map(|reply| reply.file_name.clone()));
        }
    }

    /// A conflict needs another content under its key.
    fn settle_doubts(&mut self) {
        for (key, content) in self.doubted.drain(..) {
            let known = self.known.get(&key).map(|(known, _)| *known);
            assert!(known.is_some_and(|known| known != content), "k{key} is no conflict");
        }
    }
}

/// A store through its lives.
struct Lives {
    random: SmallRng,
    folder: TempDir,
    clock: Arc<HandClock>,
    options: StoreOptions,
    model: Model,
    tally: Tally,
}

impl Lives {
    fn new(seed: u64) -> Self {
        let (mut random, folder) = (generator(seed, 1), quick_folder());
        // A key that is forgotten may come again: not what is looked at here.
        let retention = Retention {
            capture_days: random.random_range(0..3),
            record_days: random.random_range(0..3),
            key_days: u16::MAX,
            ..Retention::default()
        };
        let confirm = if random.random_bool(0.5) { Confirm::Receipt } else { Confirm::Puback };
        let options = StoreOptions { retention, confirm, ..options(folder.path()) };
        let (clock, model, tally) = (HandClock::new(), Model::default(), Tally::default());
        Self { random, folder, clock, options, model, tally }
    }

    async fn open(&self) -> Store {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Store::open(self.options.clone(), clock, Arc::default()).await.unwrap()
    }

    /// From a start to a close or a crash.
    fn life(&mut self) {
        self.tally.lives += 1;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = self.open().await;
            self.find(&store).await;
            for _ in 0..self.random.random_range(1..12) {
                self.step(&store).await;
                self.look(&store).await;
            }
            match self.random.random_range(0..4) {
                0 => {
                    store.close().await;
                    self.model.acknowledged_stored = self.model.acknowledged;
                }
                1 => self.tally.crashes += 1,
                _ => self.crash_in_commits(&store).await,
            }
        });
        // All tasks are dropped where they wait, the writer among them.
        drop(runtime);
        self.await_the_threads_of_the_database();
    }

    /// They outlive the tasks for a moment, and close the journal. A process that dies takes them with it.
    fn await_the_threads_of_the_database(&self) {
        let is_ours = |file: PathBuf| file.starts_with(self.folder.path());
        let is_open = || {
            let mut files = fs::read_dir("/proc/self/fd").unwrap();
            files.any(|file| fs::read_link(file.unwrap().path()).is_ok_and(is_ours))
        };
        let started = Instant::now();
        while is_open() {
            assert!(started.elapsed() < Duration::from_secs(20), "the database is never closed");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What a start finds: all that was answered, each unanswered input whole or not at all.
    async fn find(&mut self, store: &Store) {
        assert!(store.losses().is_empty(), "{:?}", store.losses());
        let acknowledged = store.acknowledged();
        let expected = self.model.acknowledged_stored..=self.model.acknowledged;
        assert!(expected.contains(&acknowledged), "acknowledged {acknowledged} of {expected:?}");
        assert!(store.confirmed() <= self.model.confirmed);
        (self.model.acknowledged, self.model.acknowledged_stored) = (acknowledged, acknowledged);
        self.model.confirmed = store.confirmed();
        let mut unanswered = Vec::new();
        for sent in std::mem::take(&mut self.model.unanswered) {
            let is_there = store.has_capture(sent.capture.id).await.unwrap();
            unanswered.push((is_there, sent));
        }
        self.find_entries(store, &unanswered).await;
        // What is there first: a repeat of it tells which numbers it got.
        unanswered.sort_by_key(|(is_there, _)| !is_there);
        for (is_there, sent) in unanswered {
            let repeated = Sent::new(sent.items, &mut self.random);
            let receipt = store.commit(repeated.capture.clone()).await.unwrap();
            let news =
                receipt.outcomes.iter().filter(|out| matches!(out, Outcome::Accepted { .. }));
            if is_there {
                self.tally.committed_unanswered += 1;
                assert_eq!(news.count(), 0, "a part of {} was not kept", sent.capture.id);
                self.model.files.extend(sent.capture.file.map(|stamp| (stamp, false)));
                let replies = sent.capture.replies.into_iter().map(|reply| reply.file_name);
                self.model.replies.extend(replies);
            } else {
                self.tally.lost_unanswered += 1;
            }
            self.model.book(&[(repeated, receipt)], true, &mut self.tally);
        }
        self.model.settle_doubts();
        self.look(store).await;
    }

    /// Entries are those that were answered, and those of inputs that are there.
    async fn find_entries(&mut self, store: &Store, unanswered: &[(bool, Sent)]) {
        let found = open_entries(store).await;
        let lost: Vec<_> = self.model.open_entries.difference(&found).collect();
        assert!(lost.is_empty(), "entries {lost:?} were lost");
        for entry in found.difference(&self.model.open_entries) {
            let is_of = |(is_there, sent): &(bool, Sent)| {
                *is_there && entry.starts_with(&sent.capture.id.to_string())
            };
            assert!(unanswered.iter().any(is_of), "nobody sent what entry {entry} is of");
        }
        self.model.open_entries = found;
    }

    async fn step(&mut self, store: &Store) {
        match self.random.random_range(0..12) {
            0..5 => {
                let sent = self.some_inputs();
                let commits = sent.iter().map(|sent| store.commit(sent.capture.clone()));
                let receipts = join_all(commits).await.into_iter().map(Result::unwrap);
                let answered: Vec<_> = sent.iter().cloned().zip(receipts).collect();
                self.model.book(&answered, false, &mut self.tally);
                self.model.settle_doubts();
            }
            5 => {
                let newest = self.model.newest();
                let through = self.random.random_range(self.model.acknowledged..=newest);
                store.acknowledge(through);
                self.model.acknowledged = through;
            }
            6 => {
                let through =
                    self.random.random_range(self.model.confirmed..=self.model.acknowledged);
                store.confirm(through);
                self.model.confirmed = through;
            }
            7 => {
                let pruned = store.prune().await.unwrap();
                self.tally.pruned += pruned.records;
                assert_eq!(pruned.keys, 0);
            }
            8 => self.clock.days(self.random.random_range(-40..40)),
            9 => self.entry(store).await,
            10 => {
                let number = store.reserve_control_number(PARTNER).await.unwrap();
                assert!(self.model.control_numbers.insert(number), "{number} came twice");
            }
            _ => self.paper(store).await,
        }
    }

    fn some_inputs(&mut self) -> Vec<Sent> {
        let random = &mut self.random;
        let some = |random: &mut SmallRng| {
            let count = random.random_range(0..8);
            let items = (0..count).map(|_| Item::random(random)).collect();
            Sent::new(items, random)
        };
        (0..random.random_range(1..6)).map(|_| some(random)).collect()
    }

    /// The daemon ends while inputs are committed side by side; some were answered.
    async fn crash_in_commits(&mut self, store: &Store) {
        self.tally.crashes += 1;
        self.tally.crashes_in_commits += 1;
        let sent = self.some_inputs();
        let answered = std::sync::Mutex::new(Vec::new());
        let commits = join_all(sent.iter().map(async |sent| {
            let receipt = store.commit(sent.capture.clone()).await.unwrap();
            answered.lock().unwrap().push((sent.clone(), receipt));
        }));
        // Anywhere from long before the commit to after it; or while SQLite writes its log, which is the commit.
        let most = 2_u32 << self.random.random_range(4..16);
        let moments = self.random.random_range(1..most);
        let log = self.folder.path().join("journal.db-wal");
        let written = || fs::metadata(&log).and_then(|found| Ok((found.len(), found.modified()?)));
        let (before, waits_for_log) = (written().ok(), self.random.random_bool(0.6));
        let crash = async {
            for _ in 0..moments {
                tokio::task::yield_now().await;
                if waits_for_log && written().ok() != before {
                    return;
                }
            }
        };
        tokio::select! {
            biased;
            () = crash => {}
            _ = commits => {}
        }
        let answered = answered.into_inner().unwrap();
        let is_answered =
            |sent: &Sent| answered.iter().any(|(a, _)| a.capture.id == sent.capture.id);
        self.model.unanswered = sent.into_iter().filter(|sent| !is_answered(sent)).collect();
        self.model.book(&answered, true, &mut self.tally);
    }

    /// An entry is replayed or discarded.
    async fn entry(&mut self, store: &Store) {
        let count = self.model.open_entries.len();
        if count == 0 {
            return;
        }
        let index = self.random.random_range(0..count);
        let entry = self.model.open_entries.iter().nth(index).unwrap().clone();
        self.tally.replays += 1;
        if self.random.random_bool(0.3) {
            store.quarantine_discard(&entry, "li").await.unwrap();
            self.model.open_entries.remove(&entry);
            return;
        }
        let (key, content) = (self.random.random_range(0..60), self.random.random_range(0..3));
        let as_correction = self.random.random_bool(0.5);
        let item = record(&format!("k{key}"), &content.to_string());
        let outcome = replay(store, &entry, item, as_correction).await.unwrap();
        let newest = self.model.newest();
        let expected = match self.model.known.get(&key) {
            Some((known, sequence)) if *known == content => {
                Outcome::Duplicate { sequence: *sequence }
            }
            Some(_) if !as_correction => Outcome::Conflict { entry: entry.clone() },
            _ => accepted(newest + 1),
        };
        assert_eq!(outcome, expected);
        if expected == accepted(newest + 1) {
            self.model.accept(key, content, newest + 1);
        }
        let is_open = matches!(expected, Outcome::Conflict { .. });
        let state = store.quarantine_show(&entry).await.unwrap().entry.state;
        assert_eq!(state == EntryState::Open, is_open);
        if !is_open {
            self.model.open_entries.remove(&entry);
        }
    }

    /// A file leaves its folder, a reply is written.
    async fn paper(&mut self, store: &Store) {
        if let Some((stamp, finished)) = self.model.files.iter_mut().find(|(_, done)| !*done) {
            store.file_finished(stamp).await.unwrap();
            *finished = true;
        }
        for reply in store.pending_replies(PARTNER).await.unwrap().into_iter().take(2) {
            store.reply_written(reply.id).await.unwrap();
            assert!(self.model.replies.remove(&reply.file_name), "{} came twice", reply.file_name);
        }
    }

    /// The model's truth, from outside.
    async fn look(&mut self, store: &Store) {
        let model = &self.model;
        let newest = *store.newest().borrow();
        assert_eq!((newest, newest), (model.newest(), model.records.len() as u64), "gaps");
        assert_eq!(store.acknowledged(), model.acknowledged);
        let delivered = match self.options.confirm {
            Confirm::Puback => model.acknowledged,
            Confirm::Receipt => model.confirmed,
        };
        let pruned = store.pruned();
        assert!(pruned <= delivered, "pruned {pruned}, delivered {delivered}");
        if self.random.random_bool(0.3) {
            self.look_at_records(store).await;
        }
        assert_eq!(open_entries(store).await, self.model.open_entries);
        let replies = store.pending_replies(PARTNER).await.unwrap();
        let replies: BTreeSet<_> = replies.into_iter().map(|reply| reply.file_name).collect();
        assert_eq!(replies, self.model.replies);
        for (stamp, _) in self.model.files.iter().filter(|(_, finished)| !finished) {
            let state = store.file_state(stamp).await.unwrap();
            assert!(matches!(state, Some(FileState::Committed { .. })), "{state:?}");
        }
    }

    /// What would leave is what was accepted.
    async fn look_at_records(&self, store: &Store) {
        let (model, newest) = (&self.model, self.model.newest());
        let (pruned, waiting) = unpruned(store).await;
        assert!(waiting.iter().map(|out| out.sequence).eq(pruned + 1..=newest));
        for outgoing in waiting {
            let event: Event<'_> = serde_json::from_slice(&outgoing.payload).unwrap();
            let (key, content) = model.records[&outgoing.sequence];
            assert_eq!(event.subject, format!("k{key}"));
            assert_eq!(event.data.get(), format!(r#"{{"content":"{content}"}}"#));
        }
    }
}

async fn open_entries(store: &Store) -> BTreeSet<String> {
    let entries = store.quarantine_list(1000, false).await.unwrap();
    entries.into_iter().map(|entry| entry.id).collect()
}

#[test]
fn the_journal_agrees_with_its_model() {
    live_all(SEEDS, |seed| {
        let mut lives = Lives::new(seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            lives.open().await.close().await;
            trust_the_clock(lives.folder.path()).await;
        });
        for _ in 0..lives.random.random_range(2..6) {
            lives.life();
        }
        runtime.block_on(async {
            let store = lives.open().await;
            lives.find(&store).await;
            store.close().await;
            assert_whole(lives.folder.path()).await;
        });
        Ok(lives.tally)
    });
}

/// The records that are kept, and the last that is not. Pruning goes on beside it: what was read while it did may
/// have a hole, and is read again.
async fn unpruned(store: &Store) -> (u64, Vec<Outgoing>) {
    for _ in 0..1000 {
        let pruned = store.pruned();
        let read = store.after(pruned, 500).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        if store.pruned() == pruned {
            return (pruned, read.unwrap());
        }
    }
    panic!("pruning never rests");
}
