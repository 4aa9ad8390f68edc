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
}

impl EventType {
    /// All types, in the order of their numbers in the store.
    pub const ALL: [Self; 5] =
        [Self::Sale, Self::Reading, Self::Order, Self::Invoice, Self::Parked];

    /// The attribute's text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sale => "tillgate.sale.v1",
            Self::Reading => "tillgate.reading.v1",
            Self::Order => "tillgate.order.v1",
            Self::Invoice => "tillgate.invoice.v1",
            Self::Parked => "tillgate.parked.v1",
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
}
