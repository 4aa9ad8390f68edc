//! AIM symbology identifiers (ISO/IEC 15424): `]`, a letter for the symbology, a modifier.

/// Which symbology a scanner says it read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbology<'a> {
    /// `]cm`; empty when the scanner does not say.
    identifier: &'a [u8],
}

/// What the content of a symbology is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A number of the EAN/UPC family, perhaps with its add-on.
    Retail,
    /// EAN-8.
    ShortRetail,
    /// An add-on that came alone.
    AddOn,
    /// Digits that may be an ITF-14.
    ItfCarton,
    /// A GS1 element string.
    Gs1,
    /// Anything else.
    Other,
    /// The scanner does not say.
    Unstated,
}

impl<'a> Symbology<'a> {
    /// The scanner does not say.
    pub(super) const UNSTATED: Symbology<'static> = Symbology { identifier: b"" };

    /// Takes the identifier from `aim`, or from the front of the content.
    pub(super) fn split(aim: Option<&'a str>, data: &'a [u8]) -> (Self, &'a [u8]) {
        let given = aim.map(str::as_bytes).filter(|aim| is_identifier(aim));
        match (given, data.split_at_checked(3)) {
            // A driver that passes the identifier on and leaves it in the data: it is there once.
            (Some(aim), Some((front, content))) if front == aim => {
                (Self { identifier: aim }, content)
            }
            (Some(aim), _) => (Self { identifier: aim }, data),
            (None, Some((front, content))) if is_identifier(front) => {
                (Self { identifier: front }, content)
            }
            (None, _) => (Self { identifier: b"" }, data),
        }
    }

    /// For messages.
    pub(super) fn shown(&self) -> String {
        String::from_utf8_lossy(self.identifier).into_owned()
    }

    /// The name in records.
    pub(super) fn name(&self) -> Option<&'static str> {
        let [_, code, modifier] = self.identifier else { return None };
        Some(match (code, modifier) {
            (b'A', _) => "code-39",
            (b'B', _) => "telepen",
            (b'C', b'1') => "gs1-128",
            (b'C', _) => "code-128",
            (b'D', _) => "code-one",
            (b'E', b'1' | b'2') => "ean-upc-add-on",
            (b'E', b'4') => "ean-8",
            (b'E', _) => "ean-13",
            (b'F', _) => "codabar",
            (b'G', _) => "code-93",
            (b'H', _) => "code-11",
            (b'I', _) => "itf",
            (b'J', b'1') => "gs1-dotcode",
            (b'J', _) => "dotcode",
            (b'K', _) => "code-16k",
            (b'L', _) => "pdf417",
            (b'M', _) => "msi",
            (b'O', _) => "codablock",
            (b'P', _) => "plessey",
            (b'Q', b'3' | b'4') => "gs1-qr",
            (b'Q', _) => "qr",
            (b'R' | b'S', _) => "straight-2-of-5",
            (b'T', _) => "code-49",
            (b'U', _) => "maxicode",
            (b'd', b'2') => "gs1-datamatrix",
            (b'd', _) => "datamatrix",
            (b'e', _) => "gs1-databar",
            (b'h', _) => "han-xin",
            (b'z', _) => "aztec",
            _ => "other",
        })
    }

    /// `]E0` is a number without add-on (ISO/IEC 15424, EAN/UPC).
    pub(super) fn may_have_add_on(&self) -> bool {
        self.identifier != b"]E0"
    }

    /// GS1 data only stands under five identifiers (GS1 General Specifications 5.10.2.2, 7.8).
    pub(super) fn content(&self) -> Content {
        match self.identifier {
            b"" => Content::Unstated,
            b"]E1" | b"]E2" => Content::AddOn,
            b"]E4" => Content::ShortRetail,
            [b']', b'E', _] => Content::Retail,
            [b']', b'I', _] => Content::ItfCarton,
            b"]C1" | b"]e0" | b"]d2" | b"]Q3" | b"]J1" => Content::Gs1,
            _ => Content::Other,
        }
    }
}

fn is_identifier(bytes: &[u8]) -> bool {
    matches!(bytes, [b']', code, modifier] if code.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric())
}
