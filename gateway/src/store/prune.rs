//! Pruning, in small steps between the commits. What is not delivered (not acknowledged by the broker, or, where the
//! CRM sends receipts, not confirmed by it), and the raw input of an open quarantine entry, are never touched. Rows go
//! from the oldest on, so that the chain of the rest still proves; a row that was dated by a clock ahead of its time
//! holds up those behind it, until the budget asks for room.
//!
//! Where the budget is tight, what was delivered goes before its time: raw inputs and records first, then the captures
//! that prove where they came from, and last of all keys (see `forget`), since a repeat of what was forgotten is no
//! longer recognised here.

use sqlx::{Row, SqliteConnection};
use tillgate_record::EventType;

use super::counters::Counters;
use super::forget::KeySweep;
use super::row::{event_type_number, unsigned};
use crate::config::Retention;

/// Most rows of a kind that one step removes: some milliseconds of the writer's time.
const STEP: i64 = 500;
/// The same where the budget is tight: more than a group brings, so that room is made faster than it is taken.
const TIGHT_STEP: i64 = 2500;

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
    pub(super) fn is_full(&self, limits: &Limits) -> bool {
        let step = limits.rows().unsigned_abs();
        self.raws >= step || self.records >= step || self.captures >= step || self.papers >= step
    }
}

/// How far the sweeps have come that go over a table again and again.
#[derive(Debug, Clone, Default)]
pub(super) struct Sweeps {
    pub(super) keys: KeySweep,
    /// The last capture that was looked at among those that an entry held back.
    held: i64,
}

/// What is older goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Now, by the clock of retention.
    pub(super) moment_us: i64,
    raw_us: i64,
    record_us: i64,
    pub(super) key_us: i64,
    /// Raw inputs of records that were delivered go before their time, too.
    tight: bool,
    /// Whether a record is delivered when the CRM confirmed it, and not before.
    awaits_receipts: bool,
    /// So many bytes of raw inputs are too many: of what was delivered, too.
    excess: u64,
    /// So many bytes of keys stay however tight it is.
    pub(super) key_bytes: u64,
}

impl Limits {
    /// The limits of the moment: ages count from `moment_us`, see `aging`. When the budget is tight, what was delivered
    /// makes room before its time.
    pub(super) fn new(moment_us: i64, retention: &Retention, tight: bool) -> Self {
        let before = |days: u16| moment_us - i64::from(days) * DAY_US;
        // What is not to be kept at all goes whatever the date is.
        let none_or_before = |days: u16| if days == 0 { i64::MAX } else { before(days) };
        Self {
            moment_us,
            raw_us: none_or_before(retention.capture_days),
            record_us: if tight { i64::MAX } else { none_or_before(retention.record_days) },
            key_us: before(retention.key_days),
            tight,
            awaits_receipts: false,
            excess: 0,
            key_bytes: 0,
        }
    }

    /// The same where so many bytes of keys stay at least.
    pub(super) fn keeping_keys(self, key_bytes: u64) -> Self {
        Self { key_bytes, ..self }
    }

    fn rows(&self) -> i64 {
        if self.tight { TIGHT_STEP } else { STEP }
    }

    /// The same where records wait for the CRM's receipts, or do not.
    pub(super) fn awaiting_receipts(self, awaits_receipts: bool) -> Self {
        Self { awaits_receipts, ..self }
    }

    fn delivered(&self, counters: &Counters) -> i64 {
        delivered(counters, self.awaits_receipts)
    }

    /// The same, where raw inputs take too much room.
    pub(super) fn with_excess(self, excess: u64) -> Self {
        Self { excess, ..self }
    }
}

/// All records through this one are delivered.
pub(super) fn delivered(counters: &Counters, awaits_receipts: bool) -> i64 {
    if awaits_receipts {
        counters.confirmed.min(counters.acknowledged)
    } else {
        counters.acknowledged
    }
}

/// Takes one step. The caller begins and commits, and keeps the counters only when the commit held.
pub(super) async fn step(
    connection: &mut SqliteConnection,
    counters: &mut Counters,
    limits: Limits,
    sweeps: &mut Sweeps,
) -> Result<Pruned, sqlx::Error> {
    let before = *counters;
    let (raws, raw_bytes) = raws(connection, counters, limits).await?;
    let (records, reading_keys) = records(connection, counters, limits).await?;
    let papers = papers(connection, limits).await?;
    let mut pruned =
        Pruned { raws, raw_bytes, records, papers, keys: reading_keys, ..Pruned::default() };
    // Each kind goes early only when nothing is left of those before it.
    let early = limits.tight && !pruned.is_full(&limits);
    pruned.captures = captures(connection, counters, limits, early).await?;
    pruned.captures += held_back(connection, counters, limits, &mut sweeps.held).await?;
    let early = early && !pruned.is_full(&limits);
    pruned.keys += sweeps.keys.step(connection, counters, &limits, early).await?;
    if pruned != Pruned::default() || *counters != before {
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
    for row in sqlx::query(OLDEST).bind(limits.rows()).fetch_all(&mut *connection).await? {
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

/// Records, and the keys of readings with them: a reading is named by its capture, so that nothing repeats it. How many
/// of both.
async fn records(
    connection: &mut SqliteConnection,
    counters: &mut Counters,
    limits: Limits,
) -> Result<(u64, u64), sqlx::Error> {
    const OLDEST: &str = "SELECT sequence, received_us FROM record \
        WHERE sequence <= ? ORDER BY sequence LIMIT ?";
    const KEYS: &str = "DELETE FROM known WHERE sequence <= ?1 AND key IN \
        (SELECT key FROM record WHERE sequence <= ?1 AND event_type = ?2)";
    const DELETE: &str = "DELETE FROM record WHERE sequence <= ?";
    let query = sqlx::query(OLDEST).bind(limits.delivered(counters)).bind(limits.rows());
    let mut through = None;
    for row in query.fetch_all(&mut *connection).await? {
        if row.try_get::<i64, _>(1)? >= limits.record_us {
            break;
        }
        through = Some(row.try_get::<i64, _>(0)?);
    }
    let Some(through) = through else { return Ok((0, 0)) };
    counters.pruned_sequence = through;
    let query = sqlx::query(KEYS).bind(through).bind(event_type_number(EventType::Reading));
    let keys = query.execute(&mut *connection).await?.rows_affected();
    let records = sqlx::query(DELETE).bind(through).execute(connection).await?.rows_affected();
    Ok((records, keys))
}

/// Captures go when nothing speaks of them any more: their raw input, their records and their keys are gone, and
/// their entries are closed. One that an entry needs is passed over, so that one open entry does not keep all that
/// came after it: it stays below `pruned_capture`, proved by its own checksum alone.
async fn captures(
    connection: &mut SqliteConnection,
    counters: &mut Counters,
    limits: Limits,
    early: bool,
) -> Result<u64, sqlx::Error> {
    const OLDEST: &str = "SELECT number, received_us < ?1 \
        AND first_sequence + records - 1 <= ?2 AND (raw IS NULL OR EXISTS \
            (SELECT 1 FROM quarantine WHERE quarantine.capture = capture.number \
            AND (state = 'open' OR replayed > ?2))) \
        FROM capture WHERE number > ?3 ORDER BY number LIMIT ?4";
    const HELD: &str = "SELECT EXISTS (SELECT 1 FROM capture WHERE number <= ?1 OR (number <= ?2 \
        AND EXISTS (SELECT 1 FROM quarantine WHERE quarantine.capture = capture.number \
            AND (state = 'open' OR replayed > ?3))))";
    // Entries of lost captures (number 0) stay until a person has dealt with them.
    const LOST: &str = "DELETE FROM quarantine WHERE capture = 0 AND state <> 'open'";
    let from = counters.pruned_capture;
    let old_us = if early { i64::MAX } else { limits.key_us.min(limits.raw_us) };
    let query = sqlx::query(OLDEST).bind(old_us).bind(counters.pruned_sequence).bind(from);
    let mut through = from;
    for row in query.bind(limits.rows()).fetch_all(&mut *connection).await? {
        if row.try_get::<i64, _>(1)? == 0 {
            break;
        }
        through = row.try_get(0)?;
    }
    if through == counters.next_capture - 1 {
        // A start looks at the newest capture: it goes only when no other is left.
        let query = sqlx::query_scalar(HELD).bind(from).bind(through);
        let held: i64 = query.bind(counters.pruned_sequence).fetch_one(&mut *connection).await?;
        through -= held;
    }
    if through == from {
        return Ok(0);
    }
    counters.pruned_capture = through;
    let removed = remove(connection, counters, from, through).await?;
    sqlx::query(LOST).execute(&mut *connection).await?;
    Ok(removed)
}
/// Captures that were passed over go once their entries are closed: a sweep goes over them, a few with each step.
async fn held_back(
    connection: &mut SqliteConnection,
    counters: &Counters,
    limits: Limits,
    sweep_from: &mut i64,
) -> Result<u64, sqlx::Error> {
    const NEXT: &str = "SELECT max(number) FROM (SELECT number FROM capture \
        WHERE number > ? AND number <= ? ORDER BY number LIMIT ?)";
    let query = sqlx::query_scalar(NEXT).bind(*sweep_from).bind(counters.pruned_capture);
    let through: Option<i64> = query.bind(limits.rows()).fetch_one(&mut *connection).await?;
    let from = std::mem::replace(sweep_from, through.unwrap_or(0));
    match through {
        Some(through) => remove(connection, counters, from, through).await,
        None => Ok(0),
    }
}

/// Removes the captures behind `from` and through `through` that nothing needs, with their entries.
async fn remove(
    connection: &mut SqliteConnection,
    counters: &Counters,
    from: i64,
    through: i64,
) -> Result<u64, sqlx::Error> {
    const CAPTURES: &str = "DELETE FROM capture WHERE number > ?1 AND number <= ?2 \
        AND raw IS NULL AND first_sequence + records - 1 <= ?3 AND NOT EXISTS \
            (SELECT 1 FROM quarantine WHERE quarantine.capture = capture.number \
            AND (state = 'open' OR replayed > ?3))";
    const ENTRIES: &str = "DELETE FROM quarantine WHERE capture > ?1 AND capture <= ?2 \
        AND state <> 'open' AND NOT EXISTS \
            (SELECT 1 FROM capture WHERE capture.number = quarantine.capture)";
    let query = sqlx::query(CAPTURES).bind(from).bind(through).bind(counters.pruned_sequence);
    let removed = query.execute(&mut *connection).await?.rows_affected();
    sqlx::query(ENTRIES).bind(from).bind(through).execute(connection).await?;
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
