//! Strokes to text.
//!
//! In: the keys of a read and a layout. Out: what they write, and whether each has a meaning there. Never: a copy
//! that stays behind.

use zeroize::Zeroizing;

use super::layout::{Layout, Symbol, composed, spacing};
use super::{GROUP_SEPARATOR, Stroke};

/// The content of the calibration code. Typed in any layout, it is itself in that layout only.
pub const CALIBRATION: &str = "TILLGATE azqwym-;:'@#[\\]_?\"<+";

/// Some scanners are set up to write GS so.
const GROUP_SEPARATOR_WRITTEN: &[u8] = b"{GS}";

/// A character has at most so many bytes of UTF-8, and an accent may stand in front of it.
const BYTES_OF_STROKE_MAX: usize = 4;

/// What strokes write, and whether all of them mean something in the layout.
pub(super) fn written(strokes: &[Stroke], layout: Layout) -> (Zeroizing<Vec<u8>>, bool) {
    let mut text = Zeroizing::new(Vec::with_capacity(BYTES_OF_STROKE_MAX * strokes.len()));
    let mut clean = true;
    let mut accent: Option<char> = None;
    for stroke in strokes {
        match (symbol(*stroke, layout), accent.take()) {
            (None, before) => {
                put(&mut text, before.map(spacing));
                clean = false;
            }
            (Some(Symbol::Dead(dead)), None) => accent = Some(dead),
            (Some(Symbol::Dead(dead)), Some(before)) => {
                put(&mut text, [spacing(before), spacing(dead)]);
            }
            (Some(Symbol::Character(character)), None) => put(&mut text, [character]),
            (Some(Symbol::Character(character)), Some(before)) => {
                match composed(before, character) {
                    Some(composed) => put(&mut text, [composed]),
                    None => put(&mut text, [spacing(before), character]),
                }
            }
        }
    }
    put(&mut text, accent.map(spacing));
    separate(&mut text);
    (text, clean)
}

/// The layout in which strokes write the calibration code.
pub(super) fn calibrated(strokes: &[Stroke]) -> Option<Layout> {
    // A character is one stroke, or an accent and a space.
    let possible = CALIBRATION.len()..=2 * CALIBRATION.len();
    if !possible.contains(&strokes.len()) {
        return None;
    }
    let fits = |layout: &Layout| *written(strokes, *layout).0 == CALIBRATION.as_bytes();
    Layout::ALL.iter().map(|(layout, _)| *layout).find(fits)
}

fn symbol(stroke: Stroke, layout: Layout) -> Option<Symbol> {
    match stroke {
        Stroke::Character(character) => Some(Symbol::Character(character)),
        Stroke::Key { code, shift, caps, alt_gr } => {
            layout.symbol(code, shift ^ (caps && layout.caps_shifts(code)), alt_gr)
        }
    }
}

fn put(text: &mut Vec<u8>, characters: impl IntoIterator<Item = char>) {
    for character in characters {
        text.extend_from_slice(character.encode_utf8(&mut [0; BYTES_OF_STROKE_MAX]).as_bytes());
    }
}

/// Turns each written separator into one.
fn separate(text: &mut Vec<u8>) {
    let mut kept = 0;
    let mut at = 0;
    while at < text.len() {
        let is_written =
            text.get(at..).is_some_and(|rest| rest.starts_with(GROUP_SEPARATOR_WRITTEN));
        if is_written {
            if let Some(place) = text.get_mut(kept) {
                *place = GROUP_SEPARATOR as u8;
            }
            at += GROUP_SEPARATOR_WRITTEN.len();
        } else {
            text.copy_within(at..=at, kept);
            at += 1;
        }
        kept += 1;
    }
    if let Some(rest) = text.get_mut(kept..) {
        rest.fill(0);
    }
    text.truncate(kept);
}
