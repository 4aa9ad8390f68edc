//! Card data in EDI: ANSI X12, UN/EDIFACT, and text that was meant as such.
//!
//! Delimiters bound a number: it stands in one component. The length stays and no delimiter is made, so that every
//! offset and count still holds. What the standards keep numbers of their own in stays: control segments, document
//! numbers, trade items, logistic units and locations, the latter three only with a fitting check digit.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr2, memmem};

use super::field::is_gtin;
use super::scan::{self, Alphabet, Cut, Hit};
use super::{Redacted, note};
use crate::barcode::check_digit_fits;

/// Longest segment that is searched for the place of a number, on each side of it.
const MAX_SEGMENT_BYTES: usize = 1024;

/// What two windows share. A number is shorter, with the rest of its track and every character of four bytes, and so
/// is the header of an interchange.
const OVERLAP_BYTES: usize = 512;

/// Cuts card data out of interchanges. The length stays.
#[must_use]
pub fn edi(input: &[u8]) -> Redacted<'_> {
    cut(input, Syntax::of(&[]), &mut Vec::new())
}

/// Cuts card data out of interchanges that are too large to be held, one window after the other.
pub struct EdiWindows {
    /// Of the interchange that the next window begins in.
    syntax: Syntax,
}

impl Default for EdiWindows {
    fn default() -> Self {
        Self { syntax: Syntax::of(&[]) }
    }
}

impl EdiWindows {
    /// The beginning of a window without card data, if possible up to the end of a segment. The next window has to
    /// begin with the rest as it was: a number that a window cuts off looks like another one, and would be masked in
    /// the wrong places.
    pub fn next(&mut self, window: &[u8]) -> Vec<u8> {
        let mut hits = Vec::new();
        let redacted = cut(window, self.syntax, &mut hits);
        let edge = window.len().saturating_sub(OVERLAP_BYTES);
        for (start, end) in interchanges(window) {
            if start < edge {
                self.syntax =
                    Syntax::of(window.get(start..end).unwrap_or_default()).or(self.syntax);
            }
        }
        let floor = edge.saturating_sub(MAX_SEGMENT_BYTES);
        let last_bytes = window.get(floor..edge).unwrap_or_default();
        let segment_end = last_bytes.iter().rposition(|byte| *byte == self.syntax.segment);
        let mut end = segment_end.map_or(edge, |at| floor + at + 1);
        // A number is not torn: the next window would not know its second half.
        for hit in hits.iter().rev() {
            end = if hit.contains(&end) { hit.start } else { end };
        }
        let mut bytes = redacted.bytes.into_owned();
        bytes.truncate(end);
        bytes
    }

    /// What is left after the last window, without card data.
    #[must_use]
    pub fn last<'a>(&self, rest: &'a [u8]) -> Redacted<'a> {
        cut(rest, self.syntax, &mut Vec::new())
    }
}

/// `before` is the syntax of what stands before the first header; `hits` takes where each number stands.
fn cut<'a>(input: &'a [u8], before: Syntax, hits: &mut Vec<Range<usize>>) -> Redacted<'a> {
    let mut out: Option<Vec<u8>> = None;
    let mut found = Vec::new();
    for (start, end) in interchanges(input) {
        let part = input.get(start..end).unwrap_or_default();
        let Some(cut) = cut_part(part, Syntax::of(part).or(before)) else { continue };
        note(&mut found, &cut, start, None);
        hits.extend(cut.hits.iter().map(|hit| start + hit.start..start + hit.end));
        let out = out.get_or_insert_with(|| input.to_vec());
        if let Some(place) = out.get_mut(start..end) {
            place.copy_from_slice(&cut.text);
            // The rest of a track may reach up to the next header, which begins behind no letter: a mask there would
            // hide it from whoever reads what is left.
            let last = place.last_mut().filter(|last| end < input.len() && **last == b'X');
            if let Some(last) = last {
                *last = b' ';
            }
        }
    }
    Redacted { bytes: out.map_or(Cow::Borrowed(input), Cow::Owned), found }
}

/// Cuts both the numbers that stand there with release characters and those without: where one has `12?4`, another may
/// see 124, or 12 and 4. What is left of a number for the one can be a new one for the other.
fn cut_part(part: &[u8], syntax: Syntax) -> Option<Cut> {
    const ROUNDS: usize = 3;
    let delimiters = [syntax.component, syntax.element, syntax.segment];
    let alphabets = [Alphabet::edi(delimiters), Alphabet::edi_without_release(delimiters)];
    // Without a release character both see the same.
    let ways = if memchr2(b'?', b'\\', part).is_some() { 2 } else { 1 };
    let mut both: Option<Cut> = None;
    for _ in 0..ROUNDS {
        let mut is_clean = true;
        for alphabet in alphabets.iter().take(ways) {
            let text = both.as_ref().map_or(part, |both| both.text.as_slice());
            if let Some(mut cut) = scan::cut(text, alphabet, |hit| syntax.spares(text, hit)) {
                is_clean = false;
                cut.hits.extend(both.into_iter().flat_map(|before| before.hits));
                both = Some(cut);
            }
        }
        if is_clean || ways == 1 {
            break;
        }
    }
    if let Some(both) = &mut both {
        both.hits.sort_unstable_by_key(|hit| hit.start);
    }
    both
}

/// Where each interchange begins and ends: delimiters may change from one to the next.
fn interchanges(input: &[u8]) -> Vec<(usize, usize)> {
    let mut starts: Vec<usize> = [b"ISA".as_slice(), b"UNA", b"UNB"]
        .into_iter()
        .flat_map(|tag| memmem::find_iter(input, tag))
        .filter(|start| begins_interchange(input, *start))
        .collect();
    starts.push(0);
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).copied().chain([input.len()]);
    starts.iter().copied().zip(ends).collect()
}

fn begins_interchange(input: &[u8], start: usize) -> bool {
    let rest = input.get(start..).unwrap_or_default();
    let before = start.checked_sub(1).and_then(|before| input.get(before));
    if before.is_some_and(u8::is_ascii_alphanumeric) {
        return false;
    }
    match rest.get(..3) {
        // ISA01 has two characters.
        Some(b"ISA") => rest.get(3).is_some_and(is_delimiter) && rest.get(3) == rest.get(6),
        Some(b"UNA") => memmem::find(rest.get(..16).unwrap_or(rest), b"UNB").is_some(),
        // Behind a UNA that begins one it is the same interchange.
        Some(b"UNB") => {
            let floor = start.saturating_sub(13);
            let just_before = input.get(floor..start).unwrap_or_default();
            !memmem::find_iter(just_before, b"UNA").any(|at| begins_interchange(input, floor + at))
        }
        _ => false,
    }
}

fn is_delimiter(byte: &u8) -> bool {
    !byte.is_ascii_alphanumeric() && *byte != b' '
}

/// Which standard, and its delimiters.
#[derive(Clone, Copy)]
struct Syntax {
    standard: Standard,
    component: u8,
    element: u8,
    segment: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standard {
    X12,
    Edifact,
    Unknown,
}

impl Syntax {
    fn of(part: &[u8]) -> Self {
        let at = |place: usize| part.get(place).copied();
        // A text that begins with ISABELLA has no control segment that spares its numbers.
        match part.get(..3).filter(|_| begins_interchange(part, 0)) {
            Some(b"ISA") => {
                let element = at(3).unwrap_or(b'*');
                let (component, segment) = isa_end(part, element).unwrap_or((b':', b'~'));
                Self { standard: Standard::X12, component, element, segment }
            }
            Some(b"UNA") => Self {
                standard: Standard::Edifact,
                component: at(3).unwrap_or(b':'),
                element: at(4).unwrap_or(b'+'),
                segment: at(8).unwrap_or(b'\''),
            },
            Some(b"UNB") => {
                Self { standard: Standard::Edifact, component: b':', element: b'+', segment: b'\'' }
            }
            _ => {
                Self { standard: Standard::Unknown, component: b':', element: b'+', segment: b'\'' }
            }
        }
    }

    /// This, where it could be told.
    fn or(self, before: Self) -> Self {
        if self.standard == Standard::Unknown { before } else { self }
    }

    /// Whether a number is known for something else by its place.
    fn spares(&self, part: &[u8], hit: &Hit) -> bool {
        if self.standard == Standard::Unknown || hit.tail > hit.end {
            return false;
        }
        let (start, end) = self.segment_around(part, hit);
        let before = part.get(start..hit.start).unwrap_or_default().trim_ascii_start();
        let whole: Vec<&[u8]> = before.split(|byte| *byte == self.element).collect();
        let Some((open, closed)) = whole.split_last() else { return false };
        let behind = part.get(hit.end..end).unwrap_or_default();
        let value = part.get(hit.start..hit.end).unwrap_or_default();
        let place = Place {
            tag: closed.first().copied().unwrap_or_default(),
            element: closed.len(),
            qualifier: closed.last().copied().unwrap_or_default(),
            before: open,
            behind: behind.split(|byte| *byte == self.element).next().unwrap_or_default(),
            component: self.component,
        };
        match self.standard {
            Standard::X12 => place.spares_x12(value),
            _ => place.spares_edifact(value),
        }
    }

    /// The segment that a hit stands in. A released delimiter of EDIFACT ends nothing.
    fn segment_around(&self, part: &[u8], hit: &Hit) -> (usize, usize) {
        let floor = hit.start.saturating_sub(MAX_SEGMENT_BYTES);
        let ceiling = hit.end.saturating_add(MAX_SEGMENT_BYTES).min(part.len());
        let ends_here = |at: &usize| {
            let released = self.standard == Standard::Edifact
                && at.checked_sub(1).and_then(|before| part.get(before)) == Some(&b'?');
            part.get(*at) == Some(&self.segment) && !released
        };
        let start = (floor..hit.start).rev().find(ends_here).map_or(floor, |at| at + 1);
        let end = (hit.end..ceiling).find(ends_here).unwrap_or(ceiling);
        (start, end)
    }
}

/// The component separator and the segment terminator: ISA16 and what follows it. Counted in elements, since blanks
/// get lost on the way.
fn isa_end(part: &[u8], element: u8) -> Option<(u8, u8)> {
    let mut separators = part.iter().enumerate().take(256).filter(|(_, byte)| **byte == element);
    let (last, _) = separators.nth(15)?;
    Some((*part.get(last + 1)?, *part.get(last + 2)?))
}

/// Where in a segment a number stands.
struct Place<'a> {
    tag: &'a [u8],
    /// Of its element, from 1.
    element: usize,
    /// The element before it.
    qualifier: &'a [u8],
    /// What stands before it in its element.
    before: &'a [u8],
    /// What follows it in its element.
    behind: &'a [u8],
    component: u8,
}

impl Place<'_> {
    fn spares_x12(&self, value: &[u8]) -> bool {
        let alone = self.before.is_empty() && self.behind.is_empty();
        match self.tag {
            b"ISA" | b"GS" | b"ST" | b"SE" | b"GE" | b"IEA" | b"TA1" | b"AK1" | b"AK2" | b"BHT" => {
                true
            }
            _ if !alone => false,
            // The document's own number, or the one it answers.
            b"BEG" => self.element == 3,
            b"BIG" => matches!(self.element, 2 | 4),
            b"BCH" | b"BAK" => self.element == 3,
            b"BSN" => self.element == 2,
            b"PRF" => self.element == 1,
            b"PO1" | b"IT1" | b"LIN" | b"SLN" | b"POC" | b"IT8" | b"ZA" | b"SDP" => {
                is_x12_item_qualifier(self.qualifier) && is_gtin(value)
            }
            b"MAN" => matches!(self.qualifier, b"GM" | b"AA" | b"UC") && is_sscc(value),
            // UL: global location number.
            b"N1" | b"SDQ" => self.qualifier == b"UL" && is_gtin(value),
            _ => false,
        }
    }

    fn spares_edifact(&self, value: &[u8]) -> bool {
        let first = self.before.is_empty();
        let qualified = |codes: &[&[u8]]| {
            let mut components = self.behind.split(|byte| *byte == self.component).skip(1);
            components.any(|component| codes.contains(&component))
        };
        match self.tag {
            b"UNA" | b"UNB" | b"UNG" | b"UNH" | b"UNT" | b"UNE" | b"UNZ" | b"UCI" | b"UCM" => true,
            // C106: the document's own number.
            b"BGM" => self.element == 2 && first && !self.behind.contains(&b' '),
            // C506: order, delivery note, invoice, contract.
            b"RFF" => {
                let code = self.before.split(|byte| *byte == self.component).next();
                let behind_code =
                    self.before.iter().filter(|byte| **byte == self.component).count() == 1;
                behind_code
                    && self.before.ends_with(&[self.component])
                    && matches!(code, Some(b"ON" | b"DQ" | b"IV" | b"CT" | b"AAK" | b"VN"))
            }
            b"LIN" | b"PIA" => first && qualified(&[b"EN", b"SRV", b"UP", b"EU"]) && is_gtin(value),
            b"GIN" => self.before.is_empty() && is_sscc(value),
            // Agency 9 is GS1.
            b"NAD" | b"LOC" => first && qualified(&[b"9"]) && is_gtin(value),
            _ => false,
        }
    }
}

/// X12 data element 235: codes of GS1 trade item numbers.
fn is_x12_item_qualifier(code: &[u8]) -> bool {
    matches!(
        code,
        b"UP"
            | b"EN"
            | b"UK"
            | b"UI"
            | b"UA"
            | b"UD"
            | b"UE"
            | b"UG"
            | b"UH"
            | b"UN"
            | b"UX"
            | b"EO"
            | b"EA"
            | b"U2"
    )
}

/// GS1 General Specifications 3.2: 18 digits, with or without their application identifier 00.
fn is_sscc(value: &[u8]) -> bool {
    let number = if value.len() == 20 { value.strip_prefix(b"00") } else { Some(value) };
    number.is_some_and(|number| number.len() == 18 && check_digit_fits(number))
}
