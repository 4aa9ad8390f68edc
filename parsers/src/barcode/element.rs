//! GS1 element strings: application identifiers with their values, one behind the other (GS1 General
//! Specifications 7.8).

use super::FNC1;
use super::gtin::check_digit_fits;
use super::identifier::{Characters, Check, Identifier, has_predefined_length};
use crate::finding::{Fault, Finding, Severity};

/// Most elements of one barcode. The shortest has three characters, and no label has a hundred.
const MAX_ELEMENTS: usize = 128;

/// What an element string holds.
#[derive(Default)]
pub(super) struct Elements {
    /// Where identifier and value begin and the value ends.
    spans: Vec<(usize, usize, usize)>,
    gtin: Option<String>,
    pub(super) findings: Vec<Finding>,
    /// Where the values of company-internal elements, 90 to 99, begin and end.
    pub(super) internal: Vec<(usize, usize)>,
}

impl Elements {
    pub(super) fn are_sound(&self) -> bool {
        !self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    pub(super) fn gtin(&self) -> Option<String> {
        self.gtin.clone()
    }

    /// Identifiers and values, in order.
    pub(super) fn values<'a>(&self, content: &'a [u8]) -> impl Iterator<Item = (&'a str, String)> {
        let text = |start: usize, end: usize| content.get(start..end).unwrap_or_default();
        self.spans.iter().map(move |(ai, value, end)| {
            let identifier = std::str::from_utf8(text(*ai, *value)).unwrap_or_default();
            (identifier, String::from_utf8_lossy(text(*value, *end)).into_owned())
        })
    }
}

/// Splits an element string. It stops at the first element whose end cannot be known.
pub(super) fn elements(content: &[u8]) -> Elements {
    let mut elements = Elements::default();
    // The first FNC1 says that this is GS1 data and is no part of it; the last one may be left over.
    let mut at = usize::from(content.first() == Some(&FNC1));
    if at >= content.len() {
        elements.findings.push(empty());
    }
    while at < content.len() {
        if elements.spans.len() == MAX_ELEMENTS {
            elements.findings.push(too_many());
            break;
        }
        let rest = content.get(at..).unwrap_or_default();
        let Some((identifier, digits)) = Identifier::at(rest) else {
            elements.findings.push(unknown(rest));
            break;
        };
        let value = rest.get(digits..).unwrap_or_default();
        let until_fnc1 = value.iter().position(|byte| *byte == FNC1).unwrap_or(value.len());
        let length = match has_predefined_length(rest) {
            true => until_fnc1.min(identifier.longest),
            false => until_fnc1,
        };
        let value = value.get(..length).unwrap_or_default();
        let name = rest.get(..digits).unwrap_or_default();
        elements.take(identifier, (at, at + digits), name, value);
        at += digits + length;
        at += usize::from(content.get(at) == Some(&FNC1));
    }
    elements
}

impl Elements {
    fn take(
        &mut self,
        row: &Identifier,
        (start, value_at): (usize, usize),
        name: &[u8],
        value: &[u8],
    ) {
        let ai = String::from_utf8_lossy(name);
        self.findings.extend(problem_of(row, &ai, value));
        self.spans.push((start, value_at, value_at + value.len()));
        if name == b"01" && check_digit_fits(value) {
            self.gtin = Some(String::from_utf8_lossy(value).into_owned());
        }
        if name.len() == 2 && name.first() == Some(&b'9') {
            self.internal.push((value_at, value_at + value.len()));
        }
    }
}

fn problem_of(row: &Identifier, ai: &str, value: &[u8]) -> Option<Finding> {
    if !(row.shortest..=row.longest).contains(&value.len()) {
        return Some(wrong_length(row, ai, value.len()));
    }
    if !value.iter().enumerate().all(|(place, byte)| is_allowed(row.characters, place, *byte)) {
        return Some(wrong_characters(row.characters, ai));
    }
    let fits = match row.check {
        Check::None => true,
        Check::LastDigit(length) => value.get(..length).is_some_and(check_digit_fits),
        Check::Date => is_date(value),
        Check::Dates => matches!(value.len(), 6 | 12) && value.chunks(6).all(is_date),
        Check::Time => is_time(value),
    };
    (!fits).then(|| wrong_value(row.check, ai))
}

fn is_allowed(characters: Characters, place: usize, byte: u8) -> bool {
    let text = || {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'!'..=b'"' | b'%'..=b'/' | b':'..=b'?' | b'_')
    };
    match characters {
        Characters::Digits => byte.is_ascii_digit(),
        Characters::DigitsThenText(front) if place < front => byte.is_ascii_digit(),
        Characters::DigitsThenText(_) | Characters::Text => text(),
        Characters::PartNumber => {
            byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'#' | b'-' | b'/')
        }
        Characters::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='),
    }
}

/// YYMMDD. A year of two digits may be of this century or the last, so that 29 February is only refused where
/// neither has it; day 00 stands for the month's last (GS1 General Specifications 3.4.2).
fn is_date(value: &[u8]) -> bool {
    let two = |at: usize| {
        let [tens, units] = *value.get(at..at + 2)? else { return None };
        Some(10 * tens.wrapping_sub(b'0') + units.wrapping_sub(b'0'))
    };
    let (Some(year), Some(month), Some(day)) = (two(0), two(2), two(4)) else { return false };
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    day <= days
}

/// A date, hours, and perhaps minutes and seconds; or the date alone.
fn is_time(value: &[u8]) -> bool {
    let limits = [b"24", b"60", b"60"];
    let (date, time) = value.split_at_checked(6).unwrap_or((value, b""));
    let day_named = !date.ends_with(b"00");
    is_date(date)
        && day_named
        && time.len().is_multiple_of(2)
        && time.chunks(2).zip(limits).all(|(part, limit)| part < limit.as_slice())
}

/// Reads an element string as people write it, `(01)04006381333931(10)A1`, and gives it as scanners send it. None
/// when it is not written so.
#[must_use]
pub fn from_brackets(text: &str) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(text.len());
    let mut rest = text.strip_prefix('(')?;
    loop {
        let (ai, behind) = rest.split_once(')')?;
        let known = Identifier::at(ai.as_bytes()).is_some_and(|(_, digits)| digits == ai.len());
        if !known {
            return None;
        }
        let end = next_bracket(behind).unwrap_or(behind.len());
        let (value, next) = behind.split_at_checked(end)?;
        message.extend_from_slice(ai.as_bytes());
        message.extend_from_slice(value.as_bytes());
        let Some(next) = next.strip_prefix('(') else { return Some(message) };
        if !has_predefined_length(ai.as_bytes()) {
            message.push(FNC1);
        }
        rest = next;
    }
}

/// Where the next bracketed identifier begins: a bracket may also be part of a value.
fn next_bracket(text: &str) -> Option<usize> {
    text.match_indices('(').map(|(at, _)| at).find(|at| {
        let inside = text.get(at + 1..).and_then(|text| text.split_once(')'));
        inside.is_some_and(|(ai, _)| {
            Identifier::at(ai.as_bytes()).is_some_and(|(_, digits)| digits == ai.len())
        })
    })
}

fn error(code: &'static str, message: String) -> Finding {
    Finding {
        code,
        severity: Severity::Error,
        fault: Fault::Sender,
        message: message.into(),
        expected: None,
        found: None,
    }
}

fn empty() -> Finding {
    error(
        "gs1-empty",
        "expected GS1 elements, found nothing behind the symbology identifier".to_owned(),
    )
}

fn too_many() -> Finding {
    error(
        "gs1-elements",
        format!("more than {MAX_ELEMENTS} elements in one barcode: it is no GS1 data"),
    )
}

fn unknown(rest: &[u8]) -> Finding {
    let shown: Vec<u8> = rest.iter().copied().take(4).take_while(u8::is_ascii_graphic).collect();
    Finding {
        expected: Some("a GS1 application identifier".to_owned()),
        found: Some(String::from_utf8_lossy(&shown).into_owned()),
        ..error(
            "gs1-unknown-ai",
            "no GS1 application identifier begins so: either the label is wrong, or the element before it is too \
             long or lost its FNC1"
                .to_owned(),
        )
    }
}

fn wrong_length(row: &Identifier, ai: &str, found: usize) -> Finding {
    let expected = match row.shortest == row.longest {
        true => format!("{} characters", row.longest),
        false => format!("{} to {} characters", row.shortest, row.longest),
    };
    Finding {
        expected: Some(expected),
        found: Some(format!("{found} characters")),
        ..error(
            "gs1-length",
            format!(
                "the value of ({ai}) has the wrong length: if the scanner swallows FNC1, switch that off"
            ),
        )
    }
}

fn wrong_characters(characters: Characters, ai: &str) -> Finding {
    let expected = match characters {
        Characters::Digits => "digits",
        Characters::DigitsThenText(_) => "digits, then characters of GS1 character set 82",
        Characters::Text => "characters of GS1 character set 82",
        Characters::PartNumber => "characters of GS1 character set 39",
        Characters::Base64 => "characters of GS1 character set 64",
    };
    Finding {
        expected: Some(expected.to_owned()),
        ..error(
            "gs1-characters",
            format!("the value of ({ai}) has a character that it must not have"),
        )
    }
}

fn wrong_value(check: Check, ai: &str) -> Finding {
    match check {
        Check::LastDigit(_) | Check::None => error(
            "gs1-check-digit",
            format!(
                "the check digit of ({ai}) does not fit: scan again; if it stays, the label is wrong"
            ),
        ),
        Check::Date | Check::Dates | Check::Time => {
            error("gs1-date", format!("the value of ({ai}) is no date: the label is wrong"))
        }
    }
}
