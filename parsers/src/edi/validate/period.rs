//! C507 of EDIFACT: a date or time, and the code that says how it is written.

use crate::edi::schema::Usage;
use crate::edi::value;

/// Whether a composite is C507: 2005, 2380, 2379.
pub(super) fn is_period(components: &[Usage]) -> bool {
    matches!(components, [what, value, format]
        if (what.number, value.number, format.number) == (2005, 2380, 2379))
}

/// Whether the value is what its format says. Formats that partners hardly use are taken as they are.
pub(super) fn is_right<'v>(mut components: impl Iterator<Item = &'v [u8]>) -> bool {
    let value = components.nth(1).unwrap_or_default();
    let format = components.next().unwrap_or_default();
    let split = |days: usize, all: usize| {
        let (day, time) = value.split_at(days.min(value.len()));
        value.len() == all
            && value::date(day).is_some()
            && (time.is_empty() || value::is_time(time))
    };
    match format {
        _ if value.is_empty() => true,
        b"101" => split(6, 6),
        b"102" => split(8, 8),
        b"201" => split(6, 10),
        b"203" => split(8, 12),
        b"204" => split(8, 14),
        b"401" => value.len() == 4 && value::is_time(value),
        b"718" => {
            let (from, to) = value.split_at(8.min(value.len()));
            let to = to.strip_prefix(b"-").unwrap_or(to);
            from.len() == 8
                && to.len() == 8
                && value::date(from).is_some()
                && value::date(to).is_some()
        }
        _ => true,
    }
}
