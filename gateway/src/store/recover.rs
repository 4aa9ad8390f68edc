//! Recovery of a damaged journal: a fresh one beside it, filled with all rows that hold, then put in its place. The
//! damaged files are set aside, never deleted.
//!
//! Records before the first hole among those that were not delivered keep their numbers. Those behind it close up and
//! go out under a new incarnation: their ids are the same, so the CRM recognises what it has. What could not be read is
//! told, to people and to the CRM; where the input of a lost record is there, a quarantine entry makes it again.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::aging::store_clock;
use super::counters::{Counters, NEW};
use super::incarnation::{Incarnation, raise};
use super::kept::Kept;
use super::loss::{Loss, LostRecords};
use super::mark::Mark;
use super::open::{OpenError, folder, migrate};
use super::options::journal_path;
use super::rebuild::Rebuild;
use super::reconcile::{next_number, skip_control_numbers};
use super::row::moment;
use super::salvage::Damaged;
use super::swap::Building;

/// Pages that the scratch connection keeps, in KiB (negative, SQLite's own way to say so).
const CACHE_KIBIBYTES: &str = "-16384";

/// Where the numbers of the new journal change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Records through this one count as delivered and removed.
    pub(super) pruned: i64,
    /// Records from this number on close up under the new incarnation.
    pub(super) start: i64,
}

/// Puts a recovered journal into the place of a damaged one.
pub(super) async fn recover(
    data_dir: &Path,
    problem: &str,
    mark: Option<&Mark>,
    now_us: i64,
) -> Result<(), OpenError> {
    let failed = |source| folder("recover the journal in", data_dir, source);
    let reason = format!("the journal was damaged ({problem}) and has been recovered");
    let damaged = Damaged::open(&journal_path(data_dir), mark).await;
    let mut attempted = attempt(data_dir, damaged, mark, &reason, now_us).await;
    if matches!(&attempted, Err(Failure::Database(source)) if !is_of_the_machine(source)) {
        // A disk that answers differently each time may answer right this time.
        let again = Damaged::open(&journal_path(data_dir), mark).await;
        attempted = attempt(data_dir, again, mark, &reason, now_us).await;
    }
    match attempted {
        Err(Failure::Machine(source)) => Err(failed(source)),
        Err(Failure::Database(source)) if is_of_the_machine(&source) => {
            Err(OpenError::Database { path: journal_path(data_dir), source })
        }
        Err(Failure::Database(error)) => {
            // A till must sell: what cannot be recovered now can still be recovered by people, from the files aside.
            tracing::error!(%error, "the journal cannot be recovered: a fresh one takes its place");
            let reason = format!(
                "the journal was damaged ({problem}), and nothing could be recovered ({error})"
            );
            let nothing = Damaged::unreadable(mark);
            attempt(data_dir, nothing, mark, &reason, now_us).await.map_err(|failure| match failure
            {
                Failure::Machine(source) => failed(source),
                Failure::Database(source) => {
                    OpenError::Database { path: journal_path(data_dir), source }
                }
            })
        }
        Ok(()) => Ok(()),
    }
}

/// Why a recovery did not succeed.
enum Failure {
    /// The folder or a file.
    Machine(std::io::Error),
    /// The database, or what was read.
    Database(sqlx::Error),
}

/// A disk that is full or does not work: nothing would be better with a fresh journal.
fn is_of_the_machine(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
    // SQLITE_NOMEM, READONLY, IOERR, FULL, CANTOPEN.
    matches!(error, sqlx::Error::Io(_)) || matches!(code, Some(7 | 8 | 10 | 13 | 14))
}

async fn attempt(
    data_dir: &Path,
    mut damaged: Damaged,
    mark: Option<&Mark>,
    reason: &str,
    now_us: i64,
) -> Result<(), Failure> {
    let building = Building::begin(data_dir, now_us).map_err(Failure::Machine)?;
    let loss = Loss {
        noticed_at: moment(now_us).to_string(),
        reason: reason.to_owned(),
        set_aside: Some(building.aside()),
        ..Loss::default()
    };
    match build(&building.path(), &mut damaged, mark, loss, now_us).await {
        Ok(loss) => tracing::error!("{}", loss.words()),
        Err(source) => {
            building.remove().map_err(Failure::Machine)?;
            return Err(Failure::Database(source));
        }
    }
    drop(damaged);
    building.commit().map_err(Failure::Machine)
}

/// Nobody sees the new file before it is whole and synced: neither a journal nor syncs are needed meanwhile.
async fn scratch(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .pragma("trusted_schema", "OFF")
        .pragma("cache_size", CACHE_KIBIBYTES)
        .disable_statement_logging()
        .connect()
        .await
}

async fn build(
    path: &Path,
    damaged: &mut Damaged,
    mark: Option<&Mark>,
    mut loss: Loss,
    now_us: i64,
) -> Result<Loss, sqlx::Error> {
    let mut new = scratch(path).await?;
    migrate(&mut new, NEW.incarnation, path).await.map_err(|error| match error {
        OpenError::Database { source, .. } => source,
        other => sqlx::Error::AnyDriverError(Box::new(other)),
    })?;
    let (highest_record, highest_capture) = damaged.highest(mark).await;
    let mut rebuild = Rebuild::new(damaged, &mut new, &mut loss).await?;
    let mut records = rebuild.sound_records(highest_record).await;
    let captures = rebuild.sound_captures(highest_capture).await;
    let (newest_record, newest_capture) = rebuild.damaged.expected(mark);
    let newest_record = newest_record.max(records.last().unwrap_or(0));
    let newest_capture = newest_capture.max(captures.last().unwrap_or(0));
    let cut = cut(rebuild.damaged, &records, newest_record);
    tell_records(rebuild.damaged, rebuild.loss, &records, newest_record);
    records.drop_through(cut.pruned);
    records.close_gaps(cut.start);
    let after = rebuild.fill(&records, captures, cut, newest_capture).await?;
    // Counters that hold witness as much as a mark does.
    let witness = damaged.counted.then_some(damaged.counters.incarnation);
    let witness = witness.max(mark.map(|mark| mark.incarnation));
    let number = next_number(damaged.counters.incarnation, witness, now_us);
    loss.incarnation = u32::try_from(number).unwrap_or(u32::MAX);
    let retention_us = retention_moment(damaged).await;
    let next = Next { number, base: cut.start - 1, now_us, retention_us };
    finish(&mut new, damaged, after, next, &loss).await?;
    new.close().await?;
    Ok(loss)
}

/// What the clock of retention said: with a new one nothing would be old for weeks. It is never taken for later
/// than the machine's clock; one that cannot be read begins anew.
async fn retention_moment(damaged: &mut Damaged) -> Option<i64> {
    const SQL: &str = "SELECT moment_us FROM retention_clock WHERE id BETWEEN ? AND ?";
    let rows = damaged.rows(SQL, 1, 1).await;
    rows.first()?.try_get(0).ok()
}

struct Next {
    number: i64,
    base: i64,
    now_us: i64,
    /// What the clock of retention said.
    retention_us: Option<i64>,
}

async fn finish(
    new: &mut SqliteConnection,
    damaged: &Damaged,
    mut after: Counters,
    next: Next,
    loss: &Loss,
) -> Result<(), sqlx::Error> {
    let Next { number, base, now_us, retention_us } = next;
    if let Some(incarnations) = &damaged.incarnations {
        for incarnation in incarnations.until(base) {
            incarnation.insert(&mut *new).await?;
        }
    }
    skip_control_numbers(new, now_us).await?;
    store_clock(new, retention_us).await?;
    loss.insert(new, now_us).await?;
    let reason = loss.reason.clone();
    raise(new, &mut after, Incarnation { number, base, began_us: now_us, reason }).await?;
    sqlx::query("COMMIT").execute(new).await.map(drop)
}

/// A hole among the delivered records is no reason to send anything again: what stands before it is given up, the set
/// aside file has it. The first hole behind them is where the new incarnation begins.
fn cut(damaged: &Damaged, records: &Kept, newest: i64) -> Cut {
    let counters = &damaged.counters;
    let low = counters.pruned_sequence + 1;
    let through = if counters.confirmed > 0 { counters.confirmed } else { counters.acknowledged };
    let delivered = through.clamp(low - 1, newest.max(low - 1));
    if damaged.incarnations.is_none() {
        // Nobody knows under which names they went out.
        return Cut { pruned: low - 1, start: low };
    }
    let mut cut = Cut { pruned: low - 1, start: newest + 1 };
    for (from, through) in records.gaps(low, newest) {
        if from <= delivered {
            cut.pruned = through.min(delivered);
        }
        if through > delivered {
            cut.start = from.max(delivered + 1);
            break;
        }
    }
    cut
}

fn tell_records(damaged: &Damaged, loss: &mut Loss, records: &Kept, newest: i64) {
    let counters = &damaged.counters;
    for (from, through) in records.gaps(counters.pruned_sequence + 1, newest) {
        for (from, through) in by_incarnation(damaged, from, through) {
            let sequence = |number: i64| damaged.named.name(number).sequence;
            let delivered = counters.acknowledged.min(through);
            loss.push_records(LostRecords {
                incarnation: damaged.named.name(from).incarnation,
                from: sequence(from),
                through: sequence(through),
                delivered_through: (delivered >= from).then(|| sequence(delivered)),
            });
        }
    }
}

/// A span that reaches over the begin of an incarnation has two names.
fn by_incarnation(damaged: &Damaged, from: i64, through: i64) -> Vec<(i64, i64)> {
    let mut starts: Vec<i64> =
        damaged.named.bases().map(|base| base + 1).filter(|start| *start > from).collect();
    starts.retain(|start| *start <= through);
    let ends = starts.iter().map(|start| start - 1).chain([through]);
    std::iter::once(from).chain(starts.iter().copied()).zip(ends).collect()
}
