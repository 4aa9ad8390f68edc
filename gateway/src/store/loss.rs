//! What was once accepted and is gone. It should not happen; when it does, people and the CRM are told what, exactly.
//!
//! In: what the start found. Out: words for the log, `tillgate status` and `verify`, and a notice for the CRM. Never:
//! the content of anything.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};

use super::digest::Digest;
use super::row::moment;
use crate::forward::Notice;

/// Losses that are remembered.
const REMEMBERED: i64 = 100;
/// Spans of each kind that a loss lists; the rest is counted.
pub(super) const SPANS: usize = 100;
/// How the notice of a loss is named, so that it is told from a quarantine entry.
const NOTICE_PREFIX: &str = "loss-";

/// What is gone, and what became of the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// When the gateway noticed (RFC 3339, UTC).
    pub noticed_at: String,
    /// What had happened.
    pub reason: String,
    /// New records belong to this incarnation.
    pub incarnation: u32,
    /// Records that are gone, by the names that the CRM knows.
    pub records: Vec<LostRecords>,
    /// Captures that are gone.
    pub captures: Vec<LostCaptures>,
    /// Other things that are gone, in words.
    pub others: Vec<String>,
    /// What is not listed.
    pub left_out: u64,
    /// Records that go out under new numbers because some before them are gone; their ids are the same.
    pub renumbered: u64,
    /// Quarantine entries from which lost records can be made again.
    pub replayable: u64,
    /// Where the damaged files are kept.
    pub set_aside: Option<String>,
}

/// Records that are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostRecords {
    /// Their incarnation.
    pub incarnation: u32,
    /// The first.
    pub from: u64,
    /// The last.
    pub through: u64,
    /// The broker had these and all before; none where it had none of them, or nobody knows.
    pub delivered_through: Option<u64>,
}

/// Captures that are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostCaptures {
    /// The first, by the journal's count.
    pub from: u64,
    /// The last.
    pub through: u64,
    /// When the last one before them was received, where that one is there (RFC 3339, UTC).
    pub after: Option<String>,
    /// When the first one after them was received, or the gateway was last seen working.
    pub before: Option<String>,
}

impl Loss {
    /// Whether nothing that was accepted is gone: the journal was repaired or restored whole.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.records.is_empty() && self.captures.is_empty() && self.others.is_empty()
    }

    /// One line for people.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = format!("{}; ", self.reason);
        let gone = self.gone();
        if gone.is_empty() {
            words.push_str("nothing that was accepted is gone");
        } else {
            words.push_str(&format!("gone: {}", gone.join(", ")));
        }
        if self.left_out > 0 {
            words.push_str(&format!(", and {} more such spans", self.left_out));
        }
        if self.renumbered > 0 {
            words.push_str(&format!(
                "; {} records go out under new numbers, with the same ids",
                self.renumbered
            ));
        }
        if self.replayable > 0 {
            let entries = self.replayable;
            words.push_str(&format!(
                "; {entries} quarantine entries make lost records again when replayed"
            ));
        }
        words.push_str(&format!("; new records are of incarnation {}", self.incarnation));
        if let Some(file) = &self.set_aside {
            words.push_str(&format!("; the files as they were: {file}"));
        }
        words
    }

    fn gone(&self) -> Vec<String> {
        let records = self.records.iter().map(LostRecords::words);
        let captures = self.captures.iter().map(LostCaptures::words);
        records.chain(captures).chain(self.others.iter().cloned()).collect()
    }

    /// Adds a span, or counts it where too many are listed.
    pub(super) fn push_records(&mut self, lost: LostRecords) {
        if self.records.len() < SPANS {
            self.records.push(lost);
        } else {
            self.left_out += 1;
        }
    }

    /// Adds a span, or counts it where too many are listed.
    pub(super) fn push_captures(&mut self, lost: LostCaptures) {
        if self.captures.len() < SPANS {
            self.captures.push(lost);
        } else {
            self.left_out += 1;
        }
    }

    /// Adds words, or counts them where too many are listed.
    pub(super) fn push_other(&mut self, words: String) {
        if self.others.len() < SPANS {
            self.others.push(words);
        } else {
            self.left_out += 1;
        }
    }

    /// Writes it down. The caller commits.
    pub(super) async fn insert(
        &self,
        connection: &mut SqliteConnection,
        now_us: i64,
    ) -> Result<(), sqlx::Error> {
        const INSERT: &str = "INSERT INTO loss (number, noticed_us, report, told, checksum) VALUES \
            ((SELECT coalesce(max(number), 0) + 1 FROM loss), ?, ?, 0, ?)";
        const FORGET: &str = "DELETE FROM loss WHERE number <= (SELECT max(number) FROM loss) - ?";
        // Strings and numbers: serializing them cannot fail.
        let report = serde_json::to_string(self).unwrap_or_default();
        let query = sqlx::query(INSERT).bind(now_us).bind(report.as_str());
        query.bind(digest(now_us, &report)).execute(&mut *connection).await?;
        sqlx::query(FORGET).bind(REMEMBERED).execute(connection).await.map(drop)
    }
}

impl LostRecords {
    fn words(&self) -> String {
        let Self { incarnation, from, through, delivered_through } = self;
        let delivered = match delivered_through {
            Some(last) if last >= through => " (the broker had them)".to_owned(),
            Some(last) => format!(" (the broker had them through {last})"),
            None => String::new(),
        };
        format!("records {from} to {through} of incarnation {incarnation}{delivered}")
    }
}

impl LostCaptures {
    fn words(&self) -> String {
        let mut words = format!("captures {} to {}", self.from, self.through);
        match (&self.after, &self.before) {
            (Some(after), Some(before)) => {
                words.push_str(&format!(" (received between {after} and {before})"));
            }
            (Some(after), None) => words.push_str(&format!(" (received after {after})")),
            (None, Some(before)) => words.push_str(&format!(" (received before {before})")),
            (None, None) => {}
        }
        words
    }
}

fn digest(noticed_us: i64, report: &str) -> i64 {
    Digest::of("loss").number(noticed_us).text(report).finish()
}

/// A row of `loss`. One that does not hold says so: that something was lost is certain.
struct Noted {
    number: i64,
    noticed_at: Timestamp,
    loss: Loss,
}

async fn noted(
    connection: &mut SqliteConnection,
    condition: &str,
    limit: i64,
) -> Result<Vec<Noted>, sqlx::Error> {
    let sql = format!(
        "SELECT number, noticed_us, report, checksum FROM loss {condition} ORDER BY number LIMIT ?"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(limit);
    let rows = query.fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let (noticed_us, report): (i64, String) = (row.try_get(1)?, row.try_get(2)?);
            let sound = digest(noticed_us, &report) == row.try_get::<i64, _>(3)?;
            let loss = serde_json::from_str(&report).ok().filter(|_| sound);
            Ok(Noted {
                number: row.try_get(0)?,
                noticed_at: moment(noticed_us),
                loss: loss.unwrap_or_else(unreadable),
            })
        })
        .collect()
}

fn unreadable() -> Loss {
    Loss { reason: "the report of an earlier loss is damaged itself".to_owned(), ..Loss::default() }
}

/// What was lost so far, oldest first, with the moments when it was noticed.
pub(super) async fn all(
    connection: &mut SqliteConnection,
) -> Result<Vec<(Timestamp, Loss)>, sqlx::Error> {
    let rows = noted(connection, "", REMEMBERED).await?;
    Ok(rows.into_iter().map(|row| (row.noticed_at, row.loss)).collect())
}

/// Losses that the CRM does not know of.
pub(super) async fn notices(
    connection: &mut SqliteConnection,
    limit: i64,
) -> Result<Vec<Notice>, sqlx::Error> {
    let rows = noted(connection, "WHERE told = 0", limit).await?;
    let notice = |row: Noted| {
        // Strings and numbers: serializing them cannot fail.
        let payload = serde_json::to_vec(&serde_json::json!({ "loss": row.loss }));
        Notice {
            id: format!("{NOTICE_PREFIX}{}", row.number),
            payload: payload.unwrap_or_default().into(),
        }
    };
    Ok(rows.into_iter().map(notice).collect())
}

/// The loss that a notice is about.
pub(super) fn number_of_notice(id: &str) -> Option<i64> {
    id.strip_prefix(NOTICE_PREFIX)?.parse().ok()
}

/// The CRM has the notice of a loss.
pub(super) async fn told(
    connection: &mut SqliteConnection,
    number: i64,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "UPDATE loss SET told = 1 WHERE number = ?";
    sqlx::query(SQL).bind(number).execute(connection).await.map(drop)
}
