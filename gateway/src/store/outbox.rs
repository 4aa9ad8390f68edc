//! The outbox as the forwarder sees it: rows become events when they leave, and a row that does not match its checksum
//! does not leave.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::TryStreamExt;
use serde_json::value::RawValue;
use sqlx::{Row, SqliteConnection};
use tillgate_record::{Event, EventType, ParkedKind, ParkedRecord};
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
        let from = i64::try_from(sequence).unwrap_or(i64::MAX);
        let limit = limit.min(READ_RECORDS);
        let fresh = self.shared.fresh.after(from, limit);
        let newest = *self.shared.newest.borrow();
        if fresh.len() == limit || fresh.last().is_some_and(|row| unsigned(row.sequence) >= newest)
        {
            let rows = fresh.iter().map(|row| (row.as_ref(), None));
            return outgoing(rows, from, &self.shared.envelope).map_err(outbox_error);
        }
        let mut reader = self.reader("read the outbox").await.map_err(outbox_error)?;
        let rows = rows_after(&mut reader, from, limit).await;
        drop(reader);
        let rows = rows.inspect_err(|error| self.shared.note_damage(error));
        let rows = rows.map_err(StoreError::failed("read the outbox")).map_err(outbox_error)?;
        let rows = rows.iter().map(|(row, parked)| (row, parked.as_deref()));
        let outgoing = outgoing(rows, from, &self.shared.envelope);
        if let Err(error) = &outgoing
            && unsigned(from) >= self.shared.acknowledged()
        {
            // Nothing behind it would ever be delivered. What was delivered before stands in nobody's way.
            self.shared.note_beyond_repair(error);
        }
        outgoing.map_err(outbox_error)
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

    fn ended_with(&self, incarnation: u32) -> Option<u64> {
        self.shared.envelope.incarnations.ended_with(incarnation)
    }

    fn name_of(&self, number: u64) -> (u32, u64) {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let name = self.shared.envelope.incarnations.name(number);
        (name.incarnation, name.sequence)
    }

    fn pruned(&self) -> u64 {
        self.shared.pruned.load(Ordering::Acquire)
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
    match error {
        damaged @ StoreError::Damaged { .. } => OutboxError::Damaged(Box::new(damaged)),
        other => OutboxError::Failed(Box::new(other)),
    }
}

async fn rows_after(
    connection: &mut SqliteConnection,
    sequence: i64,
    limit: usize,
) -> Result<Vec<(RecordRow, Option<String>)>, sqlx::Error> {
    let sql = format!(
        "SELECT {RECORD_COLUMNS}, parked FROM record WHERE sequence > ? ORDER BY sequence LIMIT ?"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(sequence).bind(signed(limit));
    let mut found = query.fetch(connection);
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(row) = found.try_next().await? {
        let parked = row.try_get("parked")?;
        let row = RecordRow::of(&row)?;
        bytes += row.data.len();
        rows.push((row, parked));
        if bytes >= READ_BYTES {
            break;
        }
    }
    Ok(rows)
}

/// The events of rows, one that says so in the place of a parked record, up to the first that is damaged or missing.
/// When that is the very first, it is an error.
fn outgoing<'r>(
    rows: impl ExactSizeIterator<Item = (&'r RecordRow, Option<&'r str>)>,
    after: i64,
    envelope: &Envelope,
) -> Result<Vec<Outgoing>, StoreError> {
    let mut events = Vec::with_capacity(rows.len());
    for ((row, parked), expected) in rows.zip(after + 1..) {
        let is_next = row.sequence == expected;
        let payload = if is_next { payload(row, parked, envelope) } else { None };
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
fn payload(row: &RecordRow, parked: Option<&str>, envelope: &Envelope) -> Option<Bytes> {
    if row.digest() != row.checksum {
        return None;
    }
    let r#type = event_type_of(row.event_type)?;
    let (kind, data) = match parked {
        None => (r#type, Cow::Borrowed(row.data.as_slice())),
        Some(reason) => {
            let reason = reason.to_owned();
            let parked = ParkedRecord { kind: ParkedKind::Parked, r#type, reason };
            (EventType::Parked, Cow::Owned(serde_json::to_vec(&parked).ok()?))
        }
    };
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
        data: RawValue::NULL,
    };
    event.to_json(&data).ok().map(Bytes::from)
}
