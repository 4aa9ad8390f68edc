//! UPC-E: a UPC-A with its zeros left out (GS1 General Specifications 5.2.2.4.2).
//!
//! In: number system, six digits and check digit, or the twelve of UPC-A. Out: the other form. Both have the check
//! digit of the long one.

use super::gtin::check_digit_fits;

/// UPC-E to UPC-A: the last of the six digits says where zeros were left out.
pub(super) fn expanded(number: &[u8]) -> Option<[u8; 12]> {
    let [system @ (b'0' | b'1'), a, b, c, d, e, last, check] = *number else { return None };
    let middle = match last {
        b'0'..=b'2' => [a, b, last, b'0', b'0', b'0', b'0', c, d, e],
        b'3' => [a, b, c, b'0', b'0', b'0', b'0', b'0', d, e],
        b'4' => [a, b, c, d, b'0', b'0', b'0', b'0', b'0', e],
        b'5'..=b'9' => [a, b, c, d, e, b'0', b'0', b'0', b'0', last],
        _ => return None,
    };
    let mut expanded = [check; 12];
    expanded[0] = system;
    expanded[1..11].copy_from_slice(&middle);
    check_digit_fits(&expanded).then_some(expanded)
}

/// UPC-A, or a GTIN of 14 digits that is one, to UPC-E of eight digits. None where too few digits are zero.
#[must_use]
pub fn compressed(gtin: &str) -> Option<String> {
    let number = gtin.strip_prefix("00").filter(|rest| rest.len() == 12).unwrap_or(gtin);
    let [system @ (b'0' | b'1'), middle @ .., check] = number.as_bytes() else { return None };
    let six = match *middle {
        [a, b, c @ b'0'..=b'2', b'0', b'0', b'0', b'0', d, e, f] => [a, b, d, e, f, c],
        [a, b, c, b'0', b'0', b'0', b'0', b'0', d, e] => [a, b, c, d, e, b'3'],
        [a, b, c, d, b'0', b'0', b'0', b'0', b'0', e] => [a, b, c, d, e, b'4'],
        [a, b, c, d, e, b'0', b'0', b'0', b'0', f @ b'5'..=b'9'] => [a, b, c, d, e, f],
        _ => return None,
    };
    let short: Vec<u8> = [&[*system], six.as_slice(), &[*check]].concat();
    expanded(&short).map(|_| short.iter().copied().map(char::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_expands_again() {
        assert_eq!(compressed("012345000065").as_deref(), Some("01234565"));
        assert_eq!(compressed("00012345000065").as_deref(), Some("01234565"));
        assert_eq!(compressed("012345678905"), None);
        assert_eq!(compressed("212345000069"), None);
        assert_eq!(compressed("012345000066"), None, "check digit");
        assert_eq!(compressed(""), None);
        for middle in (0..1_000_000_u32).step_by(17) {
            let front = format!("0{middle:06}");
            let found = ('0'..='9').find_map(|check| {
                let short = format!("{front}{check}");
                expanded(short.as_bytes()).map(|long| (short, long))
            });
            let (short, long) = found.unwrap();
            let long: String = long.iter().copied().map(char::from).collect();
            // Several short forms may mean the same number: the one that is given means it too.
            let again = compressed(&long).unwrap();
            assert_eq!(expanded(again.as_bytes()).unwrap(), long.as_bytes(), "{short}");
        }
    }
}
