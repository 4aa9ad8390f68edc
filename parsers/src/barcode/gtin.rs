//! Numbers of the EAN/UPC family: check digits, expansion, add-ons.

use super::{publication, upc_e};
use crate::finding::{Fault, Finding, Severity};

/// A number that EAN/UPC carries.
pub(super) struct Retail {
    pub(super) symbology: &'static str,
    /// 14 digits.
    pub(super) gtin: String,
    pub(super) add_on: Option<String>,
}

/// A number of which only the digits are known.
pub(super) struct Plain {
    pub(super) symbology: Option<&'static str>,
    /// 14 digits.
    pub(super) gtin: String,
}

/// Why a content is no number of the EAN/UPC family.
pub(super) enum Problem {
    /// Something else than digits, or too many or too few.
    Form {
        /// How many characters there are.
        length: usize,
    },
    /// The check digit is wrong.
    CheckDigit {
        /// What it should be.
        expected: Option<u8>,
        /// What it is.
        found: u8,
    },
}

/// The check digit of GS1 General Specifications 7.9: from the right, digits count three times and once in turn.
/// Expects all digits with the check digit last.
#[must_use]
pub fn check_digit_fits(number: &[u8]) -> bool {
    number.len() > 1
        && number.iter().all(u8::is_ascii_digit)
        && number.last().copied() == expected_check_digit(number).map(|digit| b'0' + digit)
}

/// What the last digit should be.
pub(super) fn expected_check_digit(number: &[u8]) -> Option<u8> {
    let (_, front) = number.split_last()?;
    let sum: u32 = front
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit.wrapping_sub(b'0'));
            if place % 2 == 0 { 3 * digit } else { digit }
        })
        .sum();
    u8::try_from((10 - sum % 10) % 10).ok()
}

/// Why a text is no GTIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GtinProblem {
    /// Something else than 8, 12, 13 or 14 digits.
    Form,
    /// The last digit should be another.
    CheckDigit {
        /// The right one.
        expected: char,
    },
}

/// A GTIN-8, -12, -13 or -14 that someone wrote, or an ISBN, ISSN or ISMN, in 14 digits.
///
/// # Errors
///
/// With what is wrong, when it is no GTIN or its check digit is wrong.
pub fn gtin_14(written: &str) -> Result<String, GtinProblem> {
    let number = written.as_bytes();
    if !matches!(number.len(), 8 | 12 | 13 | 14) || !number.iter().all(u8::is_ascii_digit) {
        return publication::gtin_14(written).ok_or(GtinProblem::Form);
    }
    if check_digit_fits(number) {
        return Ok(padded(number));
    }
    let expected = expected_check_digit(number).unwrap_or_default();
    Err(GtinProblem::CheckDigit { expected: char::from(b'0' + expected) })
}

/// Reads what stands under `]E0` and, with an add-on, under `]E3`.
pub(super) fn retail(content: &[u8], may_have_add_on: bool) -> Result<Retail, Problem> {
    if !content.iter().all(u8::is_ascii_digit) {
        return Err(Problem::Form { length: content.len() });
    }
    // The linear part is tried from the longest: 13 digits may also be eight with five beside them.
    let parts = [(13, 0), (12, 0), (8, 0), (13, 2), (13, 5), (12, 2), (12, 5), (8, 2), (8, 5)];
    let fitting = parts.into_iter().filter(|(linear, add_on)| {
        linear + add_on == content.len() && (may_have_add_on || *add_on == 0)
    });
    let mut problem = Problem::Form { length: content.len() };
    for (linear, _) in fitting {
        let (number, add_on) = content.split_at_checked(linear).unwrap_or((content, b""));
        match linear_part(number) {
            Ok((symbology, gtin)) => {
                let add_on = (!add_on.is_empty()).then(|| text(add_on));
                return Ok(Retail { symbology, gtin, add_on });
            }
            Err(wrong) if matches!(problem, Problem::Form { .. }) => problem = wrong,
            Err(_) => {}
        }
    }
    Err(problem)
}

/// Eight digits are a UPC-E first: an EAN-8 has an identifier of its own, `]E4`.
fn linear_part(number: &[u8]) -> Result<(&'static str, String), Problem> {
    if let Some(long) = upc_e::expanded(number) {
        return Ok(("upc-e", padded(&long)));
    }
    match plain(number) {
        Some(Plain { symbology: Some(symbology), gtin }) => Ok((symbology, gtin)),
        _ => Err(wrong_check_digit(number)),
    }
}

fn wrong_check_digit(number: &[u8]) -> Problem {
    Problem::CheckDigit {
        expected: expected_check_digit(number),
        found: number.last().copied().unwrap_or_default(),
    }
}

/// 8, 12, 13 or 14 digits with a fitting check digit, or a UPC-E with its number system and check digit.
///
/// Eight digits that begin with 0 fit both UPC-E and EAN-8 more often than not. They are taken for UPC-E, since GS1
/// gives EAN-8 numbers of that range to nobody (GS1 General Specifications 1.4.3: restricted circulation).
pub(super) fn plain(number: &[u8]) -> Option<Plain> {
    let symbology = match number.len() {
        8 => {
            let found = |symbology, gtin| Plain { symbology: Some(symbology), gtin };
            let upc_e = upc_e::expanded(number).map(|long| found("upc-e", padded(&long)));
            let ean_8 = check_digit_fits(number).then(|| found("ean-8", padded(number)));
            return if number.first() == Some(&b'0') { upc_e.or(ean_8) } else { ean_8.or(upc_e) };
        }
        12 => Some("upc-a"),
        // GTIN-12 in an EAN-13 symbol has a leading zero: scanners are set up to send UPC-A so.
        13 if number.first() == Some(&b'0') => Some("upc-a"),
        13 => Some("ean-13"),
        14 => None,
        _ => return None,
    };
    check_digit_fits(number).then(|| Plain { symbology, gtin: padded(number) })
}

/// What stands under `]E4`: EAN-8 and nothing else.
pub(super) fn ean_8(content: &[u8]) -> Result<Retail, Problem> {
    if content.len() != 8 || !content.iter().all(u8::is_ascii_digit) {
        return Err(Problem::Form { length: content.len() });
    }
    if !check_digit_fits(content) {
        return Err(wrong_check_digit(content));
    }
    Ok(Retail { symbology: "ean-8", gtin: padded(content), add_on: None })
}

/// A GTIN in 14 digits.
fn padded(number: &[u8]) -> String {
    format!("{:0>14}", text(number))
}

fn text(digits: &[u8]) -> String {
    digits.iter().copied().map(char::from).collect()
}

impl Problem {
    /// What to tell the operator. `identifier` is the symbology identifier.
    pub(super) fn finding(&self, identifier: String) -> Finding {
        match self {
            Self::Form { length } => Finding {
                code: "gtin-form",
                severity: Severity::Error,
                fault: Fault::Device,
                message: format!(
                    "the scanner says EAN/UPC ({identifier}), but this is no number of that family: scan again"
                )
                .into(),
                expected: Some("8, 12 or 13 digits, and 2 or 5 more for an add-on".to_owned()),
                found: Some(format!("{length} characters")),
            },
            Self::CheckDigit { expected, found } => Finding {
                code: "gtin-check-digit",
                severity: Severity::Error,
                fault: Fault::Device,
                message: "the check digit does not fit, so that a digit was misread: scan again, or key the number in"
                    .into(),
                expected: expected.map(|digit| format!("check digit {digit}")),
                found: Some(char::from(*found).to_string()),
            },
        }
    }
}
