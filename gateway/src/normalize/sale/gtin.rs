//! Trade item numbers (GS1 General Specifications 7.9 and 7.10.2).

/// What a text is that claims to be a GTIN.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gtin {
    /// 8, 12, 13 or 14 digits with the right check digit.
    Valid,
    /// The last digit should be another.
    WrongCheckDigit(char),
    /// Another length, or not digits only.
    Other,
}

/// Looks at a text.
pub(super) fn examine(text: &str) -> Gtin {
    let digits = text.as_bytes();
    if !matches!(digits.len(), 8 | 12 | 13 | 14) || !digits.iter().all(u8::is_ascii_digit) {
        return Gtin::Other;
    }
    let Some((check, body)) = digits.split_last() else {
        return Gtin::Other;
    };
    // Weights 3 and 1 alternate from the right, so that padding with zeros changes nothing.
    let sum: u32 = body
        .iter()
        .rev()
        .zip([3, 1].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    let right = char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0');
    if char::from(*check) == right { Gtin::Valid } else { Gtin::WrongCheckDigit(right) }
}

/// The same number in 14 digits.
pub(super) fn in_14_digits(text: &str) -> String {
    format!("{text:0>14}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits() {
        for valid in ["96385074", "012345678905", "4006381333931", "10012345678902"] {
            assert_eq!(examine(valid), Gtin::Valid, "{valid}");
            assert_eq!(examine(&in_14_digits(valid)), Gtin::Valid, "{valid} padded");
        }
        assert_eq!(examine("4006381333932"), Gtin::WrongCheckDigit('1'));
        for text in ["", "123", "400638133393A", "４００６３８１３３３９３１"] {
            assert_eq!(examine(text), Gtin::Other, "{text}");
        }
    }
}
