//! The handle of the store: what the rest of the gateway calls. Writing goes through the queue to the writer, reading
//! goes to the readers.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqlitePool;
use tillgate_record::{Quality, Severity};
use tokio::sync::watch;
use ulid::Ulid;

use super::aging::Aging;
use super::ballast::ballast_path;
use super::disk::{Disk, ORDINARY_CAPTURE_BYTES};
use super::files::PendingReply;
use super::fresh::Fresh;
use super::job::{Chore, Job, Queue};
use super::open::{self, OpenError, Opened};
use super::outbox::Envelope;
use super::quarantine::{self, Entry, ShownEntry};
use super::read::{self, Figures, RecentRecord, StoredCapture};
use super::row::{signed, unsigned};
use super::writer::Writer;
use super::writer::upkeep::look;
use super::{
    CustomerEntry, KeyHit, Loss, NewCapture, NewItem, Outcome, Product, Pruned, Receipt, Replay,
    SetAside, StoreError, StoreOptions, directory, files,
};
use crate::clock::Clock;
use crate::config::Confirm;
use crate::customer::CustomerKey;
use crate::source::{FileStamp, FileState};
use crate::telemetry::pulse::Pulse;

/// Customers or products of one commit of an import: captures pass between two of them.
const IMPORT_BATCH: usize = 500;
/// Most bytes of a raw input that are shown to people.
const SHOWN_RAW: u64 = 1 << 20;
/// A key is data from outside; a longer one is no key.
const KEY_BYTES: usize = 1024;
/// While the disk takes longer than this for a step of the writer, inputs are refused at once: those that wait already
/// are many enough.
const STALLED: Duration = Duration::from_secs(10);

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Queue,
    readers: SqlitePool,
    writer: Arc<Pulse>,
}

/// What the writer and the handles both see.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) newest: watch::Sender<u64>,
    acknowledged: AtomicU64,
    confirmed: AtomicU64,
    /// Records through this one were removed.
    pub(super) pruned: AtomicU64,
    /// Whether records stay until the CRM's receipt.
    awaits_receipts: AtomicBool,
    pub(super) disk: Disk,
    pub(super) envelope: Envelope,
    pub(super) fresh: Fresh,
    /// What was lost before this start, with the moments when it was noticed.
    losses: Vec<(Timestamp, Loss)>,
    /// The database met damage: the next start looks closely.
    pub(super) damaged: AtomicBool,
    /// Damage that a running gateway can do nothing about.
    pub(super) beyond_repair: watch::Sender<Option<String>>,
    pub(super) stopping: AtomicBool,
    /// Whether the last commit held.
    pub(super) healthy: AtomicBool,
    pub(super) directory_version: AtomicU64,
    pub(super) catalog_version: AtomicU64,
    pub(super) has_customers: AtomicBool,
    pub(super) has_products: AtomicBool,
}

impl Shared {
    /// What a journal says when it is opened.
    pub(super) async fn of(
        opened: &mut Opened,
        options: &StoreOptions,
    ) -> Result<Self, sqlx::Error> {
        let disk = Disk::new(&opened.path, options.budget, options.ballast);
        disk.bound_log(&mut opened.connection).await?;
        disk.take_ballast().await;
        disk.measure(&mut opened.connection).await?;
        let filled = directory::is_filled(&mut opened.connection).await?;
        let counters = &opened.counters;
        Ok(Self {
            newest: watch::Sender::new(unsigned(counters.newest())),
            acknowledged: AtomicU64::new(unsigned(counters.acknowledged)),
            confirmed: AtomicU64::new(unsigned(counters.confirmed)),
            pruned: AtomicU64::new(unsigned(counters.pruned_sequence)),
            awaits_receipts: AtomicBool::new(options.confirm == Confirm::Receipt),
            disk,
            envelope: Envelope {
                source: format!("/{}/{}/{}", options.org, options.store, options.gateway),
                incarnations: opened.incarnations.clone(),
            },
            fresh: Fresh::default(),
            losses: opened.losses.clone(),
            damaged: AtomicBool::new(false),
            beyond_repair: watch::Sender::new(None),
            stopping: AtomicBool::new(false),
            healthy: AtomicBool::new(true),
            directory_version: AtomicU64::new(unsigned(counters.directory_version)),
            catalog_version: AtomicU64::new(unsigned(counters.catalog_version)),
            has_customers: AtomicBool::new(filled.0),
            has_products: AtomicBool::new(filled.1),
        })
    }

    /// Remembers damage for the next start. What says that the file itself is broken asks for that start now.
    pub(super) fn note_damage(&self, error: &sqlx::Error) {
        if open::is_damage(error) {
            self.damaged.store(true, Ordering::Relaxed);
        }
        if open::is_corruption(error) {
            self.note_beyond_repair(error);
        }
    }

    /// Only a start recovers.
    pub(super) fn note_beyond_repair(&self, problem: impl fmt::Display) {
        self.damaged.store(true, Ordering::Relaxed);
        self.beyond_repair.send_if_modified(|known| {
            let is_news = known.is_none();
            known.get_or_insert_with(|| problem.to_string());
            is_news
        });
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Forward only, and never beyond what was committed: a number that the store never gave out is a mistake of
    /// the broker's side.
    pub(super) fn acknowledge(&self, through: u64) {
        let through = through.min(*self.newest.borrow());
        self.acknowledged.fetch_max(through, Ordering::AcqRel);
        self.fresh.forget(through);
    }

    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed.load(Ordering::Acquire)
    }

    /// Forward only, and never beyond what the broker has acknowledged: the CRM cannot have what never left.
    pub(super) fn confirm(&self, through: u64) {
        self.confirmed.fetch_max(through.min(self.acknowledged()), Ordering::AcqRel);
    }

    pub(super) fn awaits_receipts(&self) -> bool {
        self.awaits_receipts.load(Ordering::Acquire)
    }
}

impl Store {
    /// Opens the store of a data folder and starts its writer.
    pub async fn open(
        options: StoreOptions,
        clock: Arc<dyn Clock>,
        pulse: Arc<Pulse>,
    ) -> Result<Self, OpenError> {
        let mut opened = open_with_room(&options.data_dir, clock.now().as_microsecond()).await?;
        let path = opened.path.clone();
        let failed = |source| OpenError::Database { path, source };
        let read = async {
            let shared = Shared::of(&mut opened, &options).await?;
            let begins_at = (opened.counters.next_capture == 1).then(|| clock.now());
            let retention = options.retention.clone();
            let aging = Aging::read(&mut opened.connection, retention, begins_at).await?;
            let (awaits, counters) = (shared.awaits_receipts(), opened.counters);
            look(&mut opened.connection, &counters, awaits, &shared.disk, &aging).await?;
            Ok((Arc::new(shared), aging))
        };
        let (shared, aging) = read.await.map_err(failed)?;
        let (queue, jobs) = Queue::new();
        let readers = opened.readers.clone();
        let writer = Writer::new(opened, Arc::clone(&shared), aging, clock, Arc::clone(&pulse));
        tokio::spawn(writer.run(jobs));
        Ok(Self { shared, queue, readers, writer: pulse })
    }

    /// Commits a capture with all that it became. The answer comes after the sync.
    pub async fn commit(&self, mut capture: NewCapture) -> Result<Receipt, StoreError> {
        capture.items = capture.items.into_iter().map(checked).collect();
        let bytes = capture.bytes();
        self.accepting_bytes(unsigned(signed(bytes)))?;
        self.queue.ask(bytes, |answer| Job::Capture(Box::new(capture), answer)).await
    }

    /// Whether a capture of an ordinary size would be taken now.
    pub fn accepting(&self) -> Result<(), StoreError> {
        self.accepting_bytes(ORDINARY_CAPTURE_BYTES)
    }

    fn accepting_bytes(&self, bytes: u64) -> Result<(), StoreError> {
        if self.shared.stopping.load(Ordering::Relaxed) {
            return Err(StoreError::Stopping);
        }
        let step = self.writer.step_time();
        if step >= STALLED {
            return Err(StoreError::Stalled { seconds: step.as_secs() });
        }
        self.shared.disk.room_for(bytes.max(1), self.queue.waiting_bytes())
    }

    /// From now on records stay until this: a reload may change it.
    pub fn confirm_by(&self, confirm: Confirm) {
        self.shared.awaits_receipts.store(confirm == Confirm::Receipt, Ordering::Release);
    }

    /// Whether the last commit held, or one was tried in vain since. For `/readyz`.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.shared.healthy.load(Ordering::Relaxed)
    }

    /// The next control number of a partner, from 1 to 999,999,999. Some may stay unused; none comes twice.
    pub async fn reserve_control_number(&self, partner: &str) -> Result<u32, StoreError> {
        let partner = partner.to_owned();
        self.queue.chore(|answer| Chore::ControlNumber(partner, answer)).await
    }

    /// The customers that these keys lead to, at most four a key.
    pub async fn customers_by_keys(&self, keys: &[CustomerKey]) -> Result<Vec<KeyHit>, StoreError> {
        if keys.is_empty() || self.directory_is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = self.reader("look customers up").await?;
        let hits = directory::customers_by_keys(&mut reader, keys).await;
        hits.map_err(StoreError::failed("look customers up"))
    }

    /// The products of these GTINs (14 digits).
    pub async fn products(&self, gtins: &[&str]) -> Result<HashMap<String, Product>, StoreError> {
        if gtins.is_empty() || self.catalog_is_empty() {
            return Ok(HashMap::new());
        }
        let mut reader = self.reader("look products up").await?;
        let products = directory::products(&mut reader, gtins).await;
        products.map_err(StoreError::failed("look products up"))
    }

    /// Rises with each change of the directory.
    #[must_use]
    pub fn directory_version(&self) -> u64 {
        self.shared.directory_version.load(Ordering::Acquire)
    }

    /// Rises with each change of the catalog.
    #[must_use]
    pub fn catalog_version(&self) -> u64 {
        self.shared.catalog_version.load(Ordering::Acquire)
    }

    /// Whether there are no customers, so that nobody needs to look.
    #[must_use]
    pub fn directory_is_empty(&self) -> bool {
        !self.shared.has_customers.load(Ordering::Acquire)
    }

    /// Whether there are no products, so that nobody needs to look.
    #[must_use]
    pub fn catalog_is_empty(&self) -> bool {
        !self.shared.has_products.load(Ordering::Acquire)
    }

    /// Writes customers; one of the same id is replaced with all its keys. Returns the directory's version.
    pub async fn import_customers(&self, customers: Vec<CustomerEntry>) -> Result<u64, StoreError> {
        for batch in customers.chunks(IMPORT_BATCH) {
            let batch = batch.to_vec();
            self.queue.chore(|answer| Chore::Customers(batch, answer)).await?;
        }
        Ok(self.directory_version())
    }

    /// Writes products; one of the same GTIN is replaced. Returns the catalog's version.
    pub async fn import_products(&self, products: Vec<Product>) -> Result<u64, StoreError> {
        for batch in products.chunks(IMPORT_BATCH) {
            let batch = batch.to_vec();
            self.queue.chore(|answer| Chore::Products(batch, answer)).await?;
        }
        Ok(self.catalog_version())
    }

    /// What became of a file, if it was taken.
    pub async fn file_state(&self, stamp: &FileStamp) -> Result<Option<FileState>, StoreError> {
        files::state(&mut *self.reader("look a file up").await?, stamp).await
    }

    /// A file has left its folder.
    pub async fn file_finished(&self, stamp: &FileStamp) -> Result<(), StoreError> {
        let stamp = stamp.clone();
        self.queue.chore(|answer| Chore::FileFinished(stamp, answer)).await
    }

    /// The acknowledgements that wait to be written into a partner's folder, oldest first, some at a time.
    pub async fn pending_replies(&self, partner: &str) -> Result<Vec<PendingReply>, StoreError> {
        let mut reader = self.reader("read replies").await?;
        let replies = files::pending_replies(&mut reader, partner).await;
        replies.map_err(StoreError::failed("read replies"))
    }

    /// An acknowledgement is in its partner's folder.
    pub async fn reply_written(&self, id: i64) -> Result<(), StoreError> {
        self.queue.chore(|answer| Chore::ReplyWritten(id, answer)).await
    }

    /// Quarantine entries, newest first.
    pub async fn quarantine_list(
        &self,
        limit: u32,
        closed_too: bool,
    ) -> Result<Vec<Entry>, StoreError> {
        quarantine::list(&mut *self.reader("list quarantine").await?, limit, closed_too).await
    }

    /// A quarantine entry with its input, or the beginning of it.
    pub async fn quarantine_show(&self, id: &str) -> Result<ShownEntry, StoreError> {
        let mut reader = self.reader("read quarantine").await?;
        let entry = quarantine::entry(&mut reader, id).await?;
        let row = read::capture_row(&mut reader, &entry.capture).await?;
        drop(reader);
        let raw = read::unpacked(&row, SHOWN_RAW)?;
        Ok(ShownEntry {
            raw: raw.map(|raw| String::from_utf8_lossy(&raw).into_owned()),
            media: row.media,
            raw_bytes: unsigned(row.raw_bytes),
            entry,
        })
    }

    /// A person gives an entry up.
    pub async fn quarantine_discard(&self, id: &str, by: &str) -> Result<(), StoreError> {
        let (id, by) = (id.to_owned(), by.to_owned());
        self.queue.chore(|answer| Chore::Discard(id, by, answer)).await
    }

    /// An entry is tried again. What still cannot become a record stays open with its new findings, and so does a
    /// conflict, unless the replay is a correction.
    pub async fn commit_replay(&self, mut replay: Replay) -> Result<Outcome, StoreError> {
        replay.item = checked(replay.item);
        let bytes = replay.replacement.as_ref().map_or(0, NewCapture::bytes);
        self.queue.ask(bytes, |answer| Job::Chore(Chore::Replay(Box::new(replay), answer))).await
    }

    /// Whether this capture is committed.
    pub async fn has_capture(&self, capture: Ulid) -> Result<bool, StoreError> {
        let mut reader = self.reader("look a capture up").await?;
        let there = read::has_capture(&mut reader, &capture.to_string()).await;
        there.map_err(StoreError::failed("look a capture up"))
    }

    /// A capture with its whole input.
    pub async fn capture_raw(&self, capture: &str) -> Result<StoredCapture, StoreError> {
        let mut reader = self.reader("read a capture").await?;
        let row = read::capture_row(&mut reader, capture).await?;
        drop(reader);
        read::stored_capture(row)
    }

    /// How the store stands.
    pub async fn figures(&self) -> Result<Figures, StoreError> {
        let shared = &self.shared;
        let (assigned, acknowledged) = (*shared.newest.borrow(), shared.acknowledged());
        let name = shared.envelope.incarnations.newest_name(assigned);
        let mut reader = self.reader("read figures").await?;
        let waiting = read::waiting(&mut reader, i64::try_from(acknowledged).unwrap_or(i64::MAX));
        let (oldest_received_us, quarantine_open, captures) =
            waiting.await.map_err(StoreError::failed("read figures"))?;
        let sequence_confirmed = shared.awaits_receipts().then(|| shared.confirmed());
        let unconfirmed_received_us = match sequence_confirmed {
            Some(confirmed) => read::unconfirmed(&mut reader, confirmed, acknowledged)
                .await
                .map_err(StoreError::failed("read figures"))?,
            None => None,
        };
        Ok(Figures {
            outbox_records: assigned.saturating_sub(acknowledged),
            oldest_received_us,
            sequence_assigned: assigned,
            sequence_acknowledged: acknowledged,
            sequence_confirmed,
            unconfirmed_received_us,
            incarnation: name.incarnation,
            sequence: name.sequence,
            quarantine_open,
            captures,
            disk_used: shared.disk.used(),
            disk_budget: shared.disk.budget(),
            disk_free: shared.disk.free(),
            has_ballast: shared.disk.has_ballast(),
            wal_bytes: shared.disk.wal_bytes(),
            filled: shared.disk.filled(),
            set_aside: SetAside::of(shared.disk.folder()),
            directory_version: self.directory_version(),
            catalog_version: self.catalog_version(),
        })
    }

    /// What was once accepted and is gone, oldest first, with the moments when it was noticed.
    #[must_use]
    pub fn losses(&self) -> &[(Timestamp, Loss)] {
        &self.shared.losses
    }

    /// Waits until the journal turns out to be damaged, and says how. Then the next start has to recover it.
    pub async fn damage(&self) -> String {
        let mut problem = self.shared.beyond_repair.subscribe();
        let found = problem.wait_for(Option::is_some).await.map(|problem| problem.clone());
        match found.ok().flatten() {
            Some(problem) => problem,
            None => std::future::pending().await,
        }
    }

    /// The newest records, newest first.
    pub async fn recent_records(&self, limit: u32) -> Result<Vec<RecentRecord>, StoreError> {
        let mut reader = self.reader("read records").await?;
        let records = read::recent_records(&mut reader, limit, self.shared.acknowledged()).await;
        records.map_err(StoreError::failed("read records"))
    }

    /// One step of pruning. The writer takes such steps on its own; this one is for those who wait for it.
    pub async fn prune(&self) -> Result<Pruned, StoreError> {
        self.queue.chore(Chore::Prune).await
    }

    /// Takes nothing more, finishes what is queued, writes the cursor and folds the log into the file.
    pub async fn close(self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.queue.close().await;
        self.readers.close().await;
    }

    pub(super) async fn reader(
        &self,
        operation: &'static str,
    ) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.readers.acquire().await.map_err(StoreError::failed(operation))
    }
}

/// Opens the journal. A disk that is so full that not even this works gets the room of the ballast that an earlier run
/// left; whether another daemon runs is known by then.
async fn open_with_room(data_dir: &Path, now_us: i64) -> Result<Opened, OpenError> {
    match open::open(data_dir, None, now_us).await {
        Err(error) if error.is_for_want_of_room() && remove_ballast(data_dir) => {
            tracing::warn!(%error, "the disk is full: the ballast was removed to open the journal");
            open::open(data_dir, None, now_us).await
        }
        opened => opened,
    }
}

fn remove_ballast(data_dir: &Path) -> bool {
    std::fs::remove_file(ballast_path(data_dir)).is_ok()
}

impl NewCapture {
    /// What it takes in memory and, about, on disk.
    pub(super) fn bytes(&self) -> usize {
        let items = self.items.iter().map(|item| match item {
            // Row, key twice, event id and the pages' own share.
            NewItem::Record(record) => record.data.len() + 2 * record.key.as_str().len() + 200,
            NewItem::Quarantine(findings) => 200 + findings.len() * 200,
            NewItem::Noted => 0,
        });
        let replies = self.replies.iter().map(|reply| reply.content.len());
        400 + self.raw_zstd.len() + items.chain(replies).sum::<usize>()
    }
}

/// What would fail a whole group is dealt with before it gets there.
fn checked(item: NewItem) -> NewItem {
    let NewItem::Record(record) = item else { return item };
    let key = record.key.as_str();
    if key.is_empty() || key.len() > KEY_BYTES {
        return NewItem::Quarantine(vec![Quality {
            rule: "key-length".to_owned(),
            severity: Severity::Error,
            path: String::new(),
            message:
                "the numbers that name this event are too long: correct them and send it again"
                    .to_owned(),
            expected: Some(format!("1 to {KEY_BYTES} bytes")),
            found: Some(format!("{} bytes", key.len())),
        }]);
    }
    NewItem::Record(record)
}
