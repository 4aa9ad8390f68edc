//! What fills the disk budget, and whether it can hold the keys that `key_days` asks for.
//!
//! In: the journal's tables, looked at in a few places. Out: about how many bytes each kind of content takes, in
//! numbers and in words that say what to do. Never: a look at all rows, which would take as long as the journal is
//! large.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};

use super::counters::Counters;
use super::row::unsigned;
use crate::telemetry::status::size;

/// Rows of a table that are looked at.
const SAMPLE: i64 = 48;
/// What a record takes beside its data and key: the other columns and its share of a page.
const RECORD_BYTES: i64 = 150;
/// The same of a capture beside its raw input, with its place in two indexes.
const CAPTURE_BYTES: i64 = 200;
/// The same of a quarantine entry beside its findings.
const ENTRY_BYTES: i64 = 260;
/// A customer with some keys, and a product.
const CUSTOMER_BYTES: u64 = 400;
const PRODUCT_BYTES: u64 = 100;

/// How many bytes each kind of content takes, about. Keys are what the others leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filling {
    /// Records that are not delivered, with their inputs.
    pub waiting: u64,
    /// Inputs of open quarantine entries.
    pub quarantine: u64,
    /// Delivered records and inputs, which make room when it is needed.
    pub delivered: u64,
    /// Keys by which repeats are recognised.
    pub keys: u64,
    /// The directory, the catalog and the write-ahead log.
    pub other: u64,
}

/// A kind of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filler {
    /// See [`Filling::waiting`].
    Waiting,
    /// See [`Filling::quarantine`].
    Quarantine,
    /// See [`Filling::delivered`].
    Delivered,
    /// See [`Filling::keys`].
    Keys,
    /// See [`Filling::other`].
    Other,
}

impl Filler {
    const fn words(self) -> &'static str {
        match self {
            Self::Waiting => "records that wait for delivery",
            Self::Quarantine => "open quarantine entries",
            Self::Delivered => "delivered inputs",
            Self::Keys => "keys that recognise repeats",
            Self::Other => "directory, catalog and log",
        }
    }

    /// What to do when it fills the budget.
    #[must_use]
    pub const fn way_out(self) -> &'static str {
        match self {
            Self::Waiting => {
                "bring the broker back, or the CRM's receiver where records wait for receipts; or raise [disk] budget"
            }
            Self::Quarantine => {
                "open entries are never removed: `tillgate quarantine list` shows them, `replay` or `discard` closes \
                 them; or raise [disk] budget"
            }
            Self::Keys => "raise [disk] budget, or lower [retention] key_days",
            Self::Delivered => {
                "what was delivered makes room by itself, in a moment; where it does not, raise [disk] budget"
            }
            Self::Other => {
                "raise [disk] budget: the directory, the catalog and the log leave too little of it"
            }
        }
    }
}

impl Filling {
    fn parts(&self) -> [(Filler, u64); 5] {
        [
            (Filler::Waiting, self.waiting),
            (Filler::Quarantine, self.quarantine),
            (Filler::Keys, self.keys),
            (Filler::Delivered, self.delivered),
            (Filler::Other, self.other),
        ]
    }

    /// What takes most.
    #[must_use]
    pub fn most(&self) -> Filler {
        let most = self.parts().into_iter().rev().max_by_key(|(_, bytes)| *bytes);
        most.map_or(Filler::Other, |(filler, _)| filler)
    }

    fn used(&self) -> u64 {
        self.parts().iter().map(|(_, bytes)| bytes).sum()
    }
}

impl fmt::Display for Filling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.used().max(1);
        let mut parts =
            self.parts().map(|(filler, bytes)| (filler, bytes.saturating_mul(100) / used));
        parts.sort_by_key(|(_, percent)| std::cmp::Reverse(*percent));
        let shown = parts.iter().filter(|(_, percent)| *percent > 0);
        for (index, (filler, percent)) in shown.enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{} {percent} %", filler.words())?;
        }
        Ok(())
    }
}

/// How long keys are kept, and for how long the budget would hold them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAge {
    /// Days since the oldest key that is certainly known.
    pub days: u64,
    /// What `key_days` asks for.
    pub wanted_days: u64,
    /// Whether keys were forgotten before that, for want of room.
    pub cut: bool,
    /// About so many bytes the keys of `wanted_days` would take, by what came so far.
    pub wanted_bytes: u64,
}

impl KeyAge {
    const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

    /// Keys of so many microseconds take so many bytes.
    pub(super) fn of(kept_us: i64, cut: bool, wanted_days: u16, bytes: u64) -> Self {
        let kept_us = kept_us.max(1);
        let wanted_us = unsigned(i64::from(wanted_days) * Self::DAY_US);
        let wanted = u128::from(bytes) * u128::from(wanted_us) / u128::from(unsigned(kept_us));
        Self {
            days: unsigned(kept_us / Self::DAY_US),
            wanted_days: u64::from(wanted_days),
            cut,
            wanted_bytes: u64::try_from(wanted).unwrap_or(u64::MAX).max(bytes),
        }
    }
}

/// What fills the budget, and how long keys are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// What fills it.
    pub filling: Filling,
    /// How long keys are kept.
    pub keys: KeyAge,
}

/// What an operator should know before inputs are refused or keys forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillingWarning {
    /// A stable name.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
}

impl Filled {
    /// What is to be told where so much of the budget is used.
    #[must_use]
    pub fn warnings(&self, used: u64, budget: u64) -> Vec<FillingWarning> {
        let tight = used > budget / 5 * 4;
        let filler = self.filling.most();
        let stays = matches!(filler, Filler::Waiting | Filler::Quarantine | Filler::Other);
        let filling = (tight && stays).then(|| FillingWarning {
            code: "disk-filling",
            message: format!(
                "{} of the disk budget of {} are used ({}): at the budget inputs are refused",
                size(used),
                size(budget),
                self.filling
            ),
            fix: filler.way_out().to_owned(),
        });
        // Before keys take a good part of it nobody can tell how much they will take.
        let too_many = self.filling.keys > budget / 4 && self.keys.wanted_bytes > budget / 5 * 4;
        let keys = (too_many || (self.keys.cut && tight)).then(|| self.short_keys(budget));
        filling.into_iter().chain(keys).collect()
    }

    fn short_keys(&self, budget: u64) -> FillingWarning {
        let KeyAge { days, wanted_days, cut, wanted_bytes } = self.keys;
        let kept = format!("keys of {days} days are kept, key_days asks for {wanted_days}");
        let told = if cut {
            "older ones were forgotten to make room".to_owned()
        } else {
            let [keys, wanted, budget] = [self.filling.keys, wanted_bytes, budget].map(size);
            format!(
                "they take {keys} and would take about {wanted} of the budget of {budget}, so that the oldest will be forgotten"
            )
        };
        // Other things need room, too.
        let enough = wanted_bytes.max(budget).saturating_mul(3) / 2;
        FillingWarning {
            code: "key-days",
            message: format!("{kept}: {told}; a repeat of what was forgotten counts as new"),
            fix: format!(
                "raise [disk] budget, at this load to about {}, or lower [retention] key_days",
                size(enough)
            ),
        }
    }
}

/// Looks at the tables. All records through `delivered` are delivered; `used` bytes are used, `wal` of them by the log.
pub(super) async fn look(
    connection: &mut SqliteConnection,
    counters: &Counters,
    delivered: i64,
    (used, wal): (u64, u64),
) -> Result<Filling, sqlx::Error> {
    const FIRST: &str = "SELECT capture FROM record WHERE sequence = ?";
    let newest = counters.newest();
    let first: Option<i64> =
        sqlx::query_scalar(FIRST).bind(delivered + 1).fetch_optional(&mut *connection).await?;
    let first = first.unwrap_or(counters.next_capture);
    let waiting = records(connection, delivered, newest).await?
        + captures(connection, first - 1, counters.next_capture - 1).await?;
    let kept = records(connection, counters.pruned_sequence, delivered).await?
        + captures(connection, counters.pruned_capture, first - 1).await?;
    let quarantine = quarantine(connection).await?;
    let other = (directory(connection).await? + wal).min(used);
    // Open entries lie among the others: what they take is not counted twice.
    let waiting = waiting.min(used - other);
    let quarantine = quarantine.min(used - other - waiting);
    let delivered = kept.min(used - other - waiting - quarantine);
    let keys = used - other - waiting - quarantine - delivered;
    Ok(Filling { waiting, quarantine, delivered, keys, other })
}

/// The records behind `from` and through `through`.
async fn records(
    connection: &mut SqliteConnection,
    from: i64,
    through: i64,
) -> Result<u64, sqlx::Error> {
    const SQL: &str = "WITH RECURSIVE place (number) AS \
        (SELECT ?1 UNION ALL SELECT number + ?3 FROM place WHERE number + ?3 <= ?2) \
        SELECT coalesce(avg(length(data) + length(key) + ?4), 0.0) \
        FROM place JOIN record ON record.sequence = place.number";
    sampled(connection, SQL, (from, through), RECORD_BYTES).await
}

/// The captures behind `from` and through `through`, but for those of open entries, which count for themselves.
async fn captures(
    connection: &mut SqliteConnection,
    from: i64,
    through: i64,
) -> Result<u64, sqlx::Error> {
    const SQL: &str = "WITH RECURSIVE place (number) AS \
        (SELECT ?1 UNION ALL SELECT number + ?3 FROM place WHERE number + ?3 <= ?2) \
        SELECT coalesce(avg(CASE WHEN quarantined > 0 AND EXISTS (SELECT 1 FROM quarantine \
                WHERE quarantine.capture = capture.number AND state = 'open') \
            THEN 0 ELSE coalesce(length(raw), 0) + ?4 END), 0.0) \
        FROM place JOIN capture ON capture.number = place.number";
    sampled(connection, SQL, (from, through), CAPTURE_BYTES).await
}

/// The bytes of the rows of a span, by the average of some that are spread over it.
async fn sampled(
    connection: &mut SqliteConnection,
    sql: &'static str,
    (from, through): (i64, i64),
    row_bytes: i64,
) -> Result<u64, sqlx::Error> {
    let rows = (through - from).max(0);
    if rows == 0 {
        return Ok(0);
    }
    let query = sqlx::query_scalar(sql).bind(from + 1).bind(through).bind(rows / SAMPLE + 1);
    let average: f64 = query.bind(row_bytes).fetch_one(connection).await?;
    Ok(unsigned(rows).saturating_mul(whole(average)))
}

/// Since when keys may be known that are known now, in microseconds: since the journal was made, or since the oldest
/// capture, where an earlier version made it or it was recovered.
pub(super) async fn begin_us(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    const SQL: &str = "SELECT (SELECT min(began_us) FROM incarnation), \
        (SELECT received_us FROM capture ORDER BY number LIMIT 1)";
    let row = sqlx::query(SQL).fetch_one(connection).await?;
    let moments: [Option<i64>; 2] = [row.try_get(0)?, row.try_get(1)?];
    Ok(moments.into_iter().flatten().min().unwrap_or(0))
}

/// Open entries with their captures, by the average of the newest.
async fn quarantine(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    const SQL: &str = "SELECT (SELECT count(*) FROM quarantine WHERE state = 'open'), \
        coalesce(avg(bytes), 0.0) FROM (SELECT length(findings) + ?1 \
            + coalesce((?2 + coalesce(length(raw), 0)) / max(quarantined, 1), 0) AS bytes \
        FROM quarantine LEFT JOIN capture ON capture.number = quarantine.capture \
        WHERE state = 'open' ORDER BY entry DESC LIMIT ?3)";
    let query = sqlx::query(SQL).bind(ENTRY_BYTES).bind(CAPTURE_BYTES).bind(4 * SAMPLE);
    let row = query.fetch_one(connection).await?;
    Ok(unsigned(row.try_get(0)?).saturating_mul(whole(row.try_get(1)?)))
}

async fn directory(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    const SQL: &str =
        "SELECT (SELECT coalesce(max(number), 0) FROM customer), (SELECT count(*) FROM product)";
    let row = sqlx::query(SQL).fetch_one(connection).await?;
    let [customers, products] = [unsigned(row.try_get(0)?), unsigned(row.try_get(1)?)];
    Ok(customers * CUSTOMER_BYTES + products * PRODUCT_BYTES)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an average of lengths, which are neither negative nor beyond 53 bits"
)]
fn whole(average: f64) -> u64 {
    average.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn codes(filled: &Filled, used: u64) -> Vec<&'static str> {
        filled.warnings(used, 2 * GIB).iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn the_words_name_what_fills_the_budget() {
        let mut filling = Filling { waiting: 70, quarantine: 5, keys: 20, delivered: 5, other: 0 };
        assert_eq!(filling.most(), Filler::Waiting);
        assert_eq!(
            filling.to_string(),
            "records that wait for delivery 70 %, keys that recognise repeats 20 %, open quarantine entries 5 %, \
             delivered inputs 5 %"
        );
        filling.quarantine = 700;
        assert_eq!(filling.most(), Filler::Quarantine);
        filling.keys = 7000;
        assert_eq!(filling.most(), Filler::Keys);
        assert!(filling.to_string().starts_with("keys that recognise repeats 90 %, "));
    }

    #[test]
    fn what_stays_is_told_before_the_budget_is_spent() {
        let mut filled = Filled::default();
        filled.filling.waiting = GIB;
        assert!(codes(&filled, GIB).is_empty());
        assert_eq!(codes(&filled, 7 * GIB / 4), ["disk-filling"]);
        filled.filling.delivered = 2 * GIB;
        assert!(codes(&filled, 7 * GIB / 4).is_empty(), "what was delivered makes room");
    }

    #[test]
    fn keys_that_will_not_fit_are_told_before_any_is_forgotten() {
        let of = |days: i64, cut| Filled {
            filling: Filling { keys: GIB, ..Filling::default() },
            keys: KeyAge::of(days * KeyAge::DAY_US, cut, 400, GIB),
        };
        assert!(codes(&of(300, false), GIB).is_empty(), "400 days of them fit");
        let told = of(100, false).warnings(GIB, 2 * GIB);
        assert_eq!(
            (told[0].code, told[0].message.as_str()),
            (
                "key-days",
                "keys of 100 days are kept, key_days asks for 400: they take 1.0 GiB and would take about 4.0 GiB of the \
                 budget of 2.0 GiB, so that the oldest will be forgotten; a repeat of what was forgotten counts as new"
            )
        );
        assert!(told[0].fix.contains("raise [disk] budget, at this load to about 6.0 GiB"));
        let told = of(100, true).warnings(GIB, 2 * GIB);
        assert_eq!(
            told[0].message,
            "keys of 100 days are kept, key_days asks for 400: older ones were forgotten to make room; a repeat of what \
             was forgotten counts as new"
        );
        assert!(codes(&of(390, true), GIB).is_empty(), "the budget was raised since");
    }
}
