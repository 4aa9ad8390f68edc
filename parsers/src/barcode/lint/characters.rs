//! Character sets (GS1 General Specifications 7.11) and single characters.

use super::{Checked, Flaw, all};

const CODE: &str = "gs1-characters";

pub(super) fn digits(part: &[u8]) -> Checked {
    all(part, |byte| byte.is_ascii_digit(), CODE, "a digit")
}

pub(super) fn is_set_82(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'!'..=b'"' | b'%'..=b'/' | b':'..=b'?' | b'_')
}

pub(super) fn set_82(part: &[u8]) -> Checked {
    let expected = "a letter, a digit or one of !\"%&'()*+,-./:;<=>?_ (GS1 character set 82)";
    all(part, is_set_82, CODE, expected)
}

pub(super) fn set_39(part: &[u8]) -> Checked {
    let is_fine = |byte: u8| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'#' | b'-' | b'/')
    };
    all(part, is_fine, CODE, "a capital letter, a digit, # - or / (GS1 character set 39)")
}

/// The alphabet of base64url, padded at the end to a length that three divides.
pub(super) fn set_64(part: &[u8]) -> Checked {
    let padding = part.iter().rev().take_while(|byte| **byte == b'=').count();
    let length = part.len() - padding;
    if padding > 2 || (padding > 0 && !part.len().is_multiple_of(3)) {
        let expected = "one or two = at the end, and a length that three divides";
        return Err(Flaw::new((length, padding), CODE, expected));
    }
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let data = part.get(..length).unwrap_or_default();
    all(data, is_fine, CODE, "a letter, a digit, - or _ (GS1 character set 64)")
}

pub(super) fn has_non_digit(part: &[u8]) -> Checked {
    match part.iter().all(u8::is_ascii_digit) {
        true => Err(Flaw::whole(part, CODE, "at least one character that is no digit")),
        false => Ok(()),
    }
}

pub(super) fn hyphen(part: &[u8]) -> Checked {
    match !part.is_empty() && part.iter().all(|byte| *byte == b'-') {
        true => Ok(()),
        false => Err(Flaw::whole(part, CODE, "a hyphen")),
    }
}

pub(super) fn importer_index(part: &[u8]) -> Checked {
    match part {
        [byte] if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') => Ok(()),
        _ => Err(Flaw::whole(part, CODE, "one letter, digit, - or _")),
    }
}

/// Behind each `%` stand two hexadecimal digits.
pub(super) fn percent_encoding(part: &[u8]) -> Checked {
    let is_sequence = |at: usize| {
        part.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let wrong = (0..part.len()).find(|at| part.get(*at) == Some(&b'%') && !is_sequence(*at));
    match wrong {
        Some(at) => {
            let length = (part.len() - at).min(3);
            Err(Flaw::new((at, length), "gs1-percent", "% and two hexadecimal digits"))
        }
        None => Ok(()),
    }
}
