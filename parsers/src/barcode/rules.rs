//! What a store adds to the standards: schemes of its scales, loyalty cards and functions as barcodes.
//!
//! In: rules from the configuration, and what a barcode holds. Out: its [`Meaning`]. Never: a loyalty number that is
//! a payment card's, which was masked before anything looks for meanings.

use serde::Serialize;

use super::coupon::{self, Coupon};
use super::publication::{self, Publication};
use super::restricted::{self, Pattern, Restricted};
use crate::card::LoyaltyCard;
use crate::finding::{Fault, Finding, Severity};

/// What a store's barcodes mean. The default knows the standards only.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Restricted circulation numbers; the first that fits counts.
    pub restricted: Vec<Pattern>,
    /// Loyalty cards; the first that fits counts.
    pub loyalty: Vec<LoyaltyCard>,
    /// Barcodes that a cashier scans to tell the till something, and what.
    pub functions: Vec<Function>,
}

/// A barcode that is a function of the till.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// All of its content.
    pub content: String,
    /// What it does, in the store's own words, such as `total` or `void`.
    pub name: String,
}

/// What a barcode is besides a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Meaning {
    /// A coupon.
    Coupon(Coupon),
    /// A function of the till, by its name.
    Function(String),
    /// A loyalty card.
    Loyalty {
        /// Whose.
        card: String,
        /// Its number.
        number: String,
    },
    /// A book, periodical or printed music.
    Publication(Publication),
    /// A number that only means something in this store or country.
    Restricted(Restricted),
}

impl Rules {
    /// What the store itself gave a meaning to: before everything else, since its loyalty cards and functions are
    /// often EAN-13 of a restricted range.
    pub(super) fn of_store(&self, content: &str) -> Option<Result<Meaning, Finding>> {
        if let Some(function) = self.functions.iter().find(|function| function.content == content) {
            return Some(Ok(Meaning::Function(function.name.clone())));
        }
        let number = content.as_bytes();
        if let Some(card) = self.loyalty.iter().find(|card| card.is_of(number)) {
            let (card, number) = (card.name.clone(), content.to_owned());
            return Some(Ok(Meaning::Loyalty { card, number }));
        }
        let misread = self.loyalty.iter().find(|card| card.holds(number))?;
        Some(Err(wrong_loyalty(&misread.name)))
    }

    /// What a number of the EAN/UPC family means.
    pub(super) fn of_gtin(
        &self,
        gtin: &str,
        add_on: Option<&str>,
    ) -> Option<Result<Meaning, Finding>> {
        if let Some(restricted) = restricted::of_gtin(gtin, &self.restricted) {
            return Some(restricted.map(Meaning::Restricted));
        }
        let publication = publication::of_gtin(gtin, add_on).map(Meaning::Publication);
        publication.or_else(|| coupon::of_gtin(gtin).map(Meaning::Coupon)).map(Ok)
    }
}

fn wrong_loyalty(card: &str) -> Finding {
    Finding {
        code: "loyalty-check-digit",
        severity: Severity::Error,
        fault: Fault::Device,
        message: format!(
            "the check digit of this {card} card does not fit, so that a digit was misread: scan again; if it stays, \
             check the card's rule in the configuration"
        )
        .into(),
        expected: None,
        found: None,
    }
}
