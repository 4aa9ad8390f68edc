//! Barcodes as scanners send them.

mod vectors;

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
            let expanded = upc_e::expanded(format!("{system}{short}{check}").as_bytes()).unwrap();
            assert_eq!(expanded.as_slice(), format!("{front}{check}").as_bytes(), "{short}");
        }
    }
    assert_eq!(upc_e::expanded(b"21234505"), None, "number system 2 has no UPC-E");
    assert_eq!(upc_e::expanded(b"01234566"), None, "check digit");
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
    let with_date = |date: &str| read(Some("]C1"), format!("010400638133393117{date}").as_bytes());
    assert_eq!(with_date("290200").findings, [], "day 00 stands for the last");
    assert_eq!(with_date("280229").findings, []);
    let place = read(Some("]C1"), b"8008291231236000").findings.remove(0);
    assert!(place.message.contains("(8008) PROD TIME is wrong at character 9"), "{place:?}");
    assert_eq!((place.code, place.found.as_deref()), ("gs1-time", Some("60")));
}

#[test]
fn barcodes_are_read_as_people_write_them() {
    let gs1 = |message: &[u8]| Ok((Some("]C1"), message.to_vec()));
    let plain = |data: &[u8]| Ok((None, data.to_vec()));
    let lot = "(01)04006381333931(10)A(1)(17)291231";
    assert_eq!(written(lot), gs1(b"010400638133393110A(1)\x1d17291231"));
    assert_eq!(written("(10)A\\(11)(17)291231"), gs1(b"10A(11)\x1d17291231"));
    assert_eq!(written("^0104006381333931^10A"), gs1(b"0104006381333931\x1d10A"));
    assert_eq!(written("]C110A{GS}17291231"), plain(b"]C110A\x1d17291231"));
    assert_eq!(written("\\^A"), plain(b"^A"));
    assert_eq!(written("4006381333931|^10A"), plain(b"4006381333931|]e010A"));
    assert_eq!(written("A|^10"), plain(b"A|^10"));
    for (text, code) in [
        ("(1)2", "gs1-unknown-ai"),
        ("(18)1", "gs1-unknown-ai"),
        ("(01", "gs1-brackets"),
        ("(10)", "gs1-length"),
        ("(01)1", "gs1-length"),
        ("(10)A(11)1", "gs1-length"),
    ] {
        assert_eq!(written(text).unwrap_err().code, code, "{text}");
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
    // A trade item and a logistic unit that have a card number's digits.
    for (aim, data) in
        [("]E0", "4006381300063"), ("]E3", "400638130006312"), ("]C1", "00356000000000000022")]
    {
        let barcode = read(Some(aim), data.as_bytes());
        assert_eq!((barcode.data.as_str(), barcode.findings.len()), (data, 0));
    }
}

#[test]
fn a_digital_link_is_read() {
    let barcode =
        read(Some("]Q1"), b"https://id.gs1.org/01/09520123456788/10/A%2F1/21/7?17=291231&x=1#f");
    assert_eq!((barcode.symbology, barcode.findings.as_slice()), (Some("qr"), [].as_slice()));
    assert_eq!(barcode.gtin.as_deref(), Some("09520123456788"));
    let elements: Vec<(&str, &str)> =
        barcode.elements.iter().map(|(ai, value)| (ai.as_str(), value.as_str())).collect();
    assert_eq!(elements, [("01", "09520123456788"), ("10", "A/1"), ("21", "7"), ("17", "291231")]);
    for (uri, code) in [
        ("https://shop.example/menu", "digital-link-no-key"),
        ("https://a/01/9520123456788", "digital-link-gtin"),
        ("https://a/gtin/09520123456788", "digital-link-old-name"),
        ("https://a/01/09520123456789", "gs1-check-digit"),
        ("https://a/01/09520123456788/21/1/10/2", "digital-link-path"),
        ("https://a/01/09520123456788?10=2", "digital-link-query"),
        ("https://a/01/09520123456788/10/1?01=09520123456788", "digital-link-twice"),
        ("https://a/01/09520123456788?17=291231&17=291231", "digital-link-twice"),
        ("https://a/01/09520123456788?999=1", "gs1-unknown-ai"),
        ("https://a b/01/09520123456788", "digital-link-characters"),
        ("https://a/01/09520123456788/10/", "gs1-length"),
    ] {
        assert_eq!(codes(&read(None, uri.as_bytes())).first(), Some(&code), "{uri}");
    }
}

#[test]
fn a_web_address_full_of_errors_gives_few_findings() {
    let item = "https://a/01/09520123456788";
    for uri in
        [format!("{item}?{}", "17=1&".repeat(1500)), format!("{item}{}", "/10/1".repeat(1500))]
    {
        let found = read(None, uri.as_bytes()).findings.len();
        assert!((1..200).contains(&found), "{found}");
    }
}

#[test]
fn a_composite_component_comes_with_its_number() {
    let barcode = read(Some("]E0"), b"4006381333931|]e010A1\x1d17291231");
    assert_eq!(barcode.gtin.as_deref(), Some("04006381333931"));
    assert_eq!(barcode.elements.len(), 2);
}

#[test]
fn associations_are_found_and_keep_what_was_read() {
    for (text, code) in [
        ("(10)A1", MISSING),
        ("(02)04006381333931(37)2", MISSING),
        ("(01)04006381333931(37)2(00)356000000000000022", EXCLUDED),
        ("(01)04006381333931(10)A(10)B", "gs1-repeated-ai"),
    ] {
        let (aim, message) = written(text).unwrap();
        let barcode = read(aim, &message);
        assert!(codes(&barcode).contains(&code), "{text} {:?}", barcode.findings);
        assert!(!barcode.elements.is_empty(), "{text}");
    }
}

#[test]
fn a_card_number_in_a_web_address_is_masked_where_no_element_explains_it() {
    let read = |uri: &str| read(Some("]Q1"), uri.as_bytes()).data;
    let item = "/01/04006381300063";
    for (uri, masked) in [
        ("https://a/00/356000000000000022".to_owned(), None),
        (
            format!("https://a{item}/21/4111111111111111"),
            Some("https://a/01/04006381300063/21/411111******1111"),
        ),
        (
            format!("https://a/4111111111111111{item}"),
            Some("https://a/411111******1111/01/04006381300063"),
        ),
        (
            format!("https://a{item}?pan=4111111111111111"),
            Some("https://a/01/04006381300063?pan=411111******1111"),
        ),
        (
            format!("https://a{item}?99=4111111111111111"),
            Some("https://a/01/04006381300063?99=411111******1111"),
        ),
        (
            format!("https://a{item}?p=%34111111111111111"),
            Some("https://a/01/04006381300063?p=******************"),
        ),
        ("https://a/%34111111111111111".to_owned(), Some("https://a/******************")),
    ] {
        assert_eq!(read(&uri), masked.unwrap_or(&uri));
    }
}

/// A template of a barcode: parts that mean something, in any order.
fn templates() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("https://a/".to_owned()),
        Just("/01/04006381333931".to_owned()),
        Just("/10/".to_owned()),
        Just("?99=".to_owned()),
        Just("&17=291231".to_owned()),
        Just("|]e0".to_owned()),
        Just("\u{1d}".to_owned()),
        Just("(01)04006381333931".to_owned()),
        Just("(8110)10614141".to_owned()),
        Just("4111111111111111".to_owned()),
        Just("%34111111111111111".to_owned()),
        "[0-9]{1,14}",
        "[ -~]{0,6}",
    ];
    proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    /// What was masked once has nothing to mask any more, and no finding holds a number.
    #[test]
    fn templates_are_read_and_masked_once(text in templates(), place in 0..5_usize) {
        let aim = [None, Some("]Q1"), Some("]C1"), Some("]E0"), Some("]d2")][place];
        let barcode = read(aim, text.as_bytes());
        let again = read(aim, barcode.data.as_bytes());
        if !text.starts_with(']') {
            prop_assert_eq!(&again.data, &barcode.data);
        }
        let shown = format!("{:?}", barcode.findings);
        prop_assert!(!shown.contains("41111111111"), "{}", shown);
        if let Ok((aim, data)) = written(&text) {
            let _ = read(aim, &data);
        }
    }

    #[test]
    fn digital_links_come_back(gtin in "[0-9]{13}", lot in "[!-~]{1,20}") {
        let is_set_82 = |c: char| !matches!(c, '#' | '$' | '@' | '[' | '\\' | ']' | '^' | '`' | '{' | '|' | '}' | '~');
        let lot: String = lot.chars().filter(|c| is_set_82(*c)).collect();
        prop_assume!(!lot.is_empty());
        let check = ('0'..='9').find(|check| check_digit_fits(format!("{gtin}{check}").as_bytes())).unwrap();
        let encoded: String = lot.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let uri = format!("https://a/01/{gtin}{check}/10/{encoded}");
        let barcode = read(None, uri.as_bytes());
        prop_assert_eq!(&barcode.findings, &[]);
        prop_assert_eq!(&barcode.elements[1], &("10".to_owned(), lot));
    }

    #[test]
    fn anything_can_be_read(aim in "(\\][A-Za-z][0-9])?", data in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = read(Some(&aim), &data);
        let _ = read(None, &data);
    }

    #[test]
    fn element_strings_come_back(gtin in "[0-9]{13}", lot in "[A-Z0-9]{1,20}", serial in "[A-Z0-9]{1,20}") {
        let check = ('0'..='9').find(|check| check_digit_fits(format!("{gtin}{check}").as_bytes())).unwrap();
        let written = format!("(01){gtin}{check}(10){lot}(21){serial}");
        let (aim, message) = super::written(&written).unwrap();
        let barcode = read(aim, &message);
        let again: String = barcode.elements.iter().map(|(ai, value)| format!("({ai}){value}")).collect();
        prop_assert_eq!(again, written);
    }
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

/// Free text may hold a payment card's number; digits that say what they are do not.
#[test]
fn card_numbers_in_elements_of_free_text_are_masked() {
    const PAN: &str = "4111111111111111";
    const MASKED: &str = "411111******1111";
    for front in [
        "010400638133393121",
        "010400638133393110",
        "41540063813330098020",
        "01040063813339318200https://example.com/",
        // The document's number has a field of its own, its serial number is free.
        "2534006381333009",
    ] {
        let content = format!("{front}{PAN}");
        let read = read(Some("]C1"), content.as_bytes());
        let shown = format!("{read:?}");
        assert!(!shown.contains(PAN) && shown.contains(MASKED), "{shown}");
        assert_eq!(read.elements.len(), if front.starts_with("253") { 1 } else { 2 }, "{shown}");
        assert!(codes(&read).contains(&"barcode-card-number"), "{shown}");
    }
}

#[test]
fn a_card_number_glued_to_an_identifier_is_masked() {
    // 17 digits where a GTIN has 14, as a scanner sends them and as people write them.
    for content in ["0104111111111111111", "(01)04111111111111111"] {
        let read = read(Some("]C1"), content.as_bytes());
        assert!(!read.data.contains("4111111111111111"), "{read:?}");
        assert!(!read.findings.is_empty() && read.elements.is_empty(), "{read:?}");
    }
}

#[test]
fn a_misread_ean_13_that_an_obsolete_card_number_fits_is_told_as_what_it_is() {
    for aim in [None, Some("]E0")] {
        let read = read(aim, b"4006381333932");
        assert_eq!(codes(&read), ["gtin-check-digit", "barcode-card-number"]);
        assert_eq!(read.findings[0].expected.as_deref(), Some("check digit 1"));
        assert!(read.findings[1].message.contains("misread EAN"));
        assert_eq!(read.data, "400638***3932");
    }
}
