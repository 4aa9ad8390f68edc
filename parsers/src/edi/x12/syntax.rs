//! ISB, ISE and ISX, which may stand between ISA and the first group; and what GS and ST say of version and parties.
//!
//! In: one of these segments. Out: findings, and from ISX the release character. Never: a count of them.

use crate::edi::assembler::{Flow, Visit, spot_of};
use crate::edi::delimiters::digits;
use crate::edi::finding::Remark;
use crate::edi::rules::{self, Rule};
use crate::edi::segment::Segment;
use crate::edi::validate::Spot;
use crate::edi::value;

/// ISA12 from which ISX may be there, and from which it has a third and a fourth element.
const EXTENSION: u32 = 704;
const OVERRIDES: u32 = 801;

/// The version from which separators without anything between them are a fault of their own.
const EXCESS: u32 = 7010;

/// Whether separators without anything between them are looked for in the content of sets.
pub(in crate::edi) fn looks_at_separators(version: u32) -> bool {
    version >= EXCESS
}

/// Versions that have a table.
const TABLES: [u32; 2] = [4010, 5010];

impl Visit<'_, '_> {
    pub(super) fn grade_of_service(&mut self, segment: &Segment<'_>) {
        let right = is_code(segment.element(1), 1, 1);
        self.check(&rules::GRADE_OF_SERVICE, (segment, 1), right, "one letter or digit");
    }

    pub(super) fn deferred_delivery(&mut self, segment: &Segment<'_>) {
        let [date, time, code] = [1, 2, 3].map(|number| segment.element(number));
        let right = date.len() == 6 && value::date(date).is_some();
        self.check(&rules::DELIVERY_DATE, (segment, 1), right, "YYMMDD");
        let right = time.len() == 4 && value::is_time(time);
        self.check(&rules::DELIVERY_TIME, (segment, 2), right, "HHMM");
        let right = code.is_empty() || is_code(code, 2, 2);
        self.check(&rules::DELIVERY_TIME_CODE, (segment, 3), right, "two letters or digits");
    }

    pub(super) fn syntax_extension(&mut self, segment: &Segment<'_>) -> Flow {
        let interchange = &self.state.interchange;
        let version = digits(interchange.header.element(12)).unwrap_or(0);
        let begun =
            interchange.children > 0 || interchange.segments > 0 || self.state.told.extended;
        if version < EXTENSION || begun {
            let message =
                "ISX stands where there is none: it follows ISA, once, from version 00704 on";
            self.say(&rules::ISX_UNEXPECTED, Remark::new(message), spot_of(segment), Some(segment));
            return Flow::On;
        }
        self.state.told.extended = true;
        let encoding = segment.element(2);
        let right = encoding.is_empty() || is_code(encoding, 1, 2);
        self.check(&rules::CHARACTER_ENCODING, (segment, 2), right, "one or two letters or digits");
        self.overrides(segment, version);
        match segment.element(1) {
            [] => Flow::On,
            [byte] if may_release(*byte, segment) => Flow::Release(*byte),
            _ => {
                let expected = "a byte that is no letter, digit, blank or separator";
                self.check(&rules::RELEASE_CHARACTER, (segment, 1), false, expected);
                Flow::On
            }
        }
    }

    /// ISX03 and ISX04: another version for the values of codes.
    fn overrides(&mut self, segment: &Segment<'_>, version: u32) {
        let (code, industry) = (segment.element(3), segment.element(4));
        let number = digits(code).filter(|_| code.len() == 6 && version >= OVERRIDES);
        let right = code.is_empty() || number.is_some();
        self.check(&rules::OVERRIDING_VERSION, (segment, 3), right, "six digits such as 005010");
        let known = number.is_none_or(|number| TABLES.contains(&number));
        let rule = &rules::OVERRIDING_VERSION_UNSUPPORTED;
        self.check(rule, (segment, 3), known, "004010 or 005010");
        let right = industry.is_empty() || (is_code(industry, 1, 6) && !code.is_empty());
        let expected = "one to six letters or digits, after ISX03";
        self.check(&rules::INDUSTRY_IDENTIFIER, (segment, 4), right, expected);
    }

    pub(super) fn check_group_header(&mut self, segment: &Segment<'_>) {
        let [kind, sender, receiver, date, time] =
            [1, 2, 3, 4, 5].map(|number| segment.element(number).trim_ascii());
        let right = is_code(kind, 2, 2) && !kind.iter().any(u8::is_ascii_lowercase);
        self.check(&rules::GS01_INVALID, (segment, 1), right, "two capital letters or digits");
        let named =
            |id: &[u8]| (2..=15).contains(&id.len()) && !id.iter().any(u8::is_ascii_control);
        self.check(&rules::GS02_INVALID, (segment, 2), named(sender), "two to fifteen characters");
        self.check(
            &rules::GS03_INVALID,
            (segment, 3),
            named(receiver),
            "two to fifteen characters",
        );
        let right = matches!(date.len(), 6 | 8) && value::date(date).is_some();
        self.check(&rules::GS04_INVALID, (segment, 4), right, "CCYYMMDD");
        self.check(&rules::GS05_INVALID, (segment, 5), value::is_time(time), "HHMM");
        let (agency, version) = (segment.element(7).trim_ascii(), segment.element(8).trim_ascii());
        self.check(&rules::GS07_INVALID, (segment, 7), matches!(agency, b"X" | b"T"), "X or T");
        let begins = agency == b"T" || version.get(..6).and_then(digits).is_some();
        let right = begins && is_text(version, 1, 12);
        self.check(&rules::GS08_INVALID, (segment, 8), right, "six digits and an industry");
    }

    /// ST03, from 005010 on: the implementation guide.
    pub(super) fn check_guide(&mut self, segment: &Segment<'_>) {
        let guide = segment.element(3).trim_ascii();
        if guide.is_empty() {
            return;
        }
        let right = is_text(guide, 1, 35);
        self.check(&rules::ST03_INVALID, (segment, 3), right, "one to 35 printable characters");
        let group = self.state.group.version;
        let named = guide.get(..6).and_then(digits);
        if named.is_some_and(|named| named != group) {
            let expected = format!("{group:06}, as in GS08");
            self.check(&rules::ST03_UNSUPPORTED, (segment, 3), false, &expected);
        }
    }

    /// Separators without anything between them, from 007010 on: at the end of a composite, and at the end of a
    /// segment whose set has no table. Where there is one, its elements are looked at with it.
    pub(super) fn excess(&mut self, segment: &Segment<'_>) {
        if !looks_at_separators(self.state.group.version) {
            return;
        }
        let separator = segment.delimiters.component;
        let is_binary = matches!(segment.tag(), b"BIN" | b"BDS");
        for number in 1..=segment.count() {
            let value = segment.element(number);
            let ends_empty = value.last() == Some(&separator)
                && segment.delimiters.split(value, separator).last().is_some_and(<[u8]>::is_empty);
            if !ends_empty || (is_binary && number == segment.count()) {
                continue;
            }
            let filled = value.iter().rposition(|byte| *byte != separator).map_or(0, |at| at + 1);
            let spot = Spot {
                offset: segment.offset_of(number) + filled,
                element: u32::try_from(number).ok(),
                ..Spot::default()
            };
            let remark = Remark::new("component separators stand at the end of a composite");
            self.say(&rules::COMPONENT_TRAILING, remark.found(value), spot, Some(segment));
        }
        let last = segment.count();
        if self.state.validator.is_none() && last > 0 && segment.element(last).is_empty() {
            let remark = Remark::new("separators stand before the terminator with nothing between");
            let number = u32::try_from(last).unwrap_or(u32::MAX);
            self.say_of_element(&rules::TRAILING_SEPARATORS, remark, segment, number);
        }
    }

    pub(super) fn check(
        &mut self,
        rule: &Rule,
        at: (&Segment<'_>, u32),
        right: bool,
        expected: &str,
    ) {
        let (segment, number) = at;
        if !right {
            let tag = segment.tag_text();
            let remark = Remark::new(format!("{tag}{number:02} is wrong")).expected(expected);
            let found = segment.element(number as usize).trim_ascii();
            self.say_of_element(rule, remark.found(found), segment, number);
        }
    }
}

/// A release character has no other meaning.
fn may_release(byte: u8, segment: &Segment<'_>) -> bool {
    let plain = byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || byte >= 0x80;
    !plain && !segment.delimiters.contains(byte)
}

fn is_code(value: &[u8], shortest: usize, longest: usize) -> bool {
    (shortest..=longest).contains(&value.len()) && value.iter().all(u8::is_ascii_alphanumeric)
}

fn is_text(value: &[u8], shortest: usize, longest: usize) -> bool {
    (shortest..=longest).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic)
}
