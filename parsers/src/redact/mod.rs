//! Cuts card numbers, track data and card verification values out of inputs before anything stores or shows them.
//!
//! In: the bytes of an input as it arrived. Out: the same bytes, borrowed, when nothing is in them; else a copy with
//! the middle of each card number masked, and the places. Never: an error (what cannot be parsed is treated as text),
//! a card number in a place or in `Debug`, work that grows faster than the input.
//!
//! What is a card number is decided in this order: the field (a valid GTIN in `gtin` is none), then issuer range,
//! length and check digit together. See `scan` for how numbers are found in text.

mod edi;
mod field;
mod json;
pub(crate) mod scan;

use std::borrow::Cow;

pub use edi::{EdiWindows, edi};
pub use json::json;

use crate::card::Scheme;
use scan::{Alphabet, Cut};

/// Most places that are reported. More are cut, but not listed.
const MAX_PLACES: usize = 16;

/// Longest field name or masked text in a place, in characters.
const MAX_SHOWN_CHARACTERS: usize = 64;

/// What stands for a value that must not be kept at all.
const REMOVED: &str = "[removed]";

/// An input without card data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted<'a> {
    /// The input; borrowed when nothing had to be cut.
    pub bytes: Cow<'a, [u8]>,
    /// What was cut, in order; the first sixteen places.
    pub found: Vec<Place>,
}

/// Where something was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Byte from 0, in the input; of a JSON text, where the value or key begins.
    pub offset: usize,
    /// The JSON key whose value it was.
    pub field: Option<String>,
    /// The scheme of a card number; none for verification values, PINs and unreadable tracks.
    pub scheme: Option<Scheme>,
    /// What is left of it.
    pub masked: String,
}

/// Cuts card data out of text of any kind. The length stays.
#[must_use]
pub fn text(input: &[u8]) -> Redacted<'_> {
    cut(input, &Alphabet::TEXT)
}

/// Cuts card data out of a piece of EDI that people will see, also where release characters stand in a number. Whoever
/// takes one for an ordinary character sees another number, which may be one as well.
pub(crate) fn piece_of_edi(input: &[u8]) -> Cow<'_, [u8]> {
    let released = cut(input, &Alphabet::SHOWN).bytes;
    match cut(&released, &Alphabet::TEXT).bytes {
        Cow::Owned(both) => Cow::Owned(both),
        Cow::Borrowed(_) => released,
    }
}

fn cut<'a>(input: &'a [u8], alphabet: &Alphabet) -> Redacted<'a> {
    let mut found = Vec::new();
    let bytes = match scan::cut(input, alphabet, |_| false) {
        None => Cow::Borrowed(input),
        Some(cut) => {
            note(&mut found, &cut, 0, None);
            Cow::Owned(cut.text)
        }
    };
    Redacted { bytes, found }
}

/// Cuts card data out of a text that a person will read: a message, a name, a finding.
#[must_use]
pub fn shown(input: &str) -> Cow<'_, str> {
    match scan::cut(input.as_bytes(), &Alphabet::TEXT, |_| false) {
        None => Cow::Borrowed(input),
        Some(cut) => Cow::Owned(String::from_utf8_lossy(&cut.text).into_owned()),
    }
}

/// Notes the places of a cut, as far as there is room.
fn note(found: &mut Vec<Place>, cut: &Cut, offset: usize, field: Option<&str>) {
    for hit in &cut.hits {
        if found.len() >= MAX_PLACES {
            return;
        }
        let masked = cut.text.get(hit.start..hit.end).unwrap_or_default();
        let masked = String::from_utf8_lossy(masked).chars().take(MAX_SHOWN_CHARACTERS).collect();
        found.push(Place {
            offset: offset + hit.start,
            field: field.map(str::to_owned),
            scheme: hit.scheme,
            masked,
        });
    }
}

#[cfg(test)]
mod tests;
