//! How much disk the journal uses. Deleted rows leave free pages in the file, so the file's size says nothing: pages in
//! use plus the write-ahead log count. And how much is free: deleting needs room in the log, so a disk that is
//! really full could not be freed by pruning; captures are refused before that.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::statvfs;
use sqlx::{Row, SqliteConnection};

use super::StoreError;
use super::row::unsigned;
use crate::config::ByteSize;
use crate::telemetry::metric::Metric;

/// So much stays free: the log at its longest, and the largest groups that may be under way.
const FREE_FLOOR: u64 = 64 << 20;

/// What is used, and what may be.
#[derive(Debug)]
pub(super) struct Disk {
    wal: PathBuf,
    budget: u64,
    used: AtomicU64,
    wal_bytes: AtomicU64,
    free: AtomicU64,
}

impl Disk {
    /// The disk use of a journal, not measured yet.
    pub(super) fn new(journal: &Path, budget: ByteSize) -> Self {
        let mut wal = journal.as_os_str().to_owned();
        wal.push("-wal");
        Self {
            wal: PathBuf::from(wal),
            budget: budget.0,
            used: AtomicU64::new(0),
            wal_bytes: AtomicU64::new(0),
            free: AtomicU64::new(u64::MAX),
        }
    }

    /// Measures.
    pub(super) async fn measure(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        const SQL: &str = "SELECT (page_count - freelist_count) * page_size \
            FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let pages: i64 = sqlx::query(SQL).fetch_one(connection).await?.try_get(0)?;
        // Some file systems cannot tell: then the budget alone counts.
        let free = self.wal.parent().and_then(|folder| statvfs(folder).ok());
        let free = free.map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        self.free.store(free, Ordering::Relaxed);
        let wal = tokio::fs::metadata(&self.wal).await.map_or(0, |file| file.len());
        self.wal_bytes.store(wal, Ordering::Relaxed);
        self.used.store(unsigned(pages) + wal, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a gauge for people")]
        {
            Metric::DiskUsed.set(self.used() as f64, &[]);
            Metric::DiskBudget.set(self.budget as f64, &[]);
        }
        Ok(())
    }

    /// What a group added, until the next measurement tells better.
    pub(super) fn add(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Refuses captures when the budget would be passed, or the disk filled.
    pub(super) fn room_for(&self, bytes: u64) -> Result<(), StoreError> {
        let used = self.used();
        if used.saturating_add(bytes) > self.budget {
            return Err(StoreError::BudgetSpent { used, budget: self.budget });
        }
        let free = self.free.load(Ordering::Relaxed);
        if free.saturating_sub(bytes) < FREE_FLOOR {
            return Err(StoreError::DiskFull { free, floor: FREE_FLOOR });
        }
        Ok(())
    }

    /// Whether what was delivered should make room before its time: four fifths of the budget are used. A disk that
    /// others fill is no reason: free pages stay in our file.
    pub(super) fn is_tight(&self) -> bool {
        self.used() > self.budget / 5 * 4
    }

    /// Bytes in use.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes allowed.
    pub(super) fn budget(&self) -> u64 {
        self.budget
    }

    /// Size of the write-ahead log.
    pub(super) fn wal_bytes(&self) -> u64 {
        self.wal_bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_refused_before_the_budget_or_the_disk_is_spent() {
        let disk = Disk::new(Path::new("journal.db"), ByteSize(1000));
        assert!(disk.room_for(1000).is_ok() && !disk.is_tight());
        disk.add(801);
        assert!(disk.is_tight());
        assert!(disk.room_for(199).is_ok());
        assert!(matches!(disk.room_for(200), Err(StoreError::BudgetSpent { used: 801, .. })));
        disk.free.store(FREE_FLOOR + 50, Ordering::Relaxed);
        assert!(disk.room_for(50).is_ok());
        assert!(matches!(disk.room_for(51), Err(StoreError::DiskFull { .. })));
    }
}
