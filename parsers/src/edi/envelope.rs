//! Assembles interchanges, functional groups and transaction sets, checks that they hold together, and finds the way
//! back after faults.
//!
//! In: the input whole. Out: a [`Report`] of views into it. Segments are walked once and not kept. Never: a stop at the
//! first error, a search for `ISA` within data.

use std::collections::HashSet;

use memchr::memmem;

use super::delimiters::{Header, Unreadable, digits, read_header};
use super::finding::{Findings, Node, Place, Remark};
use super::header;
use super::rules::{self, Code, Policy, Rule};
use super::schema::{Transaction, transaction};
use super::segment::{Segment, Segments};
use super::shown::escaped;
use super::standard::{BYTE_ORDER_MARK, Recognised, Standard, recognise};
use super::validate::{Sink, Spot, Validator};
use crate::finding::Severity;

/// Interchanges, groups and sets of one input; more are refused.
pub const MOST_NODES: usize = 200_000;

/// Acknowledgement codes that are kept a level: AK5 and AK9 have room for five.
const MOST_CODES: usize = 5;

/// How to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'o> {
    /// How much is forgiven.
    pub policy: Policy,
    /// Who must be sender and receiver.
    pub expectations: Expectations<'o>,
}

/// Who must be sender and receiver: qualifier and id, where that is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expectations<'o> {
    /// ISA05 and ISA06.
    pub sender: Option<(&'o str, &'o str)>,
    /// ISA07 and ISA08.
    pub receiver: Option<(&'o str, &'o str)>,
}

/// What an acknowledgement says of one level.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// It cannot be taken.
    pub rejected: bool,
    /// Something is noted, or it is rejected.
    pub noted: bool,
    /// Codes of its level, each once, at most five.
    pub codes: Vec<&'static str>,
}

impl Tally {
    /// The code that rejects stands first: TA1 has room for one.
    fn add(&mut self, rejects: bool, code: Option<&'static str>) {
        let decides = rejects && !self.rejected;
        self.rejected |= rejects;
        self.noted |= rejects || code.is_some();
        let Some(code) = code else {
            return;
        };
        if decides {
            self.codes.retain(|known| *known != code);
            self.codes.insert(0, code);
            self.codes.truncate(MOST_CODES);
        } else if !self.codes.contains(&code) && self.codes.len() < MOST_CODES {
            self.codes.push(code);
        }
    }
}

/// One interchange.
#[derive(Debug)]
pub struct Interchange<'a> {
    /// ISA.
    pub header: Header<'a>,
    /// First byte.
    pub offset: usize,
    /// Its groups.
    pub groups: Vec<Group<'a>>,
    /// The TA1 segments in it: answers to interchanges of ours.
    pub answers: Vec<Segment<'a>>,
    /// What a TA1 says of it.
    pub tally: Tally,
    group_numbers: HashSet<&'a [u8]>,
}

/// One functional group.
#[derive(Debug)]
pub struct Group<'a> {
    /// GS.
    pub header: Segment<'a>,
    /// Its transaction sets.
    pub sets: Vec<Set<'a>>,
    /// GE01, where it could be read.
    pub included: Option<u32>,
    /// What AK9 says of it.
    pub tally: Tally,
    set_numbers: HashSet<&'a [u8]>,
    version_reported: bool,
}

/// One transaction set.
#[derive(Debug)]
pub struct Set<'a> {
    /// ST.
    pub header: Segment<'a>,
    /// The byte after its last.
    pub end: usize,
    /// Segments, ST and SE included.
    pub segments: u32,
    /// Its table, where we have one for its version.
    pub transaction: Option<&'static Transaction>,
    /// What AK5 says of it.
    pub tally: Tally,
}

impl<'a> Interchange<'a> {
    /// Whether it is marked as a test.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.header.element(15) == b"T"
    }
}

impl<'a> Group<'a> {
    /// The number of version, release and subrelease: `004010VICS` gives 4010. 0 where it cannot be read.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.header.element(8).trim_ascii().get(..6).and_then(digits).unwrap_or(0)
    }

    /// Whether it holds acknowledgements, which are never acknowledged.
    #[must_use]
    pub fn is_acknowledgement(&self) -> bool {
        self.header.element(1).trim_ascii() == b"FA"
    }
}

impl<'a> Set<'a> {
    /// First byte.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.header.offset
    }

    /// Its segments again.
    #[must_use]
    pub fn walk(&self, input: &'a [u8]) -> Segments<'a> {
        Segments::new(input, self.header.delimiters, self.header.offset, self.end)
    }
}

/// What stands in an input.
#[derive(Debug)]
pub struct Report<'a> {
    /// The input.
    pub input: &'a [u8],
    /// The standard, where it could be named.
    pub standard: Option<Standard>,
    /// The interchanges, in input order.
    pub interchanges: Vec<Interchange<'a>>,
    /// What is wrong.
    pub findings: Findings,
    /// Segments in all.
    pub segments: u64,
}

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
        let table = transaction(id).filter(|_| version >= 4010);
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
            let mut validator = Validator::new(table, version >= 5010);
            validator.segment(segment, &mut Speaker { assembler: self, segment });
            self.state.validator = Some(validator);
        }
    }

    fn check_set_header(&mut self, segment: &Segment<'a>, id: &[u8], number: &[u8], is_new: bool) {
        if id.len() != 3 || !id.iter().all(u8::is_ascii_alphanumeric) {
            let remark = Remark::new("ST01 is no transaction set").found(id);
            self.say_of_element(&rules::ST01_INVALID, remark, segment, 1);
        } else if transaction(id).is_none() {
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
        if transaction(id).is_none() || group.version_reported || matches!(version, 4010 | 5010) {
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

    fn close_set(&mut self, segment: &Segment<'a>) {
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

    fn close_interchange(&mut self, segment: &Segment<'a>) {
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
    fn compare(
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
            .expected(escaped(header))
            .found(trailer);
        self.say_of_element(rule, remark, segment, 2);
    }

    fn end_set_early(&mut self, at: &Segment<'a>) {
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

    fn end_group_early(&mut self, at: &Segment<'a>) {
        self.end_set_early(at);
        if self.state.in_group {
            let remark =
                Remark::new("the functional group is not closed").expected("GE").found(at.tag());
            self.say(&rules::GE_MISSING, remark, spot_of(at), Some(at));
            self.state.in_group = false;
        }
    }

    /// The input ends, or the next ISA comes, before IEA.
    fn end_interchange_early(&mut self, offset: usize) {
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

    fn open_group_mut(&mut self) -> Option<&mut Group<'a>> {
        let group = self.report.interchanges.last_mut()?.groups.last_mut();
        group.filter(|_| self.state.in_group)
    }

    fn open_set_mut(&mut self) -> Option<&mut Set<'a>> {
        let in_set = self.state.in_set;
        self.open_group_mut()?.sets.last_mut().filter(|_| in_set)
    }

    fn say_of_element(&mut self, rule: &Rule, remark: Remark, segment: &Segment<'a>, number: u32) {
        let offset = segment
            .elements()
            .nth(number.saturating_sub(1) as usize)
            .map_or(segment.offset + segment.bytes.len(), |(offset, _)| offset);
        let spot = Spot { offset, element: Some(number), ..spot_of(segment) };
        self.say(rule, remark, spot, Some(segment));
    }

    /// A finding of the interchange, also while a group or set is open.
    fn say_of_interchange(&mut self, rule: &Rule, remark: Remark, spot: Spot) {
        let (in_group, in_set) = (self.state.in_group, self.state.in_set);
        (self.state.in_group, self.state.in_set) = (false, false);
        self.say(rule, remark, spot, None);
        (self.state.in_group, self.state.in_set) = (in_group, in_set);
    }

    /// Adds a finding and marks the level that its code belongs to.
    fn say(&mut self, rule: &Rule, remark: Remark, spot: Spot, segment: Option<&Segment<'_>>) {
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
        let text = |bytes: &[u8]| escaped(bytes.trim_ascii());
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

fn spot_of(segment: &Segment<'_>) -> Spot {
    Spot { offset: segment.offset, ..Spot::default() }
}

fn isa_spot(offset: usize, element: usize) -> Spot {
    Spot {
        offset,
        tag: Some("ISA".to_owned()),
        element: u32::try_from(element).ok().filter(|element| *element > 0),
        ..Spot::default()
    }
}

/// Passes a validator's remarks on, with the segment that it looks at.
struct Speaker<'s, 'a, 'o> {
    assembler: &'s mut Assembler<'a, 'o>,
    segment: &'s Segment<'a>,
}

impl Sink for Speaker<'_, '_, '_> {
    fn remark(&mut self, rule: &Rule, remark: Remark, spot: Spot) {
        self.assembler.say(rule, remark, spot, Some(self.segment));
    }
}

/// The GS01 that goes with a set.
fn group_of(set: &[u8]) -> Option<&'static str> {
    let set = std::str::from_utf8(set).ok()?;
    GROUPS.iter().find(|(_, sets)| sets.contains(&set)).map(|(group, _)| *group)
}

const GROUPS: &[(&str, &[&str])] = &[
    ("PO", &["850"]),
    ("PR", &["855"]),
    ("PC", &["860"]),
    ("CA", &["865"]),
    ("IN", &["810"]),
    ("GP", &["880"]),
    ("OG", &["875", "876"]),
    ("RA", &["820"]),
    ("AG", &["824"]),
    ("FA", &["997", "999"]),
    ("SH", &["856"]),
    ("BS", &["857"]),
    ("RC", &["861"]),
    ("SS", &["862"]),
    ("RS", &["869", "870"]),
    ("OW", &["940"]),
    ("SW", &["945"]),
    ("AR", &["943"]),
    ("RE", &["944"]),
    ("AW", &["947"]),
    ("IB", &["846"]),
    ("PD", &["852"]),
    ("PT", &["867"]),
    ("CF", &["844", "849"]),
    ("CD", &["812"]),
    ("SC", &["832"]),
    ("QG", &["888", "889", "878", "879"]),
    ("PS", &["830"]),
    ("TX", &["864"]),
    ("DX", &["894", "895"]),
];
