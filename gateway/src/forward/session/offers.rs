//! What goes out, and in which turn: new records, records that go out again, notices, our own status.

use std::sync::atomic::Ordering;

use tokio::time::Instant;
use tracing::warn;

use super::super::poison::Verdict;
use super::super::supply::outbox_trouble;
use super::super::transport::Message;
use super::super::trouble::Trouble;
use super::super::window::Item;
use super::super::{Outbox, Outgoing, message};
use super::{Context, Flow, Session, locked};
use crate::fail_point;
use crate::telemetry::board::Parked;
use crate::telemetry::metric::Metric;

/// Bytes under way at once: with large records the window is smaller.
const WINDOW_BYTES: usize = 8 << 20;

/// Notices under way at once: records have the right of way.
const NOTICES_AT_ONCE: usize = 10;

/// What may be sent next.
enum Next {
    New(Outgoing),
    Again(Outgoing),
}

impl<O: Outbox> Session<O> {
    pub(super) fn may_offer_notices(&self) -> bool {
        self.notices_under_way == 0 && self.flow != Flow::Draining && !self.is_alone()
    }

    /// Whether the first record is to be published with nothing beside it.
    fn is_alone(&self) -> bool {
        self.suspect.is_some_and(|(_, verdict)| verdict == Verdict::Alone)
    }

    pub(super) async fn fill(&mut self) -> Result<(), Trouble> {
        if matches!(self.flow, Flow::Waiting { until } if until <= Instant::now()) {
            // One record finds out whether the others will be taken.
            self.flow = Flow::Open;
            self.pace = 1;
        }
        if self.flow == Flow::Open && !self.is_alone() {
            self.offer_lost()?;
        }
        while self.flow == Flow::Open && self.has_room() {
            match self.next() {
                Some(Next::New(record)) => self.offer(record).await?,
                Some(Next::Again(record)) => self.offer_again(record).await?,
                None => break,
            }
        }
        Ok(())
    }

    pub(super) fn has_room(&self) -> bool {
        let limit = if self.is_alone() { 1 } else { self.limit.min(self.pace) };
        self.window.len() < limit && self.window.bytes() < WINDOW_BYTES
    }

    /// New records go first; where both wait, every fourth is one that goes out again.
    fn next(&mut self) -> Option<Next> {
        if self.is_alone() {
            // The birth message shows that the broker takes anything at all from us.
            let is_taken = self.vitals.birth_taken.load(Ordering::Relaxed);
            return if is_taken { self.supply.pop().map(Next::New) } else { None };
        }
        if self.repeats.is_turn() {
            self.next_repeat().map(Next::Again).or_else(|| self.supply.pop().map(Next::New))
        } else {
            self.supply.pop().map(Next::New).or_else(|| self.next_repeat().map(Next::Again))
        }
    }

    async fn offer(&mut self, record: Outgoing) -> Result<(), Trouble> {
        let sequence = record.sequence;
        let item = Item::Record { sequence, received_us: record.received_us };
        let (mut message, mut bytes) = self.packed(record);
        if let Some(reason) = self.why_never(sequence, bytes) {
            park(&self.context, sequence, &reason).await?;
            let Some(in_its_place) = self.in_place_of(sequence).await? else {
                self.window.push_settled(item);
                self.advance();
                return Ok(());
            };
            (message, bytes) = in_its_place;
        }
        let before = self.context.published_through.fetch_max(sequence, Ordering::Relaxed);
        if sequence <= before {
            Metric::Publish.add(1, &[("outcome", "repeated")]);
        }
        self.vitals.sent_through.fetch_max(sequence, Ordering::Relaxed);
        if self.is_alone() {
            self.vitals.sent_alone.store(sequence, Ordering::Relaxed);
        }
        self.repeats.count_new();
        self.send(&message, item, bytes)
    }

    /// What is sent of a record, and its size.
    fn packed(&self, record: Outgoing) -> (Message, usize) {
        let version = self.settings().connection.version;
        let message = message::record(&self.topics[0], record.payload, version);
        let bytes = message.packet_bytes(version);
        (message, bytes)
    }

    /// What the outbox has in the place of a parked record, so that its number is not missing: if it fits.
    pub(super) async fn in_place_of(
        &mut self,
        sequence: u64,
    ) -> Result<Option<(Message, usize)>, Trouble> {
        let found = self.context.outbox.after(sequence - 1, 1).await;
        let found = found.map_err(|error| outbox_trouble(&error))?.into_iter().next();
        let packed =
            found.filter(|found| found.sequence == sequence).map(|found| self.packed(found));
        Ok(packed.filter(|(_, bytes)| *bytes <= self.packet_max))
    }

    /// Why a record stays here, if it must.
    fn why_never(&self, sequence: u64, bytes: usize) -> Option<String> {
        if self.suspect == Some((sequence, Verdict::Park)) {
            locked(&self.context.poison).parked(sequence);
            return Some(
                "the broker ended each connection at it or never answered it, also when it was published alone, and gives no reason: its log should say why (its size, its topic, its access rules); replay the record when that is put right"
                    .to_owned(),
            );
        }
        (bytes > self.packet_max).then(|| format!(
            "too large for the broker: {bytes} bytes as an MQTT message, {} are allowed; raise mqtt.message_max and the broker's own limit, then replay the record",
            self.packet_max
        ))
    }

    /// A broker had it before. One that does not fit now is of another broker, or limits have changed since.
    async fn offer_again(&mut self, record: Outgoing) -> Result<(), Trouble> {
        let sequence = record.sequence;
        let (mut message, mut bytes) = self.packed(record);
        if let Some(reason) = self.why_never(sequence, bytes) {
            if self.set_aside(sequence, &reason) {
                return Ok(());
            }
            park(&self.context, sequence, &reason).await?;
            let Some(in_its_place) = self.in_place_of(sequence).await? else {
                self.repeat_done(sequence);
                return Ok(());
            };
            (message, bytes) = in_its_place;
        }
        Metric::Publish.add(1, &[("outcome", "repeated")]);
        self.repeats.count_sent();
        self.send(&message, Item::Again(sequence), bytes)
    }

    pub(super) async fn offer_notices(&mut self) -> Result<(), Trouble> {
        if self.next_notices > Instant::now() || !self.may_offer_notices() {
            return Ok(());
        }
        self.next_notices = Instant::now() + self.settings().timing.notices;
        let room = self.limit.saturating_sub(self.window.len()).min(NOTICES_AT_ONCE);
        if room == 0 {
            return Ok(());
        }
        let notices = self.context.outbox.notices(room).await;
        for notice in notices.map_err(|error| outbox_trouble(&error))? {
            let message = message::notice(&self.topics[1], notice.payload);
            let bytes = message.packet_bytes(self.settings().connection.version);
            if bytes > self.packet_max {
                warn!(id = notice.id, bytes, "a notice is too large for the broker: it stays here");
                continue;
            }
            self.send(&message, Item::Notice(notice.id), bytes)?;
            self.notices_under_way += 1;
        }
        Ok(())
    }

    pub(super) fn publish_status(&mut self, state: &str) -> Result<(), Trouble> {
        let (now, retain) = (self.context.clock.now(), self.capabilities.retain);
        let progress = self.context.progress();
        let message = message::status(self.settings(), state, now, progress, retain);
        let bytes = message.packet_bytes(self.settings().connection.version);
        if bytes > self.packet_max {
            warn!(bytes, "our status message is too large for the broker: it goes without");
            self.vitals.birth_taken.store(true, Ordering::Relaxed);
            return Ok(());
        }
        self.send(&message, Item::Status, bytes)
    }

    pub(super) fn send(
        &mut self,
        message: &Message,
        item: Item,
        bytes: usize,
    ) -> Result<(), Trouble> {
        if self.window.unanswered() == 0 {
            // From here on the watchdog counts.
            self.vitals.progress.beat();
        }
        self.transport.publish(message)?;
        fail_point::reached("published");
        self.window.push(item, bytes);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a window has far less than 2^52 items")]
    pub(super) fn show_inflight(&self) {
        if self.window.unanswered() == 0 {
            self.vitals.progress.rest();
        }
        self.meters.inflight.set(self.window.unanswered() as f64);
    }
}

/// The broker will never take a record: it stays here as a finding, and those behind it go on.
pub(super) async fn park<O: Outbox>(
    context: &Context<O>,
    sequence: u64,
    reason: &str,
) -> Result<(), Trouble> {
    warn!(sequence, reason, "a record was parked");
    Metric::Publish.add(1, &[("outcome", "parked")]);
    context.board.update_broker(|broker| {
        let before = broker.parked.as_ref().map_or(0, |parked| parked.records);
        let reason = reason.to_owned();
        broker.parked = Some(Parked { records: before + 1, last: sequence, reason });
    });
    context.outbox.park(sequence, reason).await.map_err(|error| outbox_trouble(&error))
}
