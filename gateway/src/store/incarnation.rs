//! Incarnations: how the CRM's names of records, an incarnation and a sequence within it, go with the numbers of the
//! outbox.
//!
//! A record belongs to the newest incarnation whose base is below its number; its sequence is its number less that
//! base. So what was numbered before a loss keeps its name, and what comes after begins at 1 under a name of its own.

use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};

use super::counters::Counters;
use super::digest::Digest;
use super::row::{moment, unsigned};

/// One row of `incarnation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Incarnation {
    pub(super) number: i64,
    /// Its records have the outbox numbers above this one.
    pub(super) base: i64,
    pub(super) began_us: i64,
    pub(super) reason: String,
}

/// An incarnation, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownIncarnation {
    /// Its number, in the events.
    pub incarnation: u32,
    /// Its record 1 has the next number in the outbox.
    pub base: u64,
    /// When it began (RFC 3339, UTC).
    pub began_at: String,
    /// Why.
    pub reason: String,
}

/// How the CRM names a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) incarnation: u32,
    pub(super) sequence: u64,
}

/// All incarnations that have records in the journal, oldest first; the last is the present one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Incarnations {
    list: Vec<Incarnation>,
}

impl Incarnation {
    fn digest(&self) -> i64 {
        Digest::of("incarnation")
            .number(self.number)
            .number(self.base)
            .number(self.began_us)
            .text(&self.reason)
            .finish()
    }

    pub(super) async fn insert(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        const SQL: &str = "INSERT INTO incarnation (number, base, began_us, reason, checksum) \
            VALUES (?, ?, ?, ?, ?)";
        let query = sqlx::query(SQL).bind(self.number).bind(self.base).bind(self.began_us);
        let query = query.bind(self.reason.as_str()).bind(self.digest());
        query.execute(connection).await.map(drop)
    }
}

impl Incarnations {
    /// A journal of an earlier version, or a new one, has one incarnation, which has all its records.
    pub(super) async fn begin(
        connection: &mut SqliteConnection,
        counters: &Counters,
        now_us: i64,
    ) -> Result<(), sqlx::Error> {
        let any = sqlx::query("SELECT 1 FROM incarnation LIMIT 1").fetch_optional(&mut *connection);
        if any.await?.is_some() {
            return Ok(());
        }
        let first = Incarnation {
            number: counters.incarnation,
            base: 0,
            began_us: now_us,
            reason: "the journal was made".to_owned(),
        };
        first.insert(connection).await
    }

    /// Those of a journal of an earlier version: all records belong to one.
    pub(super) fn single(number: i64, base: i64) -> Self {
        let reason = "the journal was made".to_owned();
        Self { list: vec![Incarnation { number, base, began_us: 0, reason }] }
    }

    /// The incarnations of a journal, if they hold and go with its counters.
    pub(super) async fn read(
        connection: &mut SqliteConnection,
        counters: &Counters,
    ) -> Result<Option<Self>, sqlx::Error> {
        let read = Self::read_alone(connection).await?;
        Ok(read.filter(|read| {
            let (number, base) = read.current();
            number == counters.incarnation && base <= counters.newest()
        }))
    }

    /// The incarnations of a journal whose counters may be damaged, if they hold.
    pub(super) async fn read_alone(
        connection: &mut SqliteConnection,
    ) -> Result<Option<Self>, sqlx::Error> {
        const SQL: &str =
            "SELECT number, base, began_us, reason, checksum FROM incarnation ORDER BY number";
        let mut list = Vec::new();
        for row in sqlx::query(SQL).fetch_all(connection).await? {
            let incarnation = Incarnation {
                number: row.try_get(0)?,
                base: row.try_get(1)?,
                began_us: row.try_get(2)?,
                reason: row.try_get(3)?,
            };
            if incarnation.digest() != row.try_get::<i64, _>(4)? {
                return Ok(None);
            }
            list.push(incarnation);
        }
        let in_order = list.is_sorted_by(|one, next| one.base <= next.base);
        Ok((in_order && !list.is_empty()).then_some(Self { list }))
    }

    /// The incarnation of new records. There is always one.
    pub(super) fn current(&self) -> (i64, i64) {
        self.list.last().map_or((1, 0), |last| (last.number, last.base))
    }

    /// How the CRM names the record of a number in the outbox. Of none, 0, in the first incarnation.
    pub(super) fn name(&self, number: i64) -> Name {
        let of = self.list.iter().rfind(|incarnation| incarnation.base < number);
        let of = of.or_else(|| self.list.first());
        let (incarnation, base) = of.map_or((1, 0), |found| (found.number, found.base));
        let incarnation = u32::try_from(incarnation).unwrap_or(u32::MAX);
        Name { incarnation, sequence: unsigned((number - base).max(0)) }
    }

    /// The present incarnation, and how many records it has.
    pub(super) fn newest_name(&self, newest: u64) -> Name {
        let (number, base) = self.current();
        let incarnation = u32::try_from(number).unwrap_or(u32::MAX);
        Name { incarnation, sequence: newest.saturating_sub(unsigned(base)) }
    }

    /// The number in the outbox of what the CRM names so; none where there is no such record, or not any more.
    pub(super) fn number_of(&self, name: Name, newest: i64) -> Option<u64> {
        let number = i64::from(name.incarnation);
        let at = self.list.iter().position(|incarnation| incarnation.number == number)?;
        let base = self.list.get(at)?.base;
        let end = self.list.get(at + 1).map_or(newest, |next| next.base);
        let sequence = i64::try_from(name.sequence).ok().filter(|sequence| *sequence > 0)?;
        let found = base.checked_add(sequence).filter(|found| *found <= end)?;
        u64::try_from(found).ok()
    }

    /// How many records of an incarnation that is over there are; none for the present one, and later ones.
    pub(super) fn ended_with(&self, incarnation: u32) -> Option<u64> {
        let number = i64::from(incarnation);
        let next = self.list.iter().find(|next| next.number > number)?;
        let own = self.list.iter().find(|own| own.number == number);
        Some(unsigned(own.map_or(0, |own| next.base - own.base)))
    }

    /// Those whose records begin at or below a number, for a journal that goes on there under a new one.
    pub(super) fn until(&self, number: i64) -> &[Incarnation] {
        let end = self.list.partition_point(|incarnation| incarnation.base < number);
        self.list.get(..end).unwrap_or_default()
    }

    /// Where each begins.
    pub(super) fn bases(&self) -> impl Iterator<Item = i64> {
        self.list.iter().map(|incarnation| incarnation.base)
    }

    pub(super) fn shown(&self) -> Vec<ShownIncarnation> {
        let shown = |incarnation: &Incarnation| ShownIncarnation {
            incarnation: u32::try_from(incarnation.number).unwrap_or(u32::MAX),
            base: unsigned(incarnation.base),
            began_at: moment(incarnation.began_us).to_string(),
            reason: incarnation.reason.clone(),
        };
        self.list.iter().map(shown).collect()
    }
}

/// Begins a new incarnation with the next record. The caller commits.
pub(super) async fn raise(
    connection: &mut SqliteConnection,
    counters: &mut Counters,
    next: Incarnation,
) -> Result<(), sqlx::Error> {
    // Those that no record belongs to any more: without this, the table would grow with every raise.
    const FORGET: &str = "DELETE FROM incarnation WHERE base >= ?1 OR EXISTS (SELECT 1 FROM \
        incarnation AS later WHERE later.number > incarnation.number AND later.base <= ?2)";
    counters.incarnation = next.number;
    let query = sqlx::query(FORGET).bind(next.base).bind(counters.pruned_sequence);
    query.execute(&mut *connection).await?;
    next.insert(&mut *connection).await?;
    counters.write(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incarnations(list: &[(i64, i64)]) -> Incarnations {
        let of = |(number, base): &(i64, i64)| Incarnation {
            number: *number,
            base: *base,
            began_us: 0,
            reason: String::new(),
        };
        Incarnations { list: list.iter().map(of).collect() }
    }

    #[test]
    fn every_record_has_one_name_and_every_name_one_record() {
        let all = incarnations(&[(1, 0), (2, 10), (5, 10), (9, 12)]);
        let name = |incarnation, sequence| Name { incarnation, sequence };
        for (number, named) in [
            (1, name(1, 1)),
            (10, name(1, 10)),
            (11, name(5, 1)),
            (12, name(5, 2)),
            (13, name(9, 1)),
            (20, name(9, 8)),
        ] {
            assert_eq!(all.name(number), named);
            assert_eq!(all.number_of(named, 20), Some(number.unsigned_abs()));
        }
        assert_eq!(all.name(0), name(1, 0), "before the first");
        for never in [name(1, 0), name(1, 11), name(2, 1), name(5, 3), name(9, 9), name(7, 1)] {
            assert_eq!(all.number_of(never, 20), None, "{never:?}");
        }
        assert_eq!(all.number_of(name(9, u64::MAX), 20), None);
        let ended =
            [(1, Some(10)), (2, Some(0)), (3, Some(0)), (5, Some(2)), (9, None), (10, None)];
        assert!(ended.iter().all(|(incarnation, with)| all.ended_with(*incarnation) == *with));
    }
}
