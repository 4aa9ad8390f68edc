//! Assembles interchanges, functional groups and transaction sets, checks that they hold together, and finds the way
//! back after faults.
//!
//! In: the input whole. Out: a [`Report`] of views into it. Segments are walked once and not kept. Never: a stop at the
//! first error, a search for `ISA` within data.

mod groups;
mod placing;
mod trailers;

use std::collections::HashSet;

use memchr::memmem;

use self::groups::group_of;
use self::placing::{Speaker, isa_spot, spot_of};
use super::delimiters::{Header, Unreadable, digits, read_header};
use super::finding::{Findings, Remark};
use super::header;
use super::report::{Group, Interchange, Options, Report, Set, Tally};
use super::rules;
use super::schema::{find, is_known_set};
use super::segment::{Segment, Segments};
use super::standard::{BYTE_ORDER_MARK, Recognised, Standard, recognise};
use super::validate::{Spot, Validator};

/// Interchanges, groups and sets of one input; more are refused.
pub const MOST_NODES: usize = 200_000;

/// Reads an input.
#[must_use]
pub fn read<'a>(input: &'a [u8], options: &Options<'_>) -> Report<'a> {
    let mut assembler = Assembler {
        report: Report {
            input,
            standard: None,
            interchanges: Vec::new(),
            findings: Findings::default(),
            segments: 0,
        },
        options: *options,
        state: State::default(),
        line: (0, 1),
        nodes: 0,
        control_numbers: HashSet::new(),
    };
    match recognise(input) {
        Recognised::X12(start) => assembler.run(start),
        other => assembler.not_x12(other),
    }
    assembler.report
}

/// Whether an input ends in mid-interchange: what a transfer leaves that broke off. Looks at nothing but envelopes.
#[must_use]
pub fn is_unfinished(input: &[u8]) -> bool {
    let mut position = match recognise(input) {
        Recognised::X12(start) => start,
        Recognised::Empty => return true,
        Recognised::Unknown => return b"ISA".starts_with(input.trim_ascii()),
        Recognised::Other(..) => return false,
    };
    loop {
        let header = match read_header(input, position) {
            Ok(header) => header,
            Err(Unreadable::CutOff) => return true,
            Err(_) => return false,
        };
        let mut segments = Segments::new(input, header.delimiters, header.end, input.len());
        if !segments.any(|segment| segment.tag() == b"IEA") {
            return true;
        }
        let rest = input.get(segments.position()..).unwrap_or_default();
        position = input.len() - rest.trim_ascii_start().len();
        if !input.get(position..).unwrap_or_default().starts_with(b"ISA") {
            return false;
        }
    }
}

/// Where reading stands.
#[derive(Debug, Default)]
struct State {
    in_interchange: bool,
    in_group: bool,
    in_set: bool,
    validator: Option<Validator>,
    /// A run of segments outside of sets is reported once.
    outside_reported: bool,
    line_ends_reported: bool,
    indent_reported: bool,
}

struct Assembler<'a, 'o> {
    report: Report<'a>,
    options: Options<'o>,
    state: State,
    /// Offset and line of the last place that was computed.
    line: (usize, usize),
    nodes: usize,
    control_numbers: HashSet<[&'a [u8]; 5]>,
}

impl<'a> Assembler<'a, '_> {
    fn not_x12(&mut self, recognised: Recognised) {
        let input = self.report.input;
        let (standard, what) = match recognised {
            Recognised::Other(standard, name) => (standard, format!("this is {name}")),
            Recognised::Empty => (None, "the input is empty".to_owned()),
            _ => (None, "this is no EDI that tillgate knows".to_owned()),
        };
        self.report.standard = standard;
        let remark =
            Remark::new(format!("{what}; tillgate takes X12 850, 810 and 997 in this version"))
                .expected("ISA at the beginning")
                .found(input.get(..8).unwrap_or(input));
        self.say(&rules::NOT_X12, remark, Spot::default(), None);
    }

    fn run(&mut self, start: usize) {
        self.report.standard = Some(Standard::X12);
        let prefix = self.report.input.get(..start).unwrap_or_default();
        let blanks = prefix.strip_prefix(BYTE_ORDER_MARK);
        if blanks.is_some() {
            let remark = Remark::new("a byte order mark stands before ISA");
            self.say(&rules::BYTE_ORDER_MARK, remark, Spot::default(), None);
        }
        if !blanks.unwrap_or(prefix).is_empty() {
            let remark = Remark::new("blanks or line ends stand before ISA");
            self.say(&rules::LEADING_BLANKS, remark, Spot::default(), None);
        }
        let mut position = Some(start);
        while let Some(at) = position {
            position = self.interchange(at);
        }
    }

    /// Reads one interchange; gives back where the next begins.
    fn interchange(&mut self, at: usize) -> Option<usize> {
        let header = match read_header(self.report.input, at) {
            Ok(header) => header,
            Err(fault) => {
                self.unreadable(at, fault);
                return self.next_isa(at + 3, None);
            }
        };
        if !self.room_for_node(at) {
            return None;
        }
        let delimiters = header.delimiters;
        let segments =
            Segments::new(self.report.input, delimiters, header.end, self.report.input.len());
        self.open_interchange(at, header);
        for segment in segments {
            if self.begins_interchange(&segment) {
                self.end_interchange_early(segment.offset);
                return Some(segment.offset);
            }
            self.lexical(&segment);
            self.report.segments += 1;
            match segment.tag() {
                b"IEA" => {
                    self.close_interchange(&segment);
                    return self.after_interchange(&segment);
                }
                b"GS" | b"ST" if !self.room_for_node(segment.offset) => return None,
                _ => self.dispatch(&segment),
            }
        }
        self.end_interchange_early(self.report.input.len());
        None
    }

    /// Limits report, they never truncate in silence.
    fn room_for_node(&mut self, offset: usize) -> bool {
        self.nodes += 1;
        if self.nodes <= MOST_NODES {
            return true;
        }
        let remark = Remark::new(format!(
            "the input has more than {MOST_NODES} interchanges, groups and sets; the rest was not read"
        ));
        self.say(&rules::LIMIT_SETS, remark, Spot { offset, ..Spot::default() }, None);
        false
    }

    fn open_interchange(&mut self, offset: usize, header: Header<'a>) {
        self.report.segments += 1;
        self.state = State { in_interchange: true, ..State::default() };
        let faults = header::check(&header, &self.options);
        let key = [5, 6, 7, 8, 13].map(|number| header.element(number));
        let offsets = header.offsets;
        self.report.interchanges.push(Interchange {
            header,
            offset,
            groups: Vec::new(),
            answers: Vec::new(),
            tally: Tally::default(),
            group_numbers: HashSet::new(),
        });
        for (rule, number, remark) in faults {
            let at = number.checked_sub(1).and_then(|index| offsets.get(index)).copied();
            let spot = isa_spot(at.unwrap_or(offset), number);
            self.say(rule, remark, spot, None);
        }
        if !self.control_numbers.insert(key) {
            let remark = Remark::new("this interchange control number was in this file before");
            let spot = isa_spot(offsets[12], 13);
            self.say(&rules::INTERCHANGE_DUPLICATE, remark.found(key[4]), spot, None);
        }
    }

    /// A segment whose tag is ISA ends the open interchange. It may bring other delimiters.
    fn begins_interchange(&self, segment: &Segment<'_>) -> bool {
        let looks_like_isa = segment.bytes.starts_with(b"ISA")
            && segment.bytes.get(3).is_some_and(|byte| !byte.is_ascii_alphanumeric());
        looks_like_isa
            && (segment.tag() == b"ISA" || read_header(self.report.input, segment.offset).is_ok())
    }

    fn unreadable(&mut self, at: usize, fault: Unreadable) {
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
            Unreadable::Terminator { found } => (
                &rules::TERMINATOR_INVALID,
                Remark::new("the byte after ISA16 is no segment terminator").found(&[found]),
            ),
            Unreadable::WideTerminator => (
                &rules::TERMINATOR_WIDE,
                Remark::new("the segment terminator is a UTF-8 character of several bytes"),
            ),
        };
        self.state = State::default();
        self.say(rule, remark, isa_spot(at, 0), None);
    }

    /// What follows IEA: the end, the next ISA, or bytes that belong to nothing.
    fn after_interchange(&mut self, iea: &Segment<'_>) -> Option<usize> {
        self.state = State::default();
        let input = self.report.input;
        let rest = input.get(iea.end..)?.trim_ascii_start();
        let at = input.len() - rest.len();
        if rest.is_empty() {
            return None;
        }
        if rest.starts_with(b"ISA") && rest.get(3).is_some_and(|byte| !byte.is_ascii_alphanumeric())
        {
            return Some(at);
        }
        let next = self.next_isa(at, Some(iea.delimiters.segment));
        let until = next.unwrap_or(input.len());
        let remark = Remark::new(format!("bytes {at} to {until} belong to no interchange"))
            .expected("ISA or the end")
            .found(input.get(at..until).unwrap_or_default());
        self.say(&rules::JUNK_BETWEEN, remark, Spot { offset: at, ..Spot::default() }, None);
        next
    }

    /// The next ISA that stands where a segment can begin and that can be read.
    fn next_isa(&self, from: usize, terminator: Option<u8>) -> Option<usize> {
        let input = self.report.input;
        let begins_segment = |at: usize| {
            at.checked_sub(1).and_then(|before| input.get(before)).is_none_or(|byte| {
                Some(*byte) == terminator || byte.is_ascii_whitespace() || *byte == b'~'
            })
        };
        memmem::find_iter(input.get(from..)?, b"ISA")
            .map(|found| from + found)
            .find(|at| begins_segment(*at) && read_header(input, *at).is_ok())
    }

    /// What is told once an interchange, and the end of the input.
    fn lexical(&mut self, segment: &Segment<'_>) {
        let spot = || Spot { offset: segment.offset, ..Spot::default() };
        if segment.on_new_line && !self.state.line_ends_reported {
            self.state.line_ends_reported = true;
            let remark = Remark::new("line ends follow the segment terminators");
            self.say_of_interchange(&rules::LINE_ENDS, remark, spot());
        }
        if segment.indented && !self.state.indent_reported {
            self.state.indent_reported = true;
            let remark = Remark::new("blanks stand before segment tags");
            self.say_of_interchange(&rules::INDENTED, remark, spot());
        }
        if !segment.terminated {
            let remark = Remark::new("the last segment has no terminator");
            self.say_of_interchange(&rules::UNTERMINATED, remark, spot());
        }
    }

    fn dispatch(&mut self, segment: &Segment<'a>) {
        match segment.tag() {
            b"GS" => self.open_group(segment),
            b"GE" => self.close_group(segment),
            b"ST" => self.open_set(segment),
            b"SE" => self.close_set(segment),
            b"TA1" if !self.state.in_group => {
                if let Some(interchange) = self.report.interchanges.last_mut() {
                    interchange.answers.push(*segment);
                }
            }
            // Grade of service, deferred delivery and syntax extension stand between ISA and GS and count nowhere.
            b"ISB" | b"ISE" | b"ISX" if !self.state.in_group => {}
            // Security segments of groups and sets: known, not read.
            b"S1S" | b"S1E" | b"S2S" | b"S2E" | b"S3S" | b"S3E" | b"S4S" | b"S4E" | b"SVA" => {
                self.count_segment();
            }
            _ if self.state.in_set => self.content(segment),
            _ if segment.bytes.is_empty() => {
                let remark = Remark::new("two terminators follow each other");
                self.say(&rules::SEGMENT_EMPTY, remark, spot_of(segment), None);
            }
            _ => self.outside(segment),
        }
    }

    fn outside(&mut self, segment: &Segment<'_>) {
        if !self.state.outside_reported {
            self.state.outside_reported = true;
            let remark =
                Remark::new("a segment stands outside of transaction sets").found(segment.tag());
            self.say(&rules::OUTSIDE_SET, remark, spot_of(segment), Some(segment));
        }
    }

    fn content(&mut self, segment: &Segment<'a>) {
        if !segment.bytes.is_empty() {
            self.count_segment();
        }
        if let Some(mut validator) = self.state.validator.take() {
            validator.segment(segment, &mut Speaker { assembler: self, segment });
            self.state.validator = Some(validator);
            return;
        }
        let (rule, message) = if segment.bytes.is_empty() {
            (&rules::SEGMENT_EMPTY, "two terminators follow each other")
        } else if !segment.tag_is_well_formed() {
            (&rules::SEGMENT_TAG, "this cannot be the tag of a segment")
        } else if segment.binary_fault.is_some() {
            (&rules::BINARY_LENGTH, "the length of the binary data is wrong")
        } else {
            return;
        };
        let remark = Remark::new(message).found(segment.tag());
        self.say(rule, remark, spot_of(segment), Some(segment));
    }

    fn count_segment(&mut self) {
        if let Some(set) = self.open_set_mut() {
            set.segments = set.segments.saturating_add(1);
        }
    }

    fn open_group(&mut self, segment: &Segment<'a>) {
        self.end_group_early(segment);
        self.state.in_group = true;
        self.state.outside_reported = false;
        let number = segment.element(6).trim_ascii();
        let Some(interchange) = self.report.interchanges.last_mut() else {
            return;
        };
        let is_new = interchange.group_numbers.insert(number);
        interchange.groups.push(Group {
            header: *segment,
            sets: Vec::new(),
            included: None,
            tally: Tally::default(),
            set_numbers: HashSet::new(),
            version_reported: false,
        });
        if digits(number).is_none() || number.len() > 9 {
            let remark = Remark::new("the group control number is not one to nine digits");
            self.say_of_element(&rules::GS06_INVALID, remark.found(number), segment, 6);
        }
        if !is_new {
            let remark = Remark::new("the group control number was in this interchange before");
            self.say_of_element(&rules::GS06_DUPLICATE, remark.found(number), segment, 6);
        }
    }

    fn close_group(&mut self, segment: &Segment<'a>) {
        if !self.state.in_group {
            return self.outside(segment);
        }
        self.end_set_early(segment);
        let stated = segment.element(1).trim_ascii();
        let Some(group) = self.open_group_mut() else {
            return;
        };
        group.included = digits(stated);
        let (sets, number) = (group.sets.len(), group.header.element(6).trim_ascii());
        if digits(stated).is_none_or(|stated| stated as usize != sets) {
            let remark = Remark::new("GE01 is not the number of transaction sets")
                .expected(sets.to_string())
                .found(stated);
            self.say_of_element(&rules::GE01_COUNT, remark, segment, 1);
        }
        self.compare(
            (number, segment.element(2).trim_ascii()),
            ("GE02", "GS06", &rules::GE02_MISMATCH, &rules::GE02_ZEROS),
            segment,
        );
        if sets == 0 {
            let remark = Remark::new("the functional group has no transaction set");
            self.say(&rules::GROUP_EMPTY, remark, spot_of(segment), Some(segment));
        }
        self.state.in_group = false;
        self.state.outside_reported = false;
    }

    fn open_set(&mut self, segment: &Segment<'a>) {
        self.end_set_early(segment);
        if !self.state.in_group {
            return self.outside(segment);
        }
        let (id, number) = (segment.element(1).trim_ascii(), segment.element(2).trim_ascii());
        let Some(group) = self.open_group_mut() else {
            return;
        };
        let is_new = group.set_numbers.insert(number);
        let version = group.version();
        let table = find(Standard::X12, id, group.header.element(8).trim_ascii());
        group.sets.push(Set {
            header: *segment,
            end: segment.end,
            segments: 1,
            transaction: table,
            tally: Tally::default(),
        });
        self.check_version(id, version);
        self.state.in_set = true;
        self.state.outside_reported = false;
        self.check_set_header(segment, id, number, is_new);
        if let Some(table) = table {
            let mut validator = Validator::new(table);
            validator.segment(segment, &mut Speaker { assembler: self, segment });
            self.state.validator = Some(validator);
        }
    }

    fn check_set_header(&mut self, segment: &Segment<'a>, id: &[u8], number: &[u8], is_new: bool) {
        if id.len() != 3 || !id.iter().all(u8::is_ascii_alphanumeric) {
            let remark = Remark::new("ST01 is no transaction set").found(id);
            self.say_of_element(&rules::ST01_INVALID, remark, segment, 1);
        } else if !is_known_set(Standard::X12, id) {
            let remark = Remark::new("tillgate has no table for this transaction set").found(id);
            self.say_of_element(&rules::SET_UNSUPPORTED, remark, segment, 1);
        }
        let group_id = self.open_group_mut().map(|group| group.header.element(1).trim_ascii());
        if let (Some(expected), Some(found)) = (group_of(id), group_id)
            && expected.as_bytes() != found
        {
            let remark = Remark::new("the transaction set does not belong into this group")
                .expected(format!("GS01 {expected}"))
                .found(found);
            self.say_of_element(&rules::SET_IN_WRONG_GROUP, remark, segment, 1);
        }
        if number.is_empty() {
            let remark = Remark::new("the set control number is missing");
            self.say_of_element(&rules::ST02_MISSING, remark, segment, 2);
        } else if !is_new {
            let remark = Remark::new("the set control number was in this group before");
            self.say_of_element(&rules::ST02_DUPLICATE, remark.found(number), segment, 2);
        } else if !(4..=9).contains(&number.len()) || !number.iter().all(u8::is_ascii_alphanumeric)
        {
            let remark = Remark::new("the set control number is not four to nine characters long");
            self.say_of_element(&rules::ST02_INVALID, remark.found(number), segment, 2);
        }
    }

    /// Said once a group, and only where we would have had a table.
    fn check_version(&mut self, id: &[u8], version: u32) {
        let Some(group) = self.open_group_mut() else {
            return;
        };
        if !is_known_set(Standard::X12, id)
            || group.version_reported
            || matches!(version, 4010 | 5010)
        {
            return;
        }
        group.version_reported = true;
        let gs = group.header;
        let found = gs.element(8);
        if version < 4010 {
            let remark = Remark::new("tillgate has no tables for this version")
                .expected("004010 or 005010")
                .found(found);
            self.say_of_element(&rules::VERSION_UNSUPPORTED, remark, &gs, 8);
        } else {
            let nearest = if version < 5010 { "004010" } else { "005010" };
            let remark = Remark::new(format!("read with the tables of {nearest}")).found(found);
            self.say_of_element(&rules::VERSION_NEAREST, remark, &gs, 8);
        }
    }

    fn open_group_mut(&mut self) -> Option<&mut Group<'a>> {
        let group = self.report.interchanges.last_mut()?.groups.last_mut();
        group.filter(|_| self.state.in_group)
    }

    fn open_set_mut(&mut self) -> Option<&mut Set<'a>> {
        let in_set = self.state.in_set;
        self.open_group_mut()?.sets.last_mut().filter(|_| in_set)
    }
}
