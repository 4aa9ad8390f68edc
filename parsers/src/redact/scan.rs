//! Finds card numbers and track data in text and masks them.
//!
//! A card number is a stretch of 12 to 19 digits that begins and ends where a group of digits begins and ends, with
//! at most one blank or dash, or one dot, between groups, and that fits a scheme's issuer range, length and check
//! digit. Digits of every script count. Groups are tried together and alone, so that `12 4111 1111 1111 1111 12/29`
//! is found.
//!
//! Up to 19 digits without a separator are one number or none: of random numbers with 16 digits 3 in 100 are taken for
//! a card number, of those with 18 digits 1 in 100. If parts of them were tried, 27 in 100 would be, and document
//! numbers of that length are common.
//!
//! A longer stretch is no card number, but may have one glued to other digits, such as an expiry date. It is cut when
//! a card number fits at its very start or at its very end, and then all of it but its first six and last four digits.
//! That takes 20 in 100 of random stretches, which are rare outside fields of their own. Its middle is not tried: that
//! would take 53 in 100 of 22 digits, and nothing writes digits on both sides of a card number.
//!
//! Blanks and dots do not mix: `12.50 24.00 3.99` on a receipt would join to a number otherwise.

use zeroize::Zeroizing;

use crate::card::{MAX_DIGITS, MIN_DIGITS, SHOWN_FIRST, SHOWN_LAST, Scheme};

/// Longest part of a track behind its number: track 1 has 79 characters, and escapes may swell them.
const MAX_TAIL_BYTES: usize = 160;

/// How often a text is gone over. What remains of one number can join with its neighbours to a new one; each round
/// finds those. The last round leaves no digits of a number, so that no round after it could find another.
const ROUNDS: usize = 4;

/// A card number in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// First byte.
    pub(crate) start: usize,
    /// Behind its last digit.
    pub(crate) end: usize,
    /// Behind the rest of its track; `end` where it stands in none.
    pub(crate) tail: usize,
    /// None for a number that only its track betrays.
    pub(crate) scheme: Option<Scheme>,
}

impl Hit {
    /// The same number in a text that this one begins `offset` bytes into.
    pub(crate) fn moved(self, offset: usize) -> Self {
        let (start, end, tail) = (self.start + offset, self.end + offset, self.tail + offset);
        Self { start, end, tail, scheme: self.scheme }
    }
}

/// A text in which something was masked.
pub(crate) struct Cut {
    pub(crate) text: Vec<u8>,
    pub(crate) hits: Vec<Hit>,
}

/// What a character is to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other,
    Digit(u8),
    /// Separates groups.
    Blank,
    /// Separates groups as well, but not beside blanks.
    Dot,
    /// Is not there: a line end in an EDI interchange that was folded.
    Fold,
}

/// What characters mean in a kind of text, and what masks them.
pub(crate) struct Alphabet {
    ascii: [Kind; 128],
    /// Bytes that end a track whatever they are in it.
    stops: [u8; 3],
    mask: u8,
    /// Whether other digits may be glued to a number of any length.
    is_glued: bool,
}

impl Alphabet {
    /// Text of any kind.
    pub(crate) const TEXT: Self =
        Self { ascii: ASCII, stops: [b'\r', b'\n', b'"'], mask: b'*', is_glued: false };

    /// A barcode with errors, in which identifiers and numbers cannot be told apart.
    pub(crate) const GLUED: Self = Self { is_glued: true, ..Self::TEXT };

    /// A piece of EDI as people see it.
    pub(crate) const SHOWN: Self = Self { ascii: RELEASED, ..Self::TEXT };

    /// EDI with these delimiters: component, element, segment. None of them ever joins groups. The mask is a letter,
    /// since a star may be a delimiter.
    pub(crate) fn edi(delimiters: [u8; 3]) -> Self {
        Self::of_edi(delimiters, RELEASED)
    }

    /// The same for whoever takes release characters for ordinary ones, as most X12 and all text does.
    pub(crate) fn edi_without_release(delimiters: [u8; 3]) -> Self {
        Self::of_edi(delimiters, ASCII)
    }

    fn of_edi(delimiters: [u8; 3], mut ascii: [Kind; 128]) -> Self {
        ascii[b'\r' as usize] = Kind::Fold;
        ascii[b'\n' as usize] = Kind::Fold;
        for delimiter in delimiters {
            if let Some(kind) = ascii.get_mut(usize::from(delimiter)) {
                *kind = Kind::Other;
            }
        }
        Self { ascii, stops: delimiters, mask: b'X', is_glued: false }
    }

    /// The character at `at`, and its length in bytes.
    fn read(&self, text: &[u8], at: usize) -> (Kind, usize) {
        let Some(first) = text.get(at).copied() else { return (Kind::Other, 1) };
        match self.ascii.get(usize::from(first)) {
            Some(kind) => (*kind, 1),
            None => wide(text, at, first),
        }
    }
}

/// The release characters of EDIFACT and, as partners choose it, of X12: they belong to no value.
const RELEASED: [Kind; 128] = {
    let mut kinds = ASCII;
    kinds[b'?' as usize] = Kind::Fold;
    kinds[b'\\' as usize] = Kind::Fold;
    kinds
};

const ASCII: [Kind; 128] = {
    let mut kinds = [Kind::Other; 128];
    let mut digit = 0;
    while digit < 10 {
        kinds[b'0' as usize + digit as usize] = Kind::Digit(digit);
        digit += 1;
    }
    kinds[b' ' as usize] = Kind::Blank;
    kinds[b'\t' as usize] = Kind::Blank;
    kinds[b'-' as usize] = Kind::Blank;
    kinds[b'_' as usize] = Kind::Blank;
    // Text in UTF-16 has a zero byte beside each digit.
    kinds[0] = Kind::Blank;
    kinds[b'.' as usize] = Kind::Dot;
    kinds
};

/// Masks all card numbers that `spare` does not know for something else. None when there is nothing to mask.
pub(crate) fn cut(text: &[u8], alphabet: &Alphabet, spare: impl Fn(&Hit) -> bool) -> Option<Cut> {
    let mut hits = Vec::new();
    find(text, alphabet, &mut hits);
    hits.dedup();
    hits.retain(|hit| !spare(hit));
    if hits.is_empty() {
        return None;
    }
    let mut masked = text.to_vec();
    let mut again = hits.clone();
    for round in 1..=ROUNDS {
        for hit in &again {
            mask(&mut masked, alphabet, hit, round < ROUNDS);
        }
        again.clear();
        find(&masked, alphabet, &mut again);
        again.retain(|hit| !spare(hit));
        if again.is_empty() {
            break;
        }
    }
    Some(Cut { text: masked, hits })
}

/// Finds all card numbers. Since a number has at least twelve bytes, every twelfth byte is enough to look at until
/// one of them could belong to a number.
fn find(text: &[u8], alphabet: &Alphabet, hits: &mut Vec<Hit>) {
    let mut floor = 0;
    while floor + MIN_DIGITS <= text.len() {
        let sample = floor + MIN_DIGITS - 1;
        let at = character_start(text, sample, floor);
        if alphabet.read(text, at).0 == Kind::Other {
            floor = sample + 1;
            continue;
        }
        let start = stretch_start(text, alphabet, at, floor);
        floor = find_in_stretch(text, alphabet, start, hits).max(sample + 1);
    }
}

/// The first byte of the character that `at` is in.
fn character_start(text: &[u8], at: usize, floor: usize) -> usize {
    let lowest = at.saturating_sub(3).max(floor);
    (lowest..=at)
        .rev()
        .find(|start| text.get(*start).is_some_and(|byte| byte & 0xC0 != 0x80))
        .unwrap_or(at)
}

fn stretch_start(text: &[u8], alphabet: &Alphabet, at: usize, floor: usize) -> usize {
    let mut start = at;
    while start > floor {
        let before = character_start(text, start - 1, floor);
        let (kind, length) = alphabet.read(text, before);
        // A stray continuation byte is part of no character: what stands before it is not beside the stretch.
        if kind == Kind::Other || before + length != start {
            break;
        }
        start = before;
    }
    start
}

/// Tries the numbers that begin at each group of digits of a stretch. Gives the stretch's end.
fn find_in_stretch(text: &[u8], alphabet: &Alphabet, start: usize, hits: &mut Vec<Hit>) -> usize {
    let mut at = start;
    let mut in_group = false;
    loop {
        let (kind, length) = alphabet.read(text, at);
        match kind {
            Kind::Other => return at,
            Kind::Digit(_) if !in_group => {
                in_group = true;
                if let Some(group_end) = find_from_group(text, alphabet, at, hits) {
                    at = group_end;
                    continue;
                }
            }
            Kind::Digit(_) | Kind::Fold => {}
            Kind::Blank | Kind::Dot => in_group = false,
        }
        at += length;
    }
}

/// Tries all numbers that begin with the group at `start`. Gives the group's end when it was too long to be part of
/// a number.
fn find_from_group(
    text: &[u8],
    alphabet: &Alphabet,
    start: usize,
    hits: &mut Vec<Hit>,
) -> Option<usize> {
    let mut digits = Zeroizing::new([0_u8; MAX_DIGITS]);
    let (mut count, mut at, mut end) = (0, start, start);
    let mut joint = None;
    loop {
        let (kind, length) = alphabet.read(text, at);
        match kind {
            Kind::Digit(digit) => {
                let Some(place) = digits.get_mut(count) else {
                    return match joint {
                        None => Some(find_in_long_group(text, alphabet, start, hits)),
                        Some(_) => None,
                    };
                };
                *place = b'0' + digit;
                count += 1;
                end = at + length;
            }
            Kind::Fold => {}
            Kind::Other | Kind::Blank | Kind::Dot => {
                let number = digits.get(..count).unwrap_or_default();
                let before = hits.len();
                try_number(text, alphabet, (start, end), number, hits);
                if alphabet.is_glued && joint.is_none() && hits.len() == before {
                    find_in_long_group(text, alphabet, start, hits);
                }
                let ends = kind == Kind::Other || joint.is_some_and(|joint| joint != kind);
                let next = alphabet.read(text, at + length).0;
                if ends || !matches!(next, Kind::Digit(_) | Kind::Fold) {
                    return None;
                }
                joint = Some(kind);
            }
        }
        at += length;
    }
}

/// A group of more than 19 digits, or one that may have other digits glued to it. Gives its end.
fn find_in_long_group(
    text: &[u8],
    alphabet: &Alphabet,
    start: usize,
    hits: &mut Vec<Hit>,
) -> usize {
    let mut first = Zeroizing::new([0_u8; MAX_DIGITS]);
    let mut last = Zeroizing::new([0_u8; MAX_DIGITS]);
    let (mut count, mut at, mut end) = (0, start, start);
    loop {
        let (kind, length) = alphabet.read(text, at);
        match kind {
            Kind::Digit(digit) => {
                if let Some(place) = first.get_mut(count) {
                    *place = b'0' + digit;
                }
                last.rotate_left(1);
                last[MAX_DIGITS - 1] = b'0' + digit;
                count += 1;
                end = at + length;
            }
            Kind::Fold => {}
            Kind::Other | Kind::Blank | Kind::Dot => break,
        }
        at += length;
    }
    let at_start = |length: usize| first.get(..length).and_then(Scheme::of_payment_card);
    let at_end = |length: usize| last.get(MAX_DIGITS - length..).and_then(Scheme::of_payment_card);
    let scheme = (MIN_DIGITS..=MAX_DIGITS.min(count))
        .find_map(|length| at_start(length).or_else(|| at_end(length)));
    if scheme.is_some() {
        hits.push(Hit { start, end, tail: tail_end(text, alphabet, end), scheme });
    }
    at
}

/// Takes a number that stands at `span` when it is a payment card's, or when a track's sentinel and separator stand
/// around it and only its check digit, or one digit more or less, speaks against it.
fn try_number(
    text: &[u8],
    alphabet: &Alphabet,
    (start, end): (usize, usize),
    number: &[u8],
    hits: &mut Vec<Hit>,
) {
    if number.len() < MIN_DIGITS {
        return;
    }
    let scheme = Scheme::of_payment_card(number);
    if scheme.is_none() && !in_misread_track(text, start, end, number) {
        return;
    }
    hits.push(Hit { start, end, tail: tail_end(text, alphabet, end), scheme });
}

fn in_misread_track(text: &[u8], start: usize, end: usize, number: &[u8]) -> bool {
    let before = start.checked_sub(1).and_then(|before| text.get(before));
    let around = matches!(
        (before, text.get(end)),
        (Some(b';'), Some(b'=' | b'D' | b'd')) | (Some(b'B'), Some(b'^'))
    );
    around && (Scheme::of(number).is_some() || Scheme::is_near_miss(number))
}

/// Where the track ends whose number ends at `end`: ISO/IEC 7813 track 1 goes on with `^`, track 2 with `=`, which
/// EMV tag 57 writes as `D`. `end` when it is no track.
fn tail_end(text: &[u8], alphabet: &Alphabet, end: usize) -> usize {
    let rest = text.get(end..).unwrap_or_default();
    let rest = rest.get(..MAX_TAIL_BYTES).unwrap_or(rest);
    let is_stop = |byte: &u8| *byte == b'?' || alphabet.stops.contains(byte);
    let length = match rest.split_first() {
        Some((b'^', _)) => rest.iter().position(is_stop).unwrap_or(rest.len()),
        Some((b'=' | b'D' | b'd', behind)) if begins_with_expiry(behind) => rest
            .iter()
            .position(|byte| {
                is_stop(byte) || !matches!(byte, b'0'..=b'9' | b'=' | b'D' | b'd' | b'F' | b'f')
            })
            .unwrap_or(rest.len()),
        _ => 0,
    };
    end + length
}

/// YYMM, or a separator in its place.
fn begins_with_expiry(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'=')
        || bytes.get(..4).is_some_and(|expiry| expiry.iter().all(u8::is_ascii_digit))
}

/// Masks the middle of a number, or all of it, and the rest of its track. Separators stay, the length stays.
fn mask(text: &mut [u8], alphabet: &Alphabet, hit: &Hit, keep_ends: bool) {
    let mut digits = Vec::with_capacity(2 * MAX_DIGITS);
    let mut at = hit.start;
    while at < hit.end {
        let (kind, length) = alphabet.read(text, at);
        if let Kind::Digit(_) = kind {
            digits.push(at..at + length);
        }
        at += length;
    }
    let hidden = match keep_ends {
        true => SHOWN_FIRST..digits.len().saturating_sub(SHOWN_LAST),
        false => 0..digits.len(),
    };
    for digit in digits.get(hidden).unwrap_or_default() {
        text.get_mut(digit.clone()).unwrap_or_default().fill(alphabet.mask);
    }
    let tail = text.get_mut(hit.end..hit.tail).unwrap_or_default();
    tail.iter_mut().filter(|byte| !byte.is_ascii_control()).for_each(|byte| *byte = alphabet.mask);
}

/// A character of more than one byte.
#[cold]
fn wide(text: &[u8], at: usize, first: u8) -> (Kind, usize) {
    let length = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return (Kind::Other, 1),
    };
    let character = text
        .get(at..at + length)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| text.chars().next());
    match character {
        Some(character) => (wide_kind(character), length),
        None => (Kind::Other, 1),
    }
}

fn wide_kind(character: char) -> Kind {
    let code = u32::from(character);
    match code {
        // No-break space, soft hyphen; spaces and dashes of U+2000; minus; ideographic space; full-width dash; BOM.
        0xA0
        | 0xAD
        | 0x2000..=0x2015
        | 0x202F
        | 0x205F
        | 0x2060
        | 0x2212
        | 0x3000
        | 0xFE58
        | 0xFE63
        | 0xFF0D
        | 0xFEFF => Kind::Blank,
        // Middle dot, bullet, ideographic and full-width full stop.
        0xB7 | 0x2022 | 0x2024 | 0x3002 | 0xFF0E | 0xFF61 => Kind::Dot,
        _ => decimal(code).map_or(Kind::Other, Kind::Digit),
    }
}

/// The value of a decimal digit of any script: Unicode general category Nd, which comes in rows of ten.
fn decimal(code: u32) -> Option<u8> {
    let row = ZEROS.partition_point(|zero| *zero <= code).checked_sub(1)?;
    let value = code - ZEROS.get(row)?;
    u8::try_from(value).ok().filter(|value| *value < 10)
}

/// The zero of each row of decimal digits beyond ASCII (Unicode 15, `DerivedGeneralCategory`, Nd).
const ZEROS: &[u32] = &[
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6,
    0xE50, 0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
    0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
    0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650,
    0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50,
    0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// The value of a decimal digit of any script, ASCII included.
#[cfg(test)]
pub(crate) fn digit_value(character: char) -> Option<u8> {
    character
        .to_digit(10)
        .and_then(|v| u8::try_from(v).ok())
        .or_else(|| decimal(u32::from(character)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_other_scripts_have_their_value() {
        for (character, value) in [('０', 0), ('９', 9), ('٤', 4), ('४', 4), ('𝟜', 4), ('𝟿', 9)]
        {
            assert_eq!(decimal(u32::from(character)), Some(value), "{character}");
        }
        assert_eq!(decimal(u32::from('中')), None);
        assert!(ZEROS.is_sorted());
    }
}
