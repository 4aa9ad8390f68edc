//! What SSI calls a symbology, as AIM symbology identifier (ISO/IEC 15424).
//!
//! In: the code type byte of a decode. Out: the identifier that a scanner in AIM mode would put before the data.
//! Never: an identifier that promises more than the code type says.

/// Added to the code type of an EAN/UPC with two digits beside it, and with five.
const TWO_DIGITS_BESIDE: u8 = 0x40;
const FIVE_DIGITS_BESIDE: u8 = 0x80;

/// The identifier of a code type, where AIM has one that fits whatever the scanner's other settings are.
#[must_use]
pub fn aim(code_type: u8) -> Option<&'static str> {
    if has_supplement(code_type) {
        return Some("]E3");
    }
    Some(match code_type {
        // Code 39, the same with full ASCII, Code 32.
        0x01 | 0x20 => "]A0",
        0x13 => "]A4",
        0x02 => "]F0",
        // FNC1 in front of the data makes no GS1-128 here: that has a code type of its own.
        0x03 => "]C0",
        0x04 | 0x05 => "]S0",
        0x06 => "]I0",
        0x07 => "]G0",
        // UPC-A, UPC-E, EAN-13, Bookland as EAN-13, UPC-E1.
        0x08 | 0x09 | 0x0B | 0x10 => "]E0",
        0x0A => "]E4",
        0x0C => "]H0",
        0x0E => "]M0",
        0x0F => "]C1",
        0x11 | 0x1A => "]L0",
        // Trioptic, Bookland as ISBN, coupon, Chinese 2 of 5.
        0x15..=0x17 | 0x72 => "]X0",
        0x19 => "]C4",
        // With a separator in the content these have no code type: see `Code`.
        0x1B => "]d1",
        0x1C | 0x2C => "]Q1",
        // MaxiCode; DataBar Expanded only in tables of models that are no longer made.
        0x25 => "]U0",
        0x2D => "]z0",
        0x30..=0x32 => "]e0",
        _ => return None,
    })
}

/// UPC-A, UPC-E, EAN-8, EAN-13 and UPC-E1; others are beyond these values by chance.
fn has_supplement(code_type: u8) -> bool {
    [TWO_DIGITS_BESIDE, FIVE_DIGITS_BESIDE]
        .into_iter()
        .any(|beside| matches!(code_type.wrapping_sub(beside), 0x08..=0x0B | 0x10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::barcode;

    #[test]
    fn a_code_type_says_as_much_as_its_identifier() {
        let cases: &[(u8, &[u8], &str)] = &[
            (0x0B, b"4006381333931", "ean-13"),
            (0x08, b"036000291452", "upc-a"),
            (0x09, b"04252614", "upc-e"),
            (0x0A, b"96385074", "ean-8"),
            (0x4B, b"400638133393112", "ean-13"),
            (0x88, b"03600029145212345", "upc-a"),
            (0x0F, b"0104006381333931", "gs1-128"),
            (0x03, b"\x1d0104006381333931", "code-128"),
            (0x1C, b"https://example.org", "qr"),
            (0x25, b"anything", "maxicode"),
        ];
        for (code_type, data, symbology) in cases {
            let read = barcode::read(aim(*code_type), data);
            assert_eq!(read.symbology, Some(*symbology), "{code_type:02x}");
            assert!(read.gtin.is_some() || !symbology.starts_with(['e', 'u']), "{code_type:02x}");
        }
    }

    #[test]
    fn what_is_unknown_stays_unknown() {
        for code_type in [0x00, 0x52, 0x99, 0xFF] {
            assert_eq!(aim(code_type), None, "{code_type:02x}");
        }
        assert_eq!((aim(0x50), aim(0x90), aim(0x48)), (Some("]E3"), Some("]E3"), Some("]E3")));
    }
}
