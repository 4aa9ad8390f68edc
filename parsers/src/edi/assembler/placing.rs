//! Gives every remark its place: line, position, control numbers; and marks the level that its code belongs to.

use super::excerpt::excerpt;
use super::{Level, State, Visit};
use crate::edi::delimiters::digits;
use crate::edi::event::Stage;
use crate::edi::finding::{Found, Node, Place, Remark};
use crate::edi::rules::{self, Code, Functional, Rule, Tables};
use crate::edi::scanner::Block;
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
        self.say_showing(rule, remark, spot_of(segment), (None, Some(segment)));
        (self.state.group.open, self.state.set.open) = (group, set);
    }

    /// A finding about bytes that are no segment. They are shown.
    pub(in crate::edi) fn say_of_bytes(
        &mut self,
        rule: &Rule,
        remark: Remark,
        offset: usize,
        bytes: &[u8],
    ) {
        let shown = Segment::of_bytes(bytes, offset);
        let spot = Spot { offset, ..Spot::default() };
        self.say_showing(rule, remark, spot, (None, Some(&shown)));
    }

    pub(in crate::edi) fn byte_order_mark(&mut self, offset: usize) {
        let remark = Remark::new("a byte order mark stands before the first segment");
        let spot = Spot { offset, ..Spot::default() };
        self.say(&rules::BYTE_ORDER_MARK, remark, spot, None);
    }

    /// Adds a finding and marks the level that its code belongs to.
    pub(in crate::edi) fn say(
        &mut self,
        rule: &Rule,
        remark: Remark,
        spot: Spot,
        segment: Option<&Segment<'_>>,
    ) {
        self.say_showing(rule, remark, spot, (segment, segment));
    }

    /// As [`Visit::say`], with another segment to be shown than the one that is named.
    fn say_showing(
        &mut self,
        rule: &Rule,
        remark: Remark,
        spot: Spot,
        (segment, shown): (Option<&Segment<'_>>, Option<&Segment<'_>>),
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
            // Any fault in a segment of X12 rejects or marks its set; CONTRL does not repeat it above.
            let code = match answer {
                Some(Code::Segment(_) | Code::Element(_)) if is_edifact => None,
                Some(Code::Segment(_) | Code::Element(_)) if rule.is_of_guide() => Some("I5"),
                Some(code) if is_edifact => Some(code.value()),
                code => code.map(|code| code.mark().value()),
            };
            let rejects = severity == Severity::Error || rule.refuses;
            self.state.level_mut(stage).tally.add(rejects, code);
        }
        if self.state.findings_told >= self.state.options.limits.findings {
            return;
        }
        self.state.findings_told += 1;
        let place = self.place(spot, stage, segment);
        let excerpt =
            shown.and_then(|shown| excerpt(shown.bytes, place.offset.checked_sub(shown.offset)?));
        let node = self.state.node(stage);
        let standard = self.state.standard;
        let shown = answer.and_then(|code| self.state.shown(code));
        let found = Found { place, node, answer, shown, standard, excerpt };
        self.events.finding(found.finding(rule, severity, remark));
    }

    fn place(&mut self, spot: Spot, stage: Option<Stage>, segment: Option<&Segment<'_>>) -> Place {
        let line = self.line_of(spot.offset);
        let state = &*self.state;
        // A control number is short; a malformed one may be anything, of any length.
        let text = |bytes: &[u8]| shown(bytes.trim_ascii());
        let tag = segment.map(Segment::tag).filter(|tag| tag.len() <= 4);
        let in_group = matches!(stage, Some(Stage::Group | Stage::Set));
        let in_set = stage == Some(Stage::Set);
        let numbers = state.control_numbers();
        Place {
            offset: spot.offset,
            line,
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

    /// The line of a place in the block, or in the header of an open level, which may have left the block.
    pub(in crate::edi) fn line_of(&mut self, offset: usize) -> usize {
        let newlines = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count();
        let Block { bytes, base, line } = self.block;
        let Some(at) = offset.checked_sub(base) else {
            if offset == 0 {
                return 1;
            }
            let state = &*self.state;
            if let Some(line) = state.edifact.line_in_una(offset) {
                return line;
            }
            let levels = [&state.set, &state.group, &state.interchange].into_iter();
            let level = levels
                .filter(|level| level.header.offset <= offset)
                .max_by_key(|level| level.header.offset);
            let before = |level: &Level| {
                let into = offset - level.header.offset;
                level.header.view().bytes.get(..into).map_or(0, newlines)
            };
            return level.map_or(line, |level| level.line + before(level));
        };
        // What was counted before is not counted again: there may be a finding a segment.
        let (from, counted) = match self.state.counted {
            (from, counted) if (base..=offset).contains(&from) => (from, counted),
            _ => (base, line),
        };
        let counted = counted + bytes.get(from - base..at).map_or(0, newlines);
        self.state.counted = (offset, counted);
        counted
    }
}

impl State<'_> {
    /// The acknowledgement code of a rule in the standard that is read; in X12 the richest that there is.
    fn answer(&self, rule: &Rule) -> Option<Code> {
        match self.standard {
            Some(Standard::Edifact) => rule.control().map(|code| {
                let code = code.in_syntax(self.edifact.is_version_4());
                let value = code.value();
                match (self.stage(Some(code)), code) {
                    (Some(Stage::Group), Code::Set(_) | Code::Segment(_) | Code::Element(_)) => {
                        Code::Group(value)
                    }
                    (Some(Stage::Interchange), _) => Code::Interchange(value),
                    _ => code,
                }
            }),
            Some(Standard::Tradacoms) => None,
            // AK3 and AK4 name segments of sets. What stands outside of them has no code on the level around it.
            _ => rule.answer.filter(|code| {
                self.set.open || !matches!(code, Code::Segment(_) | Code::Element(_))
            }),
        }
    }

    /// The code as the 997 of the open group's version has it.
    fn shown(&self, code: Code) -> Option<Code> {
        if self.standard != Some(Standard::X12) {
            return Some(code);
        }
        let named = code.in_version(&Tables {
            functional: Functional::F997,
            interchange: digits(self.interchange.header.element(12)).unwrap_or(0),
            group: if self.group.open { self.group.version } else { 0 },
        });
        // TA1 notes a bad GS for which AK9 has no code.
        named.or_else(|| matches!(code, Code::Group(_)).then_some(Code::Interchange("024")))
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
    fn remark(&mut self, rule: &Rule, mut remark: Remark, spot: Spot) {
        let mut rule = *rule;
        if let Some(tables) = self.visit.state.borrowed.filter(|_| rule.moves_with_the_version()) {
            rule.lenient = Severity::Warning;
            let message =
                format!("{} by the tables of {}, the nearest", remark.message, tables.name());
            remark.message = message.into();
        }
        self.visit.say(&rule, remark, spot, Some(self.segment));
    }

    fn position(&self) -> u32 {
        self.visit.state.set.segments
    }
}
