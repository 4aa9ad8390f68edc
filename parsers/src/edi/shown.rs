//! Bytes of an input as people may see them: control bytes escaped, card numbers masked, length bounded.

use std::fmt::Write as _;

/// Longest excerpt in a message, in bytes of the input.
pub const MOST_BYTES: usize = 60;

/// An excerpt for a message.
#[must_use]
pub fn shown(bytes: &[u8]) -> String {
    let cut = bytes.get(..MOST_BYTES).unwrap_or(bytes);
    // Masked before it is cut: half a card number must not pass for a short number.
    let masked = masked(bytes.get(..MOST_BYTES + 40).unwrap_or(bytes));
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

/// The bytes with the middle of every card-like number starred out; the length stays.
#[must_use]
pub fn masked(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut start = 0;
    while start < out.len() {
        let run = out.iter().skip(start).take_while(|byte| byte.is_ascii_digit()).count();
        if let Some(digits) = out.get_mut(start..start + run)
            && (12..=19).contains(&run)
            && luhn_holds(digits)
            && let Some(middle) = digits.get_mut(6..run - 4)
        {
            middle.fill(b'*');
        }
        start += run.max(1);
    }
    out
}

fn luhn_holds(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte - b'0');
            match (index % 2, digit) {
                (0, _) => digit,
                (_, 0..=4) => digit * 2,
                _ => digit * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_masked_and_controls_escaped() {
        assert_eq!(shown(b"CARD 4111111111111111 END\x1D"), "CARD 411111******1111 END\\x1D");
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
