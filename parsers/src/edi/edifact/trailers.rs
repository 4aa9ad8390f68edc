//! UNT, UNE and UNZ: whether a level ends as its header began, and what to say where it does not end at all.

use crate::edi::assembler::{Visit, spot_of};
use crate::edi::delimiters::digits;
use crate::edi::event::Stage;
use crate::edi::finding::Remark;
use crate::edi::rules::Rule;
use crate::edi::rules::edifact as rules;
use crate::edi::segment::{KeptSegment, Segment};
use crate::edi::shown::shown;
use crate::edi::validate::Spot;

use super::packages::Package;

/// Where a header has its reference, and the rules for another one and for other zeros in the trailer.
pub(super) type Repeats = (usize, &'static Rule, &'static Rule);

impl Visit<'_, '_> {
    pub(super) fn close_message(&mut self, segment: &Segment<'_>) {
        if !self.state.set.open {
            return self.outside_message(segment);
        }
        self.count_segment(segment);
        self.finish_validator(segment);
        let counted = self.state.set.segments;
        let stated = segment.element(1).trim_ascii();
        let rule = match digits(stated) {
            Some(stated) if stated == counted => None,
            Some(_) => Some(&rules::UNT_COUNT),
            None => Some(&rules::UNT_COUNT_INVALID),
        };
        if let Some(rule) = rule {
            let remark = Remark::new("UNT does not state the number of segments from UNH to UNT")
                .expected(counted.to_string())
                .found(stated);
            self.say_of_element(rule, remark, segment, 1);
        }
        self.compare_references(Stage::Set, (1, &rules::UNT_REFERENCE, &rules::UNT_ZEROS), segment);
        self.constituents(segment);
        if counted <= 2 {
            let remark = Remark::new("the message has no segment between UNH and UNT");
            self.say(&rules::MESSAGE_EMPTY, remark, spot_of(segment), None);
        }
        self.characters(segment);
        self.close(Stage::Set, segment.end);
    }

    pub(super) fn close_message_group(&mut self, segment: &Segment<'_>) {
        if !self.state.group.open || self.group_is_implicit() {
            self.end_message_early(segment);
            return self.outside_message(segment);
        }
        self.end_message_early(segment);
        let stated = segment.element(1).trim_ascii();
        self.state.group.stated = digits(stated);
        let messages = self.state.group.children;
        if digits(stated) != Some(messages) {
            let remark = Remark::new("UNE does not state the number of messages")
                .expected(messages.to_string())
                .found(stated);
            self.say_of_element(&rules::UNE_COUNT, remark, segment, 1);
        }
        self.compare_references(
            Stage::Group,
            (5, &rules::UNE_REFERENCE, &rules::UNE_ZEROS),
            segment,
        );
        self.constituents(segment);
        if messages == 0 {
            let remark = Remark::new("the group has no message");
            self.say(&rules::GROUP_EMPTY, remark, spot_of(segment), None);
        }
        self.close(Stage::Group, segment.end);
    }

    pub(super) fn close_edifact(&mut self, segment: &Segment<'_>) {
        self.end_message_group_early(segment);
        let (groups, bare) = (self.state.edifact.groups, self.state.edifact.bare);
        let (counted, what) =
            if groups > 0 { (groups, "groups") } else { (bare, "messages and packages") };
        let stated = segment.element(1).trim_ascii();
        self.state.interchange.stated = digits(stated);
        // Where both kinds are there, which is told by itself, either count may be meant.
        let all = groups.saturating_add(bare);
        if ![Some(counted), Some(all)].contains(&digits(stated)) {
            let remark = Remark::new(format!("UNZ does not state the number of {what}"))
                .expected(counted.to_string())
                .found(stated);
            self.say_of_element(&rules::UNZ_COUNT, remark, segment, 1);
        }
        self.compare_references(
            Stage::Interchange,
            (5, &rules::UNZ_REFERENCE, &rules::UNZ_ZEROS),
            segment,
        );
        self.constituents(segment);
        if groups == 0 && bare == 0 {
            let remark = Remark::new("the interchange is empty");
            self.say(&rules::INTERCHANGE_EMPTY, remark, spot_of(segment), None);
        }
        self.close(Stage::Interchange, segment.end);
    }

    /// Header and trailer reference as text; different only in leading zeros is a fault of its own.
    pub(super) fn compare_references(
        &mut self,
        stage: Stage,
        (number, mismatch, zeros): Repeats,
        segment: &Segment<'_>,
    ) {
        let header = self.state.level_mut(stage).header.element(number);
        let trailer = segment.element(2).trim_ascii();
        // A reference that the header lacks is told there: 13, not 28.
        if header == trailer || header.is_empty() {
            return;
        }
        let same_value = digits(header).is_some() && digits(header) == digits(trailer);
        let rule = if same_value { zeros } else { mismatch };
        let remark = Remark::new("the trailer does not repeat the reference of its header")
            .expected(shown(header))
            .found(trailer);
        self.say_of_element(rule, remark, segment, 2);
    }

    pub(super) fn end_message_early(&mut self, at: &Segment<'_>) {
        if !self.state.set.open {
            return;
        }
        self.finish_validator(at);
        let package = std::mem::take(&mut self.state.edifact.package);
        if package == Package::None {
            self.not_closed(&rules::UNT_MISSING, "UNT", at);
        } else if package == Package::Passed {
            self.not_closed(&rules::UNP_MISSING, "UNP", at);
        }
        self.close(Stage::Set, at.offset);
    }

    pub(super) fn end_message_group_early(&mut self, at: &Segment<'_>) {
        self.end_message_early(at);
        self.close_implicit_group(at.offset);
        if self.state.group.open {
            self.not_closed(&rules::UNE_MISSING, "UNE", at);
            self.close(Stage::Group, at.offset);
        }
    }

    /// The input ends, or the next interchange begins, before UNZ.
    pub(in crate::edi) fn end_edifact_early(&mut self, offset: usize) {
        let mut nothing = KeptSegment::default();
        (nothing.offset, nothing.end) = (offset, offset);
        let end = nothing.view();
        let unb = &self.state.interchange.header;
        let swallows_all = unb.end == unb.offset + unb.view().bytes.len();
        self.end_message_group_early(&end);
        if swallows_all {
            let help = "look for the segment terminator, ' or that of UNA: the file does not use it, or it was changed";
            self.not_closed(&Rule { help, ..rules::UNZ_MISSING }, "UNZ", &end);
        } else {
            self.not_closed(&rules::UNZ_MISSING, "UNZ", &end);
        }
        self.close(Stage::Interchange, offset);
    }

    /// The trailer that is missing is what CONTRL names.
    fn not_closed(&mut self, rule: &Rule, trailer: &str, at: &Segment<'_>) {
        let remark = Remark::new(format!("{trailer} is missing")).expected(trailer).found(at.tag());
        let spot = Spot { tag: Some(trailer.to_owned()), ..spot_of(at) };
        self.say(rule, remark, spot, None);
    }
}
