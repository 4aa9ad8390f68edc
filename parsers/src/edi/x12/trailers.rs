//! SE, GE and IEA: whether a level ends as its header began, and what to say where it does not end at all.

use crate::edi::assembler::{Visit, spot_of};
use crate::edi::delimiters::digits;
use crate::edi::event::Stage;
use crate::edi::finding::Remark;
use crate::edi::rules::{self, Rule};
use crate::edi::segment::{KeptSegment, Segment};
use crate::edi::shown::shown;

/// What a trailer repeats: its name, the header's, the rules for another number and for other zeros.
type Repeats = (&'static str, &'static str, &'static Rule, &'static Rule);

impl Visit<'_, '_> {
    pub(super) fn close_transaction(&mut self, segment: &Segment<'_>) {
        if !self.state.set.open {
            return self.outside(segment);
        }
        self.count_segment(segment);
        self.finish_validator(segment);
        self.end_security(Stage::Set, segment);
        let counted = self.state.set.segments;
        let stated = segment.element(1).trim_ascii();
        match digits(stated) {
            Some(stated) if stated == counted => {}
            Some(_) => {
                let remark = Remark::new("SE01 is not the number of segments from ST to SE")
                    .expected(counted.to_string())
                    .found(stated);
                self.say_of_element(&rules::SE01_COUNT, remark, segment, 1);
            }
            None => {
                let remark =
                    Remark::new("SE01 is no number").expected(counted.to_string()).found(stated);
                self.say_of_element(&rules::SE01_INVALID, remark, segment, 1);
            }
        }
        let names = ("SE02", "ST02", &rules::SE02_MISMATCH, &rules::SE02_ZEROS);
        self.compare(Stage::Set, 2, names, segment);
        self.too_many_elements(segment, 2, &rules::SE_TOO_MANY);
        self.close(Stage::Set, segment.end);
    }

    pub(super) fn close_functional_group(&mut self, segment: &Segment<'_>) {
        if !self.state.group.open {
            return self.outside(segment);
        }
        self.end_set_early(segment);
        self.end_security(Stage::Group, segment);
        let stated = segment.element(1).trim_ascii();
        self.state.group.stated = digits(stated);
        let sets = self.state.group.children;
        if digits(stated) != Some(sets) {
            let remark = Remark::new("GE01 is not the number of transaction sets")
                .expected(sets.to_string())
                .found(stated);
            self.say_of_element(&rules::GE01_COUNT, remark, segment, 1);
        }
        let names = ("GE02", "GS06", &rules::GE02_MISMATCH, &rules::GE02_ZEROS);
        self.compare(Stage::Group, 6, names, segment);
        self.too_many_elements(segment, 2, &rules::GROUP_TOO_MANY);
        if sets == 0 {
            let remark = Remark::new("the functional group has no transaction set");
            self.say(&rules::GROUP_EMPTY, remark, spot_of(segment), Some(segment));
        }
        self.close(Stage::Group, segment.end);
    }

    pub(super) fn close_x12(&mut self, segment: &Segment<'_>) {
        self.end_group_early(segment);
        let groups = self.state.interchange.children;
        // TA1s are the segments that an interchange itself has.
        let answers = self.state.interchange.segments;
        let stated = segment.element(1).trim_ascii();
        self.state.interchange.stated = digits(stated);
        let countable = !self.state.told.group_missing;
        if digits(stated) != Some(groups) && countable {
            let only_answers = groups == 0 && answers > 0;
            let rule = if only_answers { &rules::IEA01_TA1_ONLY } else { &rules::IEA01_COUNT };
            let remark = Remark::new("IEA01 is not the number of functional groups")
                .expected(groups.to_string())
                .found(stated);
            self.say_of_element(rule, remark, segment, 1);
        }
        let names = ("IEA02", "ISA13", &rules::IEA02_MISMATCH, &rules::IEA02_ZEROS);
        self.compare(Stage::Interchange, 13, names, segment);
        self.too_many_elements(segment, 2, &rules::IEA_TOO_MANY);
        if groups == 0 && answers == 0 && countable {
            let remark = Remark::new("the interchange is empty");
            self.say(&rules::INTERCHANGE_EMPTY, remark, spot_of(segment), Some(segment));
        }
        self.close(Stage::Interchange, segment.end);
    }

    /// Header and trailer number as text; different only in leading zeros is a fault of its own.
    fn compare(&mut self, stage: Stage, number: usize, names: Repeats, segment: &Segment<'_>) {
        let header = self.state.level_mut(stage).header.element(number);
        let trailer = segment.element(2).trim_ascii();
        // A number that the header lacks is told there, with a narrower code.
        if header == trailer || (header.is_empty() && stage != Stage::Interchange) {
            return;
        }
        let (trailer_name, header_name, mismatch, zeros) = names;
        let same_value = digits(header).is_some() && digits(header) == digits(trailer);
        let rule = if same_value { zeros } else { mismatch };
        let remark = Remark::new(format!("{trailer_name} does not repeat {header_name}"))
            .expected(shown(header))
            .found(trailer);
        self.say_of_element(rule, remark, segment, 2);
    }

    /// What stands behind the last element that a segment of the envelope has: values, or separators alone.
    pub(super) fn too_many_elements(&mut self, segment: &Segment<'_>, most: u32, rule: &Rule) {
        // What has no terminator goes on to the end of the input: that is told.
        let Some((number, value)) =
            segment.beyond(most as usize).filter(|_| segment.traits.terminated)
        else {
            return;
        };
        if value.is_empty() {
            let remark = Remark::new("separators stand before the terminator with nothing between");
            return self.say_of_element(&rules::TRAILING_SEPARATORS, remark, segment, number);
        }
        let remark = Remark::new(format!("{} has more elements than it may", segment.tag_text()))
            .expected(format!("at most {most} elements"))
            .found(value);
        self.say_of_element(rule, remark, segment, number);
    }

    pub(super) fn end_set_early(&mut self, at: &Segment<'_>) {
        if !self.state.set.open {
            return;
        }
        self.finish_validator(at);
        self.end_security(Stage::Set, at);
        let remark =
            Remark::new("the transaction set is not closed").expected("SE").found(at.tag());
        self.say(&rules::SE_MISSING, remark, spot_of(at), Some(at));
        self.close(Stage::Set, at.offset);
    }

    pub(super) fn end_group_early(&mut self, at: &Segment<'_>) {
        self.end_set_early(at);
        if self.state.group.open {
            self.end_security(Stage::Group, at);
            let remark =
                Remark::new("the functional group is not closed").expected("GE").found(at.tag());
            self.say(&rules::GE_MISSING, remark, spot_of(at), Some(at));
            self.close(Stage::Group, at.offset);
        }
    }

    /// The input ends, or the next ISA comes, before IEA.
    pub(in crate::edi) fn end_x12_early(&mut self, offset: usize) {
        let mut nothing = KeptSegment::default();
        (nothing.offset, nothing.end) = (offset, offset);
        let end = nothing.view();
        self.end_group_early(&end);
        let remark = Remark::new("the interchange is not closed").expected("IEA");
        self.say(&rules::IEA_MISSING, remark, spot_of(&end), None);
        self.close(Stage::Interchange, offset);
    }
}
