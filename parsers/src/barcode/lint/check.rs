//! Check characters and company prefixes.

use super::characters::is_set_82;
use super::{Checked, Flaw, all, characters, code};
use crate::barcode::gtin::expected_check_digit;

/// GS1 General Specifications 7.9.1.
pub(super) fn check_digit(part: &[u8]) -> Checked {
    const CODE: &str = "gs1-check-digit";
    let Some((last, _)) = part.split_last() else {
        return Err(Flaw::whole(part, CODE, "digits with a check digit at the end"));
    };
    characters::digits(part)?;
    let expected = expected_check_digit(part).unwrap_or_default();
    match *last == b'0' + expected {
        true => Ok(()),
        false => Err(Flaw::new((part.len() - 1, 1), CODE, format!("check digit {expected}"))),
    }
}

/// What a character of set 82 counts is its place in this order (GS1 General Specifications 7.9.5).
const ORDER_82: &[u8; 82] =
    b"!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
/// The characters of the pair: those that are hard to confuse.
const ORDER_32: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// The modulus of the pair.
const PAIR_MODULUS: u32 = 1021;
/// The longest value that has such a pair; there are no more primes defined.
const PAIR_LENGTH_MAX: usize = 99;

/// A pair of check characters over letters and digits: each character counts its place in the set, times the prime
/// number of its place from the right (GS1 General Specifications 7.9.5).
pub(super) fn check_pair(part: &[u8]) -> Checked {
    const CODE: &str = "gs1-check-pair";
    if !(2..=PAIR_LENGTH_MAX).contains(&part.len()) {
        return Err(Flaw::whole(part, CODE, "2 to 99 characters, the last two a check pair"));
    }
    let at = part.len() - 2;
    let (front, pair) = part.split_at_checked(at).unwrap_or_default();
    all(front, is_set_82, "gs1-characters", "a character of GS1 character set 82")?;
    let counted = front.iter().rev().zip(primes());
    let sum = counted.fold(0, |sum, (byte, prime)| {
        let place = ORDER_82.iter().position(|known| known == byte).unwrap_or_default();
        (sum + u32::try_from(place).unwrap_or_default() * prime) % PAIR_MODULUS
    });
    let character = |place: u32| {
        ORDER_32.get(usize::try_from(place).unwrap_or_default()).copied().map_or(' ', char::from)
    };
    let expected = [character(sum / 32), character(sum % 32)];
    match pair.iter().copied().map(char::from).eq(expected) {
        true => Ok(()),
        false => {
            let [first, second] = expected;
            Err(Flaw::new((at, 2), CODE, format!("check pair {first}{second}")))
        }
    }
}

fn primes() -> impl Iterator<Item = u32> {
    (2..).filter(|number| {
        (2..).take_while(|part| part * part <= *number).all(|part| number % part != 0)
    })
}

/// Longest and shortest international bank account number (ISO 13616; GS1 (8007) takes 34).
const IBAN_LENGTHS: (usize, usize) = (11, 34);

/// Country, two check digits, account: letters count 10 to 35, and the whole, with its first four characters at the
/// end, leaves 1 when divided by 97 (ISO 13616).
pub(super) fn iban(part: &[u8]) -> Checked {
    const CODE: &str = "gs1-iban";
    let (shortest, longest) = IBAN_LENGTHS;
    let wrong_length =
        || Flaw::whole(part, CODE, format!("{shortest} to {longest} characters of an IBAN"));
    let Some((front, account)) = part.split_at_checked(4) else { return Err(wrong_length()) };
    let country = front.get(..2).unwrap_or_default();
    if code::listed(country, &code::COUNTRY_LETTERS).is_err() {
        return Err(Flaw::new((0, 2), CODE, "the two letters of a country (ISO 3166)"));
    }
    if !(shortest..=longest).contains(&part.len()) {
        return Err(wrong_length());
    }
    let is_fine = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    if let Some(at) = part.iter().position(|byte| !is_fine(*byte)) {
        return Err(Flaw::new((at, 1), CODE, "a digit or a capital letter"));
    }
    let remainder = account.iter().chain(front).fold(0_u32, |sum, byte| {
        let count = char::from(*byte).to_digit(36).unwrap_or_default();
        (sum * if count < 10 { 10 } else { 100 } + count) % 97
    });
    match remainder {
        1 => Ok(()),
        _ => Err(Flaw::new((2, 2), CODE, "the check digits of this account")),
    }
}

/// No company prefix is shorter (GS1 General Specifications 1.4.2).
const PREFIX_DIGITS_MIN: usize = 4;

/// A key begins with the prefix of a company; some have one digit before it.
pub(super) fn company_prefix(part: &[u8], before: usize) -> Checked {
    const CODE: &str = "gs1-company-prefix";
    let expected = "a GS1 company prefix of at least four digits";
    let Some(key) = part.get(before..).filter(|key| !key.is_empty()) else {
        return Err(Flaw::whole(part, CODE, expected));
    };
    let Some(prefix) = key.get(..PREFIX_DIGITS_MIN) else {
        return Err(Flaw::new((before, key.len()), CODE, expected));
    };
    let wrong = prefix.iter().position(|byte| !byte.is_ascii_digit());
    match wrong {
        Some(at) => Err(Flaw::new((before + at, 1), CODE, expected)),
        None => Ok(()),
    }
}
