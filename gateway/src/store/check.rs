//! Proof of a journal at its start, as far as every start can afford: the counters, the newest rows, and what has not
//! been delivered. After a stop out of order also the file's structure.
//!
//! Each look has a limit of time, since a till waits meanwhile. `tillgate verify` reads everything.

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::{Row, SqliteConnection};

use super::counters::Counters;
use super::incarnation::Incarnations;
use super::open::{OpenError, database};
use super::row::{RECORD_COLUMNS, RecordRow};

/// So long are records read that wait for the broker: some hundred thousand.
const WAITING_WITHIN: Duration = Duration::from_secs(1);
/// So long is the file's structure checked after a stop out of order: about a gigabyte from a good disk.
const STRUCTURE_WITHIN: Duration = Duration::from_secs(3);
/// So often, in steps of SQLite's machine, the clock is looked at.
const STEPS: i32 = 10_000;
/// Records of one look.
const PAGE: i64 = 500;

fn damaged(path: &Path, problem: impl Into<String>) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), problem: problem.into() }
}

/// The counters, if they go with the newest rows: a number that was given out must never be given out again.
pub(super) async fn trusted_counters(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<Counters, OpenError> {
    const NEWEST: &str = "SELECT \
        (SELECT checksum FROM record WHERE sequence = ?), (SELECT max(sequence) FROM record), \
        (SELECT checksum FROM capture WHERE number = ?), (SELECT max(number) FROM capture)";
    let read = async {
        let (counters, whole) = Counters::read(connection).await?;
        let query = sqlx::query(NEWEST).bind(counters.newest()).bind(counters.next_capture - 1);
        let row = query.fetch_one(connection).await?;
        let record = (row.try_get(0)?, row.try_get(1)?);
        let capture = (row.try_get(2)?, row.try_get(3)?);
        Ok((counters, whole, record, capture))
    };
    let (counters, whole, record, capture) = read.await.map_err(|error| database(path, error))?;
    if !whole {
        return Err(damaged(path, "the counters do not match their checksum"));
    }
    if !counters.are_in_order() {
        return Err(damaged(path, "the counters contradict one another"));
    }
    if !fits(record, counters.newest(), counters.record_chain, counters.pruned_sequence) {
        return Err(damaged(path, "the counters do not go with the newest record"));
    }
    let newest = counters.next_capture - 1;
    if !fits(capture, newest, counters.capture_chain, counters.pruned_capture) {
        return Err(damaged(path, "the counters do not go with the newest capture"));
    }
    Ok(counters)
}

/// Whether the newest row is the one that the counters name, or all rows were pruned.
fn fits(row: (Option<i64>, Option<i64>), newest: i64, chain: i64, pruned: i64) -> bool {
    match row {
        (Some(checksum), Some(highest)) => checksum == chain && highest == newest,
        (None, None) => pruned == newest,
        _ => false,
    }
}

/// The incarnations, if they hold.
pub(super) async fn trusted_incarnations(
    connection: &mut SqliteConnection,
    counters: &Counters,
    path: &Path,
) -> Result<Incarnations, OpenError> {
    let read = Incarnations::read(connection, counters).await;
    let read = read.map_err(|error| database(path, error))?;
    read.ok_or_else(|| damaged(path, "the incarnations do not hold"))
}

/// The records that wait for the broker: a damaged one would stop delivery in front of it, for ever.
pub(super) async fn waiting(
    connection: &mut SqliteConnection,
    counters: &Counters,
    path: &Path,
) -> Result<(), OpenError> {
    let sql =
        format!("SELECT {RECORD_COLUMNS} FROM record WHERE sequence > ? ORDER BY sequence LIMIT ?");
    let started = Instant::now();
    let (mut through, mut chain) = (counters.acknowledged, None);
    while through < counters.newest() && started.elapsed() < WAITING_WITHIN {
        let query = sqlx::query(sqlx::AssertSqlSafe(sql.as_str())).bind(through).bind(PAGE);
        let rows = query.fetch_all(&mut *connection).await;
        let rows = rows.map_err(|error| database(path, error))?;
        if rows.is_empty() {
            return Err(damaged(path, format!("record {} is missing", through + 1)));
        }
        for row in &rows {
            let row = RecordRow::of(row).map_err(|error| database(path, error))?;
            through += 1;
            let follows = chain.is_none_or(|checksum| checksum == row.previous);
            if row.sequence != through || row.digest() != row.checksum || !follows {
                return Err(damaged(path, format!("record {through} does not hold")));
            }
            chain = Some(row.checksum);
        }
    }
    Ok(())
}

/// Pages and cells. A check that takes longer than its time is given up: it is no proof that something is wrong.
pub(super) async fn structure(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<(), OpenError> {
    let started = Instant::now();
    let failed = |error| database(path, error);
    let mut handle = connection.lock_handle().await.map_err(failed)?;
    handle.set_progress_handler(STEPS, move || started.elapsed() < STRUCTURE_WITHIN);
    drop(handle);
    let checked = sqlx::query("PRAGMA quick_check(1)").fetch_one(&mut *connection).await;
    connection.lock_handle().await.map_err(failed)?.remove_progress_handler();
    let verdict = checked.and_then(|row| row.try_get::<String, _>(0));
    match verdict {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(problem) => Err(damaged(path, problem)),
        Err(_) if started.elapsed() >= STRUCTURE_WITHIN => {
            tracing::warn!(
                "the journal is large: its structure was checked in part, `tillgate verify` checks all"
            );
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}
