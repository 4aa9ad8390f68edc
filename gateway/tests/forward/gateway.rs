//! The forwarder under test, with an outbox in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tillgate::clock::SystemClock;
use tillgate::config::{BrokerUrl, Confirm, NoSubscriber};
use tillgate::forward::{
    self, Connection, Dial, Notice, Outbox, OutboxError, Outgoing, Settings, Surroundings, Timing,
    Version,
};
use tillgate::telemetry::board::Board;
use tillgate::telemetry::pulse::Pulse;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(10);

/// An outbox without a disk.
#[derive(Clone)]
pub(crate) struct MemoryOutbox(Arc<Inner>);

pub(crate) struct Inner {
    records: Mutex<BTreeMap<u64, Bytes>>,
    newest: watch::Sender<u64>,
    acknowledged: AtomicU64,
    confirmed: AtomicU64,
    /// Records through this one are of incarnation 1, the others of incarnation 2.
    pub(crate) first_incarnation: AtomicU64,
    /// Records through this one are no longer kept.
    pub(crate) pruned: AtomicU64,
    pub(crate) parked: Mutex<BTreeMap<u64, String>>,
    pub(crate) notices: Mutex<Vec<Notice>>,
    pub(crate) readings: AtomicUsize,
    /// So many readings from the first record on fail.
    pub(crate) failures: AtomicUsize,
    /// Records that do not hold any more.
    pub(crate) damaged: Mutex<BTreeSet<u64>>,
    /// The highest record that was ever read.
    pub(crate) read_through: AtomicU64,
}

impl Deref for MemoryOutbox {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl MemoryOutbox {
    /// With records 1 to `count`, of about `bytes` bytes.
    pub(crate) fn with_records(count: u64, bytes: usize) -> Self {
        let outbox = Self(Arc::new(Inner {
            records: Mutex::default(),
            newest: watch::Sender::new(0),
            acknowledged: AtomicU64::new(0),
            confirmed: AtomicU64::new(0),
            first_incarnation: AtomicU64::new(u64::MAX),
            pruned: AtomicU64::new(0),
            parked: Mutex::default(),
            notices: Mutex::default(),
            readings: AtomicUsize::new(0),
            failures: AtomicUsize::new(0),
            damaged: Mutex::default(),
            read_through: AtomicU64::new(0),
        }));
        for _ in 0..count {
            outbox.add(bytes);
        }
        outbox
    }

    /// One more record. Its payload begins with its number and a blank.
    pub(crate) fn add(&self, bytes: usize) -> u64 {
        let mut records = self.records.lock().unwrap();
        let sequence = records.len() as u64 + 1;
        let payload = format!("{sequence} {}", ".".repeat(bytes));
        records.insert(sequence, Bytes::from(payload));
        drop(records);
        self.newest.send_replace(sequence);
        sequence
    }

    /// Some small ones more.
    pub(crate) fn add_many(&self, count: usize) {
        for _ in 0..count {
            self.add(20);
        }
    }

    fn of_first(&self) -> u64 {
        self.first_incarnation.load(Ordering::SeqCst)
    }

    pub(crate) fn through(&self) -> u64 {
        self.0.acknowledged.load(Ordering::SeqCst)
    }
}

impl Outbox for MemoryOutbox {
    async fn after(&self, sequence: u64, limit: usize) -> Result<Vec<Outgoing>, OutboxError> {
        self.readings.fetch_add(1, Ordering::SeqCst);
        if sequence < self.pruned() {
            return Err(OutboxError::Damaged(
                format!("record {} is not kept", sequence + 1).into(),
            ));
        }
        let one_less = |left: usize| left.checked_sub(1);
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            return Err(OutboxError::Failed("the disk is away".into()));
        }
        let damaged = self.damaged.lock().unwrap().range(sequence + 1..).next().copied();
        if damaged == Some(sequence + 1) {
            return Err(OutboxError::Damaged(format!("record {} is damaged", sequence + 1).into()));
        }
        let records = self.records.lock().unwrap();
        let open = records.range(sequence + 1..damaged.unwrap_or(u64::MAX));
        let parked = self.parked.lock().unwrap().clone();
        let outgoing = |(sequence, payload): (&u64, &Bytes)| {
            let in_its_place = parked.get(sequence).map(|_| format!("parked {sequence}").into());
            let payload = in_its_place.unwrap_or_else(|| payload.clone());
            Outgoing { sequence: *sequence, received_us: 0, payload }
        };
        let records: Vec<Outgoing> = open.take(limit).map(outgoing).collect();
        let last = records.last().map_or(0, |record| record.sequence);
        self.read_through.fetch_max(last, Ordering::SeqCst);
        Ok(records)
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.0.newest.subscribe()
    }

    fn acknowledged(&self) -> u64 {
        self.through()
    }

    fn acknowledge(&self, through: u64) {
        let before = self.0.acknowledged.swap(through, Ordering::SeqCst);
        assert!(before < through, "acknowledged {through} after {before}");
    }

    fn confirmed(&self) -> u64 {
        self.0.confirmed.load(Ordering::SeqCst)
    }

    fn confirm(&self, through: u64) {
        assert!(through <= self.through(), "confirmed {through}, which was not acknowledged");
        let before = self.0.confirmed.swap(through, Ordering::SeqCst);
        assert!(before < through, "confirmed {through} after {before}");
    }

    fn number_of(&self, incarnation: u32, sequence: u64) -> Option<u64> {
        let (newest, first) = (*self.0.newest.borrow(), self.of_first());
        let (base, end) = match incarnation {
            1 => (0, first.min(newest)),
            2 if first < newest => (first, newest),
            _ => return None,
        };
        let known = 1..=end - base;
        known.contains(&sequence).then_some(base + sequence)
    }

    fn ended_with(&self, incarnation: u32) -> Option<u64> {
        let first = self.of_first();
        (incarnation == 1 && first < *self.0.newest.borrow()).then_some(first)
    }

    fn name_of(&self, number: u64) -> (u32, u64) {
        let first = self.of_first();
        if number <= first { (1, number) } else { (2, number - first) }
    }

    fn pruned(&self) -> u64 {
        self.0.pruned.load(Ordering::SeqCst)
    }

    async fn park(&self, sequence: u64, reason: &str) -> Result<(), OutboxError> {
        self.parked.lock().unwrap().entry(sequence).or_insert_with(|| reason.to_owned());
        Ok(())
    }

    async fn notices(&self, limit: usize) -> Result<Vec<Notice>, OutboxError> {
        Ok(self.notices.lock().unwrap().iter().take(limit).cloned().collect())
    }

    async fn notice_acknowledged(&self, id: &str) -> Result<(), OutboxError> {
        self.notices.lock().unwrap().retain(|notice| notice.id != id);
        Ok(())
    }
}

/// Settings with short waits.
pub(crate) fn settings(version: Version, port: u16) -> Settings {
    let address = BrokerUrl { host: "127.0.0.1".to_owned(), port, tls: false };
    Settings {
        connection: Connection::plain(address, version, "acme-0042-gw-1"),
        topic_prefix: "tillgate/v1/acme/0042/gw-1".to_owned(),
        window_records: 200,
        message_max: 1 << 20,
        no_subscriber: NoSubscriber::Hold,
        fallbacks: Vec::new(),
        confirm: Confirm::Puback,
        timing: Timing {
            connect: Duration::from_secs(1),
            silence: Duration::from_secs(1),
            unanswered: Duration::from_secs(1),
            backoff_base: Duration::from_millis(10),
            backoff_cap: Duration::from_millis(100),
            connect_floor: Duration::from_millis(5),
            stable: Duration::from_secs(60),
            stop: Duration::from_secs(1),
            notices: Duration::from_millis(50),
            suback: Duration::from_millis(300),
            receipt_patience: Duration::from_millis(200),
            receipt_patience_cap: Duration::from_secs(5),
            renewal: Duration::from_millis(50),
            fallback_patience: Duration::from_secs(60),
            fallback_stay: Duration::from_millis(300),
            // What is hostile for moments makes no record suspect.
            poison_patience: Duration::from_secs(300),
        },
    }
}

/// A running forwarder. Aborted when dropped.
pub(crate) struct Gateway {
    pub(crate) outbox: MemoryOutbox,
    pub(crate) board: Arc<Board>,
    pub(crate) pulse: Arc<Pulse>,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Gateway {
    pub(crate) fn start(settings: Settings, outbox: &MemoryOutbox) -> Self {
        Self::start_on(Arc::new(forward::Network), settings, outbox)
    }

    pub(crate) fn start_on(
        network: Arc<dyn Dial>,
        settings: Settings,
        outbox: &MemoryOutbox,
    ) -> Self {
        let surroundings = Surroundings {
            board: Arc::default(),
            pulse: Arc::default(),
            clock: Arc::new(SystemClock),
            chance: forward::ordinary_chance(),
            network,
            stop: CancellationToken::new(),
        };
        let task = tokio::spawn(forward::run(settings, outbox.clone(), surroundings.clone()));
        Self {
            outbox: outbox.clone(),
            board: surroundings.board,
            pulse: surroundings.pulse,
            stop: surroundings.stop,
            task: AbortOnDropHandle::new(task),
        }
    }

    /// Waits until all records through a number are acknowledged. Each step forward may take ten seconds: how many
    /// there are in ten seconds says how busy the machine is.
    pub(crate) async fn delivered(&self, through: u64) {
        loop {
            let now = self.outbox.through();
            if now >= through {
                return;
            }
            until(&format!("{through} records"), || self.outbox.through() > now).await;
        }
    }

    /// What the board says is wrong, once it says so.
    pub(crate) async fn problem(&self, part: &str) -> String {
        let problem = || self.board.broker().problem.unwrap_or_default();
        let begun = Instant::now();
        while !problem().contains(part) {
            assert!(begun.elapsed() < LIMIT, "expected \"{part}\", found \"{}\"", problem());
            sleep(Duration::from_millis(2)).await;
        }
        problem()
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(5), self.task).await.expect("no stop");
    }
}

/// Waits for something, at most ten seconds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LIMIT, "waited too long for {what}");
        sleep(Duration::from_millis(2)).await;
    }
}
