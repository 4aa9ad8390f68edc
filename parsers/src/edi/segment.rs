//! One segment: a view of the block that is being read, with its separators already found.
//!
//! In: the bytes of a segment and the places of its separators. Out: its tag and elements in constant time, nothing
//! is copied. [`KeptSegment`] is the copy of a header that must outlive its block. Never: a delimiter looked for inside
//! binary data, a released separator taken for one.

use std::borrow::Cow;

use super::delimiters::Delimiters;
use super::scanner::{Scanner, Step};
use super::standard::Standard;
use super::text::CharacterSet;
use super::value;

/// What is wrong with binary data: BIN, BDS, UNO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryFault {
    /// The length is no number.
    LengthNotNumeric,
    /// The data would run past the end of the input.
    PastEnd,
    /// The byte after the data is not the terminator.
    NoTerminator,
}

/// What the scanner saw around and in a segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traits {
    /// The terminator is there.
    pub terminated: bool,
    /// Blanks or tabs stood before the tag.
    pub indented: bool,
    /// A line break stood before the tag and is not the terminator.
    pub on_new_line: bool,
    /// Every byte is printable ASCII.
    pub plain: bool,
    /// A release character stands in it.
    pub released: bool,
    /// A component or repetition separator stands in it.
    pub divided: bool,
    /// It is larger than the limit, and cut off there.
    pub cut: bool,
    /// What is wrong with its binary data.
    pub binary_fault: Option<BinaryFault>,
}

/// One segment, a view of the input.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'s> {
    /// Tag and elements, without the terminator.
    pub bytes: &'s [u8],
    /// Offset of the tag in the input.
    pub offset: usize,
    /// Offset of the byte after the terminator.
    pub end: usize,
    /// The bytes with a meaning.
    pub delimiters: Delimiters,
    /// How its values are to be read.
    pub character_set: CharacterSet,
    /// What the scanner saw.
    pub traits: Traits,
    /// Where the tag ends: at the first separator.
    pub(super) tag_end: usize,
    /// The separators after the first, as offsets of something that begins `marks_base` bytes before the segment.
    pub(super) marks: &'s [u32],
    pub(super) marks_base: usize,
}

impl<'s> Segment<'s> {
    /// Bytes that are no segment, to be shown as one.
    pub(super) fn of_bytes(bytes: &'s [u8], offset: usize) -> Self {
        Self {
            bytes,
            offset,
            end: offset + bytes.len(),
            delimiters: Delimiters::default(),
            traits: Traits::default(),
            character_set: CharacterSet::default(),
            tag_end: 0,
            marks: &[],
            marks_base: 0,
        }
    }

    /// The tag, without explicit nesting (`LIN:1:1` of EDIFACT's first syntax versions).
    #[must_use]
    pub fn tag(&self) -> &'s [u8] {
        let tag = self.bytes.get(..self.tag_end).unwrap_or_default();
        match tag {
            [_, _, _, separator, ..] if *separator == self.delimiters.component => {
                tag.get(..3).unwrap_or_default()
            }
            _ => tag,
        }
    }

    /// The tag as a number for tables: up to four bytes from the left, the first in the highest place. 0 where it is
    /// longer.
    #[must_use]
    pub fn tag_code(&self) -> u32 {
        super::schema::tag_code(self.tag())
    }

    /// The tag, where it is ASCII.
    #[must_use]
    pub fn tag_text(&self) -> &'s str {
        std::str::from_utf8(self.tag()).unwrap_or("")
    }

    /// Whether the tag is a capital letter and one or two letters or digits (X12), two (EDIFACT).
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

    /// Elements after the tag.
    #[must_use]
    pub fn count(&self) -> usize {
        if self.tag_end >= self.bytes.len() { 0 } else { self.marks.len() + 1 }
    }

    /// An element from 1, as it stands; empty where it is absent.
    #[must_use]
    pub fn element(&self, number: usize) -> &'s [u8] {
        let (from, to) = self.bounds(number);
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// The first element behind so many that has a value, with its number; where all are empty, the first of them.
    #[must_use]
    pub(super) fn beyond(&self, most: usize) -> Option<(u32, &'s [u8])> {
        let mut numbers = most + 1..=self.count();
        let first = *numbers.start();
        let last = *numbers.end();
        let number = numbers.find(|number| !self.element(*number).is_empty()).unwrap_or(first);
        (first <= last).then(|| (u32::try_from(number).unwrap_or(u32::MAX), self.element(number)))
    }

    /// Offset of an element in the input; of the segment's end where it is absent.
    #[must_use]
    pub fn offset_of(&self, number: usize) -> usize {
        self.offset + self.bounds(number).0
    }

    /// A component of a composite element, both from 1, as it stands. A release character does not end it.
    #[must_use]
    pub fn component(&self, element: usize, component: usize) -> &'s [u8] {
        let delimiters = self.delimiters;
        let mut components = delimiters.split(self.element(element), delimiters.component);
        component.checked_sub(1).and_then(|index| components.nth(index)).unwrap_or_default()
    }

    /// Offset of a component in the input; of its element's end where it is absent.
    #[must_use]
    pub fn offset_of_component(&self, element: usize, component: usize) -> usize {
        let Delimiters { component: separator, release, .. } = self.delimiters;
        let (at, _) = value::piece(self.element(element), component, separator, release);
        self.offset_of(element) + at
    }

    /// An element from 1 without blanks and release characters, as text of the declared character set.
    #[must_use]
    pub fn text(&self, number: usize) -> Option<String> {
        let value = self.delimiters.unreleased(self.element(number));
        let bytes = value.trim_ascii();
        (!bytes.is_empty()).then(|| self.character_set.decode(bytes).into_owned())
    }

    /// A component as text, as [`Segment::text`] reads elements.
    #[must_use]
    pub fn component_text(&self, element: usize, component: usize) -> Option<String> {
        let value = self.delimiters.unreleased(self.component(element, component));
        let bytes = value.trim_ascii();
        (!bytes.is_empty()).then(|| self.character_set.decode(bytes).into_owned())
    }

    /// Elements with their offsets in the input, the first after the tag first.
    pub fn elements(&self) -> impl Iterator<Item = (usize, &'s [u8])> + use<'s> {
        let segment = *self;
        (1..=self.count()).map(move |number| (segment.offset_of(number), segment.element(number)))
    }

    /// The elements after the tag, as they stand.
    #[inline]
    pub fn values(&self) -> Values<'s> {
        Values {
            bytes: self.bytes,
            marks: self.marks,
            marks_base: self.marks_base,
            from: self.tag_end + 1,
        }
    }

    /// Whether every byte is printable ASCII, so that no character needs to be looked at.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.traits.plain
    }

    /// Whether a release character stands in it.
    #[must_use]
    pub fn has_release(&self) -> bool {
        self.traits.released
    }

    /// A copy that outlives the block.
    #[must_use]
    pub fn keep(&self) -> KeptSegment {
        let mut kept = KeptSegment::default();
        kept.set(self);
        kept
    }

    fn bounds(&self, number: usize) -> (usize, usize) {
        let length = self.bytes.len();
        let mark = |index: usize| {
            self.marks.get(index).map(|mark| (*mark as usize).saturating_sub(self.marks_base))
        };
        let from = match number {
            0 => return (0, 0),
            1 => self.tag_end + 1,
            _ => mark(number - 2).map_or(length, |mark| mark + 1),
        };
        (from.min(length), mark(number - 1).unwrap_or(length))
    }
}

/// The elements of a segment, in order.
#[derive(Debug, Clone)]
pub struct Values<'s> {
    bytes: &'s [u8],
    /// The separators behind those that were given.
    marks: &'s [u32],
    marks_base: usize,
    /// Where the next element begins; beyond the end of the segment where there is none.
    from: usize,
}

impl<'s> Iterator for Values<'s> {
    type Item = &'s [u8];

    #[inline]
    fn next(&mut self) -> Option<&'s [u8]> {
        let (to, marks) = match self.marks.split_first() {
            Some((mark, rest)) => ((*mark as usize).wrapping_sub(self.marks_base), rest),
            None => (self.bytes.len(), self.marks),
        };
        let value = self.bytes.get(self.from..to)?;
        (self.from, self.marks) = (to + 1, marks);
        Some(value)
    }
}

/// A segment that was copied out of its block: the header of an interchange, group or set.
#[derive(Debug, Clone, Default)]
pub struct KeptSegment {
    bytes: Vec<u8>,
    marks: Vec<u32>,
    tag_end: usize,
    /// Offset of the tag in the input.
    pub offset: usize,
    /// Offset of the byte after the terminator.
    pub end: usize,
    delimiters: Delimiters,
    character_set: CharacterSet,
    traits: Traits,
}

impl KeptSegment {
    /// The first segment of a text, read with these delimiters.
    #[must_use]
    pub fn first_of(text: &[u8], standard: Standard, delimiters: Delimiters) -> Option<Self> {
        let mut scanner = Scanner::new(text.len().max(1), Some(text.len()));
        scanner.open(standard, delimiters);
        scanner.fill(text);
        (scanner.advance(true) == Step::Segment).then(|| scanner.segment().keep())
    }

    /// Takes another segment's place; the room is used again.
    pub(super) fn set(&mut self, segment: &Segment<'_>) {
        self.bytes.clear();
        self.bytes.extend_from_slice(segment.bytes);
        self.marks.clear();
        let base = segment.marks_base;
        let rebased = segment.marks.iter().map(|mark| (*mark as usize).saturating_sub(base));
        self.marks.extend(rebased.map(|mark| u32::try_from(mark).unwrap_or(u32::MAX)));
        self.tag_end = segment.tag_end;
        self.offset = segment.offset;
        self.end = segment.end;
        self.delimiters = segment.delimiters;
        self.character_set = segment.character_set;
        self.traits = segment.traits;
    }

    /// The segment.
    #[must_use]
    pub fn view(&self) -> Segment<'_> {
        Segment {
            bytes: &self.bytes,
            offset: self.offset,
            end: self.end,
            delimiters: self.delimiters,
            character_set: self.character_set,
            traits: self.traits,
            tag_end: self.tag_end,
            marks: &self.marks,
            marks_base: 0,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// An element from 1 without blanks around it.
    #[must_use]
    pub fn element(&self, number: usize) -> &[u8] {
        self.view().element(number).trim_ascii()
    }

    /// A component without blanks around it.
    #[must_use]
    pub fn component(&self, element: usize, component: usize) -> &[u8] {
        self.view().component(element, component).trim_ascii()
    }

    /// As [`Segment::text`].
    #[must_use]
    pub fn text(&self, number: usize) -> Option<String> {
        self.view().text(number)
    }

    /// As [`Segment::component_text`].
    #[must_use]
    pub fn component_text(&self, element: usize, component: usize) -> Option<String> {
        self.view().component_text(element, component)
    }

    /// How its values are to be read.
    #[must_use]
    pub fn character_set(&self) -> CharacterSet {
        self.character_set
    }

    /// The bytes with a meaning where it stands.
    #[must_use]
    pub fn delimiters(&self) -> Delimiters {
        self.delimiters
    }
}

/// Bytes as text where no character set is declared: UTF-8, else ISO 8859-1.
#[must_use]
pub fn decoded(bytes: &[u8]) -> String {
    CharacterSet::Undeclared.decode(bytes).into_owned()
}

impl Delimiters {
    /// Splits at a separator that is not released.
    pub fn split<'v>(
        self,
        value: &'v [u8],
        separator: u8,
    ) -> impl Iterator<Item = &'v [u8]> + use<'v> {
        let mut released = false;
        value.split(move |byte| {
            let is_released = std::mem::take(&mut released);
            released = !is_released && self.release == Some(*byte);
            !is_released && *byte == separator
        })
    }

    /// A value without its release characters.
    #[must_use]
    pub fn unreleased(self, value: &[u8]) -> Cow<'_, [u8]> {
        let Some(release) = self.release.filter(|release| value.contains(release)) else {
            return Cow::Borrowed(value);
        };
        let mut released = false;
        let kept = |byte: &u8| {
            released = !released && *byte == release;
            !released
        };
        Cow::Owned(
            value
                .iter()
                .copied()
                .filter({
                    let mut kept = kept;
                    move |byte| kept(byte)
                })
                .collect(),
        )
    }
}
