//! The searcher finds what is planted, in each form, and nothing else.

use super::*;
use crate::canary::{CARDS, HOLDER, numbers};

fn is_found(secret: &str, content: &[u8]) -> bool {
    let place = Place::new("here", content.to_vec());
    !Needles::of(&[secret]).found_in(&[place]).is_empty()
}

/// Digits two a byte, after `first` half bytes that are no part of them.
fn bcd(digits: &str, before: &[u8], behind: &[u8], swapped: bool) -> Vec<u8> {
    let nibbles: Vec<u8> =
        [before, &digits.bytes().map(|digit| digit - b'0').collect::<Vec<_>>(), behind].concat();
    let pairs = nibbles.chunks(2).map(|pair| {
        let (first, second) = (pair[0], pair.get(1).copied().unwrap_or(0xF));
        if swapped { second << 4 | first } else { first << 4 | second }
    });
    [0xAB].into_iter().chain(pairs).chain([0xCD]).collect()
}

#[test]
fn clear_digits_are_found_whatever_stands_between() {
    for (_, card) in CARDS {
        let groups: Vec<&str> = [&card[..4], &card[4..8], &card[8..12], &card[12..]].to_vec();
        for separator in ["", " ", "-", ".", "_", "\t", "\u{a0}", "\u{2011}", "\u{3000}", " - "] {
            let text = format!("a 12 {} b", groups.join(separator));
            assert!(is_found(card, text.as_bytes()), "{text}");
        }
        let escaped: String =
            card.chars().map(|digit| format!("\\u{:04x}", u32::from(digit))).collect();
        let wide: Vec<u8> = card.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let wide_reversed: Vec<u8> = card.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let wider: Vec<u8> =
            card.chars().flat_map(|digit| u32::from(digit).to_le_bytes()).collect();
        for bytes in [escaped.as_bytes(), &wide, &wide_reversed, &wider] {
            assert!(is_found(card, bytes), "{card} as {bytes:?}");
        }
        assert!(is_found(card, format!("9{card}7").as_bytes()), "{card} among other digits");
    }
}

/// All but those that are mostly zeros, or one byte over and over, as other things in memory are; each scheme has one
/// that is not.
#[test]
fn packed_digits_are_found_at_each_half_byte() {
    let is_dull = |card: &str| card.contains("00000000") || card == "4242424242424242";
    let schemes = CARDS.iter().filter(|(_, card)| !is_dull(card)).map(|(scheme, _)| scheme);
    assert_eq!(schemes.collect::<std::collections::BTreeSet<_>>().len(), 18);
    for (_, card) in CARDS.iter().filter(|(_, card)| !is_dull(card)) {
        for swapped in [false, true] {
            for (before, behind) in [
                (vec![], vec![]),
                (vec![7], vec![]),
                (vec![7], vec![0xD, 2]),
                (vec![], vec![0xD, 2]),
            ] {
                let planted = bcd(card, &before, &behind, swapped);
                assert!(is_found(card, &planted), "{card} as {planted:02x?}");
            }
        }
    }
}

#[test]
fn hex_and_lists_of_bytes_are_found() {
    for secret in numbers().into_iter().chain([HOLDER]) {
        let bytes = secret.as_bytes();
        let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for planted in [
            hex::encode(bytes),
            hex::encode_upper(bytes),
            pairs.join(" "),
            pairs.join(":"),
            format!("\\x{}", pairs.join("\\x")),
            format!("{bytes:?}"),
            format!("{bytes:02x?}").replace(", ", ", 0x"),
        ] {
            assert!(is_found(secret, format!("a {planted} b").as_bytes()), "{planted}");
        }
    }
}

/// Made by Python's `base64.b64encode(before + number + b'?')`.
#[test]
fn base64_is_found_at_each_alignment() {
    for planted in [
        "NDExMTExMTExMTExMTExMT8=",
        "eDQxMTExMTExMTExMTExMTE/",
        "eHg0MTExMTExMTExMTExMTExPw==",
        "eHh4NDExMTExMTExMTExMTExMT8=",
    ] {
        assert!(is_found("4111111111111111", planted.as_bytes()), "{planted}");
    }
    for planted in ["RE9FL0pBTkU/", "eERPRS9KQU5FPw==", "eHhET0UvSkFORT8="] {
        assert!(is_found(HOLDER, planted.as_bytes()), "{planted}");
    }
}

#[test]
fn masks_stumps_and_other_numbers_are_not_found() {
    for text in
        ["411111******1111", "411111 and 1111111111", "411111111111111", "", "4111\n11111111\n1111"]
    {
        assert!(!is_found("4111111111111111", text.as_bytes()), "{text}");
    }
    let other = bcd("4111111111111112", &[], &[], false);
    assert!(!is_found("4111111111111111", &other));
    // The halves that stand alone have to fit as well.
    assert!(!is_found("4111111111111111", &bcd("3111111111111111", &[7], &[], false)));
}
