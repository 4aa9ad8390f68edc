//! STX: who sends what to whom, when, and under which reference.
//!
//! In: the first segment of a transmission. Out: the transmission opened, findings. Never: a guess at separators that
//! TRADACOMS does not have.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::TRADACOMS;
use crate::edi::assembler::{Entry, Visit};
use crate::edi::finding::Remark;
use crate::edi::rules::{self, Rule};
use crate::edi::segment::Segment;
use crate::edi::shown::escaped;
use crate::edi::value;
use crate::edi::x12::wrapped_columns;

/// STDS, FROM, UNTO, TRDT, SNRF, RCRF, APRF, PRCD.
const STX_ELEMENTS: usize = 8;

/// Why a transmission cannot be read at all: its lines cut segments, as when a program wrapped the file, or it has
/// other separators than TRADACOMS has.
pub(in crate::edi) fn unreadable(head: &[u8]) -> Option<(&'static Rule, Remark)> {
    let ends_segments = |line: &[u8]| line.trim_ascii_end().ends_with(b"'");
    let mut lines = head.split(|byte| *byte == b'\n').take(3);
    if let Some(columns) = wrapped_columns(head).filter(|_| !lines.all(ends_segments)) {
        let remark =
            Remark::new(format!("the file is cut into lines of {columns} bytes, STX included"));
        return Some((&rules::TRADACOMS_WRAPPED, remark));
    }
    let end = memchr::memchr(b'\'', head);
    let stx = head.get(..end.unwrap_or(head.len())).unwrap_or(head);
    let runs_on = |tag: &[u8]| memchr::memmem::find(stx, tag).is_some();
    let remark = if runs_on(b"MHD=") || runs_on(b"BAT=") {
        Remark::new("STX runs on into the first message").expected("' after each segment")
    } else if !matches!(stx.get(3), Some(b'=' | b'+')) || !stx.contains(&b'+') {
        Remark::new("STX has other separators").expected("= after the tag and + between elements")
    } else {
        return None;
    };
    Some((&rules::TRADACOMS_SEPARATORS, remark.found(stx.get(..60).unwrap_or(stx))))
}

impl Visit<'_, '_> {
    /// The transmission cannot be read.
    pub(in crate::edi) fn unreadable_transmission(
        &mut self,
        (at, head): (usize, &[u8]),
        (rule, remark): (&Rule, Remark),
    ) {
        self.state.standard = Some(TRADACOMS);
        self.state.summary.standard.get_or_insert(TRADACOMS);
        self.say_of_bytes(rule, remark, at, head);
    }

    pub(super) fn open_transmission(&mut self, segment: &Segment<'_>) {
        self.open_interchange(TRADACOMS, segment);
        // `open_interchange` counts a header that the reader did not.
        self.state.summary.segments -= 1;
        self.lexical(segment);
        self.check_elements(segment);
        self.check_parties(segment);
        self.check_number(segment);
    }

    fn check_elements(&mut self, segment: &Segment<'_>) {
        let syntax = (segment.component(1, 1).trim_ascii(), segment.component(1, 2).trim_ascii());
        if !matches!(syntax, (b"ANA" | b"ANAA", b"1")) {
            let remark = Remark::new("the syntax is none of TRADACOMS")
                .expected("ANA:1")
                .found(segment.element(1));
            self.say_of_element(&rules::STX_SYNTAX, remark, segment, 1);
        }
        for (number, rule, who) in
            [(2, &rules::STX_SENDER, "sender"), (3, &rules::STX_RECIPIENT, "recipient")]
        {
            let element = number as usize;
            let is_missing =
                [1, 2].iter().all(|part| segment.component(element, *part).trim_ascii().is_empty());
            if is_missing {
                let remark =
                    Remark::new(format!("STX names no {who}")).expected("a code or a name");
                self.say_of_element(rule, remark, segment, number);
            }
        }
        let (date, time) =
            (segment.component(4, 1).trim_ascii(), segment.component(4, 2).trim_ascii());
        let is_time = time.is_empty() || (matches!(time.len(), 4 | 6) && value::is_time(time));
        if date.len() != 6 || value::date(date).is_none() || !is_time {
            let remark = Remark::new("the date of the transmission is wrong")
                .expected("YYMMDD:HHMMSS")
                .found(segment.element(4));
            self.say_of_element(&rules::STX_DATE, remark, segment, 4);
        }
        if segment.element(5).trim_ascii().is_empty() {
            let remark = Remark::new("the transmission has no reference");
            self.say_of_element(&rules::STX_REFERENCE, remark, segment, 5);
        }
        self.too_many(segment, STX_ELEMENTS);
    }

    /// Only codes are compared: TRADACOMS has no qualifiers.
    fn check_parties(&mut self, segment: &Segment<'_>) {
        let expected = self.state.options.expectations;
        let mut check = |rule: &Rule, number: u32, who: &str, expected: Option<(&str, &str)>| {
            let found = segment.component(number as usize, 1).trim_ascii();
            if let Some((_, id)) = expected.filter(|(_, id)| id.trim().as_bytes() != found) {
                let remark = Remark::new(format!("STX names another {who}")).expected(id);
                self.say_of_element(rule, remark.found(escaped(found).as_bytes()), segment, number);
            }
        };
        check(&rules::TRADACOMS_SENDER, 2, "sender", expected.sender);
        check(&rules::TRADACOMS_RECIPIENT, 3, "recipient", expected.receiver);
    }

    fn check_number(&mut self, segment: &Segment<'_>) {
        let number = segment.element(5).trim_ascii();
        let mut scope = DefaultHasher::new();
        [2, 3].map(|party| segment.element(party)).hash(&mut scope);
        match self.state.controls.enter(scope.finish(), number) {
            Entry::New => {}
            Entry::Repeated if number.is_empty() => {}
            Entry::Repeated => {
                let remark = Remark::new("this transmission reference was in this file before");
                self.say_of_element(&rules::STX_DUPLICATE, remark.found(number), segment, 5);
            }
            Entry::Forgotten => self.numbers_forgotten(segment.offset),
        }
    }
}
