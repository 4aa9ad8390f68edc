//! The journal against its high-water mark. SQLite opens a journal that lost its tail, or an old copy of it, without a
//! word; the mark knows better.
//!
//! In: the counters, the mark. Out: nothing where they go together; else a loss, written down, and a new incarnation,
//! so that no number that was given out before is given out again.

use sqlx::SqliteConnection;

use super::counters::Counters;
use super::files::control_floor;
use super::incarnation::{Incarnation, Incarnations, raise};
use super::loss::{Loss, LostCaptures, LostRecords};
use super::mark::Mark;
use super::open::begin;
use super::row::{moment, unsigned};

/// Control numbers that are left out after a loss at least, whatever the clock says.
const CONTROL_NUMBERS: i64 = 1000;

const IN_DOUBT: &str = "nothing, if power or process ended in the middle of that commit; else what was taken in the last \
    tenth of a second before";

/// What may be gone where nothing says how far the gateway was.
const UNSEEN: &str = "whatever this gateway took last, if it is not in this journal";

/// What else is known at the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Story<'a> {
    /// Whether there was a journal.
    pub(super) found: bool,
    /// The mark is missing that should be there.
    pub(super) unmarked: bool,
    /// The last commit in the log does not hold: where the log is kept.
    pub(super) in_doubt: Option<&'a str>,
    pub(super) now_us: i64,
}

/// Compares, and begins a new incarnation where something is gone.
pub(super) async fn reconcile(
    connection: &mut SqliteConnection,
    counters: &mut Counters,
    mark: Option<&Mark>,
    story: Story<'_>,
) -> Result<(), sqlx::Error> {
    let compared = match mark {
        Some(mark) => compared(connection, counters, mark, story).await?,
        None => None,
    };
    let Some(loss) = compared.or_else(|| doubted(counters, mark, story)) else { return Ok(()) };
    tracing::error!("{}", loss.words());
    let next = Incarnation {
        number: i64::from(loss.incarnation),
        base: counters.newest(),
        began_us: story.now_us,
        reason: loss.reason.clone(),
    };
    let mut transaction = begin(connection).await?;
    loss.insert(&mut transaction, story.now_us).await?;
    skip_control_numbers(&mut transaction, story.now_us).await?;
    raise(&mut transaction, counters, next).await?;
    transaction.commit().await
}

/// What may be gone, and nobody can say: with a last commit that does not hold, or where the mark is missing that would
/// know of more. Its numbers may have been given out.
fn doubted(counters: &Counters, mark: Option<&Mark>, story: Story<'_>) -> Option<Loss> {
    let is_used = counters.next_capture > 1 || counters.next_sequence > 1;
    let (reason, gone) = match story.in_doubt {
        Some(_) => ("the last commit in the journal's log does not hold", IN_DOUBT),
        None if story.unmarked && is_used => {
            ("the high-water mark was missing, so that a loss would not be noticed", UNSEEN)
        }
        None => return None,
    };
    let witness = mark.map(|mark| mark.incarnation);
    let number = next_number(counters.incarnation, witness, story.now_us);
    let mut loss = Loss {
        noticed_at: moment(story.now_us).to_string(),
        reason: reason.to_owned(),
        incarnation: u32::try_from(number).unwrap_or(u32::MAX),
        set_aside: story.in_doubt.map(str::to_owned),
        ..Loss::default()
    };
    loss.push_other(gone.to_owned());
    Some(loss)
}

/// The number of the next incarnation. Where no witness says which was the last one, the time gives a number that none
/// of them can have had.
pub(super) fn next_number(known: i64, witness: Option<i64>, now_us: i64) -> i64 {
    match witness {
        Some(witness) => known.max(witness) + 1,
        // The contract has 32 bits for it, whatever the clock says: enough for this century.
        None => (known + 1).max((now_us / 1_000_000).min(i64::from(u32::MAX - 1_000_000))),
    }
}

/// Some control numbers may have been given out and forgotten, those of weeks where an old copy was put back: none of
/// them must go out twice.
pub(super) async fn skip_control_numbers(
    connection: &mut SqliteConnection,
    now_us: i64,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "UPDATE control_number SET last = max(last + ?, ?)";
    let query = sqlx::query(SQL).bind(CONTROL_NUMBERS).bind(control_floor(now_us));
    query.execute(connection).await.map(drop)
}

/// What is gone, where the two do not go together.
async fn compared(
    connection: &mut SqliteConnection,
    counters: &Counters,
    mark: &Mark,
    story: Story<'_>,
) -> Result<Option<Loss>, sqlx::Error> {
    if counters.incarnation > mark.incarnation {
        // A recovery or a restore was interrupted before it wrote the mark.
        return Ok(None);
    }
    let behind = counters.next_sequence < mark.next_sequence
        || counters.next_capture < mark.next_capture
        || counters.incarnation < mark.incarnation;
    let diverged = !behind && !goes_through(connection, counters, mark).await?;
    if !behind && !diverged {
        return Ok(None);
    }
    let number = next_number(counters.incarnation, Some(mark.incarnation), story.now_us);
    let mut loss = Loss {
        noticed_at: moment(story.now_us).to_string(),
        reason: reason(story, diverged).to_owned(),
        incarnation: u32::try_from(number).unwrap_or(u32::MAX),
        ..Loss::default()
    };
    if diverged {
        loss.push_other(UNSEEN.to_owned());
    }
    lost(&mut loss, connection, counters, mark).await?;
    Ok(Some(loss))
}

/// What the mark knows of and the journal does not.
pub(super) async fn lost(
    loss: &mut Loss,
    connection: &mut SqliteConnection,
    counters: &Counters,
    mark: &Mark,
) -> Result<(), sqlx::Error> {
    let incarnations = Incarnations::read(connection, counters).await?;
    records(loss, counters, mark, incarnations.as_ref());
    captures(loss, connection, counters, mark).await
}

fn reason(story: Story<'_>, diverged: bool) -> &'static str {
    match (story.found, diverged) {
        (false, _) => "journal.db was missing",
        (true, true) => "the journal is not the one that this gateway wrote last",
        (true, false) => {
            "the journal is behind its high-water mark: its end or its log is lost, or an old copy was put back"
        }
    }
}

/// Whether the journal went through the point that the mark names: the row that was the newest then is there.
async fn goes_through(
    connection: &mut SqliteConnection,
    counters: &Counters,
    mark: &Mark,
) -> Result<bool, sqlx::Error> {
    const RECORD: &str = "SELECT checksum FROM record WHERE sequence = ?";
    const CAPTURE: &str = "SELECT checksum FROM capture WHERE number = ?";
    for (sql, newest, next, now, then) in [
        (
            RECORD,
            mark.next_sequence,
            counters.next_sequence,
            counters.record_chain,
            mark.record_chain,
        ),
        (
            CAPTURE,
            mark.next_capture,
            counters.next_capture,
            counters.capture_chain,
            mark.capture_chain,
        ),
    ] {
        let query = sqlx::query_scalar(sql).bind(newest - 1);
        let row: Option<i64> = query.fetch_optional(&mut *connection).await?;
        let pruned = if next == newest { now } else { then };
        if row.unwrap_or(pruned) != then {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The records that the mark knows of and the journal does not.
fn records(loss: &mut Loss, counters: &Counters, mark: &Mark, known: Option<&Incarnations>) {
    let shown = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let is_older = counters.incarnation < mark.incarnation;
    if is_older && let Some(known) = known {
        let next = known.name(counters.next_sequence);
        let current = shown(counters.incarnation);
        let from = if next.incarnation == current { next.sequence } else { 1 };
        loss.push_other(format!(
            "records {from} and above of incarnation {current}, if there were any"
        ));
    }
    let have = if is_older { mark.base } else { counters.newest() };
    if mark.next_sequence - 1 > have {
        loss.push_records(LostRecords {
            incarnation: shown(mark.incarnation),
            from: unsigned(have + 1 - mark.base),
            through: unsigned(mark.next_sequence - 1 - mark.base),
            delivered_through: (mark.acknowledged > have)
                .then(|| unsigned(mark.acknowledged - mark.base)),
        });
    }
}

async fn captures(
    loss: &mut Loss,
    connection: &mut SqliteConnection,
    counters: &Counters,
    mark: &Mark,
) -> Result<(), sqlx::Error> {
    const NEWEST: &str = "SELECT received_us FROM capture ORDER BY number DESC LIMIT 1";
    if mark.next_capture <= counters.next_capture {
        return Ok(());
    }
    let newest: Option<i64> = sqlx::query_scalar(NEWEST).fetch_optional(connection).await?;
    loss.push_captures(LostCaptures {
        from: unsigned(counters.next_capture),
        through: unsigned(mark.next_capture - 1),
        after: newest.map(|received_us| moment(received_us).to_string()),
        before: Some(moment(mark.time_us).to_string()),
    });
    Ok(())
}
