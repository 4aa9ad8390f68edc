//! Numbers that must be zero, must not be, or must fit each other.

use super::{Checked, Flaw, characters};

const ZERO: &str = "gs1-zero";
const PIECE: &str = "gs1-piece";
const POSITION: &str = "gs1-position";

pub(super) fn zero(part: &[u8]) -> Checked {
    match part.iter().all(|byte| *byte == b'0') && !part.is_empty() {
        true => Ok(()),
        false => Err(Flaw::whole(part, ZERO, "0")),
    }
}

pub(super) fn non_zero(part: &[u8]) -> Checked {
    characters::digits(part)?;
    match part.iter().all(|byte| *byte == b'0') {
        true => Err(Flaw::whole(part, ZERO, "a number that is not zero")),
        false => Ok(()),
    }
}

pub(super) fn no_zero_prefix(part: &[u8]) -> Checked {
    characters::digits(part)?;
    match part.first() {
        Some(b'0') => Err(Flaw::new((0, 1), ZERO, "a number without zeros in front")),
        _ => Ok(()),
    }
}

/// A single character out of a few.
pub(super) fn one_of(part: &[u8], allowed: &[u8], expected: &'static str) -> Checked {
    match part {
        [byte] if allowed.contains(byte) => Ok(()),
        _ => Err(Flaw::whole(part, "gs1-value", expected)),
    }
}

/// Ten digits, degrees with seven decimals, moved so that none is negative: at most `limit`.
pub(super) fn degrees(part: &[u8], limit: &'static str, code: &'static str) -> Checked {
    let expected = || format!("ten digits, 0000000000 to {limit}");
    if part.len() != limit.len() {
        return Err(Flaw::whole(part, code, expected()));
    }
    characters::digits(part)?;
    match part <= limit.as_bytes() {
        true => Ok(()),
        false => Err(Flaw::whole(part, code, expected())),
    }
}

/// The number of a piece, and how many there are, with as many digits.
pub(super) fn piece_of_total(part: &[u8]) -> Checked {
    let half = part.len() / 2;
    let (piece, total) = part.split_at_checked(half).unwrap_or_default();
    if half == 0 || piece.len() != total.len() {
        let expected = "the number of the piece and of all pieces, with as many digits";
        return Err(Flaw::whole(part, PIECE, expected));
    }
    characters::digits(part)?;
    let is_zero = |digits: &[u8]| digits.iter().all(|digit| *digit == b'0');
    if is_zero(piece) {
        return Err(Flaw::new((0, half), PIECE, "a number of the piece from 1 on"));
    }
    if is_zero(total) {
        return Err(Flaw::new((half, half), PIECE, "a number of all pieces from 1 on"));
    }
    match piece <= total {
        true => Ok(()),
        false => Err(Flaw::whole(part, PIECE, "a piece that is not beyond the last")),
    }
}

/// `2/3`: the second of three.
pub(super) fn position_in_sequence(part: &[u8]) -> Checked {
    let mut numbers = part.split(|byte| *byte == b'/');
    let is_number = |text: &&[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let (Some(position), Some(end), None) =
        (numbers.next().filter(is_number), numbers.next().filter(is_number), numbers.next())
    else {
        return Err(Flaw::whole(part, POSITION, "position and end, such as 2/3"));
    };
    for (at, number) in [(0, position), (position.len() + 1, end)] {
        if number.starts_with(b"0") {
            let expected = "a number without zeros in front";
            return Err(Flaw::new((at, number.len()), ZERO, expected));
        }
    }
    // Without zeros in front, the longer number is the larger.
    match (position.len(), position) <= (end.len(), end) {
        true => Ok(()),
        false => Err(Flaw::whole(part, POSITION, "a position that is not beyond the end")),
    }
}
