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
    let repetition = delimiters.repetition.unwrap_or(delimiters.component);
    let mixed = segment.traits.divided;
    let mut usages = tables.elements(shape).iter();
    let (mut present, mut bit, mut filled) = (0_u64, 1_u64, true);
    for value in segment.values() {
        let Some(usage) = usages.next() else {
            return false;
        };
        bit <<= 1;
        filled = !value.is_empty();
        if filled {
            present |= bit;
            let right = match usage.kind {
                Kind::Composite => composite_fits(tables, usage, (value, delimiters.component)),
                _ if mixed
                    && memchr::memchr2(delimiters.component, repetition, value).is_some() =>
                {
                    false
                }
                _ => value_fits(tables, usage, value),
            };
            if !right {
                return false;
            }
        }
    }
    filled
        && shape.mandatory & !present == 0
        && tables.notes(shape).iter().all(|note| note.holds(present))
}

fn composite_fits(tables: &Tables, whole: &Usage, value: (&[u8], u8)) -> bool {
    let (value, separator) = value;
    let usages = tables.components(whole);
    let mut rest = usages.iter();
    let mut filled = true;
    for component in value.split(|byte| *byte == separator) {
        let Some(usage) = rest.next() else {
            return false;
        };
        filled = !component.is_empty();
        let right = if filled {
            value_fits(tables, usage, component)
        } else {
            usage.need != Need::Mandatory
        };
        if !right {
            return false;
        }
    }
    filled
        && rest.all(|usage| usage.need != Need::Mandatory)
        && (!period::is_period(usages) || period::is_right(value.split(|byte| *byte == separator)))
}

#[inline]
fn value_fits(tables: &Tables, usage: &Usage, value: &[u8]) -> bool {
    let (length, right) = match usage.kind {
        Kind::Text => (value.len(), true),
        Kind::Code => (value.len(), tables.has_code(usage, value)),
        Kind::Whole => match value::plain_length(value, false) {
            Some(length) => (length, true),
            None => (value::number_length(value), value::is_whole_number(value)),
        },
        Kind::Decimal => match value::plain_length(value, true) {
            Some(length) => (length, true),
            None => (value::number_length(value), value::is_decimal(value)),
        },
        Kind::Number => match value::plain_length(value, false) {
            Some(length) => (length, true),
            None => (value::number_length(value), value::is_number(value)),
        },
        Kind::Date => (value.len(), value::date(value).is_some()),
        Kind::Time => (value.len(), value::is_time(value)),
        Kind::Letters => (value.len(), !value.iter().any(u8::is_ascii_digit)),
        Kind::Binary | Kind::Composite => return false,
    };
    right
        && usage.need != Need::Unused
        && length >= usize::from(usage.shortest)
        && length <= usage.longest as usize
}
