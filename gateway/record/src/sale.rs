//! A sale as a terminal posts it, and as it leaves the gateway (`tillgate.sale.v1`).
//!
//! Both have the same shape; the gateway adds `link`, `provenance` and `quality`.

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::link::{Customer, Link};
use crate::provenance::{Provenance, Quality};

/// What happened at the till.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaleKind {
    /// Goods out, money in.
    #[default]
    Sale,
    /// Goods back, money out.
    Return,
    /// A transaction cancelled before it was finished.
    Void,
    /// A finished transaction cancelled afterwards.
    PostVoid,
    /// The drawer was opened without a sale.
    NoSale,
    /// A transaction put aside, to be resumed.
    Suspended,
}

impl SaleKind {
    /// The name in JSON, keys and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Return => "return",
            Self::Void => "void",
            Self::PostVoid => "post_void",
            Self::NoSale => "no_sale",
            Self::Suspended => "suspended",
        }
    }
}

/// One till transaction. Required: `store`, `terminal`, `sequence`, `business_date`, `currency`, `lines` and
/// `totals.gross`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sale {
    /// Sale, return, void …
    #[serde(default)]
    pub kind: SaleKind,
    /// The store's number, as in `[gateway] store`.
    pub store: String,
    /// The terminal's number within the store.
    pub terminal: String,
    /// The terminal's own transaction number.
    pub sequence: u64,
    /// The trading day that the sale belongs to.
    #[schemars(with = "String", extend("format" = "date"))]
    pub business_date: Date,
    /// First item, with UTC offset (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<OffsetTime>,
    /// Closed, with UTC offset (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<OffsetTime>,
    /// Who operated the till.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Who sold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesperson: Option<String>,
    /// A training sale never counts.
    #[serde(default)]
    pub training: bool,
    /// ISO 4217, three capital letters.
    pub currency: String,
    /// What is known of the buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    /// What was sold, in the order of the receipt.
    pub lines: Vec<Line>,
    /// How it was paid.
    #[serde(default)]
    pub tenders: Vec<Tender>,
    /// Sums as the terminal computed them.
    pub totals: Totals,
    /// Points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loyalty: Option<Loyalty>,
    /// Other documents that this sale speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub references: Option<References>,
}

/// A moment with the UTC offset that its sender wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(with = "String", extend("format" = "date-time"))]
pub struct OffsetTime(String);

impl OffsetTime {
    /// The text as sent, RFC 3339 with an offset.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The moment itself.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.0.parse().ok()
    }
}

impl<'de> Deserialize<'de> for OffsetTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse::<Timestamp>() {
            Ok(_) => Ok(Self(text)),
            Err(_) => Err(serde::de::Error::custom(
                "expected a time with its UTC offset, such as 2026-11-21T18:03:11+08:00",
            )),
        }
    }
}

/// One position of the receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// Position, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// GTIN in 14 digits; shorter GTINs are accepted and padded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtin: Option<String>,
    /// The store's own article number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// What it is called; taken from the catalog where the terminal sent none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How much; negative for goods returned.
    pub quantity: Amount,
    /// UN/ECE Recommendation 20 unit; `EA` for pieces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Price of one unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Amount>,
    /// Reductions of this line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<Discount>,
    /// Taxes of this line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taxes: Vec<Tax>,
    /// What the line costs after discounts.
    pub amount: Amount,
    /// A voided line stays on record and out of all sums.
    #[serde(default)]
    pub voided: bool,
    /// How the item came in: `scanned`, `keyed`, `rfid`, `ocr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// Who sold this line, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesperson: Option<String>,
}

/// A reduction of price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Discount {
    /// How much less, positive.
    pub amount: Amount,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A tax on a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tax {
    /// Percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Amount>,
    /// How much.
    pub amount: Amount,
    /// Whether the line's amount contains it.
    #[serde(default)]
    pub included: bool,
}

/// One means of payment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tender {
    /// `cash`, `card`, `mobile`, `gift`, `voucher`, `points`, `credit`, `account`, `transfer`.
    pub kind: String,
    /// How much of the sale it paid.
    pub amount: Amount,
    /// Card scheme, in small letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// First six and last four digits, stars between. Anything longer is cut down before it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked_pan: Option<String>,
    /// Keyed token of the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_token: Option<String>,
    /// Given back in cash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Amount>,
}

/// Sums of the receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// Without tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<Amount>,
    /// Tax.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Amount>,
    /// What the customer pays.
    pub gross: Amount,
}

/// Points earned and spent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Loyalty {
    /// Points earned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earned: Option<Amount>,
    /// Points spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeemed: Option<Amount>,
}

/// Other documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct References {
    /// Idempotency key or receipt number of the sale that is returned or voided.
    #[serde(default)]
    pub original_sale: Option<String>,
    /// The customer's order.
    #[serde(default)]
    pub purchase_order: Option<String>,
    /// The invoice.
    #[serde(default)]
    pub invoice: Option<String>,
}

/// `data` of `tillgate.sale.v1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SaleRecord {
    /// The sale.
    #[serde(flatten)]
    pub sale: Sale,
    /// Whose sale it is.
    pub link: Link,
    /// Where it came from.
    pub provenance: Provenance,
    /// What is odd in it.
    pub quality: Vec<Quality>,
}

/// What the gateway adds to a sale.
#[derive(Debug, Serialize)]
pub struct SaleAdditions<'a> {
    /// Whose sale it is.
    pub link: &'a Link,
    /// Where it came from.
    pub provenance: &'a Provenance,
    /// What is odd in it.
    pub quality: &'a [Quality],
}

impl SaleAdditions<'_> {
    /// The JSON of a [`SaleRecord`], made of the JSON of its sale: a sale that was written once, to tell a repeat from
    /// a conflict, is not written a second time.
    ///
    /// # Errors
    ///
    /// None in practice: the additions are plain data.
    pub fn put_behind(&self, mut sale: Vec<u8>) -> serde_json::Result<Vec<u8>> {
        sale.pop();
        let seam = sale.len();
        serde_json::to_writer(&mut sale, self)?;
        // The brace that opens the additions becomes the comma behind the sale's last field.
        if let Some(brace) = sale.get_mut(seam) {
            *brace = b',';
        }
        Ok(sale)
    }
}
