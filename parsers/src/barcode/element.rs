//! GS1 element strings: application identifiers with their values, one behind the other (GS1 General
//! Specifications 7.8).

use super::FNC1;
use super::card_numbers;
use super::dictionary::{Component, Row};
use super::gtin::check_digit_fits;
use super::lint::Flaw;
use crate::finding::{Fault, Finding, Severity};
use crate::redact::scan::Alphabet;

/// Most elements of one barcode: the engine of GS1 takes no more, and no label has as many.
pub(super) const MAX_ELEMENTS: usize = 64;

/// Longest wrong part of a value that a finding repeats: less than any card number has.
const SHOWN_BYTES_MAX: usize = 8;

/// What an element string or a Digital Link URI holds.
#[derive(Default)]
pub(super) struct Elements {
    pub(super) list: Vec<Element>,
    pub(super) findings: Vec<Finding>,
}

/// An identifier and its value.
pub(super) struct Element {
    pub(super) row: &'static Row,
    /// Two to four digits.
    pub(super) identifier: String,
    pub(super) value: Vec<u8>,
    /// Where the value begins and ends in the content.
    pub(super) span: (usize, usize),
}

impl Element {
    /// Where the parts of the value begin and end that their owner may put anything into: company-internal elements,
    /// serial numbers, batches, references, addresses of pages. Digits of a set length, and what has a check or a
    /// syntax of its own, say what they are.
    fn free_parts(&self) -> Vec<(usize, usize)> {
        let mut at = 0;
        let part = |component: &Component| {
            let start = at;
            at = (at + component.longest).min(self.value.len());
            (component.is_free() && start < at).then_some((start, at))
        };
        self.row.components.iter().filter_map(part).collect()
    }

    /// The same in the content.
    fn free(&self) -> Vec<(usize, usize)> {
        let (start, end) = self.span;
        let parts = self.free_parts();
        // Characters of a web address may be written as three: their places are not those of the value.
        if end - start != self.value.len() {
            return if parts.is_empty() { parts } else { vec![self.span] };
        }
        parts.into_iter().map(|(from, to)| (start + from, start + to)).collect()
    }

    /// The value as people may see it.
    pub(super) fn shown(&self) -> String {
        let mut value = self.value.clone();
        for (from, to) in self.free_parts() {
            let place = value.get_mut(from..to).unwrap_or_default();
            if let Some(cut) = card_numbers::cut_part(place, &Alphabet::TEXT) {
                place.copy_from_slice(&cut.text);
            }
        }
        String::from_utf8_lossy(&value).into_owned()
    }
}

impl Elements {
    pub(super) fn are_sound(&self) -> bool {
        !self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    pub(super) fn gtin(&self) -> Option<String> {
        let item = self.list.iter().find(|element| element.identifier == "01")?;
        check_digit_fits(&item.value).then(|| String::from_utf8_lossy(&item.value).into_owned())
    }

    /// Where the values begin and end that may hold anything.
    pub(super) fn free(&self) -> impl Iterator<Item = (usize, usize)> {
        self.list.iter().flat_map(Element::free)
    }

    /// Takes an element and finds what is wrong with its value. False when there are too many.
    pub(super) fn take(&mut self, element: Element) -> bool {
        if self.list.len() == MAX_ELEMENTS {
            self.findings.push(too_many());
            return false;
        }
        self.findings.extend(problem_of(&element));
        self.list.push(element);
        true
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
        let rest = content.get(at..).unwrap_or_default();
        let Some(row) = Row::at(rest) else {
            elements.findings.push(unknown(rest));
            break;
        };
        let (identifier, value) = rest.split_at_checked(row.digits).unwrap_or_default();
        let until_fnc1 = value.iter().position(|byte| *byte == FNC1).unwrap_or(value.len());
        let length = match row.is_sized {
            true => until_fnc1.min(row.lengths().1),
            false => until_fnc1,
        };
        let start = at + row.digits;
        at = start + length;
        let element = Element {
            row,
            identifier: String::from_utf8_lossy(identifier).into_owned(),
            value: value.get(..length).unwrap_or_default().to_vec(),
            span: (start, at),
        };
        if !elements.take(element) {
            break;
        }
        at += usize::from(content.get(at) == Some(&FNC1));
    }
    elements
}

fn problem_of(element: &Element) -> Option<Finding> {
    let mut rest = element.value.as_slice();
    for part in &element.row.components {
        if part.is_optional && rest.is_empty() {
            break;
        }
        let length = rest.len().min(part.longest);
        if length < part.shortest {
            return Some(wrong_length(element));
        }
        let (value, behind) = rest.split_at_checked(length).unwrap_or((rest, b""));
        let before = element.value.len() - rest.len();
        if let Some(flaw) = part.lints.iter().find_map(|lint| lint.check(value).err()) {
            return Some(wrong_value(element, before, &flaw));
        }
        rest = behind;
    }
    (!rest.is_empty()).then(|| wrong_length(element))
}

/// An identifier as messages name it.
pub(super) fn named(identifier: &str) -> String {
    let title = Row::of(identifier.as_bytes()).map_or("", |row| row.title);
    match title.is_empty() {
        true => format!("({identifier})"),
        false => format!("({identifier}) {title}"),
    }
}

pub(super) fn error(code: &'static str, message: String) -> Finding {
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
    let message =
        "expected GS1 elements, found nothing behind the symbology identifier: scan again";
    error("gs1-empty", message.to_owned())
}

fn too_many() -> Finding {
    let message = format!("more than {MAX_ELEMENTS} elements in one barcode: it is no GS1 data");
    error("gs1-elements", message)
}

pub(super) fn unknown(rest: &[u8]) -> Finding {
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

pub(super) fn wrong_length(element: &Element) -> Finding {
    let (shortest, longest) = element.row.lengths();
    let expected = match shortest == longest {
        true => format!("{longest} characters"),
        false => format!("{shortest} to {longest} characters"),
    };
    let name = named(&element.identifier);
    Finding {
        expected: Some(expected),
        found: Some(format!("{} characters", element.value.len())),
        ..error(
            "gs1-length",
            format!(
                "the value of {name} has the wrong length: if the scanner swallows FNC1, switch that off"
            ),
        )
    }
}

/// `before` is how many characters of the value stand before the component with the flaw.
fn wrong_value(element: &Element, before: usize, flaw: &Flaw) -> Finding {
    let at = before + flaw.at;
    let wrong = element.value.get(at..at + flaw.length).unwrap_or_default();
    let found = match wrong.len() {
        0 => "nothing".to_owned(),
        1..=SHOWN_BYTES_MAX => wrong.escape_ascii().to_string(),
        length => format!("{length} characters that are something else"),
    };
    let name = named(&element.identifier);
    let advice = match flaw.code {
        "gs1-check-digit" | "gs1-check-pair" => "scan again; if it stays, the label is wrong",
        _ => "the label is wrong, tell whoever prints it",
    };
    Finding {
        expected: Some(flaw.expected.clone().into_owned()),
        found: Some(found),
        ..error(
            flaw.code,
            format!("the value of {name} is wrong at character {}: {advice}", at + 1),
        )
    }
}
