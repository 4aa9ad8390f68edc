//! What is old. Ages are told by a clock of our own, since the machine's may be wrong by years: for an hour without a
//! battery, for ever without a time server. One wrong date must not make everything old at once.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::counters::Counters;
use super::filling::KeyAge;
use super::prune::{Limits, Pruned};
use super::row::{signed, unsigned};
use crate::config::Retention;

/// A day in an hour: a gateway that was off for a weekend is up to date after three hours, and an operator has days
/// to set a clock that is wrong by years.
const PACE: u32 = 24;
/// 2026-01-01: no input is older.
const BEGIN_US: i64 = 1_767_225_600_000_000;
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;
/// The clock is stored when it has moved so far.
const STORED_EVERY_US: i64 = 60 * 60 * 1_000_000;

/// Tells what is old, and how much room the raw inputs take.
#[derive(Debug)]
pub(super) struct Aging {
    retention: Retention,
    clock: RetentionClock,
    /// Bytes of the raw inputs that are kept; counted where they are bounded only.
    raw_bytes: u64,
}

/// Never ahead of the machine's clock, and behind it where that jumped.
#[derive(Debug)]
struct RetentionClock {
    moment_us: i64,
    stored_us: i64,
    looked_at: Instant,
}

impl RetentionClock {
    fn new(moment_us: i64) -> Self {
        Self { moment_us, stored_us: moment_us, looked_at: Instant::now() }
    }

    fn go_on(&mut self, now: Timestamp, elapsed: Duration) -> i64 {
        let most = i64::try_from((elapsed * PACE).as_micros()).unwrap_or(i64::MAX);
        let reached = self.moment_us.saturating_add(most);
        self.moment_us = now.as_microsecond().min(reached).max(BEGIN_US);
        self.moment_us
    }
}

impl Aging {
    /// As a journal says when it is opened. In one that has taken nothing yet nothing can become old by a wrong date:
    /// it begins at the machine's time.
    pub(super) async fn read(
        connection: &mut SqliteConnection,
        retention: Retention,
        begins_at: Option<Timestamp>,
    ) -> Result<Self, sqlx::Error> {
        const MOMENT: &str = "SELECT moment_us FROM retention_clock";
        const RAW_BYTES: &str = "SELECT coalesce(sum(length(raw)), 0) \
            FROM capture INDEXED BY capture_with_raw WHERE raw IS NOT NULL";
        let moment_us = sqlx::query_scalar(MOMENT).fetch_one(&mut *connection).await?;
        let raw_bytes = match retention.capture_max {
            Some(_) => sqlx::query_scalar(RAW_BYTES).fetch_one(connection).await?,
            None => 0,
        };
        let mut clock = RetentionClock::new(moment_us);
        if let Some(begin) = begins_at {
            clock.moment_us = begin.as_microsecond().max(BEGIN_US);
        }
        Ok(Self { retention, clock, raw_bytes: unsigned(raw_bytes) })
    }

    /// The limits of the moment.
    pub(super) fn limits(&mut self, now: Timestamp, tight: bool) -> Limits {
        let elapsed = self.clock.looked_at.elapsed();
        self.clock.looked_at += elapsed;
        let moment_us = self.clock.go_on(now, elapsed);
        let excess = self.retention.capture_max.map(|max| self.raw_bytes.saturating_sub(max.0));
        Limits::new(moment_us, &self.retention, tight).with_excess(excess.unwrap_or(0))
    }

    /// Where the clock is, when that has to be stored: after each hour of it.
    pub(super) fn clock_due(&self) -> Option<i64> {
        let moved = self.clock.moment_us - self.clock.stored_us;
        (moved.abs() >= STORED_EVERY_US).then_some(self.clock.moment_us)
    }

    /// The commit of a step held.
    pub(super) fn stepped(&mut self, pruned: &Pruned, clock: Option<i64>) {
        self.raw_bytes = self.raw_bytes.saturating_sub(pruned.raw_bytes);
        self.clock.stored_us = clock.unwrap_or(self.clock.stored_us);
    }

    /// A group was committed with so much of raw inputs.
    pub(super) fn took(&mut self, raw_bytes: usize) {
        self.raw_bytes = self.raw_bytes.saturating_add(unsigned(signed(raw_bytes)));
    }

    /// How long keys are kept that take so many bytes.
    pub(super) fn key_age(&self, counters: &Counters, begin_us: i64, key_bytes: u64) -> KeyAge {
        let (now_us, days) = (self.clock.moment_us, self.retention.key_days);
        let wanted_since_us = now_us - i64::from(days) * DAY_US;
        let cut = counters.keys_since_us > wanted_since_us + DAY_US;
        let since_us = counters.keys_since_us.max(begin_us).clamp(BEGIN_US, now_us);
        KeyAge::of(now_us - since_us, cut, days, key_bytes)
    }

    /// Where a key counts as seen, whatever the clock says: one that was set to the past must not make a key old from
    /// the start.
    pub(super) fn seen_us(&self) -> i64 {
        self.clock.moment_us
    }
}

/// Part of the commit of a step of pruning.
pub(super) async fn store_clock(
    connection: &mut SqliteConnection,
    due: Option<i64>,
) -> Result<(), sqlx::Error> {
    const SQL: &str = "UPDATE retention_clock SET moment_us = ?";
    if let Some(moment_us) = due {
        let _ = sqlx::query(SQL).bind(moment_us).execute(connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    fn at(days: i64) -> Timestamp {
        Timestamp::from_microsecond(BEGIN_US + days * DAY_US).unwrap()
    }

    #[test]
    fn the_clock_follows_slowly_and_is_never_ahead() {
        let mut clock = RetentionClock::new(BEGIN_US);
        let days = |moment_us: i64| (moment_us - BEGIN_US) / DAY_US;
        assert_eq!(days(clock.go_on(at(300), HOUR)), 1);
        assert_eq!(
            days(clock.go_on(at(300), 400 * HOUR)),
            300,
            "as far as the machine's, not more"
        );
        assert_eq!(days(clock.go_on(at(3650), HOUR)), 301, "a wrong date makes nothing old");
        assert_eq!(days(clock.go_on(at(300), HOUR)), 300, "set right, the error is gone");
        assert_eq!(days(clock.go_on(Timestamp::UNIX_EPOCH, HOUR)), 0, "nothing is older than that");
        assert_eq!(days(clock.go_on(at(300), 10 * HOUR)), 10);
    }
}
