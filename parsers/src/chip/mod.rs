//! Chip cards, with contacts and without: what a loyalty card is asked, and what its answers say.
//!
//! In: a [`Plan`], the card's answer to reset, and its answers. Out: commands (ISO/IEC 7816-4, PC/SC part 3), and a
//! number or why there is none. Never: I/O; a command to a payment application, since only the NFC Forum's
//! application and those of the plan are ever selected, and an [`Aid`] of a payment scheme cannot be made; a chip's
//! serial number as an identity, unless the plan asks for it and the chip says that it is its own for good.

mod aid;
mod ndef;
mod session;

pub use aid::{Aid, AidError};
pub use session::Session;

use zeroize::Zeroizing;

/// Longest number that is taken from a card.
pub const NUMBER_CHARS_MAX: usize = 64;

/// Shortest: anything shorter is noise.
const NUMBER_CHARS_MIN: usize = 4;

/// Where a store's cards have their number. Files come first, in order, then a text or link after the NFC Forum's
/// rules, then the chip's serial number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Files of the store's own applications.
    pub files: Vec<CardFile>,
    /// What stands before the number in a text or link: `https://loyalty.example/m/`. Others are not the store's.
    pub number_prefix: String,
    /// Whether a serial number that is the chip's for good counts as its number.
    pub serial_number: bool,
}

/// A place in a card's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardFile {
    /// The application.
    pub application: Aid,
    /// The elementary file; none for one that the application selects by itself.
    pub file: Option<u16>,
    /// Bytes before the number. At most 7FFF (ISO/IEC 7816-4, 11.3.3).
    pub offset: u16,
    /// Bytes of the number.
    pub length: u8,
    /// How it is written.
    pub form: Form,
}

/// How a number is written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// ASCII; blanks, 00 and FF behind it are padding.
    Text,
    /// Two digits a byte; F behind them is padding.
    Bcd,
    /// Any bytes, taken as hexadecimal digits.
    Hex,
}

/// Why a card gives no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoNumber {
    /// It has none of what the plan asks for.
    Silent,
    /// It has a text, a link or a file, and it is not a number after the plan.
    Foreign,
    /// All it has is a serial number that is another one at each tap, or shared with other chips.
    ChangingSerial,
}

impl Plan {
    /// The number in a text or link.
    fn number_in(&self, content: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        number(content.strip_prefix(self.number_prefix.as_bytes())?)
    }
}

impl Form {
    /// The number in the bytes of a file.
    fn number_in(self, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let digits = || {
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
            let text = digits.map(|digit| b"0123456789ABCDEF".get(usize::from(digit)).copied());
            let mut all = Zeroizing::new(Vec::with_capacity(2 * bytes.len()));
            all.extend(text.flatten());
            all
        };
        match self {
            Self::Text => {
                let padding = |byte: &u8| matches!(byte, b' ' | 0x00 | 0xFF);
                let end = bytes.iter().rposition(|byte| !padding(byte)).map_or(0, |last| last + 1);
                number(bytes.get(..end)?)
            }
            Self::Bcd => {
                let all = digits();
                let end = all.iter().position(|digit| *digit == b'F').unwrap_or(all.len());
                let (shown, padding) = all.split_at(end);
                let whole = padding.iter().all(|digit| *digit == b'F');
                let decimal = shown.iter().all(u8::is_ascii_digit);
                number(shown).filter(|_| whole && decimal)
            }
            Self::Hex => number(&digits()),
        }
    }
}

/// Letters, digits and hyphens: what member numbers are made of, and links and sentences are not.
fn number(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let fits = (NUMBER_CHARS_MIN..=NUMBER_CHARS_MAX).contains(&bytes.len());
    let allowed = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    (fits && allowed).then(|| Zeroizing::new(bytes.to_vec()))
}

#[cfg(test)]
mod tests;
