//! Books, periodicals and printed music: the numbers that EAN-13 carries for them, and their add-ons.
//!
//! In: a GTIN in 14 digits and the add-on. Out: ISBN, ISSN or ISMN as printed, without hyphens that only the ranges
//! of each country's agency give.

use serde::Serialize;

use super::gtin::check_digit_fits;

/// A publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Publication {
    /// `isbn`, `issn` or `ismn`.
    pub kind: &'static str,
    /// Thirteen digits of an ISBN or ISMN; an ISSN as `1234-5679`.
    pub number: String,
    /// The same in its form until 2007, ten characters, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_number: Option<String>,
    /// Issue of a periodical: the two digits of its price or variant, and the add-on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<String>,
    /// Price that a publisher printed beside an ISBN: currency and amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<(&'static str, String)>,
}

/// What a GTIN of the ranges 977 to 979 is (GS1 General Specifications 1.4.2, 2.1.10, 2.1.11).
pub(super) fn of_gtin(gtin: &str, add_on: Option<&str>) -> Option<Publication> {
    let number = gtin.strip_prefix('0')?.to_owned();
    let none = Publication {
        kind: "isbn",
        number: String::new(),
        short_number: None,
        issue: None,
        price: None,
    };
    match number.get(..4)? {
        "9790" => Some(Publication {
            kind: "ismn",
            // M stood for 9790 until 2007; the check digit is the same.
            short_number: number.get(4..).map(|rest| format!("M{rest}")),
            number,
            ..none
        }),
        front if front.starts_with("978") || front.starts_with("979") => Some(Publication {
            short_number: number.strip_prefix("978").and_then(isbn_10),
            price: add_on.and_then(price),
            number,
            ..none
        }),
        front if front.starts_with("977") => Some(Publication {
            kind: "issn",
            number: number.get(3..10).map(issn)?,
            issue: number
                .get(10..12)
                .map(|variant| format!("{variant}{}", add_on.unwrap_or_default())),
            ..none
        }),
        _ => None,
    }
}

/// Nine digits and a check character, of which the first counts ten times, the last once, and X ten (ISO 2108:2005
/// annex C).
fn isbn_10(digits: &str) -> Option<String> {
    let front = digits.get(..9)?;
    Some(format!("{front}{}", modulo_11(front, 10)))
}

/// Seven digits and a check character, of which the first counts eight times (ISO 3297).
fn issn(front: &str) -> String {
    let (first, second) = front.split_at_checked(4).unwrap_or((front, ""));
    format!("{first}-{second}{}", modulo_11(front, 8))
}

fn modulo_11(front: &str, first_weight: u32) -> char {
    let weights = (2..=first_weight).rev();
    let digits = front.bytes().map(|digit| u32::from(digit.wrapping_sub(b'0')));
    let sum: u32 = digits.zip(weights).map(|(digit, weight)| digit * weight).sum();
    match (11 - sum % 11) % 11 {
        10 => 'X',
        check => char::from_digit(check, 10).unwrap_or('X'),
    }
}

/// Five digits beside an ISBN: a currency and a price below 100, or 90000 for none.
fn price(add_on: &str) -> Option<(&'static str, String)> {
    let currency = match add_on.as_bytes() {
        [b'0' | b'1', _, _, _, _] => "GBP",
        [b'3', _, _, _, _] => "AUD",
        [b'4', _, _, _, _] => "NZD",
        [b'5', _, _, _, _] => "USD",
        [b'6', _, _, _, _] => "CAD",
        _ => return None,
    };
    let (whole, hundredths) = (add_on.get(1..3)?, add_on.get(3..)?);
    let whole = whole.strip_prefix('0').unwrap_or(whole);
    Some((currency, format!("{whole}.{hundredths}")))
}

/// An ISBN, ISSN or ISMN as someone wrote it, with hyphens or of the form until 2007, as a GTIN of 14 digits.
pub(super) fn gtin_14(written: &str) -> Option<String> {
    let plain: String = written.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (front, check) = plain.split_at_checked(plain.len().checked_sub(1)?)?;
    let front = match front.len() {
        9 if front.starts_with('M') && digits(front.get(1..)?) => {
            let number = format!("9790{}{check}", front.get(1..)?);
            return check_digit_fits(number.as_bytes()).then(|| format!("0{number}"));
        }
        9 if digits(front) && check.starts_with(modulo_11(front, 10)) => format!("978{front}"),
        12 if front.starts_with("97") && check_digit_fits(plain.as_bytes()) => {
            return Some(format!("0{plain}"));
        }
        7 if digits(front) && check.starts_with(modulo_11(front, 8)) => format!("977{front}00"),
        _ => return None,
    };
    let check = super::gtin::expected_check_digit(format!("{front}0").as_bytes())?;
    Some(format!("0{front}{check}"))
}
