//! The rows of captures, records and quarantine, their checksums, and how they are written and read.

use std::sync::LazyLock;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use tillgate_record::EventType;

use super::digest::Digest;
use super::insert::{Bound, Inserts};

/// A row of `capture`.
#[derive(Debug)]
pub(super) struct CaptureRow {
    pub(super) number: i64,
    pub(super) id: String,
    pub(super) source: String,
    pub(super) channel: String,
    pub(super) media: String,
    pub(super) received_us: i64,
    pub(super) sha256: Vec<u8>,
    pub(super) counts: Counts,
    pub(super) first_sequence: i64,
    pub(super) config_version: String,
    pub(super) raw_bytes: i64,
    pub(super) raw_checksum: i64,
    pub(super) previous: i64,
    pub(super) checksum: i64,
    pub(super) raw: Option<Vec<u8>>,
}

/// What became of a capture's items: `items` is the sum of the rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) items: i64,
    pub(super) records: i64,
    pub(super) duplicates: i64,
    pub(super) quarantined: i64,
    pub(super) noted: i64,
}

/// The columns that [`CaptureRow::of`] reads.
pub(super) const CAPTURE_COLUMNS: &str = "number, id, source, channel, media, received_us, sha256, \
    items, records, duplicates, quarantined, noted, first_sequence, config_version, raw_bytes, \
    raw_checksum, previous, checksum, raw";

static CAPTURE_INSERTS: LazyLock<Inserts> = LazyLock::new(|| {
    Inserts::new(&format!("INSERT INTO capture ({CAPTURE_COLUMNS}) VALUES"), 19, "")
});

impl CaptureRow {
    /// What `checksum` must be. Without `raw`, for which `raw_checksum` stands, so that a pruned row still proves.
    pub(super) fn digest(&self) -> i64 {
        Digest::of("capture")
            .number(self.number)
            .text(&self.id)
            .text(&self.source)
            .text(&self.channel)
            .text(&self.media)
            .number(self.received_us)
            .bytes(&self.sha256)
            .number(self.counts.items)
            .number(self.counts.records)
            .number(self.counts.duplicates)
            .number(self.counts.quarantined)
            .number(self.counts.noted)
            .number(self.first_sequence)
            .text(&self.config_version)
            .number(self.raw_bytes)
            .number(self.raw_checksum)
            .number(self.previous)
            .finish()
    }

    /// Reads [`CAPTURE_COLUMNS`].
    pub(super) fn of(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            number: row.try_get(0)?,
            id: row.try_get(1)?,
            source: row.try_get(2)?,
            channel: row.try_get(3)?,
            media: row.try_get(4)?,
            received_us: row.try_get(5)?,
            sha256: row.try_get(6)?,
            counts: Counts {
                items: row.try_get(7)?,
                records: row.try_get(8)?,
                duplicates: row.try_get(9)?,
                quarantined: row.try_get(10)?,
                noted: row.try_get(11)?,
            },
            first_sequence: row.try_get(12)?,
            config_version: row.try_get(13)?,
            raw_bytes: row.try_get(14)?,
            raw_checksum: row.try_get(15)?,
            previous: row.try_get(16)?,
            checksum: row.try_get(17)?,
            raw: row.try_get(18)?,
        })
    }

    fn bind(query: Bound, row: &Self) -> Bound {
        query
            .bind(row.number)
            .bind(row.id.as_str())
            .bind(row.source.as_str())
            .bind(row.channel.as_str())
            .bind(row.media.as_str())
            .bind(row.received_us)
            .bind(row.sha256.as_slice())
            .bind(row.counts.items)
            .bind(row.counts.records)
            .bind(row.counts.duplicates)
            .bind(row.counts.quarantined)
            .bind(row.counts.noted)
            .bind(row.first_sequence)
            .bind(row.config_version.as_str())
            .bind(row.raw_bytes)
            .bind(row.raw_checksum)
            .bind(row.previous)
            .bind(row.checksum)
            .bind(row.raw.as_deref())
    }

    /// Writes rows.
    pub(super) async fn insert(
        connection: &mut SqliteConnection,
        rows: &[Self],
    ) -> Result<(), sqlx::Error> {
        CAPTURE_INSERTS.run(connection, rows, Self::bind).await
    }
}

/// A row of `record`.
#[derive(Debug)]
pub(super) struct RecordRow {
    pub(super) sequence: i64,
    pub(super) event_id: [u8; 16],
    pub(super) capture: i64,
    pub(super) item: i64,
    pub(super) event_type: i64,
    pub(super) key: String,
    pub(super) version: i64,
    pub(super) content: Vec<u8>,
    pub(super) time: String,
    pub(super) received_us: i64,
    pub(super) previous: i64,
    pub(super) checksum: i64,
    pub(super) data: Vec<u8>,
}

/// The columns that [`RecordRow::of`] reads.
pub(super) const RECORD_COLUMNS: &str = "sequence, event_id, capture, item, event_type, key, \
    version, content, time, received_us, previous, checksum, data";

static RECORD_INSERTS: LazyLock<Inserts> = LazyLock::new(|| {
    Inserts::new(&format!("INSERT INTO record ({RECORD_COLUMNS}) VALUES"), 13, "")
});

impl RecordRow {
    /// What `checksum` must be.
    pub(super) fn digest(&self) -> i64 {
        Digest::of("record")
            .number(self.sequence)
            .bytes(&self.event_id)
            .number(self.capture)
            .number(self.item)
            .number(self.event_type)
            .text(&self.key)
            .number(self.version)
            .bytes(&self.content)
            .text(&self.time)
            .number(self.received_us)
            .number(self.previous)
            .bytes(&self.data)
            .finish()
    }

    /// Reads [`RECORD_COLUMNS`].
    pub(super) fn of(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            sequence: row.try_get(0)?,
            event_id: row.try_get::<Vec<u8>, _>(1)?.try_into().unwrap_or_default(),
            capture: row.try_get(2)?,
            item: row.try_get(3)?,
            event_type: row.try_get(4)?,
            key: row.try_get(5)?,
            version: row.try_get(6)?,
            content: row.try_get(7)?,
            time: row.try_get(8)?,
            received_us: row.try_get(9)?,
            previous: row.try_get(10)?,
            checksum: row.try_get(11)?,
            data: row.try_get(12)?,
        })
    }

    fn bind(query: Bound, row: &Self) -> Bound {
        query
            .bind(row.sequence)
            .bind(row.event_id.as_slice())
            .bind(row.capture)
            .bind(row.item)
            .bind(row.event_type)
            .bind(row.key.as_str())
            .bind(row.version)
            .bind(row.content.as_slice())
            .bind(row.time.as_str())
            .bind(row.received_us)
            .bind(row.previous)
            .bind(row.checksum)
            .bind(row.data.as_slice())
    }

    /// Writes rows.
    pub(super) async fn insert(
        connection: &mut SqliteConnection,
        rows: &[Self],
    ) -> Result<(), sqlx::Error> {
        RECORD_INSERTS.run(connection, rows, Self::bind).await
    }
}

/// A row of `quarantine`.
#[derive(Debug, Clone)]
pub(super) struct EntryRow {
    pub(super) entry: String,
    pub(super) capture: i64,
    pub(super) item: i64,
    pub(super) received_us: i64,
    pub(super) source: String,
    pub(super) channel: String,
    /// JSON.
    pub(super) findings: String,
    pub(super) state: String,
    pub(super) closed_us: Option<i64>,
    pub(super) closed_how: Option<String>,
    pub(super) parked: Option<i64>,
    pub(super) replayed: Option<i64>,
    pub(super) noticed: i64,
    pub(super) checksum: i64,
}

/// The columns that [`EntryRow::of`] reads.
pub(super) const ENTRY_COLUMNS: &str = "entry, capture, item, received_us, source, channel, \
    findings, state, closed_us, closed_how, parked, replayed, noticed, checksum";

static ENTRY_WRITES: LazyLock<Inserts> = LazyLock::new(|| {
    Inserts::new(&format!("REPLACE INTO quarantine ({ENTRY_COLUMNS}) VALUES"), 14, "")
});

impl EntryRow {
    /// What `checksum` must be.
    pub(super) fn digest(&self) -> i64 {
        Digest::of("quarantine")
            .text(&self.entry)
            .number(self.capture)
            .number(self.item)
            .number(self.received_us)
            .text(&self.source)
            .text(&self.channel)
            .text(&self.findings)
            .text(&self.state)
            .optional_number(self.closed_us)
            .optional_text(self.closed_how.as_deref())
            .optional_number(self.parked)
            .optional_number(self.replayed)
            .finish()
    }

    /// The row with its checksum.
    pub(super) fn sealed(mut self) -> Self {
        self.checksum = self.digest();
        self
    }

    /// Reads [`ENTRY_COLUMNS`].
    pub(super) fn of(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            entry: row.try_get(0)?,
            capture: row.try_get(1)?,
            item: row.try_get(2)?,
            received_us: row.try_get(3)?,
            source: row.try_get(4)?,
            channel: row.try_get(5)?,
            findings: row.try_get(6)?,
            state: row.try_get(7)?,
            closed_us: row.try_get(8)?,
            closed_how: row.try_get(9)?,
            parked: row.try_get(10)?,
            replayed: row.try_get(11)?,
            noticed: row.try_get(12)?,
            checksum: row.try_get(13)?,
        })
    }

    fn bind(query: Bound, row: &Self) -> Bound {
        query
            .bind(row.entry.as_str())
            .bind(row.capture)
            .bind(row.item)
            .bind(row.received_us)
            .bind(row.source.as_str())
            .bind(row.channel.as_str())
            .bind(row.findings.as_str())
            .bind(row.state.as_str())
            .bind(row.closed_us)
            .bind(row.closed_how.as_deref())
            .bind(row.parked)
            .bind(row.replayed)
            .bind(row.noticed)
            .bind(row.checksum)
    }

    /// Writes rows; an entry that is there is replaced.
    pub(super) async fn write(
        connection: &mut SqliteConnection,
        rows: &[Self],
    ) -> Result<(), sqlx::Error> {
        ENTRY_WRITES.run(connection, rows, Self::bind).await
    }
}

/// The capture of a record or an entry that outlived its own in a recovery. Captures are numbered from 1.
pub(super) const LOST_CAPTURE: i64 = 0;

/// The number of an event type in the store.
pub(super) fn event_type_number(kind: EventType) -> i64 {
    match kind {
        EventType::Sale => 1,
        EventType::Reading => 2,
        EventType::Order => 3,
        EventType::Invoice => 4,
        // Never stored: a record is parked where it is, and leaves as this.
        EventType::Parked => 5,
        // Never stored: it speaks of records that are not here.
        EventType::Lost => 6,
    }
}

/// The event type of a number.
pub(super) fn event_type_of(number: i64) -> Option<EventType> {
    EventType::ALL.into_iter().find(|kind| event_type_number(*kind) == number)
}

/// A length or count as SQLite keeps it.
pub(super) fn signed(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number of the store as the rest of the gateway knows it. The store has no negative ones.
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A moment of the store.
pub(super) fn moment(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or_default()
}
