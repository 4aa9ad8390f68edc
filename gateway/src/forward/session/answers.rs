//! What the broker says to what we sent, and what follows from it.

use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::{info, warn};

use super::super::Outbox;
use super::super::supply::outbox_trouble;
use super::super::transport::{Event, Reason};
use super::super::trouble::Trouble;
use super::super::window::{Doubt, Item};
use super::offers::park;
use super::{Flow, Session, locked};
use crate::config::NoSubscriber;
use crate::fail_point;
use crate::forward::NO_RECEIVER;
use crate::telemetry::board::Unheard;
use crate::telemetry::metric::Metric;

/// Events that are taken before the window is filled again.
const EVENTS_AT_ONCE: usize = 128;

impl<O: Outbox> Session<O> {
    /// Takes an event and those behind it, so that answers are booked before more is sent.
    pub(super) async fn hear_all(&mut self, first: Event) -> Result<(), Trouble> {
        self.hear(first).await?;
        for _ in 1..EVENTS_AT_ONCE {
            let Some(event) = self.transport.next().now_or_never() else { break };
            self.hear(event?).await?;
        }
        Ok(())
    }

    pub(super) async fn hear(&mut self, event: Event) -> Result<(), Trouble> {
        match event {
            Event::Sent(id) => self.window.bind(id, Instant::now()).map_err(doubt),
            Event::Acknowledged(id, reason) => self.answered(id, reason).await,
            Event::Connected(_) => {
                Err(Trouble::new("protocol", "the broker sent a second CONNACK"))
            }
            Event::Subscribed { granted } => {
                self.subscription_answered(granted);
                Ok(())
            }
            Event::Received(message) => {
                self.hear_receipt(&message.payload);
                Ok(())
            }
            Event::Alive => {
                self.is_asked = false;
                Ok(())
            }
            Event::Other => Ok(()),
        }
    }

    async fn answered(&mut self, id: u16, reason: Reason) -> Result<(), Trouble> {
        let (item, since) = self.window.flying(id).map_err(doubt)?;
        let (item, elapsed) = (item.clone(), since.elapsed());
        fail_point::reached("puback-read");
        if reason == Reason::IdInUse {
            return Err(Trouble::new("doubt", "the broker says that a packet id is in use (0x91)"));
        }
        self.meters.publish_ack.record(elapsed.as_secs_f64());
        match item {
            Item::Record { sequence, .. } => self.record_answered(id, sequence, reason).await?,
            Item::Again(sequence) => self.repeat_answered(id, sequence, reason).await?,
            Item::Lost => match reason {
                // The CRM asks again.
                Reason::Never(_) => self.window.settle(id).map_err(doubt)?,
                _ => self.take_or_hold(id, reason).map(drop)?,
            },
            Item::InPlace(sequence) => self.replacement_answered(id, sequence, reason)?,
            Item::Notice(notice) => self.notice_answered(id, &notice, reason).await?,
            Item::Status => {
                if !matches!(reason, Reason::Success | Reason::NoSubscriber) {
                    warn!(?reason, "the broker refused our status message");
                }
                self.vitals.birth_taken.store(true, Ordering::Relaxed);
                self.window.settle(id).map_err(doubt)?;
            }
        }
        self.advance();
        if self.flow == Flow::Draining {
            self.vitals.progress.beat();
            self.rewind_when_drained();
        }
        Ok(())
    }

    async fn record_answered(
        &mut self,
        id: u16,
        sequence: u64,
        reason: Reason,
    ) -> Result<(), Trouble> {
        if let Reason::Never(why) = reason {
            return self.replace(id, sequence, why).await;
        }
        if self.take_or_hold(id, reason)? {
            self.meters.acknowledged.increment(1);
            locked(&self.context.poison).delivered(sequence);
        }
        Ok(())
    }

    /// The broker never takes a record: it is parked, and what says so goes out in its place. The record counts as
    /// delivered only when the broker has that, with receipts or without: its number must not be missing.
    async fn replace(&mut self, id: u16, sequence: u64, why: &str) -> Result<(), Trouble> {
        park(&self.context, sequence, why).await?;
        let Some((message, bytes)) = self.in_place_of(sequence).await? else {
            return self.window.settle(id).map_err(doubt);
        };
        self.window.replace(id).map_err(doubt)?;
        self.send(&message, Item::InPlace(sequence), bytes)
    }

    fn replacement_answered(
        &mut self,
        id: u16,
        sequence: u64,
        reason: Reason,
    ) -> Result<(), Trouble> {
        let is_over = if let Reason::Never(why) = reason {
            warn!(sequence, why, "the broker refused what says that a record was parked, too");
            self.window.settle(id).map_err(doubt)?;
            true
        } else {
            self.take_or_hold(id, reason)?
        };
        if is_over {
            self.window.settle_replaced(sequence);
        }
        Ok(())
    }

    /// A record that a broker had before.
    async fn repeat_answered(
        &mut self,
        id: u16,
        sequence: u64,
        reason: Reason,
    ) -> Result<(), Trouble> {
        if let Reason::Never(why) = reason {
            if self.set_aside(sequence, why) {
                return self.window.settle(id).map_err(doubt);
            }
            return self.replace(id, sequence, why).await;
        }
        self.take_or_hold(id, reason).map(drop)
    }

    /// Whether the broker took what flies under an id; if not, records are held.
    fn take_or_hold(&mut self, id: u16, reason: Reason) -> Result<bool, Trouble> {
        let is_delivered = match reason {
            Reason::Success => {
                self.show_heard();
                true
            }
            Reason::NoSubscriber => {
                Metric::NoSubscriber.add(1, &[]);
                let delivers = self.settings().no_subscriber == NoSubscriber::Deliver;
                if delivers {
                    self.show_unheard();
                }
                delivers
            }
            _ => false,
        };
        if !is_delivered {
            self.window.refuse(id).map_err(doubt)?;
            self.hold_records(reason);
            return Ok(false);
        }
        self.window.settle(id).map_err(doubt)?;
        if self.flow == Flow::Open {
            self.records_flow();
        }
        Ok(true)
    }

    /// A record was delivered to nobody.
    fn show_unheard(&self) {
        if !self.context.is_unheard.swap(true, Ordering::Relaxed) {
            warn!("{NO_RECEIVER}: they are delivered to nobody, as mqtt.no_subscriber says");
        }
        let last_at = self.context.clock.now();
        self.context.board.update_broker(|broker| {
            let before = broker.unheard.map_or(0, |unheard| unheard.records);
            broker.unheard = Some(Unheard { records: before + 1, last_at });
        });
    }

    /// Somebody receives.
    fn show_heard(&self) {
        if self.context.is_unheard.swap(false, Ordering::Relaxed) {
            self.context.board.update_broker(|broker| broker.unheard = None);
            info!("somebody receives our records again");
        }
    }

    /// The broker takes records (again).
    fn records_flow(&mut self) {
        self.pace = self.pace.saturating_mul(2).min(self.limit);
        if self.is_holding {
            self.is_holding = false;
            self.hold.reset();
            self.context.board.update_broker(|broker| {
                broker.problem = None;
                broker.next_attempt = None;
            });
            info!("the broker takes our records again");
        }
    }

    /// The broker did not take a record: stop, and try this one again later.
    fn hold_records(&mut self, reason: Reason) {
        Metric::Publish.add(1, &[("outcome", "refused")]);
        if self.flow != Flow::Open {
            return;
        }
        self.flow = Flow::Draining;
        let words = words_of_hold(reason, &self.topics[0]);
        if !self.is_holding {
            warn!("{words}");
        }
        self.is_holding = true;
        self.context.board.update_broker(|broker| broker.problem = Some(words));
    }

    /// All that was under way is answered: everything from the refused record on is read again later.
    fn rewind_when_drained(&mut self) {
        if self.window.unanswered() > 0 {
            return;
        }
        let wait = self.hold.next((self.context.chance)());
        self.window.clear();
        self.repeats.begin_anew();
        self.supply.rewind(self.context.acknowledged.load(Ordering::Relaxed));
        self.flow = Flow::Waiting { until: Instant::now() + wait };
        let next = self.context.clock.now().checked_add(wait).ok();
        self.context.board.update_broker(|broker| broker.next_attempt = next);
    }

    async fn notice_answered(
        &mut self,
        id: u16,
        notice: &str,
        reason: Reason,
    ) -> Result<(), Trouble> {
        self.window.settle(id).map_err(doubt)?;
        self.notices_under_way = self.notices_under_way.saturating_sub(1);
        if matches!(reason, Reason::Success | Reason::NoSubscriber) {
            let done = self.context.outbox.notice_acknowledged(notice).await;
            fail_point::reached("notice-noted");
            return done.map_err(|error| outbox_trouble(&error));
        }
        warn!(
            ?reason,
            topic = self.topics[1],
            "the broker refused a notice: it is sent again later"
        );
        self.next_notices = Instant::now() + self.settings().timing.backoff_cap;
        Ok(())
    }

    /// Books what is settled without a gap from the front on.
    pub(super) fn advance(&mut self) {
        let mut through = None;
        while let Some(item) = self.window.pop_settled() {
            self.vitals.progress.beat();
            match item {
                Item::Record { sequence, received_us } => {
                    through = Some(sequence);
                    let now_us = self.context.clock.now().as_microsecond();
                    let age_us = now_us.saturating_sub(received_us);
                    self.meters.capture_to_ack.record(seconds(age_us));
                }
                Item::Again(sequence) => self.repeat_settled(sequence),
                Item::InPlace(_) | Item::Lost | Item::Notice(_) | Item::Status => {}
            }
        }
        if let Some(through) = through {
            self.context.acknowledged.store(through, Ordering::Relaxed);
            self.context.outbox.acknowledge(through);
            self.receipts_catch_up(through);
            self.suspect = self.suspect.filter(|(record, _)| *record > through);
            fail_point::reached("acknowledgement-booked");
        }
    }
}

fn doubt(doubt: Doubt) -> Trouble {
    Trouble::new("doubt", format!("{doubt}: connecting anew to be sure"))
}

fn words_of_hold(reason: Reason, topic: &str) -> String {
    match reason {
        Reason::NoSubscriber => format!(
            "{NO_RECEIVER}: start the CRM's subscriber for {topic}; records are kept until then (or set mqtt.no_subscriber = \"deliver\")"
        ),
        Reason::NotAuthorized => format!(
            "the broker does not let us publish to {topic} (0x87): correct its access rules; records are kept until then"
        ),
        Reason::TryLater(why) => {
            format!(
                "the broker does not take our records now: {why}; records are kept, and tried again"
            )
        }
        Reason::Success | Reason::Never(_) | Reason::IdInUse => {
            "the broker did not take a record: it is tried again".to_owned()
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a latency stay far below 2^52")]
fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}
