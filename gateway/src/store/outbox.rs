//! The outbox as the forwarder sees it: rows become events when they leave, and a row that does not match its checksum
//! does not leave.

use std::borrow::Cow;

use bytes::Bytes;
use futures_util::TryStreamExt;
use serde_json::value::RawValue;
use sqlx::SqliteConnection;
use tillgate_record::Event;
use tokio::sync::watch;
use uuid::Uuid;

use super::StoreError;
use super::handle::Store;
use super::incarnation::{Incarnations, Name};
use super::job::Chore;
use super::row::{RECORD_COLUMNS, RecordRow, event_type_of, signed, unsigned};
use super::{loss, quarantine};
use crate::forward::{Notice, Outbox, OutboxError, Outgoing};

/// Most records of one read, whatever the caller asks for: a read must stay short.
const READ_RECORDS: usize = 500;
/// A read ends when it has so many bytes.
const READ_BYTES: usize = 4 << 20;

/// What all events of this gateway have in common.
#[derive(Debug)]
pub(super) struct Envelope {
    /// `/{org}/{store}/{gateway}`.
    pub(super) source: String,
    /// How the CRM names records.
    pub(super) incarnations: Incarnations,
}

impl Outbox for Store {
    async fn after(&self, sequence: u64, limit: usize) -> Result<Vec<Outgoing>, OutboxError> {
        let mut reader = self.reader("read the outbox").await.map_err(outbox_error)?;
        let from = i64::try_from(sequence).unwrap_or(i64::MAX);
        let rows = rows_after(&mut reader, from, limit.min(READ_RECORDS)).await;
        drop(reader);
        let rows = rows.map_err(StoreError::failed("read the outbox")).map_err(outbox_error)?;
        outgoing(rows, from, &self.shared.envelope).map_err(outbox_error)
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.shared.newest.subscribe()
    }

    fn acknowledged(&self) -> u64 {
        self.shared.acknowledged()
    }

    fn acknowledge(&self, through: u64) {
        self.shared.acknowledge(through);
    }

    fn confirmed(&self) -> u64 {
        self.shared.confirmed()
    }

    fn confirm(&self, through: u64) {
        self.shared.confirm(through);
    }

    fn number_of(&self, incarnation: u32, sequence: u64) -> Option<u64> {
        let newest = i64::try_from(*self.shared.newest.borrow()).unwrap_or(i64::MAX);
        self.shared.envelope.incarnations.number_of(Name { incarnation, sequence }, newest)
    }

    async fn park(&self, sequence: u64, reason: &str) -> Result<(), OutboxError> {
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        let reason = reason.to_owned();
        let parked = self.queue.chore(|answer| Chore::Park(sequence, reason, answer)).await;
        parked.map_err(outbox_error)
    }

    async fn notices(&self, limit: usize) -> Result<Vec<Notice>, OutboxError> {
        let mut reader = self.reader("read notices").await.map_err(outbox_error)?;
        let limit = signed(limit.min(READ_RECORDS));
        let read = async {
            let mut notices = loss::notices(&mut reader, limit).await?;
            notices.extend(quarantine::notices(&mut reader, limit - signed(notices.len())).await?);
            Ok(notices)
        };
        read.await.map_err(StoreError::failed("read notices")).map_err(outbox_error)
    }

    async fn notice_acknowledged(&self, id: &str) -> Result<(), OutboxError> {
        let id = id.to_owned();
        let noticed = self.queue.chore(|answer| Chore::Noticed(id, answer)).await;
        noticed.map_err(outbox_error)
    }
}

fn outbox_error(error: StoreError) -> OutboxError {
    OutboxError(Box::new(error))
}

async fn rows_after(
    connection: &mut SqliteConnection,
    sequence: i64,
    limit: usize,
) -> Result<Vec<RecordRow>, sqlx::Error> {
    let sql =
        format!("SELECT {RECORD_COLUMNS} FROM record WHERE sequence > ? ORDER BY sequence LIMIT ?");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(sequence).bind(signed(limit));
    let mut found = query.fetch(connection);
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(row) = found.try_next().await? {
        let row = RecordRow::of(&row)?;
        bytes += row.data.len();
        rows.push(row);
        if bytes >= READ_BYTES {
            break;
        }
    }
    Ok(rows)
}

/// The events of rows, up to the first that is damaged or missing. When that is the very first, it is an error.
fn outgoing(
    rows: Vec<RecordRow>,
    after: i64,
    envelope: &Envelope,
) -> Result<Vec<Outgoing>, StoreError> {
    let mut events = Vec::with_capacity(rows.len());
    for (row, expected) in rows.into_iter().zip(after + 1..) {
        let payload = if row.sequence == expected { payload(&row, envelope) } else { None };
        let Some(payload) = payload else {
            if events.is_empty() {
                return Err(StoreError::Damaged { what: format!("record {expected}") });
            }
            break;
        };
        let sequence = unsigned(row.sequence);
        events.push(Outgoing { sequence, received_us: row.received_us, payload });
    }
    Ok(events)
}

/// The event of a row; none when the row does not hold.
fn payload(row: &RecordRow, envelope: &Envelope) -> Option<Bytes> {
    if row.digest() != row.checksum {
        return None;
    }
    let kind = event_type_of(row.event_type)?;
    let data: &RawValue = serde_json::from_slice(&row.data).ok()?;
    let name = envelope.incarnations.name(row.sequence);
    let event = Event {
        specversion: Cow::Borrowed("1.0"),
        id: Uuid::from_bytes(row.event_id),
        source: Cow::Borrowed(&envelope.source),
        r#type: kind,
        time: Cow::Borrowed(&row.time),
        subject: Cow::Borrowed(&row.key),
        dataschema: Cow::Owned(format!("tillgate:schema/{}", kind.schema_file())),
        datacontenttype: Cow::Borrowed("application/json"),
        sequence: Cow::Owned(name.sequence.to_string()),
        incarnation: name.incarnation,
        data,
    };
    serde_json::to_vec(&event).ok().map(Bytes::from)
}
