//! Pruning, in small steps between the commits. What is not delivered (not acknowledged by the broker, or, where the
//! CRM sends receipts, not confirmed by it), and the raw input of an open quarantine entry, are never touched. Rows go
//! from the oldest on, so that the chain of the rest still proves; a row that was dated by a clock ahead of its time
//! holds up those behind it, until the budget asks for room.

use sqlx::{Row, SqliteConnection};

use super::counters::Counters;
use super::row::unsigned;
use crate::config::Retention;

/// Most rows of a kind that one step removes: some milliseconds of the writer's time.
const STEP: i64 = 500;
/// Keys that one step looks at.
const SWEEP: i64 = 2000;

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// What a step of pruning removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Raw inputs of captures.
    pub raws: u64,
    /// Their bytes.
    pub raw_bytes: u64,
    /// Records.
    pub records: u64,
    /// Captures, with their closed quarantine entries.
    pub captures: u64,
    /// Keys.
    pub keys: u64,
    /// Stamps of files and replies to partners.
    pub papers: u64,
}

impl Pruned {
    /// Whether another step would find more to do.
    pub(super) fn is_full(&self) -> bool {
        let step = STEP.unsigned_abs();
        self.raws >= step || self.records >= step || self.captures >= step || self.papers >= step
    }
}

/// What is older goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    raw_us: i64,
    record_us: i64,
    key_us: i64,
    /// Raw inputs of records that were delivered go before their time, too.
    tight: bool,
    /// Whether a record is delivered when the CRM confirmed it, and not before.
    awaits_receipts: bool,
    /// So many bytes of raw inputs are too many: of what was delivered, too.
    excess: u64,
}

impl Limits {
    /// The limits of the moment: ages count from `moment_us`, see `aging`. When the budget is tight, what was delivered
    /// makes room before its time; keys stay, since a repeat must be recognised whatever the disk holds.
    pub(super) fn new(moment_us: i64, retention: &Retention, tight: bool) -> Self {
        let before = |days: u16| moment_us - i64::from(days) * DAY_US;
        // What is not to be kept at all goes whatever the date is.
        let none_or_before = |days: u16| if days == 0 { i64::MAX } else { before(days) };
        Self {
            raw_us: none_or_before(retention.capture_days),
            record_us: if tight { i64::MAX } else { none_or_before(retention.record_days) },
            key_us: before(retention.key_days),
            tight,
            awaits_receipts: false,
            excess: 0,
        }
    }

    /// The same where records wait for the CRM's receipts, or do not.
    pub(super) fn awaiting_receipts(self, awaits_receipts: bool) -> Self {
        Self { awaits_receipts, ..self }
    }

    /// All records through this one are delivered.
    fn delivered(&self, counters: &Counters) -> i64 {
        if self.awaits_receipts {
            counters.confirmed.min(counters.acknowledged)
        } else {
            counters.acknowledged
        }
    }

    /// The same, where raw inputs take too much room.
    pub(super) fn with_excess(self, excess: u64) -> Self {
        Self { excess, ..self }
    }
}

/// Takes one step. The caller begins and commits, and keeps the counters only when the commit held.
pub(super) async fn step(
    connection: &mut SqliteConnection,
    counters: &mut Counters,
    limits: Limits,
    sweep_from: &mut String,
) -> Result<Pruned, sqlx::Error> {
    let (raws, raw_bytes) = raws(connection, counters, limits).await?;
    let pruned = Pruned {
        raws,
        raw_bytes,
        records: records(connection, counters, limits).await?,
        captures: captures(connection, counters, limits).await?,
        keys: keys(connection, counters, limits, sweep_from).await?,
        papers: papers(connection, limits).await?,
    };
    if pruned != Pruned::default() {
        counters.write(connection).await?;
    }
    Ok(pruned)
}

/// Looks at the oldest raw inputs only, so that a step stays short however many are kept. How many went, and bytes.
async fn raws(
    connection: &mut SqliteConnection,
    counters: &Counters,
    limits: Limits,
) -> Result<(u64, u64), sqlx::Error> {
    const OLDEST: &str = "SELECT number, received_us, length(raw) \
        FROM capture INDEXED BY capture_with_raw WHERE raw IS NOT NULL AND NOT EXISTS \
            (SELECT 1 FROM quarantine WHERE quarantine.capture = capture.number AND state = 'open') \
        ORDER BY number LIMIT ?";
    const REMOVE: &str = "UPDATE capture INDEXED BY capture_with_raw SET raw = NULL \
        WHERE number <= ? AND raw IS NOT NULL AND NOT EXISTS \
            (SELECT 1 FROM quarantine WHERE quarantine.capture = capture.number AND state = 'open')";
    let early = limits.tight || limits.excess > 0;
    let delivered_below =
        if early { first_waiting(connection, counters, limits).await? } else { 0 };
    let (mut through, mut bytes) = (None, 0);
    for row in sqlx::query(OLDEST).bind(STEP).fetch_all(&mut *connection).await? {
        let number: i64 = row.try_get(0)?;
        let goes_early = number < delivered_below && (limits.tight || bytes < limits.excess);
        if row.try_get::<i64, _>(1)? >= limits.raw_us && !goes_early {
            break;
        }
        through = Some(number);
        bytes += unsigned(row.try_get(2)?);
    }
    let Some(through) = through else { return Ok((0, 0)) };
    let removed = sqlx::query(REMOVE).bind(through).execute(connection).await?.rows_affected();
    Ok((removed, bytes))
}

/// The capture of the first record that is not delivered. Those before it are delivered, since sequence
/// numbers rise with capture numbers; a replayed entry only makes the answer more careful.
async fn first_waiting(
    connection: &mut SqliteConnection,
    counters: &Counters,
    limits: Limits,
) -> Result<i64, sqlx::Error> {
    const SQL: &str = "SELECT capture FROM record WHERE sequence = ?";
    let query = sqlx::query_scalar(SQL).bind(limits.delivered(counters) + 1);
    Ok(query.fetch_optional(connection).await?.unwrap_or(counters.next_capture))
}

async fn records(
    connection: &mut SqliteConnection,
    counters: &mut Counters,
    limits: Limits,
) -> Result<u64, sqlx::Error> {
    const OLDEST: &str = "SELECT sequence, received_us FROM record \
        WHERE sequence <= ? ORDER BY sequence LIMIT ?";
    const DELETE: &str = "DELETE FROM record WHERE sequence <= ?";
    let query = sqlx::query(OLDEST).bind(limits.delivered(counters)).bind(STEP);
    let mut through = None;
    for row in query.fetch_all(&mut *connection).await? {
        if row.try_get::<i64, _>(1)? >= limits.record_us {
            break;
        }
        through = Some(row.try_get(0)?);
    }
    let Some(through) = through else { return Ok(0) };
    counters.pruned_sequence = through;
    Ok(sqlx::query(DELETE).bind(through).execute(connection).await?.rows_affected())
}

/// Captures go when nothing speaks of them any more: their raw input, their records and their keys are gone, and
/// their entries are closed.
async fn captures(
    connection: &mut SqliteConnection,
    counters: &mut Counters,
    limits: Limits,
) -> Result<u64, sqlx::Error> {
    const OLDEST: &str = "SELECT number, received_us < ?1 AND raw IS NULL \
        AND first_sequence + records - 1 <= ?2 \
        AND NOT EXISTS (SELECT 1 FROM quarantine WHERE quarantine.capture = capture.number \
            AND (state = 'open' OR replayed > ?2)) \
        FROM capture ORDER BY number LIMIT ?3";
    // Entries of lost captures (number 0) stay until a person has dealt with them.
    const ENTRIES: &str = "DELETE FROM quarantine \
        WHERE capture <= ? AND (capture > 0 OR state <> 'open')";
    const DELETE: &str = "DELETE FROM capture WHERE number <= ?";
    let query = sqlx::query(OLDEST).bind(limits.key_us.min(limits.raw_us));
    let mut through = None;
    for row in query.bind(counters.pruned_sequence).bind(STEP).fetch_all(&mut *connection).await? {
        if row.try_get::<i64, _>(1)? == 0 {
            break;
        }
        through = Some(row.try_get(0)?);
    }
    let Some(through) = through else { return Ok(0) };
    counters.pruned_capture = through;
    sqlx::query(ENTRIES).bind(through).execute(&mut *connection).await?;
    Ok(sqlx::query(DELETE).bind(through).execute(connection).await?.rows_affected())
}

/// Keys have no order of time: a sweep goes over all of them, a few with each step.
async fn keys(
    connection: &mut SqliteConnection,
    counters: &mut Counters,
    limits: Limits,
    sweep_from: &mut String,
) -> Result<u64, sqlx::Error> {
    const NEXT: &str = "SELECT count(*), max(key) FROM \
        (SELECT key FROM known WHERE key > ? ORDER BY key LIMIT ?)";
    const DELETE: &str = "DELETE FROM known WHERE key > ? AND key <= ? AND seen_us < ?";
    let query = sqlx::query(NEXT).bind(sweep_from.as_str()).bind(SWEEP);
    let row = query.fetch_one(&mut *connection).await?;
    let through: Option<String> = row.try_get(1)?;
    let Some(through) = through else {
        sweep_from.clear();
        return Ok(0);
    };
    let query = sqlx::query(DELETE).bind(sweep_from.as_str()).bind(through.as_str());
    let removed = query.bind(limits.key_us).execute(connection).await?.rows_affected();
    let last = row.try_get::<i64, _>(0)? < SWEEP;
    *sweep_from = if last { String::new() } else { through };
    if removed > 0 {
        counters.keys_since_us = counters.keys_since_us.max(limits.key_us);
    }
    Ok(removed)
}

async fn papers(connection: &mut SqliteConnection, limits: Limits) -> Result<u64, sqlx::Error> {
    const FILES: &str = "DELETE FROM edi_file WHERE (partner, name, inode, modified_ns, bytes) IN \
        (SELECT partner, name, inode, modified_ns, bytes FROM edi_file \
        WHERE finished = 1 AND taken_us < ? LIMIT ?)";
    const REPLIES: &str = "DELETE FROM reply WHERE id IN \
        (SELECT id FROM reply WHERE written_us < ? LIMIT ?)";
    let mut removed = 0;
    for sql in [FILES, REPLIES] {
        let query = sqlx::query(sql).bind(limits.record_us).bind(STEP);
        removed += query.execute(&mut *connection).await?.rows_affected();
    }
    Ok(removed)
}
