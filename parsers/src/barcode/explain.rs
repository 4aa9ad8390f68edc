//! What the value of an element says, as people read it: dates with dashes, measures with their decimal point.
//!
//! In: an identifier and a value without flaws. Out: text for a screen. Never: anything that is stored, since the
//! century of a date is taken for this one.

use super::dictionary::Row;
use super::lint::Lint;

/// A date as `2029-12-31`, with a time where one follows; a measure or amount as `1.500`. None for other values, and
/// for those that are not as their identifier asks.
#[must_use]
pub fn explained(identifier: &str, value: &str) -> Option<String> {
    let row = Row::of(identifier.as_bytes())?;
    if !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let first = row.components.first()?;
    if first.lints.iter().any(|lint| matches!(lint, Lint::Date | Lint::DateOfMonth)) {
        // A period: the first day, and the last where there is one.
        if let (Some((start, end)), "7007") = (value.split_at_checked(6), identifier)
            && !end.is_empty()
        {
            return Some(format!("{} to {}", date_and_time(start)?, date_and_time(end)?));
        }
        return date_and_time(value);
    }
    let decimals = usize::from(identifier.as_bytes().get(3)?.wrapping_sub(b'0'));
    match identifier.as_bytes() {
        // The three digits of the currency stand before the amount.
        [b'3', b'9', b'1' | b'3', _] => {
            let (currency, amount) = value.split_at_checked(3)?;
            Some(format!("{} in currency {currency}", with_point(amount, decimals)?))
        }
        [b'3', b'1'..=b'6', ..] | [b'3', b'9', ..] => with_point(value, decimals),
        _ => None,
    }
}

/// YYMMDD, perhaps HH, MM, SS behind.
fn date_and_time(value: &str) -> Option<String> {
    let (date, time) = value.split_at_checked(6)?;
    let (year, month, day) = (date.get(..2)?, date.get(2..4)?, date.get(4..)?);
    let date = match day {
        "00" => format!("20{year}-{month}, last day"),
        _ => format!("20{year}-{month}-{day}"),
    };
    let parts: Vec<&str> =
        (0..time.len() / 2).filter_map(|at| time.get(2 * at..2 * at + 2)).collect();
    Some(match parts.as_slice() {
        [] => date,
        [hour] => format!("{date} {hour} h"),
        parts => format!("{date} {}", parts.join(":")),
    })
}

fn with_point(digits: &str, decimals: usize) -> Option<String> {
    let digits = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, behind) = digits.split_at_checked(digits.len() - decimals)?;
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if behind.is_empty() { whole.to_owned() } else { format!("{whole}.{behind}") })
}

#[cfg(test)]
mod tests {
    use super::explained;

    #[test]
    fn dates_and_measures_are_shown_as_people_write_them() {
        for (identifier, value, expected) in [
            ("17", "291231", Some("2029-12-31")),
            ("17", "290200", Some("2029-02, last day")),
            ("8008", "29123123", Some("2029-12-31 23 h")),
            ("8008", "291231235958", Some("2029-12-31 23:59:58")),
            ("7003", "2912312359", Some("2029-12-31 23:59")),
            ("7007", "290801290831", Some("2029-08-01 to 2029-08-31")),
            ("7007", "290801", Some("2029-08-01")),
            ("3103", "001500", Some("1.500")),
            ("3100", "000000", Some("0")),
            ("3922", "5", Some("0.05")),
            ("3932", "9781250", Some("12.50 in currency 978")),
            ("3952", "001250", Some("12.50")),
            ("10", "291231", None),
            ("01", "04006381333931", None),
            ("17", "x", None),
            ("x", "1", None),
        ] {
            assert_eq!(explained(identifier, value).as_deref(), expected, "({identifier}){value}");
        }
    }
}
