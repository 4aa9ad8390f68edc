//! Barcodes as scanners send them.

use proptest::prelude::*;

use super::*;
use crate::card::Scheme;

fn codes(barcode: &Barcode) -> Vec<&'static str> {
    barcode.findings.iter().map(|finding| finding.code).collect()
}

fn gtin(aim: Option<&str>, data: &str) -> Option<String> {
    read(aim, data.as_bytes()).gtin
}

#[test]
fn the_retail_family_becomes_a_gtin_of_14_digits() {
    let cases = [
        (Some("]E0"), "4006381333931", "ean-13", "04006381333931"),
        (Some("]E0"), "0012345678905", "upc-a", "00012345678905"),
        (Some("]E0"), "012345678905", "upc-a", "00012345678905"),
        (Some("]E4"), "96385074", "ean-8", "00000096385074"),
        (Some("]E4"), "02345673", "ean-8", "00000002345673"),
        (Some("]E0"), "01234565", "upc-e", "00012345000065"),
        (None, "4006381333931", "ean-13", "04006381333931"),
        (None, "]E04006381333931", "ean-13", "04006381333931"),
        (Some("]E0"), "]E04006381333931", "ean-13", "04006381333931"),
        (None, "96385074", "ean-8", "00000096385074"),
        (None, "01234565", "upc-e", "00012345000065"),
        (Some("]I1"), "10614141543219", "itf-14", "10614141543219"),
    ];
    for (aim, data, symbology, gtin) in cases {
        let barcode = read(aim, data.as_bytes());
        assert_eq!(barcode.symbology, Some(symbology), "{data}");
        assert_eq!(barcode.gtin.as_deref(), Some(gtin), "{data}");
        assert_eq!(barcode.findings, [], "{data}");
        assert!(!barcode.data.starts_with(']'), "{data}");
    }
    // 14 digits alone: the symbology is not known, the GTIN is.
    let barcode = read(None, b"10614141543219");
    assert_eq!((barcode.symbology, barcode.gtin.as_deref()), (None, Some("10614141543219")));
}

#[test]
fn upc_e_expands_for_every_last_digit() {
    // Number system 0 and 12345x; what stands behind `=` is the manufacturer's and the item's number.
    let cases = [
        ("123450", "1200000345"),
        ("123451", "1210000345"),
        ("123452", "1220000345"),
        ("123453", "1230000045"),
        ("123454", "1234000005"),
        ("123455", "1234500005"),
        ("123456", "1234500006"),
        ("123457", "1234500007"),
        ("123458", "1234500008"),
        ("123459", "1234500009"),
    ];
    for (short, long) in cases {
        for system in ['0', '1'] {
            let front = format!("{system}{long}");
            let check = ('0'..='9')
                .find(|check| check_digit_fits(format!("{front}{check}").as_bytes()))
                .unwrap();
            let expanded =
                gtin::expand_upc_e(format!("{system}{short}{check}").as_bytes()).unwrap();
            assert_eq!(expanded.as_slice(), format!("{front}{check}").as_bytes(), "{short}");
        }
    }
    assert_eq!(gtin::expand_upc_e(b"21234505"), None, "number system 2 has no UPC-E");
    assert_eq!(gtin::expand_upc_e(b"01234566"), None, "check digit");
}

#[test]
fn add_ons_stand_beside_the_number() {
    for (data, gtin, add_on) in [
        ("977147396801212", "09771473968012", "12"),
        ("978030640615754321", "09780306406157", "54321"),
        ("01234567890512", "00012345678905", "12"),
        ("9638507412345", "00000096385074", "12345"),
    ] {
        let data =
            if add_on == "12" && gtin == "09771473968012" { "977147396801212" } else { data };
        let barcode = read(Some("]E3"), data.as_bytes());
        assert_eq!(barcode.gtin.as_deref(), Some(gtin), "{data} {:?}", barcode.findings);
        assert_eq!(barcode.add_on.as_deref(), Some(add_on), "{data}");
    }
    let alone = read(Some("]E2"), b"54321");
    assert_eq!((alone.gtin, alone.add_on.as_deref()), (None, Some("54321")));
}

#[test]
fn a_misread_number_is_an_error_where_the_scanner_says_what_it_is() {
    let barcode = read(Some("]E0"), b"4006381333932");
    assert_eq!(barcode.gtin, None);
    let finding = &barcode.findings[0];
    assert_eq!((finding.code, finding.severity), ("gtin-check-digit", Severity::Error));
    assert_eq!(finding.expected.as_deref(), Some("check digit 1"));
    assert_eq!(codes(&read(Some("]E0"), b"40063813")), ["gtin-check-digit"]);
    assert_eq!(codes(&read(Some("]E0"), b"ABC")), ["gtin-form"]);
    let plain = read(None, b"4006381333932");
    assert_eq!((plain.gtin, plain.findings[0].severity), (None, Severity::Warning));
    // Code 39 may hold any number.
    assert_eq!(read(Some("]A0"), b"9006381333932").findings, []);
    assert_eq!(gtin(Some("]A0"), "4006381333931"), None);
}

#[test]
fn gs1_element_strings_are_split() {
    let barcode = read(Some("]C1"), b"010400638133393117291231\x1d10A1\x1d3103001500");
    assert_eq!(barcode.findings, []);
    assert_eq!(barcode.gtin.as_deref(), Some("04006381333931"));
    let elements: Vec<(&str, &str)> =
        barcode.elements.iter().map(|(ai, value)| (ai.as_str(), value.as_str())).collect();
    assert_eq!(
        elements,
        [("01", "04006381333931"), ("17", "291231"), ("10", "A1"), ("3103", "001500")]
    );
    assert_eq!(read(Some("]d2"), b"\x1d0104006381333931").gtin, barcode.gtin);
    assert_eq!(read(Some("]Q3"), b"0104006381333931\x1d").gtin, barcode.gtin);
    let unstated = read(None, b"\x1d0104006381333931");
    assert_eq!(
        (unstated.gtin.as_ref(), codes(&unstated)),
        (barcode.gtin.as_ref(), vec!["gs1-leading-fnc1"])
    );
}

#[test]
fn gs1_errors_are_found() {
    for (data, code) in [
        ("0104006381333932", "gs1-check-digit"),
        ("00340123450000000001", "gs1-check-digit"),
        ("17291331", "gs1-date"),
        ("17290230", "gs1-date"),
        ("010400638133393", "gs1-length"),
        ("10123456789012345678901", "gs1-length"),
        ("0104006381333931|", "gs1-unknown-ai"),
        ("3103ABCDEF", "gs1-characters"),
        ("10A B", "gs1-characters"),
        ("8801", "gs1-unknown-ai"),
        ("", "gs1-empty"),
    ] {
        let barcode = read(Some("]C1"), data.as_bytes());
        assert_eq!(codes(&barcode).first(), Some(&code), "{data}");
        assert_eq!((barcode.gtin, barcode.elements.len()), (None, 0), "{data}");
    }
    assert_eq!(read(Some("]C1"), b"17290200").findings, [], "day 00 stands for the last");
    assert_eq!(read(Some("]C1"), b"17280229").findings, []);
}

#[test]
fn brackets_are_read_as_people_write_them() {
    let message = from_brackets("(01)04006381333931(10)A(1)(17)291231").unwrap();
    assert_eq!(message, b"010400638133393110A(1)\x1d17291231");
    for text in ["0104006381333931", "(1)2", "(01", "", "(18)1", "(01)04006381333931(10"] {
        let message = from_brackets(text);
        assert!(message.is_none() || text.ends_with("(10"), "{text}");
    }
}

#[test]
fn a_card_number_in_a_barcode_is_masked() {
    let barcode = read(Some("]Q1"), b"pay 4111 1111 1111 1111");
    assert_eq!(barcode.data, "pay 4111 11** **** 1111");
    assert_eq!(codes(&barcode), ["barcode-card-number"]);
    let barcode = read(None, b"4111111111111111");
    assert_eq!(barcode.data, "411111******1111");
    let internal = read(Some("]C1"), b"994111111111111111");
    assert!(!format!("{internal:?}").contains("4111111111111111"));
    // A trade item, a logistic unit and a lot that have a card number's digits.
    for (aim, data) in [
        ("]E0", "4006381300063"),
        ("]E3", "400638130006312"),
        ("]C1", "00356000000000000022"),
        ("]C1", "0104006381333931104111111111111111"),
    ] {
        let barcode = read(Some(aim), data.as_bytes());
        assert_eq!((barcode.data.as_str(), barcode.findings.len()), (data, 0));
    }
}

proptest! {
    #[test]
    fn anything_can_be_read(aim in "(\\][A-Za-z][0-9])?", data in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = read(Some(&aim), &data);
        let _ = read(None, &data);
    }

    #[test]
    fn element_strings_come_back(gtin in "[0-9]{13}", lot in "[A-Z0-9]{1,20}", serial in "[A-Z0-9]{1,20}") {
        let check = ('0'..='9').find(|check| check_digit_fits(format!("{gtin}{check}").as_bytes())).unwrap();
        let written = format!("(01){gtin}{check}(10){lot}(21){serial}");
        let barcode = read(Some("]C1"), &from_brackets(&written).unwrap());
        let again: String = barcode.elements.iter().map(|(ai, value)| format!("({ai}){value}")).collect();
        prop_assert_eq!(again, written);
    }
}

/// The scan data vectors of GS1's own engine, where they are at hand: every row is read without a panic, and the
/// valid ones that this module covers give their elements.
#[test]
fn gs1_vectors_agree() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/gs1/gs1-vectors.tsv");
    let Ok(table) = std::fs::read_to_string(file) else { return };
    let (mut agreed, mut uncovered, mut differing) = (0, 0, Vec::new());
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let input = unescape(columns[3]);
        let barcode = read(None, &input);
        let _ = read(Some("]C1"), &input);
        if columns[0] != "processScanData" || columns[4] != "1" {
            continue;
        }
        let covered = [b"]C1", b"]e0", b"]d2", b"]Q3", b"]J1", b"]E0", b"]E4"];
        if !covered.iter().any(|aim| input.starts_with(*aim)) || input.contains(&b'|') {
            uncovered += 1;
            continue;
        }
        let expected = unescape(columns[5]);
        let expected = String::from_utf8_lossy(&expected).into_owned();
        let ours = match barcode.elements.is_empty() {
            true => format!("^01{}", barcode.gtin.clone().unwrap_or_default()),
            false => message_of(&barcode),
        };
        // EAN/UPC comes out of the engine as its digits.
        if ours == expected
            || ours.trim_start_matches("^01").trim_start_matches('0')
                == expected.trim_start_matches('0')
        {
            agreed += 1;
        } else {
            differing.push(format!("{}: expected {expected}, found {ours}", columns[3]));
        }
    }
    println!("GS1 scan data: {agreed} agree, {uncovered} not covered, {} differ", differing.len());
    assert!(differing.is_empty(), "{differing:#?}");
    assert!(agreed > 0);
}

/// Elements as the vectors write them: `^` for FNC1.
fn message_of(barcode: &Barcode) -> String {
    let mut message = String::from("^");
    let last = barcode.elements.len() - 1;
    for (place, (ai, value)) in barcode.elements.iter().enumerate() {
        message += &format!("{ai}{value}");
        if place < last && !identifier::has_predefined_length(ai.as_bytes()) {
            message.push('^');
        }
    }
    message
}

fn unescape(column: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = column.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (code, length) = match behind {
            [b't', ..] => (b'\t', 1),
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b'x', ..] => (
                u8::from_str_radix(&column[column.len() - behind.len() + 1..][..2], 16).unwrap(),
                3,
            ),
            _ => (behind[0], 1),
        };
        bytes.push(code);
        rest = &behind[length..];
    }
    bytes
}

#[test]
fn a_card_number_of_thirteen_digits_in_an_interleaved_code_is_masked() {
    // Made of a public test number, so that both check digits fit. No carton has 13 digits: nothing explains them.
    let is_both = |number: &String| {
        let digits = number.as_bytes();
        check_digit_fits(digits) && Scheme::of_payment_card(digits).is_some()
    };
    let number = (0..100).map(|end| format!("42222222222{end:02}")).find(is_both).unwrap();
    let barcode = read(Some("]I1"), number.as_bytes());
    assert_eq!(barcode.gtin, None);
    assert!(!barcode.data.contains(&number));
}

#[test]
fn a_symbology_identifier_is_taken_off_once() {
    let barcode = read(None, b"]Q1]Q1 4111111111111111");
    assert_eq!(barcode.data, "]Q1 411111******1111");
}
