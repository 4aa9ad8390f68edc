//! Card data that a reader types in another layout than the configured one.
//!
//! In: the keys of a read, and what they write in the configured layout. Out: the layout in which they are a card.
//! Never: what they write there, which is zeroized. Without this a card number leaves as `'&&&…`, which nothing behind
//! the decoder can know for one, and whoever knows the layouts reads it back.

use super::Stroke;
use super::layout::Layout;
use super::text::written;
use crate::card::{MAX_DIGITS, MIN_DIGITS, Scheme};
use crate::redact::scan::{self, Alphabet};
use zeroize::Zeroize;

/// Fewer digits behind a start sentinel are no account number.
const TRACK_DIGITS_MIN: usize = 8;
/// Fewer digits tell nothing of a card.
const STUMP_DIGITS_MIN: usize = 4;
/// A track without sentinels counts from so many digits on: below are codes of trade items with something behind.
const BARE_TRACK_DIGITS_MIN: usize = 15;

/// What keys are in another layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// A card in this layout.
    Card(Layout),
    /// Keys are lost, and what is left may be part of a card.
    Stump,
}

/// Looks at a read in every layout but the configured one, in which it is `read`.
pub(super) fn card(
    strokes: &[Stroke],
    configured: Layout,
    read: &[u8],
    damaged: bool,
) -> Option<Foreign> {
    // What is a track in the configured layout is taken for one behind this.
    if is_track(read) {
        return None;
    }
    // So is what begins as one or has no sentinels; only a whole track is better than that.
    let begun = begins_track(read) || is_bare_track(read);
    let mut number = None;
    let mut stump = None;
    for layout in others(configured) {
        let (text, _) = written(strokes, layout);
        if *text == read {
            continue;
        }
        if is_track(&text) || !begun && is_bare_track(&text) {
            return Some(Foreign::Card(layout));
        }
        if begun {
            continue;
        }
        // The same digits are digits to everything behind this too.
        let new_digits = !digits(&text).eq(digits(read));
        if new_digits && holds_number(&text) {
            number.get_or_insert(Foreign::Card(layout));
        }
        if damaged && may_be_of_a_card(&text, new_digits) {
            stump.get_or_insert(Foreign::Stump);
        }
    }
    number.or(stump)
}

/// Readers come set to the United States: of layouts in which keys write the same, that one is named.
fn others(configured: Layout) -> impl Iterator<Item = Layout> {
    let all = Layout::ALL.iter().map(|(layout, _)| *layout).filter(|layout| *layout != Layout::Us);
    std::iter::once(Layout::Us).chain(all).filter(move |layout| *layout != configured)
}

fn digits(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter().copied().filter(u8::is_ascii_digit)
}

/// The digits at the front.
fn leading_digits(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// What stands behind a start sentinel, at each place that may be one (ISO/IEC 7813). A `+` only counts in front: in
/// Japan it is where others have the colon of `host:8080`.
fn track_starts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let third = text.strip_prefix(b"+");
    let tails = (0..text.len()).filter_map(|at| text.get(at..));
    third.into_iter().chain(tails.filter_map(|tail| match tail {
        [b'%', b'B' | b'b', content @ ..] | [b';', content @ ..] => Some(content),
        _ => None,
    }))
}

/// A start sentinel, the digits of an account, an end sentinel.
fn is_track(text: &[u8]) -> bool {
    track_starts(text).any(|content| {
        let account = content.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b' ');
        account.filter(|byte| **byte != b' ').count() >= TRACK_DIGITS_MIN && content.contains(&b'?')
    })
}

/// A track whose end did not come, or to which the reader puts no end sentinel.
fn begins_track(text: &[u8]) -> bool {
    track_starts(text).any(|content| content.first().is_some_and(u8::is_ascii_digit))
}

/// A payment number, a separator and a month, from a reader that leaves the sentinels out; or a start sentinel with a
/// payment number behind it.
fn is_bare_track(text: &[u8]) -> bool {
    let begun = track_starts(text).any(|content| is_payment_number(leading_digits(content)));
    begun
        || runs(text).any(|tail| {
            let number = leading_digits(tail);
            let behind = tail.get(number.len()..).unwrap_or_default();
            number.len() >= BARE_TRACK_DIGITS_MIN && is_payment_number(number) && is_expiry(behind)
        })
}

/// `=YYMM`, or the `^` before the name of track 1.
fn is_expiry(behind: &[u8]) -> bool {
    match behind {
        [b'=', year, decade, month @ ..] => {
            let of_year = month.get(..2).unwrap_or_default();
            let is_month = (b"01".as_slice()..=b"12".as_slice()).contains(&of_year);
            year.is_ascii_digit() && decade.is_ascii_digit() && is_month
        }
        [b'^', name, ..] => name.is_ascii_alphabetic(),
        _ => false,
    }
}

/// The text from the first digit of each run of digits on.
fn runs(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    let begins = move |at: &usize| is_digit(*at) && !at.checked_sub(1).is_some_and(is_digit);
    (0..text.len()).filter(begins).filter_map(|at| text.get(at..))
}

fn is_payment_number(digits: &[u8]) -> bool {
    (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len()) && Scheme::of_payment_card(digits).is_some()
}

/// A payment number anywhere, also in groups.
fn holds_number(text: &[u8]) -> bool {
    let cut = scan::cut(text, &Alphabet::TEXT, |_| false);
    cut.is_some_and(|mut cut| {
        cut.text.zeroize();
        cut.hits.iter().any(|hit| hit.scheme.is_some())
    })
}

/// Digits where the configured layout has none, or such as stand in front of a separator or an end sentinel.
fn may_be_of_a_card(text: &[u8], new_digits: bool) -> bool {
    runs(text).any(|tail| {
        let number = leading_digits(tail);
        let behind = tail.get(number.len()..).unwrap_or_default();
        number.len() >= STUMP_DIGITS_MIN
            && (new_digits || matches!(behind, [b'=' | b'^', b'0'..=b'9', ..] | [b'?']))
    })
}
