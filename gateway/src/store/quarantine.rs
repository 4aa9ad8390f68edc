//! Quarantine: what could not become a record, kept whole until a person has dealt with it.
//!
//! An entry is about one item of a capture. It is open, then replayed or discarded, and says by whom.

use std::collections::BTreeMap;
use std::slice;

use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};
use tillgate_record::{Quality, Severity};

use super::counters::Counters;
use super::group::{
    CONFLICT, Group, Known, KnownKeys, Place, conflict, findings_json, known_key, new_entry,
};
use super::row::{ENTRY_COLUMNS, EntryRow, moment, unsigned};
use super::{NewCapture, NewItem, NewRecord, Outcome, Replay, StoreError};
use crate::forward::Notice;

/// An entry as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name: the capture and the item.
    pub id: String,
    /// The capture's id.
    pub capture: String,
    /// The item within the capture, from 0.
    pub item: u32,
    /// When the capture was received (RFC 3339, UTC).
    pub received_at: String,
    /// The configured source.
    pub source: String,
    /// The kind of way in.
    pub channel: String,
    /// What is wrong.
    pub findings: Vec<Quality>,
    /// Open, replayed, discarded.
    pub state: EntryState,
    /// What was done with it, when and by whom.
    pub closed: Option<String>,
    /// The record that the broker refused, where the entry is about one.
    pub parked: Option<u64>,
    /// The record that it became.
    pub replayed: Option<u64>,
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryState {
    /// Waits for a person.
    Open,
    /// Tried again with success.
    Replayed,
    /// Given up by a person.
    Discarded,
}

impl EntryState {
    fn of_name(name: &str) -> Self {
        match name {
            "open" => Self::Open,
            "replayed" => Self::Replayed,
            _ => Self::Discarded,
        }
    }
}

/// An entry with the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownEntry {
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// How the input is to be read.
    pub media: String,
    /// Size of the whole input.
    pub raw_bytes: u64,
    /// The input, or its beginning where it is large, as text for people: bytes that are no UTF-8 are replaced.
    /// None once it was pruned, which needs a closed entry.
    pub raw: Option<String>,
}

/// Names, rule and what it is about: enough to find the entry, nothing of its content.
#[derive(Serialize)]
struct NoticePayload<'a> {
    entry: &'a str,
    capture: &'a str,
    item: i64,
    source: &'a str,
    channel: &'a str,
    received_at: String,
    findings: BTreeMap<&'a str, u32>,
}

/// The finding of a record that the broker refuses.
const REFUSED: &str = "refused-by-broker";

/// Most codes in a notice.
const NOTICE_CODES: usize = 64;

impl Entry {
    fn of(row: EntryRow) -> Result<Self, StoreError> {
        if row.digest() != row.checksum {
            return Err(StoreError::Damaged { what: format!("quarantine entry {}", row.entry) });
        }
        let closed = closed(&row);
        Ok(Self {
            capture: capture_of(&row.entry).to_owned(),
            id: row.entry,
            item: u32::try_from(row.item).unwrap_or(u32::MAX),
            received_at: moment(row.received_us).to_string(),
            source: row.source,
            channel: row.channel,
            findings: serde_json::from_str(&row.findings).unwrap_or_default(),
            state: EntryState::of_name(&row.state),
            closed,
            parked: row.parked.map(unsigned),
            replayed: row.replayed.map(unsigned),
        })
    }
}

fn closed(row: &EntryRow) -> Option<String> {
    let how = row.closed_how.as_deref()?;
    Some(format!("{how} at {}", moment(row.closed_us.unwrap_or_default())))
}

/// The name of an entry begins with the capture's id, which has no dash.
fn capture_of(entry: &str) -> &str {
    entry.split_once('-').map_or(entry, |(capture, _)| capture)
}

/// Entries, newest first.
pub(super) async fn list(
    connection: &mut SqliteConnection,
    limit: u32,
    closed_too: bool,
) -> Result<Vec<Entry>, StoreError> {
    let condition = if closed_too { "" } else { "WHERE state = 'open'" };
    let sql =
        format!("SELECT {ENTRY_COLUMNS} FROM quarantine {condition} ORDER BY entry DESC LIMIT ?");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(limit).fetch_all(connection).await;
    let rows = rows.map_err(StoreError::failed("list quarantine"))?;
    rows.iter()
        .map(|row| Entry::of(EntryRow::of(row).map_err(StoreError::failed("list quarantine"))?))
        .collect()
}

/// One entry.
pub(super) async fn entry(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<Entry, StoreError> {
    Entry::of(entry_row(connection, id).await?)
}

async fn entry_row(connection: &mut SqliteConnection, id: &str) -> Result<EntryRow, StoreError> {
    let sql = format!("SELECT {ENTRY_COLUMNS} FROM quarantine WHERE entry = ?");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id);
    let row = query.fetch_optional(connection).await;
    match row.and_then(|row| row.as_ref().map(EntryRow::of).transpose()) {
        Ok(Some(row)) => Ok(row),
        Ok(None) => Err(StoreError::NotFound { what: "quarantine entry", id: id.to_owned() }),
        Err(error) => Err(StoreError::failed("read quarantine")(error)),
    }
}

async fn open_entry(connection: &mut SqliteConnection, id: &str) -> Result<EntryRow, StoreError> {
    let row = entry_row(connection, id).await?;
    match closed(&row) {
        Some(how) => Err(StoreError::EntryClosed { id: id.to_owned(), how }),
        None => Ok(row),
    }
}

fn close(mut row: EntryRow, state: &str, how: String, now_us: i64) -> EntryRow {
    row.state = state.to_owned();
    row.closed_us = Some(now_us);
    row.closed_how = Some(how);
    row.sealed()
}

/// A person gives an entry up.
pub(super) async fn discard(
    connection: &mut SqliteConnection,
    id: &str,
    by: &str,
    now_us: i64,
) -> Result<(), StoreError> {
    let row = open_entry(connection, id).await?;
    let row = close(row, "discarded", format!("discarded by {by}"), now_us);
    EntryRow::write(connection, &[row]).await.map_err(StoreError::failed("discard an entry"))
}

/// An entry is tried again. Returns the counters to keep once the caller has committed.
pub(super) async fn replay(
    connection: &mut SqliteConnection,
    counters: Counters,
    replay: Replay,
    now_us: i64,
) -> Result<(Counters, Outcome), StoreError> {
    let failed = || StoreError::failed("replay an entry");
    let Replay { entry, item, replacement, as_correction, by } = replay;
    let mut row = open_entry(connection, &entry).await?;
    // Replayed now, its key counts as seen now.
    let mut group = Group::new(counters, KnownKeys::new()).seen_at(now_us);
    let outcome = match item {
        NewItem::Quarantine(findings) => {
            row.findings = findings_json(&findings);
            Outcome::Quarantined { entry }
        }
        NewItem::Noted => Outcome::Noted,
        NewItem::Record(record) => {
            let known = known_key(connection, &record.key).await.map_err(failed())?;
            let version = match &known {
                Some(known) => version_of(known, &record, &row, as_correction),
                None => version_of_unknown(&record, &row, as_correction, counters.next_sequence),
            };
            match version {
                Ok(version) => {
                    replay_record(&mut group, &mut row, replacement.as_ref(), record, version)
                }
                Err(refused) => {
                    if let (Outcome::Conflict { .. }, Some(known)) = (&refused, &known) {
                        row.findings = findings_json(&[conflict(known, &record)]);
                    }
                    refused
                }
            }
        }
    };
    let row = match outcome {
        Outcome::Quarantined { .. } | Outcome::Conflict { .. } => row.sealed(),
        Outcome::Accepted { .. } | Outcome::Duplicate { .. } | Outcome::Noted => {
            if let Some(replacement) = replacement {
                group.keep(replacement, counters.next_sequence, slice::from_ref(&outcome));
            }
            close(row, "replayed", format!("replayed by {by}"), now_us)
        }
    };
    group.entries.push(row);
    group.write(connection).await.map_err(failed())?;
    Ok((group.after, outcome))
}

/// A key that is known with the same content was accepted meanwhile; other content needs a person who says that
/// this one is right. It then becomes the next version, with an event id of its own. What the broker refused
/// becomes the next version in any case, since the version before never went out.
fn version_of(
    known: &Known,
    record: &NewRecord,
    row: &EntryRow,
    as_correction: bool,
) -> Result<u32, Outcome> {
    let parked = row.parked.is_some();
    if known.content == record.content && !parked {
        return Err(Outcome::Duplicate { sequence: unsigned(known.sequence) });
    }
    if !parked && !as_correction {
        return Err(Outcome::Conflict { entry: row.entry.clone() });
    }
    Ok(u32::try_from(known.version + 1).unwrap_or(u32::MAX))
}

/// A key that is not known begins with version 1, unless the entry itself says that it was known and is forgotten: the
/// CRM has that id. No version before was higher than the numbers that were given out, so the next number is new.
fn version_of_unknown(
    record: &NewRecord,
    row: &EntryRow,
    as_correction: bool,
    next_sequence: i64,
) -> Result<u32, Outcome> {
    let findings: Vec<Quality> = serde_json::from_str(&row.findings).unwrap_or_default();
    let accepted = format!("{} was accepted ", record.key);
    let is_about = |finding: &Quality| {
        matches!(finding.rule.as_str(), CONFLICT | REFUSED)
            && finding.message.starts_with(&accepted)
    };
    if !findings.iter().any(is_about) {
        return Ok(1);
    }
    if row.parked.is_none() && !as_correction {
        return Err(Outcome::Conflict { entry: row.entry.clone() });
    }
    Ok(u32::try_from(next_sequence).unwrap_or(u32::MAX))
}

/// The record belongs to the capture that it was read from.
fn replay_record(
    group: &mut Group,
    row: &mut EntryRow,
    replacement: Option<&NewCapture>,
    record: NewRecord,
    version: u32,
) -> Outcome {
    let id = replacement.map(|replacement| replacement.id.to_string());
    let place = Place {
        capture_id: id.as_deref().unwrap_or_else(|| capture_of(&row.entry)),
        capture: replacement.map_or(row.capture, |_| group.after.next_capture),
        item: replacement.map_or(row.item, |_| 0),
        received_us: replacement
            .map_or(row.received_us, |replacement| replacement.received_at.as_microsecond()),
        source: &row.source,
        channel: &row.channel,
    };
    let sequence = group.record(&place, record, version);
    row.replayed = i64::try_from(sequence).ok();
    Outcome::Accepted { sequence }
}

/// The broker will never take a record: it is marked, and an entry tells people. A second time is no error, since a
/// restart may come between this and the acknowledgement of what is behind.
pub(super) async fn park(
    connection: &mut SqliteConnection,
    sequence: i64,
    reason: &str,
) -> Result<(), sqlx::Error> {
    const MARK: &str = "UPDATE record SET parked = ? WHERE sequence = ? AND parked IS NULL";
    // A record may outlive its capture when a damaged journal is recovered.
    const OF: &str = "SELECT record.capture, coalesce(capture.id, 'lost'), record.item, \
        record.received_us, coalesce(capture.source, 'lost'), coalesce(capture.channel, 'lost'), \
        record.key FROM record LEFT JOIN capture ON capture.number = record.capture \
        WHERE sequence = ?";
    let query = sqlx::query(MARK).bind(reason).bind(sequence);
    if query.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(());
    }
    let row = sqlx::query(OF).bind(sequence).fetch_one(&mut *connection).await?;
    let (id, source, channel): (String, String, String) =
        (row.try_get(1)?, row.try_get(4)?, row.try_get(5)?);
    let place = Place {
        capture_id: &id,
        capture: row.try_get(0)?,
        item: row.try_get(2)?,
        received_us: row.try_get(3)?,
        source: &source,
        channel: &channel,
    };
    let mut entry = new_entry(&place, &[parked_finding(&row.try_get::<String, _>(6)?, reason)]);
    // A version that is refused in its turn has an entry of its own: the one before says what it became.
    entry.entry.push_str(&format!("-refused-{sequence}"));
    entry.parked = Some(sequence);
    EntryRow::write(connection, &[entry.sealed()]).await
}

fn parked_finding(key: &str, reason: &str) -> Quality {
    Quality {
        rule: REFUSED.to_owned(),
        severity: Severity::Error,
        path: String::new(),
        message: format!("{key} was accepted but cannot be delivered: {reason}"),
        expected: None,
        found: None,
    }
}

/// The CRM has the notice of an entry.
pub(super) async fn noticed(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "UPDATE quarantine SET noticed = 1 WHERE entry = ?";
    sqlx::query(SQL).bind(id).execute(connection).await.map(drop)
}

/// Notices that the CRM does not have, oldest first.
pub(super) async fn notices(
    connection: &mut SqliteConnection,
    limit: i64,
) -> Result<Vec<Notice>, sqlx::Error> {
    let sql =
        format!("SELECT {ENTRY_COLUMNS} FROM quarantine WHERE noticed = 0 ORDER BY entry LIMIT ?");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(limit);
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(|row| Ok(notice(&EntryRow::of(row)?))).collect()
}

fn notice(row: &EntryRow) -> Notice {
    let findings: Vec<Quality> = serde_json::from_str(&row.findings).unwrap_or_default();
    let mut codes = BTreeMap::new();
    for finding in &findings {
        if codes.len() < NOTICE_CODES || codes.contains_key(finding.rule.as_str()) {
            *codes.entry(finding.rule.as_str()).or_default() += 1;
        }
    }
    let payload = NoticePayload {
        entry: &row.entry,
        capture: capture_of(&row.entry),
        item: row.item,
        source: &row.source,
        channel: &row.channel,
        received_at: moment(row.received_us).to_string(),
        findings: codes,
    };
    // Strings and numbers: serializing them cannot fail.
    let payload = serde_json::to_vec(&payload).unwrap_or_default();
    Notice { id: row.entry.clone(), payload: payload.into() }
}
