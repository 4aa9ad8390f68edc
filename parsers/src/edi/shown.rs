//! Bytes of an input as people may see them: control bytes escaped, card numbers masked, length bounded.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::redact;

/// Longest excerpt in a message, in bytes of the input.
pub const MOST_BYTES: usize = 60;

/// An excerpt for a message.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    let cut = bytes.get(..MOST_BYTES).unwrap_or(bytes);
    // Masked before it is cut: half a card number must not pass for a short number.
    let masked = redact::piece_of_edi(bytes.get(..2 * MOST_BYTES).unwrap_or(bytes));
    let mut text = escaped(masked.get(..cut.len()).unwrap_or(&masked));
    if cut.len() < bytes.len() {
        text.push('…');
    }
    text
}

/// Text with control bytes and stray bytes written as `\x1D`.
#[must_use]
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                let _ = write!(text, "\\x{:02X}", u32::from(character));
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

/// How often: `once`, `3 times`.
#[must_use]
pub(super) fn times(count: u32) -> Cow<'static, str> {
    if count == 1 { "once".into() } else { format!("{count} times").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_masked_and_controls_escaped() {
        assert_eq!(shown(b"CARD 4111111111111111 END\x1D"), "CARD 411111******1111 END\\x1D");
        assert_eq!(shown(b"4111 1111 1111 1111"), "4111 11** **** 1111");
        assert_eq!(shown(b"4111?111111111111"), "4111?11******1111");
        assert_eq!(shown(b"3?5555555555554444"), "3?555555******4444");
        assert_eq!(shown(b"4111111111111112"), "4111111111111112");
        assert_eq!(shown(b"M\xFCller"), "M\\xFCller");
    }

    #[test]
    fn a_number_across_the_cut_is_masked_as_a_whole() {
        let mut text = vec![b'x'; 50];
        text.extend_from_slice(b"4111111111111111");
        assert!(shown(&text).ends_with("411111****…"), "{}", shown(&text));
    }
}
