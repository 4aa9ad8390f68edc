//! SE, GE and IEA: whether a level ends as its header began, and what to say where it does not end at all.

use super::placing::{Speaker, spot_of};
use super::{Assembler, State};
use crate::edi::delimiters::digits;
use crate::edi::finding::Remark;
use crate::edi::rules::{self, Rule};
use crate::edi::segment::Segment;
use crate::edi::shown::shown;

impl<'a> Assembler<'a, '_> {
    pub(super) fn close_set(&mut self, segment: &Segment<'a>) {
        if !self.state.in_set {
            return self.outside(segment);
        }
        self.count_segment();
        self.finish_validator(segment);
        let Some(set) = self.open_set_mut() else {
            return;
        };
        set.end = segment.end;
        let (counted, number) = (set.segments, set.header.element(2).trim_ascii());
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
        self.compare(
            (number, segment.element(2).trim_ascii()),
            ("SE02", "ST02", &rules::SE02_MISMATCH, &rules::SE02_ZEROS),
            segment,
        );
        self.state.in_set = false;
        self.state.outside_reported = false;
    }

    fn finish_validator(&mut self, at: &Segment<'a>) {
        if let Some(mut validator) = self.state.validator.take() {
            validator.finish(at, &mut Speaker { assembler: self, segment: at });
        }
    }

    pub(super) fn close_interchange(&mut self, segment: &Segment<'a>) {
        self.end_group_early(segment);
        let Some(interchange) = self.report.interchanges.last() else {
            return;
        };
        let groups = interchange.groups.len();
        let answers = interchange.answers.len();
        let number = interchange.header.element(13);
        let stated = segment.element(1).trim_ascii();
        if digits(stated).is_none_or(|stated| stated as usize != groups) {
            let only_answers = groups == 0 && answers > 0;
            let rule = if only_answers { &rules::IEA01_TA1_ONLY } else { &rules::IEA01_COUNT };
            let remark = Remark::new("IEA01 is not the number of functional groups")
                .expected(groups.to_string())
                .found(stated);
            self.say_of_element(rule, remark, segment, 1);
        }
        self.compare(
            (number, segment.element(2).trim_ascii()),
            ("IEA02", "ISA13", &rules::IEA02_MISMATCH, &rules::IEA02_ZEROS),
            segment,
        );
        if groups == 0 && answers == 0 {
            let remark = Remark::new("the interchange is empty");
            self.say(&rules::INTERCHANGE_EMPTY, remark, spot_of(segment), Some(segment));
        }
    }

    /// Header and trailer number as text; different only in leading zeros is a fault of its own.
    pub(super) fn compare(
        &mut self,
        numbers: (&[u8], &[u8]),
        names: (&str, &str, &'static Rule, &'static Rule),
        segment: &Segment<'a>,
    ) {
        let (header, trailer) = numbers;
        if header == trailer {
            return;
        }
        let (trailer_name, header_name, mismatch, zeros) = names;
        let value = |text: &[u8]| digits(text).map(u64::from);
        let same_value = value(header).is_some() && value(header) == value(trailer);
        let rule = if same_value { zeros } else { mismatch };
        let remark = Remark::new(format!("{trailer_name} does not repeat {header_name}"))
            .expected(shown(header))
            .found(trailer);
        self.say_of_element(rule, remark, segment, 2);
    }

    pub(super) fn end_set_early(&mut self, at: &Segment<'a>) {
        if !self.state.in_set {
            return;
        }
        self.finish_validator(at);
        let remark =
            Remark::new("the transaction set is not closed").expected("SE").found(at.tag());
        self.say(&rules::SE_MISSING, remark, spot_of(at), Some(at));
        if let Some(set) = self.open_set_mut() {
            set.end = at.offset;
        }
        self.state.in_set = false;
    }

    pub(super) fn end_group_early(&mut self, at: &Segment<'a>) {
        self.end_set_early(at);
        if self.state.in_group {
            let remark =
                Remark::new("the functional group is not closed").expected("GE").found(at.tag());
            self.say(&rules::GE_MISSING, remark, spot_of(at), Some(at));
            self.state.in_group = false;
        }
    }

    /// The input ends, or the next ISA comes, before IEA.
    pub(super) fn end_interchange_early(&mut self, offset: usize) {
        let Some(interchange) = self.report.interchanges.last() else {
            return;
        };
        let end = Segment {
            bytes: &[],
            offset,
            end: offset,
            terminated: true,
            indented: false,
            on_new_line: false,
            binary_fault: None,
            delimiters: interchange.header.delimiters,
        };
        self.end_group_early(&end);
        let remark = Remark::new("the interchange is not closed").expected("IEA");
        self.say(&rules::IEA_MISSING, remark, spot_of(&end), None);
        self.state = State::default();
    }
}
