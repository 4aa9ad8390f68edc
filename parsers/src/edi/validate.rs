//! Holds one transaction set against its table: places, use, elements, syntax notes, counts.
//!
//! In: segments one by one. Out: remarks to whoever assembles the report. Never: an opinion on envelopes.

use super::finding::Remark;
use super::rules::{self, Rule};
use super::schema::{
    Content, Element, ElementUse, Kind, Matcher, Need, Note, Outcome, Transaction, shape,
};
use super::segment::Segment;
use super::value;

/// Where in a segment a remark belongs.
#[derive(Debug, Clone, Default)]
pub struct Spot {
    /// The byte.
    pub offset: usize,
    /// The tag to report; another than the segment's own for a segment that is missing.
    pub tag: Option<String>,
    /// The element.
    pub element: Option<u32>,
    /// The component.
    pub component: Option<u32>,
    /// The repetition.
    pub repetition: Option<u32>,
    /// The element's number in the directory.
    pub element_number: Option<u16>,
    /// The innermost open loop.
    pub loop_id: Option<&'static str>,
}

/// Takes remarks.
pub trait Sink {
    /// A rule is broken.
    fn remark(&mut self, rule: &Rule, remark: Remark, spot: Spot);
}

/// Reads one set.
#[derive(Debug)]
pub struct Validator {
    matcher: Matcher,
    transaction: &'static Transaction,
    later_version: bool,
    counted: u32,
    missing: Vec<&'static str>,
}

impl Validator {
    /// Before ST. `later_version`: the tables of 005010.
    #[must_use]
    pub fn new(transaction: &'static Transaction, later_version: bool) -> Self {
        let matcher = Matcher::new(transaction);
        Self { matcher, transaction, later_version, counted: 0, missing: Vec::new() }
    }

    /// The table.
    #[must_use]
    pub fn transaction(&self) -> &'static Transaction {
        self.transaction
    }

    /// Where in the table the last segment stands.
    #[must_use]
    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// The next segment, SE not among them.
    pub fn segment(&mut self, segment: &Segment<'_>, sink: &mut dyn Sink) {
        let tag = segment.tag_text();
        let outcome = self.matcher.place(tag, &mut self.missing);
        self.report_missing(segment, sink);
        self.report_place(outcome, segment, sink);
        if self.transaction.counted == Some(tag) {
            self.counted += 1;
        }
        let mut elements = Elements {
            segment,
            loop_id: self.matcher.loop_id(),
            later_version: self.later_version,
            sink,
        };
        elements.check();
        if tag == "CTT" {
            self.check_count(segment, elements.sink);
        }
    }

    /// SE is there, or would have to be.
    pub fn finish(&mut self, at: &Segment<'_>, sink: &mut dyn Sink) {
        self.matcher.finish(&mut self.missing);
        self.report_missing(at, sink);
    }

    fn report_missing(&mut self, before: &Segment<'_>, sink: &mut dyn Sink) {
        for tag in self.missing.drain(..) {
            let remark = Remark::new(format!("the mandatory segment {tag} is missing"))
                .expected(format!("{tag} before this segment"))
                .found(before.tag());
            let spot = Spot {
                offset: before.offset,
                tag: Some(tag.to_owned()),
                loop_id: self.matcher.loop_id(),
                ..Spot::default()
            };
            sink.remark(&rules::SEGMENT_MISSING, remark, spot);
        }
    }

    fn report_place(&self, outcome: Outcome, segment: &Segment<'_>, sink: &mut dyn Sink) {
        let name = self.transaction.name;
        let (rule, message) = match outcome {
            Outcome::Placed => return,
            Outcome::SegmentTooOften(most) => {
                (&rules::SEGMENT_TOO_OFTEN, format!("the segment is there more than {most} times"))
            }
            Outcome::LoopTooOften(most) => {
                (&rules::LOOP_TOO_OFTEN, format!("the loop is there more than {most} times"))
            }
            Outcome::OutOfOrder => (&rules::SEGMENT_ORDER, "the segment comes too late".to_owned()),
            Outcome::Unexpected => (
                &rules::SEGMENT_UNEXPECTED,
                format!("the {name} has this segment, but not in this place"),
            ),
            Outcome::NotInSet => {
                (&rules::SEGMENT_NOT_IN_SET, format!("the {name} does not have this segment"))
            }
            Outcome::Unknown if segment.bytes.is_empty() => {
                (&rules::SEGMENT_EMPTY, "two terminators follow each other".to_owned())
            }
            Outcome::Unknown if segment.tag_is_well_formed() => {
                (&rules::SEGMENT_UNKNOWN, "no segment of X12 has this tag".to_owned())
            }
            Outcome::Unknown => {
                (&rules::SEGMENT_TAG, "this cannot be the tag of a segment".to_owned())
            }
        };
        let spot =
            Spot { offset: segment.offset, loop_id: self.matcher.loop_id(), ..Spot::default() };
        sink.remark(rule, Remark::new(message).found(segment.tag()), spot);
    }

    fn check_count(&self, segment: &Segment<'_>, sink: &mut dyn Sink) {
        let Some((offset, stated)) = segment.elements().next() else {
            return;
        };
        let counted = self.transaction.counted.unwrap_or_default();
        if value::is_whole_number(stated) && super::delimiters::digits(stated) != Some(self.counted)
        {
            let remark = Remark::new(format!("CTT01 is not the number of {counted} segments"))
                .expected(self.counted.to_string())
                .found(stated);
            let spot =
                Spot { offset, element: Some(1), element_number: Some(354), ..Spot::default() };
            sink.remark(&rules::CTT01_COUNT, remark, spot);
        }
    }
}

/// The elements of one segment.
struct Elements<'s, 'i> {
    segment: &'s Segment<'i>,
    loop_id: Option<&'static str>,
    later_version: bool,
    sink: &'s mut dyn Sink,
}

impl Elements<'_, '_> {
    fn check(&mut self) {
        self.check_binary();
        let Some(shape) = shape(self.segment.tag()) else {
            return;
        };
        let mut present = 0_u64;
        let mut last_filled = 0;
        let mut total = 0;
        let segment = *self.segment;
        for (index, (offset, value)) in segment.elements().enumerate() {
            total = index + 1;
            if !value.is_empty() {
                last_filled = total;
                present |= 1_u64.checked_shl(u32::try_from(total).unwrap_or(64)).unwrap_or(0);
            }
            match shape.elements.get(index) {
                Some(usage) => self.check_element(usage, total, (offset, value)),
                None if !value.is_empty() => self.excess(total, (offset, value)),
                None => {}
            }
        }
        self.check_absent(shape.elements, total);
        for note in shape.notes {
            self.check_note(note, present);
        }
        if total > last_filled {
            let remark = Remark::new("separators stand before the terminator with nothing between");
            self.sink.remark(&rules::TRAILING_SEPARATORS, remark, self.spot(last_filled + 1));
        }
    }

    fn check_binary(&mut self) {
        use super::segment::BinaryFault;
        let message = match self.segment.traits.binary_fault {
            None => return,
            Some(BinaryFault::LengthNotNumeric) => "the length of the binary data is no number",
            Some(BinaryFault::PastEnd) => "the binary data would run past the end of the input",
            Some(BinaryFault::NoTerminator) => "no terminator follows the binary data",
        };
        self.sink.remark(&rules::BINARY_LENGTH, Remark::new(message), self.spot(0));
    }

    /// Elements that the segment ends before.
    fn check_absent(&mut self, elements: &[ElementUse], total: usize) {
        for (index, usage) in elements.iter().enumerate().skip(total) {
            if usage.need == Need::Mandatory {
                self.missing(usage, index + 1, self.segment.offset + self.segment.bytes.len());
            }
        }
    }

    fn missing(&mut self, usage: &ElementUse, number: usize, offset: usize) {
        let remark = Remark::new(format!(
            "the mandatory element {}{number:02} is missing",
            self.segment.tag_text()
        ));
        let spot = Spot { offset, element_number: directory(usage), ..self.spot(number) };
        self.sink.remark(&rules::ELEMENT_MISSING, remark, spot);
    }

    fn excess(&mut self, number: usize, (offset, value): (usize, &[u8])) {
        let remark = Remark::new("the segment does not have so many elements").found(value);
        let spot = Spot { offset, ..self.spot(number) };
        self.sink.remark(&rules::ELEMENT_TOO_MANY, remark, spot);
    }

    fn check_element(&mut self, usage: &ElementUse, number: usize, at: (usize, &[u8])) {
        let (offset, value) = at;
        if value.is_empty() {
            if usage.need == Need::Mandatory {
                self.missing(usage, number, offset);
            }
            return;
        }
        if let Some(separator) = self.segment.delimiters.repetition
            && let Some(at) = memchr::memchr(separator, value)
        {
            let remark = Remark::new("the element may not be repeated").found(value);
            let spot = Spot {
                offset: offset + at,
                repetition: Some(2),
                element_number: directory(usage),
                ..self.spot(number)
            };
            self.sink.remark(&rules::REPETITION_TOO_MANY, remark, spot);
            return;
        }
        let spot = Spot { offset, element_number: directory(usage), ..self.spot(number) };
        match usage.content {
            Content::Composite(parts) => self.check_composite(parts, spot, value),
            Content::Simple(element) => self.check_value(element, spot, value),
        }
    }

    fn check_composite(&mut self, parts: &[ElementUse], whole: Spot, value: &[u8]) {
        let separator = self.segment.delimiters.component;
        let mut offset = whole.offset;
        let mut total = 0;
        for (index, component) in value.split(|byte| *byte == separator).enumerate() {
            total = index + 1;
            let spot = Spot { offset, component: u32::try_from(total).ok(), ..whole.clone() };
            offset += component.len() + 1;
            match parts.get(index) {
                None => {
                    let remark = Remark::new("the composite does not have so many components");
                    let remark = remark.found(component);
                    self.sink.remark(&rules::COMPONENT_TOO_MANY, remark, spot);
                    return;
                }
                Some(usage) if component.is_empty() => self.absent_component(usage, spot),
                Some(ElementUse { content: Content::Simple(element), .. }) => {
                    let spot = Spot { element_number: Some(element.number), ..spot };
                    self.check_value(element, spot, component);
                }
                Some(_) => {}
            }
        }
        for (index, usage) in parts.iter().enumerate().skip(total) {
            let component = u32::try_from(index + 1).ok();
            self.absent_component(usage, Spot { component, ..whole.clone() });
        }
    }

    fn absent_component(&mut self, usage: &ElementUse, spot: Spot) {
        if usage.need == Need::Mandatory {
            let remark = Remark::new("a mandatory component is missing");
            let spot = Spot { element_number: directory(usage), ..spot };
            self.sink.remark(&rules::ELEMENT_MISSING, remark, spot);
        }
    }

    /// The narrowest fault of a value: its characters, then its length, then its meaning.
    fn check_value(&mut self, element: &Element, spot: Spot, value: &[u8]) {
        let delimiters = self.segment.delimiters;
        if let Some(at) = value.iter().position(u8::is_ascii_control) {
            let remark = Remark::new("a control byte stands in data").found(value);
            let spot = Spot { offset: spot.offset + at, ..spot };
            return self.sink.remark(&rules::ELEMENT_CHARACTER, remark, spot);
        }
        if value.contains(&delimiters.component) && spot.component.is_none() {
            let remark =
                Remark::new("a component separator stands in an element without components");
            let spot = Spot { component: Some(2), ..spot };
            return self.sink.remark(&rules::COMPONENT_TOO_MANY, remark.found(value), spot);
        }
        if !value.iter().all(|byte| value::in_extended_set(*byte)) {
            let remark = Remark::new("characters outside the X12 character set").found(value);
            self.sink.remark(&rules::ELEMENT_CHARSET, remark, spot.clone());
        }
        if let Some((rule, message)) = self.fault_of_type(element, value) {
            return self.sink.remark(rule, Remark::new(message).found(value), spot);
        }
        self.check_length(element, spot, value);
    }

    fn fault_of_type(
        &self,
        element: &Element,
        value: &[u8],
    ) -> Option<(&'static Rule, &'static str)> {
        let right = match element.kind {
            Kind::Text => true,
            Kind::Code(codes) => {
                let trimmed = value.trim_ascii();
                codes.is_empty() || codes.iter().any(|code| code.as_bytes() == trimmed)
            }
            Kind::Whole(_) => value::is_whole_number(value),
            Kind::Decimal => value::is_decimal(value),
            Kind::Date => value::date(value).is_some(),
            Kind::Time => value::is_time(value),
        };
        match element.kind {
            _ if right => None,
            Kind::Text => None,
            Kind::Code(_) => Some((&rules::ELEMENT_CODE, "the code is not in the list")),
            Kind::Whole(_) => Some((&rules::ELEMENT_CHARACTER, "this is no whole number")),
            Kind::Decimal => Some((&rules::ELEMENT_CHARACTER, "this is no number")),
            Kind::Date => Some((&rules::ELEMENT_DATE, "there is no such date")),
            Kind::Time => Some((&rules::ELEMENT_TIME, "there is no such time")),
        }
    }

    fn check_length(&mut self, element: &Element, spot: Spot, value: &[u8]) {
        let (shortest, longest) = element.length;
        let longest = if self.later_version { element.longest_later } else { longest };
        let length = match element.kind {
            Kind::Whole(_) | Kind::Decimal => value::number_length(value),
            // Characters, not bytes: a name in UTF-8 is not longer for its accents.
            _ => std::str::from_utf8(value).map_or(value.len(), |text| text.chars().count()),
        };
        let rule = if length < shortest {
            &rules::ELEMENT_TOO_SHORT
        } else if length > longest {
            &rules::ELEMENT_TOO_LONG
        } else {
            return;
        };
        let remark = Remark::new(format!("the value has {length} characters"))
            .expected(format!("{shortest} to {longest}"))
            .found(value);
        self.sink.remark(rule, remark, spot);
    }

    fn check_note(&mut self, note: &Note, present: u64) {
        let there = |number: &usize| present & (1_u64 << number) != 0;
        let (numbers, broken, says) = match note {
            Note::Paired(all) => {
                let count = all.iter().filter(|number| there(number)).count();
                (*all, count != 0 && count != all.len(), "are sent together or not at all")
            }
            Note::Required(all) => (*all, !all.iter().any(there), "need at least one of them"),
            Note::Exclusive(all) => {
                (*all, all.iter().filter(|number| there(number)).count() > 1, "exclude each other")
            }
            Note::Conditional(all) => (
                *all,
                all.first().is_some_and(there) && !all.iter().all(there),
                "go with the first",
            ),
            Note::List(all) => (
                *all,
                all.first().is_some_and(there) && !all.iter().skip(1).any(there),
                "need at least one beside the first",
            ),
        };
        if !broken {
            return;
        }
        let exclusive = matches!(note, Note::Exclusive(_));
        let culprit = if exclusive {
            numbers.iter().rev().find(|number| there(number))
        } else {
            numbers.iter().find(|number| !there(number))
        };
        let tag = self.segment.tag_text();
        let names: Vec<String> = numbers.iter().map(|number| format!("{tag}{number:02}")).collect();
        let rule = if exclusive { &rules::ELEMENT_EXCLUSION } else { &rules::ELEMENT_CONDITION };
        let remark = Remark::new(format!("{} {says}", names.join(", ")));
        self.sink.remark(rule, remark, self.spot(culprit.copied().unwrap_or_default()));
    }

    /// The place of an element by its number; 0 is the segment as a whole.
    fn spot(&self, number: usize) -> Spot {
        let offset = match number.checked_sub(1) {
            None => self.segment.offset,
            Some(index) => self
                .segment
                .elements()
                .nth(index)
                .map_or(self.segment.offset + self.segment.bytes.len(), |(offset, _)| offset),
        };
        let element_number = shape(self.segment.tag())
            .and_then(|shape| shape.elements.get(number.checked_sub(1)?))
            .and_then(directory);
        Spot {
            offset,
            element: u32::try_from(number).ok().filter(|number| *number > 0),
            element_number,
            loop_id: self.loop_id,
            ..Spot::default()
        }
    }
}

fn directory(usage: &ElementUse) -> Option<u16> {
    match usage.content {
        Content::Simple(element) => Some(element.number),
        Content::Composite(_) => None,
    }
}
