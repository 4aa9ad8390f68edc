//! What is wrong with the elements of one segment, the narrowest fault of each.
//!
//! In: a segment and its shape. Out: remarks. Never: speed; [`super::fit`] keeps right segments away from here.

use super::fit::is_missing;
use super::{Sink, Spot, period};
use crate::edi::delimiters::Delimiters;
use crate::edi::finding::{Remark, Trigger};
use crate::edi::rules::{self, Rule};
use crate::edi::schema::{Bond, Kind, Need, Note, Shape, Tables, Usage};
use crate::edi::segment::{BinaryFault, Segment};
use crate::edi::shown::times;
use crate::edi::standard::Standard;
use crate::edi::text::CharacterSet;
use crate::edi::value;

/// The longest value of what people read: numbers of items and documents are shorter in all three standards.
const FREE_TEXT: u32 = 55;

/// The elements of one segment.
pub(super) struct Elements<'s, 'i> {
    pub(super) tables: &'static Tables,
    pub(super) shape: Option<&'static Shape>,
    pub(super) standard: Standard,
    pub(super) segment: &'s Segment<'i>,
    pub(super) loop_id: Option<&'static str>,
    pub(super) scratch: &'s mut Vec<u8>,
    pub(super) sink: &'s mut dyn Sink,
}

impl Elements<'_, '_> {
    pub(super) fn check(&mut self) {
        self.check_binary();
        let Some(shape) = self.shape else {
            return;
        };
        let usages = self.tables.elements(shape);
        let (present, filled, total) = self.walk(usages);
        for note in self.tables.notes(shape).iter().filter(|note| !note.holds(present)) {
            self.note_broken(note, present);
        }
        if total > filled {
            let remark = Remark::new("separators stand before the terminator with nothing between");
            // X12 leaves them to the release; EDIFACT says that they shall not be sent.
            let rule = match self.standard {
                Standard::Edifact => &rules::edifact::TRAILING_SEPARATORS,
                Standard::X12 | Standard::Tradacoms => &rules::TRAILING_SEPARATORS,
            };
            self.sink.remark(rule, remark, self.spot(filled + 1));
        }
    }

    /// Checks each element. Gives back one bit for each position that has a value, and the numbers of the last
    /// element with a value and of the last.
    fn walk(&mut self, usages: &'static [Usage]) -> (u64, usize, usize) {
        // EDIFACT without a repetition separator has repetitions as elements of their own.
        let stands_alone =
            self.standard == Standard::Edifact && self.segment.delimiters.repetition.is_none();
        let (mut index, mut repeated) = (0, 0_u16);
        let (mut present, mut filled, mut total) = (0_u64, 0, 0);
        let (mut excess, mut excesses) = (None, 0);
        let segment = *self.segment;
        for (offset, value) in segment.elements() {
            total += 1;
            if !value.is_empty() {
                filled = total;
                present |= u32::try_from(index + 1)
                    .ok()
                    .and_then(|bit| 1_u64.checked_shl(bit))
                    .unwrap_or(0);
            }
            let Some(usage) = usages.get(index) else {
                if !value.is_empty() {
                    excess.get_or_insert((total, offset, value));
                    excesses += 1;
                }
                continue;
            };
            if repeated == 0 || !value.is_empty() {
                self.check_element(usage, total, (offset, value));
            }
            repeated = repeated.saturating_add(1);
            if !stands_alone || (repeated >= usage.most && usage.most != u16::MAX) {
                (index, repeated) = (index + 1, 0);
            }
        }
        if let Some(first) = excess {
            self.excess(first, excesses);
        }
        let after = index + usize::from(repeated > 0);
        for (number, usage) in (total + 1..).zip(usages.iter().skip(after)) {
            if usage.need == Need::Mandatory {
                self.missing(usage, number, segment.offset + segment.bytes.len());
            }
        }
        (present, filled, total)
    }

    fn check_binary(&mut self) {
        let message = match self.segment.traits.binary_fault {
            None => return,
            Some(BinaryFault::LengthNotNumeric) => "the length of the binary data is no number",
            Some(BinaryFault::PastEnd) => "the binary data would run past the end of the input",
            Some(BinaryFault::NoTerminator) => "no terminator follows the binary data",
        };
        self.sink.remark(&rules::BINARY_LENGTH, Remark::new(message), self.spot(0));
    }

    fn missing(&mut self, usage: &Usage, number: usize, offset: usize) {
        let remark = Remark::new(format!(
            "the mandatory element {}{number:02} is missing",
            self.segment.tag_text()
        ));
        let spot = Spot { offset, element_number: directory(usage), ..self.spot(number) };
        self.sink.remark(&rules::ELEMENT_MISSING, remark, spot);
    }

    /// Told once, by the first that is too many: one separator too many moves all that follow.
    fn excess(&mut self, (number, offset, value): (usize, usize, &[u8]), count: usize) {
        let remark = match count {
            1 => Remark::new("the segment does not have so many elements"),
            _ => Remark::new(format!(
                "the segment does not have so many elements, this is the first of {count} too many"
            )),
        };
        let remark = remark.found(value);
        let spot = Spot { offset, ..self.spot(number) };
        self.sink.remark(&rules::ELEMENT_TOO_MANY, remark, spot);
    }

    fn check_element(&mut self, usage: &Usage, number: usize, at: (usize, &[u8])) {
        let (offset, value) = at;
        let spot = Spot { offset, element_number: directory(usage), ..self.spot(number) };
        match usage.need {
            Need::Mandatory if value.is_empty() => return self.missing(usage, number, offset),
            _ if value.is_empty() || usage.kind == Kind::Binary => return,
            Need::Unused => {
                let remark = Remark::new("this version has no element here").found(value);
                return self.sink.remark(&rules::ELEMENT_TOO_MANY, remark, spot);
            }
            Need::Mandatory | Need::Optional => {}
        }
        let delimiters = self.segment.delimiters;
        let Some(separator) = delimiters.repetition else {
            return self.check_content(usage, spot, value);
        };
        let count = value::split(value, separator, delimiters.release).count();
        let mut offset = spot.offset;
        for (index, one) in value::split(value, separator, delimiters.release).enumerate() {
            let repetition = u32::try_from(index + 1).ok().filter(|_| count > 1);
            let at = offset;
            offset += one.len() + 1;
            if index >= usize::from(usage.most) && usage.most != u16::MAX {
                return self.too_many_repetitions(
                    usage,
                    Spot { offset: at, repetition, ..spot },
                    value,
                );
            }
            // What may not be repeated at all is told once, by its second occurrence.
            if !one.is_empty() && (count == 1 || usage.most > 1) {
                self.check_content(usage, Spot { offset: at, repetition, ..spot.clone() }, one);
            }
        }
    }

    fn too_many_repetitions(&mut self, usage: &Usage, spot: Spot, value: &[u8]) {
        let remark = match usage.most {
            1 => Remark::new("the element may not be repeated"),
            most => Remark::new(format!("the element is there more than {}", times(most.into()))),
        };
        self.sink.remark(&rules::REPETITION_TOO_MANY, remark.found(value), spot);
    }

    fn check_content(&mut self, usage: &Usage, spot: Spot, value: &[u8]) {
        match usage.kind {
            Kind::Composite => self.check_composite(usage, spot, value),
            _ => self.check_value(usage, spot, value),
        }
    }

    fn check_composite(&mut self, composite: &Usage, whole: Spot, value: &[u8]) {
        let usages = self.tables.components(composite);
        let delimiters = self.segment.delimiters;
        let components = || value::split(value, delimiters.component, delimiters.release);
        let mut offset = whole.offset;
        let mut total = 0;
        for component in components() {
            total += 1;
            let spot = Spot { offset, component: u32::try_from(total).ok(), ..whole.clone() };
            offset += component.len() + 1;
            match usages.get(total - 1) {
                None if components().skip(total - 1).all(<[u8]>::is_empty) => {
                    let remark =
                        Remark::new("component separators stand at its end with nothing between");
                    self.sink.remark(&rules::COMPONENT_TRAILING, remark.found(value), spot);
                    break;
                }
                None => {
                    let remark = Remark::new("the composite does not have so many components");
                    let remark = remark.found(component);
                    self.sink.remark(&rules::COMPONENT_TOO_MANY, remark, spot);
                    return;
                }
                Some(usage) if component.is_empty() => self.absent_component(usage, spot),
                Some(usage) => {
                    let spot = Spot { element_number: directory(usage), ..spot };
                    self.check_component(usage, spot, component);
                }
            }
        }
        let end = whole.offset + value.len();
        for (number, usage) in (1..).zip(usages).skip(total) {
            let spot = Spot { offset: end, component: Some(number), ..whole.clone() };
            self.absent_component(usage, spot);
        }
        if period::is_period(usages) && !period::is_right(components()) {
            let remark = Remark::new("the date or time is not what its format code says");
            let offset = whole.offset + self.second_component(value);
            let spot = Spot { offset, component: Some(2), element_number: Some(2380), ..whole };
            self.sink.remark(&rules::ELEMENT_DATE, remark.found(value), spot);
        }
    }

    /// Where it begins in a value.
    fn second_component(&self, value: &[u8]) -> usize {
        let Delimiters { component, release, .. } = self.segment.delimiters;
        value::piece(value, 2, component, release).0
    }

    fn check_component(&mut self, usage: &Usage, spot: Spot, component: &[u8]) {
        if usage.need == Need::Unused {
            let remark = Remark::new("this version has no component here").found(component);
            return self.sink.remark(&rules::COMPONENT_TOO_MANY, remark, spot);
        }
        self.check_value(usage, spot, component);
    }

    fn absent_component(&mut self, usage: &Usage, spot: Spot) {
        if usage.need == Need::Mandatory {
            let remark = Remark::new("a mandatory component is missing");
            let spot = Spot { element_number: directory(usage), ..spot };
            self.sink.remark(&rules::ELEMENT_MISSING, remark, spot);
        }
    }

    /// The narrowest fault of a value: its characters, then its length, then its meaning.
    fn check_value(&mut self, usage: &Usage, spot: Spot, sent: &[u8]) {
        if is_missing(usage, sent) {
            let remark = Remark::new("a mandatory value is nothing but blanks").found(sent);
            return self.sink.remark(&rules::ELEMENT_BLANK, remark, spot);
        }
        let delimiters = self.segment.delimiters;
        if let Some(at) = sent.iter().position(u8::is_ascii_control)
            && !self.takes_line_breaks(usage, &spot, sent)
        {
            let remark = Remark::new("a control byte stands in data").found(sent);
            let spot = Spot { offset: spot.offset + at, ..spot };
            return self.sink.remark(&rules::ELEMENT_CHARACTER, remark, spot);
        }
        let pieces = value::split(sent, delimiters.component, delimiters.release).take(2).count();
        if pieces > 1 && spot.component.is_none() {
            let remark =
                Remark::new("a component separator stands in an element without components");
            let offset = spot.offset + self.second_component(sent);
            let spot = Spot { offset, component: Some(2), ..spot };
            return self.sink.remark(&rules::COMPONENT_TOO_MANY, remark.found(sent), spot);
        }
        if self.standard == Standard::X12 {
            self.check_characters(&spot, sent);
        }
        let mut scratch = std::mem::take(self.scratch);
        let value = value::unreleased(sent, delimiters.release, &mut scratch);
        if let Some((rule, message)) = fault_of_type(self.tables, usage, value) {
            self.sink.remark(rule, Remark::new(message).found(sent), spot);
        } else if let Some((rule, length)) = fault_of_length(usage, value) {
            let remark = Remark::new(format!("the value has {length} characters"))
                .expected(format!("{} to {}", usage.shortest, usage.longest))
                .found(sent);
            self.sink.remark(rule, remark, spot);
        }
        *self.scratch = scratch;
    }

    /// X12 declares no character set: see [`CharacterSet::Undeclared`].
    fn check_characters(&mut self, spot: &Spot, sent: &[u8]) {
        let foreign = |byte: &u8| !value::in_extended_set(*byte) && !byte.is_ascii_control();
        let Some(first) = sent.iter().position(foreign) else {
            return;
        };
        let message = "characters outside the X12 character set";
        let is_guessed = self.segment.character_set == CharacterSet::Undeclared;
        let (at, remark) = match std::str::from_utf8(sent) {
            Err(fault) if is_guessed => {
                let at = fault.valid_up_to();
                let byte = sent.get(at).copied().unwrap_or_default();
                let read = "is no UTF-8, so that the value is read as ISO 8859-1";
                (at, Remark::new(format!("{message}: byte {byte:02X} {read}")))
            }
            _ => (first, Remark::new(message)),
        };
        let spot = Spot { offset: spot.offset + at, ..spot.clone() };
        self.sink.remark(&rules::ELEMENT_CHARSET, remark.found(sent), spot);
    }

    /// Line breaks in text are what people type: nothing is lost by them. In a number of an item or a document they
    /// would make another number. EDIFACT and TRADACOMS mind them as characters of the interchange, before they look
    /// at elements.
    fn takes_line_breaks(&mut self, usage: &Usage, spot: &Spot, sent: &[u8]) -> bool {
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        if usage.kind != Kind::Text
            || usage.longest < FREE_TEXT
            || sent.iter().any(|byte| byte.is_ascii_control() && !is_break(byte))
        {
            return false;
        }
        if self.standard == Standard::X12 {
            let at = sent.iter().position(is_break).unwrap_or_default();
            let spot = Spot { offset: spot.offset + at, ..spot.clone() };
            let remark = Remark::new("a line break stands in text").found(sent);
            self.sink.remark(&rules::ELEMENT_LINE_BREAK, remark, spot);
        }
        true
    }

    fn note_broken(&mut self, note: &Note, present: u64) {
        let says = match note.bond {
            Bond::Paired => "are sent together or not at all",
            Bond::Required => "need at least one of them",
            Bond::Exclusive => "exclude each other",
            Bond::Conditional => "go with the first",
            Bond::List => "need at least one beside the first",
        };
        let numbers = || [note.first, note.others].into_iter().flat_map(positions);
        let exclusive = note.bond == Bond::Exclusive;
        let there = |number: &usize| present & (1_u64 << number) != 0;
        let culprit = if exclusive {
            numbers().filter(there).last()
        } else {
            numbers().find(|number| !there(number))
        };
        let cause = numbers().find(|number| there(number) && Some(*number) != culprit);
        let tag = self.segment.tag_text();
        let names: Vec<String> = numbers().map(|number| format!("{tag}{number:02}")).collect();
        let rule = if exclusive { &rules::ELEMENT_EXCLUSION } else { &rules::ELEMENT_CONDITION };
        let mut remark = Remark::new(format!("{} {says}", names.join(", ")));
        remark.trigger = cause.map(|number| Trigger {
            segment: tag.to_owned(),
            position: self.sink.position(),
            loop_id: self.loop_id,
            element: u32::try_from(number).ok(),
        });
        self.sink.remark(rule, remark, self.spot(culprit.unwrap_or_default()));
    }

    /// The place of an element by its number; 0 is the segment as a whole.
    fn spot(&self, number: usize) -> Spot {
        let usages = self.shape.map_or(&[][..], |shape| self.tables.elements(shape));
        let usage = number.checked_sub(1).and_then(|index| usages.get(index));
        Spot {
            offset: if number == 0 { self.segment.offset } else { self.segment.offset_of(number) },
            element: u32::try_from(number).ok().filter(|number| *number > 0),
            element_number: usage.and_then(directory),
            loop_id: self.loop_id,
            ..Spot::default()
        }
    }
}

fn fault_of_type(
    tables: &Tables,
    usage: &Usage,
    value: &[u8],
) -> Option<(&'static Rule, &'static str)> {
    let (right, rule, message) = match usage.kind {
        Kind::Text | Kind::Binary | Kind::Composite => return None,
        Kind::Code => (
            tables.has_code(usage, value.trim_ascii()),
            &rules::ELEMENT_CODE,
            "the code is not in the list",
        ),
        Kind::Whole => {
            (value::is_whole_number(value), &rules::ELEMENT_CHARACTER, "this is no whole number")
        }
        Kind::Decimal if !value::is_decimal(value) => {
            (false, &rules::ELEMENT_CHARACTER, "this is no number")
        }
        Kind::Decimal => {
            (!value::ends_in_point(value), &rules::DECIMAL_POINT_LAST, "a point ends the number")
        }
        Kind::Number => (value::is_number(value), fault_of_number(value), "this is no number"),
        Kind::Letters => (
            !value.iter().any(u8::is_ascii_digit),
            &rules::ELEMENT_CHARACTER,
            "a digit stands among letters",
        ),
        Kind::Date => (value::date(value).is_some(), &rules::ELEMENT_DATE, "there is no such date"),
        Kind::Time => (value::is_time(value), &rules::ELEMENT_TIME, "there is no such time"),
    };
    (!right).then_some((rule, message))
}

/// A decimal mark without a digit on one of its sides can be read without doubt.
fn fault_of_number(value: &[u8]) -> &'static Rule {
    let unsigned = value.strip_prefix(b"-").unwrap_or(value);
    let whole = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    match unsigned {
        [b'.' | b',', digits @ ..] if whole(digits) => &rules::edifact::DECIMAL_MARK_FIRST,
        [digits @ .., b'.' | b','] if whole(digits) => &rules::edifact::DECIMAL_MARK_LAST,
        _ => &rules::ELEMENT_CHARACTER,
    }
}

fn fault_of_length(usage: &Usage, value: &[u8]) -> Option<(&'static Rule, usize)> {
    let length = match usage.kind {
        Kind::Whole | Kind::Decimal | Kind::Number => value::number_length(value),
        // Characters, not bytes: a name in UTF-8 is not longer for its accents.
        _ => std::str::from_utf8(value).map_or(value.len(), |text| text.chars().count()),
    };
    if length < usize::from(usage.shortest) {
        Some((&rules::ELEMENT_TOO_SHORT, length))
    } else if length > usage.longest as usize {
        Some((&rules::ELEMENT_TOO_LONG, length))
    } else {
        None
    }
}

/// The positions of a mask, in order.
fn positions(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let position = mask.trailing_zeros() as usize;
        let more = mask != 0;
        mask &= mask.wrapping_sub(1);
        more.then_some(position)
    })
}

fn directory(usage: &Usage) -> Option<u16> {
    Some(usage.number).filter(|number| *number > 0)
}
