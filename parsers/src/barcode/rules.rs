//! What a store adds to the standards: schemes of its scales, loyalty cards and functions as barcodes.
//!
//! In: rules from the configuration, and what a barcode holds. Out: its [`Meaning`]. Never: a loyalty number that is
//! a payment card's, which was masked before anything looks for meanings.

use serde::Serialize;

use super::coupon::{self, Coupon};
use super::gtin::check_digit_fits;
use super::publication::{self, Publication};
use super::restricted::{self, Pattern, Restricted};
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

/// How the number of a loyalty card is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoyaltyCard {
    /// Whose cards.
    pub name: String,
    /// What all numbers begin with.
    pub prefix: String,
    /// How many characters they have, shortest and longest.
    pub lengths: (usize, usize),
    /// How their last digit is made.
    pub check: NumberCheck,
}

/// How the last digit of a number is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberCheck {
    /// Not of the others.
    None,
    /// As in a GTIN.
    Gs1,
    /// As in a payment card (ISO/IEC 7812-1 annex B).
    Luhn,
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
        let card = self.loyalty.iter().find(|card| card.fits(content))?;
        Some(match card.check.fits(content) {
            true => Ok(Meaning::Loyalty { card: card.name.clone(), number: content.to_owned() }),
            false => Err(wrong_loyalty(&card.name)),
        })
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

impl LoyaltyCard {
    fn fits(&self, content: &str) -> bool {
        let (shortest, longest) = self.lengths;
        content.starts_with(&self.prefix)
            && (shortest..=longest).contains(&content.len())
            && content.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }
}

impl NumberCheck {
    fn fits(self, number: &str) -> bool {
        match self {
            Self::None => true,
            Self::Gs1 => check_digit_fits(number.as_bytes()),
            Self::Luhn => luhn_fits(number),
        }
    }
}

/// From the right, every second digit counts twice, its tens and units apart.
fn luhn_fits(number: &str) -> bool {
    let digits: Option<Vec<u32>> = number.chars().rev().map(|digit| digit.to_digit(10)).collect();
    let count = |(place, digit): (usize, &u32)| match (place % 2, 2 * digit) {
        (0, _) => *digit,
        (_, twice) => twice / 10 + twice % 10,
    };
    digits
        .is_some_and(|digits| digits.iter().enumerate().map(count).sum::<u32>().is_multiple_of(10))
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
