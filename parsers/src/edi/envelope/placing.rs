//! Gives every remark its place: line, position, control numbers; and marks the level that its code belongs to.

use super::{Assembler, Group, Tally};
use crate::edi::delimiters::digits;
use crate::edi::finding::{Node, Place, Remark};
use crate::edi::rules::{Code, Rule};
use crate::edi::segment::Segment;
use crate::edi::shown::shown;
use crate::edi::validate::{Sink, Spot};
use crate::finding::Severity;

impl<'a> Assembler<'a, '_> {
    pub(super) fn say_of_element(
        &mut self,
        rule: &Rule,
        remark: Remark,
        segment: &Segment<'a>,
        number: u32,
    ) {
        let offset = segment
            .elements()
            .nth(number.saturating_sub(1) as usize)
            .map_or(segment.offset + segment.bytes.len(), |(offset, _)| offset);
        let spot = Spot { offset, element: Some(number), ..spot_of(segment) };
        self.say(rule, remark, spot, Some(segment));
    }

    /// A finding of the interchange, also while a group or set is open.
    pub(super) fn say_of_interchange(&mut self, rule: &Rule, remark: Remark, spot: Spot) {
        let (in_group, in_set) = (self.state.in_group, self.state.in_set);
        (self.state.in_group, self.state.in_set) = (false, false);
        self.say(rule, remark, spot, None);
        (self.state.in_group, self.state.in_set) = (in_group, in_set);
    }

    /// Adds a finding and marks the level that its code belongs to.
    pub(super) fn say(
        &mut self,
        rule: &Rule,
        remark: Remark,
        spot: Spot,
        segment: Option<&Segment<'_>>,
    ) {
        let (interchange_version, group_version) = self.versions();
        let answer = rule.answer.map(|code| code.in_version(interchange_version, group_version));
        let node = self.node(answer);
        let place = self.place(spot, node, segment);
        let severity =
            self.report.findings.add(rule, self.options.policy, remark, (place, node, answer));
        let Some(tally) = self.tally_mut(node) else {
            return;
        };
        let code = match answer {
            // Any fault in a segment rejects or marks its set with 5.
            Some(Code::Segment(_) | Code::Element(_)) => Some("5"),
            Some(code) => Some(code.value()),
            None => None,
        };
        tally.add(severity == Severity::Error || rule.refuses, code);
    }

    fn versions(&self) -> (u32, u32) {
        let Some(interchange) = self.report.interchanges.last() else {
            return (0, 0);
        };
        let group = interchange.groups.last().filter(|_| self.state.in_group);
        (digits(interchange.header.element(12)).unwrap_or(0), group.map_or(0, Group::version))
    }

    /// The level that a code belongs to; without a code the innermost open one.
    fn node(&self, answer: Option<Code>) -> Node {
        let last = |count: usize, open: bool| count.checked_sub(1).filter(|_| open);
        let interchanges = &self.report.interchanges;
        let interchange = last(interchanges.len(), self.state.in_interchange);
        let groups = interchanges.last().map_or(&[][..], |interchange| &interchange.groups);
        let group = last(groups.len(), self.state.in_group)
            .filter(|_| !matches!(answer, Some(Code::Interchange(_))));
        let sets = groups.last().map_or(0, |group| group.sets.len());
        let set = last(sets, self.state.in_set)
            .filter(|_| group.is_some() && !matches!(answer, Some(Code::Group(_))));
        (interchange, group, set)
    }

    fn tally_mut(&mut self, node: Node) -> Option<&mut Tally> {
        let interchange = self.report.interchanges.get_mut(node.0?)?;
        let Some(group) = node.1 else {
            return Some(&mut interchange.tally);
        };
        let group = interchange.groups.get_mut(group)?;
        match node.2 {
            None => Some(&mut group.tally),
            Some(set) => group.sets.get_mut(set).map(|set| &mut set.tally),
        }
    }

    fn place(&mut self, spot: Spot, node: Node, segment: Option<&Segment<'_>>) -> Place {
        let line = self.line_of(spot.offset);
        let interchange = node.0.and_then(|index| self.report.interchanges.get(index));
        let group = node.1.and_then(|index| interchange?.groups.get(index));
        let set = node.2.and_then(|index| group?.sets.get(index));
        // A control number is short; a malformed one may be anything, of any length.
        let text = |bytes: &[u8]| shown(bytes.trim_ascii());
        let tag = segment.map(|segment| segment.tag()).filter(|tag| tag.len() <= 3);
        Place {
            offset: spot.offset,
            line,
            segment_position: set.map(|set| set.segments),
            segment: spot.tag.or_else(|| tag.map(text)).filter(|tag| !tag.is_empty()),
            element: spot.element,
            component: spot.component,
            repetition: spot.repetition,
            interchange: interchange.map(|interchange| text(interchange.header.element(13))),
            group: group.map(|group| text(group.header.element(6))),
            transaction: set.map(|set| text(set.header.element(2))),
            loop_id: spot.loop_id,
            element_number: spot.element_number,
        }
    }

    /// Findings come almost in input order, so counting on from the last one is cheap.
    fn line_of(&mut self, offset: usize) -> usize {
        let newlines = |from: usize, to: usize| {
            memchr::memchr_iter(b'\n', self.report.input.get(from..to).unwrap_or_default()).count()
        };
        let (at, line) = self.line;
        let found = if offset >= at {
            line + newlines(at, offset)
        } else {
            line.saturating_sub(newlines(offset, at))
        };
        self.line = (offset, found);
        found
    }
}

pub(super) fn spot_of(segment: &Segment<'_>) -> Spot {
    Spot { offset: segment.offset, ..Spot::default() }
}

pub(super) fn isa_spot(offset: usize, element: usize) -> Spot {
    Spot {
        offset,
        tag: Some("ISA".to_owned()),
        element: u32::try_from(element).ok().filter(|element| *element > 0),
        ..Spot::default()
    }
}

/// Passes a validator's remarks on, with the segment that it looks at.
pub(super) struct Speaker<'s, 'a, 'o> {
    pub(super) assembler: &'s mut Assembler<'a, 'o>,
    pub(super) segment: &'s Segment<'a>,
}

impl Sink for Speaker<'_, '_, '_> {
    fn remark(&mut self, rule: &Rule, remark: Remark, spot: Spot) {
        self.assembler.say(rule, remark, spot, Some(self.segment));
    }
}
