//! The bytes with a meaning in an interchange.

/// The bytes with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delimiters {
    /// Between elements.
    pub element: u8,
    /// Between components of a composite element.
    pub component: u8,
    /// After a segment.
    pub segment: u8,
    /// Between repetitions of an element: X12 from version 00402, EDIFACT from syntax version 4.
    pub repetition: Option<u8>,
    /// Makes the next byte data: EDIFACT and TRADACOMS, X12 from 007040 with ISX.
    pub release: Option<u8>,
}

impl Delimiters {
    /// Whether a byte has a meaning.
    #[must_use]
    pub fn contains(&self, byte: u8) -> bool {
        byte == self.element
            || byte == self.component
            || byte == self.segment
            || self.repetition == Some(byte)
            || self.release == Some(byte)
    }
}

/// A number of digits only.
pub(super) fn digits(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    text.iter().try_fold(0_u32, |number, digit| {
        number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
    })
}
