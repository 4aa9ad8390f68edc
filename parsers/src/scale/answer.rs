//! One whole answer of a scale, without its end.
//!
//! In: its bytes. Out: what is on the scale; `None` for what is no answer. Never: half of an answer.

use super::{OnScale, STX, Weight, WeightUnit};

/// toledo = STX (weight \["N"\] / "?" status)
///
/// Bits of the status: 0 moving, 1 over capacity, 2 under zero, 3 outside the range in which zero is found, 4 in the
/// middle of zero, 5 net.
pub(super) fn toledo(answer: &[u8], unit: WeightUnit) -> Option<OnScale> {
    let (start, content) = answer.split_first()?;
    if *start != STX {
        return None;
    }
    if let [b'?', status] = content {
        return Some(match status {
            _ if status & 0x02 != 0 => OnScale::OverCapacity,
            _ if status & 0x04 != 0 => OnScale::UnderZero,
            _ if status & 0x01 != 0 => OnScale::Moving,
            _ if status & 0x08 != 0 => OnScale::ZeroLost,
            _ if status & 0x10 != 0 => OnScale::Zero,
            _ => OnScale::NotReady,
        });
    }
    let (weight, net) = match content.split_last()? {
        (b'N', weight) => (weight, true),
        _ => (content, false),
    };
    // Where a decimal point is not sent, it depends on a setting of the scale: a guess would be wrong tenfold.
    let whole = matches!(unit, WeightUnit::Gram);
    let pointed = weight.contains(&b'.');
    (whole || pointed).then(|| resting(weight, unit, Some(net)))?
}

/// nci = LF \[weight unit CR \[LF\]\] status \[CR\], or LF "?" CR for a command that it does not know.
///
/// A display full of carets is over capacity, of underscores under it, of hyphens without its zero.
pub(super) fn nci(answer: &[u8]) -> Option<OnScale> {
    let content = answer.strip_prefix(b"\n")?;
    let mut parts =
        content.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|part| !part.is_empty());
    let (first, second) = (parts.next()?, parts.next());
    if parts.next().is_some() {
        return None;
    }
    let (shown, status) = second.map_or((&b""[..], first), |status| (first, status));
    let status = nci_status(status)?;
    let full_of = |mark: u8| {
        let mut marks = shown.iter().filter(|byte| !byte.is_ascii_alphabetic() && **byte != b' ');
        marks.next() == Some(&mark) && marks.all(|byte| *byte == mark)
    };
    Some(match () {
        () if status.faulty => OnScale::Faulty,
        () if status.zero_lost || full_of(b'-') => OnScale::ZeroLost,
        () if status.over || full_of(b'^') => OnScale::OverCapacity,
        () if status.under || full_of(b'_') => OnScale::UnderZero,
        () if status.moving => OnScale::Moving,
        () if shown.is_empty() && status.zero => OnScale::Zero,
        () if shown.is_empty() => OnScale::NotReady,
        () => {
            let letters = shown.iter().position(u8::is_ascii_alphabetic)?;
            let (weight, unit) = shown.split_at(letters);
            return resting(weight, unit_of(unit)?, status.net);
        }
    })
}

struct NciStatus {
    moving: bool,
    zero: bool,
    under: bool,
    over: bool,
    faulty: bool,
    zero_lost: bool,
    /// The third byte, which not all scales send, says so.
    net: Option<bool>,
}

/// Bits 4 and 5 are always set; bit 6 says, from the second byte on, that another follows.
fn nci_status(bytes: &[u8]) -> Option<NciStatus> {
    let (&[first, second], more) = bytes.split_first_chunk()?;
    let marked = bytes.iter().all(|byte| byte & 0x30 == 0x30) && first & 0x40 == 0;
    let chained = [&[second], more].concat();
    let (last, before) = chained.split_last()?;
    let ends = last & 0x40 == 0 && before.iter().all(|byte| byte & 0x40 != 0);
    let bit = |byte: u8, bits: u8| byte & bits != 0;
    (marked && ends).then(|| NciStatus {
        moving: bit(first, 0x01),
        zero: bit(first, 0x02),
        under: bit(second, 0x01),
        over: bit(second, 0x02),
        faulty: bit(first, 0x0C) || bit(second, 0x0C),
        zero_lost: more.first().is_some_and(|third| bit(*third, 0x08)),
        net: more.first().map(|third| bit(*third, 0x04)),
    })
}

/// mt-sics = "S" ("S" weight unit / "D" weight unit / "I" / "+" / "-") CR
pub(super) fn mt_sics(answer: &[u8]) -> Option<OnScale> {
    let line = answer.strip_suffix(b"\r").unwrap_or(answer);
    let words: Vec<&[u8]> =
        line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        // SICS does not say whether a tare is on.
        [b"S", b"S", weight, unit] => resting(weight, unit_of(unit)?, None),
        [b"S", b"D", ..] => Some(OnScale::Moving),
        [b"S", b"I"] => Some(OnScale::NotReady),
        [b"S", b"+"] => Some(OnScale::OverCapacity),
        [b"S", b"-"] => Some(OnScale::UnderZero),
        _ => None,
    }
}

fn unit_of(text: &[u8]) -> Option<WeightUnit> {
    let units = [WeightUnit::Kilogram, WeightUnit::Gram, WeightUnit::Pound, WeightUnit::Ounce];
    let text = text.trim_ascii();
    units.into_iter().find(|unit| text.eq_ignore_ascii_case(unit.as_str().as_bytes()))
}

/// weight = \["-"\] 1*digit \["." 1*digit\], blanks around and behind the sign.
fn resting(weight: &[u8], unit: WeightUnit, net: Option<bool>) -> Option<OnScale> {
    let weight = weight.trim_ascii();
    let (negative, digits) = match weight.split_first()? {
        (b'-', digits) => (true, digits.trim_ascii_start()),
        (b'+', digits) => (false, digits.trim_ascii_start()),
        _ => (false, weight),
    };
    let text = std::str::from_utf8(digits).ok()?;
    let (whole, fraction) =
        text.split_once('.').map_or((text, None), |(one, two)| (one, Some(two)));
    let decimal = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !decimal(whole) || !fraction.is_none_or(decimal) {
        return None;
    }
    if text.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        return Some(OnScale::Zero);
    }
    if negative {
        return Some(OnScale::UnderZero);
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let value = fraction.map_or_else(|| whole.to_owned(), |fraction| format!("{whole}.{fraction}"));
    Some(OnScale::Stable(Weight { value, unit, net }))
}
