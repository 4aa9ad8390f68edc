//! What people and the pipeline read: figures, recent records, captures. Short reads on connections of their own.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};
use std::io::Read;
use ulid::Ulid;

use super::digest::Digest;
use super::row::{CAPTURE_COLUMNS, CaptureRow, event_type_of, moment, unsigned};
use super::{Filled, SetAside, StoreError};
use crate::source::Media;
use tillgate_record::Channel;

/// How the store stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Records that the broker has not acknowledged.
    pub outbox_records: u64,
    /// When the oldest of them was received, microseconds since 1970.
    pub oldest_received_us: Option<i64>,
    /// Highest sequence number given out.
    pub sequence_assigned: u64,
    /// The broker has all records through this one.
    pub sequence_acknowledged: u64,
    /// The CRM has all records through this one, by its receipts; none where records do not wait for receipts.
    pub sequence_confirmed: Option<u64>,
    /// When the oldest record was received that the broker has and the CRM has not confirmed, microseconds since 1970.
    pub unconfirmed_received_us: Option<i64>,
    /// Raised after every loss, and when a gateway is restored from a backup.
    pub incarnation: u32,
    /// The newest record's number within the incarnation, as its event has it; 0 before the first.
    pub sequence: u64,
    /// Open quarantine entries.
    pub quarantine_open: u64,
    /// Inputs taken since the journal was made.
    pub captures: u64,
    /// Bytes in use.
    pub disk_used: u64,
    /// Bytes allowed.
    pub disk_budget: u64,
    /// Bytes that are free on the file system.
    pub disk_free: u64,
    /// Whether the ballast is there, or none is wanted.
    pub has_ballast: bool,
    /// Size of the write-ahead log.
    pub wal_bytes: u64,
    /// What fills the budget.
    pub filled: Filled,
    /// Files that recoveries set aside, which count against no budget.
    pub set_aside: SetAside,
    /// Version of the customers' directory.
    pub directory_version: u64,
    /// Version of the products' catalog.
    pub catalog_version: u64,
}

/// A record as the status page shows it: nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentRecord {
    /// Its number in the outbox.
    pub sequence: u64,
    /// `tillgate.sale.v1` …
    pub event_type: String,
    /// The idempotency key.
    pub key: String,
    /// The version of the event.
    pub version: u32,
    /// When its input was received (RFC 3339, UTC).
    pub received_at: String,
    /// Whether the broker has it.
    pub acknowledged: bool,
    /// Why the broker will never take it.
    pub parked: Option<String>,
}

/// A capture, for replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCapture {
    /// Its id.
    pub id: Ulid,
    /// The configured source.
    pub source: String,
    /// The kind of way in.
    pub channel: Channel,
    /// How `raw` is to be read.
    pub media: Media,
    /// When the input was whole.
    pub received_at: Timestamp,
    /// SHA-256 of `raw`.
    pub sha256: [u8; 32],
    /// The configuration that interpreted it.
    pub config_version: String,
    /// The input, free of card data.
    pub raw: Vec<u8>,
}

/// When the oldest of the records behind `confirmed` and through `acknowledged` was received.
pub(super) async fn unconfirmed(
    connection: &mut SqliteConnection,
    confirmed: u64,
    acknowledged: u64,
) -> Result<Option<i64>, sqlx::Error> {
    const SQL: &str = "SELECT received_us FROM record WHERE sequence > ? AND sequence <= ? \
        ORDER BY sequence LIMIT 1";
    let [confirmed, acknowledged] =
        [confirmed, acknowledged].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    let query = sqlx::query_scalar(SQL).bind(confirmed).bind(acknowledged);
    query.fetch_optional(connection).await
}

/// The counts that only the tables know: oldest waiting record, open entries.
pub(super) async fn waiting(
    connection: &mut SqliteConnection,
    acknowledged: i64,
) -> Result<(Option<i64>, u64, u64), sqlx::Error> {
    const SQL: &str = "SELECT \
        (SELECT received_us FROM record WHERE sequence > ? ORDER BY sequence LIMIT 1), \
        (SELECT count(*) FROM quarantine WHERE state = 'open'), \
        (SELECT next_capture - 1 FROM counter)";
    let row = sqlx::query(SQL).bind(acknowledged).fetch_one(connection).await?;
    Ok((row.try_get(0)?, unsigned(row.try_get(1)?), unsigned(row.try_get(2)?)))
}

/// The newest records, newest first.
pub(super) async fn recent_records(
    connection: &mut SqliteConnection,
    limit: u32,
    acknowledged: u64,
) -> Result<Vec<RecentRecord>, sqlx::Error> {
    const SQL: &str = "SELECT sequence, event_type, key, version, received_us, parked \
        FROM record ORDER BY sequence DESC LIMIT ?";
    let rows = sqlx::query(SQL).bind(limit).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let sequence = unsigned(row.try_get(0)?);
            let event_type = event_type_of(row.try_get(1)?);
            Ok(RecentRecord {
                sequence,
                event_type: event_type.map_or("unknown", |kind| kind.as_str()).to_owned(),
                key: row.try_get(2)?,
                version: row.try_get::<u32, _>(3)?,
                received_at: moment(row.try_get(4)?).to_string(),
                acknowledged: sequence <= acknowledged,
                parked: row.try_get(5)?,
            })
        })
        .collect()
}

/// Whether a capture is there.
pub(super) async fn has_capture(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<bool, sqlx::Error> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM capture WHERE id = ?)";
    sqlx::query_scalar(SQL).bind(id).fetch_one(connection).await
}

/// The row of a capture.
pub(super) async fn capture_row(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<CaptureRow, StoreError> {
    let sql = format!("SELECT {CAPTURE_COLUMNS} FROM capture WHERE id = ?");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id);
    let row = query.fetch_optional(connection).await;
    let row = row.and_then(|row| row.as_ref().map(CaptureRow::of).transpose());
    let row = row.map_err(StoreError::failed("read a capture"))?;
    let row = row.ok_or_else(|| StoreError::NotFound { what: "capture", id: id.to_owned() })?;
    if row.digest() != row.checksum {
        return Err(damaged(id));
    }
    Ok(row)
}

/// The first `most` bytes of a capture's raw input; none once it was pruned.
pub(super) fn unpacked(row: &CaptureRow, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(packed) = &row.raw else { return Ok(None) };
    if Digest::of("raw").bytes(packed).finish() != row.raw_checksum {
        return Err(damaged(&row.id));
    }
    // The row says how large the input was: a block that unpacks to more is not ours.
    let most = most.min(unsigned(row.raw_bytes));
    let mut raw = Vec::new();
    zstd::Decoder::with_buffer(packed.as_slice())
        .and_then(|decoder| decoder.take(most).read_to_end(&mut raw))
        .map_err(|_| damaged(&row.id))?;
    Ok(Some(raw))
}

/// A capture as replay needs it.
pub(super) fn stored_capture(row: CaptureRow) -> Result<StoredCapture, StoreError> {
    let Some(raw) = unpacked(&row, u64::MAX)? else {
        return Err(StoreError::NotFound { what: "raw input of capture", id: row.id });
    };
    let read = (
        Ulid::from_string(&row.id).ok(),
        Channel::from_name(&row.channel),
        Media::from_name(&row.media),
        row.sha256.as_slice().try_into().ok(),
    );
    let (Some(id), Some(channel), Some(media), Some(sha256)) = read else {
        return Err(damaged(&row.id));
    };
    Ok(StoredCapture {
        id,
        source: row.source,
        channel,
        media,
        received_at: moment(row.received_us),
        sha256,
        config_version: row.config_version,
        raw,
    })
}

fn damaged(id: &str) -> StoreError {
    StoreError::Damaged { what: format!("capture {id}") }
}
