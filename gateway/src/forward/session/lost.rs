//! Records that the CRM asks for and that are not here any more: it is told so, on the topic of the records.
//!
//! In: numbers in the outbox, or the CRM's names, with the reason. Out: one `tillgate.lost.v1` a range. Never: such a
//! word about a record that another attempt could bring, more than [`LOST_WAITING`] words in memory: who is not told
//! asks again.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;
use tillgate_record::{Event, EventType, IdempotencyKey, LostKind, LostRecords};

use super::super::ranges::Span;
use super::super::trouble::Trouble;
use super::super::window::Item;
use super::super::{Outbox, message};
use super::Session;

/// Words that wait for room in the window.
const LOST_WAITING: usize = 1000;

/// Why records cannot be sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Gone {
    Pruned,
    Damaged,
    Replaced,
}

impl Gone {
    fn words(self) -> &'static str {
        match self {
            Self::Pruned => {
                "the gateway no longer keeps them: they were delivered, and are older than its retention"
            }
            Self::Replaced => {
                "the gateway no longer has them: a backup from before them took the place of its journal"
            }
            Self::Damaged => "they are damaged in the gateway's journal, or missing there",
        }
    }
}

impl<O: Outbox> Session<O> {
    /// The CRM is to be told. A range over two incarnations has no name: it asks for each of them by itself.
    pub(super) fn tell_lost(&mut self, (first, last): Span, gone: Gone) {
        let (incarnation, from) = self.context.outbox.name_of(first);
        let (of_last, through) = self.context.outbox.name_of(last);
        if incarnation == of_last {
            self.tell_lost_by_name(incarnation, (from, through), gone);
        }
    }

    /// The same by the CRM's name for them.
    pub(super) fn tell_lost_by_name(&mut self, incarnation: u32, span: Span, gone: Gone) {
        if self.lost.len() < LOST_WAITING {
            self.lost.push_back((incarnation, span, gone));
        }
    }

    /// Publishes what waits, while there is room. What is refused is not kept.
    pub(super) fn offer_lost(&mut self) -> Result<(), Trouble> {
        while self.has_room() {
            let Some((incarnation, span, gone)) = self.lost.pop_front() else { return Ok(()) };
            let Some(payload) = self.lost_event(incarnation, span, gone) else { continue };
            let version = self.settings().connection.version;
            let message = message::record(&self.topics[0], payload, version);
            let bytes = message.packet_bytes(version);
            if bytes <= self.packet_max {
                self.send(&message, Item::Lost, bytes)?;
            }
        }
        Ok(())
    }

    fn lost_event(&self, incarnation: u32, (first, through): Span, gone: Gone) -> Option<Bytes> {
        let kind = EventType::Lost;
        let source = self.settings().source();
        let key = IdempotencyKey::of_lost(source, incarnation, (first, through));
        let data = LostRecords { kind: LostKind::Lost, through, reason: gone.words().to_owned() };
        let event = Event {
            specversion: Cow::Borrowed("1.0"),
            id: key.event_id(1),
            source: Cow::Borrowed(source),
            r#type: kind,
            time: Cow::Owned(self.context.clock.now().to_string()),
            subject: Cow::Borrowed(key.as_str()),
            dataschema: Cow::Owned(format!("tillgate:schema/{}", kind.schema_file())),
            datacontenttype: Cow::Borrowed("application/json"),
            sequence: Cow::Owned(first.to_string()),
            incarnation,
            data: RawValue::NULL,
        };
        event.to_json(&serde_json::to_vec(&data).ok()?).ok().map(Bytes::from)
    }
}
