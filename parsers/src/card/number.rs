//! A card's number while it is in memory.
//!
//! In: digits of a track. Out: the masked form, or the clear form of a number that is no payment card's. Never:
//! `Debug`, or a heap buffer: the digits stand in a fixed array that is zeroized when dropped.

use zeroize::Zeroizing;

use super::MAX_DIGITS;

/// Digits that stay in clear at the front: the common base of what PCI DSS 3.4.1 and the schemes allow.
pub(crate) const SHOWN_FIRST: usize = 6;

/// Digits that stay in clear at the end.
pub(crate) const SHOWN_LAST: usize = 4;

/// Issuer numbers that AAMVA gives to North American driving licences, whose track 2 looks like a bank card's.
const DRIVING_LICENCES: [(&[u8], &[u8]); 2] = [(b"636000", b"636062"), (b"604426", b"604434")];

/// Up to 19 digits.
#[derive(Clone)]
pub(super) struct Number {
    digits: Zeroizing<[u8; MAX_DIGITS]>,
    length: usize,
}

impl Number {
    /// Takes ASCII digits; blanks between them, as American Express embosses and some encode them, are left out.
    /// None when there is anything else, no digit at all, or too many.
    pub(super) fn from_field(field: &[u8]) -> Option<Self> {
        let mut number = Self { digits: Zeroizing::new([0; MAX_DIGITS]), length: 0 };
        for byte in field.iter().filter(|byte| **byte != b' ') {
            if !byte.is_ascii_digit() {
                return None;
            }
            *number.digits.get_mut(number.length)? = *byte;
            number.length += 1;
        }
        (number.length > 0).then_some(number)
    }

    pub(super) fn digits(&self) -> &[u8] {
        self.digits.get(..self.length).unwrap_or_default()
    }

    /// First six and last four digits, stars between.
    pub(super) fn masked(&self) -> String {
        masked(self.digits())
    }

    /// Stars, and the last four digits where they leave eight unknown.
    pub(super) fn last_four(&self) -> String {
        let shown = if self.length >= super::MIN_DIGITS { SHOWN_LAST } else { 0 };
        let hidden = self.length.saturating_sub(shown);
        let last = self.digits().iter().skip(hidden).copied().map(char::from);
        std::iter::repeat_n('*', hidden).chain(last).collect()
    }

    /// Only for a number that is no payment card's.
    pub(super) fn in_clear(&self) -> String {
        self.digits().iter().copied().map(char::from).collect()
    }

    pub(super) fn is_driving_licence(&self) -> bool {
        self.digits().get(..SHOWN_FIRST).is_some_and(|iin| {
            DRIVING_LICENCES.iter().any(|(low, high)| (*low..=*high).contains(&iin))
        })
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.digits() == other.digits()
    }
}

/// First six and last four digits, stars between.
pub(crate) fn masked(digits: &[u8]) -> String {
    let hidden = SHOWN_FIRST..digits.len().saturating_sub(SHOWN_LAST);
    digits
        .iter()
        .enumerate()
        .map(|(place, digit)| if hidden.contains(&place) { '*' } else { char::from(*digit) })
        .collect()
}
