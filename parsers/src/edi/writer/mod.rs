//! Writes segments. In: values, for an acknowledgement; or what was read, by [`rewrite()`]. Out: bytes.
//!
//! A value never breaks the structure. In an acknowledgement separators and control bytes in a value are replaced by
//! blanks, since the value is a sender's number or code and the answer has to go out; what is written again is
//! refused instead where nothing can release the byte. ISA is padded to its fixed widths.

mod edifact;
mod rewrite;

pub use self::edifact::EdifactWriter;
pub use self::rewrite::{Rewriter, Unwritable, rewrite};
use super::delimiters::Delimiters;
use crate::redact;

/// What follows a terminator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// The next segment.
    #[default]
    Dense,
    /// A line feed, unless the terminator is a line end itself.
    Lines,
}

/// Builds one interchange.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    delimiters: Delimiters,
    layout: Layout,
    segments: u32,
}

impl Writer {
    /// An empty interchange.
    #[must_use]
    pub fn new(delimiters: Delimiters) -> Self {
        Self { delimiters, ..Self::default() }
    }

    /// Writes ISA. `elements` are ISA01 to ISA15; ISA16 follows from the delimiters.
    pub fn header(&mut self, elements: &[&[u8]; 15]) {
        const WIDTHS: [usize; 15] = [2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1];
        self.out.extend_from_slice(b"ISA");
        for (index, (element, width)) in elements.iter().zip(WIDTHS).enumerate() {
            self.out.push(self.delimiters.element);
            let filled = element.len().min(width);
            // ISA11 is the one place where a delimiter stands as a value.
            match (index, element) {
                (10, [byte]) => self.out.push(*byte),
                _ => self.value(element.get(..filled).unwrap_or_default()),
            }
            self.out.resize(self.out.len() + width - filled, b' ');
        }
        self.out.push(self.delimiters.element);
        self.out.push(self.delimiters.component);
        self.end_segment();
    }

    /// Writes a segment; empty elements at its end are left out.
    pub fn segment(&mut self, tag: &str, elements: &[&[u8]]) {
        let last = elements.iter().rposition(|element| !element.is_empty());
        self.out.extend_from_slice(tag.as_bytes());
        for element in elements.iter().take(last.map_or(0, |last| last + 1)) {
            self.out.push(self.delimiters.element);
            // GS02 and GS03 are who the answer goes to; anything else that is so long is not what it should be, and
            // may be a card number.
            let is_repeated = element.len() <= 9 || tag == "GS";
            let masked = (!is_repeated).then(|| redact::text(element).bytes);
            self.value(masked.as_deref().unwrap_or(element));
        }
        self.end_segment();
    }

    /// Writes a segment whose first element is a composite.
    pub fn segment_with_composite(&mut self, tag: &str, first: &[&[u8]], rest: &[&[u8]]) {
        self.out.extend_from_slice(tag.as_bytes());
        for (index, component) in first.iter().enumerate() {
            let separator =
                if index == 0 { self.delimiters.element } else { self.delimiters.component };
            self.out.push(separator);
            self.value(component);
        }
        let last = rest.iter().rposition(|element| !element.is_empty());
        for element in rest.iter().take(last.map_or(0, |last| last + 1)) {
            self.out.push(self.delimiters.element);
            self.value(element);
        }
        self.end_segment();
    }

    /// Segments since the last call, for SE01.
    pub fn take_count(&mut self) -> u32 {
        std::mem::take(&mut self.segments)
    }

    /// The bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn end_segment(&mut self) {
        self.out.push(self.delimiters.segment);
        self.line(self.delimiters.segment);
        self.segments = self.segments.saturating_add(1);
    }

    fn line(&mut self, terminator: u8) {
        if self.layout == Layout::Lines && !matches!(terminator, b'\n' | b'\r') {
            self.out.push(b'\n');
        }
    }

    fn value(&mut self, value: &[u8]) {
        let delimiters = self.delimiters;
        self.out.extend(value.iter().map(|byte| {
            if delimiters.contains(*byte) || byte.is_ascii_control() { b' ' } else { *byte }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_break_the_structure() {
        let delimiters =
            Delimiters { element: b'*', component: b'>', segment: b'~', ..Delimiters::default() };
        let mut writer = Writer::new(delimiters);
        writer.segment("N1", &[b"ST", b"A*B~C\r\n", b"", b""]);
        writer.segment_with_composite("AK4", &[b"2", b"1"], &[b"", b"7"]);
        assert_eq!(writer.take_count(), 2);
        assert_eq!(writer.finish(), b"N1*ST*A B C  ~AK4*2>1**7~");
    }

    #[test]
    fn the_header_is_106_bytes() {
        let delimiters =
            Delimiters { element: b'*', component: b'>', segment: b'~', ..Delimiters::default() };
        let mut writer = Writer::new(delimiters);
        let elements: [&[u8]; 15] = [
            b"00",
            b"",
            b"00",
            b"",
            b"ZZ",
            b"ACME",
            b"ZZ",
            b"A VERY LONG IDENTIFICATION",
            b"261121",
            b"1200",
            b"U",
            b"00401",
            b"000000001",
            b"0",
            b"P",
        ];
        writer.header(&elements);
        let isa = writer.finish();
        assert_eq!(isa.len(), 106);
        assert!(super::super::x12::read_header(&isa, 0).unwrap().fixed);
    }
}
