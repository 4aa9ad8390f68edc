//! Values of elements: numbers, dates, times, characters. Pure checks on bytes.

use rust_decimal::Decimal;

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueFault {
    /// A character that the type does not have.
    Character,
    /// No such day.
    Date,
    /// No such time.
    Time,
}

/// N, N0 … N9: digits and an optional leading minus; the decimal point is implied.
#[must_use]
pub fn is_whole_number(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// R: an optional minus, digits, a point unless at the right end, an exponent.
#[must_use]
pub fn is_decimal(value: &[u8]) -> bool {
    let unsigned = value.strip_prefix(b"-").unwrap_or(value);
    let mut parts = unsigned.splitn(2, |byte| *byte == b'E');
    let mantissa = parts.next().unwrap_or_default();
    let exponent_is_fine = parts.next().is_none_or(is_whole_number);
    let points = mantissa.iter().filter(|byte| **byte == b'.').count();
    let digits = mantissa.iter().filter(|byte| byte.is_ascii_digit()).count();
    exponent_is_fine && points <= 1 && digits > 0 && digits + points == mantissa.len()
}

/// Whether a number of X12 has a point with no digit behind it. X12.6 has none at the right end.
#[must_use]
pub(super) fn ends_in_point(value: &[u8]) -> bool {
    let mantissa = value.split(|byte| *byte == b'E').next().unwrap_or_default();
    mantissa.last() == Some(&b'.')
}

/// A number of EDIFACT: an optional minus, digits, and a full stop or comma with digits on both sides.
#[must_use]
pub fn is_number(value: &[u8]) -> bool {
    let unsigned = value.strip_prefix(b"-").unwrap_or(value);
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    match unsigned.iter().position(|byte| matches!(byte, b'.' | b',')) {
        None => digits(unsigned),
        Some(at) => {
            let (whole, rest) = unsigned.split_at(at);
            digits(whole) && rest.get(1..).is_some_and(digits)
        }
    }
}

/// The length of a number that is digits and at most one point, as most are. None for any other.
#[must_use]
pub(super) fn plain_length(value: &[u8], point: bool) -> Option<usize> {
    let mut points = 0;
    for byte in value {
        match byte {
            b'0'..=b'9' => {}
            b'.' if point && points == 0 => points = 1,
            _ => return None,
        }
    }
    Some(value.len() - points).filter(|digits| *digits > 0)
}

/// The length of a number for the standard: sign, point and exponent mark do not count.
#[must_use]
pub fn number_length(value: &[u8]) -> usize {
    value.iter().filter(|byte| !matches!(byte, b'-' | b'.' | b',' | b'E')).count()
}

/// Year, month and day of CCYYMMDD or YYMMDD. Two-digit years from 70 on are of the last century.
#[must_use]
pub fn date(value: &[u8]) -> Option<(i16, i8, i8)> {
    let number = |from: usize, to: usize| -> Option<i16> {
        value.get(from..to)?.iter().try_fold(0, |number: i16, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i16::from(byte - b'0'))
        })
    };
    let (year, rest) = match value.len() {
        8 => (number(0, 4)?, 4),
        6 => match number(0, 2)? {
            year @ 70.. => (1900 + year, 2),
            year => (2000 + year, 2),
        },
        _ => return None,
    };
    let (month, day) = (number(rest, rest + 2)?, number(rest + 2, rest + 4)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let longest = match month {
        2 => 28 + i16::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let valid = year > 0 && (1..=longest).contains(&day);
    valid.then_some((year, i8::try_from(month).ok()?, i8::try_from(day).ok()?))
}

/// HHMM, HHMMSS, HHMMSSD, HHMMSSDD.
#[must_use]
pub fn is_time(value: &[u8]) -> bool {
    let pair = |at: usize, below: u8| -> bool {
        match value.get(at..at + 2) {
            Some([tens, ones]) => (tens - b'0') * 10 + (ones - b'0') < below,
            _ => true,
        }
    };
    matches!(value.len(), 4 | 6 | 7 | 8)
        && value.iter().all(u8::is_ascii_digit)
        && pair(0, 24)
        && pair(2, 60)
        && (value.len() == 4 || pair(4, 60))
}

/// An exact decimal; exponents as far as they fit.
#[must_use]
pub fn decimal(value: &[u8]) -> Option<Decimal> {
    if !is_decimal(value) {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?.trim_end_matches('.');
    let text = if text.contains('E') { return Decimal::from_scientific(text).ok() } else { text };
    Decimal::from_str_exact(text).ok()
}

/// A whole number with implied decimals: `N2` has two.
#[must_use]
pub fn implied(value: &[u8], decimals: u32) -> Option<Decimal> {
    if !is_whole_number(value) {
        return None;
    }
    let number: i64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    Decimal::try_new(number, decimals).ok()
}

/// The pieces between separators that no release character makes data.
pub fn split(
    value: &[u8],
    separator: u8,
    release: Option<u8>,
) -> impl Iterator<Item = &[u8]> + Clone {
    let mut released = false;
    value.split(move |byte| {
        let is_data = released;
        released = !is_data && Some(*byte) == release;
        *byte == separator && !is_data
    })
}

/// A piece, from 1, and where it begins in the value: nothing at its end, where there are fewer.
#[must_use]
pub fn piece(value: &[u8], number: usize, separator: u8, release: Option<u8>) -> (usize, &[u8]) {
    let mut at = 0;
    for (index, piece) in (1..).zip(split(value, separator, release)) {
        if index == number {
            return (at, piece);
        }
        at += piece.len() + 1;
    }
    (value.len(), &[])
}

/// A value without its release characters; `scratch` is used where there are any.
#[must_use]
pub fn unreleased<'v>(value: &'v [u8], release: Option<u8>, scratch: &'v mut Vec<u8>) -> &'v [u8] {
    let Some(release) = release.filter(|release| memchr::memchr(*release, value).is_some()) else {
        return value;
    };
    scratch.clear();
    let mut released = false;
    for byte in value {
        released = !released && *byte == release;
        if !released {
            scratch.push(*byte);
        }
    }
    scratch
}

/// Whether a byte is in the basic or extended character set of X12.
#[must_use]
pub fn in_extended_set(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for good in ["0", "-12.34", ".5", "12", "1.5E3", "-1E-2", "007"] {
            assert!(is_decimal(good.as_bytes()), "{good}");
        }
        for bad in ["", "-", "+1", "1,000", "1.2.3", "E5", "1E", "1e3", " 1", "."] {
            assert!(!is_decimal(bad.as_bytes()), "{bad}");
        }
        assert!(["12.", "-4.", "4.E2"].iter().all(|value| ends_in_point(value.as_bytes())));
        assert!(!["12", "1.2", ".5", ""].iter().any(|value| ends_in_point(value.as_bytes())));
        assert_eq!(number_length(b"-12.34"), 4);
        assert_eq!(decimal(b".5").map(|value| value.to_string()).as_deref(), Some("0.5"));
        assert_eq!(decimal(b"12.").map(|value| value.to_string()).as_deref(), Some("12"));
        assert_eq!(implied(b"-255438", 2).map(|v| v.to_string()).as_deref(), Some("-2554.38"));
    }

    #[test]
    fn numbers_of_edifact() {
        for good in ["0", "-12.34", "12,5", "007"] {
            assert!(is_number(good.as_bytes()), "{good}");
        }
        for bad in ["", "-", "+1", "1.234,5", ".5", "2.", "1E3", " 1", "1 000"] {
            assert!(!is_number(bad.as_bytes()), "{bad}");
        }
        assert_eq!(number_length(b"-12,34"), 4);
    }

    #[test]
    fn release_characters_make_data_and_are_no_data() {
        let pieces: Vec<&[u8]> = split(b"A?:B:C??:D", b':', Some(b'?')).collect();
        assert_eq!(pieces, [&b"A?:B"[..], b"C??", b"D"]);
        let piece = |number| piece(b"A?:B:C??:D", number, b':', Some(b'?'));
        assert_eq!([piece(1), piece(2)], [(0, &b"A?:B"[..]), (5, b"C??")]);
        assert_eq!([piece(3), piece(4)], [(9, &b"D"[..]), (10, b"")]);
        let mut scratch = Vec::new();
        assert_eq!(unreleased(b"A?:B???'", Some(b'?'), &mut scratch), b"A:B?'");
        assert_eq!(unreleased(b"A?", None, &mut scratch), b"A?");
    }

    #[test]
    fn days_and_times() {
        assert_eq!(date(b"20240229"), Some((2024, 2, 29)));
        assert_eq!(date(b"260101"), Some((2026, 1, 1)));
        assert_eq!(date(b"991231"), Some((1999, 12, 31)));
        for bad in ["20230229", "20261301", "2026010", "", "2026AB01", "00000101"] {
            assert_eq!(date(bad.as_bytes()), None, "{bad}");
        }
        assert!(is_time(b"2359") && is_time(b"235959") && is_time(b"23595999"));
        assert!(!is_time(b"2400") && !is_time(b"236") && !is_time(b"1260") && !is_time(b"12:00"));
    }
}
