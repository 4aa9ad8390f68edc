//! Proof that a journal is whole: what `tillgate verify` does. SQLite itself notices neither a flipped bit in a row nor
//! a row that is gone; checksums and chains do.
//!
//! In: a data folder. Out: a report in words. Read-only; works beside a running daemon, on one consistent snapshot.
//! What cannot be read is a problem like others: the rest is looked at all the same.

use std::fmt;
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use tillgate_record::IdempotencyKey;

use super::counters::Counters;
use super::digest::Digest;
use super::files::reply_digest;
use super::group::known_digest;
use super::incarnation::{Incarnations, ShownIncarnation};
use super::loss::{self, Loss};
use super::mark::Mark;
use super::open::{OpenError, open, reading, schema_version};
use super::options::journal_path;
use super::read::unpacked;
use super::row::{
    CAPTURE_COLUMNS, CaptureRow, ENTRY_COLUMNS, EntryRow, RECORD_COLUMNS, RecordRow, event_type_of,
    unsigned,
};

/// Journals of this schema and later have incarnations and losses.
const HISTORY_SINCE: i64 = 3;
/// Rows that one look reads.
const PAGE: i64 = 500;
/// Captures that one look reads: their raw inputs may be large.
const CAPTURE_PAGE: i64 = 16;
/// Problems that are told; the rest is counted.
const PROBLEMS: usize = 100;

/// Why nothing can be said of a journal.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is none.
    #[error("there is no journal at {}: is [gateway] data_dir right?", .0.display())]
    Missing(PathBuf),
    /// It cannot be read at all.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The journal.
        path: PathBuf,
        /// The database's answer.
        #[source]
        source: sqlx::Error,
    },
    /// The data folder, or a recovery in it.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What was proved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// No problem was found.
    pub whole: bool,
    /// Records kept.
    pub records: u64,
    /// Captures kept.
    pub captures: u64,
    /// Raw inputs kept.
    pub raws: u64,
    /// Quarantine entries kept.
    pub entries: u64,
    /// Keys known.
    pub keys: u64,
    /// Highest sequence number given out.
    pub sequence_assigned: u64,
    /// The broker has all records through this one.
    pub sequence_acknowledged: u64,
    /// Records through this one were delivered and removed.
    pub sequence_pruned: u64,
    /// The incarnation of new records.
    pub incarnation: u32,
    /// Captures taken since the journal was made.
    pub captures_assigned: u64,
    /// The incarnations that records belong to.
    pub incarnations: Vec<ShownIncarnation>,
    /// What was lost before, oldest first. The journal may be whole again all the same.
    pub losses: Vec<Loss>,
    /// What is wrong, in words; the first hundred.
    pub problems: Vec<String>,
    /// Problems that are not listed.
    pub problems_left_out: u64,
}

impl VerifyReport {
    /// What a look gave, or the problem that it could not be had.
    fn readable<T>(&mut self, what: impl fmt::Display, read: Result<T, sqlx::Error>) -> Option<T> {
        read.inspect_err(|error| self.problem(format_args!("{what} cannot be read: {error}"))).ok()
    }

    fn problem(&mut self, problem: impl fmt::Display) {
        if self.problems.len() < PROBLEMS {
            self.problems.push(problem.to_string());
        } else {
            self.problems_left_out += 1;
        }
    }
}

/// Verifies the journal of a data folder.
pub async fn verify(data_dir: &Path) -> Result<VerifyReport, VerifyError> {
    let path = journal_path(data_dir);
    if !path.is_file() {
        return Err(VerifyError::Missing(path));
    }
    // Before the journal: the mark is never ahead of it.
    let mark = Mark::read(data_dir);
    match verify_file(&path).await {
        Ok(mut report) => {
            if let Some(mark) = mark {
                against(&mark, &mut report);
            }
            Ok(report)
        }
        Err(source) => Err(VerifyError::Unreadable { path, source }),
    }
}

/// Recovers what can be read of the journal of a stopped daemon, if [`verify`] finds it damaged: the files as they were
/// are set aside, and what is missing is told. A start looks at what was not delivered only, so that damage behind that
/// would stay, and no backup could be made. Gives the proof of the journal that is there afterwards.
pub async fn mend(data_dir: &Path, now_us: i64) -> Result<VerifyReport, VerifyError> {
    let found = verify(data_dir).await;
    let problem = match &found {
        Ok(report) if !report.whole => report.problems.first().cloned().unwrap_or_default(),
        Err(VerifyError::Unreadable { source, .. }) => source.to_string(),
        Ok(_) | Err(_) => return found,
    };
    let opened = open(data_dir, Some(problem), now_us).await?;
    let path = opened.path;
    let closed = opened.connection.close().await;
    closed.map_err(|source| VerifyError::Unreadable { path, source })?;
    verify(data_dir).await
}

/// A daemon notices this at its start; here it is told before.
fn against(mark: &Mark, report: &mut VerifyReport) {
    let assigned = i64::try_from(report.sequence_assigned).unwrap_or(i64::MAX);
    let captures = i64::try_from(report.captures_assigned).unwrap_or(i64::MAX);
    let incarnation = i64::from(report.incarnation);
    let behind = assigned < mark.next_sequence - 1 || captures < mark.next_capture - 1;
    if incarnation < mark.incarnation || (incarnation == mark.incarnation && behind) {
        report.problem(format_args!(
            "the journal is behind its high-water mark: record {} and capture {} were taken, record {assigned} \
             and capture {captures} are the newest here",
            mark.next_sequence - 1,
            mark.next_capture - 1,
        ));
        report.whole = false;
    }
}

/// Verifies one file.
pub(super) async fn verify_file(path: &Path) -> Result<VerifyReport, sqlx::Error> {
    let mut connection = reading(path).connect().await?;
    let mut snapshot = connection.begin().await?;
    let mut report = VerifyReport::default();
    structure(&mut snapshot, &mut report).await?;
    let (counters, sound) = Counters::read(&mut snapshot).await?;
    if !sound {
        report.problem("the counters do not match their checksum");
    }
    report.sequence_assigned = unsigned(counters.newest());
    report.sequence_acknowledged = unsigned(counters.acknowledged);
    report.sequence_pruned = unsigned(counters.pruned_sequence);
    if counters.acknowledged > counters.newest() || counters.pruned_sequence > counters.acknowledged
    {
        report.problem("the counters contradict one another: pruned, acknowledged, assigned");
    }
    let read = history(&mut snapshot, &counters, &mut report).await;
    report.readable("a table of keys, replies, incarnations or losses", read);
    let read = records(&mut snapshot, &counters, &mut report).await;
    report.readable("the rest of the records", read);
    let read = captures(&mut snapshot, &counters, &mut report).await;
    report.readable("the rest of the captures", read);
    let read = entries(&mut snapshot, &mut report).await;
    report.readable("the rest of the quarantine", read);
    let read = accounts(&mut snapshot, &counters, &mut report).await;
    report.readable("what links the tables", read);
    snapshot.rollback().await?;
    connection.close().await?;
    report.whole = report.problems.is_empty();
    Ok(report)
}

/// Incarnations and losses, which journals of earlier versions do not have.
async fn history(
    connection: &mut SqliteConnection,
    counters: &Counters,
    report: &mut VerifyReport,
) -> Result<(), sqlx::Error> {
    report.incarnation = u32::try_from(counters.incarnation).unwrap_or(u32::MAX);
    report.captures_assigned = unsigned(counters.next_capture - 1);
    if schema_version(connection).await < HISTORY_SINCE {
        return Ok(());
    }
    match Incarnations::read(connection, counters).await? {
        Some(incarnations) => report.incarnations = incarnations.shown(),
        None => report.problem("the incarnations do not hold"),
    }
    let losses = loss::all(connection).await?;
    report.losses = losses.into_iter().map(|(_, loss)| loss).collect();
    keys_and_replies(connection, report).await
}

/// Keys and replies have no chain, only checksums of their own.
async fn keys_and_replies(
    connection: &mut SqliteConnection,
    report: &mut VerifyReport,
) -> Result<(), sqlx::Error> {
    const KEYS: &str = "SELECT key, content, sequence, version, checksum FROM known \
        WHERE checksum IS NOT NULL";
    const REPLIES: &str = "SELECT capture, partner, file_name, content_type, content, checksum, id \
        FROM reply WHERE checksum IS NOT NULL";
    let mut rows = sqlx::query(KEYS).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let (key, holds) = report.readable("a key", key_holds(&row)).unwrap_or_default();
        if !holds && !key.is_empty() {
            report.problem(format_args!("key {key} does not match its checksum"));
        }
    }
    drop(rows);
    let mut rows = sqlx::query(REPLIES).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let id: i64 = row.try_get(6)?;
        if report.readable(format_args!("reply {id}"), reply_holds(&row)) == Some(false) {
            report.problem(format_args!("reply {id} does not match its checksum"));
        }
    }
    Ok(())
}

fn key_holds(row: &SqliteRow) -> Result<(String, bool), sqlx::Error> {
    let key: String = row.try_get(0)?;
    let content: Vec<u8> = row.try_get(1)?;
    let digest = known_digest(&key, &content, row.try_get(2)?, row.try_get(3)?);
    Ok((key, digest == row.try_get::<i64, _>(4)?))
}

fn reply_holds(row: &SqliteRow) -> Result<bool, sqlx::Error> {
    let named: [String; 4] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?];
    let content: Vec<u8> = row.try_get(4)?;
    let [capture, partner, file_name, content_type] = &named;
    let digest = reply_digest([capture, partner, file_name, content_type], &content);
    Ok(digest == row.try_get::<i64, _>(5)?)
}

/// Pages, indexes, types.
async fn structure(
    connection: &mut SqliteConnection,
    report: &mut VerifyReport,
) -> Result<(), sqlx::Error> {
    for row in sqlx::query("PRAGMA integrity_check(20)").fetch_all(connection).await? {
        let line: String = row.try_get(0)?;
        if line != "ok" {
            report.problem(format_args!("the file's structure: {line}"));
        }
    }
    Ok(())
}

/// A chain of rows that is walked from the oldest kept to the newest.
struct Chain {
    what: &'static str,
    next: i64,
    /// Checksum of the row before; none before the first that is kept.
    previous: Option<i64>,
}

impl Chain {
    fn new(what: &'static str, pruned: i64) -> Self {
        let previous = (pruned == 0).then_some(0);
        Self { what, next: pruned + 1, previous }
    }

    /// Takes the next row: its number, the predecessor that it names, and its own checksum.
    fn link(&mut self, number: i64, previous: i64, checksum: i64, report: &mut VerifyReport) {
        let what = self.what;
        if number != self.next {
            report.problem(format_args!("{what} {} to {} are missing", self.next, number - 1));
        } else if self.previous.is_some_and(|expected| expected != previous) {
            report.problem(format_args!("{what} {number} does not follow the one before it"));
        }
        self.next = number + 1;
        self.previous = Some(checksum);
    }

    /// The next row is there, and nobody knows what it says.
    fn skip(&mut self, number: i64) {
        self.next = number + 1;
        self.previous = None;
    }

    /// The last row was taken.
    fn end(&self, newest: i64, chain: i64, report: &mut VerifyReport) {
        let what = self.what;
        if self.next <= newest {
            report.problem(format_args!("{what} {} to {newest} are missing", self.next));
        } else if self.next > newest + 1 {
            report.problem(format_args!("{what} {} is newer than the counters", self.next - 1));
        } else if self.previous.is_some_and(|checksum| checksum != chain) {
            report.problem(format_args!("{what} {newest} is not the one that the counters name"));
        }
    }
}

async fn records(
    connection: &mut SqliteConnection,
    counters: &Counters,
    report: &mut VerifyReport,
) -> Result<(), sqlx::Error> {
    let sql =
        format!("SELECT {RECORD_COLUMNS} FROM record WHERE sequence > ? ORDER BY sequence LIMIT ?");
    let mut chain = Chain::new("record", counters.pruned_sequence);
    let mut after = i64::MIN;
    loop {
        let rows = page(connection, &sql, after, PAGE).await?;
        for row in &rows {
            after = row.try_get(0)?;
            report.records += 1;
            let read = RecordRow::of(row);
            let Some(row) = report.readable(format_args!("record {after}"), read) else {
                chain.skip(after);
                continue;
            };
            record(&row, report);
            chain.link(row.sequence, row.previous, row.checksum, report);
        }
        if rows.is_empty() {
            break;
        }
    }
    chain.end(counters.newest(), counters.record_chain, report);
    Ok(())
}

fn record(row: &RecordRow, report: &mut VerifyReport) {
    let sequence = row.sequence;
    if row.digest() != row.checksum {
        report.problem(format_args!("record {sequence} does not match its checksum"));
        return;
    }
    let version = u32::try_from(row.version).unwrap_or(0);
    let id = IdempotencyKey::from_stored(row.key.clone()).event_id(version);
    if id.as_bytes() != &row.event_id {
        report.problem(format_args!("record {sequence} has an id that its key does not give"));
    }
    if event_type_of(row.event_type).is_none() {
        report.problem(format_args!("record {sequence} is of no known type"));
    }
}

async fn captures(
    connection: &mut SqliteConnection,
    counters: &Counters,
    report: &mut VerifyReport,
) -> Result<(), sqlx::Error> {
    let sql =
        format!("SELECT {CAPTURE_COLUMNS} FROM capture WHERE number > ? ORDER BY number LIMIT ?");
    let mut chain = Chain::new("capture", counters.pruned_capture);
    let mut after = i64::MIN;
    loop {
        let rows = page(connection, &sql, after, CAPTURE_PAGE).await?;
        for row in &rows {
            after = row.try_get(0)?;
            report.captures += 1;
            let read = CaptureRow::of(row);
            let Some(row) = report.readable(format_args!("capture {after}"), read) else {
                chain.skip(after);
                continue;
            };
            capture(&row, report);
            // One that an entry held back when those around it went has no neighbours to prove it.
            if row.number > counters.pruned_capture {
                chain.link(row.number, row.previous, row.checksum, report);
            }
        }
        if rows.is_empty() {
            break;
        }
    }
    chain.end(counters.next_capture - 1, counters.capture_chain, report);
    Ok(())
}

fn capture(row: &CaptureRow, report: &mut VerifyReport) {
    let id = &row.id;
    if row.digest() != row.checksum {
        report.problem(format_args!("capture {id} does not match its checksum"));
        return;
    }
    let counts = row.counts;
    if counts.items != counts.records + counts.duplicates + counts.quarantined + counts.noted {
        report.problem(format_args!("capture {id} does not account for all its items"));
    }
    let Some(packed) = &row.raw else { return };
    report.raws += 1;
    let sound = Digest::of("raw").bytes(packed).finish() == row.raw_checksum;
    let raw = unpacked(row, u64::MAX).ok().flatten().filter(|_| sound);
    if raw.is_none_or(|raw| Sha256::digest(&raw).as_slice() != row.sha256) {
        report.problem(format_args!("the raw input of capture {id} is not what was received"));
    }
}

async fn entries(
    connection: &mut SqliteConnection,
    report: &mut VerifyReport,
) -> Result<(), sqlx::Error> {
    let sql =
        format!("SELECT {ENTRY_COLUMNS} FROM quarantine WHERE entry > ? ORDER BY entry LIMIT ?");
    let mut after = String::new();
    loop {
        let query = sqlx::query(sqlx::AssertSqlSafe(sql.as_str())).bind(after.as_str()).bind(PAGE);
        let rows = query.fetch_all(&mut *connection).await?;
        for row in &rows {
            after = row.try_get(0)?;
            report.entries += 1;
            let read = EntryRow::of(row);
            let Some(row) = report.readable(format_args!("quarantine entry {after}"), read) else {
                continue;
            };
            if row.digest() != row.checksum {
                let entry = &row.entry;
                report
                    .problem(format_args!("quarantine entry {entry} does not match its checksum"));
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}

async fn page(
    connection: &mut SqliteConnection,
    sql: &str,
    after: i64,
    limit: i64,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(after).bind(limit).fetch_all(connection).await
}

/// Whether the tables agree: each query lists what another table should have.
async fn accounts(
    connection: &mut SqliteConnection,
    counters: &Counters,
    report: &mut VerifyReport,
) -> Result<(), sqlx::Error> {
    report.keys = unsigned(
        sqlx::query_scalar("SELECT count(*) FROM known").fetch_one(&mut *connection).await?,
    );
    let pruned = counters.pruned_sequence;
    for (sql, bound, problem) in [
        (RECORDS_OF_CAPTURES, pruned, "does not have the records that it counts: capture"),
        (CAPTURES_OF_RECORDS, pruned, "has no capture that accounts for it: record"),
        (
            ENTRIES_OF_CAPTURES,
            pruned,
            "does not have the quarantine entries that it counts: capture",
        ),
        (CAPTURES_OF_ENTRIES, pruned, "has no capture: quarantine entry"),
        (KEYS_OF_RECORDS, counters.keys_since_us, "has a key that is not known: record"),
        (RECORDS_OF_KEYS, pruned, "names a record that has another key: key"),
    ] {
        let query = sqlx::query_scalar::<_, String>(sql).bind(bound).bind(PAGE);
        for name in query.fetch_all(&mut *connection).await? {
            let (what, whose) = problem.split_once(": ").unwrap_or((problem, ""));
            report.problem(format_args!("{whose} {name} {what}"));
        }
    }
    Ok(())
}

const RECORDS_OF_CAPTURES: &str = "SELECT id FROM capture WHERE \
    (SELECT count(*) FROM record WHERE sequence BETWEEN first_sequence AND first_sequence + records - 1 \
        AND record.capture = capture.number) \
    <> max(0, records - max(0, ?1 - first_sequence + 1)) LIMIT ?2";

/// A record may outlive its capture when a damaged journal is recovered: it then names capture 0.
const CAPTURES_OF_RECORDS: &str = "SELECT CAST(sequence AS TEXT) FROM record WHERE sequence > ?1 \
    AND capture <> 0 AND NOT EXISTS (SELECT 1 FROM capture WHERE number = record.capture \
        AND sequence BETWEEN first_sequence AND first_sequence + records - 1) \
    AND NOT EXISTS (SELECT 1 FROM quarantine \
        WHERE quarantine.capture = record.capture AND replayed = sequence) LIMIT ?2";

const ENTRIES_OF_CAPTURES: &str = "SELECT id FROM capture WHERE quarantined <> \
    (SELECT count(*) FROM quarantine WHERE quarantine.capture = capture.number AND parked IS NULL) \
    AND ?1 = ?1 LIMIT ?2";

const CAPTURES_OF_ENTRIES: &str = "SELECT entry FROM quarantine \
    WHERE capture <> 0 AND NOT EXISTS (SELECT 1 FROM capture WHERE number = quarantine.capture) \
    AND ?1 = ?1 LIMIT ?2";

const KEYS_OF_RECORDS: &str = "SELECT CAST(sequence AS TEXT) FROM record WHERE received_us >= ?1 \
    AND NOT EXISTS (SELECT 1 FROM known WHERE known.key = record.key \
        AND known.sequence >= record.sequence AND known.version >= record.version) LIMIT ?2";

const RECORDS_OF_KEYS: &str = "SELECT key FROM known WHERE sequence > ?1 \
    AND NOT EXISTS (SELECT 1 FROM record WHERE record.sequence = known.sequence \
        AND record.key = known.key AND record.content = known.content) LIMIT ?2";
