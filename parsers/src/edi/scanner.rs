//! Finds the segments of a stream: takes chunks of any size, keeps one block, gives segment after segment as a view
//! of it.
//!
//! In: bytes, and the delimiters of the open interchange. Out: segments with their separators found, or the bytes as
//! they are where no interchange is open. Newlines and blanks before tags are skipped, binary data is passed over by
//! its length. Memory is one block, or one segment up to the limit. Never: a newline stripped from data, a tag
//! searched by substring.

mod passing;

pub(super) use self::passing::Passing;
use super::delimiters::{Delimiters, digits};
use super::index::{self, Carry, Index, Marks};
use super::segment::{BinaryFault, Segment, Traits};
use super::standard::{Recognised, Standard, recognise};
use super::text::CharacterSet;

/// Bytes that are read at once: block and index stay in the second cache.
const BLOCK_BYTES: usize = 64 * 1024;

/// A segment that the index did not see as a whole may hold anything.
const UNSEEN: u8 = index::ODD | index::RELEASED | index::INNER;

/// Bytes from which the beginning of an interchange is judged: a header that is wrapped into lines needs four of them.
pub(super) const HEAD_BYTES: usize = 1024;

/// What stands around a place: for line numbers and excerpts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'s> {
    /// The bytes that are held.
    pub bytes: &'s [u8],
    /// Offset of the first of them in the input.
    pub base: usize,
    /// The line that it stands on, from 1.
    pub line: usize,
}

/// What the scanner came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A segment: [`Scanner::segment`] gives it.
    Segment,
    /// The header of another interchange stands where a segment begins.
    Opening,
    /// More bytes are needed.
    Starved,
    /// Nothing follows.
    End,
}

/// How an open interchange is read.
#[derive(Debug, Clone, Copy)]
struct Syntax {
    standard: Standard,
    delimiters: Delimiters,
    character_set: CharacterSet,
}

impl Delimiters {
    /// Those that the index looks for.
    fn marks(self) -> Marks {
        let inner = [self.component, self.repetition.unwrap_or(self.component)];
        Marks { element: self.element, segment: self.segment, release: self.release, inner }
    }
}

/// The segment that was found last, by places in the buffer.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    start: usize,
    tag_end: usize,
    end: usize,
    after: usize,
    /// Marks after the one that ends the tag, by places in the index.
    marks: (usize, usize),
    traits: Traits,
}

/// Reads segments.
#[derive(Debug)]
pub(super) struct Scanner {
    buffer: Vec<u8>,
    /// Offset of the buffer in the input.
    base: usize,
    /// Line of the buffer's first byte.
    line: usize,
    /// Where the next segment begins, in the buffer.
    at: usize,
    /// Bytes of the input still to be passed over.
    skip: usize,
    /// The bytes to pass over are binary data, after which a terminator has to stand.
    after_binary: bool,
    syntax: Option<Syntax>,
    indexed: usize,
    /// The bytes that the index was made for.
    indexed_for: Option<Marks>,
    index: Index,
    carry: Carry,
    /// The next terminator and the first separator after the last one.
    next: (usize, usize),
    /// Blanks, a line break stood before the segment to come.
    blanks: (bool, bool),
    /// The rest of a segment that is too long is dropped.
    dropping: bool,
    /// No segment was found since the interchange was opened: its header opens no other.
    fresh: bool,
    found: Found,
    longest: usize,
    total: Option<usize>,
}

impl Scanner {
    /// `longest`: bytes a segment. `total`: bytes of the input, where that is known.
    pub(super) fn new(longest: usize, total: Option<usize>) -> Self {
        Self {
            buffer: Vec::new(),
            base: 0,
            line: 1,
            at: 0,
            skip: 0,
            after_binary: false,
            syntax: None,
            indexed: 0,
            indexed_for: None,
            index: Index::default(),
            carry: Carry::default(),
            next: (0, 0),
            blanks: (false, false),
            dropping: false,
            fresh: false,
            found: Found::default(),
            longest,
            total,
        }
    }

    /// For a part of an input, from an offset on.
    pub(super) fn starting_at(mut self, offset: usize) -> Self {
        self.base = offset;
        self
    }

    /// Takes as many bytes as there is room for; at least one.
    pub(super) fn fill(&mut self, chunk: &[u8]) -> usize {
        self.compact();
        let full = if self.buffer.len() < BLOCK_BYTES {
            BLOCK_BYTES
        } else {
            // One segment fills the block: it grows up to the limit, which `advance` enforces. By one block at a
            // time, so that the index of what follows it stays small.
            self.buffer.len() + BLOCK_BYTES
        };
        let taken = chunk.len().min(full - self.buffer.len());
        self.buffer.extend_from_slice(chunk.get(..taken).unwrap_or_default());
        taken
    }

    /// The bytes that were not read yet.
    pub(super) fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    /// Offset of [`Scanner::rest`] in the input.
    pub(super) fn offset(&self) -> usize {
        self.base + self.at
    }

    /// The bytes that were not read yet, as far as what begins there is judged by.
    pub(super) fn head(&self) -> &[u8] {
        let rest = self.rest();
        rest.get(..HEAD_BYTES).unwrap_or(rest)
    }

    pub(super) fn block(&self) -> Block<'_> {
        Block { bytes: &self.buffer, base: self.base, line: self.line }
    }

    /// Passes over bytes that are there.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.buffer.len());
    }

    /// Passes over bytes that may be yet to come: a package of EDIFACT.
    pub(super) fn pass_over(&mut self, bytes: usize) {
        let here = bytes.min(self.buffer.len() - self.at);
        self.at += here;
        self.skip = bytes - here;
        self.reindex();
    }

    /// Bytes of binary data that are yet to come.
    pub(super) fn missing(&self) -> usize {
        self.skip
    }

    /// Reads segments from here on.
    pub(super) fn open(&mut self, standard: Standard, delimiters: Delimiters) {
        let character_set = CharacterSet::default();
        self.syntax = Some(Syntax { standard, delimiters, character_set });
        self.blanks = (false, false);
        self.dropping = false;
        self.after_binary = false;
        self.fresh = standard != Standard::X12;
        // A file of many small interchanges would be indexed again from each of them to the end of the block.
        if self.indexed <= self.at || self.indexed_for != Some(delimiters.marks()) {
            self.reindex();
        }
    }

    /// The header told more: EDIFACT has its syntax version and character set in UNB.
    pub(super) fn set_syntax(&mut self, repetition: Option<u8>, character_set: CharacterSet) {
        if let Some(syntax) = &mut self.syntax {
            let is_other = syntax.delimiters.repetition != repetition;
            syntax.delimiters.repetition = repetition;
            syntax.character_set = character_set;
            if is_other {
                self.reindex();
            }
        }
    }

    /// The release character became known: X12 tells it in ISX.
    pub(super) fn set_release(&mut self, release: u8) {
        if let Some(syntax) = &mut self.syntax {
            syntax.delimiters.release = Some(release);
        }
        self.reindex();
    }

    /// Reads bytes from here on.
    pub(super) fn close(&mut self) {
        self.syntax = None;
    }

    /// What stood before is not needed any more.
    fn compact(&mut self) {
        if self.at == 0 {
            return;
        }
        let gone = self.buffer.get(..self.at).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', gone).count();
        self.base += self.at;
        let tail = self.buffer.len() - self.at;
        self.buffer.copy_within(self.at.., 0);
        self.buffer.truncate(tail);
        // Parity of release characters carries over only where everything was read.
        let carry = if tail == 0 { self.carry } else { Carry::default() };
        self.at = 0;
        self.reindex();
        self.carry = carry;
    }

    fn reindex(&mut self) {
        self.index.clear();
        self.next = (0, 0);
        self.indexed = self.at;
        self.carry = Carry::default();
    }

    /// Indexes what came in.
    fn index(&mut self, delimiters: Delimiters) {
        let Some(fresh) = self.buffer.get(self.indexed..).filter(|fresh| !fresh.is_empty()) else {
            return;
        };
        let marks = delimiters.marks();
        let base = u32::try_from(self.indexed).unwrap_or(u32::MAX);
        index::index(fresh, base, &marks, &mut self.carry, &mut self.index);
        self.indexed = self.buffer.len();
        self.indexed_for = Some(marks);
    }

    /// Goes on to the next segment. `ended`: no more bytes will come.
    pub(super) fn advance(&mut self, ended: bool) -> Step {
        let Some(Syntax { standard, delimiters, .. }) = self.syntax else {
            return Step::End;
        };
        if !self.skipped() {
            return if ended { Step::End } else { Step::Starved };
        }
        if self.indexed < self.buffer.len() {
            self.index(delimiters);
        }
        if self.dropping && !self.drop_rest(ended) {
            return if ended { Step::End } else { Step::Starved };
        }
        if self.after_binary {
            return self.end_binary(delimiters, ended);
        }
        self.skip_blanks(delimiters);
        let rest = self.rest();
        match rest {
            [] => return if ended { Step::End } else { Step::Starved },
            [_] | [_, _] | [_, _, _] if !ended => return Step::Starved,
            [a, b, c, after, ..] if !self.fresh && standard.may_open_with([*a, *b, *c], *after) => {
                // A tag of three letters is no header yet: `UNA` begins words, and data may have lost its tag.
                if !ended && rest.len() < HEAD_BYTES {
                    return Step::Starved;
                }
                if matches!(recognise(self.head()), Recognised::Interchange(_, 0)) {
                    return Step::Opening;
                }
            }
            _ => {}
        }
        let rest = self.rest();
        let is_binary = standard == Standard::X12
            && matches!(rest, [b'B', b'I', b'N', next, ..] | [b'B', b'D', b'S', next, ..]
                if *next == delimiters.element);
        if is_binary {
            self.binary(delimiters, ended)
        } else {
            self.segment_ahead(delimiters, ended)
        }
    }

    /// The segment that [`Scanner::advance`] found. Nothing was consumed before the next call.
    pub(super) fn segment(&self) -> Segment<'_> {
        let Found { start, tag_end, end, after, marks, traits } = self.found;
        Segment {
            bytes: self.buffer.get(start..end).unwrap_or_default(),
            offset: self.base + start,
            end: self.base + after,
            delimiters: self.syntax.map(|syntax| syntax.delimiters).unwrap_or_default(),
            character_set: self.syntax.map(|syntax| syntax.character_set).unwrap_or_default(),
            traits,
            tag_end: tag_end - start,
            marks: self.index.marks.get(marks.0..marks.1).unwrap_or_default(),
            marks_base: start,
        }
    }

    fn skipped(&mut self) -> bool {
        let here = self.skip.min(self.buffer.len() - self.at);
        if here > 0 {
            self.at += here;
            self.skip -= here;
            self.reindex();
        }
        self.skip == 0
    }

    /// Drops what is left of a segment that is too long; gives back whether its end was found.
    fn drop_rest(&mut self, ended: bool) -> bool {
        match self.index.ends.get(self.next.0) {
            Some(end) => {
                self.at = end.at as usize + 1;
                self.next = (self.next.0 + 1, end.marks as usize);
                self.dropping = false;
                true
            }
            None => {
                self.at = self.buffer.len();
                self.dropping = !ended;
                ended
            }
        }
    }

    /// CR, LF, blanks and tabs before a tag are no data.
    fn skip_blanks(&mut self, delimiters: Delimiters) {
        let terminator = delimiters.segment;
        let newline_ends = matches!(terminator, b'\r' | b'\n');
        while let Some(&byte) = self.buffer.get(self.at) {
            match byte {
                b' ' | b'\t' if byte != terminator && byte != delimiters.element => {
                    self.blanks.0 = true;
                }
                // Where a line break is the terminator, an empty line is no empty segment: it is how people space
                // out such files, and the other half of a CR LF pair.
                b'\r' | b'\n' if newline_ends || byte != terminator => {
                    self.blanks.1 |= !newline_ends;
                }
                _ => return,
            }
            self.at += 1;
        }
    }

    /// A segment up to its terminator.
    fn segment_ahead(&mut self, delimiters: Delimiters, ended: bool) -> Step {
        let (mut next, mut mark) = self.next;
        while let Some(end) = self.index.ends.get(next).filter(|end| (end.at as usize) < self.at) {
            mark = end.marks as usize;
            next += 1;
        }
        while self.index.marks.get(mark).is_some_and(|mark| (*mark as usize) < self.at) {
            mark += 1;
        }
        self.next = (next, mark);
        let end = self.index.ends.get(next).copied();
        let length = end.map_or(self.buffer.len(), |end| end.at as usize) - self.at;
        if length > self.longest {
            return self.too_long(delimiters, mark);
        }
        if let Some(end) = end {
            self.next = (next + 1, end.marks as usize);
            let place = (end.at as usize, true);
            self.found(delimiters, place, (mark, end.marks as usize), end.flags);
            return Step::Segment;
        }
        if !ended {
            return Step::Starved;
        }
        self.last_segment(delimiters, mark)
    }

    /// What stands after the last terminator, at the end of the input.
    fn last_segment(&mut self, delimiters: Delimiters, mark: usize) -> Step {
        let length = self.rest().trim_ascii_end().len();
        if length == 0 {
            self.at = self.buffer.len();
            return Step::End;
        }
        let to = self.at + length;
        let marks = self.index.marks.partition_point(|mark| (*mark as usize) < to);
        self.found(delimiters, (to, false), (mark, marks.max(mark)), UNSEEN);
        // What is trimmed is more than what is skipped before a tag: a form feed would be looked at for ever.
        self.at = self.buffer.len();
        Step::Segment
    }

    fn too_long(&mut self, delimiters: Delimiters, mark: usize) -> Step {
        let to = self.at + self.longest;
        let marks = self.index.marks.iter().take_while(|mark| (**mark as usize) < to).count();
        self.found(delimiters, (to, true), (mark, marks.max(mark)), UNSEEN);
        self.found.traits.cut = true;
        self.found.after = to;
        self.at = to;
        self.dropping = true;
        Step::Segment
    }

    /// Sets the segment from here to `to`, and goes behind it. `flags`: what the index saw in it.
    fn found(
        &mut self,
        delimiters: Delimiters,
        (to, terminated): (usize, bool),
        marks: (usize, usize),
        flags: u8,
    ) {
        let start = self.at;
        let mut end = to;
        if delimiters.segment == b'\n' && end > start && self.buffer.get(end - 1) == Some(&b'\r') {
            end -= 1;
        }
        let bytes = self.buffer.get(start..end).unwrap_or_default();
        let plain =
            flags & index::ODD == 0 || bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
        let (tag_end, first) = match self.tradacoms_tag(bytes) {
            Some(length) => (start + length, marks.0),
            None => match self.index.marks.get(marks.0).filter(|_| marks.0 < marks.1) {
                Some(mark) => (*mark as usize, marks.0 + 1),
                None => (end, marks.0),
            },
        };
        let (indented, on_new_line) = std::mem::take(&mut self.blanks);
        // What the index saw may stand in bytes before the segment, which belong to none.
        let released = flags & index::RELEASED != 0
            && delimiters.release.is_some_and(|release| memchr::memchr(release, bytes).is_some());
        let divided = flags & index::INNER != 0;
        let traits = Traits {
            terminated,
            indented,
            on_new_line,
            plain,
            released,
            divided,
            ..Traits::default()
        };
        let after = to + usize::from(terminated);
        self.fresh = false;
        self.found = Found { start, tag_end, end, after, marks: (first, marks.1), traits };
        self.at = after;
    }

    /// TRADACOMS has an equals sign after its tags, before any separator: `MHD=1+ORDERS:9`.
    fn tradacoms_tag(&self, bytes: &[u8]) -> Option<usize> {
        let syntax = self.syntax.filter(|syntax| syntax.standard == Standard::Tradacoms)?;
        let mut tag = bytes.iter().take_while(|byte| **byte != syntax.delimiters.element);
        tag.position(|byte| *byte == b'=')
    }

    /// BIN and BDS: exactly as many bytes of data as their length says, whatever they are. Needs no schema.
    fn binary(&mut self, delimiters: Delimiters, ended: bool) -> Step {
        let rest = self.rest();
        let length_number = if rest.starts_with(b"BIN") { 1 } else { 2 };
        // A length has a few digits; a filter id of BDS has three characters.
        let head = rest.get(..64).unwrap_or(rest);
        let terminator = memchr::memchr(delimiters.segment, head).unwrap_or(head.len());
        let mut separators = memchr::memchr_iter(delimiters.element, head)
            .take_while(|at| *at < terminator)
            .skip(length_number - 1);
        let bounds = separators.next().zip(separators.next());
        if bounds.is_none() && head.len() < 64 && terminator == head.len() && !ended {
            return Step::Starved;
        }
        let length = bounds.and_then(|(from, to)| {
            let length = digits(rest.get(from + 1..to)?)?;
            Some((to + 1, usize::try_from(length).ok()?))
        });
        let Some((data, length)) = length else {
            return self.faulty_binary(delimiters, ended, BinaryFault::LengthNotNumeric);
        };
        let end = self.at + data + length;
        if self.total.is_some_and(|total| self.base + end >= total) {
            return self.faulty_binary(delimiters, ended, BinaryFault::PastEnd);
        }
        if data + length > self.longest {
            return self.long_binary(delimiters, (data, length));
        }
        match self.buffer.get(end) {
            None if !ended => Step::Starved,
            None => self.faulty_binary(delimiters, ended, BinaryFault::PastEnd),
            Some(byte) if *byte != delimiters.segment => {
                self.faulty_binary(delimiters, ended, BinaryFault::NoTerminator)
            }
            Some(_) => {
                self.found_binary(delimiters, (data, end));
                Step::Segment
            }
        }
    }

    /// The data is skipped while it comes in, and its segment told without it.
    fn long_binary(&mut self, delimiters: Delimiters, (data, length): (usize, usize)) -> Step {
        let to = self.at + data;
        self.found_binary(delimiters, (data, to));
        self.found.traits.cut = true;
        // With the terminator.
        self.found.after = to + length + 1;
        let here = length.min(self.buffer.len() - to);
        self.at = to + here;
        self.skip = length - here;
        self.after_binary = true;
        let at = self.at;
        let next = self.index.ends.partition_point(|end| (end.at as usize) < at);
        let mark = self.index.marks.partition_point(|mark| (*mark as usize) < at);
        self.next = (next, mark);
        Step::Segment
    }

    /// Behind data that was skipped a terminator has to stand; else what follows up to the next one is told as faulty.
    fn end_binary(&mut self, delimiters: Delimiters, ended: bool) -> Step {
        match self.rest().first() {
            None => return if ended { Step::End } else { Step::Starved },
            Some(byte) if *byte == delimiters.segment => {
                self.after_binary = false;
                self.at += 1;
                return self.advance(ended);
            }
            Some(_) => {}
        }
        let step = self.faulty_binary(delimiters, ended, BinaryFault::NoTerminator);
        self.after_binary = step == Step::Starved;
        step
    }

    /// Binary data from `data` on, the segment's terminator at `end`.
    fn found_binary(&mut self, delimiters: Delimiters, (data, end): (usize, usize)) {
        let data = self.at + data;
        let first = self.index.marks.partition_point(|mark| (*mark as usize) < self.at);
        let last = self.index.marks.partition_point(|mark| (*mark as usize) < data);
        let next = self.index.ends.partition_point(|end_of| (end_of.at as usize) <= end);
        self.found(delimiters, (end, true), (first, last), UNSEEN);
        // A carriage return before the terminator is data here.
        self.found.end = end;
        let mark = self.index.marks.partition_point(|mark| (*mark as usize) <= end);
        self.next = (next, mark);
    }

    /// Read up to the next terminator, as any segment.
    fn faulty_binary(&mut self, delimiters: Delimiters, ended: bool, fault: BinaryFault) -> Step {
        let step = self.segment_ahead(delimiters, ended);
        if step == Step::Segment {
            self.found.traits.binary_fault = Some(fault);
        }
        step
    }
}
