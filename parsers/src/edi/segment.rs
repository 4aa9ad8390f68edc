//! Splits an interchange into segments, and segments into elements: views of the input, nothing is copied.
//!
//! Never: a newline stripped from data, a tag searched by substring, a delimiter looked for inside binary data.

use super::delimiters::Delimiters;

/// One segment, a view of the input.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// Tag and elements, without the terminator.
    pub bytes: &'a [u8],
    /// Offset of the tag in the input.
    pub offset: usize,
    /// The byte after the terminator.
    pub end: usize,
    /// Whether the terminator is there.
    pub terminated: bool,
    /// Blanks or tabs stood before the tag.
    pub indented: bool,
    /// A line break stood before the tag and is not the terminator.
    pub on_new_line: bool,
    /// What is wrong with its binary data.
    pub binary_fault: Option<BinaryFault>,
    /// The bytes with a meaning.
    pub delimiters: Delimiters,
}

/// What is wrong with BIN or BDS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryFault {
    /// The length is no number.
    LengthNotNumeric,
    /// The data would run past the end of the input.
    PastEnd,
    /// The byte after the data is not the terminator.
    NoTerminator,
}

impl<'a> Segment<'a> {
    /// The tag.
    #[must_use]
    pub fn tag(&self) -> &'a [u8] {
        let end = memchr::memchr(self.delimiters.element, self.bytes).unwrap_or(self.bytes.len());
        self.bytes.get(..end).unwrap_or_default()
    }

    /// The tag, where it is ASCII.
    #[must_use]
    pub fn tag_text(&self) -> &'a str {
        std::str::from_utf8(self.tag()).unwrap_or("")
    }

    /// The tag as a number, as [`super::schema::tag_code`] has it.
    #[must_use]
    pub fn tag_code(&self) -> u32 {
        super::schema::tag_code(self.tag())
    }

    /// Whether every byte is printable ASCII, so that nobody need look at characters.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.bytes.iter().fold(true, |plain, byte| plain & (b' '..=b'~').contains(byte))
    }

    /// Whether a release character stands in it.
    #[must_use]
    pub fn has_release(&self) -> bool {
        let release = self.delimiters.release;
        release.is_some_and(|release| memchr::memchr(release, self.bytes).is_some())
    }

    /// How many elements follow the tag.
    #[must_use]
    pub fn count(&self) -> usize {
        self.elements().count()
    }

    /// Where an element from 1 begins in the input; where it is absent, where the segment ends.
    #[must_use]
    pub fn offset_of(&self, number: usize) -> usize {
        let element = number.checked_sub(1).and_then(|index| self.elements().nth(index));
        element.map_or(self.offset + self.bytes.len(), |(offset, _)| offset)
    }

    /// Whether the tag is a capital letter and one or two letters or digits.
    #[must_use]
    pub fn tag_is_well_formed(&self) -> bool {
        match self.tag() {
            [first, rest @ ..] => {
                first.is_ascii_uppercase()
                    && (1..=2).contains(&rest.len())
                    && rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            }
            [] => false,
        }
    }

    /// An element from 1; empty where it is absent.
    #[must_use]
    pub fn element(&self, number: usize) -> &'a [u8] {
        self.elements().nth(number.wrapping_sub(1)).map_or(&[][..], |(_, bytes)| bytes)
    }

    /// An element from 1 without blanks around it, as text; bytes that are no UTF-8 are read as ISO 8859-1.
    #[must_use]
    pub fn text(&self, number: usize) -> Option<String> {
        let bytes = self.element(number).trim_ascii();
        (!bytes.is_empty()).then(|| decoded(bytes))
    }

    /// Elements with their offsets in the input, the first after the tag first.
    pub fn elements(&self) -> impl Iterator<Item = (usize, &'a [u8])> + use<'a> {
        // The last element of binary segments holds any byte.
        let pieces = match self.tag() {
            b"BIN" => 3,
            b"BDS" => 4,
            _ => usize::MAX,
        };
        let Delimiters { element: separator, release, .. } = self.delimiters;
        let start = self.bytes.as_ptr().addr();
        let offset = self.offset;
        let mut released = false;
        self.bytes
            .splitn(pieces, move |byte| {
                let is_data = released;
                released = !is_data && Some(*byte) == release;
                *byte == separator && !is_data
            })
            .skip(1)
            .map(move |element| (offset + (element.as_ptr().addr() - start), element))
    }
}

/// Bytes as text: UTF-8, else ISO 8859-1, whose bytes are the first 256 characters of Unicode.
#[must_use]
pub fn decoded(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned)
}

/// Walks over segments.
#[derive(Debug, Clone)]
pub struct Segments<'a> {
    input: &'a [u8],
    delimiters: Delimiters,
    position: usize,
    end: usize,
}

impl<'a> Segments<'a> {
    /// The segments of `input[start..end]`.
    #[must_use]
    pub fn new(input: &'a [u8], delimiters: Delimiters, start: usize, end: usize) -> Self {
        Self { input, delimiters, position: start, end: end.min(input.len()) }
    }

    /// The byte after the last segment that was given out.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Whether CR, LF, blank or tab follow up to the end.
    fn skip_blanks(&mut self) -> (bool, bool) {
        let (mut indented, mut on_new_line) = (false, false);
        let rest = self.input.get(self.position..self.end).unwrap_or_default();
        let terminator = self.delimiters.segment;
        let newline_ends = matches!(terminator, b'\r' | b'\n');
        let mut skipped = 0;
        for &byte in rest {
            match byte {
                b' ' | b'\t' if byte != terminator && byte != self.delimiters.element => {
                    indented = true;
                }
                // Where a line break is the terminator, an empty line is no empty segment: it is how people
                // space out such files, and the other half of a CR LF pair.
                b'\r' | b'\n' => on_new_line |= !newline_ends,
                _ => break,
            }
            skipped += 1;
        }
        self.position += skipped;
        (indented, on_new_line)
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let (indented, on_new_line) = self.skip_blanks();
        let offset = self.position;
        let rest = self.input.get(offset..self.end)?;
        if rest.is_empty() {
            return None;
        }
        let (binary_end, binary_fault) = match binary_end(rest, self.delimiters) {
            None => (None, None),
            Some(Ok(end)) => (Some(end), None),
            Some(Err(fault)) => (None, Some(fault)),
        };
        let found = binary_end.or_else(|| memchr::memchr(self.delimiters.segment, rest));
        let length = found.unwrap_or(rest.len());
        let mut bytes = rest.get(..length)?;
        if self.delimiters.segment == b'\n' && binary_end.is_none() {
            bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        }
        if found.is_none() {
            bytes = bytes.trim_ascii_end();
        }
        self.position = offset + length + usize::from(found.is_some());
        Some(Segment {
            bytes,
            offset,
            end: self.position,
            terminated: found.is_some(),
            indented,
            on_new_line,
            binary_fault,
            delimiters: self.delimiters,
        })
    }
}

/// Where the terminator of a binary segment stands: exactly as many bytes after its length says. Needs no schema.
fn binary_end(rest: &[u8], delimiters: Delimiters) -> Option<Result<usize, BinaryFault>> {
    let separator = delimiters.element;
    let length_number = match rest {
        [b'B', b'I', b'N', next, ..] if *next == separator => 1,
        [b'B', b'D', b'S', next, ..] if *next == separator => 2,
        _ => return None,
    };
    let mut separators = memchr::memchr_iter(separator, rest).skip(length_number - 1);
    let from = separators.next()? + 1;
    let Some(to) = separators.next() else {
        return Some(Err(BinaryFault::LengthNotNumeric));
    };
    let Some(length) = rest.get(from..to).and_then(super::delimiters::digits) else {
        return Some(Err(BinaryFault::LengthNotNumeric));
    };
    let end = usize::try_from(length).ok().and_then(|length| (to + 1).checked_add(length));
    Some(match end.and_then(|end| rest.get(end).map(|byte| (end, *byte))) {
        None => Err(BinaryFault::PastEnd),
        Some((end, byte)) if byte == delimiters.segment => Ok(end),
        Some(_) => Err(BinaryFault::NoTerminator),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIMITERS: Delimiters = Delimiters {
        element: b'*',
        component: b'>',
        segment: b'~',
        repetition: None,
        release: None,
    };

    fn split(text: &[u8]) -> Vec<Segment<'_>> {
        Segments::new(text, DELIMITERS, 0, text.len()).collect()
    }

    #[test]
    fn newlines_after_terminators_are_no_data_and_inside_they_are() {
        let segments = split(b"N1*A\r\nB~\r\n\tN3*C");
        assert_eq!(segments.len(), 2);
        assert_eq!(segments[0].element(1), b"A\r\nB");
        assert_eq!(segments[1].tag(), b"N3");
        assert!(segments[1].indented && segments[1].on_new_line && !segments[1].terminated);
        assert_eq!(segments[1].offset, 11);
    }

    #[test]
    fn binary_data_is_skipped_by_its_length() {
        let segments = split(b"BIN*5*a~b*c~SE*1~");
        assert_eq!(segments.len(), 2);
        assert_eq!(segments[0].element(2), b"a~b*c");
        assert_eq!(split(b"BDS*ASC*3*~*~~X1*~").len(), 2);
        assert_eq!(split(b"BIN*9*ab~")[0].binary_fault, Some(BinaryFault::PastEnd));
        assert_eq!(split(b"BIN*1*ab~")[0].binary_fault, Some(BinaryFault::NoTerminator));
        assert_eq!(split(b"BIN*x*ab~")[0].binary_fault, Some(BinaryFault::LengthNotNumeric));
    }

    #[test]
    fn offsets_of_elements_are_offsets_of_the_input() {
        let text = b"  REF*PO*7~";
        let segment = split(text)[0];
        let places: Vec<_> = segment.elements().collect();
        assert_eq!(places, [(6, &b"PO"[..]), (9, &b"7"[..])]);
    }
}
