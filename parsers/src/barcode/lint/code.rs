//! Codes of countries, currencies, packages and media, as the release of the dictionary lists them.

use super::{Checked, Flaw};

/// A list of codes, separated by blanks and line ends.
pub(super) struct CodeList {
    codes: &'static str,
    finding: &'static str,
    expected: &'static str,
}

pub(super) const COUNTRY: CodeList = CodeList {
    codes: include_str!("../codes/country-numbers.txt"),
    finding: "gs1-country",
    expected: "the three digits of a country (ISO 3166)",
};

pub(super) const COUNTRY_LETTERS: CodeList = CodeList {
    codes: include_str!("../codes/country-letters.txt"),
    finding: "gs1-country",
    expected: "the two letters of a country (ISO 3166)",
};

pub(super) const CURRENCY: CodeList = CodeList {
    codes: include_str!("../codes/currency-numbers.txt"),
    finding: "gs1-currency",
    expected: "the three digits of a currency (ISO 4217)",
};

pub(super) const PACKAGE_TYPE: CodeList = CodeList {
    codes: include_str!("../codes/package-types.txt"),
    finding: "gs1-package-type",
    expected: "a package type of UN/CEFACT Recommendation 21 or GS1",
};

pub(super) fn listed(part: &[u8], list: &CodeList) -> Checked {
    let is_listed = list.codes.split_whitespace().any(|code| code.as_bytes() == part);
    match is_listed {
        true => Ok(()),
        false => Err(Flaw::whole(part, list.finding, list.expected)),
    }
}

/// 999 stands for several countries.
pub(super) fn country_or_999(part: &[u8]) -> Checked {
    if part == b"999" {
        return Ok(());
    }
    let expected = "the three digits of a country (ISO 3166), or 999 for several";
    listed(part, &COUNTRY).map_err(|flaw| Flaw { expected: expected.into(), ..flaw })
}

/// Media of blood and tissue labels: 01 to 10 are assigned by ICCBBA, 80 to 99 are for local use.
pub(super) fn media_type(part: &[u8]) -> Checked {
    match part {
        [b'0', b'1'..=b'9'] | b"10" | [b'8'..=b'9', b'0'..=b'9'] => Ok(()),
        _ => Err(Flaw::whole(part, "gs1-media-type", "an AIDC media type: 01 to 10, or 80 to 99")),
    }
}
