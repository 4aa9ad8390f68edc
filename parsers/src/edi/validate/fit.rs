//! Whether a segment keeps every rule of its shape: yes or no, without looking twice.
//!
//! In: a segment and its shape. Out: yes, or "look closely". Never: an answer to what is wrong; that is for
//! [`super::elements`], which is the specification: what fits here has no remark there.

use super::period;
use crate::edi::schema::{Kind, Need, Shape, Tables, Usage};
use crate::edi::segment::Segment;
use crate::edi::value;

/// Whether nothing can be said against a segment.
pub(super) fn fits(tables: &Tables, shape: &Shape, segment: &Segment<'_>) -> bool {
    let delimiters = &segment.delimiters;
    if segment.traits.binary_fault.is_some()
        || !segment.is_plain()
        || segment.has_release()
        || (shape.repeats && delimiters.repetition.is_none())
    {
        return false;
    }
    let usages = tables.elements(shape);
    if segment.count() > usages.len() {
        return false;
    }
    let separators = Separators {
        component: delimiters.component,
        repetition: delimiters.repetition.unwrap_or(delimiters.component),
        are_there: segment.traits.divided,
    };
    let (mut present, mut bit, mut filled) = (0_u64, 1_u64, true);
    for (usage, value) in usages.iter().zip(segment.values()) {
        bit <<= 1;
        filled = !value.is_empty();
        if filled {
            present |= bit;
            let right = match usage.kind {
                Kind::Composite => composite_fits(tables, usage, value, separators),
                _ => value_fits(tables, usage, value, separators),
            };
            if !right {
                return false;
            }
        }
    }
    filled && shape.mandatory & !present == 0 && tables.keeps_notes(shape, present)
}

/// What divides elements further.
#[derive(Debug, Clone, Copy)]
struct Separators {
    component: u8,
    /// That of components where there is none.
    repetition: u8,
    /// Whether any stands in the segment.
    are_there: bool,
}

impl Separators {
    /// Whether any stands in a value. Values are short.
    #[inline]
    fn divide(self, value: &[u8]) -> bool {
        let is_one = |byte: &u8| *byte == self.component || *byte == self.repetition;
        self.are_there && value.iter().any(is_one)
    }
}

#[inline(never)]
fn composite_fits(tables: &Tables, whole: &Usage, value: &[u8], separators: Separators) -> bool {
    let usages = tables.components(whole);
    let mut rest = usages.iter();
    let mut filled = true;
    let components = || value.split(|byte| *byte == separators.component);
    for component in components() {
        let Some(usage) = rest.next() else {
            return false;
        };
        filled = !component.is_empty();
        let right = if filled {
            value_fits(tables, usage, component, separators)
        } else {
            usage.need != Need::Mandatory
        };
        if !right {
            return false;
        }
    }
    filled
        && rest.all(|usage| usage.need != Need::Mandatory)
        && (!period::is_period(usages) || period::is_right(components()))
}

/// The kinds that most values are of stand in line: this is where validation spends its time.
#[inline(always)]
fn value_fits(tables: &Tables, usage: &Usage, value: &[u8], separators: Separators) -> bool {
    match usage.kind {
        Kind::Text => {
            length_fits(usage, value.len())
                && !separators.divide(value)
                && (value.first() != Some(&b' ') || !is_missing(usage, value))
        }
        // A list may be open.
        Kind::Code => {
            length_fits(usage, value.len())
                && tables.has_code(usage, value)
                && !separators.divide(value)
                && (value.first() != Some(&b' ') || !is_missing(usage, value))
        }
        Kind::Whole | Kind::Decimal | Kind::Number => number_fits(usage, value),
        _ => rare_kind_fits(usage, value, separators),
    }
}

#[inline(never)]
fn rare_kind_fits(usage: &Usage, value: &[u8], separators: Separators) -> bool {
    let right = match usage.kind {
        Kind::Date => value::date(value).is_some(),
        Kind::Time => value::is_time(value),
        Kind::Letters => !value.iter().any(u8::is_ascii_digit) && !separators.divide(value),
        _ => false,
    };
    right && length_fits(usage, value.len())
}

/// Whether a value that must be there is nothing but blanks.
///
/// X12.6 wants at least one character other than a blank in a string; ISO 9735 has trailing blanks suppressed, and of
/// such a value nothing is left. An optional one says as little as an empty one, and does no harm.
#[cold]
pub(super) fn is_missing(usage: &Usage, value: &[u8]) -> bool {
    usage.need == Need::Mandatory
        && matches!(usage.kind, Kind::Text | Kind::Code)
        && value.iter().all(|byte| *byte == b' ')
}

/// Most numbers are digits, and a point where they are decimal.
#[inline(never)]
fn number_fits(usage: &Usage, value: &[u8]) -> bool {
    // Numbers of EDIFACT have digits on both sides of it.
    let ends_in_point = || value.first() == Some(&b'.') || value.last() == Some(&b'.');
    let may_have_point = match usage.kind {
        // None at the right end.
        Kind::Decimal => value.last() != Some(&b'.'),
        Kind::Number => !ends_in_point(),
        _ => false,
    };
    match value::plain_length(value, may_have_point) {
        Some(length) => length_fits(usage, length),
        None => signed_number_fits(usage, value),
    }
}

#[cold]
fn signed_number_fits(usage: &Usage, value: &[u8]) -> bool {
    let right = match usage.kind {
        Kind::Whole => value::is_whole_number(value),
        Kind::Decimal => value::is_decimal(value) && !value::ends_in_point(value),
        _ => value::is_number(value),
    };
    right && length_fits(usage, value::number_length(value))
}

/// What is not used has no room for a value.
#[inline]
fn length_fits(usage: &Usage, length: usize) -> bool {
    length >= usize::from(usage.shortest) && length <= usage.longest as usize
}
