//! Barcodes as people write them: on a command line, under the bars of a label, in a test.
//!
//! In: text. Out: what a scanner would send. Never: a guess where a bracket may be two things: it says so.

use super::FNC1;
use super::dictionary::Row;
use super::element::{Element, error, unknown, wrong_length};
use crate::finding::Finding;

/// Reads a barcode as people write it, and gives its symbology identifier, where the writing implies one, and what a
/// scanner would send. These are read:
///
/// * `(01)04006381333931(10)A1`, elements in brackets; a bracket that is data is written `\(`
/// * `^010400638133393110A1`, an element string with `^` for FNC1; `\^` for a `^` at the front of other data
/// * `{GS}`, `<GS>` and `\x1D` for FNC1 anywhere
/// * all else as it is, with `|^` before a composite component
///
/// # Errors
///
/// With what is wrong with text that begins with a bracket.
pub fn written(text: &str) -> Result<(Option<&'static str>, Vec<u8>), Finding> {
    if text.starts_with('(') {
        return bracketed(text).map(|message| (Some("]C1"), message));
    }
    let text = ["{GS}", "<GS>", "\\x1D", "\\x1d"]
        .iter()
        .fold(text.to_owned(), |text, written| text.replace(written, "\u{1d}"));
    if let Some(message) = text.strip_prefix('^') {
        // A composite component goes on where the linear one ends, as scanners send it under `]e0`.
        let message = message.replace("|^", "^").replace('^', "\u{1d}");
        return Ok((Some("]C1"), message.into_bytes()));
    }
    if text.starts_with("\\^") || text.starts_with("\\\\^") {
        return Ok((None, text.as_bytes().get(1..).unwrap_or_default().to_vec()));
    }
    Ok((None, composite(&text)))
}

/// Digits, then `|^` and the elements of a composite component.
fn composite(text: &str) -> Vec<u8> {
    match text.split_once("|^") {
        Some((linear, elements)) if linear.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{linear}|]e0{}", elements.replace('^', "\u{1d}")).into_bytes()
        }
        _ => text.as_bytes().to_vec(),
    }
}

fn bracketed(text: &str) -> Result<Vec<u8>, Finding> {
    let mut message = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((identifier, behind)) =
        rest.strip_prefix('(').and_then(|rest| rest.split_once(')'))
    {
        let Some(row) = Row::of(identifier.as_bytes()) else {
            return Err(unknown(identifier.as_bytes()));
        };
        let (value, next) = value(behind);
        let (shortest, longest) = row.lengths();
        let length = value.len();
        if length == 0 || (row.is_sized && !(shortest..=longest).contains(&length)) {
            let identifier = identifier.to_owned();
            return Err(wrong_length(&Element { row, identifier, value, span: (0, 0) }));
        }
        if value.contains(&FNC1) {
            return Err(not_bracketed());
        }
        message.extend_from_slice(identifier.as_bytes());
        message.extend_from_slice(&value);
        if next.is_empty() {
            return Ok(message);
        }
        if !row.is_sized {
            message.push(FNC1);
        }
        rest = next;
    }
    Err(not_bracketed())
}

/// The value up to the next bracketed identifier, and what begins there.
fn value(text: &str) -> (Vec<u8>, &str) {
    let mut value = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.as_bytes().first() {
        if rest.starts_with("\\(") {
            value.push(b'(');
            rest = rest.get(2..).unwrap_or_default();
            continue;
        }
        if begins_element(rest) {
            break;
        }
        value.push(*first);
        // Bytes of one character go one by one: they are put together again in order.
        let length = rest.chars().next().map_or(1, char::len_utf8);
        value.extend(rest.as_bytes().get(1..length).unwrap_or_default());
        rest = rest.get(length..).unwrap_or_default();
    }
    (value, rest)
}

/// A bracket may also be part of a value: two to four digits in it are an identifier.
fn begins_element(text: &str) -> bool {
    let inside = text.strip_prefix('(').and_then(|text| text.split_once(')'));
    inside.is_some_and(|(inside, _)| {
        (2..=4).contains(&inside.len()) && inside.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn not_bracketed() -> Finding {
    Finding {
        expected: Some("(01)04006381333931(10)A1, and \\( for a bracket in a value".to_owned()),
        ..error(
            "gs1-brackets",
            "expected GS1 elements in brackets, since the text begins with one: for other data, name its symbology"
                .to_owned(),
        )
    }
}
