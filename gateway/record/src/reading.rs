//! What a lane's scanner or card reader saw (`tillgate.reading.v1`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::link::Link;
use crate::provenance::{Provenance, Quality};

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReadingKind {
    /// A barcode.
    Barcode {
        /// `ean-13`, `gs1-128`, `qr` …, where the scanner or the data tells.
        symbology: Option<String>,
        /// The content without symbology identifier.
        data: String,
        /// The trade item, in 14 digits.
        gtin: Option<String>,
        /// What the catalog calls it.
        description: Option<String>,
        /// GS1 application identifiers and their values, in order.
        elements: Vec<(String, String)>,
    },
    /// A payment, gift or loyalty card.
    Card {
        /// Card scheme in small letters; none for a card that is no payment card.
        scheme: Option<String>,
        /// First six and last four digits of a payment card.
        masked_pan: Option<String>,
        /// Keyed token of a payment card's number.
        card_token: Option<String>,
        /// The number of a card that is no payment card.
        loyalty: Option<String>,
    },
}

impl ReadingKind {
    /// The name in JSON, keys and metric labels.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Barcode { .. } => "barcode",
            Self::Card { .. } => "card",
        }
    }
}

/// `data` of `tillgate.reading.v1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadingRecord {
    /// What was read.
    #[serde(flatten)]
    pub reading: ReadingKind,
    /// The store's number.
    pub store: String,
    /// The checkout position.
    pub lane: String,
    /// The device.
    pub device: String,
    /// When the reading was complete (RFC 3339, UTC).
    pub read_at: String,
    /// Whose card it is.
    pub link: Link,
    /// Where it came from.
    pub provenance: Provenance,
    /// What is odd in it.
    pub quality: Vec<Quality>,
}
