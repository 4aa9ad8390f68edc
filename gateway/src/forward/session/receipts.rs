//! The CRM's receipts on a connection: the subscription, what is heard, and records that go out again.
//!
//! Records that go out again are read from the outbox like new ones, beside them, a reading at a time. They stay asked
//! for until the broker acknowledged them, so that a lost connection costs nothing.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::super::Outbox;
use super::super::backoff::Backoff;
use super::super::ranges::Span;
use super::super::receipts::{Receipts, Said, read};
use super::super::supply::{DAMAGED, Supply};
use super::super::trouble::Trouble;
use super::lost::Gone;
use super::{Flow, Outgoing, Session, locked};
use crate::telemetry::metric::Metric;
use crate::telemetry::status::Condition;

/// New records between two that go out again, while both wait.
const NEW_BETWEEN: u32 = 3;

/// Connections that end at our subscription before one goes without: a message that is retained there and larger than
/// our client takes would otherwise stop everything.
const SUBSCRIPTION_ENDS: u32 = 3;

/// A broker that refused our subscription, or did not answer it, is asked again so often: its rules may be corrected,
/// and a connection may hold for months.
const SUBSCRIBE_AGAIN: Duration = Duration::from_secs(60);

/// A connection that went without subscribes after so long: the ends may have had another cause.
const SUBSCRIBE_ANYWAY: Duration = Duration::from_secs(600);

const SUBSCRIPTION: &str = "receipts-subscription";
const MALFORMED: &str = "receipt-malformed";
const UNKNOWN: &str = "receipt-unknown";
const UNAVAILABLE: &str = "resend-unavailable";

/// Records that go out again, on their way from the outbox.
pub(super) struct Repeats<O> {
    supply: Supply<O>,
    /// What is being read and sent; what is before it is sent.
    span: Option<Span>,
    sent_through: u64,
    under_way: usize,
    new_since: u32,
    /// A reading failed: none before this.
    not_before: Option<Instant>,
    retry: Backoff,
}

impl<O: Outbox> Repeats<O> {
    /// A reading that fails is tried again after waits like these.
    pub(super) fn new(outbox: Arc<O>, retry: Backoff) -> Self {
        Self {
            supply: Supply::new(outbox, 0),
            span: None,
            sent_through: 0,
            under_way: 0,
            new_since: 0,
            not_before: None,
            retry,
        }
    }

    /// Nothing of it is under way any more.
    pub(super) fn begin_anew(&mut self) {
        self.span = None;
        self.supply.rewind(0);
        (self.sent_through, self.under_way) = (0, 0);
    }

    /// Whether one of these goes before a new record.
    pub(super) fn is_turn(&self) -> bool {
        self.new_since >= NEW_BETWEEN
    }

    pub(super) fn count_new(&mut self) {
        self.new_since = self.new_since.saturating_add(1);
    }

    pub(super) fn count_sent(&mut self) {
        self.under_way += 1;
        self.new_since = 0;
    }

    /// The next record, and what is missing before it.
    fn pop(&mut self) -> Option<(Span, Option<Outgoing>)> {
        let (first, last) = self.span?;
        let record = self.supply.pop()?;
        let missing = (first.max(self.sent_through + 1), last.min(record.sequence - 1));
        self.sent_through = record.sequence.min(last);
        if record.sequence >= last {
            self.span = None;
            self.supply.rewind(0);
        }
        Some((missing, Some(record).filter(|record| record.sequence <= last)))
    }

    /// Waits for the reading; for ever when there is none.
    pub(super) async fn arrive(&mut self) -> Result<(), Trouble> {
        self.supply.arrive().await
    }

    fn begin(&mut self, span: Span) {
        self.span = Some(span);
        self.supply.rewind(span.0 - 1);
    }

    /// What is sent ends before a record that cannot be read.
    fn end_before(&mut self, record: u64) {
        let first = self.span.map_or(record, |span| span.0);
        self.span = Some((first, record - 1)).filter(|_| !self.supply.is_empty());
    }

    /// When the next reading is due, if one waits.
    pub(super) fn due(&self) -> Option<Instant> {
        self.not_before
    }
}

impl<O: Outbox> Session<O> {
    /// Asks for receipts, and waits for the answer: what is published before could be confirmed unheard.
    pub(super) async fn subscribe(&mut self) -> Result<(), Trouble> {
        if self.context.receipts.is_none() {
            return Ok(());
        }
        self.receipts_catch_up(self.context.acknowledged.load(Ordering::Relaxed));
        if self.context.subscription_ends.load(Ordering::Relaxed) >= SUBSCRIPTION_ENDS {
            // Records come first. The next connection subscribes again, and this one if it holds.
            self.context.subscription_ends.store(0, Ordering::Relaxed);
            self.next_subscription = Some(Instant::now() + SUBSCRIBE_ANYWAY);
            self.warn_of_subscription("ended several connections at");
            return Ok(());
        }
        self.vitals.subscribed.store(true, Ordering::Relaxed);
        self.transport.subscribe(&self.settings().topic("receipts"))?;
        let answered = timeout(self.settings().timing.suback, async {
            while !self.subscription_is_answered {
                let event = self.transport.next().await?;
                self.hear(event).await?;
            }
            Ok(())
        });
        match answered.await {
            Ok(answered) => answered?,
            Err(_) => {
                self.warn_of_subscription("did not answer");
                self.next_subscription = Some(Instant::now() + SUBSCRIBE_AGAIN);
            }
        }
        Ok(())
    }

    pub(super) fn subscription_answered(&mut self, granted: bool) {
        self.subscription_is_answered = true;
        self.next_subscription = (!granted).then(|| Instant::now() + SUBSCRIBE_AGAIN);
        if granted {
            self.context.board.clear_broker_warning(SUBSCRIPTION);
        } else {
            self.warn_of_subscription("refused");
        }
    }

    /// Asks for receipts once more, beside the records, when that is due.
    pub(super) fn subscribe_again(&mut self) -> Result<(), Trouble> {
        let now = Instant::now();
        if self.next_subscription.is_none_or(|due| due > now) {
            return Ok(());
        }
        self.next_subscription = Some(now + SUBSCRIBE_AGAIN);
        self.transport.subscribe(&self.settings().topic("receipts"))
    }

    fn warn_of_subscription(&self, what: &str) {
        let topic = self.settings().topic("receipts");
        let message = format!("the broker {what} our subscription to {topic}");
        warn!("{message}: records go out, receipts will not be heard");
        self.context.board.warn_of_broker(Condition {
            code: SUBSCRIPTION.to_owned(),
            message,
            fix: "let this gateway read that topic; until then records stay on this disk"
                .to_owned(),
        });
    }

    /// Something came on the receipts topic.
    pub(super) fn hear_receipt(&mut self, payload: &[u8]) {
        let Said { incarnation, through, resend } = match read(payload) {
            Ok(Some(said)) => said,
            Ok(None) => return,
            Err(problem) => {
                let bytes = payload.len();
                let words = format!(
                    "a message of {bytes} bytes on the receipts topic means nothing: {problem}"
                );
                return self.complain(MALFORMED, words, "look at who publishes there: expected {\"incarnation\":I,\"through\":N} or {\"incarnation\":I,\"resend\":[A,B]}");
            }
        };
        if let Some(through) = through {
            self.hear_through(incarnation, through);
        }
        if let Some(span) = resend {
            self.hear_resend(incarnation, span);
        }
    }

    fn hear_through(&mut self, incarnation: u32, through: u64) {
        let Some(receipts) = self.receipts() else { return };
        let outbox = &self.context.outbox;
        // The CRM may have more of what is over than a backup that was restored here: then it has all that is here.
        let here = outbox.ended_with(incarnation).map_or(through, |count| count.min(through));
        let known = outbox.number_of(incarnation, here);
        // Zero: the CRM has nothing yet, and listens.
        let Some(number) = known.or_else(|| (here == 0).then_some(0)) else {
            let words = format!(
                "the CRM confirms record {through} of incarnation {incarnation}, which this gateway never gave out"
            );
            return self.complain(UNKNOWN, words, "was the journal replaced by an older one (use `tillgate restore`), or does another gateway share org, store and id? the receipt is ignored");
        };
        let acknowledged = self.context.acknowledged.load(Ordering::Relaxed);
        let name = (number, number.saturating_sub(here));
        let mut receipts = locked(receipts);
        if receipts.waits(name, self.context.outbox.pruned(), acknowledged) {
            info!(
                incarnation,
                "a receipt waits until the end of the incarnation before it went out once more"
            );
            return;
        }
        let reached = receipts.receipt(number, acknowledged, Instant::now());
        drop(receipts);
        if let Some(reached) = reached {
            self.confirm(reached);
        }
    }

    fn hear_resend(&mut self, incarnation: u32, (first, mut last): Span) {
        if let Some(count) =
            self.context.outbox.ended_with(incarnation).filter(|count| *count < last)
        {
            // The rest was given out, and was gone with the journal that a backup replaced.
            Metric::ResendRequests.add(1, &[("outcome", "unknown")]);
            self.tell_lost_by_name(incarnation, (first.max(count + 1), last), Gone::Replaced);
            last = count;
            if first > last {
                return;
            }
        }
        let Some(receipts) = self.receipts() else { return };
        let number = |sequence| self.context.outbox.number_of(incarnation, sequence);
        let (Some(from), Some(through)) = (number(first), number(last)) else {
            Metric::ResendRequests.add(1, &[("outcome", "unknown")]);
            let words = format!(
                "the CRM asks for records {first} to {last} of incarnation {incarnation}, which this gateway never gave out"
            );
            return self.complain(UNKNOWN, words, "was the journal replaced by an older one (use `tillgate restore`), or does another gateway share org, store and id?");
        };
        Metric::ResendRequests.add(1, &[("outcome", "taken")]);
        info!(first, last, incarnation, "the CRM asks for records once more");
        let acknowledged = self.context.acknowledged.load(Ordering::Relaxed);
        locked(receipts).resend((from, through), acknowledged);
    }

    /// Acknowledgements went on: a receipt that was ahead of them may count now.
    pub(super) fn receipts_catch_up(&self, acknowledged: u64) {
        let Some(receipts) = self.receipts() else { return };
        if let Some(reached) = locked(receipts).catch_up(acknowledged, Instant::now()) {
            self.confirm(reached);
        }
    }

    fn confirm(&self, through: u64) {
        self.context.outbox.confirm(through);
        for code in [MALFORMED, UNKNOWN, UNAVAILABLE] {
            self.context.board.clear_broker_warning(code);
        }
    }

    /// When patience with the CRM ends.
    pub(super) fn receipts_due(&self) -> Option<Instant> {
        locked(self.receipts()?).due()
    }

    /// The next record that goes out again, if it is here.
    pub(super) fn next_repeat(&mut self) -> Option<Outgoing> {
        let (missing, record) = self.repeats.pop()?;
        if missing.0 <= missing.1 {
            self.complain_of_missing(missing, "they are not in the outbox");
        }
        record
    }

    /// Finds what goes out again next, and has it read.
    pub(super) fn plan_repeats(&mut self) {
        let now = Instant::now();
        if self.flow != Flow::Open || self.repeats.not_before.is_some_and(|at| at > now) {
            return;
        }
        self.repeats.not_before = None;
        self.lose_patience(now);
        while self.repeats.span.is_none() {
            let from = self.repeats.sent_through + 1;
            let asked = self.receipts().and_then(|receipts| locked(receipts).asked_from(from));
            let pruned = self.context.outbox.pruned();
            match asked {
                Some(span) if span.0 <= pruned => {
                    self.complain_of_pruned((span.0, span.1.min(pruned)));
                }
                Some(span) => self.repeats.begin(span),
                // What was asked for meanwhile may be before what was sent.
                None if self.repeats.sent_through > 0 && self.repeats.under_way == 0 => {
                    self.repeats.sent_through = 0;
                }
                None => return,
            }
        }
        if let Some((_, last)) = self.repeats.span {
            self.repeats.supply.read_ahead(last, self.limit);
        }
    }

    /// When patience with the CRM has ended, all that it has not confirmed goes out again.
    fn lose_patience(&self, now: Instant) {
        let acknowledged = self.context.acknowledged.load(Ordering::Relaxed);
        let pruned = self.context.outbox.pruned();
        let Some(receipts) = self.receipts() else { return };
        if let Some((first, last)) = locked(receipts).lose_patience(acknowledged, pruned, now) {
            warn!(
                first,
                last, "the CRM confirms nothing although the broker acknowledged: sending again"
            );
        }
    }

    fn complain_of_pruned(&mut self, (first, last): Span) {
        if let Some(receipts) = self.receipts() {
            locked(receipts).done((first, last), Instant::now());
        }
        self.tell_lost((first, last), Gone::Pruned);
        Metric::ResendRequests.add(1, &[("outcome", "pruned")]);
        let words = format!("the CRM asks for records {first} to {last}, which are no longer kept");
        self.complain(UNAVAILABLE, words, "it confirmed them before: restore them there; a longer [retention] record_days keeps more");
    }

    /// A reading of records that go out again has ended. One that fails does not stop new records. What was read is
    /// sent; a record that does not hold is passed by; else the rest is read again after a while.
    pub(super) fn repeats_arrived(&mut self, arrived: Result<(), Trouble>) {
        let Some((_, last)) = self.repeats.span else { return };
        let unread = self.repeats.supply.next_unread();
        match arrived {
            Ok(()) if self.repeats.supply.is_empty() => {
                self.complain_of_missing((unread, last), "they are not in the outbox");
                self.repeats.end_before(unread);
            }
            Ok(()) => self.repeats.retry.reset(),
            Err(trouble) if trouble.reason == DAMAGED => {
                self.complain_of_missing((unread, unread), &trouble.words);
                self.repeats.end_before(unread);
            }
            Err(trouble) => {
                let wait = self.repeats.retry.next((self.context.chance)());
                self.repeats.not_before = Some(Instant::now() + wait);
                self.repeats.end_before(unread);
                let words =
                    format!("records {unread} to {last} cannot be read once more: {trouble}");
                self.complain(UNAVAILABLE, words, "they are read again in a while");
            }
        }
    }

    fn complain_of_missing(&mut self, (first, last): Span, problem: &str) {
        if let Some(receipts) = self.receipts() {
            locked(receipts).done((first, last), Instant::now());
        }
        self.tell_lost((first, last), Gone::Damaged);
        let words = format!("records {first} to {last} cannot be sent once more: {problem}");
        let fix = "`tillgate verify` says whether the journal is whole; the CRM may ask again";
        self.complain(UNAVAILABLE, words, fix);
    }

    /// The broker has a record that went out again.
    pub(super) fn repeat_settled(&mut self, sequence: u64) {
        self.repeats.under_way = self.repeats.under_way.saturating_sub(1);
        self.repeat_done(sequence);
        self.receipts_catch_up(self.context.acknowledged.load(Ordering::Relaxed));
    }

    /// A fallback does not take a record that is asked for. The main broker may: it goes out once more on the next
    /// connection. Whether it is so.
    pub(super) fn set_aside(&self, sequence: u64, why: &str) -> bool {
        let Some(receipts) = self.receipts().filter(|_| self.is_fallback) else { return false };
        warn!(sequence, why, "a fallback does not take a record that is asked for: it waits");
        locked(receipts).set_aside(sequence, Instant::now());
        true
    }

    /// A record is not asked for any more.
    pub(super) fn repeat_done(&self, sequence: u64) {
        if let Some(receipts) = self.receipts() {
            locked(receipts).done((sequence, sequence), Instant::now());
        }
    }

    fn receipts(&self) -> Option<&Mutex<Receipts>> {
        self.context.receipts.as_ref()
    }

    /// Counted always, told once in a while: whoever publishes nonsense may do so at full speed.
    fn complain(&self, code: &'static str, message: String, fix: &str) {
        Metric::Findings.add(1, &[("code", code), ("severity", "warning")]);
        let Some(receipts) = self.receipts() else { return };
        if locked(receipts).may_complain(code, Instant::now()) {
            warn!(code, "{message}");
            let fix = fix.to_owned();
            self.context.board.warn_of_broker(Condition { code: code.to_owned(), message, fix });
        }
    }
}
