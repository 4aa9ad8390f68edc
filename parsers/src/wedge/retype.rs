//! Text that came out wrong, since a scanner typed it for another keyboard layout than the machine's.
//!
//! In: the text, the layout that it was read in, the layout that the scanner is set to. Out: what the scanner meant.
//! Never: a guess which layouts these are; a copy that stays behind.

use zeroize::Zeroizing;

use super::Stroke;
use super::layout::{KEYS, Layout, Symbol, composed, spacing};
use super::text::written;

const LEVELS: [(bool, bool); 4] = [(false, false), (true, false), (false, true), (true, true)];
const ACCENTS: [char; 5] = ['\u{300}', '\u{301}', '\u{302}', '\u{303}', '\u{308}'];

/// What a scanner that is set to `scanner` meant, of which a machine with the layout `read_in` made `text`. None where
/// no keys of `read_in` write the text, or a key means nothing to the scanner.
#[must_use]
pub fn retyped(text: &str, read_in: Layout, scanner: Layout) -> Option<Zeroizing<Vec<u8>>> {
    // A character is one stroke, or two with an accent. Room for all of it: a vector that grows leaves copies behind.
    let mut strokes = Zeroizing::new(Vec::with_capacity(2 * text.len()));
    for character in text.chars() {
        if character == ' ' || character.is_ascii_control() {
            strokes.push(Stroke::Character(character));
        } else if let Some(stroke) = stroke(character, read_in) {
            strokes.push(stroke);
        } else {
            let (accent, letter) = taken_apart(character, read_in)?;
            strokes.push(accent);
            strokes.extend(letter);
        }
    }
    let (meant, clean) = written(&strokes, scanner);
    clean.then_some(meant)
}

fn stroke(character: char, layout: Layout) -> Option<Stroke> {
    stroke_of(Symbol::Character(character), layout)
}

fn stroke_of(wanted: Symbol, layout: Layout) -> Option<Stroke> {
    let keys = LEVELS.iter().flat_map(|level| KEYS.iter().map(move |code| (*code, *level)));
    let mut fitting = keys
        .filter(|(code, (shift, alt_gr))| layout.symbol(*code, *shift, *alt_gr) == Some(wanted));
    fitting.next().map(|(code, (shift, alt_gr))| Stroke::Key { code, shift, caps: false, alt_gr })
}

/// The dead key of an accent, and the letter that it went onto; no letter where the accent stands alone.
fn taken_apart(character: char, layout: Layout) -> Option<(Stroke, Option<Stroke>)> {
    ACCENTS.into_iter().find_map(|accent| {
        let dead = stroke_of(Symbol::Dead(accent), layout)?;
        if spacing(accent) == character {
            return Some((dead, None));
        }
        let letters = ('a'..='z').chain('A'..='Z');
        let letter =
            letters.into_iter().find(|letter| composed(accent, *letter) == Some(character))?;
        Some((dead, Some(stroke(letter, layout)?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_meant(text: &str, [read_in, scanner]: [Layout; 2], expected: Option<&str>) {
        let meant = retyped(text, read_in, scanner);
        assert_eq!(meant.as_ref().map(|meant| meant.as_slice()), expected.map(str::as_bytes));
    }

    #[test]
    fn what_a_scanner_meant_is_found_under_its_layout() {
        use Layout::{De, Fr, Us};
        assert_meant("é\"\"_àà_", [Fr, Us], Some("2338008"));
        assert_meant("ö4006381333931´2512_\r", [De, Us], Some(";4006381333931=2512?\r"));
        assert_meant("httpsÖ--id.gs1.org-01-", [De, Us], Some("https://id.gs1.org/01/"));
        assert_meant("https>&&id.gs1.org&01&", [Us, De], Some("https://id.gs1.org/01/"));
        assert_meant("ê", [Fr, Us], Some("[e"));
        assert_meant("^1", [De, Us], Some("`1"));
        assert_meant("zA\u{1d}1 2", [De, Us], Some("yA\u{1d}1 2"));
        assert_meant("中", [De, Us], None);
        assert_meant("\u{20ac}", [De, Us], None);
    }

    #[test]
    fn the_same_layout_changes_nothing() {
        for (layout, name) in Layout::ALL {
            for text in ["4006381333931", "ABCxyz 09", "01\u{1d}A-/"] {
                let meant = retyped(text, layout, layout);
                let meant = meant.as_ref().map(|meant| meant.as_slice());
                assert_eq!(meant, Some(text.as_bytes()), "{name}");
            }
        }
    }
}
