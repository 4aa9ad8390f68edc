//! Elements of a guide: where they stand in a segment, what they may say.
//!
//! In: one segment. Out: the values at an address; whether a test holds. Never: an allocation, but for values with
//! release characters.

use super::pattern::Pattern;
use super::text::Use;
use crate::edi::schema::{Kind, Usage};
use crate::edi::segment::Segment;
use crate::edi::value;

/// An element, or a component of a composite.
#[derive(Debug, Clone, Copy)]
pub(super) struct Address {
    /// From 1, as documents have it.
    pub(super) element: usize,
    /// From 1; 0 is the element whole.
    pub(super) component: usize,
    /// What the schema says of it.
    pub(super) usage: &'static Usage,
}

/// What a rule asks of an element.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) address: Address,
    pub(super) usage: Option<Use>,
    /// Empty where any is right.
    pub(super) codes: Vec<String>,
    pub(super) length: Option<[u32; 2]>,
    pub(super) pattern: Option<Pattern>,
    pub(super) at_least: Option<u32>,
    pub(super) at_most: Option<u32>,
}

/// Whether an element says something.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) address: Address,
    /// Empty where any value is right.
    pub(super) values: Vec<String>,
    pub(super) negated: bool,
}

impl Test {
    /// Whether it holds for a segment.
    pub(super) fn holds(&self, segment: &Segment<'_>, scratch: &mut Vec<u8>) -> bool {
        self.is_said(segment, scratch) != self.negated
    }

    /// Whether one of the values is there, negated or not.
    pub(super) fn is_said(&self, segment: &Segment<'_>, scratch: &mut Vec<u8>) -> bool {
        self.address.values(segment).any(|found| {
            let plain = value::unreleased(found.value, segment.delimiters.release, scratch);
            let plain = plain.trim_ascii();
            !plain.is_empty()
                && (self.values.is_empty()
                    || self.values.iter().any(|value| value.as_bytes() == plain))
        })
    }
}

/// A value, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'s> {
    pub(super) value: &'s [u8],
    pub(super) offset: usize,
    /// From 1.
    pub(super) repetition: u32,
}

impl Address {
    /// The value of each repetition; an element that is absent has one, which is empty.
    pub(super) fn values<'s>(self, segment: &Segment<'s>) -> impl Iterator<Item = Found<'s>> {
        let delimiters = segment.delimiters;
        let whole = segment.element(self.element);
        let mut offset = segment.offset_of(self.element);
        let (mut rest, mut repetition) = (Some(whole), 0);
        std::iter::from_fn(move || {
            let value = rest.take()?;
            let one = delimiters.repetition.map_or(value, |separator| {
                value::split(value, separator, delimiters.release).next().unwrap_or_default()
            });
            rest = value.get(one.len() + 1..);
            let start = offset;
            offset += one.len() + 1;
            repetition += 1;
            let found = Found { value: one, offset: start, repetition };
            Some(self.component_of(found, (delimiters.component, delimiters.release)))
        })
    }

    fn component_of<'s>(
        self,
        found: Found<'s>,
        (separator, release): (u8, Option<u8>),
    ) -> Found<'s> {
        if self.component == 0 {
            return found;
        }
        let (at, value) = value::piece(found.value, self.component, separator, release);
        Found { value, offset: found.offset + at, ..found }
    }

    /// The length of a value as the standard counts it.
    pub(super) fn length_of(self, value: &[u8]) -> usize {
        match self.usage.kind {
            Kind::Whole | Kind::Decimal | Kind::Number => value::number_length(value),
            _ => std::str::from_utf8(value).map_or(value.len(), |text| text.chars().count()),
        }
    }
}
