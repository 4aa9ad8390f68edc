//! CSV files from a CRM or a product system: a header line names the columns, in any order.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};
use csv::{Reader, StringRecord};

/// No field of a customer or product is longer: a larger one is a broken quote that swallowed the file.
const FIELD_CHARS_MAX: usize = 1000;

/// An open CSV file with known columns.
pub(super) struct CsvFile<const N: usize> {
    name: String,
    reader: Reader<BufReader<File>>,
    columns: [Option<usize>; N],
}

impl<const N: usize> CsvFile<N> {
    /// Opens a file. `names` are the columns that may be there; those in `required` must.
    pub(super) fn open(path: &Path, names: [&str; N], required: &[&str]) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(without_byte_order_mark(file).context("cannot read the file")?);
        let headers = reader.headers().with_context(|| format!("cannot read {name}"))?.clone();
        for header in &headers {
            if !names.contains(&header) {
                bail!("{name}:1: column {header:?} is not known; known: {}", names.join(", "));
            }
        }
        for wanted in required {
            if !headers.iter().any(|header| header == *wanted) {
                bail!("{name}:1: expected a column {wanted:?} in the first line");
            }
        }
        let columns = names.map(|wanted| headers.iter().position(|header| header == wanted));
        Ok(Self { name, reader, columns })
    }

    /// The next row: its place for messages, and the fields in the order of the names. Empty fields are none.
    pub(super) fn next_row(&mut self) -> anyhow::Result<Option<(String, [Option<String>; N])>> {
        let mut record = StringRecord::new();
        let more = self.reader.read_record(&mut record);
        if !more.with_context(|| format!("cannot read {}", self.name))? {
            return Ok(None);
        }
        let line = record.position().map_or(0, csv::Position::line);
        let place = format!("{}:{line}", self.name);
        if record.iter().any(|field| field.len() > FIELD_CHARS_MAX) {
            bail!(
                "{place}: a field has more than {FIELD_CHARS_MAX} characters: is a quote missing?"
            );
        }
        let field = |column: Option<usize>| {
            record.get(column?).filter(|field| !field.is_empty()).map(str::to_owned)
        };
        Ok(Some((place, self.columns.map(field))))
    }
}

/// Spreadsheets put a byte order mark in front, which would become part of the first column's name.
fn without_byte_order_mark(mut file: File) -> std::io::Result<BufReader<File>> {
    use std::io::{Seek, SeekFrom};
    let mut start = [0; 3];
    let read = file.read(&mut start)?;
    let marked = read == start.len() && start == *b"\xef\xbb\xbf";
    file.seek(SeekFrom::Start(if marked { 3 } else { 0 }))?;
    Ok(BufReader::new(file))
}
