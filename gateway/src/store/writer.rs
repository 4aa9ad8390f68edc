//! The writer: one task, one connection, the only one that writes.
//!
//! It takes a job and all that wait behind it, writes the captures among them in one transaction, syncs, and answers
//! them all. There is no timer: what arrives during a sync is the next group. Between groups it stores the
//! forwarder's cursor, prunes and measures. It is never dropped within a transaction; it ends when the queue closes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sqlx::sqlite::SqlitePool;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::counters::Counters;
use super::group::{Group, known_keys};
use super::handle::Shared;
use super::job::{Answer, Chore, Job, Queued};
use super::lock::Lock;
use super::open::{Opened, begin, connect};
use super::prune::{self, Limits, Pruned};
use super::row::{signed, unsigned};
use super::{
    CustomerEntry, NewCapture, Outcome, Product, Receipt, Replay, StoreError, directory, files,
    quarantine,
};
use crate::clock::Clock;
use crate::config::Retention;
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
/// So often is looked for what has become old.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// So often is the disk use measured, at least.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// So often is it measured while captures come in.
const MEASURE_GROUPS: u32 = 16;
/// ISA13 has nine digits (X12.5, I12).
const LAST_CONTROL_NUMBER: i64 = 999_999_999;

/// A capture that waits for its answer.
type Waiting = (NewCapture, Answer<Receipt>);

/// The writer's state.
pub(super) struct Writer {
    path: PathBuf,
    /// None after a failed commit, until it could be opened again.
    connection: Option<SqliteConnection>,
    counters: Counters,
    shared: Arc<Shared>,
    retention: Retention,
    clock: Arc<dyn Clock>,
    pulse: Arc<Pulse>,
    readers: SqlitePool,
    closing: Option<Answer<()>>,
    sweep_from: String,
    cursor_at: Instant,
    pruned_at: Option<Instant>,
    measured_at: Instant,
    groups: u32,
    /// Given up last, after the connection.
    lock: Lock,
}

impl Writer {
    pub(super) fn new(
        opened: Opened,
        shared: Arc<Shared>,
        retention: Retention,
        clock: Arc<dyn Clock>,
        pulse: Arc<Pulse>,
    ) -> Self {
        Self {
            path: opened.path,
            connection: Some(opened.connection),
            counters: opened.counters,
            shared,
            retention,
            clock,
            pulse,
            readers: opened.readers,
            closing: None,
            sweep_from: String::new(),
            cursor_at: Instant::now(),
            pruned_at: None,
            measured_at: Instant::now(),
            groups: 0,
            lock: opened.lock,
        }
    }

    /// Works until the queue is closed and empty.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Queued>) {
        loop {
            match timeout(CURSOR_EVERY, jobs.recv()).await {
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
                tracing::error!(error = %error, "captures were refused: the commit failed twice");
                self.shared.healthy.store(false, Ordering::Relaxed);
                let source = Arc::new(error);
                for answer in answers {
                    let (operation, source) = ("commit", Arc::clone(&source));
                    let _ = answer.send(Err(StoreError::Failed { operation, source }));
                }
            }
        }
    }

    async fn group(&mut self, captures: Vec<NewCapture>) -> Result<Vec<Receipt>, sqlx::Error> {
        let started = Instant::now();
        let known = match known_keys(self.connected().await?, &captures).await {
            Ok(known) => known,
            Err(_) => {
                self.reconnect().await?;
                known_keys(self.connected().await?, &captures).await?
            }
        };
        let (_, before) = self.connected_with_counters().await?;
        let mut group = Group::new(before, known);
        captures.into_iter().for_each(|capture| group.add(capture));
        self.write_group(&group).await?;
        #[expect(clippy::cast_precision_loss, reason = "a group has some thousand records")]
        Metric::CommitBatch.record(group.records.len() as f64, &[]);
        Metric::Commit.record(started.elapsed().as_secs_f64(), &[]);
        self.committed(group.after, group.records.len() + group.entries.len());
        self.groups += 1;
        Ok(group.receipts)
    }

    /// Commits a group. When that fails nobody knows what is on the disk: the file is opened again, and the counters
    /// in it tell whether the commit held after all, or can be tried once more.
    async fn write_group(&mut self, group: &Group) -> Result<(), sqlx::Error> {
        let Err(first) = write(self.connected().await?, group).await else { return Ok(()) };
        Metric::StoreErrors.add(1, &[("kind", "commit")]);
        tracing::warn!(error = %first, "a commit failed, trying once more");
        let before = self.counters;
        self.reconnect().await?;
        if self.counters == group.after {
            return Ok(());
        }
        if self.counters != before {
            return Err(first);
        }
        let second = write(self.connected().await?, group).await;
        if second.is_err() {
            Metric::StoreErrors.add(1, &[("kind", "commit")]);
            // What the failed commit left behind is looked at before anything else is written.
            self.reconnect().await?;
        }
        second
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
        let shared = &self.shared;
        shared.healthy.store(true, Ordering::Relaxed);
        shared.directory_version.store(unsigned(after.directory_version), Ordering::Release);
        shared.catalog_version.store(unsigned(after.catalog_version), Ordering::Release);
        if news > 0 {
            // Also when the number is the same: a notice may wait.
            shared.newest.send_replace(unsigned(after.newest()));
        }
    }

    async fn connected(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        if self.connection.is_none() {
            self.reconnect().await?;
        }
        self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)
    }

    async fn reconnect(&mut self) -> Result<(), sqlx::Error> {
        if let Some(broken) = self.connection.take() {
            let _ = broken.close().await;
        }
        let mut fresh = connect(&self.path).await?;
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
                        quarantine::noticed(connection, &entry).await
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
                let _ = answer.send(self.prune().await.map_err(StoreError::failed("prune")));
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
        let connection = self.connected().await.map_err(StoreError::failed(operation))?;
        statement(connection).await.map_err(StoreError::failed(operation))
    }

    async fn control_number(&mut self, partner: &str) -> Result<u32, StoreError> {
        let failed = || StoreError::failed("reserve a control number");
        let connection = self.connected().await.map_err(failed())?;
        let number = files::next_control_number(connection, partner).await.map_err(failed())?;
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
        .await
        .map(drop)
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
            Err(error) => {
                self.connection = None;
                Err(StoreError::failed(operation)(error))
            }
        }
    }

    async fn discard(&mut self, entry: &str, by: &str, now_us: i64) -> Result<(), StoreError> {
        let failed = StoreError::failed("discard an entry");
        let connection = self.connected().await.map_err(failed)?;
        quarantine::discard(connection, entry, by, now_us).await
    }

    async fn replay(&mut self, replay: Replay, now_us: i64) -> Result<Outcome, StoreError> {
        let failed = || StoreError::failed("replay an entry");
        let (connection, before) = self.connected_with_counters().await.map_err(failed())?;
        let mut transaction = begin(connection).await.map_err(failed())?;
        let done = quarantine::replay(&mut transaction, before, replay, now_us).await;
        let (after, outcome) = match done {
            Ok(done) => done,
            Err(error) => {
                transaction.rollback().await.map_err(failed())?;
                return Err(error);
            }
        };
        if let Err(error) = transaction.commit().await {
            self.reconnect().await.map_err(failed())?;
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

    /// What is done between groups. A failure here is no sender's business: it is logged and tried again later.
    async fn upkeep(&mut self) {
        if let Err(error) = self.maintain().await {
            Metric::StoreErrors.add(1, &[("kind", "upkeep")]);
            tracing::error!(error = %error, "upkeep of the journal failed, trying again");
            self.pruned_at = Some(Instant::now());
            self.connection = None;
        }
    }

    async fn maintain(&mut self) -> Result<(), sqlx::Error> {
        if self.cursor_at.elapsed() >= CURSOR_EVERY {
            self.write_cursor().await?;
        }
        if self.groups >= MEASURE_GROUPS || self.measured_at.elapsed() >= MEASURE_EVERY {
            self.measure().await?;
        }
        if self.is_prune_due() {
            self.pulse.beat();
            self.pruned_at = Some(Instant::now());
            let pruned = self.prune().await?;
            if pruned.is_full() {
                self.pruned_at = None;
            }
        }
        Ok(())
    }

    fn is_prune_due(&self) -> bool {
        let every = if self.shared.disk.is_tight() { CURSOR_EVERY } else { PRUNE_EVERY };
        self.pruned_at.is_none_or(|at| at.elapsed() >= every)
    }

    /// Stores the forwarder's cursor, if it moved.
    async fn write_cursor(&mut self) -> Result<(), sqlx::Error> {
        self.cursor_at = Instant::now();
        let (_, after) = self.connected_with_counters().await?;
        if after != self.counters {
            self.pulse.beat();
            after.write(self.connected().await?).await?;
            self.counters = after;
            fail_point::reached("cursor-stored");
        }
        Ok(())
    }

    async fn measure(&mut self) -> Result<(), sqlx::Error> {
        self.pulse.beat();
        self.groups = 0;
        self.measured_at = Instant::now();
        let shared = Arc::clone(&self.shared);
        shared.disk.measure(self.connected().await?).await
    }

    async fn prune(&mut self) -> Result<Pruned, sqlx::Error> {
        let tight = self.shared.disk.is_tight();
        let limits = Limits::new(self.clock.now(), &self.retention, tight);
        let mut sweep_from = self.sweep_from.clone();
        let (connection, mut after) = self.connected_with_counters().await?;
        let mut transaction = begin(connection).await?;
        let pruned = prune::step(&mut transaction, &mut after, limits, &mut sweep_from).await?;
        if pruned != Pruned::default() {
            fail_point::reached("pruning-written");
        }
        transaction.commit().await?;
        self.sweep_from = sweep_from;
        if pruned != Pruned::default() {
            fail_point::reached("pruned");
            self.committed(after, 0);
            self.measure().await?;
        }
        Ok(pruned)
    }

    async fn finish(mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.readers.close().await;
        if let Err(error) = self.write_cursor().await {
            tracing::error!(error = %error, "the cursor was not stored: some records are sent again");
        }
        fail_point::reached("stop-cursor-stored");
        if let Some(mut connection) = self.connection.take() {
            // Whatever fails here, the log holds everything.
            let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
            fail_point::reached("log-folded-in");
            let _ = connection.close().await;
        }
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
