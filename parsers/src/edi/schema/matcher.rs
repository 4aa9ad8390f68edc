//! Finds the place of each segment in a table: a cursor a loop, moved forward only.

use super::{Part, Transaction, is_known_tag};

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
    /// X12 has it, this set has not.
    NotInSet,
    /// Nothing known has it.
    Unknown,
}

/// Where reading stands in a loop.
#[derive(Debug, Clone)]
struct Frame {
    parts: &'static [Part],
    cursor: usize,
    count: u32,
    /// One bit a part: it was there.
    seen: u128,
    /// One bit a part: it was reported missing.
    missed: u128,
}

/// Where reading stands in a set. Holds one frame an open loop: the tables nest four deep.
#[derive(Debug, Clone)]
pub struct Matcher {
    transaction: &'static Transaction,
    frames: Vec<Frame>,
    opened: bool,
}

impl Matcher {
    /// Before ST.
    #[must_use]
    pub fn new(transaction: &'static Transaction) -> Self {
        let root = Frame { parts: transaction.parts, cursor: 0, count: 0, seen: 0, missed: 0 };
        Self { transaction, frames: vec![root], opened: false }
    }

    /// The loops that are open, outermost first, by the tag that names them.
    pub fn path(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.frames.iter().skip(1).filter_map(|frame| frame.parts.first().map(Part::tag))
    }

    /// The innermost open loop.
    #[must_use]
    pub fn loop_id(&self) -> Option<&'static str> {
        self.path().last()
    }

    /// The loop that the last segment opened.
    #[must_use]
    pub fn opened_loop(&self) -> Option<&'static str> {
        self.loop_id().filter(|_| self.opened)
    }

    /// Loops that are open.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.frames.len() - 1
    }

    /// Places a segment. Mandatory segments that are skipped by that are added to `missing`.
    pub fn place(&mut self, tag: &str, missing: &mut Vec<&'static str>) -> Outcome {
        self.opened = false;
        let forward = self.frames.iter().enumerate().rev().find_map(|(depth, frame)| {
            Some((
                depth,
                frame.find(tag, frame.cursor.max(usize::from(depth > 0))..frame.parts.len())?,
            ))
        });
        if let Some((depth, index)) = forward {
            return self.advance(depth, index, missing);
        }
        let backward = self.frames.iter().enumerate().rev().find_map(|(depth, frame)| {
            Some((depth, frame.find(tag, usize::from(depth > 0)..frame.cursor)?))
        });
        if let Some((depth, index)) = backward {
            return self.step_back(depth, index, missing);
        }
        if self.transaction.parts.iter().any(|part| part.holds(tag)) {
            Outcome::Unexpected
        } else if is_known_tag(tag) {
            Outcome::NotInSet
        } else {
            Outcome::Unknown
        }
    }

    /// The set ends: what is mandatory and still to come is missing.
    pub fn finish(&mut self, missing: &mut Vec<&'static str>) {
        self.leave(0, missing);
        if let Some(root) = self.frames.first_mut() {
            root.skip_to(root.parts.len(), missing);
        }
    }

    fn advance(&mut self, depth: usize, index: usize, missing: &mut Vec<&'static str>) -> Outcome {
        self.leave(depth, missing);
        let Some(frame) = self.frames.last_mut() else {
            return Outcome::Unknown;
        };
        frame.skip_to(index, missing);
        frame.count = if frame.cursor == index { frame.count.saturating_add(1) } else { 1 };
        frame.cursor = index;
        frame.seen |= 1 << index;
        let count = frame.count;
        let Some(part) = frame.parts.get(index) else {
            return Outcome::Unknown;
        };
        self.open(part);
        match part {
            _ if count <= part.most() => Outcome::Placed,
            Part::Segment { most, .. } => Outcome::SegmentTooOften(*most),
            Part::Loop { most, .. } => Outcome::LoopTooOften(*most),
        }
    }

    /// A segment whose place was passed. The cursor stays, so that what follows is read as before.
    fn step_back(
        &mut self,
        depth: usize,
        index: usize,
        missing: &mut Vec<&'static str>,
    ) -> Outcome {
        let Some(frame) = self.frames.get_mut(depth) else {
            return Outcome::Unknown;
        };
        let was_seen = frame.seen & (1 << index) != 0;
        frame.seen |= 1 << index;
        let Some(part) = frame.parts.get(index) else {
            return Outcome::Unknown;
        };
        if let Part::Loop { .. } = part {
            self.leave(depth, missing);
            self.open(part);
        }
        match part {
            Part::Segment { most: 1, .. } if was_seen => Outcome::SegmentTooOften(1),
            _ => Outcome::OutOfOrder,
        }
    }

    fn open(&mut self, part: &'static Part) {
        if let Part::Loop { parts, .. } = part {
            self.frames.push(Frame { parts, cursor: 0, count: 1, seen: 1, missed: 0 });
            self.opened = true;
        }
    }

    /// Closes the loops below a depth.
    fn leave(&mut self, depth: usize, missing: &mut Vec<&'static str>) {
        while self.frames.len() > depth + 1 {
            if let Some(mut frame) = self.frames.pop() {
                frame.skip_to(frame.parts.len(), missing);
            }
        }
    }
}

impl Frame {
    fn find(&self, tag: &str, range: std::ops::Range<usize>) -> Option<usize> {
        let start = range.start;
        let found = self.parts.get(range)?.iter().position(|part| part.tag() == tag)?;
        Some(start + found)
    }

    /// Everything mandatory between the cursor and an index that was not there is missing; said once.
    fn skip_to(&mut self, index: usize, missing: &mut Vec<&'static str>) {
        for (at, part) in self.parts.iter().enumerate().take(index).skip(self.cursor) {
            if part.mandatory() && (self.seen | self.missed) & (1 << at) == 0 {
                self.missed |= 1 << at;
                missing.push(part.tag());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::transaction;
    use super::*;

    fn walk(set: &[u8], tags: &[&str]) -> (Vec<Outcome>, Vec<&'static str>) {
        let mut matcher = Matcher::new(transaction(set).unwrap());
        let mut missing = Vec::new();
        let outcomes = tags.iter().map(|tag| matcher.place(tag, &mut missing)).collect();
        matcher.finish(&mut missing);
        (outcomes, missing)
    }

    #[test]
    fn no_table_has_more_parts_than_bits() {
        fn check(parts: &[Part]) {
            assert!(parts.len() <= 128);
            for part in parts {
                if let Part::Loop { parts, .. } = part {
                    assert!(matches!(parts[0], Part::Segment { mandatory: true, most: 1, .. }));
                    check(parts);
                }
            }
        }
        for id in [&b"850"[..], b"810", b"997"] {
            check(transaction(id).unwrap().parts);
        }
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
        use Outcome::{NotInSet, OutOfOrder, Placed, SegmentTooOften, Unexpected, Unknown};
        let (outcomes, missing) =
            walk(b"850", &["ST", "REF", "BEG", "N3", "HL", "QQQ", "PO1", "CTT", "CTT"]);
        assert_eq!(
            outcomes,
            [
                Placed,
                Placed,
                OutOfOrder,
                Unexpected,
                NotInSet,
                Unknown,
                Placed,
                Placed,
                Outcome::LoopTooOften(1)
            ]
        );
        assert_eq!(missing, ["BEG"]);
        let (outcomes, missing) = walk(b"810", &["ST", "BIG", "CUR", "REF", "CUR", "IT1"]);
        assert_eq!(outcomes.get(4), Some(&SegmentTooOften(1)));
        assert_eq!(missing, ["TDS"]);
    }
}
