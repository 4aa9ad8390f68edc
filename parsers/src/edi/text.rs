//! Decodes values by the character set that their interchange declares.
//!
//! In: bytes of one value, split and without release characters. Out: text, borrowed where it can be. Values are
//! decoded late, when somebody asks: delimiters are found in bytes. Never: a failure; what no character set can read
//! becomes U+FFFD, and [`CharacterSet::fault`] says beforehand whether there is such a place.

use std::borrow::Cow;

use encoding_rs::{
    BIG5, DecoderResult, EUC_KR, Encoding, GB18030, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5,
    ISO_8859_6, ISO_8859_7, ISO_8859_8, ISO_8859_15, SHIFT_JIS, UTF_8, WINDOWS_1252, WINDOWS_1254,
};

use super::standard::Standard;

/// A character set of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CharacterSet {
    /// None is declared, as in X12 and TRADACOMS: UTF-8 where the bytes are that, else ISO 8859-1.
    #[default]
    Undeclared,
    /// UNOA: ISO 646 without lower case.
    LevelA,
    /// UNOB: ISO 646.
    LevelB,
    /// UNOC: ISO 8859-1. Bytes from 80 to 9F are read as Windows-1252, whence careless senders have them.
    Latin1,
    /// UNOD: ISO 8859-2.
    Latin2,
    /// UNOE: ISO 8859-5.
    Cyrillic,
    /// UNOF: ISO 8859-7.
    Greek,
    /// UNOG: ISO 8859-3.
    Latin3,
    /// UNOH: ISO 8859-4.
    Latin4,
    /// UNOI: ISO 8859-6.
    Arabic,
    /// UNOJ: ISO 8859-8.
    Hebrew,
    /// UNOK: ISO 8859-9.
    Latin5,
    /// UNOL: ISO 8859-15.
    Latin9,
    /// UNOW, UNOY: UTF-8.
    Utf8,
    /// KECA: Korean, code page 949.
    Korean,
    /// GB 18030, by agreement.
    Gb18030,
    /// Big5, by agreement.
    Big5,
    /// Shift-JIS, by agreement.
    ShiftJis,
}

/// What a value has that its character set does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A small letter under UNOA.
    LowerCase,
    /// A line break.
    LineBreak,
    /// Another control byte.
    Control,
    /// A byte from 80 to 9F under an ISO 8859 set: Windows-1252 most likely.
    Windows,
    /// A character that the set does not have.
    Foreign,
    /// Bytes that are no character.
    Malformed,
}

impl Fault {
    /// Whether what was meant is lost.
    #[must_use]
    pub fn is_serious(self) -> bool {
        matches!(self, Self::Control | Self::Malformed)
    }
}

impl CharacterSet {
    /// What UNB declares in S001 0001; none where the identifier is not one of the standard's, or UNOX.
    #[must_use]
    pub fn of_syntax(id: &[u8]) -> Option<Self> {
        Some(match id {
            b"UNOA" => Self::LevelA,
            b"UNOB" => Self::LevelB,
            b"UNOC" => Self::Latin1,
            b"UNOD" => Self::Latin2,
            b"UNOE" => Self::Cyrillic,
            b"UNOF" => Self::Greek,
            b"UNOG" => Self::Latin3,
            b"UNOH" => Self::Latin4,
            b"UNOI" => Self::Arabic,
            b"UNOJ" => Self::Hebrew,
            b"UNOK" => Self::Latin5,
            b"UNOL" => Self::Latin9,
            b"UNOW" | b"UNOY" => Self::Utf8,
            b"KECA" => Self::Korean,
            _ => return None,
        })
    }

    /// The set of an interchange: what was agreed with the partner, else what its header declares.
    pub(super) fn of(standard: Standard, syntax_id: &[u8], agreed: Option<Self>) -> Self {
        let declared = Self::of_syntax(syntax_id).filter(|_| standard == Standard::Edifact);
        agreed.or(declared).unwrap_or_default()
    }

    /// How to read bytes above 7F; none where nothing is declared about them.
    fn encoding(self) -> Option<&'static Encoding> {
        Some(match self {
            Self::Undeclared | Self::LevelA | Self::LevelB => return None,
            Self::Latin1 => WINDOWS_1252,
            Self::Latin2 => ISO_8859_2,
            Self::Cyrillic => ISO_8859_5,
            Self::Greek => ISO_8859_7,
            Self::Latin3 => ISO_8859_3,
            Self::Latin4 => ISO_8859_4,
            Self::Arabic => ISO_8859_6,
            Self::Hebrew => ISO_8859_8,
            // The same as ISO 8859-9 from A0 on.
            Self::Latin5 => WINDOWS_1254,
            Self::Latin9 => ISO_8859_15,
            Self::Utf8 => UTF_8,
            Self::Korean => EUC_KR,
            Self::Gb18030 => GB18030,
            Self::Big5 => BIG5,
            Self::ShiftJis => SHIFT_JIS,
        })
    }

    /// A value as text.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match (std::str::from_utf8(bytes), self.encoding()) {
            (Ok(text), _) if text.is_ascii() => Cow::Borrowed(text),
            (_, Some(encoding)) => encoding.decode_without_bom_handling(bytes).0,
            (Ok(text), None) => Cow::Borrowed(text),
            (Err(_), None) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
        }
    }

    /// Whether plain ASCII needs to be looked at: UNOA and UNOB do not have all of it.
    #[must_use]
    pub fn limits_ascii(self) -> bool {
        matches!(self, Self::LevelA | Self::LevelB)
    }

    /// Whether all of it is in the ASCII part of the set. One pass without branches.
    #[must_use]
    pub fn has_ascii(self, bytes: &[u8]) -> bool {
        let letters = self == Self::LevelB;
        !bytes.iter().fold(false, |foreign, &byte| {
            let punctuation = matches!(byte, b'#' | b'$' | b'@' | b'['..=b'`' | b'{'..=0xFF);
            foreign | (byte < b' ') | punctuation | (!letters & byte.is_ascii_lowercase())
        })
    }

    /// The first place of a text that is not in the set, a serious one if there is, and what is wrong there.
    /// `skip` tells delimiters.
    #[must_use]
    pub fn fault(self, bytes: &[u8], skip: impl Fn(u8) -> bool) -> Option<(usize, Fault)> {
        let first = |wanted: fn(Fault) -> bool| {
            bytes.iter().enumerate().find_map(|(at, byte)| {
                let fault = self.byte_fault(*byte).filter(|fault| wanted(*fault))?;
                (!skip(*byte)).then_some((at, fault))
            })
        };
        let kind = if self.is_iso_8859() { Fault::Foreign } else { Fault::Malformed };
        let malformed = self.malformed(bytes).map(|at| (at, kind));
        let places = [first(|_| true), first(|fault| fault == Fault::Control), malformed];
        places.into_iter().flatten().min_by_key(|(at, fault)| (!fault.is_serious(), *at))
    }

    fn byte_fault(self, byte: u8) -> Option<Fault> {
        match byte {
            b'\r' | b'\n' => Some(Fault::LineBreak),
            0..b' ' | 0x7F => Some(Fault::Control),
            0x80..0xA0 if self.is_iso_8859() => Some(Fault::Windows),
            _ if !self.limits_ascii() || self.has_ascii(&[byte]) => None,
            b'a'..=b'z' => Some(Fault::LowerCase),
            _ => Some(Fault::Foreign),
        }
    }

    fn is_iso_8859(self) -> bool {
        self.encoding().is_some_and(Encoding::is_single_byte)
    }

    /// Where bytes begin that are no character.
    fn malformed(self, bytes: &[u8]) -> Option<usize> {
        let mut decoder = self.encoding()?.new_decoder_without_bom_handling();
        let mut out = [0; 256];
        let mut at = 0;
        loop {
            let rest = bytes.get(at..)?;
            let (result, read, _) =
                decoder.decode_to_utf8_without_replacement(rest, &mut out, true);
            at += read;
            match result {
                DecoderResult::InputEmpty => return None,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(length, beyond) => {
                    return at.checked_sub(usize::from(length) + usize::from(beyond));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(_: u8) -> bool {
        false
    }

    #[test]
    fn values_are_read_by_the_declared_set() {
        for (id, bytes, text) in [
            ("UNOC", &b"M\xFCller"[..], "Müller"),
            ("UNOC", b"10 \x80", "10 €"),
            ("UNOD", b"\xA3\xF3d\xBC", "Łódź"),
            ("UNOE", b"\xBC\xDE\xE1\xDA\xD2\xD0", "Москва"),
            ("UNOF", b"\xC1\xE8\xDE\xED\xE1", "Αθήνα"),
            ("UNOG", b"\xA1al", "Ħal"),
            ("UNOH", b"\xD0", "Đ"),
            ("UNOI", b"\xC7", "ا"),
            ("UNOJ", b"\xE0", "א"),
            ("UNOK", b"\xDEi\xFEli", "Şişli"),
            ("UNOL", b"10 \xA4", "10 €"),
            ("UNOW", "北京".as_bytes(), "北京"),
            ("UNOY", "北京".as_bytes(), "北京"),
            ("KECA", b"\xB0\xA1", "가"),
        ] {
            assert_eq!(CharacterSet::of_syntax(id.as_bytes()).unwrap().decode(bytes), text, "{id}");
        }
        assert_eq!(CharacterSet::Undeclared.decode("é".as_bytes()), "é");
        assert_eq!(CharacterSet::Undeclared.decode(b"\xE9"), "é");
        assert_eq!(CharacterSet::Gb18030.decode(b"\xB1\xB1\xBE\xA9"), "北京");
        assert_eq!(CharacterSet::Big5.decode(b"\xA5_\xA8\xCA"), "北京");
        assert_eq!(CharacterSet::ShiftJis.decode(b"\x93\x8C"), "東");
        assert_eq!(CharacterSet::of_syntax(b"UNOX"), None);
    }

    #[test]
    fn ascii_is_borrowed() {
        assert!(matches!(CharacterSet::Latin1.decode(b"PLAIN"), Cow::Borrowed("PLAIN")));
    }

    #[test]
    fn the_first_fault_is_told_with_its_place() {
        use CharacterSet::{Arabic, Gb18030, Latin1, LevelA, LevelB, Utf8};
        for (set, bytes, expected) in [
            (LevelA, &b"A-Z 0-9.,-()/='+:?!\"%&*;<>"[..], None),
            (LevelA, b"ABc", Some((2, Fault::LowerCase))),
            (LevelB, b"Abc", None),
            (LevelB, b"a@b", Some((1, Fault::Foreign))),
            (LevelB, b"\xE9", Some((0, Fault::Foreign))),
            (Latin1, b"a@b \xE9", None),
            (Latin1, b"\x80", Some((0, Fault::Windows))),
            (Latin1, b"a\nb", Some((1, Fault::LineBreak))),
            (Latin1, b"a\x01", Some((1, Fault::Control))),
            (Arabic, b"a\xA1", Some((1, Fault::Foreign))),
            (Utf8, b"ok \xFC", Some((3, Fault::Malformed))),
            (Gb18030, b"a\xB1\xB1\xFF", Some((3, Fault::Malformed))),
        ] {
            assert_eq!(set.fault(bytes, plain), expected, "{set:?} {bytes:?}");
        }
        assert_eq!(LevelA.fault(b"a\x1D", |byte| byte == b'a' || byte == 0x1D), None);
    }

    #[test]
    fn the_quick_look_agrees_with_the_slow_one() {
        for set in [CharacterSet::LevelA, CharacterSet::LevelB] {
            for byte in 0..=u8::MAX {
                assert_eq!(set.has_ascii(&[byte]), set.fault(&[byte], plain).is_none(), "{byte}");
            }
        }
    }
}
