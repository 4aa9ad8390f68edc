//! The event that carries a record: CloudEvents 1.0, structured mode, JSON.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// MQTT content type of an event.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The `type` attribute.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum EventType {
    /// A till transaction.
    #[serde(rename = "tillgate.sale.v1")]
    Sale,
    /// What a scanner or card reader saw.
    #[serde(rename = "tillgate.reading.v1")]
    Reading,
    /// A partner's order.
    #[serde(rename = "tillgate.order.v1")]
    Order,
    /// A partner's invoice or credit note.
    #[serde(rename = "tillgate.invoice.v1")]
    Invoice,
    /// In the place of a record that cannot leave.
    #[serde(rename = "tillgate.parked.v1")]
    Parked,
    /// For records that a gateway no longer has.
    #[serde(rename = "tillgate.lost.v1")]
    Lost,
}

impl EventType {
    /// All types, in the order of their numbers in the store.
    pub const ALL: [Self; 6] =
        [Self::Sale, Self::Reading, Self::Order, Self::Invoice, Self::Parked, Self::Lost];

    /// The attribute's text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sale => "tillgate.sale.v1",
            Self::Reading => "tillgate.reading.v1",
            Self::Order => "tillgate.order.v1",
            Self::Invoice => "tillgate.invoice.v1",
            Self::Parked => "tillgate.parked.v1",
            Self::Lost => "tillgate.lost.v1",
        }
    }

    /// The type of an attribute's text.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The schema's file name, below `config/schema/`.
    #[must_use]
    pub fn schema_file(self) -> &'static str {
        match self {
            Self::Sale => "sale.v1.json",
            Self::Reading => "reading.v1.json",
            Self::Order => "order.v1.json",
            Self::Invoice => "invoice.v1.json",
            Self::Parked => "parked.v1.json",
            Self::Lost => "lost.v1.json",
        }
    }
}

/// One event, as written to the broker and read from it. Attribute names are CloudEvents' own.
#[derive(Debug, Serialize, Deserialize)]
pub struct Event<'a> {
    /// Always `1.0`.
    #[serde(borrow)]
    pub specversion: Cow<'a, str>,
    /// A function of the idempotency key and the version.
    pub id: Uuid,
    /// `/{org}/{store}/{gateway}`.
    #[serde(borrow)]
    pub source: Cow<'a, str>,
    /// What `data` is.
    pub r#type: EventType,
    /// When it happened, as far as the source says, else when it was received (RFC 3339).
    #[serde(borrow)]
    pub time: Cow<'a, str>,
    /// The idempotency key in clear.
    #[serde(borrow)]
    pub subject: Cow<'a, str>,
    /// Where the schema of `data` is described.
    #[serde(borrow)]
    pub dataschema: Cow<'a, str>,
    /// Always `application/json`.
    #[serde(borrow)]
    pub datacontenttype: Cow<'a, str>,
    /// Decimal, from 1, without gaps per gateway and incarnation.
    #[serde(borrow)]
    pub sequence: Cow<'a, str>,
    /// Raised when a gateway is restored from a backup.
    pub incarnation: u32,
    /// The record.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// Room for the attributes before `data`.
const ATTRIBUTES_BYTES: usize = 512;

impl Event<'_> {
    /// The event with `data` in the place of its own, which must be [`RawValue::NULL`]. `data` is JSON that we wrote
    /// ourselves: it is not parsed again, since a gateway that catches up sends tens of thousands of events a second.
    ///
    /// # Errors
    ///
    /// None in practice: the attributes are texts and numbers.
    pub fn to_json(&self, data: &[u8]) -> serde_json::Result<Vec<u8>> {
        let mut json = Vec::with_capacity(ATTRIBUTES_BYTES + data.len());
        serde_json::to_writer(&mut json, self)?;
        // `data` is the last attribute.
        json.truncate(json.len().saturating_sub("null}".len()));
        json.extend_from_slice(data);
        json.push(b'}');
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_serde_agree() {
        for kind in EventType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(EventType::from_name(kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn an_event_reads_back_as_it_was_written() {
        let text = |text: &'static str| Cow::Borrowed(text);
        let event = Event {
            specversion: text("1.0"),
            id: Uuid::nil(),
            source: text("/acme/0042/gw-1"),
            r#type: EventType::Sale,
            time: text("2026-11-21T18:03:11+08:00"),
            subject: text("a \"key\""),
            dataschema: text("tillgate:schema/sale.v1.json"),
            datacontenttype: text("application/json"),
            sequence: text("7"),
            incarnation: 2,
            data: RawValue::NULL,
        };
        let json = event.to_json(br#"{"kind":"sale"}"#).unwrap();
        let read: Event<'_> = serde_json::from_slice(&json).unwrap();
        assert_eq!(read.data.get(), r#"{"kind":"sale"}"#);
        assert_eq!((read.subject.as_ref(), read.incarnation), ("a \"key\"", 2));
    }
}
