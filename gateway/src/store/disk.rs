//! How much disk the journal uses and how much is left, and whether there is room for one more input.
//!
//! Deleted rows leave free pages in the file, so the file's size says nothing: pages in use plus the write-ahead log
//! count against the budget. Free pages take new rows; what a file system must have free besides is room for the log,
//! without which nothing can be written, not even a DELETE. The ballast (see `ballast`) is that room when others take
//! the rest. Refusing begins at a high mark and ends below a low one, so that senders are not told yes and no in turns.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::statvfs;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::StoreError;
use super::ballast::Ballast;
use super::filling::Filled;
use super::row::unsigned;
use crate::config::ByteSize;

/// An input of this size is ordinary: when there is no room for it, the gateway counts as refusing.
pub(super) const ORDINARY_CAPTURE_BYTES: u64 = 16 << 10;
/// The reserve is such a part of the budget, or of the disk where that is smaller …
const RESERVE_PART: u64 = 64;
/// … and within these limits: less than the smaller does not hold a step of pruning, more than the larger has no use.
const RESERVE_BYTES: (u64, u64) = (2 << 20, 32 << 20);
/// SQLite's own default, which the journal is made with.
const PAGE_BYTES: u64 = 4096;

/// What is used, and what may be.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    wal: PathBuf,
    budget: u64,
    /// The log is folded into the file at this size.
    log_bytes: u64,
    ballast: Arc<Ballast>,
    /// Pages in use and the log, when they were last measured.
    measured: AtomicU64,
    /// What groups have added since.
    added: AtomicU64,
    wal_bytes: AtomicU64,
    /// Free on the file system.
    free: AtomicU64,
    /// Free pages in our file.
    reusable: AtomicU64,
    /// The budget was spent, and is not down to the low mark yet.
    spent: AtomicBool,
    /// The disk was full, and is not free enough yet.
    full: AtomicBool,
    /// What fills the budget, when it was last looked at.
    filled: Mutex<Filled>,
}

impl Disk {
    /// The disk use of a journal, not measured yet. Without a size of its own the ballast is as large as the reserve.
    pub(super) fn new(journal: &Path, budget: ByteSize, ballast: Option<ByteSize>) -> Self {
        let folder = journal.parent().unwrap_or(journal).to_owned();
        let size = statvfs(&folder).map_or(u64::MAX, |disk| bytes(disk.f_blocks, disk.f_frsize));
        let reserve = (budget.0.min(size) / RESERVE_PART).clamp(RESERVE_BYTES.0, RESERVE_BYTES.1);
        let mut wal = journal.as_os_str().to_owned();
        wal.push("-wal");
        Self {
            wal: PathBuf::from(wal),
            budget: budget.0,
            log_bytes: reserve / 4,
            ballast: Arc::new(Ballast::of(&folder, ballast.map_or(reserve, |bytes| bytes.0))),
            folder,
            measured: AtomicU64::new(0),
            added: AtomicU64::new(0),
            wal_bytes: AtomicU64::new(0),
            free: AtomicU64::new(u64::MAX),
            reusable: AtomicU64::new(0),
            spent: AtomicBool::new(false),
            full: AtomicBool::new(false),
            filled: Mutex::default(),
        }
    }

    /// Keeps the log of the writer's connection small enough for this disk.
    pub(super) async fn bound_log(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        let (pages, bytes) = (self.log_bytes / PAGE_BYTES, self.log_bytes);
        for pragma in [
            format!("PRAGMA wal_autocheckpoint = {pages}"),
            format!("PRAGMA journal_size_limit = {bytes}"),
        ] {
            let _ = sqlx::query(AssertSqlSafe(pragma)).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// Measures, and puts the ballast back where there is room again.
    pub(super) async fn measure(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        const SQL: &str = "SELECT (page_count - freelist_count) * page_size, \
            freelist_count * page_size \
            FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let pages = sqlx::query(SQL).fetch_one(connection).await?;
        self.look();
        self.reusable.store(unsigned(pages.try_get(1)?), Ordering::Relaxed);
        self.measured.store(unsigned(pages.try_get(0)?) + self.wal_bytes(), Ordering::Relaxed);
        self.added.store(0, Ordering::Relaxed);
        if self.has_room_for_ballast() {
            self.ballast.write_beside();
        }
        Ok(())
    }

    /// The part of measuring that needs no journal: it works when the journal does not.
    pub(super) fn look(&self) {
        // Some file systems cannot tell: then the budget alone counts.
        let free =
            statvfs(&self.folder).map_or(u64::MAX, |disk| bytes(disk.f_bavail, disk.f_frsize));
        self.free.store(free, Ordering::Relaxed);
        let wal = std::fs::metadata(&self.wal).map_or(0, |file| file.len());
        self.wal_bytes.store(wal, Ordering::Relaxed);
    }

    /// What a group added, until the next measurement tells better.
    pub(super) fn add(&self, bytes: u64) {
        self.added.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether so much was added since the last measurement that it says little.
    pub(super) fn is_outdated(&self) -> bool {
        self.added.load(Ordering::Relaxed) > self.log_bytes / 2
    }

    /// Whether an input fits besides those that wait for their commit.
    pub(super) fn room_for(&self, bytes: u64, waiting: u64) -> Result<(), StoreError> {
        let all = bytes.saturating_add(waiting);
        let ordinary = bytes <= ORDINARY_CAPTURE_BYTES;
        let used = self.used();
        // The low mark is nine tenths: above what pruning goes down to, see `is_tight`.
        let mark = if is_set(&self.spent) { self.budget / 10 * 9 } else { self.budget };
        if !fits(&self.spent, ordinary, used.saturating_add(all) <= mark) {
            let filling = self.filled().filling;
            return Err(StoreError::BudgetSpent { used, budget: self.budget, filling });
        }
        // Rows are written twice: into the log and into the file.
        let margin = if is_set(&self.full) { 2 * self.log_bytes } else { 0 };
        let room = self.room().is_some_and(|room| room >= all.saturating_mul(2) + margin);
        if fits(&self.full, ordinary, room) { Ok(()) } else { Err(self.full_error()) }
    }

    /// The refusal of a disk that others fill, or that is smaller than the budget.
    pub(super) fn full_error(&self) -> StoreError {
        StoreError::DiskFull { free: self.free(), floor: self.growth_floor() }
    }

    /// Room for rows: in the file's free pages, and where the file may grow. None while there is none for the log.
    fn room(&self) -> Option<u64> {
        let (free, added) = (self.free(), 2 * self.added.load(Ordering::Relaxed));
        let growth = free.saturating_sub(self.growth_floor());
        let room = growth.saturating_add(self.reusable.load(Ordering::Relaxed));
        (free >= self.floor()).then(|| room.saturating_sub(added))
    }

    /// So much must be free for the log, and for the ballast where it is missing: below it nothing is taken.
    fn floor(&self) -> u64 {
        self.log_growth() / 2 + self.ballast.missing_bytes()
    }

    /// The file itself grows only above this, so that small things, such as a partner's acknowledgement, do not lead
    /// below the floor.
    fn growth_floor(&self) -> u64 {
        self.log_growth() + self.log_bytes + self.ballast.missing_bytes()
    }

    /// What the log may still take: it grows to twice its size while somebody reads.
    fn log_growth(&self) -> u64 {
        (2 * self.log_bytes).saturating_sub(self.wal_bytes())
    }

    fn has_room_for_ballast(&self) -> bool {
        !self.has_ballast() && self.free() >= self.floor()
    }

    /// Makes room for what must be written when nothing can be any more: deletes, the cursor, a checkpoint.
    pub(super) fn give_up_ballast(&self) {
        if self.ballast.release() {
            tracing::warn!(
                bytes = self.ballast.bytes(),
                "the disk is full: the ballast was removed, so that deliveries can go on; make room on the disk"
            );
        }
    }

    /// Writes the ballast now, where there is room.
    pub(super) async fn take_ballast(&self) {
        self.look();
        if self.has_room_for_ballast() {
            let ballast = Arc::clone(&self.ballast);
            let _written = tokio::task::spawn_blocking(move || ballast.write()).await;
        }
    }

    /// Whether what was delivered should make room before its time: four fifths of the budget are used, or the disk
    /// has little left. Pages that become free stay in our file, and take new rows.
    pub(super) fn is_tight(&self) -> bool {
        self.used() > self.budget / 5 * 4 || self.room().unwrap_or_default() < 4 * self.log_bytes
    }

    /// What fills the budget.
    pub(super) fn filled(&self) -> Filled {
        *self.filled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The budget was looked into.
    pub(super) fn set_filled(&self, filled: Filled) {
        *self.filled.lock().unwrap_or_else(PoisonError::into_inner) = filled;
    }

    /// The folder of the journal.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes in use.
    pub(super) fn used(&self) -> u64 {
        self.measured.load(Ordering::Relaxed) + self.added.load(Ordering::Relaxed)
    }

    /// Bytes allowed.
    pub(super) fn budget(&self) -> u64 {
        self.budget
    }

    /// Bytes that are free on the file system, when it was last looked at.
    pub(super) fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// Whether there is a ballast, or none is wanted.
    pub(super) fn has_ballast(&self) -> bool {
        self.ballast.missing_bytes() == 0
    }

    /// Size of the write-ahead log.
    pub(super) fn wal_bytes(&self) -> u64 {
        self.wal_bytes.load(Ordering::Relaxed)
    }
}

fn is_set(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

/// Remembers a refusal of what is ordinary; that a large input does not fit says nothing of others.
fn fits(refusing: &AtomicBool, ordinary: bool, fits: bool) -> bool {
    if fits || ordinary {
        refusing.store(!fits, Ordering::Relaxed);
    }
    fits
}

fn bytes(blocks: u64, block_bytes: u64) -> u64 {
    blocks.saturating_mul(block_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A disk of 24 MiB that is empty but for the log, with a ballast of 2 MiB that is not written.
    fn small_disk(budget: ByteSize) -> (tempfile::TempDir, Disk) {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(&folder.path().join("journal.db"), budget, Some(ByteSize(2 * MIB)));
        disk.free.store(24 * MIB, Ordering::Relaxed);
        (folder, disk)
    }

    #[test]
    fn a_spent_budget_refuses_until_the_low_mark() {
        let (_folder, disk) = small_disk(ByteSize(10 * MIB));
        assert!(disk.room_for(10 * MIB, 0).is_ok() && !disk.is_tight());
        assert!(disk.room_for(5 * MIB, 6 * MIB).is_err(), "what waits counts, too");
        disk.add(8 * MIB + 1);
        disk.free.store(u64::MAX, Ordering::Relaxed);
        assert!(disk.is_tight());
        assert!(disk.room_for(3 * MIB, 0).is_err());
        assert!(disk.room_for(1000, 0).is_ok(), "a large input says nothing of small ones");
        disk.add(2 * MIB);
        let refused = disk.room_for(1000, 0);
        assert!(matches!(refused, Err(StoreError::BudgetSpent { .. })), "{refused:?}");
        disk.added.store(0, Ordering::Relaxed);
        disk.measured.store(9 * MIB + MIB / 2, Ordering::Relaxed);
        assert!(disk.room_for(1000, 0).is_err(), "between the marks refusing goes on");
        disk.measured.store(9 * MIB - 2000, Ordering::Relaxed);
        assert!(disk.room_for(1000, 0).is_ok());
        disk.measured.store(9 * MIB + MIB / 2, Ordering::Relaxed);
        assert!(disk.room_for(1000, 0).is_ok(), "between the marks taking goes on");
    }

    #[test]
    fn a_disk_that_is_smaller_than_the_budget_refuses_before_it_is_full() {
        let (_folder, disk) = small_disk(ByteSize::mebibytes(100));
        assert_eq!(disk.log_bytes, MIB / 2);
        disk.ballast.write();
        let free = |bytes: u64| disk.free.store(bytes, Ordering::Relaxed);
        let takes = || disk.room_for(1000, 0).is_ok();
        free(3 * MIB / 2 + 2000);
        assert!(takes() && disk.is_tight());
        free(3 * MIB / 2 + 1999);
        assert!(!takes());
        free(3 * MIB / 2 + 2000);
        assert!(!takes(), "refusing goes on until there is a margin");
        disk.reusable.store(2 * MIB, Ordering::Relaxed);
        free(MIB / 2);
        assert!(takes(), "free pages of our own are room, too");
        free(MIB / 2 - 1);
        assert!(!takes(), "but not when the log has none");
        disk.wal_bytes.store(MIB / 2, Ordering::Relaxed);
        assert!(takes(), "a log that has its size needs less");

        disk.give_up_ballast();
        free(2 * MIB);
        assert!(!takes(), "what the ballast gave is not for inputs");
        assert!(!disk.has_room_for_ballast());
        free(2 * MIB + MIB / 4);
        assert!(takes() && disk.has_room_for_ballast());
    }
}
