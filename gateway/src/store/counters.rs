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
const NEW: Counters = Counters {
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
    /// The highest sequence number given out.
    pub(super) fn newest(&self) -> i64 {
        self.next_sequence - 1
    }

    /// The counters of a new journal, written unless the journal has some.
    pub(super) async fn begin(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        NEW.put("INSERT OR IGNORE", connection).await
    }

    /// Reads the row and whether its checksum holds.
    pub(super) async fn read(
        connection: &mut SqliteConnection,
    ) -> Result<(Self, bool), sqlx::Error> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM counter"));
        let row = sqlx::query(sql).fetch_one(connection).await?;
        let counters = Self::of(&row)?;
        Ok((counters, counters.checksum() == row.try_get::<i64, _>(12)?))
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

    fn of(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            incarnation: row.try_get(0)?,
            next_sequence: row.try_get(1)?,
            record_chain: row.try_get(2)?,
            next_capture: row.try_get(3)?,
            capture_chain: row.try_get(4)?,
            acknowledged: row.try_get(5)?,
            pruned_sequence: row.try_get(6)?,
            pruned_capture: row.try_get(7)?,
            keys_since_us: row.try_get(8)?,
            directory_version: row.try_get(9)?,
            catalog_version: row.try_get(10)?,
            confirmed: row.try_get(11)?,
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
