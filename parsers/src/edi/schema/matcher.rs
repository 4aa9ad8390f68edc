//! Finds the place of each segment in a table: a cursor a loop, moved forward only.

use super::hashing::tag_bit;
use super::tables::{Loop, Part, Shape, Tables, Transaction};

/// Levels that are open at once, the set itself among them; the build checks that no table needs more.
const MOST_LEVELS: usize = 10;

/// Where a segment ended up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// In its place.
    Placed,
    /// In its place, more often than allowed.
    SegmentTooOften(u32),
    /// It opens a loop, more often than allowed.
    LoopTooOften(u32),
    /// Its place is before segments that were there already.
    OutOfOrder,
    /// The set has it, but not here.
    Unexpected,
    /// The standard has it, this set has not.
    NotInSet,
    /// Nothing known has it.
    Unknown,
}

/// The place of a segment that is right there.
#[derive(Debug, Clone, Copy)]
pub(in crate::edi) struct Step {
    depth: usize,
    index: usize,
    /// What the segment has to look like, where the tables say so.
    pub(in crate::edi) shape: Option<&'static Shape>,
}

/// Where reading stands in a loop.
#[derive(Debug, Clone, Copy)]
struct Frame {
    level: &'static Loop,
    /// Its row in the tables.
    row: u16,
    /// Which of all levels that were opened in this set it is.
    serial: u32,
    parts: &'static [Part],
    tags: &'static [u32],
    cursor: usize,
    /// How often the part at the cursor was there.
    count: u32,
    /// One bit a part: it was there.
    seen: u128,
    /// One bit a part: it was reported missing.
    missed: u128,
}

/// Where reading stands in a set. Allocates nothing.
#[derive(Debug, Clone)]
pub struct Matcher {
    tables: &'static Tables,
    transaction: &'static Transaction,
    frames: [Option<Frame>; MOST_LEVELS],
    /// Frames in use.
    open: usize,
    opened: bool,
    /// Levels that were opened so far.
    serial: u32,
    /// Row of the level and part where the last segment was placed.
    position: Option<(u16, u8)>,
    shape: Option<&'static Shape>,
}

impl Matcher {
    /// Before the header segment.
    #[must_use]
    pub fn new(transaction: &'static Transaction) -> Self {
        Self::within(transaction.tables(), transaction)
    }

    fn within(tables: &'static Tables, transaction: &'static Transaction) -> Self {
        let mut matcher = Self {
            tables,
            transaction,
            frames: [None; MOST_LEVELS],
            open: 0,
            opened: false,
            serial: 0,
            position: None,
            shape: None,
        };
        matcher.push(transaction.root, 0);
        matcher
    }

    /// The loops that are open, outermost first, by their names.
    pub fn path(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.frames.iter().take(self.open).skip(1).flatten().map(|frame| frame.level.name)
    }

    /// The innermost open loop.
    #[must_use]
    pub fn loop_id(&self) -> Option<&'static str> {
        let innermost = self.open.checked_sub(1).filter(|index| *index > 0)?;
        self.frame(innermost).map(|frame| frame.level.name)
    }

    /// The loop that the last segment opened.
    #[must_use]
    pub fn opened_loop(&self) -> Option<&'static str> {
        self.loop_id().filter(|_| self.opened)
    }

    /// Loops that are open.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.open.saturating_sub(1)
    }

    /// The level and part where the last segment was placed, as rows of the tables; that of a segment that opens a loop
    /// is where the loop stands.
    pub(in crate::edi) fn position(&self) -> Option<(u16, u8)> {
        self.position
    }

    /// The levels that are open, the set itself first: row, and a number that no other has in this set.
    pub(in crate::edi) fn levels(&self) -> impl Iterator<Item = (u16, u32)> {
        self.frames.iter().take(self.open).flatten().map(|frame| (frame.row, frame.serial))
    }

    /// What the last segment looks like, where the tables say so.
    #[must_use]
    pub fn shape(&self) -> Option<&'static Shape> {
        self.shape
    }

    /// Places a segment by its tag. Mandatory segments that are skipped by that are added to `missing`.
    ///
    /// The innermost place from the cursor on comes first. Where that is full, a later one of the same tag is taken
    /// unless something mandatory would be skipped: in EDIFACT several groups in a row may begin with one tag.
    pub fn place(&mut self, tag: u32, missing: &mut Vec<u32>) -> Outcome {
        self.opened = false;
        self.position = None;
        if let Some((depth, index)) = self.forward(tag) {
            return self.advance(depth, index, missing);
        }
        if let Some((depth, index)) = self.backward(tag) {
            return self.step_back(depth, index, missing);
        }
        self.shape = self.tables.shape(tag);
        if self.transaction.has(tag) {
            Outcome::Unexpected
        } else if self.tables.is_known(tag) {
            Outcome::NotInSet
        } else {
            Outcome::Unknown
        }
    }

    /// The place of a segment, where [`Matcher::place`] would find the same one and have nothing to say.
    #[inline]
    pub(in crate::edi) fn next(&self, tag: u32) -> Option<Step> {
        for depth in (0..self.open).rev() {
            let frame = self.frame(depth)?;
            if let Some(index) = frame.find(tag, frame.cursor.max(usize::from(depth > 0))) {
                let skips = index != frame.cursor && frame.lacking(index) != 0;
                let is_right = frame.has_room(index) && !skips;
                let shape = self.tables.shape_at(frame.parts.get(index)?.shape);
                return is_right.then_some(Step { depth, index, shape });
            }
            // It would be left.
            if frame.lacking(frame.parts.len()) != 0 {
                return None;
            }
        }
        None
    }

    /// Goes where [`Matcher::next`] found the place of a segment.
    #[inline]
    pub(in crate::edi) fn go(&mut self, step: Step) {
        self.opened = false;
        self.open = step.depth + 1;
        self.take(step.depth, step.index);
    }

    /// The set ends: what is mandatory and still to come is missing.
    pub fn finish(&mut self, missing: &mut Vec<u32>) {
        self.leave(0, missing);
        if let Some(root) = self.frame_mut(0) {
            root.skip_to(root.parts.len(), missing);
        }
    }

    fn forward(&self, tag: u32) -> Option<(usize, usize)> {
        let mut full = None;
        for depth in (0..self.open).rev() {
            let frame = self.frame(depth)?;
            let mut from = frame.cursor.max(usize::from(depth > 0));
            while let Some(index) = frame.find(tag, from) {
                if frame.has_room(index) && (full.is_none() || !self.skips(depth, index)) {
                    return Some((depth, index));
                }
                full = full.or(Some((depth, index)));
                from = index + 1;
            }
        }
        full
    }

    fn backward(&self, tag: u32) -> Option<(usize, usize)> {
        (0..self.open).rev().find_map(|depth| {
            let frame = self.frame(depth)?;
            let index = frame.find(tag, usize::from(depth > 0))?;
            (index < frame.cursor).then_some((depth, index))
        })
    }

    /// Whether something mandatory stands between here and a place, and was not there.
    fn skips(&self, depth: usize, index: usize) -> bool {
        let within = |frame: &Frame| frame.lacking(frame.parts.len()) != 0;
        self.frames.iter().take(self.open).skip(depth + 1).flatten().any(within)
            || self.frame(depth).is_some_and(|frame| frame.lacking(index) != 0)
    }

    fn advance(&mut self, depth: usize, index: usize, missing: &mut Vec<u32>) -> Outcome {
        self.leave(depth, missing);
        if let Some(frame) = self.frame_mut(depth).filter(|frame| frame.cursor != index) {
            frame.skip_to(index, missing);
        }
        self.take(depth, index)
    }

    /// A segment is at its place. All loops below are closed, all that is missing before it was told.
    fn take(&mut self, depth: usize, index: usize) -> Outcome {
        let Some(frame) = self.frame_mut(depth) else {
            return Outcome::Unknown;
        };
        if frame.cursor == index {
            frame.count = frame.count.saturating_add(1);
        } else {
            frame.cursor = index;
            frame.count = 1;
        }
        if frame.count == 1 {
            frame.seen |= 1 << index;
        }
        let (count, position) = (frame.count, frame.position(index));
        let Some(part) = frame.parts.get(index) else {
            return Outcome::Unknown;
        };
        self.position = position;
        let is_loop = self.enter(part);
        match part.most {
            most if count <= most => Outcome::Placed,
            most if is_loop => Outcome::LoopTooOften(most),
            most => Outcome::SegmentTooOften(most),
        }
    }

    /// A segment whose place was passed. The cursor stays, so that what follows is read as before.
    fn step_back(&mut self, depth: usize, index: usize, missing: &mut Vec<u32>) -> Outcome {
        let Some(frame) = self.frame_mut(depth) else {
            return Outcome::Unknown;
        };
        let was_seen = frame.seen & (1 << index) != 0;
        frame.seen |= 1 << index;
        let position = frame.position(index);
        let Some(part) = frame.parts.get(index) else {
            return Outcome::Unknown;
        };
        self.position = position;
        if part.is_loop() {
            self.leave(depth, missing);
        }
        let is_loop = self.enter(part);
        if part.most == 1 && was_seen && !is_loop {
            Outcome::SegmentTooOften(1)
        } else {
            Outcome::OutOfOrder
        }
    }

    /// Remembers the shape, and opens the loop where the part is one.
    fn enter(&mut self, part: &'static Part) -> bool {
        self.shape = self.tables.shape_at(part.shape);
        if part.is_loop() {
            self.push(part.inner, 1);
            self.opened = true;
        }
        self.opened
    }

    /// Opens a level; a loop's first segment was there.
    fn push(&mut self, row: u16, there: u32) {
        let Some(level) = self.tables.loop_at(row) else {
            return;
        };
        let serial = self.serial;
        self.serial = serial.wrapping_add(1);
        if let Some(slot) = self.frames.get_mut(self.open) {
            let (parts, tags) = self.tables.parts(level);
            let seen = u128::from(there);
            let (cursor, count, missed) = (0, there, 0);
            *slot = Some(Frame { level, row, serial, parts, tags, cursor, count, seen, missed });
            self.open += 1;
        }
    }

    /// Closes the loops below a depth.
    fn leave(&mut self, depth: usize, missing: &mut Vec<u32>) {
        while self.open > depth + 1 {
            self.open -= 1;
            if let Some(frame) = self.frame_mut(self.open) {
                frame.skip_to(frame.parts.len(), missing);
            }
        }
    }

    fn frame(&self, depth: usize) -> Option<&Frame> {
        self.frames.get(depth)?.as_ref()
    }

    fn frame_mut(&mut self, depth: usize) -> Option<&mut Frame> {
        self.frames.get_mut(depth)?.as_mut()
    }
}

impl Frame {
    fn position(&self, index: usize) -> Option<(u16, u8)> {
        Some((self.row, u8::try_from(index).ok()?))
    }

    /// Most searches look through a whole level and find nothing: one bit says so of most, and for the rest eight tags
    /// are compared at a time.
    #[inline]
    fn find(&self, tag: u32, from: usize) -> Option<usize> {
        if from > 0 && self.level.later & tag_bit(tag) == 0 {
            return None;
        }
        let tags = self.tags.get(from..)?;
        let (eights, _) = tags.as_chunks::<8>();
        let differ = |eight: &&[u32; 8]| !eight.iter().fold(false, |hit, own| hit | (*own == tag));
        let passed = 8 * eights.iter().take_while(differ).count();
        let found = tags.get(passed..)?.iter().position(|own| *own == tag)?;
        Some(from + passed + found)
    }

    fn has_room(&self, index: usize) -> bool {
        index != self.cursor || self.parts.get(index).is_some_and(|part| self.count < part.most)
    }

    /// One bit for everything mandatory from the cursor up to an index that was neither there nor reported.
    fn lacking(&self, index: usize) -> u128 {
        let pending = self.level.mandatory & !(self.seen | self.missed);
        if pending == 0 {
            return 0;
        }
        let up_to = |index: usize| match index {
            0..128 => (1_u128 << index) - 1,
            _ => u128::MAX,
        };
        pending & up_to(index) & !up_to(self.cursor)
    }

    /// What is lacking is missing; said once.
    fn skip_to(&mut self, index: usize, missing: &mut Vec<u32>) {
        let mut lacking = self.lacking(index);
        self.missed |= lacking;
        while lacking != 0 {
            missing.extend(self.tags.get(lacking.trailing_zeros() as usize));
            lacking &= lacking - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Directory, Span, tag_code, tag_text};
    use super::*;

    fn walk(set: &[u8], tags: &[&str]) -> (Vec<Outcome>, Vec<String>) {
        walk_in(Directory::X12V4010, set, tags)
    }

    fn walk_in(directory: Directory, set: &[u8], tags: &[&str]) -> (Vec<Outcome>, Vec<String>) {
        let transaction = directory.tables().transaction(set).unwrap();
        let mut matcher = Matcher::new(transaction);
        let mut missing = Vec::new();
        let outcomes =
            tags.iter().map(|tag| matcher.place(tag_code(tag.as_bytes()), &mut missing)).collect();
        matcher.finish(&mut missing);
        (outcomes, missing.into_iter().map(tag_text).collect())
    }

    #[test]
    fn every_level_can_be_walked() {
        for directory in Directory::ALL {
            assert!(!directory.tables().transactions().is_empty(), "{directory:?}");
            for transaction in directory.tables().transactions() {
                let matcher = Matcher::new(transaction);
                assert_eq!(matcher.depth(), 0, "{}", transaction.id);
                assert!(transaction.tags.iter().all(|tag| directory.tables().is_known(*tag)));
            }
        }
    }

    #[test]
    fn a_message_finds_its_places() {
        let tags = ["UNH", "BGM", "DTM", "RFF", "DTM", "NAD", "RFF", "LIN", "QTY", "UNS", "CNT"];
        let (outcomes, missing) = walk_in(Directory::D96A, b"ORDERS", &tags);
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Placed), "{outcomes:?}");
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// UNH, SG1 of one LOC, SG2 of two, UNS which is mandatory, SG3 of LOC.
    static IN_A_ROW: Tables = Tables {
        names: &[],
        codes: &[],
        usages: &[],
        notes: &[],
        shapes: &[],
        loops: &[
            Loop {
                name: "",
                parts: Span { first: 0, count: 5 },
                mandatory: 0b01001,
                later: u128::MAX,
            },
            Loop { name: "SG1", parts: Span { first: 5, count: 1 }, mandatory: 1, later: 0 },
            Loop { name: "SG2", parts: Span { first: 5, count: 1 }, mandatory: 1, later: 0 },
            Loop { name: "SG3", parts: Span { first: 5, count: 1 }, mandatory: 1, later: 0 },
        ],
        parts: &[
            Part { shape: u16::MAX, inner: u16::MAX, most: 1 },
            Part { shape: u16::MAX, inner: 1, most: 1 },
            Part { shape: u16::MAX, inner: 2, most: 2 },
            Part { shape: u16::MAX, inner: u16::MAX, most: 1 },
            Part { shape: u16::MAX, inner: 3, most: 9 },
            Part { shape: u16::MAX, inner: u16::MAX, most: 1 },
        ],
        tags: &[UNH, LOC, LOC, UNS, LOC, LOC],
        known: &[],
        transactions: &[],
        files: &[],
    };
    static MESSAGE: Transaction = Transaction {
        directory: Directory::D96A,
        id: "",
        version: 0,
        group: "",
        name: "",
        root: 0,
        tags: &[],
        totals: &[],
    };
    const UNH: u32 = u32::from_be_bytes(*b"UNH\0");
    const LOC: u32 = u32::from_be_bytes(*b"LOC\0");
    const UNS: u32 = u32::from_be_bytes(*b"UNS\0");

    #[test]
    fn a_full_place_spills_to_the_next_of_its_tag_but_not_past_what_is_mandatory() {
        let mut matcher = Matcher::within(&IN_A_ROW, &MESSAGE);
        let mut missing = Vec::new();
        let mut seen = Vec::new();
        for tag in [UNH, LOC, LOC, LOC, LOC, UNS, LOC] {
            let outcome = matcher.place(tag, &mut missing);
            seen.push((matcher.loop_id().unwrap_or_default(), outcome));
        }
        assert_eq!(
            seen,
            [
                ("", Outcome::Placed),
                ("SG1", Outcome::Placed),
                ("SG2", Outcome::Placed),
                ("SG2", Outcome::Placed),
                ("SG2", Outcome::LoopTooOften(2)),
                ("", Outcome::Placed),
                ("SG3", Outcome::Placed),
            ]
        );
        assert!(missing.is_empty());
    }

    #[test]
    fn names_of_loops_come_from_the_files() {
        let transaction = Directory::D96A.tables().transaction(b"ORDERS").unwrap();
        let mut matcher = Matcher::new(transaction);
        let mut missing = Vec::new();
        for tag in ["UNH", "BGM", "DTM", "NAD", "CTA", "COM"] {
            matcher.place(tag_code(tag.as_bytes()), &mut missing);
        }
        assert_eq!(matcher.path().collect::<Vec<_>>(), ["SG2", "SG5"]);
    }

    #[test]
    fn an_order_finds_its_places() {
        let tags = [
            "ST", "BEG", "REF", "N1", "N3", "N4", "N1", "PO1", "PID", "SAC", "PO1", "PO1", "N1",
            "REF", "CTT",
        ];
        let (outcomes, missing) = walk(b"850", &tags);
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Placed), "{outcomes:?}");
        assert!(missing.is_empty());
    }

    #[test]
    fn faults_are_told_apart() {
        let (outcomes, missing) =
            walk(b"850", &["ST", "REF", "BEG", "N3", "HL", "QQQ", "PO1", "CTT", "CTT"]);
        assert_eq!(
            outcomes,
            [
                Outcome::Placed,
                Outcome::Placed,
                Outcome::OutOfOrder,
                Outcome::Unexpected,
                Outcome::NotInSet,
                Outcome::Unknown,
                Outcome::Placed,
                Outcome::Placed,
                Outcome::LoopTooOften(1)
            ]
        );
        assert_eq!(missing, ["BEG"]);
        let (outcomes, missing) = walk(b"810", &["ST", "BIG", "CUR", "REF", "CUR", "IT1"]);
        assert_eq!(outcomes.get(4), Some(&Outcome::SegmentTooOften(1)));
        assert_eq!(missing, ["TDS"]);
    }
}
