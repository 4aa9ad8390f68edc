//! HL of X12: each level of a shipment has a number of its own, and names that of the level that it belongs to.
//!
//! In: the HL segments of a set, in order. Out: remarks on numbers. Never: more memory than the runs of numbers that do
//! not count on, nor any for those that do.

use super::{Sink, Spot};
use crate::edi::assembler::{Entry, Numbers};
use crate::edi::delimiters::digits;
use crate::edi::finding::Remark;
use crate::edi::rules;
use crate::edi::segment::Segment;

/// The tag, as [`Segment::tag_code`] gives it.
pub(super) const HL: u32 = u32::from_be_bytes(*b"HL\0\0");

/// HL01 and HL02 in the directory.
const NUMBER: u16 = 628;
const PARENT: u16 = 734;

/// The levels of a set so far.
#[derive(Debug, Default)]
pub(super) struct Levels {
    /// The first levels have the numbers from 1 to this.
    counted: u32,
    /// The numbers of the others, from the first that did not count on.
    others: Option<Numbers>,
    /// There was no room for all numbers.
    forgot: bool,
}

impl Levels {
    /// Takes a level that counts on from the last and belongs to one before it, as most do. No: look closely.
    pub(super) fn count_on(&mut self, segment: &Segment<'_>) -> bool {
        let parent = segment.element(2);
        let is_known = parent.is_empty() || digits(parent).is_some_and(|up| self.has_counted(up));
        let counts = self.others.is_none()
            && digits(segment.element(1)) == Some(self.counted.saturating_add(1));
        if counts && is_known {
            self.counted = self.counted.saturating_add(1);
        }
        counts && is_known
    }

    pub(super) fn check(
        &mut self,
        segment: &Segment<'_>,
        loop_id: Option<&'static str>,
        sink: &mut dyn Sink,
    ) {
        if self.count_on(segment) {
            return;
        }
        let spot = |element: u32, number| Spot {
            offset: segment.offset_of(element as usize),
            element: Some(element),
            element_number: Some(number),
            loop_id,
            ..Spot::default()
        };
        let (number, parent) = (segment.element(1).trim_ascii(), segment.element(2).trim_ascii());
        if !parent.is_empty() && !self.knows(parent) {
            let remark = Remark::new("HL02 is not the number of a level before this one");
            sink.remark(&rules::HL_PARENT, remark.found(parent), spot(2, PARENT));
        }
        if number.is_empty() {
            return;
        }
        let (next, counts) = (self.counted.saturating_add(1), self.others.is_none());
        if counts && digits(number) == Some(next) {
            self.counted = next;
        } else if self.enters(number) {
            let remark = Remark::new("another level has this number").found(number);
            sink.remark(&rules::HL_DUPLICATE, remark, spot(1, NUMBER));
        } else if counts {
            let remark = Remark::new("the levels are not counted from 1 in HL01");
            let remark = remark.expected(next.to_string()).found(number);
            sink.remark(&rules::HL_COUNT, remark, spot(1, NUMBER));
        }
    }

    fn has_counted(&self, number: u32) -> bool {
        (1..=self.counted).contains(&number)
    }

    fn knows(&self, number: &[u8]) -> bool {
        self.forgot
            || digits(number).is_some_and(|number| self.has_counted(number))
            || self.others.as_ref().is_some_and(|others| others.has(0, without_zeros(number)))
    }

    /// Remembers a number that does not count on. Whether it was there before.
    fn enters(&mut self, number: &[u8]) -> bool {
        let others = self.others.get_or_insert_default();
        let entry = others.enter(0, without_zeros(number));
        self.forgot |= entry == Entry::Forgotten;
        entry == Entry::Repeated || digits(number).is_some_and(|number| self.has_counted(number))
    }
}

/// `01` and `1` are one number to who counts.
fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|digit| **digit == b'0').count();
    number.get(zeros..).unwrap_or(number)
}
