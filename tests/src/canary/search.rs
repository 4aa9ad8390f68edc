//! The search itself.

use aho_corasick::AhoCorasick;
use memchr::memmem;

use super::forms::{Form, forms};
use super::places::Place;

/// How much is shown around what was found.
const CONTEXT: usize = 60;
/// How many finds are shown.
const SHOWN: usize = 20;
/// More blanks than this stand between no two digits of one number.
const GAP_BYTES_MAX: usize = 4;
/// Shorter runs of digits hold no card number.
const RUN_DIGITS_MIN: usize = 12;

/// What is looked for.
#[derive(Debug)]
pub struct Needles {
    secrets: Vec<String>,
    /// Which secret, and how it is written.
    forms: Vec<(usize, Form)>,
    automaton: AhoCorasick,
}

impl Needles {
    /// Card numbers, and other words that must not stay.
    ///
    /// # Panics
    ///
    /// When there are too many.
    #[must_use]
    pub fn of(secrets: &[&str]) -> Self {
        let each = secrets.iter().enumerate();
        let all: Vec<(usize, Form)> = each
            .flat_map(|(index, secret)| forms(secret).into_iter().map(move |form| (index, form)))
            .collect();
        let automaton = AhoCorasick::new(all.iter().map(|(_, form)| &form.bytes));
        Self {
            secrets: secrets.iter().map(|&secret| secret.to_owned()).collect(),
            forms: all,
            automaton: automaton.expect("patterns of a few kilobytes"),
        }
    }

    /// What is found, in words.
    #[must_use]
    pub fn found_in(&self, places: &[Place]) -> Vec<String> {
        places.iter().flat_map(|place| self.in_one(place)).collect()
    }

    fn in_one(&self, place: &Place) -> Vec<String> {
        let content = &place.content;
        let mut found = Vec::new();
        for hit in self.automaton.find_overlapping_iter(content) {
            let (secret, form) = &self.forms[hit.pattern()];
            let fits = |nibble: Option<super::forms::Nibble>, byte: Option<&u8>| {
                nibble.is_none_or(|nibble| byte.is_some_and(|byte| nibble.fits(*byte)))
            };
            let before = hit.start().checked_sub(1).and_then(|before| content.get(before));
            if fits(form.before, before) && fits(form.behind, content.get(hit.end())) {
                found.push(self.words(*secret, form.name, place, hit.start()));
            }
        }
        each_run(content, &mut |digits, positions| {
            for (secret, number) in self.secrets.iter().enumerate() {
                for at in memmem::find_iter(digits, number.as_bytes()) {
                    found.push(self.words(secret, "clear", place, positions[at]));
                }
            }
        });
        found
    }

    fn words(&self, secret: usize, form: &str, place: &Place, at: usize) -> String {
        let to = (at + CONTEXT).min(place.content.len());
        let around = String::from_utf8_lossy(&place.content[at.saturating_sub(CONTEXT)..to]);
        let (secret, name) = (&self.secrets[secret], &place.name);
        format!("{secret} ({form}) in {name} at {at:#x}: …{}…", around.escape_debug())
    }
}

/// None of the secrets is in any of the places, however it is written there.
///
/// # Panics
///
/// When one is.
#[track_caller]
pub fn assert_absent(places: &[Place], needles: &Needles) {
    let mut found = needles.found_in(places);
    let count = found.len();
    found.truncate(SHOWN);
    assert!(found.is_empty(), "found {count} times, such as:\n{}", found.join("\n"));
}

/// What a piece of text is to a number.
enum Piece {
    Digit(u8),
    /// Stands between groups of digits, or between digits of a wider encoding.
    Gap,
    Other,
}

/// Hands over each stretch of digits that could be a number, with what may stand between them left out, and where each
/// digit stood.
fn each_run(content: &[u8], take: &mut impl FnMut(&[u8], &[usize])) {
    let (mut digits, mut positions, mut gap, mut index) = (Vec::new(), Vec::new(), 0, 0);
    while index < content.len() {
        let (piece, length) = piece(&content[index..]);
        match piece {
            Piece::Digit(digit) => {
                digits.push(digit);
                positions.push(index);
                gap = 0;
            }
            Piece::Gap if !digits.is_empty() => gap += 1,
            Piece::Gap => {}
            Piece::Other => gap = GAP_BYTES_MAX + 1,
        }
        if gap > GAP_BYTES_MAX {
            if digits.len() >= RUN_DIGITS_MIN {
                take(&digits, &positions);
            }
            (digits, positions, gap) = (Vec::new(), Vec::new(), 0);
        }
        index += length;
    }
    if digits.len() >= RUN_DIGITS_MIN {
        take(&digits, &positions);
    }
}

/// What stands at the start of `rest`, and how long it is. Blanks and dashes are those between which the redaction
/// looks for a number, too; NUL stands between the digits of UTF-16 and UTF-32.
fn piece(rest: &[u8]) -> (Piece, usize) {
    match rest {
        [digit @ b'0'..=b'9', ..] => (Piece::Digit(*digit), 1),
        [b'\\', b'u' | b'U', b'0', b'0', b'3', digit @ b'0'..=b'9', ..] => {
            (Piece::Digit(*digit), 6)
        }
        // Full-width digits.
        [0xEF, 0xBC, digit @ 0x90..=0x99, ..] => (Piece::Digit(digit - 0x60), 3),
        [b' ' | b'\t' | b'-' | b'_' | b'.' | 0, ..] => (Piece::Gap, 1),
        // No-break space and soft hyphen; spaces and dashes of U+2000; minus, ideographic space, full-width dash, BOM.
        [0xC2, 0xA0 | 0xAD, ..] => (Piece::Gap, 2),
        [0xE2, 0x80 | 0x81, _, ..]
        | [0xE2, 0x88, 0x92, ..]
        | [0xE3, 0x80, 0x80, ..]
        | [0xEF, 0xBC, 0x8D, ..]
        | [0xEF, 0xBB, 0xBF, ..] => (Piece::Gap, 3),
        _ => (Piece::Other, 1),
    }
}

#[cfg(test)]
mod tests;
