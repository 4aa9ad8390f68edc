//! How much disk the journal uses. Deleted rows leave free pages in the file, so the file's size says nothing: pages in
//! use plus the write-ahead log count.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Row, SqliteConnection};

use super::StoreError;
use super::row::unsigned;
use crate::config::ByteSize;
use crate::telemetry::metric::Metric;

/// What is used, and what may be.
#[derive(Debug)]
pub(super) struct Disk {
    wal: PathBuf,
    budget: u64,
    used: AtomicU64,
    wal_bytes: AtomicU64,
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

    /// Refuses captures when the budget would be passed.
    pub(super) fn room_for(&self, bytes: u64) -> Result<(), StoreError> {
        let used = self.used();
        if used.saturating_add(bytes) > self.budget {
            return Err(StoreError::BudgetSpent { used, budget: self.budget });
        }
        Ok(())
    }

    /// Whether what was delivered should make room before its time: four fifths of the budget are used.
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
