//! Barcodes: AIM symbology identifiers, GTINs, GS1 element strings.
//!
//! In: the content of a barcode as a scanner sent it, less framing, with or without symbology identifier. Out: a
//! [`Barcode`]: symbology, GTIN in 14 digits, GS1 elements, and findings about what is wrong. Never: a card number,
//! which someone may have put into a QR code; a guess where the scanner was set up to say.
//!
//! Left for later: associations between application identifiers, the code lists behind some of them, GS1 Digital
//! Link, composite symbols, restricted-circulation numbers with a price in them.

mod element;
mod gtin;
mod identifier;
mod symbology;

pub use element::from_brackets;
pub use gtin::{GtinProblem, check_digit_fits, gtin_14};

use crate::finding::{Fault, Finding, Severity};
use crate::redact::scan::{self, Alphabet, Cut};
use element::{Elements, elements};
use gtin::{Problem, Retail};
use symbology::{Content, Symbology};

/// FNC1 as scanners transmit it between elements (GS1 General Specifications 7.8.3).
pub const FNC1: u8 = 0x1D;

/// Longest content: the largest QR code holds 7,089 digits.
const MAX_CONTENT_BYTES: usize = 8192;

/// What a barcode says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Barcode {
    /// `ean-13`, `gs1-128`, `qr` …, where the scanner or the data tells.
    pub symbology: Option<&'static str>,
    /// The content without symbology identifier, free of card numbers. Bytes that are no UTF-8 are replaced.
    pub data: String,
    /// The trade item, in 14 digits.
    pub gtin: Option<String>,
    /// The two or five digits beside an EAN or UPC of a periodical or coupon.
    pub add_on: Option<String>,
    /// GS1 application identifiers and their values, in order.
    pub elements: Vec<(String, String)>,
    /// What is wrong or odd.
    pub findings: Vec<Finding>,
}

/// Reads the content of a barcode. `aim` is its symbology identifier, such as `]C1`, where the scanner's driver
/// split it off already; else it may stand at the front of `data`.
#[must_use]
pub fn read(aim: Option<&str>, data: &[u8]) -> Barcode {
    let (symbology, content) = Symbology::split(aim, data);
    let mut barcode = Barcode { symbology: symbology.name(), ..Barcode::default() };
    if content.len() > MAX_CONTENT_BYTES {
        barcode.findings.push(too_long(content.len()));
        return barcode;
    }
    match symbology.content() {
        Content::Retail => barcode.read_retail(&symbology, gtin::retail(content)),
        Content::ShortRetail => barcode.read_retail(&symbology, gtin::ean_8(content)),
        Content::AddOn => barcode.read_add_on(content),
        Content::ItfCarton => barcode.read_carton(content),
        Content::Gs1 => barcode.read_elements(content, &[]),
        Content::Unstated => barcode.read_unstated(content),
        Content::Other => {}
    }
    barcode.data = match cut_content(&symbology, content) {
        None => String::from_utf8_lossy(content).into_owned(),
        Some(cut) => {
            barcode.findings.push(card_number_cut());
            String::from_utf8_lossy(&cut.text).into_owned()
        }
    };
    barcode
}

/// Masks card numbers in the content of a barcode with the symbology identifier `aim`. GTINs, and the elements of a
/// GS1 string without errors, stay: the field decides first. Elements 90 to 99 are looked at, since their owner may
/// put anything into them.
pub(crate) fn cut(aim: &[u8], content: &[u8]) -> Option<Cut> {
    let aim = std::str::from_utf8(aim).ok().filter(|aim| !aim.is_empty());
    let (symbology, content) = match aim {
        Some(aim) => Symbology::split(Some(aim), content),
        None => (Symbology::UNSTATED, content),
    };
    cut_content(&symbology, content)
}

/// The same, of content that its symbology identifier was taken off already: it may begin with what looks like one.
fn cut_content(symbology: &Symbology<'_>, content: &[u8]) -> Option<Cut> {
    let retail = match symbology.content() {
        Content::Retail => gtin::retail(content).is_ok(),
        Content::ShortRetail => gtin::ean_8(content).is_ok(),
        // Only 14 digits are read as a trade item: see `read_carton`.
        Content::ItfCarton => content.len() == 14 && gtin::plain(content).is_some(),
        Content::Unstated => gtin::plain(content).is_some(),
        Content::Gs1 | Content::AddOn | Content::Other => false,
    };
    if retail {
        return None;
    }
    let is_gs1 = symbology.content() == Content::Gs1 || content.first() == Some(&FNC1);
    match is_gs1.then(|| elements(content)).filter(Elements::are_sound) {
        Some(parsed) => cut_internal(&parsed, content),
        None => scan::cut(content, &Alphabet::TEXT, |_| false),
    }
}

/// Looks at each company-internal value by itself: the digits of its identifier are no part of it.
fn cut_internal(parsed: &Elements, content: &[u8]) -> Option<Cut> {
    let mut whole = Cut { text: content.to_vec(), hits: Vec::new() };
    for (start, end) in &parsed.internal {
        let value = content.get(*start..*end).unwrap_or_default();
        let Some(cut) = scan::cut(value, &Alphabet::TEXT, |_| false) else { continue };
        whole.hits.extend(cut.hits.iter().map(|hit| hit.moved(*start)));
        if let Some(place) = whole.text.get_mut(*start..*end) {
            place.copy_from_slice(&cut.text);
        }
    }
    (!whole.hits.is_empty()).then_some(whole)
}

impl Barcode {
    /// EAN-13, UPC-A, UPC-E, EAN-8, with or without add-on.
    fn read_retail(&mut self, symbology: &Symbology<'_>, number: Result<Retail, Problem>) {
        match number {
            Ok(retail) => {
                self.symbology = Some(retail.symbology);
                self.gtin = Some(retail.gtin);
                self.add_on = retail.add_on;
            }
            Err(problem) => self.findings.push(problem.finding(symbology.shown())),
        }
    }

    fn read_add_on(&mut self, content: &[u8]) {
        if matches!(content.len(), 2 | 5) && content.iter().all(u8::is_ascii_digit) {
            self.add_on = Some(String::from_utf8_lossy(content).into_owned());
        }
    }

    /// Interleaved 2 of 5 carries other numbers too: 14 digits with a fitting check digit are an ITF-14.
    fn read_carton(&mut self, content: &[u8]) {
        if content.len() == 14 && gtin::plain(content).is_some() {
            self.symbology = Some("itf-14");
            self.gtin = gtin::plain(content).map(|plain| plain.gtin);
        }
    }

    fn read_elements(&mut self, content: &[u8], findings: &[Finding]) {
        let parsed = elements(content);
        self.findings.extend_from_slice(findings);
        self.gtin = parsed.gtin().filter(|_| parsed.are_sound());
        let internal_hidden = |ai: &str, value: String| match ai.starts_with('9') {
            true => crate::redact::shown(&value).into_owned(),
            false => value,
        };
        // Values of a broken string may be cut anywhere: only its findings and its masked data go on.
        if parsed.are_sound() {
            self.elements = parsed
                .values(content)
                .map(|(ai, value)| (ai.to_owned(), internal_hidden(ai, value)))
                .collect();
        }
        self.findings.extend(parsed.findings);
    }

    /// A scanner that sends no symbology identifier.
    fn read_unstated(&mut self, content: &[u8]) {
        if content.first() == Some(&FNC1) {
            self.read_elements(content, &[leading_fnc1()]);
        } else if let Some(plain) = gtin::plain(content) {
            self.symbology = plain.symbology;
            self.gtin = Some(plain.gtin);
        } else if matches!(content.len(), 12..=14) && content.iter().all(u8::is_ascii_digit) {
            self.findings.push(no_gtin(content));
        }
    }
}

fn too_long(found: usize) -> Finding {
    Finding {
        code: "barcode-length",
        severity: Severity::Error,
        fault: Fault::Device,
        message:
            "the content is longer than any barcode holds: check the scanner's suffix setting, \
                  since several barcodes came as one"
                .into(),
        expected: Some(format!("at most {MAX_CONTENT_BYTES} bytes")),
        found: Some(format!("{found} bytes")),
    }
}

fn card_number_cut() -> Finding {
    Finding {
        code: "barcode-card-number",
        severity: Severity::Warning,
        fault: Fault::Sender,
        message: "the barcode holds a payment card number, which was masked: whoever prints it should use a token"
            .into(),
        expected: None,
        found: None,
    }
}

fn leading_fnc1() -> Finding {
    Finding {
        code: "gs1-leading-fnc1",
        severity: Severity::Warning,
        fault: Fault::Device,
        message: "the content begins with FNC1 (1D) and has no symbology identifier, so that it is only taken for \
                  GS1 data: switch on AIM identifiers at the scanner"
            .into(),
        expected: Some("]C1, ]e0, ]d2, ]Q3 or ]J1 at the front".to_owned()),
        found: Some("1D".to_owned()),
    }
}

fn no_gtin(content: &[u8]) -> Finding {
    Finding {
        code: "gtin-check-digit",
        severity: Severity::Warning,
        fault: Fault::Device,
        message: "the number has the length of a GTIN, but not its check digit, so that it is kept as plain data"
            .into(),
        expected: gtin::expected_check_digit(content).map(|digit| format!("check digit {digit}")),
        found: content.last().map(|digit| char::from(*digit).to_string()),
    }
}

#[cfg(test)]
mod tests;
