//! Keys go when they are older than `key_days`; and, where the budget is spent by keys alone, the oldest before that.
//!
//! Keys have no order of time, and an index that gave them one would cost as much as they do: a sweep goes over all of
//! them, a few with each step, and remembers what the next one needs to know. A key's age is the number of its record.
//! Never: the key of a record that is still here; the last that are kept however tight it is, since a till repeats
//! what it did not hear of.

use sqlx::{Row, SqliteConnection};

use super::counters::Counters;
use super::prune::Limits;
use super::row::unsigned;

/// Keys that one step looks at.
const KEYS: i64 = 2000;
/// The same where room is wanted: about ten milliseconds.
const PRESSED_KEYS: i64 = 20_000;
/// A sweep for room forgets the oldest of so many parts.
const PARTS: i64 = 16;
/// What a key takes beside its text: content, numbers, checksum and its share of a page.
pub(super) const KEY_BYTES: i64 = 60;

/// A sweep over all keys.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySweep {
    /// The last key that was looked at.
    from: String,
    /// Of the keys that this sweep has passed and left.
    left: Left,
    /// Of all keys, by the last whole sweep.
    all: Option<Left>,
    /// What this sweep forgets before its time: keys of records through this one.
    through: i64,
    /// Whether the last step was for room, so that another one is due at once.
    pressed: bool,
}

/// Some keys.
#[derive(Debug, Clone, Copy, Default)]
struct Left {
    /// The oldest one's record.
    lowest: Option<i64>,
    bytes: u64,
}

impl KeySweep {
    /// Whether room is being made at the cost of keys.
    pub(super) fn is_pressed(&self) -> bool {
        self.pressed
    }

    /// One step; how many keys went. `wanted` when nothing but keys can make room.
    pub(super) async fn step(
        &mut self,
        connection: &mut SqliteConnection,
        counters: &mut Counters,
        limits: &Limits,
        wanted: bool,
    ) -> Result<u64, sqlx::Error> {
        const NEXT: &str = "SELECT count(*), max(key), \
            min(CASE WHEN sequence > ?3 THEN sequence END), \
            coalesce(sum(CASE WHEN sequence > ?3 THEN length(key) + ?4 END), 0), \
            max(CASE WHEN sequence <= ?3 THEN seen_us END) FROM \
            (SELECT key, sequence, seen_us FROM known WHERE key > ?1 ORDER BY key LIMIT ?2)";
        const DELETE: &str = "DELETE FROM known WHERE key > ?1 AND key <= ?2 \
            AND (seen_us < ?3 OR sequence <= ?4)";
        self.pressed = wanted && self.has_more(counters, limits);
        if self.pressed && self.from.is_empty() {
            self.through = self.oldest_part(counters);
        }
        let forgotten = if self.pressed { self.through } else { 0 };
        let keys = if self.pressed { PRESSED_KEYS } else { KEYS };
        let query = sqlx::query(NEXT).bind(self.from.as_str()).bind(keys);
        let row = query.bind(forgotten).bind(KEY_BYTES).fetch_one(&mut *connection).await?;
        let Some(through) = row.try_get::<Option<String>, _>(1)? else {
            self.end();
            return Ok(0);
        };
        let query = sqlx::query(DELETE).bind(self.from.as_str()).bind(through.as_str());
        let query = query.bind(limits.key_us).bind(forgotten);
        let removed = query.execute(connection).await?.rows_affected();
        if removed > 0 {
            let newest: Option<i64> = row.try_get(4)?;
            let forgotten_us = newest.map_or(0, |seen_us| seen_us.min(limits.moment_us));
            counters.keys_since_us = counters.keys_since_us.max(limits.key_us).max(forgotten_us);
        }
        let lowest: Option<i64> = row.try_get(2)?;
        self.left.lowest = lowest.into_iter().chain(self.left.lowest).min();
        self.left.bytes += unsigned(row.try_get(3)?);
        self.from = through;
        if row.try_get::<i64, _>(0)? < keys {
            self.end();
        }
        Ok(removed)
    }

    /// All keys were looked at.
    fn end(&mut self) {
        self.all = Some(std::mem::take(&mut self.left));
        self.from.clear();
        self.through = 0;
    }

    /// Whether there may be keys that can go.
    fn has_more(&self, counters: &Counters, limits: &Limits) -> bool {
        self.all.is_none_or(|all| {
            all.bytes > limits.key_bytes
                && all.lowest.is_some_and(|lowest| lowest <= counters.pruned_sequence)
        })
    }

    /// Nothing before the first sweep has told how far back the keys reach.
    fn oldest_part(&self, counters: &Counters) -> i64 {
        let lowest = self.all.and_then(|all| all.lowest);
        lowest.map_or(0, |lowest| lowest + (counters.pruned_sequence - lowest).max(0) / PARTS)
    }
}
