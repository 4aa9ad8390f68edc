//! One 850 or 810 to a document: who, what, how many, how much, and whether its sums hold.
//!
//! Sums that do not hold are warnings: the sender's numbers stay as they are.

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use tillgate_parsers::barcode::gtin_14;
use tillgate_parsers::edi::schema::Matcher;
use tillgate_parsers::edi::segment::decoded;
use tillgate_parsers::edi::{Group, Interchange, Report, Segment, Set, value};
use tillgate_parsers::redact;
use tillgate_record::document::{
    Adjustment, Control, DocumentKind, DocumentLine, Party, TradingId,
};
use tillgate_record::{Amount, Document, Quality, Severity};

use super::warning;
use crate::normalize::{Body, Candidate};

/// Reads a set that its validation accepted.
///
/// # Errors
///
/// What is missing without which there is no document.
pub(super) fn read(
    report: &Report<'_>,
    levels: (&Interchange, &Group, &Set),
    store_currency: &str,
) -> Result<Candidate, Box<Quality>> {
    let (interchange, _, set) = levels;
    let not_read = || Quality {
        severity: Severity::Error,
        ..warning("set-unsupported", "ST/ST01", "tillgate makes records of 850 and 810 only")
    };
    let Some(table) = set.transaction.filter(|table| matches!(table.id, "850" | "810")) else {
        return Err(Box::new(not_read()));
    };
    let mut draft = Draft::new(blank(levels, table.id), store_currency);
    let mut matcher = Matcher::new(table);
    let mut skipped = Vec::new();
    let mut walk = set.walk(report.input);
    while let Some(segment) = walk.next_segment() {
        matcher.place(segment.tag_code(), &mut skipped);
        skipped.clear();
        let path: Vec<&str> = matcher.path().collect();
        draft.segment(&path, &segment);
    }
    draft.check_sums();
    draft.document.test = interchange.is_test();
    Ok(Candidate { body: Body::Document(draft.document), quality: draft.quality })
}

fn blank(levels: (&Interchange, &Group, &Set), transaction: &str) -> Document {
    let (interchange, group, set) = levels;
    let party = |(qualifier, id)| TradingId { qualifier: decoded(qualifier), id: decoded(id) };
    Document {
        kind: if transaction == "850" { DocumentKind::Order } else { DocumentKind::Invoice },
        number: String::new(),
        date: None,
        purpose: None,
        purchase_order: None,
        currency: None,
        sender: party(interchange.sender()),
        receiver: party(interchange.receiver()),
        parties: Vec::new(),
        lines: Vec::new(),
        adjustments: Vec::new(),
        taxes: Vec::new(),
        total: None,
        test: false,
        control: Control {
            standard: "x12".to_owned(),
            transaction: transaction.to_owned(),
            version: group.header.text(8).unwrap_or_default(),
            interchange: decoded(interchange.control_number()),
            group: group.header.text(6).unwrap_or_default(),
            set: set.header.text(2).unwrap_or_default(),
            first_byte: set.offset() as u64,
            end_byte: set.end as u64,
        },
    }
}

/// A document in the making.
struct Draft<'c> {
    document: Document,
    quality: Vec<Quality>,
    store_currency: &'c str,
    /// CTT02, the hash of quantities.
    hash_total: Option<Decimal>,
}

impl<'c> Draft<'c> {
    fn new(document: Document, store_currency: &'c str) -> Self {
        Self { document, quality: Vec::new(), store_currency, hash_total: None }
    }

    fn segment(&mut self, path: &[&str], segment: &Segment<'_>) {
        let document = &mut self.document;
        match (path, segment.tag_text()) {
            ([], "BEG") => {
                document.purpose = segment.text(1);
                document.number = segment.text(3).unwrap_or_default();
                document.date = date(segment.element(5));
            }
            ([], "BIG") => {
                document.date = date(segment.element(1));
                document.number = segment.text(2).unwrap_or_default();
                document.purchase_order = segment.text(4);
                document.purpose = segment.text(8);
                // Data element 640: CR credit memo, CN credit invoice.
                if matches!(segment.element(7), b"CR" | b"CN") {
                    document.kind = DocumentKind::CreditNote;
                }
            }
            ([], "CUR") => document.currency = segment.text(2),
            (["N1"], _) => self.party(segment),
            (["SAC"], "SAC") => self.adjustment(segment, false),
            ([_, "SAC"], "SAC") => self.adjustment(segment, true),
            ([] | [_] | [_, "SAC"], "TXI") => self.tax(segment),
            (["PO1" | "IT1"], "PO1" | "IT1") => self.line(segment),
            (["PO1" | "IT1", "PID"], "PID") => self.description(segment),
            ([], "TDS") => document.total = value::implied(segment.element(1), 2).map(Amount),
            ([] | ["CTT"], "CTT") => self.hash_total = value::decimal(segment.element(2)),
            _ => {}
        }
    }

    fn party(&mut self, segment: &Segment<'_>) {
        if segment.tag() == b"N1" {
            self.document.parties.push(Party {
                role: role(&segment.text(1).unwrap_or_default()),
                name: free_text(segment, 2),
                id_kind: segment.text(3).map(|qualifier| id_kind(&qualifier)),
                id: segment.text(4),
                address: Vec::new(),
            });
            return;
        }
        if matches!(segment.tag(), b"N2" | b"N3" | b"N4")
            && let Some(party) = self.document.parties.last_mut()
        {
            party.address.extend((1..=4).filter_map(|number| free_text(segment, number)));
        }
    }

    fn line(&mut self, segment: &Segment<'_>) {
        let at = self.document.lines.len() + 1;
        let quantity = value::decimal(segment.element(2));
        let price = value::decimal(segment.element(4));
        let path = format!("{}[{at}] (byte {})", segment.tag_text(), segment.offset);
        if quantity.is_none() {
            let message = "the line has no quantity; 0 is recorded";
            self.quality.push(warning("line-without-quantity", &path, message));
        }
        let item_ids = item_ids(segment);
        let gtin = self.gtin(&item_ids, &path);
        let amount = match (quantity, price) {
            (Some(quantity), Some(price)) if is_price_of_one(segment.element(5)) => {
                quantity.checked_mul(price).map(|amount| Amount(self.rounded(amount)))
            }
            _ => None,
        };
        self.document.lines.push(DocumentLine {
            number: segment.text(1),
            quantity: Amount(quantity.unwrap_or_default()),
            unit: segment.text(3),
            unit_price: price.map(Amount),
            amount,
            gtin,
            description: None,
            item_ids,
            adjustments: Vec::new(),
        });
    }

    /// The first item number that is a GTIN, in 14 digits.
    fn gtin(&mut self, item_ids: &[(String, String)], path: &str) -> Option<String> {
        let candidates =
            item_ids.iter().filter(|(kind, _)| matches!(kind.as_str(), "upc" | "ean" | "gtin"));
        for (_, number) in candidates {
            if let Ok(gtin) = gtin_14(number) {
                return Some(gtin);
            }
            self.quality.push(Quality {
                found: Some(number.clone()),
                ..warning(
                    "gtin-check-digit",
                    path,
                    "the item number is no GTIN: its check digit or length is wrong",
                )
            });
        }
        None
    }

    fn description(&mut self, segment: &Segment<'_>) {
        if let Some(line) = self.document.lines.last_mut()
            && line.description.is_none()
        {
            line.description = free_text(segment, 5);
        }
    }

    /// SAC: allowances lower the amount, charges raise it; the other indicators change nothing.
    fn adjustment(&mut self, segment: &Segment<'_>, of_line: bool) {
        let sign = match segment.element(1) {
            b"A" => Decimal::NEGATIVE_ONE,
            b"C" => Decimal::ONE,
            _ => return,
        };
        let Some(amount) = value::implied(segment.element(5), 2) else {
            let path = format!("SAC/SAC05 (byte {})", segment.offset);
            let message = "the allowance or charge has no amount and is left out";
            self.quality.push(warning("adjustment-without-amount", &path, message));
            return;
        };
        let adjustment = Adjustment {
            code: segment.text(2).or_else(|| segment.text(4)),
            description: free_text(segment, 15),
            amount: Amount(sign * amount),
        };
        match self.document.lines.last_mut() {
            Some(line) if of_line => line.adjustments.push(adjustment),
            _ => self.document.adjustments.push(adjustment),
        }
    }

    fn tax(&mut self, segment: &Segment<'_>) {
        if let Some(amount) = value::decimal(segment.element(2)) {
            self.document.taxes.push(Adjustment {
                code: segment.text(1),
                description: segment.text(3).map(|rate| format!("{rate} %")),
                amount: Amount(amount),
            });
        }
    }

    fn check_sums(&mut self) {
        let quantities = sum(self.document.lines.iter().map(|line| line.quantity));
        if let (Some(stated), Some(counted)) = (self.hash_total, quantities)
            && stated != counted
        {
            let message = "CTT02 is not the sum of the quantities";
            self.mismatch("hash-total", "CTT/CTT02", message, (counted, stated));
        }
        let Some(computed) = self.computed_total() else {
            return;
        };
        let Some(Amount(stated)) = self.document.total else {
            return;
        };
        // One unit of rounding a tax, never a percentage.
        let units = i64::try_from(self.document.taxes.len()).unwrap_or(i64::MAX);
        let tolerance = Decimal::try_new(units, 2).unwrap_or_default();
        if (computed - stated).abs() > tolerance {
            let message = "TDS01 is not the sum of lines, allowances, charges and taxes";
            self.mismatch("total", "TDS/TDS01", message, (computed, stated));
        }
    }

    /// Lines, allowances, charges and taxes; none where a line has no amount.
    fn computed_total(&self) -> Option<Decimal> {
        let document = &self.document;
        let lines: Option<Vec<Amount>> = document.lines.iter().map(|line| line.amount).collect();
        let of_lines = document.lines.iter().flat_map(|line| &line.adjustments);
        let others = of_lines.chain(&document.adjustments).chain(&document.taxes);
        sum(lines?.into_iter().chain(others.map(|adjustment| adjustment.amount)))
    }

    fn mismatch(&mut self, rule: &str, path: &str, message: &str, amounts: (Decimal, Decimal)) {
        let (expected, found) = amounts;
        self.quality.push(Quality {
            expected: Some(expected.to_string()),
            found: Some(found.to_string()),
            ..warning(rule, path, message)
        });
    }

    /// To the currency's smallest unit.
    fn rounded(&self, amount: Decimal) -> Decimal {
        let currency = self.document.currency.as_deref().unwrap_or(self.store_currency);
        let decimals = match currency {
            "JPY" | "KRW" | "VND" | "CLP" | "ISK" | "XAF" | "XOF" | "PYG" | "UGX" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        };
        amount.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
    }
}

fn sum(mut amounts: impl Iterator<Item = Amount>) -> Option<Decimal> {
    amounts.try_fold(Decimal::ZERO, |total, amount| total.checked_add(amount.0))
}

fn date(text: &[u8]) -> Option<Date> {
    let (year, month, day) = value::date(text)?;
    Date::new(year, month, day).ok()
}

/// Text that people wrote: card numbers in it are masked.
fn free_text(segment: &Segment<'_>, number: usize) -> Option<String> {
    let text = segment.element(number).trim_ascii();
    (!text.is_empty()).then(|| decoded(&redact::text(text).bytes))
}

/// Pairs of qualifier and number from the sixth element on.
fn item_ids(segment: &Segment<'_>) -> Vec<(String, String)> {
    let elements: Vec<String> =
        segment.elements().skip(5).map(|(_, bytes)| decoded(bytes.trim_ascii())).collect();
    elements
        .chunks_exact(2)
        .filter_map(|pair| match pair {
            [qualifier, number] if !qualifier.is_empty() && !number.is_empty() => {
                Some((item_kind(qualifier).to_owned(), number.clone()))
            }
            _ => None,
        })
        .collect()
}

fn item_kind(qualifier: &str) -> &str {
    match qualifier {
        "UP" => "upc",
        "EN" => "ean",
        "UK" => "gtin",
        "VN" | "VP" => "vendor",
        "BP" | "IN" => "buyer",
        other => other,
    }
}

fn role(code: &str) -> String {
    match code {
        "BY" => "buyer",
        "SE" => "seller",
        "ST" => "ship_to",
        "BT" => "bill_to",
        "RE" | "RI" => "remit_to",
        other => other,
    }
    .to_owned()
}

fn id_kind(qualifier: &str) -> String {
    match qualifier {
        "UL" => "gln",
        "1" => "duns",
        "9" => "duns+4",
        "91" => "seller",
        "92" => "buyer",
        other => other,
    }
    .to_owned()
}

/// Prices per hundred or thousand are not multiplied: the line then has no amount.
fn is_price_of_one(basis: &[u8]) -> bool {
    !matches!(basis, b"HF" | b"HP" | b"HT" | b"TF" | b"TP" | b"TT")
}
