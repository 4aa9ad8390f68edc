//! Business documents from EDI partners: orders and invoices (`tillgate.order.v1`, `tillgate.invoice.v1`).

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::link::Link;
use crate::provenance::{Provenance, Quality};

/// What the document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// Demand, not revenue.
    Order,
    /// The B2B sale.
    Invoice,
    /// A return, even when its numbers are positive.
    CreditNote,
}

impl DocumentKind {
    /// The name in JSON, keys and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Invoice => "invoice",
            Self::CreditNote => "credit_note",
        }
    }
}

/// A business document, independent of the standard that carried it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// Order, invoice, credit note.
    pub kind: DocumentKind,
    /// The document's own number.
    pub number: String,
    /// The document's date.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub date: Option<Date>,
    /// The purpose code of the standard (X12 BEG01, `00` original).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The order that an invoice bills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_order: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Who sent the interchange.
    pub sender: TradingId,
    /// Whom it was sent to.
    pub receiver: TradingId,
    /// Buyer, seller, ship-to …
    pub parties: Vec<Party>,
    /// What is ordered or billed.
    pub lines: Vec<DocumentLine>,
    /// Allowances (negative) and charges (positive) on the whole document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjustments: Vec<Adjustment>,
    /// Taxes on the whole document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<Adjustment>,
    /// The amount to pay, as the sender computed it.
    pub total: Option<Amount>,
    /// A test document never counts.
    pub test: bool,
    /// The standard's own numbers of this copy of the document.
    pub control: Control,
}

/// An identification in an interchange header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TradingId {
    /// X12 I05 or EDIFACT 0007.
    pub qualifier: String,
    /// Without padding.
    pub id: String,
}

/// A named party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Party {
    /// `buyer`, `seller`, `ship_to`, `bill_to`, `remit_to`, or the standard's code where it is another.
    pub role: String,
    /// Name as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `gln`, `duns`, `duns+4`, `buyer`, `seller`, or the standard's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_kind: Option<String>,
    /// The identification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Street, town, region, postcode, country, as sent, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub address: Vec<String>,
}

/// One position of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentLine {
    /// Position as the sender numbers it.
    pub number: Option<String>,
    /// How much.
    pub quantity: Amount,
    /// Unit as sent.
    pub unit: Option<String>,
    /// Price of one unit.
    pub unit_price: Option<Amount>,
    /// Quantity times price, rounded to the currency, where both are there.
    pub amount: Option<Amount>,
    /// The trade item, in 14 digits.
    pub gtin: Option<String>,
    /// What it is called, from the document or the catalog.
    pub description: Option<String>,
    /// All item numbers as sent: kind (`upc`, `ean`, `gtin`, `vendor`, `buyer`, or the code) and value.
    pub item_ids: Vec<(String, String)>,
    /// Allowances (negative) and charges (positive) on this line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjustments: Vec<Adjustment>,
}

/// An allowance, a charge or a tax.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Adjustment {
    /// The standard's code.
    pub code: Option<String>,
    /// Words of the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Signed.
    pub amount: Amount,
}

/// Control numbers, and where in the capture the document stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Control {
    /// `x12` or `edifact`.
    pub standard: String,
    /// Transaction set or message type, such as `850`.
    pub transaction: String,
    /// Version, such as `004010`.
    pub version: String,
    /// ISA13.
    pub interchange: String,
    /// GS06.
    pub group: String,
    /// ST02.
    pub set: String,
    /// First byte of the document in the capture.
    pub first_byte: u64,
    /// The byte after its last.
    pub end_byte: u64,
}

/// `data` of `tillgate.order.v1` and `tillgate.invoice.v1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentRecord {
    /// The document.
    #[serde(flatten)]
    pub document: Document,
    /// The customer: for an order or invoice the buyer.
    pub link: Link,
    /// Where it came from.
    pub provenance: Provenance,
    /// What is odd in it.
    pub quality: Vec<Quality>,
}
