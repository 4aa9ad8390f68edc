//! What the name of a field says about its value: the field decides first.
//!
//! In: a JSON key, and a value. Out: whether the value stays, goes altogether, or has to be looked at. Never: a
//! value that stays because of its field without having that field's form.

use crate::barcode::check_digit_fits;

/// What a field's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Nothing: the value is looked at.
    Look,
    /// The value is sensitive authentication data (PCI DSS 3.3.1): it goes.
    Remove,
    /// A trade item number stays.
    Gtin,
    /// A telephone number stays.
    Phone,
    /// A token of ours, or a hash, stays.
    Token,
    /// The content of a barcode.
    BarcodeData,
    /// The symbology identifier of the barcode whose content follows.
    Aim,
}

/// Names of sensitive authentication data, in small letters without separators.
const REMOVED_NAMES: &[&str] = &[
    "cav",
    "cav2",
    "cid",
    "csc",
    "cvc",
    "cvc2",
    "cvn",
    "cvv",
    "cvv2",
    "cvvcode",
    "securitycode",
    "pin",
    "pinblock",
    "pindata",
    "track1",
    "track2",
    "track3",
    "track1data",
    "track2data",
    "track3data",
    "track2equivalent",
    "track2equivalentdata",
    "trackdata",
    "magstripe",
    "magstripedata",
];

const KEPT_NAMES: &[(&str, Rule)] = &[
    ("gtin", Rule::Gtin),
    ("phone", Rule::Phone),
    ("cardtoken", Rule::Token),
    ("sha256", Rule::Token),
    ("tokensha256", Rule::Token),
    ("data", Rule::BarcodeData),
    ("aim", Rule::Aim),
];

/// Longest name with a rule, as it may be written, with separators.
const MAX_NAME_BYTES: usize = 32;

impl Rule {
    /// The rule of a decoded key: letter case and separators make no difference.
    pub(super) fn of(key: &[u8]) -> Self {
        // Nearly all keys leave here: no rule's name begins with another letter.
        let first = key.first().copied().unwrap_or_default().to_ascii_lowercase();
        if key.len() > MAX_NAME_BYTES
            || !matches!(
                first,
                b'a' | b'c' | b'd' | b'g' | b'm' | b'p' | b's' | b't' | b'_' | b'-' | b' '
            )
        {
            return Self::Look;
        }
        let mut buffer = [0; MAX_NAME_BYTES];
        let name = plain_name(key, &mut buffer);
        if REMOVED_NAMES.iter().any(|removed| removed.as_bytes() == name) {
            return Self::Remove;
        }
        let kept = KEPT_NAMES.iter().find(|(kept, _)| kept.as_bytes() == name);
        kept.map_or(Self::Look, |(_, rule)| *rule)
    }

    /// Whether a value stays because it has the form that its field promises.
    pub(super) fn spares(self, value: &[u8]) -> bool {
        match self {
            Self::Gtin | Self::BarcodeData => is_gtin(value),
            Self::Phone => is_phone(value),
            Self::Token => is_token(value),
            Self::Look | Self::Remove | Self::Aim => false,
        }
    }
}

/// A key in small letters without separators.
fn plain_name<'b>(key: &[u8], buffer: &'b mut [u8; MAX_NAME_BYTES]) -> &'b [u8] {
    let letters = key.iter().filter(|byte| !matches!(byte, b'_' | b'-' | b' ' | b'.'));
    let length = buffer
        .iter_mut()
        .zip(letters)
        .map(|(place, letter)| *place = letter.to_ascii_lowercase())
        .count();
    buffer.get(..length).unwrap_or_default()
}

/// 8, 12, 13 or 14 digits with a GS1 check digit. A card number of 16 digits is none, whatever its field.
pub(super) fn is_gtin(value: &[u8]) -> bool {
    matches!(value.len(), 8 | 12 | 13 | 14) && check_digit_fits(value)
}

/// ITU-T E.164: a plus sign and at most 15 digits, single blanks, dashes, dots or brackets between.
fn is_phone(value: &[u8]) -> bool {
    let Some((b'+', rest)) = value.split_first() else { return false };
    let digits = rest.iter().filter(|byte| byte.is_ascii_digit()).count();
    let plain =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.' | b'(' | b')');
    digits <= 15 && rest.iter().all(plain)
}

/// A version and at least 128 bits in hexadecimal. Digits alone are no token: nothing tells them from a card number.
fn is_token(value: &[u8]) -> bool {
    let hexadecimal = value.split(|byte| *byte == b'_').next_back().unwrap_or_default();
    let version = value.len() - hexadecimal.len();
    version <= 4
        && hexadecimal.len() >= 32
        && hexadecimal.len() <= 64
        && hexadecimal.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_every_spelling() {
        for key in [
            "cvv",
            "CVV",
            "pin_block",
            "PinBlock",
            "PIN-Block",
            "track_2",
            "Track2Data",
            "magStripe",
        ] {
            assert_eq!(Rule::of(key.as_bytes()), Rule::Remove, "{key}");
        }
        for key in ["pinned", "tracker", "track", "description", "", "customer_id"] {
            assert_eq!(Rule::of(key.as_bytes()), Rule::Look, "{key}");
        }
        assert_eq!(Rule::of(b"GTIN"), Rule::Gtin);
        assert_eq!(Rule::of(b"card_token"), Rule::Token);
    }

    #[test]
    fn every_rule_can_be_reached() {
        for name in REMOVED_NAMES {
            assert_eq!(Rule::of(name.as_bytes()), Rule::Remove, "{name}");
        }
        for (name, rule) in KEPT_NAMES {
            assert_eq!(Rule::of(name.as_bytes()), *rule, "{name}");
        }
    }

    #[test]
    fn a_value_stays_only_in_its_fields_form() {
        assert!(Rule::Gtin.spares(b"04006381333931"));
        assert!(!Rule::Gtin.spares(b"04006381333932"));
        assert!(!Rule::Gtin.spares(b"4111111111111111"));
        assert!(Rule::Phone.spares(b"+86 138-1234-5678"));
        assert!(!Rule::Phone.spares(b"+4111111111111111"));
        assert!(!Rule::Phone.spares(b"4111111111111111"));
        assert!(Rule::Token.spares(format!("k1_{}", "0a".repeat(16)).as_bytes()));
        assert!(!Rule::Token.spares(b"4111111111111111"));
    }
}
