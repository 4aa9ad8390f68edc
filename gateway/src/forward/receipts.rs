//! What the CRM says about our records, and what follows from it. Pure: time comes in by argument.
//!
//! In: receipts and requests from the receipts topic, how far the broker's acknowledgements are. Out: through which
//! record the CRM has everything, and which records are published again: those it asks for, and, when it confirms
//! nothing for a while although the broker acknowledged, all that it has not confirmed: a broker may lose what it
//! acknowledged. Never: a confirmation of what was not acknowledged, a list without a limit.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::ranges::{Ranges, Span};
use super::settings::Timing;

/// Ranges that wait to be published again. Beyond that the closest are joined: some more records are sent.
const ASKED_RANGES: usize = 1000;

/// The same complaint is made so often at most.
const COMPLAINT_EVERY: Duration = Duration::from_secs(60);

/// What a message on the receipts topic says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    /// Of which incarnation of the gateway it speaks.
    pub(super) incarnation: u32,
    /// All through this record are safe.
    pub(super) through: Option<u64>,
    /// These are to be sent again.
    pub(super) resend: Option<Span>,
}

/// Why a message on the receipts topic means nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    #[error("it is not the JSON that is expected")]
    Json(#[from] serde_json::Error),
    #[error("it has neither \"through\" nor \"resend\"")]
    Nothing,
    #[error("its \"resend\" is no range: expected [first, last] from 1 on, found [{0}, {1}]")]
    Range(u64, u64),
}

/// Reads a message. `None` is a retained message that was cleared (MQTT 5, 3.3.1.3). Unknown keys are left alone,
/// since the contract may grow.
pub(super) fn read(payload: &[u8]) -> Result<Option<Said>, Malformed> {
    #[derive(Deserialize)]
    struct Shape {
        incarnation: u32,
        through: Option<u64>,
        resend: Option<Span>,
    }
    if payload.is_empty() {
        return Ok(None);
    }
    let Shape { incarnation, through, resend } = serde_json::from_slice(payload)?;
    match resend {
        Some((first, last)) if first == 0 || first > last => Err(Malformed::Range(first, last)),
        None if through.is_none() => Err(Malformed::Nothing),
        _ => Ok(Some(Said { incarnation, through, resend })),
    }
}

/// What is known of the CRM's side. Outlives connections.
#[derive(Debug)]
pub(super) struct Receipts {
    /// The CRM has all through this record.
    confirmed: u64,
    /// The highest receipt so far. It may come before the broker's acknowledgement was heard.
    newest: u64,
    /// Whether this gateway ever had a receipt: without one nobody knows whether any will come.
    is_seen: bool,
    /// The base of a later incarnation, and a receipt for it that waits until the end of those before went out again.
    ahead: Option<(u64, u64)>,
    /// What is to be published again.
    asked: Ranges,
    /// What is to be published again on the next connection: this broker does not take it.
    aside: Ranges,
    /// How long the CRM may be silent, now.
    patience: Duration,
    patience_first: Duration,
    patience_cap: Duration,
    /// Since when acknowledged records wait for a receipt without any progress.
    waiting_since: Option<Instant>,
    complaints: HashMap<&'static str, Instant>,
}

impl Receipts {
    /// With what the store knows.
    pub(super) fn new(confirmed: u64, timing: &Timing) -> Self {
        Self {
            confirmed,
            newest: confirmed,
            ahead: None,
            is_seen: confirmed > 0,
            asked: Ranges::default(),
            aside: Ranges::default(),
            patience: timing.receipt_patience,
            patience_first: timing.receipt_patience,
            patience_cap: timing.receipt_patience_cap,
            waiting_since: None,
            complaints: HashMap::new(),
        }
    }

    /// The CRM has all through this record. Gives the number through which the store can rely on it, if it moved.
    pub(super) fn receipt(&mut self, number: u64, acknowledged: u64, now: Instant) -> Option<u64> {
        self.is_seen = true;
        self.newest = self.newest.max(number);
        self.catch_up(acknowledged, now)
    }

    /// Whether a receipt has to wait. It speaks of an incarnation that begins behind `base`, and nothing says that the
    /// CRM has the end of those before: a broker may have lost it, and the CRM sees no gap there. It goes out again.
    pub(super) fn waits(
        &mut self,
        (number, base): (u64, u64),
        pruned: u64,
        acknowledged: u64,
    ) -> bool {
        let end = (self.newest.max(pruned) + 1, base.min(acknowledged));
        if end.0 > end.1 {
            return false;
        }
        self.is_seen = true;
        match &mut self.ahead {
            Some((at, waiting)) if *at == base => *waiting = number.max(*waiting),
            _ => {
                self.ahead = Some((base, number));
                self.ask(end);
            }
        }
        true
    }

    /// The broker has acknowledged all through this record. A receipt that was ahead of it may count now.
    pub(super) fn catch_up(&mut self, acknowledged: u64, now: Instant) -> Option<u64> {
        if let Some((base, number)) = self.ahead
            && self.asked.spans().first().is_none_or(|span| span.0 > base)
        {
            self.ahead = None;
            self.newest = self.newest.max(number);
        }
        let reached = self.newest.min(acknowledged);
        let moved = reached > self.confirmed;
        if moved {
            // Only what is new: the CRM may ask for older ones although it had them.
            self.asked.remove((self.confirmed + 1, reached));
            self.confirmed = reached;
            self.patience = self.patience_first;
            self.waiting_since = None;
        }
        if self.confirmed >= acknowledged {
            self.waiting_since = None;
        } else {
            self.waiting_since.get_or_insert(now);
        }
        moved.then_some(reached)
    }

    /// The CRM asks for records. What was not acknowledged yet comes by itself.
    pub(super) fn resend(&mut self, (first, last): Span, acknowledged: u64) {
        self.ask((first, last.min(acknowledged)));
    }

    /// These are to be published again.
    fn ask(&mut self, span: Span) {
        self.asked.add(span);
        self.asked.join_to(ASKED_RANGES);
    }

    /// When the patience ends, if it runs.
    pub(super) fn due(&self) -> Option<Instant> {
        // As long as there was no receipt at all, the CRM may not be there yet; but what it never heard of it cannot
        // ask for.
        let patience = if self.is_seen { self.patience } else { self.patience_cap };
        self.waiting_since.filter(|_| self.asked.is_empty()).map(|since| since + patience)
    }

    /// When the patience has ended: asks for everything that is not confirmed and is there (what is `pruned` was
    /// delivered before receipts counted), and is more patient from now on.
    pub(super) fn lose_patience(
        &mut self,
        acknowledged: u64,
        pruned: u64,
        now: Instant,
    ) -> Option<Span> {
        self.due().filter(|due| *due <= now)?;
        let span = (self.confirmed.max(pruned) + 1, acknowledged);
        self.waiting_since = Some(now);
        self.asked.add(span);
        self.patience = self.patience.saturating_mul(2).min(self.patience_cap);
        Some(span)
    }

    /// The first range behind a number that is to be published again.
    pub(super) fn asked_from(&self, number: u64) -> Option<Span> {
        self.asked.first_from(number)
    }

    /// These were published again, or cannot be.
    pub(super) fn done(&mut self, span: Span, now: Instant) {
        self.asked.remove(span);
        if self.asked.is_empty() && self.waiting_since.is_some() {
            self.waiting_since = Some(now);
        }
    }

    /// This broker does not take a record: it is asked for again on the next connection.
    pub(super) fn set_aside(&mut self, number: u64, now: Instant) {
        self.aside.add((number, number));
        self.aside.join_to(ASKED_RANGES);
        self.done((number, number), now);
    }

    /// A connection begins: perhaps this broker takes what the last one did not.
    pub(super) fn begin_anew(&mut self) {
        std::mem::take(&mut self.aside).spans().iter().for_each(|span| self.ask(*span));
    }

    /// Whether a complaint of this kind may be made now.
    pub(super) fn may_complain(&mut self, code: &'static str, now: Instant) -> bool {
        let last = self.complaints.get(code);
        let may = last.is_none_or(|last| now.duration_since(*last) >= COMPLAINT_EVERY);
        if may {
            self.complaints.insert(code, now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn receipts(confirmed: u64) -> Receipts {
        Receipts::new(confirmed, &Timing::default())
    }

    #[test]
    fn a_receipt_of_a_new_incarnation_waits_for_the_end_of_the_old_one() {
        let (mut receipts, now) = (receipts(0), Instant::now());
        assert_eq!(receipts.receipt(90, 103, now), Some(90));
        assert!(receipts.waits((101, 100), 0, 103), "91 to 100 were never confirmed");
        assert!(receipts.waits((102, 100), 0, 103));
        assert_eq!(receipts.asked_from(1), Some((91, 100)));
        assert_eq!(receipts.catch_up(103, now), None);
        receipts.done((91, 100), now);
        assert_eq!(receipts.catch_up(103, now), Some(102));
        assert!(!receipts.waits((103, 100), 0, 103), "all before it is confirmed");
        let mut pruned = self::receipts(0);
        assert!(!pruned.waits((101, 100), 100, 103), "what is gone was delivered");
    }

    #[test]
    fn messages_are_read() {
        let said = |text: &str| read(text.as_bytes());
        let through = said(r#"{"incarnation":2,"through":7,"note":"x"}"#).unwrap().unwrap();
        assert_eq!((through.incarnation, through.through, through.resend), (2, Some(7), None));
        let resend = said(r#"{"incarnation":1,"resend":[3,9]}"#).unwrap().unwrap();
        assert_eq!(resend.resend, Some((3, 9)));
        assert_eq!(said("").unwrap(), None);
        for (wrong, words) in [
            ("{}", "not the JSON"),
            (r#"{"incarnation":1}"#, "neither"),
            (r#"{"incarnation":1,"resend":[9,3]}"#, "found [9, 3]"),
            (r#"{"incarnation":1,"resend":[0,3]}"#, "found [0, 3]"),
            (r#"{"incarnation":1,"through":-1}"#, "not the JSON"),
            ("\u{0}", "not the JSON"),
        ] {
            let problem = said(wrong).unwrap_err().to_string();
            assert!(problem.contains(words), "{wrong}: {problem}");
        }
    }

    #[test]
    fn a_receipt_counts_when_the_acknowledgement_has_caught_up() {
        let (mut receipts, now) = (receipts(0), Instant::now());
        assert_eq!(receipts.receipt(10, 4, now), Some(4));
        assert_eq!(receipts.catch_up(4, now), None);
        assert_eq!(receipts.catch_up(8, now), Some(8));
        assert_eq!(receipts.catch_up(12, now), Some(10));
        assert_eq!(receipts.receipt(5, 12, now), None, "a smaller one says nothing new");
    }

    #[test]
    fn patience_ends_doubles_and_begins_anew() {
        let (mut receipts, start) = (receipts(5), Instant::now());
        receipts.catch_up(9, start);
        assert_eq!(receipts.due(), Some(start + PATIENCE));
        assert_eq!(receipts.lose_patience(9, 0, start), None);
        let late = start + PATIENCE;
        assert_eq!(receipts.lose_patience(9, 0, late), Some((6, 9)));
        assert_eq!(receipts.due(), None, "not while they are under way");
        receipts.done((6, 9), late);
        assert_eq!(receipts.due(), Some(late + 2 * PATIENCE));
        for _ in 0..20 {
            receipts.lose_patience(9, 0, late + Duration::from_secs(7200));
            receipts.done((6, 9), late);
        }
        assert_eq!(receipts.due(), Some(late + Duration::from_secs(3600)));
        assert_eq!(receipts.lose_patience(9, 7, late + Duration::from_secs(7200)), Some((8, 9)));
        receipts.done((8, 9), late);
        assert_eq!(receipts.receipt(8, 9, late), Some(8));
        assert_eq!(receipts.due(), Some(late + PATIENCE));
        assert_eq!(receipts.receipt(9, 9, late), Some(9));
        assert_eq!(receipts.due(), None);
    }

    #[test]
    fn before_the_first_receipt_patience_is_long_and_has_an_end() {
        let (mut receipts, now) = (receipts(0), Instant::now());
        receipts.catch_up(9, now);
        assert_eq!(receipts.lose_patience(9, 0, now + PATIENCE), None);
        let late = now + receipts.patience_cap;
        assert_eq!(receipts.lose_patience(9, 0, late), Some((1, 9)), "a broker may have lost them");
    }

    #[test]
    fn a_receipt_ends_requests_for_what_it_confirms_and_no_others() {
        let (mut receipts, now) = (receipts(10), Instant::now());
        receipts.resend((3, 20), 15);
        assert_eq!(receipts.asked_from(1), Some((3, 15)));
        receipts.receipt(12, 15, now);
        assert_eq!(
            (receipts.asked_from(1), receipts.asked_from(11)),
            (Some((3, 10)), Some((13, 15)))
        );
    }

    #[test]
    fn requests_are_bounded() {
        let mut receipts = receipts(0);
        for number in 0..100_000 {
            receipts.resend((number * 2 + 1, number * 2 + 1), u64::MAX);
        }
        assert_eq!(receipts.asked.spans().len(), ASKED_RANGES);
        assert!(receipts.asked.contains(1) && receipts.asked.contains(199_999));
    }
}
