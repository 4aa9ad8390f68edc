//! Customers and products from CSV files, row by row. A row that cannot be taken is reported with its line; the others
//! are taken. Memory does not grow with the file.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use csv::StringRecord;
use tillgate_parsers::barcode::{GtinProblem, gtin_14};

use super::keys::{CustomerKeys, KeyKind};
use crate::store::{CustomerEntry, Product};

/// A record that is longer has a quote that never ends.
const RECORD_BYTES: usize = 1 << 20;
/// Values of one kind that a customer may have.
const VALUES: usize = 16;
/// Longest id, name, description.
const TEXT_CHARS: usize = 500;

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The first line cannot be read.
    #[error("cannot read the header line")]
    Header(#[source] csv::Error),
    /// A column that nobody knows.
    #[error("unknown column \"{found}\": did you mean \"{nearest}\"? The columns are {columns}")]
    UnknownColumn {
        /// As in the file.
        found: String,
        /// The known column that is most like it.
        nearest: &'static str,
        /// All known columns.
        columns: String,
    },
    /// A column that is needed.
    #[error(
        "there is no column \"{0}\": the first line must name the columns, with commas between"
    )]
    MissingColumn(&'static str),
}

/// A row that was not taken, or a value of a row that was taken without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct RowProblem {
    /// The line in the file, from 1.
    pub line: u64,
    /// What is wrong. Never the value itself: these are people's numbers.
    pub reason: String,
    /// Whether the file cannot be read any further.
    pub ends: bool,
}

/// The rows of a file.
#[derive(Debug)]
struct Rows<R: Read> {
    csv: csv::Reader<Bounded<R>>,
    left: Arc<AtomicUsize>,
    /// For each known column its place in the file.
    places: Vec<Option<usize>>,
    record: StringRecord,
    ended: bool,
}

/// A reader that fails when one record takes too much.
#[derive(Debug)]
struct Bounded<R> {
    inner: R,
    left: Arc<AtomicUsize>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.load(Ordering::Relaxed);
        if count > left {
            return Err(io::Error::other("a row is too long: look for a quote that never ends"));
        }
        self.left.store(left - count, Ordering::Relaxed);
        Ok(count)
    }
}

impl<R: Read> Rows<R> {
    fn new(
        reader: R,
        columns: &[&'static str],
        needed: &[&'static str],
    ) -> Result<Self, ImportError> {
        let left = Arc::new(AtomicUsize::new(RECORD_BYTES));
        let bounded = Bounded { inner: reader, left: Arc::clone(&left) };
        let mut csv =
            csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bounded);
        let header = csv.headers().map_err(ImportError::Header)?;
        let mut places = vec![None; columns.len()];
        for (place, found) in header.iter().enumerate() {
            match columns.iter().position(|column| *column == found) {
                Some(column) => {
                    if let Some(slot) = places.get_mut(column) {
                        *slot = Some(place);
                    }
                }
                None => return Err(unknown_column(found, columns)),
            }
        }
        for name in needed {
            let place = columns.iter().zip(&places).find(|(column, _)| *column == name);
            if place.is_none_or(|(_, place)| place.is_none()) {
                return Err(ImportError::MissingColumn(name));
            }
        }
        Ok(Self { csv, left, places, record: StringRecord::new(), ended: false })
    }

    /// The next row: its line, or what is wrong with it. The cells are then to be had with [`Self::cell`].
    fn advance(&mut self) -> Option<Result<u64, RowProblem>> {
        if self.ended {
            return None;
        }
        self.left.store(RECORD_BYTES, Ordering::Relaxed);
        let line = self.csv.position().line();
        match self.csv.read_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => Some(Ok(self.record.position().map_or(line, csv::Position::line))),
            Err(error) => {
                let ends = error.is_io_error();
                self.ended = ends;
                let reason = match error.kind() {
                    csv::ErrorKind::Utf8 { .. } => "not UTF-8: save the file as UTF-8".to_owned(),
                    _ => error.to_string(),
                };
                let line = error.position().map_or(line, csv::Position::line);
                Some(Err(RowProblem { line, reason, ends }))
            }
        }
    }

    /// The cell of a known column, none when it is empty.
    fn cell(&self, column: usize) -> Option<&str> {
        let place = self.places.get(column).copied().flatten()?;
        self.record.get(place).filter(|cell| !cell.is_empty())
    }
}

fn unknown_column(found: &str, columns: &[&'static str]) -> ImportError {
    let likeness = |column: &&&str| (strsim::jaro_winkler(found, column) * 1000.0).round();
    let nearest = columns.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    ImportError::UnknownColumn {
        found: found.chars().take(60).collect(),
        nearest: nearest.copied().unwrap_or_default(),
        columns: columns.join(", "),
    }
}

const CUSTOMER_COLUMNS: [&str; 6] = ["id", "name", "loyalty", "card_token", "phone", "email"];

/// The customers of a file.
pub struct Customers<R: Read> {
    rows: Rows<R>,
    keys: CustomerKeys,
}

/// Reads customers: columns id, name, loyalty, card_token, phone, email, in any order; several values in a cell with
/// `;` between. The rows come one by one, in the order of the file.
pub fn read_customers<R: Read>(
    reader: R,
    keys: &CustomerKeys,
) -> Result<Customers<R>, ImportError> {
    let rows = Rows::new(reader, &CUSTOMER_COLUMNS, &["id"])?;
    Ok(Customers { rows, keys: keys.clone() })
}

impl<R: Read> Iterator for Customers<R> {
    type Item = Result<CustomerEntry, RowProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = match self.rows.advance()? {
            Ok(line) => line,
            Err(problem) => return Some(Err(problem)),
        };
        Some(self.customer().map_err(|reason| RowProblem { line, reason, ends: false }))
    }
}

impl<R: Read> Customers<R> {
    fn customer(&self) -> Result<CustomerEntry, String> {
        let id = self.rows.cell(0).ok_or("the id is missing")?;
        let name = self.rows.cell(1);
        if [Some(id), name].into_iter().flatten().any(|text| text.chars().count() > TEXT_CHARS) {
            return Err(format!("id or name is longer than {TEXT_CHARS} characters"));
        }
        let mut keys = Vec::new();
        for (column, kind) in (2..).zip(KeyKind::ALL) {
            let values = self.rows.cell(column).unwrap_or_default().split(';').map(str::trim);
            for (count, value) in values.filter(|value| !value.is_empty()).enumerate() {
                if count == VALUES {
                    return Err(format!("more than {VALUES} values in {}", kind.as_str()));
                }
                keys.push(self.keys.key(kind, value).ok_or_else(|| unusable(kind))?);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(CustomerEntry { id: id.to_owned(), name: name.map(str::to_owned), keys })
    }
}

fn unusable(kind: KeyKind) -> String {
    let hint = match kind {
        KeyKind::Phone => {
            "is no phone number: write it with + and country code, or set phone_region"
        }
        KeyKind::Email => "is no e-mail address",
        KeyKind::Loyalty => "is no loyalty number",
        KeyKind::CardToken => "is no card token",
    };
    format!("a value in {} {hint}", kind.as_str())
}

const PRODUCT_COLUMNS: [&str; 3] = ["gtin", "sku", "description"];

/// The products of a file.
#[derive(Debug)]
pub struct Products<R: Read>(Rows<R>);

/// Reads products: columns gtin, sku, description, in any order. The rows come one by one, in the order of the file.
pub fn read_products<R: Read>(reader: R) -> Result<Products<R>, ImportError> {
    Rows::new(reader, &PRODUCT_COLUMNS, &["gtin", "description"]).map(Products)
}

impl<R: Read> Iterator for Products<R> {
    type Item = Result<Product, RowProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = match self.0.advance()? {
            Ok(line) => line,
            Err(problem) => return Some(Err(problem)),
        };
        Some(self.row().map_err(|reason| RowProblem { line, reason, ends: false }))
    }
}

impl<R: Read> Products<R> {
    fn row(&self) -> Result<Product, String> {
        let gtin = self.0.cell(0).ok_or("the gtin is missing")?;
        let gtin = gtin_14(gtin).map_err(|problem| told(problem, gtin))?;
        let description = self.0.cell(2).ok_or("the description is missing")?;
        let sku = self.0.cell(1);
        let texts = [Some(description), sku];
        if texts.into_iter().flatten().any(|text| text.chars().count() > TEXT_CHARS) {
            return Err(format!("sku or description is longer than {TEXT_CHARS} characters"));
        }
        let (sku, description) = (sku.map(str::to_owned), description.to_owned());
        Ok(Product { gtin, sku, description })
    }
}

fn told(problem: GtinProblem, gtin: &str) -> String {
    match problem {
        GtinProblem::Form => {
            format!("a GTIN has 8, 12, 13 or 14 digits, found {} characters", gtin.chars().count())
        }
        GtinProblem::CheckDigit { expected } => {
            format!("the check digit of GTIN {gtin} is wrong, expected {expected}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::normalize::region;

    const SECRET: [u8; 32] = [7; 32];

    fn customers(text: &str) -> Vec<Result<CustomerEntry, RowProblem>> {
        read_customers(text.as_bytes(), &CustomerKeys::new(SECRET, region("CN"))).unwrap().collect()
    }

    #[test]
    fn customers_are_read_row_by_row() {
        let rows = customers(
            "\u{feff}id,phone,name,email\n\
             c-1,138 1234 5678;+85291234567,王小明,\n\
             c-2,,\"Smith, John\",a@example.com\n",
        );
        let first = rows[0].as_ref().unwrap();
        assert_eq!((first.id.as_str(), first.name.as_deref()), ("c-1", Some("王小明")));
        let key = |kind: KeyKind, value| kind.key(value, &SECRET, None).unwrap();
        let mut expected =
            vec![key(KeyKind::Phone, "+8613812345678"), key(KeyKind::Phone, "+85291234567")];
        expected.sort_unstable();
        assert_eq!(first.keys, expected);
        let second = rows[1].as_ref().unwrap();
        assert_eq!(second.name.as_deref(), Some("Smith, John"));
        assert_eq!(second.keys, [key(KeyKind::Email, "a@example.com")]);
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn a_bad_row_is_reported_and_the_others_are_taken() {
        let rows = customers(
            "id,phone,email\nc-1,12,\n,13812345678,\nc-3,13812345678,\nc-4,,nobody\nc-5\n",
        );
        let lines: Vec<_> =
            rows.iter().map(|row| row.as_ref().map(|c| c.id.clone()).map_err(|p| p.line)).collect();
        let ok = |id: &str| Ok(id.to_owned());
        assert_eq!(lines, [Err(2), Err(3), ok("c-3"), Err(5), ok("c-5")]);
        let reason = &rows[0].as_ref().unwrap_err().reason;
        assert!(reason.contains("phone") && !reason.contains("12"), "{reason}");
    }

    #[test]
    fn bytes_that_are_no_utf8_cost_their_row_only() {
        let bytes = [b"id,name\nc-1,".as_slice(), &[0xff, 0xfe], b"\nc-2,x\n"].concat();
        let rows: Vec<_> =
            read_customers(bytes.as_slice(), &CustomerKeys::new(SECRET, None)).unwrap().collect();
        assert_eq!(rows[0].as_ref().unwrap_err().line, 2);
        assert_eq!(rows[1].as_ref().unwrap().id, "c-2");
    }

    #[test]
    fn a_quote_that_never_ends_does_not_fill_the_memory() {
        let text = format!("id,name\nc-1,\"{}", "x\n".repeat(RECORD_BYTES));
        let rows = customers(&text);
        assert_eq!(rows.len(), 1);
        assert!(rows[0].as_ref().unwrap_err().ends);
    }

    #[test]
    fn unknown_and_missing_columns_are_named() {
        let refused = |text: &str| {
            read_customers(text.as_bytes(), &CustomerKeys::new(SECRET, None)).err().unwrap()
        };
        let error = refused("id,fone\n");
        assert!(error.to_string().contains("did you mean \"phone\""), "{error}");
        let error = refused("name,phone\n");
        assert!(error.to_string().contains("no column \"id\""), "{error}");
        assert!(matches!(read_products("".as_bytes()), Err(ImportError::MissingColumn("gtin"))));
    }

    #[test]
    fn products_have_whole_gtins() {
        let text = "sku,gtin,description\nA1,6901234567892,绿茶 500ml\nA2,96385074,Gum\n\
            ,036000291452,Tissue\nA3,6901234567893,Wrong\nA4,123,Short\nA5,96385074,\n";
        let rows: Vec<_> = read_products(text.as_bytes()).unwrap().collect();
        let gtins: Vec<_> = rows.iter().flatten().map(|product| product.gtin.as_str()).collect();
        assert_eq!(gtins, ["06901234567892", "00000096385074", "00036000291452"]);
        let problems: Vec<_> =
            rows.iter().filter_map(|row| row.as_ref().err()).map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "line 5: the check digit of GTIN 6901234567893 is wrong, expected 2",
                "line 6: a GTIN has 8, 12, 13 or 14 digits, found 3 characters",
                "line 7: the description is missing",
            ]
        );
    }
}
