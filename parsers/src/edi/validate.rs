//! Holds one set or message against its table: places, use, elements, syntax notes, totals, levels.
//!
//! In: segments one by one. Out: remarks to whoever assembles the report. Never: an opinion on envelopes, an
//! allocation for a segment that is right.

mod elements;
mod fit;
mod levels;
mod period;
mod totals;

use self::elements::Elements;
use self::levels::{HL, Levels};
use self::totals::Totals;
use super::finding::Remark;
use super::rules::{self, Rule};
use super::schema::{Matcher, Outcome, Transaction, tag_text};
use super::segment::Segment;
use super::shown::times;
use super::standard::Standard;

/// Where in a segment a remark belongs.
#[derive(Debug, Clone, Default)]
pub struct Spot {
    /// The byte.
    pub offset: usize,
    /// The tag to report; another than the segment's own for a segment that is missing.
    pub tag: Option<String>,
    /// The element.
    pub element: Option<u32>,
    /// The component.
    pub component: Option<u32>,
    /// The repetition.
    pub repetition: Option<u32>,
    /// The element's number in the directory.
    pub element_number: Option<u16>,
    /// The innermost open loop.
    pub loop_id: Option<&'static str>,
}

/// Takes remarks.
pub trait Sink {
    /// A rule is broken.
    fn remark(&mut self, rule: &Rule, remark: Remark, spot: Spot);

    /// The segment that is read, within its set; ST is 1. 0 where nobody counts.
    fn position(&self) -> u32 {
        0
    }
}

/// Reads one set.
#[derive(Debug)]
pub struct Validator {
    matcher: Matcher,
    transaction: &'static Transaction,
    totals: Totals,
    levels: Levels,
    missing: Vec<u32>,
    /// Values without their release characters.
    scratch: Vec<u8>,
}

impl Validator {
    /// Before the header segment.
    #[must_use]
    pub fn new(transaction: &'static Transaction) -> Self {
        Self {
            matcher: Matcher::new(transaction),
            transaction,
            totals: Totals::new(transaction),
            levels: Levels::default(),
            missing: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The next segment, the trailer not among them.
    pub fn segment(&mut self, segment: &Segment<'_>, sink: &mut dyn Sink) {
        let tag = segment.tag_code();
        let outcome = self.matcher.place(tag, &mut self.missing);
        if !self.missing.is_empty() {
            self.report_missing(segment, sink);
        }
        if outcome != Outcome::Placed {
            self.report_place(outcome, segment, sink);
        }
        self.check_elements(segment, sink);
        self.totals.add(tag, segment);
        self.totals.compare(tag, segment, self.matcher.loop_id(), sink);
        if tag == HL {
            self.levels.check(segment, self.matcher.loop_id(), sink);
        }
    }

    /// Takes the next segment as [`Validator::segment`] does, where there is nothing to say about it. If there could
    /// be, nothing happens: that is what the answer no means. `tag`: [`Segment::tag_code`].
    pub(super) fn pass(&mut self, tag: u32, segment: &Segment<'_>) -> bool {
        let Some(step) = self.matcher.next(tag) else {
            return false;
        };
        let tables = self.transaction.tables();
        let fits = step.shape.is_none_or(|shape| fit::fits(tables, shape, segment));
        if !fits || self.totals.are_stated_in(tag) {
            return false;
        }
        if tag == HL && !self.levels.count_on(segment) {
            return false;
        }
        self.matcher.go(step);
        self.totals.add(tag, segment);
        true
    }

    /// The trailer is there, or would have to be.
    pub fn finish(&mut self, at: &Segment<'_>, sink: &mut dyn Sink) {
        self.matcher.finish(&mut self.missing);
        self.report_missing(at, sink);
    }

    /// The table.
    #[must_use]
    pub fn transaction(&self) -> &'static Transaction {
        self.transaction
    }

    /// Where the last segment was placed.
    #[must_use]
    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    fn check_elements(&mut self, segment: &Segment<'_>, sink: &mut dyn Sink) {
        let tables = self.transaction.tables();
        let shape = self.matcher.shape();
        if shape.is_some_and(|shape| fit::fits(tables, shape, segment)) {
            return;
        }
        Elements {
            tables,
            shape,
            standard: self.transaction.directory.standard(),
            segment,
            loop_id: self.matcher.loop_id(),
            scratch: &mut self.scratch,
            sink,
        }
        .check();
    }

    fn report_missing(&mut self, before: &Segment<'_>, sink: &mut dyn Sink) {
        for tag in self.missing.drain(..) {
            let tag = tag_text(tag);
            let remark = Remark::new(format!("the mandatory segment {tag} is missing"))
                .expected(format!("{tag} before this segment"))
                .found(before.tag());
            let spot = Spot {
                offset: before.offset,
                tag: Some(tag),
                loop_id: self.matcher.loop_id(),
                ..Spot::default()
            };
            sink.remark(&rules::SEGMENT_MISSING, remark, spot);
        }
    }

    fn report_place(&self, outcome: Outcome, segment: &Segment<'_>, sink: &mut dyn Sink) {
        let name = self.transaction.name.to_lowercase();
        let standard = match self.transaction.directory.standard() {
            Standard::X12 => "X12",
            Standard::Edifact => "EDIFACT",
            Standard::Tradacoms => "TRADACOMS",
        };
        let (rule, message) = match outcome {
            Outcome::Placed => return,
            Outcome::SegmentTooOften(most) => (
                &rules::SEGMENT_TOO_OFTEN,
                format!("the segment is there more than {}", times(most)),
            ),
            Outcome::LoopTooOften(most) => {
                (&rules::LOOP_TOO_OFTEN, format!("the loop is there more than {}", times(most)))
            }
            Outcome::OutOfOrder => (&rules::SEGMENT_ORDER, "the segment comes too late".to_owned()),
            Outcome::Unexpected => (
                &rules::SEGMENT_UNEXPECTED,
                format!("the {name} has this segment, but not in this place"),
            ),
            Outcome::NotInSet => {
                (&rules::SEGMENT_NOT_IN_SET, format!("the {name} does not have this segment"))
            }
            Outcome::Unknown if segment.bytes.is_empty() => {
                (&rules::SEGMENT_EMPTY, "two terminators follow each other".to_owned())
            }
            Outcome::Unknown if segment.tag_is_well_formed() => {
                (&rules::SEGMENT_UNKNOWN, format!("no segment of {standard} has this tag"))
            }
            Outcome::Unknown => {
                (&rules::SEGMENT_TAG, "this cannot be the tag of a segment".to_owned())
            }
        };
        let spot =
            Spot { offset: segment.offset, loop_id: self.matcher.loop_id(), ..Spot::default() };
        sink.remark(rule, Remark::new(message).found(segment.tag()), spot);
    }
}

#[cfg(test)]
mod tests;
