//! Dates and times of day.

use super::{Checked, Flaw, characters};

const DATE: &str = "gs1-date";
const TIME: &str = "gs1-time";

/// Whether day 00, the last day of the month, is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    Named,
    MayBeZero,
}

/// YYMMDD.
pub(super) fn date(part: &[u8], day: Day) -> Checked {
    if part.len() != 6 {
        return Err(Flaw::whole(part, DATE, "a date of six digits, YYMMDD"));
    }
    characters::digits(part)?;
    // A year of two digits is at most 49 years behind and 50 ahead (GS1 General Specifications 7.12): of its leap
    // years only 00 is in doubt, and that means 2000 until 2049.
    calendar(part, 2, day)
}

/// YYYYMMDD.
pub(super) fn long_date(part: &[u8], day: Day) -> Checked {
    if part.len() != 8 {
        return Err(Flaw::whole(part, DATE, "a date of eight digits, YYYYMMDD"));
    }
    characters::digits(part)?;
    calendar(part, 4, day)
}

/// Month and day behind a year of so many digits.
fn calendar(part: &[u8], year_digits: usize, day: Day) -> Checked {
    let number = |at: usize, digits: usize| {
        let text = part.get(at..at + digits).unwrap_or_default();
        text.iter().fold(0_u32, |sum, digit| 10 * sum + u32::from(digit - b'0'))
    };
    let (year, month) = (number(0, year_digits), number(year_digits, 2));
    let is_leap = year.is_multiple_of(4)
        && (year_digits == 2 || !year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return Err(Flaw::new((year_digits, 2), DATE, "a month, 01 to 12")),
    };
    let first = if day == Day::MayBeZero { 0 } else { 1 };
    if (first..=days).contains(&number(year_digits + 2, 2)) {
        return Ok(());
    }
    let expected = format!("a day of this month, {first:02} to {days}");
    Err(Flaw::new((year_digits + 2, 2), DATE, expected))
}

/// Two digits of a time of day.
pub(super) struct Unit {
    limit: &'static [u8; 2],
    expected: &'static str,
}

pub(super) const HOUR: Unit = Unit { limit: b"24", expected: "an hour, 00 to 23" };
pub(super) const MINUTE: Unit = Unit { limit: b"60", expected: "a minute, 00 to 59" };
pub(super) const SECOND: Unit = Unit { limit: b"60", expected: "a second, 00 to 59" };

pub(super) fn clock(part: &[u8], units: &[Unit]) -> Checked {
    if part.len() != 2 * units.len() {
        let expected = if units.len() == 2 { "a time of four digits, HHMM" } else { "two digits" };
        return Err(Flaw::whole(part, TIME, expected));
    }
    characters::digits(part)?;
    for (place, (digits, unit)) in part.chunks(2).zip(units).enumerate() {
        if digits >= unit.limit.as_slice() {
            return Err(Flaw::new((2 * place, 2), TIME, unit.expected));
        }
    }
    Ok(())
}
