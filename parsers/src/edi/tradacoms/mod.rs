//! TRADACOMS: STX, BAT, MHD and their trailers.
//!
//! In: the segments of a transmission. Out: levels opened and closed, findings. TRADACOMS (ANA, 1982 to 1995; its
//! syntax became ISO 9735) has an equals sign after each tag, separators that cannot be changed, and no
//! acknowledgements, so that no finding here carries a code of one. Never: a search for `STX=` within data.

mod file;
mod header;
mod trailers;

pub(super) use self::file::OpenFile;
pub(super) use self::header::unreadable;

use super::assembler::{Entry, Flow, Visit, spot_of};
use super::delimiters::{Delimiters, digits};
use super::edifact::stray_release;
use super::finding::Remark;
use super::rules::{self, Rule};
use super::schema::{Transaction, find};
use super::segment::Segment;
use super::standard::Standard;
use super::validate::{Spot, Validator};

/// TRADACOMS has no way to change its separators.
pub(super) const DELIMITERS: Delimiters = Delimiters {
    element: b'+',
    component: b':',
    segment: b'\'',
    repetition: None,
    release: Some(b'?'),
};

const TRADACOMS: Standard = Standard::Tradacoms;

/// The message that repeats the references of STX before END.
const RECONCILIATION: &[u8] = b"RSGRSG";

/// The table of a message by its type and version (`ORDERS`, `9`), where there is one for just that version. A message
/// without a table is read with its envelope checked.
fn table(message: &[u8], version: &[u8]) -> Option<&'static Transaction> {
    let version = digits(version)?;
    find(TRADACOMS, message, b"").filter(|table| u32::from(table.version) == version)
}

impl Visit<'_, '_> {
    /// A segment of a transmission.
    pub(super) fn tradacoms(&mut self, segment: &Segment<'_>) -> Flow {
        match segment.tag() {
            b"STX" if !self.state.interchange.open => self.open_transmission(segment),
            b"END" => {
                self.written_as_it_should_be(segment);
                self.close_transmission(segment);
                return Flow::Closed;
            }
            b"BAT" => self.open_batch(segment),
            b"EOB" => self.close_batch(segment),
            b"MHD" => self.open_tradacoms_message(segment),
            b"MTR" => self.close_tradacoms_message(segment),
            _ if self.state.set.open => self.message_segment(segment),
            b"" => {
                let remark = Remark::new("two terminators follow each other");
                self.say(&rules::TRADACOMS_EMPTY_SEGMENT, remark, spot_of(segment), Some(segment));
            }
            _ => self.outside_tradacoms_message(segment),
        }
        self.written_as_it_should_be(segment);
        Flow::On
    }

    /// What is told of the way in which a transmission is written, once in each.
    fn written_as_it_should_be(&mut self, segment: &Segment<'_>) {
        let lacks_equals_sign = !segment.bytes.is_empty()
            && segment.bytes.get(segment.tag().len()).is_some_and(|separator| *separator != b'=');
        if lacks_equals_sign && segment.has_tag_of_tradacoms() && !self.state.told.tag_separator {
            self.state.told.tag_separator = true;
            let found = segment.bytes.get(..segment.tag().len() + 1).unwrap_or_default();
            let remark = Remark::new("the tag is not followed by an equals sign")
                .expected("= after each tag")
                .found(found);
            self.say(&rules::TRADACOMS_TAG_SEPARATOR, remark, spot_of(segment), Some(segment));
        }
        let has_line_break =
            !segment.is_plain() && segment.bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        if has_line_break && !self.state.told.line_break {
            self.state.told.line_break = true;
            let remark =
                Remark::new("a line break stands within a segment, and belongs to its data");
            self.say(&rules::TRADACOMS_LINE_BREAK, remark, spot_of(segment), Some(segment));
        }
        if let Some(at) = stray_release(segment) {
            let remark = Remark::new("the release character stands before nothing to release")
                .found(
                    segment.bytes.get(at..(at + 4).min(segment.bytes.len())).unwrap_or_default(),
                );
            let spot = Spot { offset: segment.offset + at, ..Spot::default() };
            self.say(&rules::TRADACOMS_RELEASE, remark, spot, Some(segment));
        }
    }

    fn open_batch(&mut self, segment: &Segment<'_>) {
        self.end_batch_early(segment);
        self.open_group(TRADACOMS, Some(segment));
        if segment.element(1).trim_ascii().is_empty() {
            let remark = Remark::new("the batch has no reference");
            self.say_of_element(&rules::BAT_REFERENCE, remark, segment, 1);
        }
        self.too_many(segment, 1);
    }

    fn open_tradacoms_message(&mut self, segment: &Segment<'_>) {
        self.end_tradacoms_message_early(segment);
        let message = segment.component(2, 1).trim_ascii();
        if !self.state.group.open {
            // RSGRSG belongs to the transmission as a whole.
            let follows_batch = self.state.interchange.children > 0 && message != RECONCILIATION;
            self.open_group(TRADACOMS, None);
            if follows_batch {
                self.batches_mixed(segment);
            }
        }
        // The last header is kept until the next one takes its place: references count on from it.
        let is_first = self.state.interchange.segments + self.state.group.children == 0;
        let last = if is_first { Some(0) } else { digits(self.state.set.header.element(1)) };
        let table = table(message, segment.component(2, 2).trim_ascii());
        let validator = table.filter(|_| self.state.options.check_sets);
        self.open_set(TRADACOMS, segment, validator.map(|table| Box::new(Validator::new(table))));
        self.check_message_number(segment, last);
        self.check_type(segment, message, is_first);
        self.message_of_file(message, segment);
        self.first_segment(segment);
    }

    /// References are numbers that count on from 1 and are used once; in each batch anew, where a sender does so.
    fn check_message_number(&mut self, segment: &Segment<'_>, last: Option<u32>) {
        let text = segment.element(1).trim_ascii();
        let Some(number) = digits(text).filter(|_| text.len() <= 12) else {
            let remark = Remark::new("the message reference is no number").found(text);
            return self.say_of_element(&rules::MHD_REFERENCE, remark, segment, 1);
        };
        let batch =
            if self.state.group.header.is_empty() { 0 } else { self.state.group.index as u64 + 1 };
        // Leading zeros make no other number.
        let zeros = text.iter().take_while(|digit| **digit == b'0').count();
        match self.state.interchange.numbers.enter(batch, text.get(zeros..).unwrap_or(text)) {
            Entry::Repeated => {
                let remark = Remark::new("the message reference was in this transmission before");
                return self.say_of_element(&rules::MHD_DUPLICATE, remark.found(text), segment, 1);
            }
            Entry::Forgotten => self.numbers_forgotten(segment.offset),
            Entry::New => {}
        }
        let begins_batch = number == 1 && batch > 0 && self.state.group.children == 1;
        let next = last.map(|last| last.saturating_add(1));
        if let Some(next) = next.filter(|next| *next != number && !begins_batch) {
            let remark = Remark::new("the message reference does not count on")
                .expected(next.to_string())
                .found(text);
            self.say_of_element(&rules::MHD_ORDER, remark, segment, 1);
        }
    }

    fn check_type(&mut self, segment: &Segment<'_>, message: &[u8], is_first: bool) {
        let version = segment.component(2, 2).trim_ascii();
        let is_type = (1..=6).contains(&message.len())
            && message.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !is_type || !(1..=2).contains(&version.len()) || digits(version).is_none() {
            let remark = Remark::new("the message type is not a name and a version")
                .expected("such as ORDERS:9")
                .found(segment.element(2));
            self.say_of_element(&rules::MHD_TYPE, remark, segment, 2);
        }
        self.too_many(segment, 2);
        if !is_first {
            return;
        }
        let stx = self.state.interchange.header.clone();
        let application = stx.element(7);
        if !application.is_empty() && application != message {
            let remark = Remark::new("the first message is not what STX announces")
                .expected(super::shown::shown(application))
                .found(message);
            self.say_of_element(&rules::STX_APPLICATION, remark, segment, 2);
        }
    }

    fn message_segment(&mut self, segment: &Segment<'_>) {
        let is_odd = segment.bytes.is_empty() || !segment.has_tag_of_tradacoms();
        if is_odd && self.state.validator.is_none() && !segment.traits.cut {
            let (rule, message): (&Rule, _) = if segment.bytes.is_empty() {
                (&rules::TRADACOMS_EMPTY_SEGMENT, "two terminators follow each other")
            } else {
                (&rules::TRADACOMS_TAG, "this cannot be the tag of a segment")
            };
            if !segment.bytes.is_empty() {
                self.count_segment(segment);
            }
            let remark = Remark::new(message).found(segment.tag());
            return self.say(rule, remark, spot_of(segment), Some(segment));
        }
        self.content(segment);
        self.count_of_file(segment);
        if segment.tag() == b"RSG" {
            self.check_reconciliation(segment);
        }
    }

    /// RSG repeats the reference of STX and the recipient's code.
    fn check_reconciliation(&mut self, segment: &Segment<'_>) {
        if self.state.set.header.component(2, 1) != RECONCILIATION {
            let remark = Remark::new("RSG stands in another message than RSGRSG");
            return self.say(&rules::RSG_MISPLACED, remark, spot_of(segment), Some(segment));
        }
        let stx = self.state.interchange.header.clone();
        let repeated = [
            (1, stx.element(5), &rules::RSG_REFERENCE, "RSG does not repeat the reference of STX"),
            (
                2,
                stx.component(3, 1),
                &rules::RSG_RECIPIENT,
                "RSG does not name the recipient of STX",
            ),
        ];
        for (number, expected, rule, message) in repeated {
            let found = segment.element(number as usize).trim_ascii();
            if found != expected {
                let expected = super::shown::shown(expected);
                let remark = Remark::new(message).expected(expected).found(found);
                self.say_of_element(rule, remark, segment, number);
            }
        }
    }

    /// A run of them is told once.
    fn outside_tradacoms_message(&mut self, segment: &Segment<'_>) {
        if !std::mem::replace(&mut self.state.told.outside, true) {
            let remark = Remark::new("a segment stands outside of messages").found(segment.tag());
            self.say(&rules::TRADACOMS_OUTSIDE, remark, spot_of(segment), Some(segment));
        }
    }

    fn too_many(&mut self, segment: &Segment<'_>, most: usize) {
        if segment.count() > most {
            let remark = Remark::new(format!("the segment has more than {most} elements"));
            let number = u32::try_from(most + 1).unwrap_or(u32::MAX);
            self.say_of_element(&rules::TRADACOMS_ELEMENTS, remark, segment, number);
        }
    }
}

impl Segment<'_> {
    /// Whether the tag is a capital letter and two letters or digits.
    fn has_tag_of_tradacoms(&self) -> bool {
        self.tag().len() == 3 && self.tag_is_well_formed()
    }
}
