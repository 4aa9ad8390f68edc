//! Names an input by its first bytes. In: the input. Out: what it is, in words for people. Never: a guess from a
//! file name.

use serde::{Deserialize, Serialize};

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
    /// Whether a segment that begins so is the header of an interchange.
    pub(super) fn opens_with(self, tag: [u8; 3], after: u8) -> bool {
        match (self, &tag) {
            (Self::X12, b"ISA") | (Self::Edifact, b"UNB") => !after.is_ascii_alphanumeric(),
            (Self::Edifact, b"UNA") => true,
            (Self::Tradacoms, b"STX") => after == b'=',
            _ => false,
        }
    }
}

/// What an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// An interchange of a standard; the offset of its header, after a byte order mark and blanks.
    Interchange(Standard, usize),
    /// Another thing that can be named.
    Other(Option<Standard>, &'static str),
    /// Nothing at all.
    Empty,
    /// None of these.
    Unknown,
}

/// UTF-8 byte order mark.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What else partners put into an EDI folder, by first bytes.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"%PDF", "a PDF document"),
    (b"\x1F\x8B", "a gzip file"),
    (b"PK\x03\x04", "a ZIP file"),
    (b"\xFF\xFE", "text in UTF-16"),
    (b"\xFE\xFF", "text in UTF-16"),
    (b"I\0S\0A\0", "X12 in UTF-16 without a byte order mark"),
    (b"\0I\0S\0A", "X12 in UTF-16 without a byte order mark"),
    (b"\xC9\xE2\xC1", "X12 in EBCDIC"),
    (b"\xE4\xD5\xC2", "EDIFACT in EBCDIC"),
    (b"\x30\x82", "a CMS (S/MIME) message"),
    (b"-----BEGIN", "a PEM file"),
    (b"\xD0\xCF\x11\xE0", "an old Office document"),
    (b"MSH|", "an HL7 message"),
    (b"<", "XML or HTML"),
    (b"{", "JSON"),
];

/// Looks at the first bytes.
#[must_use]
pub fn recognise(input: &[u8]) -> Recognised {
    let text = input.strip_prefix(BYTE_ORDER_MARK).unwrap_or(input);
    let trimmed = text.trim_ascii_start();
    let start = input.len() - trimmed.len();
    if trimmed.is_empty() {
        return Recognised::Empty;
    }
    if let Some((_, name)) = FOREIGN.iter().find(|(magic, _)| input.starts_with(magic)) {
        return Recognised::Other(None, name);
    }
    if tag_with_separator(trimmed, b"ISA") {
        return Recognised::Interchange(Standard::X12, start);
    }
    if trimmed.starts_with(b"STX=") {
        return Recognised::Interchange(Standard::Tradacoms, start);
    }
    if trimmed.starts_with(b"UNA") || tag_with_separator(trimmed, b"UNB") {
        return Recognised::Interchange(Standard::Edifact, start);
    }
    if tag_with_separator(trimmed, b"UIB") {
        return Recognised::Other(Some(Standard::Edifact), "interactive EDIFACT (UIB), a dialogue");
    }
    if tag_with_separator(trimmed, b"UNH") {
        return Recognised::Other(
            Some(Standard::Edifact),
            "an EDIFACT message without its envelope (UNB)",
        );
    }
    if tag_with_separator(trimmed, b"GS") || tag_with_separator(trimmed, b"ST") {
        return Recognised::Other(Some(Standard::X12), "a piece of X12 without its envelope (ISA)");
    }
    if tag_with_separator(trimmed, b"DXS") {
        return Recognised::Other(None, "DEX/UCS (894)");
    }
    match FOREIGN.iter().find(|(magic, _)| trimmed.starts_with(magic)) {
        Some((_, name)) => Recognised::Other(None, name),
        None => Recognised::Unknown,
    }
}

fn tag_with_separator(text: &[u8], tag: &[u8]) -> bool {
    text.strip_prefix(tag)
        .and_then(|rest| rest.first())
        .is_some_and(|separator| !separator.is_ascii_alphanumeric() && *separator != b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_name_the_input() {
        for (input, expected) in [
            (&b"ISA*00*"[..], Recognised::Interchange(Standard::X12, 0)),
            (b"\xEF\xBB\xBF \r\nISA|00|", Recognised::Interchange(Standard::X12, 6)),
            (b"ISAAC*", Recognised::Unknown),
            (b"UNA:+.? '", Recognised::Interchange(Standard::Edifact, 0)),
            (b"UNB+UNOC:3", Recognised::Interchange(Standard::Edifact, 0)),
            (b"STX=ANA:1", Recognised::Interchange(Standard::Tradacoms, 0)),
            (b"%PDF-1.7", Recognised::Other(None, "a PDF document")),
            (b"\xFF\xFEI\0S\0A\0", Recognised::Other(None, "text in UTF-16")),
            (b" \n", Recognised::Empty),
            (b"hello", Recognised::Unknown),
        ] {
            assert_eq!(recognise(input), expected, "{input:?}");
        }
    }
}
