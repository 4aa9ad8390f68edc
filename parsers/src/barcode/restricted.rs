//! Restricted circulation numbers: what a store or a country puts into the ranges 02, 04 and 20 to 29, often with
//! the price or weight of what a scale labelled (GS1 General Specifications 2.1.11, 2.1.12).
//!
//! In: a GTIN in 14 digits and the patterns that the store is set up for. Out: item, measure. Never: a meaning that
//! no pattern gives, since the same digits mean something else in the next country.

use serde::{Deserialize, Serialize};

use super::gtin::expected_check_digit;
use crate::finding::{Fault, Finding, Severity};

/// What a measure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Pieces.
    Count,
    /// In the currency of the store.
    Price,
    /// In kilograms.
    Weight,
}

/// A number that only means something in a store or a country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restricted {
    /// Which scheme explains it; none when the store has no pattern for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Number of the item within the scheme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The number with its measure set to zero, 14 digits: what a catalog knows the item by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_gtin: Option<String>,
    /// What is measured, and how much, as a decimal number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measure: Option<(Measure, String)>,
}

/// Where the digits of a number stand for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    scheme: String,
    /// 13 places.
    places: [u8; 13],
    measure: Measure,
    decimals: usize,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Another length.
    #[error("expected 13 places, or 12 for UPC-A")]
    Length,
    /// A place that is no digit and no known letter, or letters out of order.
    #[error(
        "expected digits, then I for the item, M for the measure, V for its check digit, and C at the end"
    )]
    Places,
    /// A range that GS1 gave to others.
    #[error(
        "expected 02, 04 or 20 to 29 in front, or 2 or 4 for UPC-A: other ranges are not the store's"
    )]
    Range,
    /// A measure that has no check digit of its own.
    #[error("expected four or five M beside a V: GS1 defines no other check digit")]
    Verified,
    /// More decimals than digits.
    #[error("expected at most as many decimals as there are M")]
    Decimals,
}

impl Pattern {
    /// A pattern such as `21IIIIVMMMMMC`; with 12 places it is one of UPC-A.
    ///
    /// # Errors
    ///
    /// With what is wrong with it.
    pub fn new(
        scheme: &str,
        places: &str,
        (measure, decimals): (Measure, usize),
    ) -> Result<Self, PatternError> {
        let padded = if places.len() == 12 { format!("0{places}") } else { places.to_owned() };
        let places: [u8; 13] = padded.as_bytes().try_into().map_err(|_| PatternError::Length)?;
        let pattern = Self { scheme: scheme.to_owned(), places, measure, decimals };
        pattern.check()?;
        Ok(pattern)
    }

    fn check(&self) -> Result<(), PatternError> {
        let (last, front) = self.places.split_last().ok_or(PatternError::Length)?;
        let known = front.iter().all(|place| place.is_ascii_digit() || b"IMV".contains(place));
        let mut runs: Vec<u8> = front.iter().copied().filter(u8::is_ascii_uppercase).collect();
        runs.dedup();
        let mut letters = runs.clone();
        letters.sort_unstable();
        letters.dedup();
        let digits = front.iter().take_while(|place| place.is_ascii_digit()).count();
        let all_digits = front.iter().filter(|place| place.is_ascii_digit()).count();
        let is_ordered = digits == all_digits && letters.len() == runs.len();
        if !known || !is_ordered || *last != b'C' || !runs.contains(&b'M') {
            return Err(PatternError::Places);
        }
        if digits < 2 || !is_range(&self.places) {
            return Err(PatternError::Range);
        }
        let count = |letter: u8| front.iter().filter(|place| **place == letter).count();
        if count(b'V') > 1 || (count(b'V') == 1 && !matches!(count(b'M'), 4 | 5)) {
            return Err(PatternError::Verified);
        }
        if self.decimals > count(b'M') {
            return Err(PatternError::Decimals);
        }
        Ok(())
    }

    fn fits(&self, number: &[u8]) -> bool {
        let is_same = |(place, digit): (&u8, &u8)| !place.is_ascii_digit() || place == digit;
        number.len() == self.places.len() && self.places.iter().zip(number).all(is_same)
    }

    /// The digits at one kind of place.
    fn digits(&self, number: &[u8], letter: u8) -> Vec<u8> {
        let at = self.places.iter().zip(number).filter(|(place, _)| **place == letter);
        at.map(|(_, digit)| *digit).collect()
    }

    fn read(&self, number: &[u8]) -> Result<Restricted, Finding> {
        let measured = self.digits(number, b'M');
        if let Some(found) = self.digits(number, b'V').first() {
            let expected = measure_check_digit(&measured);
            if expected.map(|digit| b'0' + digit) != Some(*found) {
                return Err(wrong_measure(&self.scheme, self.measure, expected, *found));
            }
        }
        Ok(Restricted {
            scheme: Some(self.scheme.clone()),
            item: Some(text(&self.digits(number, b'I'))),
            item_gtin: self.item_gtin(number),
            measure: Some((self.measure, decimal(&text(&measured), self.decimals))),
        })
    }

    fn item_gtin(&self, number: &[u8]) -> Option<String> {
        let zeroed = |(place, digit): (&u8, &u8)| match place {
            b'M' | b'V' | b'C' => b'0',
            _ => *digit,
        };
        let mut item: Vec<u8> = self.places.iter().zip(number).map(zeroed).collect();
        let check = expected_check_digit(&item)?;
        *item.last_mut()? = b'0' + check;
        Some(format!("0{}", text(&item)))
    }
}

/// The patterns of a national scheme, such as `se`; empty when there is none of that name.
#[must_use]
pub fn national(scheme: &str) -> Vec<Pattern> {
    table().filter(|pattern| pattern.scheme == scheme).collect()
}

/// The names of all national schemes.
#[must_use]
pub fn national_schemes() -> Vec<String> {
    let mut names: Vec<String> = table().map(|pattern| pattern.scheme).collect();
    names.dedup();
    names
}

fn lines() -> impl Iterator<Item = &'static str> {
    include_str!("restricted.txt").lines().filter(|line| !line.starts_with('#'))
}

fn table() -> impl Iterator<Item = Pattern> {
    lines().filter_map(|line| {
        let mut columns = line.split('|');
        let [scheme, places, measure, decimals] = std::array::from_fn(|_| columns.next());
        let measure = match measure? {
            "count" => Measure::Count,
            "price" => Measure::Price,
            "weight" => Measure::Weight,
            _ => return None,
        };
        Pattern::new(scheme?, places?, (measure, decimals?.parse().ok()?)).ok()
    })
}

/// What a number of the EAN/UPC family in 14 digits says when it is a restricted one.
pub(super) fn of_gtin(gtin: &str, patterns: &[Pattern]) -> Option<Result<Restricted, Finding>> {
    let number = gtin.strip_prefix('0')?.as_bytes();
    if !is_range(number) {
        return None;
    }
    match patterns.iter().find(|pattern| pattern.fits(number)) {
        Some(pattern) => Some(pattern.read(number)),
        None => Some(Ok(Restricted { scheme: None, item: None, item_gtin: None, measure: None })),
    }
}

/// 02 and 20 to 29 for a country to use, 04 for a company.
fn is_range(number: &[u8]) -> bool {
    matches!(number, [b'0', b'2' | b'4', ..] | [b'2', b'0'..=b'9', ..])
}

/// What a digit counts with the weights of GS1 General Specifications 7.9.2.
#[derive(Debug, Clone, Copy)]
enum Weight {
    /// Twice, less the tens.
    TwoMinus,
    Three,
    /// Five times, and the tens.
    FivePlus,
    /// Five times, less the tens.
    FiveMinus,
}

impl Weight {
    fn product(self, digit: u8) -> u8 {
        let (tens, units) = match self {
            Self::TwoMinus => (2 * digit / 10, 2 * digit % 10),
            Self::Three => (0, 3 * digit % 10),
            Self::FivePlus | Self::FiveMinus => (5 * digit / 10, 5 * digit % 10),
        };
        match self {
            Self::FivePlus => (units + tens) % 10,
            Self::TwoMinus | Self::Three | Self::FiveMinus => (units + 10 - tens) % 10,
        }
    }
}

/// The check digit of a price or weight of four or five digits (GS1 General Specifications 7.9.3, 7.9.4).
fn measure_check_digit(digits: &[u8]) -> Option<u8> {
    use Weight::{FiveMinus, FivePlus, Three, TwoMinus};
    let weights: &[Weight] = match digits.len() {
        4 => &[TwoMinus, TwoMinus, Three, FiveMinus],
        5 => &[FivePlus, TwoMinus, FiveMinus, FivePlus, TwoMinus],
        _ => return None,
    };
    let products = digits.iter().zip(weights).map(|(digit, weight)| weight.product(digit - b'0'));
    let sum: u8 = products.sum();
    match digits.len() {
        4 => Some(3 * (sum % 10) % 10),
        _ => (0..10).find(|check| FiveMinus.product(*check) == (10 - sum % 10) % 10),
    }
}

/// Digits with a decimal point, without zeros in front.
fn decimal(digits: &str, decimals: usize) -> String {
    let (whole, behind) = digits.split_at_checked(digits.len() - decimals).unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if behind.is_empty() { whole.to_owned() } else { format!("{whole}.{behind}") }
}

fn text(digits: &[u8]) -> String {
    digits.iter().copied().map(char::from).collect()
}

fn wrong_measure(scheme: &str, measure: Measure, expected: Option<u8>, found: u8) -> Finding {
    let measure = match measure {
        Measure::Count => "count",
        Measure::Price => "price",
        Measure::Weight => "weight",
    };
    Finding {
        code: "measure-check-digit",
        severity: Severity::Error,
        fault: Fault::Device,
        message: format!(
            "the check digit of the {measure} does not fit scheme {scheme}: scan again; if it stays, the scale prints \
             another scheme than the one configured"
        )
        .into(),
        expected: expected.map(|digit| format!("check digit {digit}")),
        found: Some(char::from(found).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_pattern() {
        assert_eq!(table().count(), lines().count());
        assert_eq!(national("de").len(), 6);
        assert!(national_schemes().contains(&"us-5".to_owned()));
    }

    /// The examples of GS1 General Specifications 7.9.3 and 7.9.4.
    #[test]
    fn measures_have_the_check_digits_of_the_specification() {
        assert_eq!(measure_check_digit(b"2875"), Some(9));
        assert_eq!(measure_check_digit(b"14685"), Some(6));
        assert_eq!(measure_check_digit(b"123"), None);
    }

    /// The check digit finds each wrong digit, as GS1 chose the weights for.
    #[test]
    fn one_wrong_digit_of_a_measure_is_found() {
        for number in 0..10_000_u32 {
            let right = format!("{number:04}");
            let check = measure_check_digit(right.as_bytes());
            for (place, digit) in [(0, b'7'), (1, b'3'), (2, b'9'), (3, b'1')] {
                let mut wrong = right.clone().into_bytes();
                if wrong[place] != digit {
                    wrong[place] = digit;
                    assert_ne!(measure_check_digit(&wrong), check, "{right} {wrong:?}");
                }
            }
        }
    }

    #[test]
    fn a_pattern_says_what_is_wrong_with_it() {
        let error = |places: &str| Pattern::new("x", places, (Measure::Price, 2)).err();
        assert_eq!(error("21IIIIVMMMMMC"), None);
        assert_eq!(error("2IIIIIVMMMMC"), None);
        assert_eq!(error("21IIIIVMMMMM"), Some(PatternError::Places));
        assert_eq!(error("21IMIMIMMMMMC"), Some(PatternError::Places));
        assert_eq!(error("21III1VMMMMMC"), Some(PatternError::Places));
        assert_eq!(error("40IIIIVMMMMMC"), Some(PatternError::Range));
        assert_eq!(error("21IIIVMMMMMMC"), Some(PatternError::Verified));
        assert_eq!(error("21IIIIIIIIIMC"), Some(PatternError::Decimals));
        assert_eq!(error("21"), Some(PatternError::Length));
    }
}
