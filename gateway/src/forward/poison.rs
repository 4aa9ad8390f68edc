//! A record at which the broker ends every connection. Pure: time comes in by argument.
//!
//! MQTT 3.1.1 has no words for "not this message": a broker closes the connection, and would do so for ever, since the
//! same record comes first on the next one. After some connections that ended so, the record is published alone,
//! behind a birth message that the broker took; when that ends the connection, too, the record is parked. Never: a
//! second record parked before the broker took another one. Then it is not the record, and everything waits.

use std::time::Duration;

use tokio::time::Instant;

/// Connections that end at the same record before it is suspected.
const SUSPECT_ENDS: u32 = 5;

/// Connections that end while it is published alone before it is parked.
const ALONE_ENDS: u32 = 2;

/// What to do with the first record of the next connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing is known against it.
    Ordinary,
    /// Nothing else is under way beside it.
    Alone,
    /// It stays here, so that the others can go.
    Park,
}

/// What is known against the first record.
#[derive(Debug, Default)]
pub(super) struct Poison {
    record: u64,
    since: Option<Instant>,
    ends: u32,
    ends_alone: u32,
    /// The record that was parked, while no other was taken since.
    unproven: Option<u64>,
}

impl Poison {
    /// A connection was ended by the broker while this record was the first without an answer.
    pub(super) fn ended(&mut self, record: u64, was_alone: bool, now: Instant) {
        if self.record != record {
            *self = Self { record, since: Some(now), unproven: self.unproven, ..Self::default() };
        }
        self.ends = self.ends.saturating_add(1);
        self.ends_alone = self.ends_alone.saturating_add(u32::from(was_alone));
    }

    /// How many connections ended at the record, once that is suspicious.
    pub(super) fn suspicious_ends(&self) -> Option<u32> {
        Some(self.ends).filter(|ends| *ends >= SUSPECT_ENDS)
    }

    /// The broker took a record. What leaves in the place of the parked one proves nothing.
    pub(super) fn delivered(&mut self, record: u64) {
        self.unproven = self.unproven.filter(|parked| *parked == record);
    }

    /// The record was parked.
    pub(super) fn parked(&mut self, record: u64) {
        self.unproven = Some(record);
    }

    /// What to do with a record that is the first of a connection. A network that fails at every turn for a moment
    /// is no reason to suspect a record: the connections must end at it for as long as `patience`.
    pub(super) fn verdict(&self, record: u64, patience: Duration, now: Instant) -> Verdict {
        let is_suspect = self.record == record
            && self.ends >= SUSPECT_ENDS
            && self.since.is_some_and(|since| now.duration_since(since) >= patience);
        match is_suspect {
            false => Verdict::Ordinary,
            true if self.ends_alone >= ALONE_ENDS && self.unproven.is_none() => Verdict::Park,
            true => Verdict::Alone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(300);

    fn suspect(poison: &mut Poison, record: u64, now: Instant) {
        (0..SUSPECT_ENDS).for_each(|_| poison.ended(record, false, now));
    }

    #[test]
    fn a_record_is_suspected_then_tried_alone_then_parked() {
        let (mut poison, start) = (Poison::default(), Instant::now());
        let late = start + PATIENCE;
        assert_eq!(poison.verdict(7, PATIENCE, late), Verdict::Ordinary);
        suspect(&mut poison, 7, start);
        assert_eq!(poison.verdict(7, PATIENCE, start), Verdict::Ordinary, "not within moments");
        assert_eq!(poison.verdict(7, PATIENCE, late), Verdict::Alone);
        assert_eq!(poison.verdict(8, PATIENCE, late), Verdict::Ordinary);
        poison.ended(7, true, late);
        assert_eq!(poison.verdict(7, PATIENCE, late), Verdict::Alone);
        poison.ended(7, true, late);
        assert_eq!(poison.verdict(7, PATIENCE, late), Verdict::Park);
    }

    #[test]
    fn records_are_not_parked_one_after_the_other() {
        let (mut poison, start) = (Poison::default(), Instant::now());
        let late = start + PATIENCE;
        poison.parked(7);
        suspect(&mut poison, 8, start);
        (0..9).for_each(|_| poison.ended(8, true, late));
        assert_eq!(poison.verdict(8, PATIENCE, late), Verdict::Alone, "it is not the record");
        poison.delivered(7);
        assert_eq!(poison.verdict(8, PATIENCE, late), Verdict::Alone, "only its notice left");
        poison.delivered(6);
        assert_eq!(poison.verdict(8, PATIENCE, late), Verdict::Park);
    }

    #[test]
    fn progress_clears_the_suspicion() {
        let (mut poison, start) = (Poison::default(), Instant::now());
        suspect(&mut poison, 7, start);
        poison.ended(9, false, start);
        assert_eq!(poison.verdict(7, PATIENCE, start + PATIENCE), Verdict::Ordinary);
    }
}
