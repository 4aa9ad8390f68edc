//! The writer: one task, one connection, the only one that writes.
//!
//! It takes a job and all that wait behind it, writes the captures among them in one transaction, syncs, and answers
//! them all. There is no timer: what arrives during a sync is the next group. Between groups it stores the
//! forwarder's cursor, prunes and measures (`upkeep`). It is never dropped within a transaction; it ends
//! when the queue closes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sqlx::sqlite::SqlitePool;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::aging::Aging;
use super::counters::Counters;
use super::doubt::{fold_log, is_full, may_lack_room};
use super::group::{Group, known_keys};
use super::handle::Shared;
use super::job::{Answer, Chore, Job, Queued};
use super::lock::Lock;
use super::mark::{Mark, Marker};
use super::open::{Opened, begin, connect};
use super::prune::Sweeps;
use super::row::{signed, unsigned};
use super::{
    CustomerEntry, NewCapture, Outcome, Product, Receipt, Replay, StoreError, directory, files,
    loss, quarantine,
};
use crate::clock::Clock;
use crate::fail_point;
use crate::telemetry::metric::Metric;
use crate::telemetry::pulse::Pulse;

/// Most items of a group.
const GROUP_ITEMS: usize = 2000;
/// Most bytes of a group. A larger capture is a group of its own.
const GROUP_BYTES: usize = 4 << 20;
/// Most chores of a round.
const ROUND_CHORES: usize = 64;
/// The cursor on disk is never further behind.
const CURSOR_EVERY: Duration = Duration::from_millis(200);
/// ISA13 has nine digits (X12.5, I12).
const LAST_CONTROL_NUMBER: i64 = 999_999_999;

/// A capture that waits for its answer.
type Waiting = (NewCapture, Answer<Receipt>);

/// The writer's state.
pub(super) struct Writer {
    path: PathBuf,
    /// None after a failed commit, until it could be opened again.
    connection: Option<SqliteConnection>,
    /// What an error left in the log may never have reached the disk.
    doubtful: bool,
    counters: Counters,
    shared: Arc<Shared>,
    aging: Aging,
    clock: Arc<dyn Clock>,
    pulse: Arc<Pulse>,
    readers: SqlitePool,
    closing: Option<Answer<()>>,
    sweeps: Sweeps,
    cursor_at: Instant,
    pruned_at: Option<Instant>,
    measured_at: Instant,
    /// When was looked what fills the budget.
    looked_at: Instant,
    /// When a warning was last logged, by its name.
    told_at: HashMap<&'static str, Instant>,
    upkeep_from: Instant,
    groups: u32,
    marker: Marker,
    /// Given up last, after the connection.
    lock: Lock,
}

impl Writer {
    pub(super) fn new(
        opened: Opened,
        shared: Arc<Shared>,
        aging: Aging,
        clock: Arc<dyn Clock>,
        pulse: Arc<Pulse>,
    ) -> Self {
        let (_, base) = opened.incarnations.current();
        let mark = Mark::of(&opened.counters, base, clock.now().as_microsecond());
        Self {
            marker: Marker::start(opened.marks, mark),
            path: opened.path,
            connection: Some(opened.connection),
            doubtful: false,
            counters: opened.counters,
            shared,
            aging,
            clock,
            pulse,
            readers: opened.readers,
            closing: None,
            sweeps: Sweeps::default(),
            looked_at: Instant::now(),
            told_at: HashMap::new(),
            cursor_at: Instant::now(),
            pruned_at: None,
            measured_at: Instant::now(),
            upkeep_from: Instant::now(),
            groups: 0,
            lock: opened.lock,
        }
    }

    /// Works until the queue is closed and empty.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Queued>) {
        loop {
            // While there is more to prune nothing is waited for: what was delivered goes faster than new things come.
            let wait = if self.pruned_at.is_none() { Duration::ZERO } else { CURSOR_EVERY };
            match timeout(wait, jobs.recv()).await {
                Ok(Some(first)) => self.round(first, &mut jobs).await,
                Ok(None) => break,
                Err(_) => {}
            }
            if self.closing.is_some() {
                jobs.close();
            }
            self.upkeep().await;
            self.pulse.rest();
        }
        self.finish().await;
    }

    /// Takes a job and what waits behind it: first the captures as one group, then the chores.
    async fn round(&mut self, first: Queued, jobs: &mut mpsc::Receiver<Queued>) {
        self.pulse.beat();
        let (mut captures, mut chores, mut rooms) = (Vec::new(), Vec::new(), Vec::new());
        let (mut items, mut bytes) = (0, 0);
        let mut next = Some(first);
        while let Some(Queued { job, room }) = next {
            match job {
                Job::Capture(capture, answer) => {
                    items += capture.items.len().max(1);
                    bytes += capture.bytes();
                    captures.push((*capture, answer));
                }
                Job::Chore(chore) => chores.push(chore),
            }
            rooms.push(room);
            let full = items >= GROUP_ITEMS || bytes >= GROUP_BYTES || chores.len() >= ROUND_CHORES;
            next = if full { None } else { jobs.try_recv().ok() };
        }
        if !captures.is_empty() {
            self.captures(captures, bytes).await;
        }
        for chore in chores {
            self.pulse.beat();
            self.chore(chore).await;
        }
    }

    async fn captures(&mut self, waiting: Vec<Waiting>, bytes: usize) {
        let (captures, answers): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        match self.group(captures).await {
            Ok(receipts) => {
                self.shared.disk.add(unsigned(signed(bytes)));
                for (answer, receipt) in answers.into_iter().zip(receipts) {
                    // A sender that has gone away repeats the input and hears "duplicate".
                    let _ = answer.send(Ok(receipt));
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "captures were refused: the commit failed");
                self.shared.healthy.store(false, Ordering::Relaxed);
                self.shared.note_damage(&error);
                self.refuse(answers, error);
            }
        }
    }

    /// All of a group get the same answer.
    fn refuse(&self, answers: Vec<Answer<Receipt>>, error: sqlx::Error) {
        let full = is_full(&error);
        let source = Arc::new(error);
        for answer in answers {
            let (operation, source) = ("commit", Arc::clone(&source));
            let _ = answer.send(Err(if full {
                self.shared.disk.full_error()
            } else {
                StoreError::Failed { operation, source }
            }));
        }
    }

    async fn group(&mut self, captures: Vec<NewCapture>) -> Result<Vec<Receipt>, sqlx::Error> {
        let started = Instant::now();
        let known = match known_keys(self.connected().await?, &captures).await {
            Ok(known) => known,
            Err(error) => {
                self.distrust(&error).await;
                known_keys(self.connected().await?, &captures).await?
            }
        };
        let (_, before) = self.connected_with_counters().await?;
        let mut group = Group::new(before, known).seen_at(self.aging.seen_us());
        let raw_bytes = captures.iter().map(|capture| capture.raw_zstd.len()).sum();
        captures.into_iter().for_each(|capture| group.add(capture));
        self.write_group(&group).await?;
        self.aging.took(raw_bytes);
        #[expect(clippy::cast_precision_loss, reason = "a group has some thousand records")]
        Metric::CommitBatch.record(group.records.len() as f64, &[]);
        Metric::Commit.record(started.elapsed().as_secs_f64(), &[]);
        let Group { after, receipts, records, entries, .. } = group;
        let news = records.len() + entries.len();
        self.shared.fresh.add(records, after.acknowledged);
        self.committed(after, news);
        self.groups += 1;
        Ok(receipts)
    }

    /// Commits a group. When that fails nobody knows what is on the disk: the file is opened again, and the counters
    /// in it tell whether the commit held after all, or can be tried once more. A full disk is no doubt: it refused.
    async fn write_group(&mut self, group: &Group) -> Result<(), sqlx::Error> {
        let Err(first) = write(self.connected().await?, group).await else { return Ok(()) };
        let before = self.counters;
        self.distrust(&first).await;
        if is_full(&first) {
            return Err(first);
        }
        tracing::warn!(error = %first, "a commit failed, trying once more");
        self.connected().await?;
        if self.counters == group.after {
            return Ok(());
        }
        if self.counters != before {
            return Err(first);
        }
        let second = write(self.connected().await?, group).await;
        if let Err(error) = &second {
            // What the failed commit left behind is looked at before anything else is written.
            self.distrust(error).await;
            self.connected().await?;
        }
        second
    }

    /// After an error nothing more is written through this connection: the file is opened and looked at again.
    async fn distrust(&mut self, error: &sqlx::Error) {
        let full = is_full(error);
        Metric::StoreErrors.add(1, &[("kind", if full { "full" } else { "failed" })]);
        self.doubtful |= !full;
        if may_lack_room(error) {
            self.shared.disk.give_up_ballast();
        }
        self.shared.disk.look();
        if let Some(broken) = self.connection.take() {
            let _ = broken.close().await;
        }
    }

    /// Of a chore: the error, after which the file is opened again.
    async fn failed(&mut self, operation: &'static str, error: sqlx::Error) -> StoreError {
        self.distrust(&error).await;
        StoreError::failed(operation)(error)
    }

    /// The connection, and the counters with the forwarder's cursor of this moment. Together, since the counters in
    /// memory may be behind the disk until a connection that was lost is open again.
    async fn connected_with_counters(
        &mut self,
    ) -> Result<(&mut SqliteConnection, Counters), sqlx::Error> {
        let acknowledged = i64::try_from(self.shared.acknowledged()).unwrap_or(i64::MAX);
        let confirmed = i64::try_from(self.shared.confirmed()).unwrap_or(i64::MAX);
        self.connected().await?;
        let counters = Counters { acknowledged, confirmed, ..self.counters };
        Ok((self.connected().await?, counters))
    }

    /// A commit held: its numbers count from now on, and the forwarder hears of it.
    fn committed(&mut self, after: Counters, news: usize) {
        self.counters = after;
        self.cursor_at = Instant::now();
        self.marker.set(self.mark());
        let shared = &self.shared;
        shared.healthy.store(true, Ordering::Relaxed);
        shared.pruned.store(unsigned(after.pruned_sequence), Ordering::Release);
        shared.directory_version.store(unsigned(after.directory_version), Ordering::Release);
        shared.catalog_version.store(unsigned(after.catalog_version), Ordering::Release);
        if news > 0 {
            // Also when the number is the same: a notice may wait.
            shared.newest.send_replace(unsigned(after.newest()));
        }
    }

    fn mark(&self) -> Mark {
        let (_, base) = self.shared.envelope.incarnations.current();
        Mark::of(&self.counters, base, self.clock.now().as_microsecond())
    }

    async fn connected(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        if self.connection.is_none() {
            self.reconnect().await?;
        }
        self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)
    }

    async fn reconnect(&mut self) -> Result<(), sqlx::Error> {
        let mut fresh = connect(&self.path).await?;
        self.shared.disk.bound_log(&mut fresh).await?;
        if self.doubtful {
            fold_log(&mut fresh).await?;
            self.doubtful = false;
        }
        let (counters, whole) = Counters::read(&mut fresh).await?;
        if !whole {
            return Err(sqlx::Error::Protocol("the counters are damaged".to_owned()));
        }
        self.counters = counters;
        self.connection = Some(fresh);
        // A commit that failed may have held: what it brought goes out now, not with the next one.
        let newest = unsigned(counters.newest());
        self.shared.newest.send_if_modified(|known| std::mem::replace(known, newest) != newest);
        Ok(())
    }

    async fn chore(&mut self, chore: Chore) {
        let now_us = self.clock.now().as_microsecond();
        match chore {
            Chore::ControlNumber(partner, answer) => {
                let _ = answer.send(self.control_number(&partner).await);
            }
            Chore::Park(sequence, reason, answer) => {
                let _ = answer.send(self.park(sequence, &reason).await);
            }
            Chore::Noticed(entry, answer) => {
                let _ = answer.send(
                    self.single("note a notice", async |connection| {
                        match loss::number_of_notice(&entry) {
                            Some(number) => loss::told(connection, number).await,
                            None => quarantine::noticed(connection, &entry).await,
                        }
                    })
                    .await,
                );
            }
            Chore::FileFinished(stamp, answer) => {
                let _ = answer.send(
                    self.single("finish a file", async |connection| {
                        files::finish(connection, &stamp).await
                    })
                    .await,
                );
            }
            Chore::ReplyWritten(id, answer) => {
                let _ = answer.send(
                    self.single("finish a reply", async |connection| {
                        files::reply_written(connection, id, now_us).await
                    })
                    .await,
                );
            }
            Chore::Discard(entry, by, answer) => {
                let _ = answer.send(self.discard(&entry, &by, now_us).await);
            }
            Chore::Replay(replay, answer) => {
                let _ = answer.send(self.replay(*replay, now_us).await);
            }
            Chore::Customers(customers, answer) => {
                let _ = answer.send(self.customers(&customers).await);
            }
            Chore::Products(products, answer) => {
                let _ = answer.send(self.products(&products).await);
            }
            Chore::Prune(answer) => {
                let pruned = match self.prune().await {
                    Ok((pruned, _)) => Ok(pruned),
                    Err(error) => Err(self.failed("prune", error).await),
                };
                let _ = answer.send(pruned);
            }
            Chore::Close(answer) => {
                self.shared.stopping.store(true, Ordering::Relaxed);
                self.closing = Some(answer);
            }
        }
    }

    /// A chore of one statement, which is its own transaction.
    async fn single(
        &mut self,
        operation: &'static str,
        statement: impl AsyncFnOnce(&mut SqliteConnection) -> Result<(), sqlx::Error>,
    ) -> Result<(), StoreError> {
        let done = async { statement(self.connected().await?).await };
        match done.await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(operation, error).await),
        }
    }

    async fn control_number(&mut self, partner: &str) -> Result<u32, StoreError> {
        let reserved = async { files::next_control_number(self.connected().await?, partner).await };
        let number = match reserved.await {
            Ok(number) => number,
            Err(error) => return Err(self.failed("reserve a control number", error).await),
        };
        fail_point::reached("control-number-reserved");
        match u32::try_from(number) {
            Ok(usable) if number <= LAST_CONTROL_NUMBER => Ok(usable),
            _ => Err(StoreError::Unusable {
                reason: format!("all control numbers of partner {partner} are used up"),
            }),
        }
    }

    async fn park(&mut self, sequence: i64, reason: &str) -> Result<(), StoreError> {
        self.transact("park a record", 1, async |connection, _| {
            quarantine::park(connection, sequence, reason).await
        })
        .await?;
        // Its row in memory knows nothing of it.
        self.shared.fresh.forget(u64::MAX);
        Ok(())
    }

    /// A chore of several statements, committed with the counters, which it may change. Returns them. After a failure
    /// nobody knows what is on the disk: the next job opens the file again.
    async fn transact(
        &mut self,
        operation: &'static str,
        news: usize,
        write: impl AsyncFnOnce(&mut SqliteConnection, &mut Counters) -> Result<(), sqlx::Error>,
    ) -> Result<Counters, StoreError> {
        let done = async {
            let (connection, mut after) = self.connected_with_counters().await?;
            let mut transaction = begin(connection).await?;
            write(&mut transaction, &mut after).await?;
            after.write(&mut transaction).await?;
            transaction.commit().await?;
            Ok(after)
        };
        match done.await {
            Ok(after) => {
                self.committed(after, news);
                Ok(after)
            }
            Err(error) => Err(self.failed(operation, error).await),
        }
    }

    async fn discard(&mut self, entry: &str, by: &str, now_us: i64) -> Result<(), StoreError> {
        let failed = StoreError::failed("discard an entry");
        let connection = self.connected().await.map_err(failed)?;
        let discarded = quarantine::discard(connection, entry, by, now_us).await;
        if let Err(StoreError::Failed { source, .. }) = &discarded {
            self.distrust(source).await;
        }
        discarded
    }

    async fn replay(&mut self, replay: Replay, now_us: i64) -> Result<Outcome, StoreError> {
        let failed = || StoreError::failed("replay an entry");
        let (connection, before) = self.connected_with_counters().await.map_err(failed())?;
        let mut transaction = begin(connection).await.map_err(failed())?;
        let done = quarantine::replay(&mut transaction, before, replay, now_us).await;
        let (after, outcome) = match done {
            Ok(done) => done,
            Err(error) => {
                let rolled_back = transaction.rollback().await;
                if let StoreError::Failed { source, .. } = &error {
                    self.distrust(source).await;
                }
                rolled_back.map_err(failed())?;
                return Err(error);
            }
        };
        if let Err(error) = transaction.commit().await {
            self.distrust(&error).await;
            self.connected().await.map_err(failed())?;
            if self.counters != after || self.counters == before {
                return Err(failed()(error));
            }
        }
        self.committed(after, 1);
        Ok(outcome)
    }

    async fn customers(&mut self, customers: &[CustomerEntry]) -> Result<u64, StoreError> {
        let write = async |connection: &mut SqliteConnection, after: &mut Counters| {
            after.directory_version += 1;
            directory::write_customers(connection, customers, after.directory_version).await
        };
        let after = self.transact("import customers", 0, write).await?;
        self.shared.has_customers.store(true, Ordering::Release);
        Ok(unsigned(after.directory_version))
    }

    async fn products(&mut self, products: &[Product]) -> Result<u64, StoreError> {
        let write = async |connection: &mut SqliteConnection, after: &mut Counters| {
            after.catalog_version += 1;
            directory::write_products(connection, products).await
        };
        let after = self.transact("import products", 0, write).await?;
        self.shared.has_products.store(true, Ordering::Release);
        Ok(unsigned(after.catalog_version))
    }

    async fn finish(mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.readers.close().await;
        let mut closed = !self.shared.damaged.load(Ordering::Relaxed) && !self.doubtful;
        if let Err(error) = self.write_cursor().await {
            closed = false;
            tracing::error!(error = %error, "the cursor was not stored: some records are sent again");
        }
        fail_point::reached("stop-cursor-stored");
        if let Some(mut connection) = self.connection.take() {
            // Whatever fails here, the log holds everything.
            let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection);
            closed &= folded.await.is_ok();
            fail_point::reached("log-folded-in");
            let _ = connection.close().await;
        }
        let last = Mark { closed, ..self.mark() };
        self.marker.close(last).await;
        drop(self.lock);
        if let Some(answer) = self.closing {
            let _ = answer.send(Ok(()));
        }
    }
}

async fn write(connection: &mut SqliteConnection, group: &Group) -> Result<(), sqlx::Error> {
    let mut transaction = begin(connection).await?;
    group.write(&mut transaction).await?;
    fail_point::reached("group-written");
    transaction.commit().await?;
    fail_point::reached("committed");
    Ok(())
}

#[cfg(test)]
mod tests;
pub(super) mod upkeep;
