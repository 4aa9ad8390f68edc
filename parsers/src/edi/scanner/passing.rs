//! Passes over the content of sets that nothing is to be said about, for those who want no segments.
//!
//! In: the index of the block, what the assembler would look at in a segment of content, and the validator of the set.
//! Out: how many segments were passed over. Never: a segment that is not whole, that could be of an envelope, or that
//! anything could be said about; the scanner gives it as any other, and passing goes on after it.

use super::{Scanner, Syntax};
use crate::edi::delimiters::Delimiters;
use crate::edi::index::{self, End};
use crate::edi::segment::{Segment, Traits};
use crate::edi::standard::Standard;
use crate::edi::text::CharacterSet;
use crate::edi::validate::Validator;

/// How content of the open set is passed over.
#[derive(Debug)]
pub(in crate::edi) struct Passing<'v> {
    /// Line ends before tags were told, and are not told again.
    pub(in crate::edi) line_ends: bool,
    /// Every byte must be printable ASCII, and none released.
    pub(in crate::edi) must_be_plain: bool,
    /// The character set that does not have all of ASCII.
    pub(in crate::edi) limits: Option<CharacterSet>,
    /// Holds each segment against its table.
    pub(in crate::edi) validator: Option<&'v mut Validator>,
}

impl Scanner {
    /// Passes over segments that are content of a set, as far as they are whole and unremarkable; gives back how many
    /// there were.
    pub(in crate::edi) fn pass_content(&mut self, mut passing: Passing<'_>) -> u32 {
        let Some(syntax) = self.syntax.filter(|syntax| is_usual(*syntax)) else {
            return 0;
        };
        let is_amid = self.blanks != (false, false) || self.dropping || self.after_binary;
        if is_amid || self.skip > 0 {
            return 0;
        }
        let terminator_breaks = matches!(syntax.delimiters.segment, b'\r' | b'\n');
        let breaks = passing.line_ends || terminator_breaks;
        let (mut passed, mut at) = (0, self.at);
        let (mut next, mut mark) = self.next;
        for end in self.index.ends.get(next..).unwrap_or_default() {
            let terminator = end.at as usize;
            let (from, to) = if breaks { self.unbroken(at, terminator) } else { (at, terminator) };
            let Some(bytes) = self.buffer.get(from..to) else {
                break;
            };
            let tag = match syntax.standard {
                Standard::X12 => x12_tag(bytes, syntax.delimiters),
                _ => edifact_tag(bytes, syntax.delimiters),
            };
            let Some(tag) = tag.filter(|_| terminator - from <= self.longest) else {
                break;
            };
            if passing.must_be_plain && !is_plain(bytes, end.flags, passing.limits) {
                break;
            }
            if let Some(validator) = &mut passing.validator
                && !validator.pass(tag, &self.plain_segment((from, bytes), mark, *end, syntax))
            {
                break;
            }
            (at, mark) = (terminator + 1, end.marks as usize);
            next += 1;
            passed += 1;
        }
        (self.at, self.next) = (at, (next, mark));
        passed
    }

    /// A segment with nothing odd in it and its element separators from `mark` on.
    #[inline]
    fn plain_segment<'s>(
        &'s self,
        (from, bytes): (usize, &'s [u8]),
        mark: usize,
        end: End,
        syntax: Syntax,
    ) -> Segment<'s> {
        let marks = self.index.marks.get(mark..end.marks as usize).unwrap_or_default();
        let (tag_end, marks) = match marks.split_first() {
            Some((first, rest)) => ((*first as usize).saturating_sub(from), rest),
            None => (bytes.len(), marks),
        };
        let divided = end.flags & index::INNER != 0;
        Segment {
            bytes,
            offset: self.base + from,
            end: self.base + end.at as usize + 1,
            delimiters: syntax.delimiters,
            character_set: syntax.character_set,
            traits: Traits { terminated: true, plain: true, divided, ..Traits::default() },
            tag_end,
            marks,
            marks_base: from,
        }
    }

    /// A segment's bounds without the line break before its tag, and without the first half of one that ends it.
    fn unbroken(&self, mut from: usize, mut to: usize) -> (usize, usize) {
        let is = |at: usize, byte: u8| self.buffer.get(at) == Some(&byte);
        from += usize::from(is(from, b'\r'));
        from += usize::from(is(from, b'\n'));
        if is(to, b'\n') && to > from && is(to - 1, b'\r') {
            to -= 1;
        }
        (from, to)
    }
}

/// Whether content is passed over: not in TRADACOMS, nor where the element separator could stand in a tag or is skipped
/// before one.
fn is_usual(syntax: Syntax) -> bool {
    let separator = syntax.delimiters.element;
    let is_odd = is_tag_byte(separator) || matches!(separator, b'\r' | b'\n');
    syntax.standard != Standard::Tradacoms && !is_odd
}

/// The tag of a segment, as [`Segment::tag_code`] has it, where it has an element and only content of X12 sets has such
/// a tag.
#[inline]
fn x12_tag(segment: &[u8], delimiters: Delimiters) -> Option<u32> {
    let &[a, b, c, d, ..] = segment else {
        return None;
    };
    let separator = delimiters.element;
    // Envelopes, security and binary data are looked at closely.
    let is_other = match a {
        b'B' => matches!(b, b'D' | b'I'),
        b'G' | b'I' => matches!(b, b'E' | b'S'),
        b'S' => matches!(b, b'E' | b'T' | b'V' | b'1'..=b'4'),
        b'T' => b == b'A',
        _ => !a.is_ascii_uppercase(),
    };
    let third = if c == separator { 0 } else { c };
    let ends = c == separator || (is_tag_byte(c) && d == separator);
    (!is_other && is_tag_byte(b) && ends).then(|| u32::from_be_bytes([a, b, third, 0]))
}

/// The tag of a segment where it has an element or explicit nesting, and only content of EDIFACT messages has such a
/// tag: all service segments begin with U.
#[inline]
fn edifact_tag(segment: &[u8], delimiters: Delimiters) -> Option<u32> {
    let &[a, b, c, after, ..] = segment else {
        return None;
    };
    let is_tag = a.is_ascii_uppercase() && a != b'U' && is_tag_byte(b) && is_tag_byte(c);
    let ends = after == delimiters.element || after == delimiters.component;
    (is_tag && ends).then(|| u32::from_be_bytes([a, b, c, 0]))
}

/// Whether nothing can be said about the characters of a segment.
#[inline]
fn is_plain(segment: &[u8], flags: u8, limits: Option<CharacterSet>) -> bool {
    // What is odd may be a line break around the segment.
    let is_odd = || !segment.iter().fold(true, |plain, byte| plain & (b' '..=b'~').contains(byte));
    flags & index::RELEASED == 0
        && (flags & index::ODD == 0 || !is_odd())
        && limits.is_none_or(|set| set.has_ascii(segment))
}

#[inline]
fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}
