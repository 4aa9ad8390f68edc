//! EDIFACT: UNA, UNB, UNG, UNH, UNO and their trailers.
//!
//! In: the beginning of an interchange, then its segments. Out: levels opened and closed, findings. Messages that stand
//! without a group are told as a group without a header. Never: a byte taken for a repetition separator before
//! syntax version 4, where `*` is data; the object of a package read as segments.

mod characters;
mod constituents;
mod header;
mod packages;
mod service;
mod trailers;

use std::hash::{DefaultHasher, Hash, Hasher};

pub(super) use self::characters::stray_release;
use self::header::At;
use self::packages::Package;
pub(super) use self::packages::length as package_length;
pub(super) use self::service::{Service, defaults, service_characters, wrapped_columns};
use super::assembler::{Entry, Flow, Visit, spot_of};
use super::event::Stage;
use super::finding::Remark;
use super::rules::edifact as rules;
use super::rules::{self as shared, Rule};
use super::schema::{Transaction, find, is_known_set};
use super::segment::{KeptSegment, Segment};
use super::shown::shown;
use super::standard::Standard;
use super::text::CharacterSet;
use super::validate::{Spot, Validator};

const EDIFACT: Standard = Standard::Edifact;

/// What the numbers of messages and packages are told apart by from those of groups.
const MESSAGES: u64 = 1;

/// What holds for the open interchange.
#[derive(Debug, Default)]
pub(super) struct Syntax {
    service: Service,
    /// As it stands, and the line on which it begins; empty where there is none.
    una: KeptSegment,
    una_line: usize,
    /// Characters a line, where its lines cut segments.
    wrapped: Option<usize>,
    /// 1 to 4; 3 where it cannot be read.
    version: u8,
    /// The declared character set, where it is one of the standard's.
    set: Option<CharacterSet>,
    /// Groups with a header, and messages and packages without a group.
    groups: u32,
    bare: u32,
    package: Package,
    /// A fault of the characters of this message was told.
    characters_told: bool,
}

impl Syntax {
    /// `una`: its bytes, which may be none; where they begin, and on which line.
    pub(super) fn new(service: Service, (una, offset, una_line): (&[u8], usize, usize)) -> Self {
        let una = Segment::of_bytes(una, offset).keep();
        Self { service, una, una_line, version: 3, ..Self::default() }
    }

    /// As [`wrapped_columns`] has it.
    pub(super) fn in_lines(self, wrapped: Option<usize>) -> Self {
        Self { wrapped, ..self }
    }

    /// The line of a place in UNA, which may have left the block before UNB was read.
    pub(super) fn line_in_una(&self, offset: usize) -> Option<usize> {
        let before = self.una.view().bytes.get(..offset.checked_sub(self.una.offset)?)?;
        Some(self.una_line + memchr::memchr_iter(b'\n', before).count())
    }

    /// Whether a package is open.
    pub(super) fn is_in_package(&self) -> bool {
        self.package != Package::None
    }

    /// What printable ASCII of the open message is still held against: a set that does not have all of it.
    pub(super) fn limits(&self, agreed: Option<CharacterSet>) -> Option<CharacterSet> {
        let declared = self.set.filter(|set| set.limits_ascii() && !self.characters_told)?;
        Some(agreed.unwrap_or(declared)).filter(|set| set.limits_ascii())
    }

    /// Whether the rules of version 4 hold.
    pub(super) fn is_version_4(&self) -> bool {
        self.version >= 4
    }
}

/// The syntax version of a header: 1 to 4. X, of 2022, writes version 4 as version 3 could read it. 3 where it is
/// unknown.
pub(super) fn version(unb: &Segment<'_>) -> u8 {
    match unb.component(1, 2).trim_ascii() {
        [digit @ b'1'..=b'4'] => digit - b'0',
        _ => 3,
    }
}

impl Visit<'_, '_> {
    /// A segment after UNA, UNB itself among them.
    pub(super) fn edifact(&mut self, segment: &Segment<'_>) -> Flow {
        if !self.state.interchange.open {
            return self.open_edifact(segment);
        }
        if let Some(flow) = self.package_content(segment) {
            return flow;
        }
        match segment.tag() {
            b"UNG" => self.open_message_group(segment),
            b"UNE" => self.close_message_group(segment),
            b"UNH" => self.open_message(segment),
            b"UNT" => self.close_message(segment),
            b"UNO" => return self.open_package(segment),
            b"UNZ" => {
                self.characters(segment);
                self.close_edifact(segment);
                return Flow::Closed;
            }
            // Security segments of groups and of the interchange: known, not read.
            b"USH" | b"UST" | b"USA" | b"USC" | b"USR" | b"USB" | b"USE" | b"USF" | b"USL"
            | b"USX" | b"USY" | b"USD" | b"USU"
                if !self.state.set.open => {}
            _ if self.state.set.open => {
                self.content(segment);
                self.characters(segment);
            }
            b"" => {
                let remark = Remark::new("two terminators follow each other");
                self.say(&shared::SEGMENT_EMPTY, remark, spot_of(segment), None);
            }
            _ => self.outside_message(segment),
        }
        Flow::On
    }

    fn open_edifact(&mut self, segment: &Segment<'_>) -> Flow {
        if segment.tag() != b"UNB" {
            self.state.summary.standard.get_or_insert(EDIFACT);
            let remark = Remark::new("an interchange does not begin with UNB");
            let remark = remark.expected("UNB").found(segment.tag());
            self.say(&rules::UNB_MISSING, remark, spot_of(segment), None);
            return Flow::Lost;
        }
        let syntax = &mut self.state.edifact;
        syntax.version = version(segment);
        let id = segment.component(1, 1).trim_ascii();
        syntax.set = CharacterSet::of_syntax(id);
        let agreed = self.state.options.character_set;
        let character_set = CharacterSet::of(EDIFACT, id, agreed);
        let repetition = syntax.service.repetition_in(syntax.version);
        let mut header = *segment;
        header.character_set = character_set;
        header.delimiters.repetition = repetition;
        self.state.summary.segments -= 1;
        if let Some(columns) = self.state.edifact.wrapped {
            return self.wrapped(columns, &header);
        }
        self.open_interchange(EDIFACT, &header);
        if let Some((rule, at, remark)) = header::clash(&header, &self.state.edifact) {
            self.say_of_header(rule, remark, at, &header);
            self.close(Stage::Interchange, segment.end);
            return Flow::Lost;
        }
        for (rule, at, remark) in header::check(&header, &self.state.edifact, &self.state.options) {
            self.say_of_header(rule, remark, at, &header);
        }
        self.constituents(&header);
        self.check_reference_of_interchange(&header);
        self.characters(&header);
        Flow::Syntax { repetition, character_set }
    }

    /// The lines of an interchange cut its segments. Who sent it is known where UNB is whole.
    fn wrapped(&mut self, columns: usize, unb: &Segment<'_>) -> Flow {
        let message = format!("the interchange is cut into lines of {columns} characters");
        let is_whole = !unb.bytes.contains(&b'\n');
        if is_whole {
            self.open_interchange(EDIFACT, unb);
        }
        self.state.summary.standard.get_or_insert(EDIFACT);
        self.say(&rules::WRAPPED, Remark::new(message), spot_of(unb), Some(unb));
        if is_whole {
            self.close(Stage::Interchange, unb.end);
        }
        Flow::Lost
    }

    /// About UNA where there is one, or UNB.
    fn say_of_header(&mut self, rule: &Rule, remark: Remark, at: At, unb: &Segment<'_>) {
        let una = self.state.edifact.una.clone();
        let una = if una.is_empty() { *unb } else { una.view() };
        match at {
            At::Una(at) => {
                let tag = Some("UNA".to_owned());
                let spot = Spot { offset: una.offset + at, tag, ..Spot::default() };
                self.say(rule, remark, spot, Some(&una));
            }
            At::Unb(element, component) => {
                let number = element as usize;
                let offset = match component {
                    Some(component) => unb.offset_of_component(number, component as usize),
                    None => unb.offset_of(number),
                };
                let spot = Spot { offset, element: Some(element), component, ..Spot::default() };
                self.say(rule, remark, spot, Some(unb));
            }
        }
    }

    fn check_reference_of_interchange(&mut self, unb: &Segment<'_>) {
        let number = unb.element(5).trim_ascii();
        if number.is_empty() {
            return;
        }
        let mut scope = DefaultHasher::new();
        [2, 3]
            .map(|party| [1, 2].map(|part| unb.component(party, part).trim_ascii()))
            .hash(&mut scope);
        match self.state.controls.enter(scope.finish(), number) {
            Entry::New => {}
            Entry::Repeated => {
                let remark = Remark::new("this interchange reference was in this file before");
                self.say_of_element(&rules::UNB_DUPLICATE, remark.found(number), unb, 5);
            }
            Entry::Forgotten => self.numbers_forgotten(unb.offset),
        }
    }

    fn open_message_group(&mut self, segment: &Segment<'_>) {
        self.end_message_group_early(segment);
        self.state.edifact.characters_told = false;
        self.state.edifact.groups = self.state.edifact.groups.saturating_add(1);
        self.check_mixed(segment);
        self.open_group(EDIFACT, Some(segment));
        self.constituents(segment);
        let number = segment.element(5).trim_ascii();
        if number.is_empty() {
            let remark = Remark::new("the reference of the group is missing");
            return self.say_of_element(&rules::UNG_REFERENCE, remark, segment, 5);
        }
        match self.state.interchange.numbers.enter(0, number) {
            Entry::New => {}
            Entry::Repeated => {
                let remark = Remark::new("the group reference was in this interchange before");
                self.say_of_element(&rules::UNG_DUPLICATE, remark.found(number), segment, 5);
            }
            Entry::Forgotten => self.numbers_forgotten(segment.offset),
        }
        self.characters(segment);
    }

    /// Said when the second kind comes.
    fn check_mixed(&mut self, segment: &Segment<'_>) {
        let Syntax { groups, bare, .. } = self.state.edifact;
        if groups > 0 && bare > 0 && (groups == 1 || bare == 1) {
            let remark = Remark::new("the interchange has groups, and messages without a group");
            self.say(&rules::MIXED, remark.found(segment.tag()), spot_of(segment), None);
        }
    }

    /// Before a message or package: what is open is closed, and without a group an implicit one is opened.
    fn before_message(&mut self, segment: &Segment<'_>) {
        self.end_message_early(segment);
        self.state.edifact.characters_told = false;
        if !self.state.group.open {
            self.open_group(EDIFACT, None);
        }
        if self.state.group.header.is_empty() {
            self.state.edifact.bare = self.state.edifact.bare.saturating_add(1);
            self.check_mixed(segment);
        }
    }

    fn open_message(&mut self, segment: &Segment<'_>) {
        self.before_message(segment);
        let part = |number| segment.component(2, number).trim_ascii();
        let table = find(EDIFACT, part(1), part(3));
        let is_checked = self.state.options.check_sets;
        let validator = table.map(|table| Box::new(Validator::new(table)));
        self.open_set(EDIFACT, segment, validator.filter(|_| is_checked));
        if part(1).is_empty() || part(2).is_empty() || part(3).is_empty() {
            let remark = Remark::new("the type of the message is not complete")
                .expected("type:version:release:agency")
                .found(segment.element(2).trim_ascii());
            self.say_of_element(&rules::UNH_TYPE, remark, segment, 2);
        } else if is_checked {
            self.check_directory(segment, table);
        }
        self.check_type_of_group(part(1));
        self.check_reference(segment);
        self.first_segment(segment);
        self.characters(segment);
    }

    /// Whether there is a table for the message, and one of its directory. CONTRL comes with the syntax, and has none.
    fn check_directory(&mut self, unh: &Segment<'_>, table: Option<&'static Transaction>) {
        let (name, release) = (unh.component(2, 1).trim_ascii(), unh.component(2, 3).trim_ascii());
        let (rule, component, remark) = match table.map(|table| table.directory) {
            None if is_known_set(EDIFACT, name) => {
                let remark = Remark::new("tillgate does not know this directory")
                    .expected("a directory such as 96A or 01B")
                    .found(release);
                (&rules::MESSAGE_UNSUPPORTED, 3_u32, remark)
            }
            None => {
                let remark = Remark::new("tillgate has no table for this message").found(name);
                (&rules::MESSAGE_UNSUPPORTED, 1, remark)
            }
            Some(directory) if name == b"CONTRL" || directory.is_of(release) => return,
            Some(_) if std::mem::replace(&mut self.state.told.version, true) => return,
            Some(directory) => {
                let remark = Remark::new(format!("read with the tables of {}", directory.name()));
                (&shared::VERSION_NEAREST, 3, remark.found(release))
            }
        };
        let spot = Spot {
            offset: unh.offset_of_component(2, component as usize),
            element: Some(2),
            component: Some(component),
            ..Spot::default()
        };
        self.say(rule, remark, spot, Some(unh));
    }

    /// Before version 4 a group has messages of the one type that UNG 0038 names. Told once a group.
    fn check_type_of_group(&mut self, found: &[u8]) {
        let group = &self.state.group.header;
        let expected = group.element(1).trim_ascii();
        let differs = !expected.is_empty() && !found.is_empty() && expected != found;
        if self.state.edifact.is_version_4() || !differs || self.state.told.group_type {
            return;
        }
        self.state.told.group_type = true;
        let group = group.clone();
        let remark = Remark::new("a message is not of the type of its group")
            .expected(shown(group.element(1).trim_ascii()))
            .found(found);
        self.say_of_element(&rules::UNG_TYPE, remark, &group.view(), 1);
    }

    /// UNH 0062, UNO 0800.
    fn check_reference(&mut self, segment: &Segment<'_>) {
        let number = segment.element(1).trim_ascii();
        if number.is_empty() {
            let remark = Remark::new("the reference is missing");
            return self.say_of_element(&rules::UNH_REFERENCE, remark, segment, 1);
        }
        match self.state.interchange.numbers.enter(MESSAGES, number) {
            Entry::New => {}
            Entry::Repeated => {
                let remark = Remark::new("the reference was in this interchange before");
                self.say_of_element(&rules::UNH_DUPLICATE, remark.found(number), segment, 1);
            }
            Entry::Forgotten => self.numbers_forgotten(segment.offset),
        }
    }

    /// A segment where none may stand. A run of them is told once.
    fn outside_message(&mut self, segment: &Segment<'_>) {
        if !std::mem::replace(&mut self.state.told.outside, true) {
            let remark = Remark::new("a segment stands outside of messages").found(segment.tag());
            self.say(&rules::OUTSIDE_MESSAGE, remark, spot_of(segment), Some(segment));
        }
    }

    /// UNA without UNB, and nothing else.
    pub(super) fn edifact_without_header(&mut self, offset: usize) {
        self.state.summary.standard.get_or_insert(EDIFACT);
        let remark = Remark::new("the input ends before UNB");
        self.say(&rules::UNB_MISSING, remark, Spot { offset, ..Spot::default() }, None);
    }

    /// The interchange has no group with a header around its messages.
    fn group_is_implicit(&self) -> bool {
        self.state.group.open && self.state.group.header.is_empty()
    }

    fn close_implicit_group(&mut self, offset: usize) {
        if self.group_is_implicit() {
            self.close(Stage::Group, offset);
        }
    }
}
