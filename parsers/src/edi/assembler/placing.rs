//! Gives every remark its place: line, position, control numbers; and marks the level that its code belongs to.

use super::excerpt::excerpt;
use super::{State, Visit};
use crate::edi::delimiters::digits;
use crate::edi::event::Stage;
use crate::edi::finding::{Found, Node, Place, Remark};
use crate::edi::rules::{Code, Rule};
use crate::edi::segment::Segment;
use crate::edi::shown::shown;
use crate::edi::standard::Standard;
use crate::edi::validate::{Sink, Spot};
use crate::finding::Severity;

impl Visit<'_, '_> {
    pub(in crate::edi) fn say_of_element(
        &mut self,
        rule: &Rule,
        remark: Remark,
        segment: &Segment<'_>,
        number: u32,
    ) {
        let offset = segment.offset_of(number as usize);
        let spot = Spot { offset, element: Some(number), ..spot_of(segment) };
        self.say(rule, remark, spot, Some(segment));
    }

    /// A finding of the interchange, also while a group or set is open.
    pub(in crate::edi) fn say_of_interchange(
        &mut self,
        rule: &Rule,
        remark: Remark,
        segment: &Segment<'_>,
    ) {
        let (group, set) = (self.state.group.open, self.state.set.open);
        (self.state.group.open, self.state.set.open) = (false, false);
        self.say(rule, remark, spot_of(segment), None);
        (self.state.group.open, self.state.set.open) = (group, set);
    }

    /// Adds a finding and marks the level that its code belongs to.
    pub(in crate::edi) fn say(
        &mut self,
        rule: &Rule,
        remark: Remark,
        spot: Spot,
        segment: Option<&Segment<'_>>,
    ) {
        let answer = self.state.answer(rule);
        let is_edifact = self.state.standard == Some(Standard::Edifact);
        let stage = self.state.stage(answer);
        let severity = rule.severity(self.state.options.policy);
        match severity {
            Severity::Error => self.state.summary.errors += 1,
            Severity::Warning => self.state.summary.warnings += 1,
        }
        if let Some(stage) = stage {
            // Any fault in a segment of X12 rejects or marks its set with 5; CONTRL does not repeat it above.
            let code = match answer {
                Some(Code::Segment(_) | Code::Element(_)) if is_edifact => None,
                Some(Code::Segment(_) | Code::Element(_)) => Some("5"),
                Some(code) => Some(code.value()),
                None => None,
            };
            let rejects = severity == Severity::Error || rule.refuses;
            self.state.level_mut(stage).tally.add(rejects, code);
        }
        if self.state.findings_told >= self.state.options.limits.findings {
            return;
        }
        self.state.findings_told += 1;
        let place = self.place(spot, stage, segment);
        let terminator = self.state.interchange.header.delimiters().segment;
        let excerpt = excerpt(self.block, place.offset, terminator);
        let node = self.state.node(stage);
        let standard = self.state.standard;
        let found = Found { place, node, answer, standard, excerpt };
        self.events.finding(found.finding(rule, severity, remark));
    }

    fn place(&self, spot: Spot, stage: Option<Stage>, segment: Option<&Segment<'_>>) -> Place {
        let state = &*self.state;
        // A control number is short; a malformed one may be anything, of any length.
        let text = |bytes: &[u8]| shown(bytes.trim_ascii());
        let tag = segment.map(Segment::tag).filter(|tag| tag.len() <= 4);
        let in_group = matches!(stage, Some(Stage::Group | Stage::Set));
        let in_set = stage == Some(Stage::Set);
        let numbers = state.control_numbers();
        Place {
            offset: spot.offset,
            line: self.line_of(spot.offset),
            segment_position: in_set.then_some(state.set.segments),
            segment: spot.tag.or_else(|| tag.map(text)).filter(|tag| !tag.is_empty()),
            element: spot.element,
            component: spot.component,
            repetition: spot.repetition,
            interchange: stage.map(|_| text(numbers[0])),
            group: (in_group && !state.group.header.is_empty()).then(|| text(numbers[1])),
            transaction: in_set.then(|| text(numbers[2])),
            loop_id: spot.loop_id,
            element_number: spot.element_number,
        }
    }

    fn line_of(&self, offset: usize) -> usize {
        let block = self.block;
        let before = block.bytes.get(..offset.saturating_sub(block.base)).unwrap_or(block.bytes);
        block.line + memchr::memchr_iter(b'\n', before).count()
    }
}

impl State<'_> {
    /// The acknowledgement code of a rule in the standard and version that is read.
    fn answer(&self, rule: &Rule) -> Option<Code> {
        match self.standard {
            Some(Standard::Edifact) => rule.control().map(|code| {
                let value = code.in_syntax(self.edifact.is_version_4()).value();
                match (self.stage(Some(code)), code) {
                    (Some(Stage::Group), Code::Set(_) | Code::Segment(_) | Code::Element(_)) => {
                        Code::Group(value)
                    }
                    (Some(Stage::Interchange), _) => Code::Interchange(value),
                    _ => code,
                }
            }),
            Some(Standard::Tradacoms) => None,
            _ => {
                let interchange = digits(self.interchange.header.element(12)).unwrap_or(0);
                let group = if self.group.open { version(self.group.header.element(8)) } else { 0 };
                rule.answer.map(|code| code.in_version(interchange, group))
            }
        }
    }

    /// The level that a code belongs to; without a code the innermost open one.
    fn stage(&self, answer: Option<Code>) -> Option<Stage> {
        if !self.interchange.open {
            return None;
        }
        Some(match answer {
            Some(Code::Interchange(_)) => Stage::Interchange,
            _ if !self.group.open => Stage::Interchange,
            // A group without a header cannot be named.
            Some(Code::Group(_)) if self.group.header.is_empty() => Stage::Interchange,
            Some(Code::Group(_)) => Stage::Group,
            _ if self.set.open => Stage::Set,
            _ if self.group.header.is_empty() => Stage::Interchange,
            _ => Stage::Group,
        })
    }

    fn node(&self, stage: Option<Stage>) -> Node {
        let group = matches!(stage, Some(Stage::Group | Stage::Set));
        (
            stage.map(|_| self.interchange.index),
            group.then_some(self.group.index),
            (stage == Some(Stage::Set)).then_some(self.set.index),
        )
    }

    fn control_numbers(&self) -> [&[u8]; 3] {
        let (interchange, group, set) =
            (&self.interchange.header, &self.group.header, &self.set.header);
        match self.standard {
            Some(Standard::Edifact) => [interchange.element(5), group.element(5), set.element(1)],
            Some(Standard::Tradacoms) => [interchange.element(5), group.element(1), set.element(1)],
            _ => [interchange.element(13), group.element(6), set.element(2)],
        }
    }
}

/// The number of version, release and subrelease: `004010VICS` gives 4010. 0 where it cannot be read.
pub(in crate::edi) fn version(gs08: &[u8]) -> u32 {
    gs08.get(..6).and_then(digits).unwrap_or(0)
}

pub(in crate::edi) fn spot_of(segment: &Segment<'_>) -> Spot {
    Spot { offset: segment.offset, ..Spot::default() }
}

/// Passes a validator's remarks on, with the segment that it looks at.
pub(super) struct Speaker<'s, 'v, 'o> {
    pub(super) visit: &'s mut Visit<'v, 'o>,
    pub(super) segment: &'s Segment<'s>,
}

impl Sink for Speaker<'_, '_, '_> {
    fn remark(&mut self, rule: &Rule, remark: Remark, spot: Spot) {
        self.visit.say(rule, remark, spot, Some(self.segment));
    }
}
