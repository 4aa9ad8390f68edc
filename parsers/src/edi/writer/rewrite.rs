//! Writes again what was read: parse, write, parse gives the same values, and for a clean file the same bytes.
//!
//! In: the segments of a [`Reader`], of any level and standard. Out: bytes, which the caller takes when it likes, so
//! that memory need not grow with the input. What belongs to no interchange is not written: a byte order mark, line
//! ends, bytes between interchanges. Never: a value that breaks the structure, a guess about binary data whose length
//! is wrong.

use super::{Layout, Writer};
use crate::edi::delimiters::Delimiters;
use crate::edi::event::Events;
use crate::edi::reader::Reader;
use crate::edi::report::Options;
use crate::edi::segment::Segment;
use crate::edi::standard::Standard;

/// Why a segment cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// A value holds a byte that separates, and nothing can release it: X12 without ISX.
    #[error(
        "element {element} of the segment at byte {offset} holds the separator {byte:#04x}; choose another"
    )]
    Separator {
        /// First byte of the segment in the input.
        offset: usize,
        /// From 1; 0 is the tag.
        element: usize,
        /// The byte.
        byte: u8,
    },
    /// An element repeats, and there is no separator for that.
    #[error(
        "element {element} of the segment at byte {offset} repeats, and there is no repetition separator"
    )]
    Repetition {
        /// First byte of the segment in the input.
        offset: usize,
        /// From 1.
        element: usize,
    },
    /// Written again it would be read in another way: ISA with a line break, which only a wrapped file has; a header of
    /// EDIFACT or X12 amid TRADACOMS.
    #[error(
        "the segment at byte {offset} is part of a damaged header, and written again it would be read in another way"
    )]
    Ambiguous {
        /// First byte of the segment in the input.
        offset: usize,
    },
    /// Its bytes are not known: longer than the limit, binary data of a wrong length, a package of EDIFACT, a header
    /// of which nothing but the tag came.
    #[error(
        "the segment at byte {offset} was not read whole: too long, cut off, or binary data that has no sure end"
    )]
    NotWhole {
        /// First byte of the segment in the input.
        offset: usize,
    },
}

/// Listens to a reader, and writes.
#[derive(Debug, Default)]
pub struct Rewriter {
    writer: Writer,
    /// What separates in X12 from now on; without it what did so far.
    separators: Option<Delimiters>,
    fault: Option<Unwritable>,
}

impl Rewriter {
    /// With the separators of the input.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        let writer = Writer { layout, ..Writer::default() };
        Self { writer, ..Self::default() }
    }

    /// X12 with other separators; its release character stays what ISX says.
    #[must_use]
    pub fn separated_by(mut self, separators: Delimiters) -> Self {
        self.separators = Some(separators);
        self
    }

    /// What was written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.writer.out)
    }

    /// What is left.
    ///
    /// # Errors
    ///
    /// The first segment that could not be written; nothing was written from there on.
    pub fn finish(self) -> Result<Vec<u8>, Unwritable> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.writer.out),
        }
    }

    fn write(&mut self, standard: Standard, segment: &Segment<'_>) -> Result<(), Unwritable> {
        let own = segment.delimiters;
        let separators = self.separators.filter(|_| standard == Standard::X12).unwrap_or(own);
        self.writer.delimiters = Delimiters { release: own.release, ..separators };
        if standard == Standard::X12 && segment.tag() == b"ISA" && segment.count() == 16 {
            self.writer.copy_isa(segment)
        } else {
            self.writer.copy(standard, segment)
        }
    }
}

impl Events for Rewriter {
    fn reads_all(&self) -> bool {
        true
    }

    fn service_string(&mut self, una: &[u8]) {
        if self.fault.is_none() {
            self.writer.out.extend_from_slice(una);
            self.writer.line(una.last().copied().unwrap_or_default());
        }
    }

    fn passed(&mut self, standard: Standard, segment: &Segment<'_>) {
        if self.fault.is_none() {
            self.fault = self.write(standard, segment).err();
        }
    }
}

/// Reads an input that is held whole, and writes it again.
///
/// # Errors
///
/// The first segment that cannot be written.
pub fn rewrite(input: &[u8], layout: Layout) -> Result<Vec<u8>, Unwritable> {
    let options =
        Options { check_sets: false, input_bytes: Some(input.len()), ..Options::default() };
    let mut rewriter = Rewriter::new(layout);
    let mut reader = Reader::new(&options);
    reader.feed(input, &mut rewriter);
    reader.finish(&mut rewriter);
    rewriter.finish()
}

impl Writer {
    /// A segment that was read.
    fn copy(&mut self, standard: Standard, segment: &Segment<'_>) -> Result<(), Unwritable> {
        let traits = segment.traits;
        let is_package = standard == Standard::Edifact && segment.tag() == b"UNO";
        // At the end of the input it opens nothing; with a terminator it would.
        let is_bare_header =
            segment.count() == 0 && matches!(segment.tag(), b"ISA" | b"UNA" | b"UNB");
        if traits.cut || traits.binary_fault.is_some() || is_package || is_bare_header {
            return Err(Unwritable::NotWhole { offset: segment.offset });
        }
        let opens_another =
            |tag: &[u8]| [&b"ISA"[..], b"UNA", b"UNB"].iter().any(|header| tag.starts_with(header));
        if standard == Standard::Tradacoms && opens_another(segment.tag()) {
            return Err(Unwritable::Ambiguous { offset: segment.offset });
        }
        let binary = standard == Standard::X12 && matches!(segment.tag(), b"BIN" | b"BDS");
        let count = segment.count();
        let tag = segment.bytes.get(..segment.tag_end).unwrap_or_default();
        let release = segment.delimiters.release;
        let is_released = release.is_some_and(|release| memchr::memchr(release, tag).is_some());
        if is_released && self.delimiters == segment.delimiters {
            // No tag needs it. Where it stands it keeps blanks before a tag, or what looks like another header. As the
            // last byte of an input it would release the terminator that is written behind it.
            let at_end = tag.iter().rev().take_while(|byte| Some(**byte) == release).count();
            let last = if count == 0 { at_end % 2 } else { 0 };
            self.out.extend_from_slice(tag.get(..tag.len() - last).unwrap_or_default());
        } else {
            self.copy_element(segment, 0, tag)?;
        }
        for (number, (_, value)) in (1..).zip(segment.elements()) {
            // TRADACOMS has its own byte after the tag.
            let tradacoms = standard == Standard::Tradacoms && number == 1;
            let separator = if tradacoms { segment.bytes.get(segment.tag_end) } else { None };
            self.out.push(separator.copied().unwrap_or(self.delimiters.element));
            if binary && number == count {
                self.out.extend_from_slice(value);
            } else {
                self.copy_element(segment, number, value)?;
            }
        }
        // A reader takes one CR in front of this terminator for a part of the line end.
        if self.delimiters.segment == b'\n' && !binary && self.out.last() == Some(&b'\r') {
            self.out.push(b'\r');
        }
        self.end_segment();
        Ok(())
    }

    fn copy_element(
        &mut self,
        segment: &Segment<'_>,
        element: usize,
        value: &[u8],
    ) -> Result<(), Unwritable> {
        let own = segment.delimiters;
        let offset = segment.offset;
        let Some(separator) = own.repetition else {
            return self.copy_components(value, own, (offset, element));
        };
        for (index, repetition) in own.split(value, separator).enumerate() {
            if index > 0 {
                let separator = self.delimiters.repetition;
                self.out.push(separator.ok_or(Unwritable::Repetition { offset, element })?);
            }
            self.copy_components(repetition, own, (offset, element))?;
        }
        Ok(())
    }

    fn copy_components(
        &mut self,
        value: &[u8],
        own: Delimiters,
        (offset, element): (usize, usize),
    ) -> Result<(), Unwritable> {
        for (index, component) in own.split(value, own.component).enumerate() {
            if index > 0 {
                self.out.push(self.delimiters.component);
            }
            for byte in own.unreleased(component).iter().copied() {
                if self.delimiters.contains(byte) {
                    let separator = Unwritable::Separator { offset, element, byte };
                    self.out.push(self.delimiters.release.ok_or(separator)?);
                }
                self.out.push(byte);
            }
        }
        Ok(())
    }

    /// ISA as it is wide; its eleventh and sixteenth elements are separators.
    fn copy_isa(&mut self, isa: &Segment<'_>) -> Result<(), Unwritable> {
        let Delimiters { element, component, repetition, .. } = self.delimiters;
        self.out.extend_from_slice(b"ISA");
        for (number, (_, value)) in (1..).zip(isa.elements()) {
            self.out.push(element);
            match number {
                11 if isa.delimiters.repetition.is_some() => {
                    self.out.push(repetition.unwrap_or(b'U'));
                }
                16 => self.out.push(component),
                _ if memchr::memchr2(b'\r', b'\n', value).is_some() => {
                    return Err(Unwritable::Ambiguous { offset: isa.offset });
                }
                _ if value.contains(&element) => {
                    let offset = isa.offset;
                    return Err(Unwritable::Separator { offset, element: number, byte: element });
                }
                _ => self.out.extend_from_slice(value),
            }
        }
        self.end_segment();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &[u8] = include_bytes!("../../../tests/edi/golden/order-5010.edi");

    fn retold(input: &[u8], separators: Delimiters) -> Result<Vec<u8>, Unwritable> {
        let mut rewriter = Rewriter::new(Layout::Dense).separated_by(separators);
        let mut reader = Reader::new(&Options::default());
        reader.feed(input, &mut rewriter);
        reader.finish(&mut rewriter);
        rewriter.finish()
    }

    #[test]
    fn other_separators_and_back_are_the_same_bytes() {
        let other = Delimiters {
            element: b'|',
            component: b':',
            segment: b'\'',
            repetition: Some(b'!'),
            release: None,
        };
        let written = retold(ORDER, other).unwrap();
        assert!(written.starts_with(b"ISA|00|") && written.ends_with(b"IEA|1|000000101'"));
        assert_eq!(written[82], b'!');
        let back = Delimiters {
            element: b'*',
            component: b'>',
            segment: b'~',
            repetition: Some(b'^'),
            release: None,
        };
        assert_eq!(retold(&written, back).unwrap(), ORDER);
    }

    #[test]
    fn a_value_that_holds_a_separator_is_not_written() {
        let space = Delimiters {
            element: b'-',
            component: b':',
            segment: b'\'',
            repetition: Some(b'!'),
            release: None,
        };
        // BEG03 is PO-7001.
        let fault = retold(ORDER, space).unwrap_err();
        assert!(matches!(fault, Unwritable::Separator { element: 3, byte: b'-', .. }), "{fault}");
    }

    #[test]
    fn lines_are_laid_out_and_read_the_same() {
        let written = rewrite(ORDER, Layout::Lines).unwrap();
        assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), 23);
        assert_eq!(rewrite(&written, Layout::Dense).unwrap(), ORDER);
    }

    #[test]
    fn release_characters_are_written_where_they_are_needed() {
        let edifact = b"UNB+UNOC:3+A+B+261121:1200+1'FTX+AAI+++What???: a?+b?'c'FTX+a*b'";
        assert_eq!(rewrite(edifact, Layout::Dense).unwrap(), edifact);
        // A release before an ordinary character is a sender's error, and is not repeated.
        let stray = b"UNB+UNOC:3+A+B+261121:1200+1'FTX+a?@b'";
        let written = rewrite(stray, Layout::Dense).unwrap();
        assert!(written.ends_with(b"FTX+a@b'"));
    }

    #[test]
    fn a_cr_that_is_data_outlives_a_line_feed_that_ends_segments() {
        let lines = String::from_utf8_lossy(ORDER).replace('~', "\n").replace("*19\n", "*19\r\r\n");
        assert_eq!(rewrite(lines.as_bytes(), Layout::Dense).unwrap(), lines.as_bytes());
    }

    #[test]
    fn una_is_repeated() {
        let mut rewriter = Rewriter::new(Layout::Lines);
        rewriter.service_string(b"UNA:+.? '");
        assert_eq!(rewriter.take(), b"UNA:+.? '\n");
    }

    #[test]
    fn tradacoms_has_an_equals_sign_after_its_tags() {
        let tradacoms = b"STX=ANA:1+5000000000000:A+5010000000000:B+261121:120000+1'MHD=1+ORDHDR:9'MTR=2'END=1'";
        assert_eq!(rewrite(tradacoms, Layout::Dense).unwrap(), tradacoms);
    }

    #[test]
    fn what_was_not_read_whole_is_not_written() {
        let wrong = String::from_utf8_lossy(ORDER).replace("~CTT*", "~BIN*3*ABCDEF~CTT*");
        let fault = rewrite(wrong.as_bytes(), Layout::Dense).unwrap_err();
        assert!(matches!(fault, Unwritable::NotWhole { .. }), "{fault}");
        let unclosed = String::from_utf8_lossy(ORDER).replace("IEA*1*000000101~", "ISA");
        let fault = rewrite(unclosed.as_bytes(), Layout::Dense).unwrap_err();
        assert!(matches!(fault, Unwritable::NotWhole { .. }), "{fault}");
    }
}
