//! What a store's own barcodes mean: labels of scales, loyalty cards, functions of the till.
//!
//! In: the tables `[barcodes]`, `[[scale_label]]`, `[[loyalty_card]]` and `[[function_code]]`. Out: the rules that
//! the readers of barcodes and cards go by. Never: a rule that could not be understood, since `validate` refused it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tillgate_parsers::barcode::{self, Function, Measure, Pattern, PatternError, Rules};
use tillgate_parsers::card::{self, NumberCheck, PrefixError};

use super::Config;

/// `[barcodes]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Barcodes {
    /// National schemes of labels with a price, weight or count, EAN-13 of the range 20 to 29 or UPC-A that begins
    /// with 2: de, dk, ee, fi, gb, lt, lv, no, se, us (with a check digit of the price) or us-5 (without).
    #[schemars(example = &["se"])]
    pub schemes: Vec<String>,
}

/// `[[scale_label]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleLabel {
    /// What you call this kind of label.
    #[schemars(example = &"counter")]
    pub id: String,
    /// What its 13 digits are, or 12 of UPC-A: digits as they are, I the item, V the check digit of the measure, M
    /// the measure, C the check digit of the whole.
    #[schemars(example = &"21IIIIVMMMMMC")]
    pub pattern: String,
    /// What is measured: "price", "weight" (in kilograms) or "count".
    #[schemars(example = &"price")]
    pub measure: LabelMeasure,
    /// How many digits of the measure stand behind the decimal point.
    #[schemars(example = &2)]
    pub decimals: u8,
}

/// What a label measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LabelMeasure {
    /// In the store's currency.
    Price,
    /// In kilograms.
    Weight,
    /// Pieces.
    Count,
}

/// `[[loyalty_card]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoyaltyCard {
    /// What you call this card. Where it has several ranges, each has a table with this name.
    #[schemars(example = &"club")]
    pub id: String,
    /// What its numbers begin with, or the range in which their first digits are, such as "915600-915699".
    #[schemars(example = &"9156")]
    pub prefix: String,
    /// How many characters the numbers have at least.
    #[schemars(example = &13)]
    pub length_min: u8,
    /// How many they have at most.
    #[schemars(example = &13)]
    pub length_max: u8,
    /// How the last digit is made: "gs1" as in a GTIN, "luhn" as in a payment card, "none". Numbers in a range of a
    /// payment scheme are refused unless their check digit or length tells them from payment cards.
    #[serde(default)]
    pub check: CardCheck,
}

/// How the last digit of a card's number is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CardCheck {
    /// Not of the others.
    #[default]
    None,
    /// As in a GTIN.
    Gs1,
    /// As in a payment card.
    Luhn,
}

/// `[[function_code]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunctionCode {
    /// All that the barcode says.
    #[schemars(example = &"TILL-TOTAL")]
    pub code: String,
    /// What it tells the till, in your own words.
    #[schemars(example = &"total")]
    pub name: String,
}

impl ScaleLabel {
    /// The label as the barcode reader knows it.
    ///
    /// # Errors
    ///
    /// With what is wrong with the pattern.
    pub fn pattern(&self) -> Result<Pattern, PatternError> {
        let measure = match self.measure {
            LabelMeasure::Count => Measure::Count,
            LabelMeasure::Price => Measure::Price,
            LabelMeasure::Weight => Measure::Weight,
        };
        Pattern::new(&self.id, &self.pattern, (measure, usize::from(self.decimals)))
    }
}

impl Config {
    /// The store's loyalty cards.
    #[must_use]
    pub fn loyalty_rules(&self) -> Vec<card::LoyaltyCard> {
        self.loyalty_cards.iter().filter_map(|card| card.rule().ok()).collect()
    }

    /// What the store's barcodes mean. Its own labels come before the national schemes.
    #[must_use]
    pub fn barcode_rules(&self) -> Rules {
        let labels = self.scale_labels.iter().filter_map(|label| label.pattern().ok());
        let national = self.barcodes.schemes.iter().flat_map(|scheme| barcode::national(scheme));
        let function =
            |code: &FunctionCode| Function { content: code.code.clone(), name: code.name.clone() };
        Rules {
            restricted: labels.chain(national).collect(),
            loyalty: self.loyalty_rules(),
            functions: self.function_codes.iter().map(function).collect(),
        }
    }
}

impl LoyaltyCard {
    /// The card as the readers of barcodes and cards know it.
    ///
    /// # Errors
    ///
    /// With what is wrong with the prefix.
    pub fn rule(&self) -> Result<card::LoyaltyCard, PrefixError> {
        let check = match self.check {
            CardCheck::Gs1 => NumberCheck::Gs1,
            CardCheck::Luhn => NumberCheck::Luhn,
            CardCheck::None => NumberCheck::None,
        };
        let lengths = (usize::from(self.length_min), usize::from(self.length_max));
        card::LoyaltyCard::new(&self.id, &self.prefix, lengths, check)
    }
}
