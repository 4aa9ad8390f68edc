//! Barcodes: AIM symbology identifiers, GTINs and their family, GS1 element strings, GS1 Digital Link.
//!
//! In: the content of a barcode as a scanner sent it, less framing, with or without symbology identifier; the rules
//! of the store. Out: a [`Barcode`]: symbology, GTIN in 14 digits, GS1 elements, what it means, and findings about
//! what is wrong. Never: a card number, which someone may have put into a QR code; a guess where the scanner was set
//! up to say.

mod advice;
mod association;
mod card_numbers;
mod coupon;
mod dictionary;
mod digital_link;
mod element;
mod explain;
mod gtin;
mod lint;
mod percent;
mod publication;
mod restricted;
mod rules;
mod symbology;
mod upc_e;
mod written;

pub use advice::advice;
pub use association::{EXCLUDED, MISSING};
pub use coupon::{Coupon, Purchase};
pub use explain::explained;
pub use gtin::{GtinProblem, check_digit_fits, gtin_14};
pub use publication::Publication;
pub use restricted::{Measure, Pattern, PatternError, Restricted, national, national_schemes};
pub use rules::{Function, Meaning, Rules};
pub use upc_e::compressed as upc_e;
pub use written::written;

pub(crate) use card_numbers::cut;

use crate::finding::{Fault, Finding, Severity};
use element::{Elements, elements};
use gtin::{Problem, Retail};
use symbology::{Content, Symbology};

/// FNC1 as scanners transmit it between elements (GS1 General Specifications 7.8.3).
pub const FNC1: u8 = 0x1D;

/// What stands between an EAN/UPC number and the composite component above it, where both come as one message.
const COMPOSITE: &[u8] = b"|]e0";

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
    /// What it is besides a number.
    pub meaning: Option<Meaning>,
    /// What is wrong or odd.
    pub findings: Vec<Finding>,
}

/// Reads the content of a barcode. `aim` is its symbology identifier, such as `]C1`, where the scanner's driver
/// split it off already; else it may stand at the front of `data`.
#[must_use]
pub fn read(aim: Option<&str>, data: &[u8]) -> Barcode {
    read_with(&Rules::default(), aim, data)
}

/// The same, in a store with rules of its own.
#[must_use]
pub fn read_with(rules: &Rules, aim: Option<&str>, data: &[u8]) -> Barcode {
    let (symbology, content) = Symbology::split(aim, data);
    let mut barcode = Barcode { symbology: symbology.name(), ..Barcode::default() };
    if content.len() > MAX_CONTENT_BYTES {
        barcode.findings.push(too_long(content.len()));
        return barcode;
    }
    barcode.read_content(&symbology, content);
    barcode.data = match card_numbers::cut_content(&symbology, content) {
        None => String::from_utf8_lossy(content).into_owned(),
        Some(cut) => {
            let finding = match barcode.findings.iter().any(is_wrong_check_digit(content)) {
                true => obsolete_card_number_cut(),
                false => card_number_cut(),
            };
            barcode.findings.push(finding);
            String::from_utf8_lossy(&cut.text).into_owned()
        }
    };
    barcode.find_meaning(rules);
    barcode
}

/// The data title that GS1 gives an application identifier, such as `BATCH/LOT`; empty where it has none.
#[must_use]
pub fn title(identifier: &str) -> &'static str {
    dictionary::Row::of(identifier.as_bytes()).map_or("", |row| row.title)
}

impl Barcode {
    fn read_content(&mut self, symbology: &Symbology<'_>, content: &[u8]) {
        let (linear, composite) = card_numbers::split_composite(content);
        match symbology.content() {
            Content::Retail => {
                let number = gtin::retail(linear, symbology.may_have_add_on());
                self.read_retail(symbology, number, composite);
            }
            Content::ShortRetail => self.read_retail(symbology, gtin::ean_8(linear), composite),
            Content::AddOn => self.read_add_on(content),
            Content::ItfCarton => self.read_carton(content),
            Content::Gs1 => self.take_elements(elements(content)),
            Content::Unstated => self.read_unstated(content),
            Content::Other => self.read_web_address(content),
        }
    }

    /// EAN-13, UPC-A, UPC-E, EAN-8, with or without add-on or composite component.
    fn read_retail(
        &mut self,
        symbology: &Symbology<'_>,
        number: Result<Retail, Problem>,
        composite: Option<&[u8]>,
    ) {
        match number {
            Ok(retail) => {
                if let Some(composite) = composite {
                    self.take_elements(elements(composite));
                }
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

    fn take_elements(&mut self, parsed: Elements) {
        let is_sound = parsed.are_sound();
        self.findings.extend(parsed.findings.iter().cloned());
        // Values of a broken string may be cut anywhere: only its findings and its masked data go on.
        if !is_sound {
            return;
        }
        self.gtin = parsed.gtin();
        self.findings.extend(association::findings(&parsed.list));
        for element in parsed.list {
            self.take_coupon(&element.identifier, &element.value);
            let value = element.shown();
            self.elements.push((element.identifier, value));
        }
    }

    fn take_coupon(&mut self, identifier: &str, value: &[u8]) {
        let coupon = match identifier {
            "8110" => coupon::north_american(value),
            "8112" => coupon::positive_offer(value),
            _ => return,
        };
        self.meaning = coupon.ok().map(Meaning::Coupon);
    }

    /// A scanner that sends no symbology identifier.
    fn read_unstated(&mut self, content: &[u8]) {
        let (linear, composite) = card_numbers::split_composite(content);
        if content.first() == Some(&FNC1) {
            self.findings.push(leading_fnc1());
            self.take_elements(elements(content));
        } else if let Some(plain) = gtin::plain(linear) {
            if let Some(composite) = composite {
                self.take_elements(elements(composite));
            }
            // Of fourteen digits one in ten fits both.
            let upc_a = content.get(..12).filter(|_| content.len() == 14).and_then(gtin::plain);
            self.findings.extend(upc_a.map(|_| {
                advice::with_add_on("upc-a", 2, "is taken for the number of a carton (GTIN-14)")
            }));
            self.symbology = plain.symbology;
            self.gtin = Some(plain.gtin);
        } else if matches!(content.len(), 12..=14) && content.iter().all(u8::is_ascii_digit) {
            self.findings.push(no_gtin(content));
        } else {
            self.read_web_address(content);
        }
    }

    fn read_web_address(&mut self, content: &[u8]) {
        if !digital_link::is_uri(content) {
            return;
        }
        match digital_link::read(content) {
            Some(link) => self.take_elements(link.elements),
            None => self.findings.push(digital_link::no_key()),
        }
    }

    fn find_meaning(&mut self, rules: &Rules) {
        let of_store = rules.of_store(&self.data);
        if matches!(of_store, Some(Ok(_))) {
            // What the store knows for its own was never meant as a GTIN.
            let is_guess = |finding: &Finding| {
                let codes = ["gtin-check-digit", "barcode-add-on"];
                codes.contains(&finding.code) && finding.severity == Severity::Warning
            };
            self.findings.retain(|finding| !is_guess(finding));
        }
        let of_gtin = || rules.of_gtin(self.gtin.as_deref()?, self.add_on.as_deref());
        match of_store.or_else(of_gtin) {
            Some(Ok(meaning)) => self.meaning = Some(meaning),
            Some(Err(finding)) => self.findings.push(finding),
            None => {}
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

/// An EAN-13 with a wrong digit.
fn is_wrong_check_digit(content: &[u8]) -> impl Fn(&Finding) -> bool {
    let has_13_digits = content.len() == 13;
    move |finding| has_13_digits && finding.code == "gtin-check-digit"
}

/// Visa has issued numbers of sixteen digits for decades, and old ones may still stand in a list.
fn obsolete_card_number_cut() -> Finding {
    Finding {
        message: "the 13 digits are most likely a misread EAN; Visa once had numbers of that form too, so that their \
                  middle was masked to be safe"
            .into(),
        ..card_number_cut()
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
