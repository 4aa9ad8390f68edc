//! What the writer counts: the one row of `counter`. In memory the writer owns it; on disk it changes in the same
//! commit as the rows that use the numbers.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::digest::Digest;

/// The row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counters {
    /// Raised when a gateway is restored from a backup.
    pub(super) incarnation: i64,
    /// The next record gets this number.
    pub(super) next_sequence: i64,
    /// Checksum of the newest record.
    pub(super) record_chain: i64,
    /// The next capture gets this number.
    pub(super) next_capture: i64,
    /// Checksum of the newest capture.
    pub(super) capture_chain: i64,
    /// The broker has all records through this one.
    pub(super) acknowledged: i64,
    /// Records through this one were removed.
    pub(super) pruned_sequence: i64,
    /// Captures through this one were removed.
    pub(super) pruned_capture: i64,
    /// Keys seen before this moment may have been removed.
    pub(super) keys_since_us: i64,
    /// Raised with each change of the directory.
    pub(super) directory_version: i64,
    /// Raised with each change of the catalog.
    pub(super) catalog_version: i64,
    /// The CRM has all records through this one, by its receipts.
    pub(super) confirmed: i64,
}

/// The counters of a new journal.
pub(super) const NEW: Counters = Counters {
    incarnation: 1,
    next_sequence: 1,
    record_chain: 0,
    next_capture: 1,
    capture_chain: 0,
    acknowledged: 0,
    pruned_sequence: 0,
    pruned_capture: 0,
    keys_since_us: 0,
    directory_version: 0,
    catalog_version: 0,
    confirmed: 0,
};

const COLUMNS: &str = "incarnation, next_sequence, record_chain, next_capture, capture_chain, \
    acknowledged, pruned_sequence, pruned_capture, keys_since_us, directory_version, \
    catalog_version, confirmed, checksum";

impl Counters {
    /// Whether no count is ahead of one that it follows.
    pub(super) fn are_in_order(&self) -> bool {
        let records = [self.pruned_sequence, self.acknowledged, self.newest()];
        let captures = [self.pruned_capture, self.next_capture - 1];
        records.is_sorted()
            && captures.is_sorted()
            && (0..=self.acknowledged).contains(&self.confirmed)
    }

    /// The highest sequence number given out.
    pub(super) fn newest(&self) -> i64 {
        self.next_sequence - 1
    }

    /// The counters of a new journal, written unless the journal has some.
    pub(super) async fn begin(
        connection: &mut SqliteConnection,
        incarnation: i64,
    ) -> Result<(), sqlx::Error> {
        Self { incarnation, ..NEW }.put("INSERT OR IGNORE", connection).await
    }

    /// Reads the row and whether its checksum holds.
    pub(super) async fn read(
        connection: &mut SqliteConnection,
    ) -> Result<(Self, bool), sqlx::Error> {
        let row = sqlx::query("SELECT * FROM counter").fetch_one(connection).await?;
        let counters = Self::of(&row)?;
        Ok((counters, counters.checksum() == row.try_get::<i64, _>("checksum")?))
    }

    /// Writes the row. Part of every commit of the writer.
    pub(super) async fn write(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        self.put("REPLACE", connection).await
    }

    async fn put(self, verb: &str, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let sql =
            format!("{verb} INTO counter (id, {COLUMNS}) VALUES (1,?,?,?,?,?,?,?,?,?,?,?,?,?)");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql));
        let bound = self.values().into_iter().fold(query, |query, value| query.bind(value));
        bound.bind(self.checksum()).execute(connection).await.map(drop)
    }

    /// By name: a damaged journal of version 1, without `confirmed`, is read before its schema is raised.
    fn of(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            incarnation: row.try_get("incarnation")?,
            next_sequence: row.try_get("next_sequence")?,
            record_chain: row.try_get("record_chain")?,
            next_capture: row.try_get("next_capture")?,
            capture_chain: row.try_get("capture_chain")?,
            acknowledged: row.try_get("acknowledged")?,
            pruned_sequence: row.try_get("pruned_sequence")?,
            pruned_capture: row.try_get("pruned_capture")?,
            keys_since_us: row.try_get("keys_since_us")?,
            directory_version: row.try_get("directory_version")?,
            catalog_version: row.try_get("catalog_version")?,
            confirmed: row.try_get("confirmed").unwrap_or(0),
        })
    }

    /// Journals of version 1 had no `confirmed`: a zero there adds nothing.
    fn checksum(self) -> i64 {
        let values = self.values();
        let counted = if self.confirmed == 0 { &values[..11] } else { &values[..] };
        counted.iter().copied().fold(Digest::of("counter"), Digest::number).finish()
    }

    fn values(self) -> [i64; 12] {
        [
            self.incarnation,
            self.next_sequence,
            self.record_chain,
            self.next_capture,
            self.capture_chain,
            self.acknowledged,
            self.pruned_sequence,
            self.pruned_capture,
            self.keys_since_us,
            self.directory_version,
            self.catalog_version,
            self.confirmed,
        ]
    }
}
