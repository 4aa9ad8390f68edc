//! X12: ISA, GS, ST and their trailers.
//!
//! In: the header of an interchange, then its segments. Out: levels opened and closed, findings. Never: a search for
//! `ISA` within data.

mod answer;
mod checks;
mod groups;
mod header;
mod security;
mod syntax;
mod trailers;

use std::hash::{DefaultHasher, Hash, Hasher};

use self::groups::group_of;
pub(super) use self::header::{Header, Unreadable, read_header, wrapped_columns};
pub(super) use self::syntax::looks_at_separators;
use super::assembler::{Entry, Flow, Visit, spot_of};
use super::delimiters::digits;
use super::event::Stage;
use super::finding::Remark;
use super::rules;
use super::schema::{find, is_known_set};
use super::segment::Segment;
use super::standard::Standard;
use super::validate::{Spot, Validator};

const X12: Standard = Standard::X12;

impl Visit<'_, '_> {
    /// ISA was read. Gives back whether segments can be told from elements.
    pub(super) fn open_x12(&mut self, header: &Header<'_>) -> bool {
        let kept = header.keep();
        self.open_interchange(X12, &kept.view());
        if let Some((rule, remark)) = checks::clash(header) {
            self.say(rule, remark, isa_spot(kept.offset + 3, 0), Some(&kept.view()));
            self.close(Stage::Interchange, kept.end);
            return false;
        }
        for (rule, number, remark) in checks::check(header, &self.state.options) {
            let at = number.checked_sub(1).and_then(|index| header.offsets.get(index)).copied();
            let spot = isa_spot(at.unwrap_or(kept.offset), number);
            self.say(rule, remark, spot, Some(&kept.view()));
        }
        let mut scope = DefaultHasher::new();
        [5, 6, 7, 8].map(|number| header.element(number)).hash(&mut scope);
        let number = header.element(13);
        match self.state.controls.enter(scope.finish(), number) {
            Entry::New => {}
            Entry::Repeated => {
                let remark = Remark::new("this interchange control number was in this file before");
                let spot = isa_spot(header.offsets[12], 13);
                let segment = kept.view();
                self.say(&rules::INTERCHANGE_DUPLICATE, remark.found(number), spot, Some(&segment));
            }
            Entry::Forgotten => self.numbers_forgotten(kept.offset),
        }
        true
    }

    /// ISA cannot be read. Where nothing but its terminator is wrong, who sent it is known and gets an answer.
    pub(super) fn unreadable(&mut self, (at, head): (usize, &[u8]), fault: Unreadable) {
        let (rule, remark) = match fault {
            Unreadable::CutOff => (&rules::IEA_MISSING, Remark::new("the input ends within ISA")),
            Unreadable::Wrapped { columns } => (
                &rules::ISA_WRAPPED,
                Remark::new(format!("the file is cut into lines of {columns} bytes, ISA included")),
            ),
            Unreadable::Separators { found } => (
                &rules::ISA_UNREADABLE,
                Remark::new("ISA cannot be read")
                    .expected("16 element separators")
                    .found(found.to_string().as_bytes()),
            ),
            Unreadable::Sixteenth => (
                &rules::ISA16_MISSING,
                Remark::new("ISA16 is missing: the segment terminator stands in its place")
                    .expected("a component separator"),
            ),
            // GS or TA1 follows at once.
            Unreadable::Terminator { found: b'G' | b'T' } => (
                &rules::TERMINATOR_INVALID,
                Remark::new("no segment terminator stands behind ISA16"),
            ),
            Unreadable::QuotedPrintable => (
                &rules::ISA_WRAPPED,
                Remark::new("the file is quoted-printable: ISA is cut by = and a line break"),
            ),
            Unreadable::Terminator { found } => (
                &rules::TERMINATOR_INVALID,
                Remark::new("the byte after ISA16 is no segment terminator").found(&[found]),
            ),
            Unreadable::WideTerminator => (
                &rules::TERMINATOR_WIDE,
                Remark::new("the segment terminator is a UTF-8 character of several bytes"),
            ),
        };
        self.state.standard = Some(X12);
        self.state.summary.standard.get_or_insert(X12);
        let header = header::but_for_the_terminator(head, at, fault);
        let mut spot = isa_spot(at, 0);
        if let Some(header) = &header {
            self.open_interchange(X12, &header.keep().view());
            spot = match fault {
                Unreadable::Sixteenth => isa_spot(header.offsets[15], 16),
                // ISA16 is one byte long.
                _ => isa_spot(header.offsets[15] + 1, 0),
            };
        }
        self.say(rule, remark, spot, Some(&Segment::of_bytes(head, at)));
        if let Some(header) = header {
            self.close(Stage::Interchange, at + header.width);
        }
    }

    /// A segment of an open interchange.
    pub(super) fn x12(&mut self, segment: &Segment<'_>) -> Flow {
        match segment.tag() {
            b"GS" => self.open_functional_group(segment),
            b"GE" => self.close_functional_group(segment),
            b"ST" => self.open_transaction(segment),
            b"SE" => self.close_transaction(segment),
            b"IEA" => {
                self.close_x12(segment);
                return Flow::Closed;
            }
            b"TA1" if !self.state.group.open => self.answer_to_us(segment),
            // Grade of service, deferred delivery and syntax extension stand between ISA and GS and count nowhere.
            b"ISB" if !self.state.group.open => self.grade_of_service(segment),
            b"ISE" if !self.state.group.open => self.deferred_delivery(segment),
            b"ISX" if !self.state.set.open => return self.syntax_extension(segment),
            // Security segments of groups and sets: their pairs are looked at, what they say is not.
            b"S1S" | b"S1E" | b"S2S" | b"S2E" | b"S3S" | b"S3E" | b"S4S" | b"S4E" => {
                self.security(segment);
            }
            b"S1A" | b"S2A" | b"SVA" if self.state.group.open => self.count_segment(segment),
            _ if self.state.set.open => {
                self.content(segment);
                self.excess(segment);
            }
            b"" => {
                let remark = Remark::new("two terminators follow each other");
                self.say(&rules::SEGMENT_EMPTY, remark, spot_of(segment), None);
            }
            _ => self.outside(segment),
        }
        Flow::On
    }

    fn open_functional_group(&mut self, segment: &Segment<'_>) {
        self.end_group_early(segment);
        self.open_group(X12, Some(segment));
        self.check_group_header(segment);
        self.too_many_elements(segment, 8, &rules::GROUP_TOO_MANY);
        let number = segment.element(6).trim_ascii();
        if number.is_empty() {
            let remark = Remark::new("the group control number is missing");
            return self.say_of_element(&rules::GS06_MISSING, remark, segment, 6);
        }
        if digits(number).is_none() || number.len() > 9 {
            let remark = Remark::new("the group control number is not one to nine digits");
            self.say_of_element(&rules::GS06_INVALID, remark.found(number), segment, 6);
        }
        match self.state.interchange.numbers.enter(0, number) {
            Entry::New => {}
            Entry::Repeated => {
                let remark = Remark::new("the group control number was in this interchange before");
                self.say_of_element(&rules::GS06_DUPLICATE, remark.found(number), segment, 6);
            }
            Entry::Forgotten => self.numbers_forgotten(segment.offset),
        }
    }

    fn open_transaction(&mut self, segment: &Segment<'_>) {
        self.end_set_early(segment);
        if !self.state.group.open {
            return self.without_group(segment);
        }
        let (id, number) = (segment.element(1).trim_ascii(), segment.element(2).trim_ascii());
        let entry = self.state.group.numbers.enter(0, number);
        let version = self.state.group.version;
        let table = find(X12, id, self.state.group.header.element(8));
        let is_checked = self.state.options.check_sets;
        self.check_version(id, version);
        let table = table.filter(|_| is_checked);
        self.open_set(X12, segment, table.map(|table| Box::new(Validator::new(table))));
        self.check_transaction_header(segment, (id, number), entry);
        self.check_guide(segment);
        self.first_segment(segment);
    }

    /// A set that no GS precedes. Told once; what it has is passed over with it, and groups are not counted.
    fn without_group(&mut self, segment: &Segment<'_>) {
        self.state.told.outside = true;
        if !std::mem::replace(&mut self.state.told.group_missing, true) {
            let remark = Remark::new("a transaction set stands outside of functional groups");
            let remark = remark.expected("GS").found(segment.tag());
            self.say(&rules::GS_MISSING, remark, spot_of(segment), Some(segment));
        }
    }

    fn check_transaction_header(
        &mut self,
        segment: &Segment<'_>,
        (id, number): (&[u8], &[u8]),
        entry: Entry,
    ) {
        if id.len() != 3 || !id.iter().all(u8::is_ascii_alphanumeric) {
            let remark = Remark::new("ST01 is no transaction set").found(id);
            self.say_of_element(&rules::ST01_INVALID, remark, segment, 1);
        } else if self.state.options.check_sets && !is_known_set(X12, id) {
            let remark = Remark::new("tillgate has no table for this transaction set").found(id);
            self.say_of_element(&rules::SET_UNSUPPORTED, remark, segment, 1);
        }
        let group_id = self.state.group.header.element(1);
        if let Some(expected) = group_of(id).filter(|expected| expected.as_bytes() != group_id) {
            let remark = Remark::new("the transaction set does not belong into this group")
                .expected(format!("GS01 {expected}"))
                .found(group_id);
            self.say_of_element(&rules::SET_IN_WRONG_GROUP, remark, segment, 1);
        }
        match entry {
            _ if number.is_empty() => {
                let remark = Remark::new("the set control number is missing");
                self.say_of_element(&rules::ST02_MISSING, remark, segment, 2);
            }
            Entry::Repeated => {
                let remark = Remark::new("the set control number was in this group before");
                self.say_of_element(&rules::ST02_DUPLICATE, remark.found(number), segment, 2);
            }
            Entry::Forgotten => self.numbers_forgotten(segment.offset),
            Entry::New => {}
        }
        let right = (4..=9).contains(&number.len()) && number.iter().all(u8::is_ascii_alphanumeric);
        if !right && !number.is_empty() && entry != Entry::Repeated {
            let remark = Remark::new("the set control number is not four to nine characters long");
            self.say_of_element(&rules::ST02_INVALID, remark.found(number), segment, 2);
        }
    }

    /// Said once a group, and only where we would have had a table.
    fn check_version(&mut self, id: &[u8], version: u32) {
        let known = is_known_set(X12, id) && self.state.options.check_sets;
        if !known || self.state.told.version || matches!(version, 4010 | 5010) {
            return;
        }
        self.state.told.version = true;
        let gs = self.state.group.header.clone();
        let found = gs.element(8);
        if version < 4010 {
            let remark = Remark::new("tillgate has no tables for this version")
                .expected("004010 or 005010")
                .found(found);
            self.say_of_element(&rules::VERSION_UNSUPPORTED, remark, &gs.view(), 8);
        } else {
            let nearest = if version < 5010 { "004010" } else { "005010" };
            let remark = Remark::new(format!("read with the tables of {nearest}")).found(found);
            self.say_of_element(&rules::VERSION_NEAREST, remark, &gs.view(), 8);
        }
    }

    pub(in crate::edi) fn numbers_forgotten(&mut self, offset: usize) {
        if !std::mem::replace(&mut self.state.told.numbers_forgotten, true) {
            let remark =
                Remark::new("too many control numbers that do not count on: not all are compared");
            self.say(&rules::LIMIT_NUMBERS, remark, Spot { offset, ..Spot::default() }, None);
        }
    }
}

fn isa_spot(offset: usize, element: usize) -> Spot {
    Spot {
        offset,
        tag: Some("ISA".to_owned()),
        element: u32::try_from(element).ok().filter(|element| *element > 0),
        ..Spot::default()
    }
}
