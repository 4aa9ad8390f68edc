//! How an interchange is written: standard, version and separators, and what follows from them for its segments.

use tillgate_parsers::edi::Standard;

use super::Choices;

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// How an interchange is written.
pub(super) struct Dialect {
    pub(super) standard: Standard,
    /// ISA12, the syntax version of UNB.
    pub(super) version: u32,
    pub(super) element: u8,
    pub(super) component: u8,
    pub(super) repetition: u8,
    pub(super) terminator: u8,
    pub(super) release: Option<u8>,
    /// What stands between segments; said as a warning where there is something.
    pub(super) line_end: &'static [u8],
}

impl Dialect {
    pub(super) fn new(choices: &mut Choices<'_>) -> Self {
        let standard = choices.one_of(&[Standard::X12, Standard::Edifact, Standard::Tradacoms]);
        let line_end = choices.one_of(&[&b""[..], b"\r\n", b"\n"]);
        let (marks, release, versions) = match standard {
            Standard::X12 => {
                let marks = choices.one_of(&[b"*>^~", b"|:!\n", b"\x1D\x1F\x1E\x1C", b"+;<'"]);
                (marks, None, &[401, 501][..])
            }
            Standard::Edifact => {
                let marks = choices.one_of(&[b"+:*'", b"\x1D\x1F\x19\x1C", b"|;^~"]);
                (marks, Some(choices.one_of(b"?\\")), &[3, 2, 4][..])
            }
            Standard::Tradacoms => (b"+: '", Some(b'?'), &[1][..]),
        };
        let [element, component, repetition, terminator] = *marks;
        let line_end = if terminator == b'\n' { b"" } else { line_end };
        let version = choices.one_of(versions);
        Self { standard, version, element, component, repetition, terminator, release, line_end }
    }

    /// UNA may be left out where it says what holds without it.
    pub(super) fn service_characters(&self) -> Option<[u8; 6]> {
        let repetition = if self.version == 4 { self.repetition } else { b' ' };
        let release = self.release.unwrap_or(b' ');
        let una = [self.component, self.element, b'.', release, repetition, self.terminator];
        (self.standard == Standard::Edifact && (self.version == 4 || &una != b":+.? '"))
            .then_some(una)
    }

    /// A segment: tag, then elements as they stand.
    pub(super) fn segment(&self, tag: &str, elements: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = tag.as_bytes().to_vec();
        for (element, number) in elements.iter().zip(1..) {
            let is_first = number == 1 && self.standard == Standard::Tradacoms;
            bytes.push(if is_first { b'=' } else { self.element });
            bytes.extend_from_slice(element);
        }
        bytes.push(self.terminator);
        bytes
    }

    /// A segment written as in books, `TAG+1:2+3`; what is data in it is free of these two characters.
    pub(super) fn written(&self, text: &str) -> Vec<u8> {
        let (tag, rest) = text.split_once('+').unwrap_or((text, ""));
        let elements: Vec<Vec<u8>> =
            rest.split('+').map(|element| self.composite(element)).collect();
        self.segment(tag, &elements)
    }

    fn composite(&self, text: &str) -> Vec<u8> {
        let own = |byte| if byte == b':' { self.component } else { byte };
        text.bytes().map(own).collect()
    }

    /// A value, with a release character before what would separate.
    fn value(&self, plain: &[u8]) -> Vec<u8> {
        let Some(release) = self.release else { return plain.to_vec() };
        let marks = [self.element, self.component, self.terminator, release];
        let separates =
            |byte: u8| marks.contains(&byte) || (byte == self.repetition && self.version == 4);
        plain
            .iter()
            .flat_map(|byte| separates(*byte).then_some(release).into_iter().chain([*byte]))
            .collect()
    }

    /// A text of letters, digits and, where they can be released, separators. It neither begins nor ends with a blank.
    pub(super) fn text(&self, choices: &mut Choices<'_>, longest: usize) -> Vec<u8> {
        let marks = [self.element, self.component, self.terminator, self.release.unwrap_or(b'0')];
        let graphic = self.release.is_some() && marks.iter().all(u8::is_ascii_graphic);
        let mut text = vec![choices.one_of(LETTERS)];
        for _ in 0..choices.below(longest.min(8)) {
            let kind = choices.below(5);
            text.push(choices.one_of(match kind {
                0 => b"0123456789",
                1 if graphic => &marks,
                2 => b" -./(),",
                _ => LETTERS,
            }));
        }
        if text.ends_with(b" ") {
            text.push(b'X');
        }
        self.value(&text)
    }
}
