//! Names an input by its first bytes. In: the input. Out: what it is, in words for people. Never: a guess from a
//! file name.

use serde::{Deserialize, Serialize};

use super::foreign::{self, Foreign};

/// A standard of electronic data interchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standard {
    /// ASC X12.
    X12,
    /// UN/EDIFACT.
    Edifact,
    /// TRADACOMS.
    Tradacoms,
}

impl Standard {
    /// Whether a segment that begins so may be the header of an interchange: [`recognise`] says whether it is.
    pub(super) fn may_open_with(self, tag: [u8; 3], after: u8) -> bool {
        match (self, &tag) {
            (Self::X12, b"ISA") | (Self::Edifact, b"UNA" | b"UNB") => {
                !after.is_ascii_alphanumeric()
            }
            (Self::Tradacoms, b"STX") => after == b'=',
            _ => false,
        }
    }
}

/// What an input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognised {
    /// An interchange of a standard; the offset of its header, after a byte order mark and blanks.
    Interchange(Standard, usize),
    /// Another thing that can be named.
    Other(Foreign),
    /// Nothing at all.
    Empty,
    /// None of these.
    Unknown,
}

/// UTF-8 byte order mark.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Looks at the first bytes.
#[must_use]
pub fn recognise(input: &[u8]) -> Recognised {
    let mut text = input.trim_ascii_start();
    while let Some(rest) = text.strip_prefix(BYTE_ORDER_MARK) {
        text = rest.trim_ascii_start();
    }
    if text.is_empty() {
        return Recognised::Empty;
    }
    if let Some(standard) = interchange(text) {
        return Recognised::Interchange(standard, input.len() - text.len());
    }
    // UNA stands before whatever it belongs to.
    let after_una = text.get(9..).filter(|_| tag_with_separator(text, b"UNA"));
    foreign::name(text)
        .or_else(|| foreign::name(after_una?.trim_ascii_start()))
        .map_or(Recognised::Unknown, Recognised::Other)
}

fn interchange(text: &[u8]) -> Option<Standard> {
    match text {
        _ if tag_with_separator(text, b"ISA") => Some(Standard::X12),
        _ if tag_with_separator(text, b"UNB") || is_service_string(text) => Some(Standard::Edifact),
        // Some senders write the element separator after the tag, too: read, and told.
        [b'S', b'T', b'X', b'=', ..] => Some(Standard::Tradacoms),
        [b'S', b'T', b'X', separator, b'A', b'N', b'A', ..]
            if !separator.is_ascii_alphanumeric() =>
        {
            Some(Standard::Tradacoms)
        }
        _ => None,
    }
}

/// UNA has six characters, and UNB follows; blanks among the six get lost. `UNA` also begins words, and an input may
/// end anywhere.
fn is_service_string(text: &[u8]) -> bool {
    let follows = text.get(9..).unwrap_or_default().trim_ascii_start();
    let header = follows.get(..3).unwrap_or(follows);
    let near = text.get(3..UNA_REACH).unwrap_or_default();
    let is_short = || {
        memchr::memmem::find(near, b"UNB")
            .is_some_and(|at| tag_with_separator(near.get(at..).unwrap_or_default(), b"UNB"))
    };
    tag_with_separator(text, b"UNA") && (b"UNB".starts_with(header) || is_short())
}

/// Where UNB stands at the latest after a UNA that is damaged.
const UNA_REACH: usize = 16;

/// Whether a segment with this tag begins here.
pub(super) fn tag_with_separator(text: &[u8], tag: &[u8]) -> bool {
    text.strip_prefix(tag)
        .and_then(|rest| rest.first())
        .is_some_and(|separator| !separator.is_ascii_alphanumeric() && *separator != b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_name_the_standard() {
        for (input, expected) in [
            (&b"ISA*00*"[..], Recognised::Interchange(Standard::X12, 0)),
            (b"\xEF\xBB\xBF \r\nISA|00|", Recognised::Interchange(Standard::X12, 6)),
            (b"\r\n\xEF\xBB\xBF\xEF\xBB\xBFISA|00|", Recognised::Interchange(Standard::X12, 8)),
            (b"ISAAC*", Recognised::Unknown),
            (b"UNA:+.? '", Recognised::Interchange(Standard::Edifact, 0)),
            (b"UNA:+.? '\r\nUN", Recognised::Interchange(Standard::Edifact, 0)),
            (b"UNA:+.? '\r\nUNB+", Recognised::Interchange(Standard::Edifact, 0)),
            (b"UNA:+.?'UNB+UNOC:3", Recognised::Interchange(Standard::Edifact, 0)),
            (b"UNA, the service string, is optional.", Recognised::Unknown),
            (b"UNABLE TO CONNECT", Recognised::Unknown),
            (b"UNB+UNOC:3", Recognised::Interchange(Standard::Edifact, 0)),
            (b"UNB\x1DUNOB:1", Recognised::Interchange(Standard::Edifact, 0)),
            (b"STX=ANA:1", Recognised::Interchange(Standard::Tradacoms, 0)),
            (b"STX+ANA:1", Recognised::Interchange(Standard::Tradacoms, 0)),
            (b"STX*850*0001~", Recognised::Unknown),
            (b" \n\xEF\xBB\xBF", Recognised::Empty),
            (b"", Recognised::Empty),
            (b"hello", Recognised::Unknown),
        ] {
            assert_eq!(recognise(input), expected, "{}", input.escape_ascii());
        }
    }
}
