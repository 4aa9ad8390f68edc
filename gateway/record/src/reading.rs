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
        /// The two or five digits beside the number of a periodical or book.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        add_on: Option<String>,
        /// What it is besides a number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        meaning: Option<BarcodeMeaning>,
        /// What the scale of the lane showed, for an item sold by weight.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weight: Option<Box<ItemWeight>>,
    },
    /// A payment, gift or loyalty card.
    Card {
        /// Card scheme in small letters; none for a card that is no payment card.
        scheme: Option<String>,
        /// First six and last four digits of a payment card; no more than the last four of a card that is neither a
        /// payment card nor in the store's list of loyalty cards.
        masked_pan: Option<String>,
        /// Keyed token of the number of such a card.
        card_token: Option<String>,
        /// The number of a loyalty card.
        loyalty: Option<String>,
        /// Whose loyalty card it is, in the words of the store's list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        loyalty_card: Option<String>,
    },
}

/// What an item weighs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ItemWeight {
    /// A decimal, as the scale sent it.
    pub value: String,
    /// `kg`, `g`, `lb` or `oz`.
    pub unit: String,
    /// Whether a tare was taken off, where the scale says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<bool>,
}

/// What a barcode is besides a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum BarcodeMeaning {
    /// A coupon. All that an offer of GS1 US says stands in the elements.
    Coupon {
        /// `8110`, `8112`, `upc-5`, `ean-99` or `ean-981`.
        form: String,
        /// GS1 company prefix of who pays for it.
        company: Option<String>,
        /// Offer code; the family of an `upc-5`.
        offer: Option<String>,
        /// Serial number.
        serial: Option<String>,
    },
    /// The cashier tells the till something.
    Function {
        /// What, in the words of the configuration.
        name: String,
    },
    /// A loyalty card.
    Loyalty {
        /// Whose, by its name in the configuration.
        card: String,
        /// Its number.
        number: String,
    },
    /// A book, periodical or printed music.
    Publication {
        /// `isbn`, `issn` or `ismn`.
        form: String,
        /// As printed, without hyphens but an ISSN's.
        number: String,
        /// Issue of a periodical.
        issue: Option<String>,
    },
    /// A number that only means something in the store or its country. The record's `gtin` is then the item's, with
    /// its measure set to zero.
    Restricted {
        /// Which scheme explains it.
        scheme: Option<String>,
        /// Number of the item within the scheme.
        item: Option<String>,
        /// In the store's currency, a decimal.
        price: Option<String>,
        /// In kilograms, a decimal.
        weight: Option<String>,
        /// Pieces.
        count: Option<String>,
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
