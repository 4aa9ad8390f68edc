//! EDI files of any size, for benches and for tests of size: valid, the same bytes each time, written as a stream.
//!
//! In: a kind, how many bytes at least. Out: one interchange (the next begins where a trailer's count would overflow)
//! of documents with all counts, control numbers and check digits right. Never: a line break, the whole file in
//! memory.

mod documents;

use std::io::{self, Write};

use documents::{Dice, Document};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// X12 004010 purchase orders: few separators a byte.
    Order850,
    /// X12 004010 resale reports: short segments.
    Resale867,
    /// EDIFACT D.96A orders under UNOC, syntax version 3, with a released terminator in each.
    Orders,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Order850, Self::Resale867, Self::Orders];

    /// What its users call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Order850 => "850",
            Self::Resale867 => "867",
            Self::Orders => "ORDERS",
        }
    }
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Bytes.
    pub bytes: u64,
    /// Segments, UNA not counted.
    pub segments: u64,
    /// Transaction sets or messages.
    pub documents: u64,
    /// Functional groups; EDIFACT is written without.
    pub groups: u64,
    /// Interchanges.
    pub interchanges: u64,
}

/// Transaction sets of a group.
const SETS: u64 = 100;
/// Groups of an interchange: IEA01 has five digits.
const GROUPS: u64 = 9_999;
/// Messages of an interchange: UNZ 0036 has six digits.
const MESSAGES: u64 = 999_999;

/// Writes at least `bytes_min` bytes, and not more than the rest of a document and the trailers beyond.
///
/// # Errors
///
/// What `out` says.
pub fn write(kind: Kind, bytes_min: u64, out: &mut impl Write) -> io::Result<Written> {
    let mut file = File { out, bytes_min, written: Written::default(), dice: Dice::default() };
    while file.written.interchanges == 0 || file.wants_more() {
        file.written.interchanges += 1;
        match kind {
            Kind::Order850 => file.x12("PO", Document::order_850)?,
            Kind::Resale867 => file.x12("PT", Document::resale_867)?,
            Kind::Orders => file.edifact()?,
        }
    }
    Ok(file.written)
}

/// The file of a kind in memory.
#[must_use]
pub fn bytes(kind: Kind, bytes_min: u64) -> Vec<u8> {
    let mut file = Vec::new();
    write(kind, bytes_min, &mut file).expect("a vector takes everything");
    file
}

struct File<'o, W> {
    out: &'o mut W,
    bytes_min: u64,
    written: Written,
    dice: Dice,
}

impl<W: Write> File<'_, W> {
    fn wants_more(&self) -> bool {
        self.written.bytes < self.bytes_min
    }

    fn put(&mut self, segments: u64, text: &str) -> io::Result<()> {
        self.written.segments += segments;
        self.written.bytes += text.len() as u64;
        self.out.write_all(text.as_bytes())
    }

    fn x12(&mut self, functional: &str, set: fn(&mut Dice, u64) -> Document) -> io::Result<()> {
        let number = self.written.interchanges;
        let (sender, receiver) = ("BIGBOX", "ACME");
        self.put(
            1,
            &format!(
                "ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*{receiver:<15}*261121*1803*U*00401*{number:09}*0*P*>~"
            ),
        )?;
        let mut groups = 0;
        while groups < GROUPS && (groups == 0 || self.wants_more()) {
            groups += 1;
            self.put(
                1,
                &format!("GS*{functional}*{sender}*{receiver}*20261121*1803*{groups}*X*004010~"),
            )?;
            let mut sets = 0;
            while sets < SETS && (sets == 0 || self.wants_more()) {
                sets += 1;
                let document = set(&mut self.dice, sets);
                self.document(&document)?;
            }
            self.put(1, &format!("GE*{sets}*{groups}~"))?;
        }
        self.written.groups += groups;
        self.put(1, &format!("IEA*{groups}*{number:09}~"))
    }

    fn edifact(&mut self) -> io::Result<()> {
        let number = self.written.interchanges;
        let (sender, receiver) = (self.dice.gln(), self.dice.gln());
        self.put(0, "UNA:+.? '")?;
        self.put(1, &format!("UNB+UNOC:3+{sender}:14+{receiver}:14+261121:1803+{number}'"))?;
        let mut messages = 0;
        while messages < MESSAGES && (messages == 0 || self.wants_more()) {
            messages += 1;
            let document = Document::orders(&mut self.dice, messages);
            self.document(&document)?;
        }
        self.put(1, &format!("UNZ+{messages}+{number}'"))
    }

    fn document(&mut self, document: &Document) -> io::Result<()> {
        self.written.documents += 1;
        self.put(document.segments, &document.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_written() {
        for kind in Kind::ALL {
            let mut file = Vec::new();
            let written = write(kind, 1_000_000, &mut file).expect("a vector takes everything");
            assert_eq!(written.bytes, file.len() as u64);
            assert!((1_000_000..1_010_000).contains(&written.bytes), "{kind:?}: {written:?}");
            let text = String::from_utf8(file).expect("ASCII");
            let segments = match kind {
                Kind::Orders => text.matches('\'').count() - text.matches("?'").count() - 1,
                Kind::Order850 | Kind::Resale867 => text.matches('~').count(),
            };
            assert_eq!(written.segments, segments as u64, "{kind:?}");
            assert_eq!(text.as_bytes(), bytes(kind, 1_000_000), "{kind:?} is not the same twice");
        }
    }

    #[test]
    fn the_smallest_file_has_one_document() {
        for kind in Kind::ALL {
            let written = write(kind, 0, &mut io::sink()).expect("a sink takes everything");
            assert_eq!((written.interchanges, written.documents), (1, 1), "{kind:?}");
        }
    }

    #[test]
    fn files_are_as_dense_as_real_ones() {
        // Bytes of a segment in tenths, of the files that peers were measured with: 31.4, 19.2, 20.4.
        for (kind, tenths) in [(Kind::Order850, 314), (Kind::Resale867, 192), (Kind::Orders, 204)] {
            let written = write(kind, 1_000_000, &mut io::sink()).expect("a sink takes everything");
            let found = written.bytes * 10 / written.segments;
            assert!(found.abs_diff(tenths) <= 10, "{kind:?}: {found} tenths of a byte a segment");
        }
    }
}
