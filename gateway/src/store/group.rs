//! What a group of captures becomes: rows with their numbers, and the answers. Pure: the same captures, counters and
//! known keys give the same rows, so that a group can be written a second time when its first commit failed.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use sqlx::{Row, SqliteConnection};
use tillgate_record::{Channel, IdempotencyKey, Quality, Severity};

use super::counters::Counters;
use super::digest::Digest;
use super::insert::{Inserts, Lookups};
use super::row::{CaptureRow, Counts, EntryRow, RecordRow, event_type_number, signed, unsigned};
use super::{NewCapture, NewItem, NewRecord, Outcome, Receipt};
use crate::normalize::Reply;
use crate::source::FileStamp;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Content of the newest version.
    pub(super) content: Vec<u8>,
    /// Where the newest version stands in the outbox.
    pub(super) sequence: i64,
    /// The newest version.
    pub(super) version: i64,
}

/// Known keys by their text.
pub(super) type KnownKeys = HashMap<String, Known>;

/// All rows of a group, and what to answer once they are committed.
#[derive(Debug)]
pub(super) struct Group {
    /// The counters that the commit writes.
    pub(super) after: Counters,
    /// One for each capture.
    pub(super) receipts: Vec<Receipt>,
    pub(super) records: Vec<RecordRow>,
    pub(super) entries: Vec<EntryRow>,
    captures: Vec<CaptureRow>,
    files: Vec<(FileStamp, String, i64)>,
    replies: Vec<(Reply, CaptureOf)>,
    known: KnownKeys,
    /// Keys count as seen then at the earliest.
    seen_us: i64,
}

/// What a reply says of its capture.
#[derive(Debug)]
struct CaptureOf {
    id: String,
    partner: String,
    /// An answer that went out on the connection of the request needs no file.
    written_us: Option<i64>,
}

/// One item's place: capture, position, and what its rows repeat of the capture.
pub(super) struct Place<'a> {
    pub(super) capture_id: &'a str,
    pub(super) capture: i64,
    pub(super) item: i64,
    pub(super) received_us: i64,
    pub(super) source: &'a str,
    pub(super) channel: &'a str,
}

impl Group {
    /// An empty group that goes on from `before` and knows `known`.
    pub(super) fn new(before: Counters, known: KnownKeys) -> Self {
        Self {
            after: before,
            receipts: Vec::new(),
            records: Vec::new(),
            entries: Vec::new(),
            captures: Vec::new(),
            files: Vec::new(),
            replies: Vec::new(),
            known,
            seen_us: i64::MIN,
        }
    }

    /// The same, whose keys are not older than this, whatever the clock said when their inputs came.
    pub(super) fn seen_at(self, seen_us: i64) -> Self {
        Self { seen_us, ..self }
    }

    /// Adds a capture with all that it became.
    pub(super) fn add(&mut self, mut capture: NewCapture) {
        let id = capture.id.to_string();
        let mut place = Place {
            capture_id: &id,
            capture: self.after.next_capture,
            item: 0,
            received_us: capture.received_at.as_microsecond(),
            source: &capture.source,
            channel: capture.channel.as_str(),
        };
        let first_sequence = self.after.next_sequence;
        let mut outcomes = Vec::with_capacity(capture.items.len());
        for item in std::mem::take(&mut capture.items) {
            outcomes.push(self.item(&place, item));
            place.item += 1;
        }
        let capture_id = capture.id;
        self.keep(capture, first_sequence, &outcomes);
        self.receipts.push(Receipt { capture: capture_id, outcomes });
    }

    /// Adds a capture whose items became `outcomes`, with records from `first_sequence` on.
    pub(super) fn keep(&mut self, capture: NewCapture, first_sequence: i64, outcomes: &[Outcome]) {
        let id = capture.id.to_string();
        let received_us = capture.received_at.as_microsecond();
        for reply in capture.replies {
            let inline = capture.channel != Channel::EdiFolder;
            let of = CaptureOf {
                id: id.clone(),
                partner: capture.source.clone(),
                written_us: inline.then_some(received_us),
            };
            self.replies.push((reply, of));
        }
        if let Some(stamp) = capture.file {
            self.files.push((stamp, id.clone(), received_us));
        }
        self.captures.push(self.capture_row(CaptureRow {
            number: self.after.next_capture,
            id,
            source: capture.source,
            channel: capture.channel.as_str().to_owned(),
            media: capture.media.as_str().to_owned(),
            received_us,
            sha256: capture.sha256.to_vec(),
            counts: count(outcomes),
            first_sequence,
            config_version: capture.config_version,
            raw_bytes: i64::try_from(capture.raw_bytes).unwrap_or(i64::MAX),
            raw_checksum: Digest::of("raw").bytes(&capture.raw_zstd).finish(),
            previous: self.after.capture_chain,
            checksum: 0,
            raw: Some(capture.raw_zstd),
        }));
        if let Some(row) = self.captures.last() {
            self.after.capture_chain = row.checksum;
            self.after.next_capture += 1;
        }
    }

    fn capture_row(&self, mut row: CaptureRow) -> CaptureRow {
        row.checksum = row.digest();
        row
    }

    fn item(&mut self, place: &Place<'_>, item: NewItem) -> Outcome {
        match item {
            NewItem::Noted => Outcome::Noted,
            NewItem::Quarantine(findings) => {
                Outcome::Quarantined { entry: self.quarantine(place, &findings) }
            }
            NewItem::Record(record) => match self.known.get(record.key.as_str()) {
                None => Outcome::Accepted { sequence: self.record(place, record, 1) },
                Some(known) if known.content == record.content => {
                    Outcome::Duplicate { sequence: unsigned(known.sequence) }
                }
                Some(known) => {
                    let finding = conflict(known, &record);
                    Outcome::Conflict { entry: self.quarantine(place, &[finding]) }
                }
            },
        }
    }

    /// Adds a record and returns its sequence number.
    pub(super) fn record(&mut self, place: &Place<'_>, new: NewRecord, version: u32) -> u64 {
        let sequence = self.after.next_sequence;
        let key = new.key.as_str().to_owned();
        let known = Known { content: new.content.to_vec(), sequence, version: i64::from(version) };
        self.known.insert(key.clone(), known);
        let mut row = RecordRow {
            sequence,
            event_id: new.key.event_id(version).into_bytes(),
            capture: place.capture,
            item: place.item,
            event_type: event_type_number(new.event_type),
            key,
            version: i64::from(version),
            content: new.content.to_vec(),
            time: new.time,
            received_us: place.received_us,
            previous: self.after.record_chain,
            checksum: 0,
            data: new.data,
        };
        row.checksum = row.digest();
        self.after.record_chain = row.checksum;
        self.after.next_sequence += 1;
        self.records.push(row);
        unsigned(sequence)
    }

    fn quarantine(&mut self, place: &Place<'_>, findings: &[Quality]) -> String {
        let entry = new_entry(place, findings);
        let name = entry.entry.clone();
        self.entries.push(entry);
        name
    }

    /// Writes all rows. The caller begins and commits.
    pub(super) async fn write(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        CaptureRow::insert(connection, &self.captures).await?;
        RecordRow::insert(connection, &self.records).await?;
        write_known(connection, &self.records, self.seen_us).await?;
        EntryRow::write(connection, &self.entries).await?;
        write_files(connection, &self.files).await?;
        write_replies(connection, &self.replies).await?;
        self.after.write(connection).await
    }
}

/// A new open entry. Its name is a function of the capture and the item, so that a replay of the whole journal names
/// it the same.
pub(super) fn new_entry(place: &Place<'_>, findings: &[Quality]) -> EntryRow {
    EntryRow {
        entry: format!("{}-{}", place.capture_id, place.item),
        capture: place.capture,
        item: place.item,
        received_us: place.received_us,
        source: place.source.to_owned(),
        channel: place.channel.to_owned(),
        findings: findings_json(findings),
        state: "open".to_owned(),
        closed_us: None,
        closed_how: None,
        parked: None,
        replayed: None,
        noticed: 0,
        checksum: 0,
    }
    .sealed()
}

/// Findings as they are stored. Serializing strings and unit variants cannot fail.
pub(super) fn findings_json(findings: &[Quality]) -> String {
    serde_json::to_string(findings).unwrap_or_else(|_| "[]".to_owned())
}

fn count(outcomes: &[Outcome]) -> Counts {
    let mut counts = Counts { items: signed(outcomes.len()), ..Counts::default() };
    for outcome in outcomes {
        *match outcome {
            Outcome::Accepted { .. } => &mut counts.records,
            Outcome::Duplicate { .. } => &mut counts.duplicates,
            Outcome::Conflict { .. } | Outcome::Quarantined { .. } => &mut counts.quarantined,
            Outcome::Noted => &mut counts.noted,
        } += 1;
    }
    counts
}

/// The finding of a key that came again with other content.
pub(super) const CONFLICT: &str = "conflict";

pub(super) fn conflict(known: &Known, new: &NewRecord) -> Quality {
    Quality {
        rule: CONFLICT.to_owned(),
        severity: Severity::Error,
        path: String::new(),
        message: format!(
            "{} was accepted before with other content, as record {}: discard this entry, or \
             replay it as a correction",
            new.key, known.sequence
        ),
        expected: Some(hex::encode(&known.content)),
        found: Some(hex::encode(new.content)),
    }
}

static KNOWN_LOOKUPS: LazyLock<Lookups> = LazyLock::new(|| {
    Lookups::new(
        "SELECT key, content, sequence, version, checksum FROM known WHERE key IN ({})",
        "?",
    )
});

/// What the store knows of the keys of these captures.
pub(super) async fn known_keys(
    connection: &mut SqliteConnection,
    captures: &[NewCapture],
) -> Result<KnownKeys, sqlx::Error> {
    let keys: HashSet<&str> = captures
        .iter()
        .flat_map(|capture| &capture.items)
        .filter_map(|item| match item {
            NewItem::Record(record) => Some(record.key.as_str()),
            NewItem::Quarantine(_) | NewItem::Noted => None,
        })
        .collect();
    let mut keys: Vec<&str> = keys.into_iter().collect();
    // In order, so that neighbours are found on one page.
    keys.sort_unstable();
    look_up(connection, &keys).await
}

/// What the store knows of one key.
pub(super) async fn known_key(
    connection: &mut SqliteConnection,
    key: &IdempotencyKey,
) -> Result<Option<Known>, sqlx::Error> {
    Ok(look_up(connection, &[key.as_str()]).await?.remove(key.as_str()))
}

async fn look_up(
    connection: &mut SqliteConnection,
    keys: &[&str],
) -> Result<KnownKeys, sqlx::Error> {
    let rows = KNOWN_LOOKUPS.run(connection, keys, |query, key| query.bind(*key)).await?;
    let known = |row: &sqlx::sqlite::SqliteRow| {
        let key: String = row.try_get(0)?;
        let mut known =
            Known { content: row.try_get(1)?, sequence: row.try_get(2)?, version: row.try_get(3)? };
        let checksum = known_digest(&key, &known.content, known.sequence, known.version);
        if row.try_get::<Option<i64>, _>(4)?.is_some_and(|kept| kept != checksum) {
            tracing::error!(
                "a key in the journal is damaged: a sale that has it goes to quarantine"
            );
            // It equals no content, so that a person decides.
            known.content.clear();
        }
        Ok((key, known))
    };
    rows.iter().map(known).collect()
}

/// The newest version of a key is the one that repeats are compared with.
static KNOWN_WRITES: LazyLock<Inserts> = LazyLock::new(|| {
    Inserts::new(
        "INSERT INTO known (key, content, sequence, version, seen_us, checksum) VALUES",
        6,
        "ON CONFLICT (key) DO UPDATE SET content = excluded.content, \
         sequence = excluded.sequence, version = excluded.version, \
         seen_us = max(seen_us, excluded.seen_us), \
         checksum = excluded.checksum",
    )
});

/// The checksum of a row of `known`, but for the time, which only pruning looks at.
pub(super) fn known_digest(key: &str, content: &[u8], sequence: i64, version: i64) -> i64 {
    Digest::of("known").text(key).bytes(content).number(sequence).number(version).finish()
}

/// Notes the keys of new records.
pub(super) async fn write_known(
    connection: &mut SqliteConnection,
    records: &[RecordRow],
    seen_us: i64,
) -> Result<(), sqlx::Error> {
    KNOWN_WRITES
        .run(connection, records, |query, row| {
            query
                .bind(row.key.as_str())
                .bind(row.content.as_slice())
                .bind(row.sequence)
                .bind(row.version)
                .bind(row.received_us.max(seen_us))
                .bind(known_digest(&row.key, &row.content, row.sequence, row.version))
        })
        .await
}

/// A stamp that is there already was taken in the moment before: its content is recognised by its keys.
static FILE_WRITES: LazyLock<Inserts> = LazyLock::new(|| {
    Inserts::new(
        "REPLACE INTO edi_file \
         (partner, name, inode, modified_ns, bytes, capture, taken_us, finished) VALUES",
        8,
        "",
    )
});

async fn write_files(
    connection: &mut SqliteConnection,
    files: &[(FileStamp, String, i64)],
) -> Result<(), sqlx::Error> {
    FILE_WRITES
        .run(connection, files, |query, (stamp, capture, taken_us)| {
            super::files::bind_stamp(query, stamp)
                .bind(capture.as_str())
                .bind(*taken_us)
                .bind(0_i64)
        })
        .await
}

static REPLY_INSERTS: LazyLock<Inserts> = LazyLock::new(|| {
    Inserts::new(
        "INSERT INTO reply \
         (capture, partner, file_name, content_type, content, written_us, checksum) VALUES",
        7,
        "",
    )
});

async fn write_replies(
    connection: &mut SqliteConnection,
    replies: &[(Reply, CaptureOf)],
) -> Result<(), sqlx::Error> {
    REPLY_INSERTS
        .run(connection, replies, |query, (reply, of)| {
            query
                .bind(of.id.as_str())
                .bind(of.partner.as_str())
                .bind(reply.file_name.as_str())
                .bind(reply.content_type)
                .bind(reply.content.as_slice())
                .bind(of.written_us)
                .bind(super::files::reply_digest(
                    [&of.id, &of.partner, &reply.file_name, reply.content_type],
                    &reply.content,
                ))
        })
        .await
}
