//! Loyalty cards of a store: by which ranges, lengths and check digits their numbers are told from all others.
//!
//! In: what a store says of its cards, and numbers. Out: whether a number is of such a card, and whether a payment
//! card's number could be taken for one. Never: a copy of a number.

use super::scheme::{self, Scheme, luhn};
use crate::barcode::check_digit_fits;

/// The check digit of the EAN family belongs to numbers of up to 14 digits (GS1 General Specifications 7.9).
const GTIN_DIGITS_MAX: usize = 14;

/// How the numbers of a loyalty card are built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoyaltyCard {
    /// Whose cards.
    pub name: String,
    /// What the numbers begin with: the first and the last such beginning, of the same length.
    first: String,
    last: String,
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

/// What is wrong with the beginning of a card's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Numbers have no other characters.
    #[error(
        "expected digits or letters such as \"9156\", or a range of digits such as \"915600-915699\""
    )]
    Form,
    /// A range has two ends of the same length, in order.
    #[error("expected the lower end of the range first, and both ends with as many digits")]
    Range,
}

/// A payment card's number could be taken for a loyalty card's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// Whose cards.
    pub scheme: Scheme,
    /// Whether a check digit tells most of them apart, so that no misread payment card passes that a reader's own
    /// checks let through.
    pub is_told_apart: bool,
}

impl LoyaltyCard {
    /// A card whose numbers begin with `prefix`: `9156`, or `915600-915699` for a range of issuer numbers.
    ///
    /// # Errors
    ///
    /// When `prefix` is neither.
    pub fn new(
        name: &str,
        prefix: &str,
        lengths: (usize, usize),
        check: NumberCheck,
    ) -> Result<Self, PrefixError> {
        let (first, last) = match prefix.split_once('-') {
            None if prefix.bytes().all(|byte| byte.is_ascii_alphanumeric()) => (prefix, prefix),
            Some((first, last)) if is_digits(first) && is_digits(last) => (first, last),
            _ => return Err(PrefixError::Form),
        };
        if first.is_empty() {
            return Err(PrefixError::Form);
        }
        if first.len() != last.len() || first > last {
            return Err(PrefixError::Range);
        }
        Ok(Self {
            name: name.to_owned(),
            first: first.to_owned(),
            last: last.to_owned(),
            lengths,
            check,
        })
    }

    /// How many characters the beginning has.
    #[must_use]
    pub fn prefix_length(&self) -> usize {
        self.first.len()
    }

    /// Whether a number has the range and a length of these cards. The check digit is not looked at.
    #[must_use]
    pub fn holds(&self, number: &[u8]) -> bool {
        let (shortest, longest) = self.lengths;
        let front = number.get(..self.first.len());
        front.is_some_and(|front| (self.first.as_bytes()..=self.last.as_bytes()).contains(&front))
            && (shortest..=longest).contains(&number.len())
            && number.iter().all(u8::is_ascii_alphanumeric)
    }

    /// Whether a number is one of these cards': range, length and check digit all fit.
    #[must_use]
    pub fn is_of(&self, number: &[u8]) -> bool {
        self.holds(number) && self.check.fits(number)
    }

    /// The scheme whose numbers could be taken for those of these cards. A number that is a payment card's never is,
    /// but one of which a digit was misread, or lost on its way, no longer shows that it is one: in a range that both
    /// share it would leave in full.
    #[must_use]
    pub fn overlap(&self) -> Option<Overlap> {
        let span = (six_digits(&self.first, '0')?, six_digits(&self.last, '9')?);
        let exact = scheme::in_ranges(span, self.lengths);
        let (shortest, longest) = self.lengths;
        let near = (shortest.saturating_sub(1), longest.saturating_add(1));
        let scheme = exact.or_else(|| scheme::in_ranges(span, near))?;
        let is_told_apart = match self.check {
            NumberCheck::None => false,
            NumberCheck::Gs1 => longest <= GTIN_DIGITS_MAX,
            // The check digit is the same one: only the length tells.
            NumberCheck::Luhn => exact.is_none(),
        };
        Some(Overlap { scheme, is_told_apart })
    }
}

impl NumberCheck {
    /// Whether the last digit of a number fits the others.
    #[must_use]
    pub fn fits(self, number: &[u8]) -> bool {
        match self {
            Self::None => true,
            Self::Gs1 => check_digit_fits(number),
            Self::Luhn => number.iter().all(u8::is_ascii_digit) && luhn(number),
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The beginning of a number in the six digits in which issuers' ranges are written; none where it has letters.
fn six_digits(beginning: &str, filler: char) -> Option<u32> {
    let digits = beginning.chars().chain(std::iter::repeat(filler)).take(6);
    digits.collect::<String>().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(prefix: &str, lengths: (usize, usize), check: NumberCheck) -> LoyaltyCard {
        LoyaltyCard::new("club", prefix, lengths, check).unwrap()
    }

    #[test]
    fn range_length_and_check_digit_must_all_fit() {
        use NumberCheck::{Gs1, Luhn, None};
        let range = card("915600-915699", (13, 14), Gs1);
        assert!(range.is_of(b"9156001122331"));
        assert!(!range.is_of(b"9156001122334") && range.holds(b"9156001122334"), "check digit");
        assert!(!range.holds(b"9157001122331") && !range.holds(b"915600112233"), "range, length");
        assert!(
            card("M", (5, 5), None).is_of(b"M1234") && !card("M", (5, 5), None).is_of(b"M12-4")
        );
        assert!(card("91", (13, 13), Luhn).is_of(b"9156001122333"));
        assert!(!card("91", (13, 13), Luhn).is_of(b"91560011223A3"));
    }

    #[test]
    fn a_prefix_is_a_beginning_or_a_range() {
        let wrong = |prefix| LoyaltyCard::new("c", prefix, (8, 8), NumberCheck::None).unwrap_err();
        for prefix in ["", "-", "91-", "-91", "91 56", "A1-B2", "9156-9157-9158"] {
            assert_eq!(wrong(prefix), PrefixError::Form, "{prefix}");
        }
        for prefix in ["92-91", "91-921"] {
            assert_eq!(wrong(prefix), PrefixError::Range, "{prefix}");
        }
    }

    #[test]
    fn an_overlap_with_a_scheme_is_found_and_what_tells_it_apart() {
        use NumberCheck::{Gs1, Luhn, None};
        for (prefix, lengths, check, expected) in [
            ("4", (16, 16), None, Some((Scheme::Visa, false))),
            ("41111111", (16, 16), Luhn, Some((Scheme::Visa, false))),
            ("400000-499999", (16, 16), Gs1, Some((Scheme::Visa, false))),
            ("51", (16, 16), None, Some((Scheme::Mastercard, false))),
            ("2221", (16, 16), Luhn, Some((Scheme::Mastercard, false))),
            ("34", (15, 15), None, Some((Scheme::Amex, false))),
            ("6011", (16, 19), None, Some((Scheme::Discover, false))),
            // A payment card that lost a digit.
            ("4", (15, 15), None, Some((Scheme::Visa, false))),
            ("34", (16, 16), Luhn, Some((Scheme::Amex, true))),
            // An EAN-13 of a GS1 member whose prefix is also a bank's.
            ("40", (13, 13), Gs1, Some((Scheme::Visa, true))),
            ("4", (8, 8), None, Option::None),
            ("9156", (13, 19), None, Option::None),
            ("M4", (16, 16), None, Option::None),
        ] {
            let overlap = card(prefix, lengths, check).overlap();
            let found = overlap.map(|overlap| (overlap.scheme, overlap.is_told_apart));
            assert_eq!(found, expected, "{prefix} {lengths:?} {check:?}");
        }
    }
}
