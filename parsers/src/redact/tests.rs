//! What must never survive, and what must never be touched.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::card::luhn;

/// A prefix and a length of each scheme's numbers.
const SHAPES: &[(&str, usize)] = &[
    ("4", 13),
    ("4", 16),
    ("4", 19),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("2720", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("65", 19),
    ("644", 16),
    ("300", 14),
    ("36", 14),
    ("38", 16),
    ("3528", 16),
    ("3589", 19),
    ("62", 16),
    ("62", 17),
    ("62", 18),
    ("62", 19),
    ("8100", 16),
    ("5018", 12),
    ("5893", 13),
    ("6759", 15),
    ("6304", 19),
    ("2200", 16),
    ("2204", 19),
    ("6521", 16),
    ("8172", 16),
    ("5067", 16),
    ("606282", 16),
    ("506100", 18),
    ("9792", 16),
    ("8600", 16),
    ("9860", 16),
    ("9704", 19),
    ("2205", 16),
];

/// A number that fits range, length and check digit.
fn pan() -> impl Strategy<Value = String> {
    let shape = proptest::sample::select(SHAPES);
    (shape, proptest::collection::vec(0..10_u8, 19)).prop_map(|((prefix, length), digits)| {
        let mut number = prefix.to_owned();
        number.extend(
            digits.iter().map(|digit| char::from(b'0' + digit)).take(length - 1 - prefix.len()),
        );
        let check = ('0'..='9').find(|check| luhn(format!("{number}{check}").as_bytes()));
        format!("{number}{}", check.unwrap())
    })
}

/// A number as someone may write it: grouped anyhow, in any script.
fn written() -> impl Strategy<Value = (String, String)> {
    let joints = prop_oneof![
        Just(vec![""]),
        Just(vec!["", " "]),
        Just(vec!["", "-", " "]),
        Just(vec!["", "."]),
        Just(vec!["", "\u{a0}", "‑"]),
        Just(vec![" "]),
    ];
    let zero = proptest::sample::select(vec!['0', '０', '٠', '०', '𝟘']);
    (pan(), joints, zero, proptest::collection::vec(any::<usize>(), 19)).prop_map(
        |(pan, joints, zero, choices)| {
            let mut text = String::new();
            for (digit, choice) in pan.chars().zip(choices) {
                if !text.is_empty() {
                    text.push_str(joints[choice % joints.len()]);
                }
                let value = digit.to_digit(10).unwrap();
                text.push(char::from_u32(u32::from(zero) + value).unwrap());
            }
            (pan, text)
        },
    )
}

/// All digits of a text in ASCII, without what stands between.
fn digits_of(text: &str) -> String {
    text.chars()
        .filter_map(|c| scan::digit_value(c).map(|value| char::from(b'0' + value)))
        .collect()
}

fn survives(pan: &str, output: &[u8]) -> bool {
    digits_of(&String::from_utf8_lossy(output)).contains(pan)
}

#[test]
fn a_number_that_begins_in_an_escape_is_masked_too() {
    for input in [r#"["\u4111111111111111"]"#, r#"{"note":"a\ud4111111111111111 b"}"#] {
        let redacted = json(input.as_bytes());
        assert!(!survives("4111111111111111", &redacted.bytes), "{input}");
        serde_json::from_slice::<Value>(&redacted.bytes).unwrap();
    }
    // What only stands beside an escape is judged as the value that it is.
    let input = r#"{"aim":"]C1","data":"0195060001343523\u001d4111111111111111"}"#;
    assert!(!survives("4111111111111111", &json(input.as_bytes()).bytes));
}

/// Every character as an escape, or every third.
fn escaped(text: &str, every: usize) -> String {
    let mut units = [0; 2];
    let escape = |character: char| {
        character
            .encode_utf16(&mut units)
            .iter()
            .map(|unit| format!("\\u{unit:04X}"))
            .collect::<String>()
    };
    let mut escape = escape;
    text.chars()
        .enumerate()
        .map(|(place, c)| if place % every == 0 { escape(c) } else { c.to_string() })
        .collect()
}

fn strings_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(strings_of).collect(),
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| [vec![key.clone()], strings_of(value)].concat())
            .collect(),
        other => vec![other.to_string()],
    }
}

/// Applies `json` and holds what must always hold for valid JSON.
fn checked_json(input: &str) -> Value {
    let before: Value = serde_json::from_str(input).unwrap();
    let redacted = json(input.as_bytes());
    let after: Value = serde_json::from_slice(&redacted.bytes).unwrap();
    assert_eq!(redacted.found.is_empty(), before == after, "{after}");
    assert_eq!(redacted.found.is_empty(), matches!(redacted.bytes, Cow::Borrowed(_)));
    let again = json(&redacted.bytes);
    assert_eq!(again.bytes, redacted.bytes, "not idempotent");
    assert!(again.found.is_empty());
    after
}

type Cutter = fn(&[u8]) -> Redacted<'_>;

fn checked_same_length(input: &[u8], cut: Cutter) -> Vec<u8> {
    let redacted = cut(input);
    assert_eq!(redacted.bytes.len(), input.len());
    assert_eq!(cut(&redacted.bytes).bytes, redacted.bytes, "not idempotent");
    redacted.bytes.into_owned()
}

const AROUND: &[(&str, &str)] = &[
    ("", ""),
    ("card ", " ok"),
    ("n°", "。"),
    ("12 ", " 12/29"),
    ("x", "y"),
    ("卡号", "，"),
    ("(", ")"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_number_survives_in_text((pan, written) in written(), around in proptest::sample::select(AROUND)) {
        let input = format!("{}{written}{}", around.0, around.1);
        let output = checked_same_length(input.as_bytes(), text);
        prop_assert!(!survives(&pan, &output), "{}", String::from_utf8_lossy(&output));
        prop_assert!(!survives(&pan, shown(&input).as_bytes()));
    }

    #[test]
    fn no_number_survives_in_json(
        (pan, written) in written(),
        field in proptest::sample::select(vec!["loyalty", "operator", "description", "data", "phone", "card_token", "x"]),
        around in proptest::sample::select(AROUND),
        every in 1..4_usize,
    ) {
        let value = format!("{}{written}{}", around.0, around.1);
        prop_assume!(field != "data" || !field::is_gtin(value.as_bytes()));
        for value in [value.clone(), escaped(&value, every)] {
            let inputs = [
                format!(r#"{{"{field}":"{value}","b":1}}"#),
                format!(r#"{{"{field}":["a",{{"b":"{value}"}}]}}"#),
                format!(r#"{{"a {value}":{{"{field}":null}}}}"#),
                format!("[\"{value}\"]"),
            ];
            for input in inputs {
                let output = checked_json(&input);
                for text in strings_of(&output) {
                    prop_assert!(!survives(&pan, text.as_bytes()), "{output}");
                }
            }
        }
    }

    #[test]
    fn no_number_survives_as_a_number_or_in_gtin(pan in pan()) {
        let output = checked_json(&format!(r#"{{"sequence": {pan}, "b": [-{pan}.50]}}"#));
        prop_assert!(strings_of(&output).iter().all(|text| !survives(&pan, text.as_bytes())));
        if pan.len() > 14 {
            let output = checked_json(&format!(r#"{{"gtin": "{pan}"}}"#));
            prop_assert!(!survives(&pan, output.to_string().as_bytes()));
        }
    }

    #[test]
    fn no_number_survives_without_quotes((pan, written) in written(), around in proptest::sample::select(AROUND)) {
        for value in [written.clone(), format!("{}{written}{}", around.0, around.1)] {
            let lines = [value.clone(), format!("{value} paid"), format!("{{\"a\":{value}"), format!("{{\"a\": {value} }}")];
            let wide = pan.encode_utf16().flat_map(u16::to_le_bytes).collect();
            for input in lines.map(String::into_bytes).into_iter().chain([wide]) {
                let output = json(&input).bytes.into_owned();
                prop_assert!(!survives(&pan, &output), "{}", String::from_utf8_lossy(&output));
                prop_assert_eq!(&json(&output).bytes, &output, "not idempotent");
            }
        }
    }

    #[test]
    fn no_number_survives_in_edi((pan, written) in written(), around in proptest::sample::select(AROUND)) {
        let value = format!("{}{written}{}", around.0, around.1);
        let x12 = format!(
            "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *261121*1801*U*00401*000000001*0*P*>~\
             GS*PO*S*R*20261121*1801*1*X*004010~ST*850*0001~BEG*00*SA*4500012345**20261121~\
             REF*ZZ*{value}~MSG*paid with {value}~N1*BT*A {value}>b~SE*4*0001~GE*1*1~IEA*1*000000001~"
        );
        let output = checked_same_length(x12.as_bytes(), edi);
        prop_assert!(!survives(&pan, &output), "{}", String::from_utf8_lossy(&output));
        let value = value.replace('\'', "?'");
        let edifact = format!(
            "UNA:+.? 'UNB+UNOC:3+S:14+R:14+261121:1801+1'UNH+1+ORDERS:D:96A:UN'BGM+220+PO1+9'\
             FTX+AAI+++{value}:and'RFF+ZZZ:{value}'UNT+5+1'UNZ+1+1'"
        );
        let output = checked_same_length(edifact.as_bytes(), edi);
        prop_assert!(!survives(&pan, &output), "{}", String::from_utf8_lossy(&output));
    }

    #[test]
    fn no_track_survives(pan in pan(), rest in "(29|30)(0[1-9]|1[0-2])[0-9]{3,10}") {
        let tracks = [
            format!("%B{pan}^DOE/JANE^{rest}?;{pan}={rest}?"),
            format!("{pan}={rest}"),
            format!("{pan}D{rest}F"),
            format!("swiped {pan}D{rest}"),
        ];
        for track in tracks {
            let output = checked_same_length(track.as_bytes(), text);
            let shown = String::from_utf8_lossy(&output);
            prop_assert!(!survives(&pan, &output), "{shown}");
            prop_assert!(!shown.contains("DOE") && !shown.contains(&rest), "{shown}");
            let value = checked_json(&serde_json::json!({"note": track}).to_string());
            prop_assert!(!value.to_string().contains(&rest));
        }
    }

    #[test]
    fn a_number_glued_to_digits_does_not_survive(pan in pan(), glue in "[0-9]{8,30}") {
        for input in [format!("{pan}{glue}"), format!("{glue}{pan}")] {
            let output = checked_same_length(input.as_bytes(), text);
            prop_assert!(!survives(&pan, &output));
        }
    }

    #[test]
    fn anything_can_be_redacted(input in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = checked_same_length(&input, text);
        let _ = checked_same_length(&input, edi);
        let _ = json(&input);
    }

    #[test]
    fn digits_and_blanks_are_idempotent(input in "[0-9 .*X-]{0,200}") {
        let _ = checked_same_length(input.as_bytes(), text);
        let _ = checked_same_length(input.as_bytes(), edi);
    }

    #[test]
    fn json_like_input_is_idempotent(input in r#"[\[\]{}",:0-9a-z\\ \n]{0,120}([a-z:" ]4111111111111111[a-z:" ])?[\[\]{}",:0-9a-z\\ \n]{0,40}"#) {
        let once = json(input.as_bytes()).bytes.into_owned();
        let twice = json(&once).bytes.into_owned();
        prop_assert_eq!(String::from_utf8_lossy(&once), String::from_utf8_lossy(&twice));
        prop_assert!(!survives("4111111111111111", &once));
    }

    #[test]
    fn trade_items_stay_in_their_field(digits in "[0-9]{13}", short in "[0-9]{12}") {
        for front in [digits, short] {
            let gtin = ('0'..='9').map(|check| format!("{front}{check}")).find(|gtin| {
                crate::barcode::check_digit_fits(gtin.as_bytes())
            }).unwrap();
            let input = serde_json::json!({"lines": [{"gtin": gtin}]}).to_string();
            prop_assert!(json(input.as_bytes()).found.is_empty(), "{input}");
            let x12 = format!("ISA*00*          *00*          *ZZ*S              *ZZ*R              *261121*1801*U*00401*000000001*0*P*>~PO1*1*5*EA*1.00**UK*{gtin}*VN*A~");
            prop_assert!(edi(x12.as_bytes()).found.is_empty(), "{x12}");
            let edifact = format!("UNB+UNOC:3+S:14+R:14+261121:1801+1'LIN+1++{gtin}:SRV'PIA+1+{gtin}:EN'");
            prop_assert!(edi(edifact.as_bytes()).found.is_empty(), "{edifact}");
        }
    }

    #[test]
    fn logistic_units_and_document_numbers_stay(front in "3[0-9]{16}", number in pan()) {
        let sscc = ('0'..='9').map(|check| format!("{front}{check}")).find(|sscc| {
            crate::barcode::check_digit_fits(sscc.as_bytes())
        }).unwrap();
        let x12 = format!("ISA*00*          *00*          *ZZ*S              *ZZ*R              *261121*1801*U*00401*000000001*0*P*>~BEG*00*SA*{number}**20261121~BIG*20261121*{number}*20261121*{number}~MAN*GM*00{sscc}~MAN*GM*{sscc}~");
        prop_assert!(edi(x12.as_bytes()).found.is_empty(), "{x12}");
        let edifact = format!("UNB+UNOC:3+S:14+R:14+261121:1801+1'BGM+220+{number}+9'RFF+ON:{number}'GIN+BJ+{sscc}+{sscc}'");
        prop_assert!(edi(edifact.as_bytes()).found.is_empty(), "{edifact}");
    }
}

#[test]
fn a_clean_sale_is_borrowed() {
    let sale = sale();
    assert!(matches!(json(sale.as_bytes()).bytes, Cow::Borrowed(_)));
}

/// A sale of usual size, with everything that looks like a card number and is none.
fn sale() -> String {
    r#"{"kind":"sale","store":"0042","terminal":"03","sequence":18231,"business_date":"2026-11-21",
"started_at":"2026-11-21T18:01:44+08:00","ended_at":"2026-11-21T18:03:11.123456+08:00","operator":"7","currency":"CNY",
"customer":{"loyalty":"9156001122334","card_token":"k1_0123456789012345678901234567890f","phone":"+8613812345678","email":"a@b.example","name":"王小明"},
"lines":[{"number":1,"gtin":"04006381333931","description":"绿茶 500ml","quantity":"2","unit":"EA","unit_price":"12.50",
"discounts":[{"amount":"1.00","reason":"coupon"}],"taxes":[{"rate":"13","amount":"2.76","included":true}],"amount":"24.00","voided":false,"entry":"scanned"},
{"number":2,"gtin":"30569309000063","description":"乌龙茶 1l","quantity":"1","unit":"EA","unit_price":"9.90","amount":"9.90","voided":false,"entry":"scanned"}],
"tenders":[{"kind":"card","amount":"33.90","scheme":"unionpay","masked_pan":"622123******7890","card_token":"k1_4111111111111111aaaaaaaaaaaaaaaa","change":"0.00"}],
"totals":{"net":"30.00","tax":"3.90","gross":"33.90"},"references":{"original_sale":"acme/0042/03/2026-11-20/18230/sale"}}"#
        .to_owned()
}

#[test]
fn places_say_where_and_what_is_left() {
    let input = r#"{"operator":"7","description":"paid 4111 1111 1111 1111"}"#;
    let redacted = json(input.as_bytes());
    assert_eq!(
        redacted.bytes.as_ref(),
        br#"{"operator":"7","description":"paid 4111 11** **** 1111"}"#.as_slice()
    );
    let place = Place {
        offset: input.find("\"paid").unwrap(),
        field: Some("description".to_owned()),
        scheme: Some(Scheme::Visa),
        masked: "4111 11** **** 1111".to_owned(),
    };
    assert_eq!(redacted.found, [place]);
}

#[test]
fn a_misread_track_is_cut_although_its_check_digit_is_wrong() {
    for (track, left) in [
        (";4111111111111112=2912101123?", ";411111******1112***********?"),
        ("%B411111111111111^DOE/JANE^2912101?", "%B411111*****1111*****************?"),
    ] {
        let output = checked_same_length(track.as_bytes(), text);
        assert_eq!(String::from_utf8_lossy(&output), left);
    }
    assert!(text(b";9156001122334=2912?").found.is_empty(), "a loyalty card's track");
}

#[test]
fn places_are_bounded() {
    let input = "4111111111111111,".repeat(100);
    let redacted = text(input.as_bytes());
    assert_eq!(redacted.found.len(), MAX_PLACES);
    assert!(!survives("4111111111111111", &redacted.bytes));
}

#[test]
fn verification_values_go_whatever_they_are() {
    let input = r#"{"CVV2":"123","pin_block":{"a":["}",1]},"Track-1":["x","y"],"cvc":123,"cid":null,"cvv":"","p\u0069n":"1234"}"#;
    let expected = r#"{"CVV2":"[removed]","pin_block":"[removed]","Track-1":"[removed]","cvc":"[removed]","cid":null,"cvv":"","p\u0069n":"[removed]"}"#;
    let redacted = json(input.as_bytes());
    assert_eq!(String::from_utf8_lossy(&redacted.bytes), expected);
    assert_eq!(redacted.found.len(), 5);
    assert_eq!(json(expected.as_bytes()).found, []);
}

#[test]
fn a_broken_line_is_text_and_costs_the_others_nothing() {
    let input = "{\"gtin\":\"30569309000063\"}\n{\"a\":\"4111111111111111\n{\"b\":4111111111111111 oops \"cvv\":\"123\",\"d\":1}\n{\"gtin\":\"30569309000063\"}\n";
    let expected = "{\"gtin\":\"30569309000063\"}\n{\"a\":\"411111******1111\n{\"b\":411111******1111 oops \"cvv\":\"***\",\"d\":1}\n{\"gtin\":\"30569309000063\"}\n";
    let redacted = json(input.as_bytes());
    assert_eq!(String::from_utf8_lossy(&redacted.bytes), expected);
}

#[test]
fn digits_in_groups_without_quotes_are_text() {
    let cases = [
        (r#"{"note": 4111 1111 1111 1111}"#, r#"{"note": 4111 11** **** 1111}"#),
        ("4111 1111 1111 1111 paid", "4111 11** **** 1111 paid"),
        ("4111\u{a0}1111\u{a0}1111\u{a0}1111", "4111\u{a0}11**\u{a0}****\u{a0}1111"),
        (r#"{"cvv": 12 3, "b": 1}"#, r#"{"cvv": ** *, "b": 1}"#),
    ];
    for (input, expected) in cases {
        assert_eq!(String::from_utf8_lossy(&json(input.as_bytes()).bytes), expected);
    }
    let wide: Vec<u8> = "4111111111111111".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(!survives("4111111111111111", &json(&wide).bytes));
    let valid = b"[1 , 2.5\t]\r\n3\r\n4";
    assert_eq!(json(valid).bytes.as_ref(), valid);
}

#[test]
fn what_follows_a_removed_value_goes_up_to_the_end_of_its_line() {
    let cases = [
        ("{\"track2\":{\"a\":[1]},41]}", "{\"track2\":\"[removed]\",\"[removed]\"]}"),
        ("{\"cvv\":\"123\" 4\n{\"a\":1}", "{\"cvv\":\"[removed]\" \"[removed]\"\n{\"a\":1}"),
        ("{\"cvv\":\n \"123\"}", "{\"cvv\":\n \"[removed]\"}"),
    ];
    for (input, expected) in cases {
        let redacted = json(input.as_bytes());
        assert_eq!(String::from_utf8_lossy(&redacted.bytes), expected);
        assert_eq!(json(&redacted.bytes).bytes, redacted.bytes, "not idempotent");
    }
}

#[test]
fn a_stray_continuation_byte_hides_nothing() {
    let output = checked_same_length(b"0\xb425 378282246310005", text);
    assert_eq!(output, b"0\xb425 378282*****0005");
}

#[test]
fn json_in_utf_16_is_text() {
    let wide: Vec<u8> =
        r#"{"a":"4111111111111111"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(!survives("4111111111111111", &json(&wide).bytes));
}

#[test]
fn a_barcode_reading_keeps_its_trade_item() {
    // All numbers here have a card number's range, length and check digit.
    let kept = [
        r#"{"kind":"barcode","lane":"3","aim":null,"data":"4006381300063"}"#,
        r#"{"kind":"barcode","lane":"3","aim":"]C1","data":"01305693090000631729123110A4111"}"#,
        r#"{"kind":"barcode","lane":"3","aim":"]C1","data":"00356000000000000022"}"#,
    ];
    for input in kept {
        assert_eq!(json(input.as_bytes()).found, [], "{input}");
    }
    let cut = r#"{"kind":"barcode","lane":"3","aim":"]Q1","data":"pay 4111111111111111"}"#;
    assert_eq!(json(cut.as_bytes()).found.len(), 1);
}

#[test]
fn what_is_a_release_character_for_some_is_none_for_others() {
    let isa = "ISA*00*          *00*          *ZZ*A              *ZZ*B              *261121*0900*U*00401*000000001*0*T*>~";
    for around in ["", isa, "UNB+UNOC:3+A+B+261121:0900+1'"] {
        for number in [
            "3?5555555555554444",
            "000?5555555555554444",
            "4111?111111111111",
            "12\\4111111111111111",
        ] {
            let input = format!("{around}NTE*ADD*{number}~");
            let redacted = edi(input.as_bytes());
            let left = String::from_utf8_lossy(&redacted.bytes).into_owned();
            assert!(!left.contains("555555555554") && !left.contains("11111111"), "{left}");
            assert_eq!(edi(&redacted.bytes).bytes, redacted.bytes);
        }
    }
}

#[test]
fn edi_that_was_folded_hides_nothing() {
    let input = b"UNB+UNOC:3+S:14+R:14+261121:1801+1'\r\nFTX+AAI+++41111111\r\n11111111'";
    let output = checked_same_length(input, edi);
    assert_eq!(output, b"UNB+UNOC:3+S:14+R:14+261121:1801+1'\r\nFTX+AAI+++411111XX\r\nXXXX1111'");
}

/// Takes an input in windows of this size, as one does that cannot hold it.
fn in_windows(input: &[u8], size: usize) -> Vec<u8> {
    let (mut windows, mut window, mut output) = (EdiWindows::default(), Vec::new(), Vec::new());
    for piece in input.chunks(size) {
        window.extend_from_slice(piece);
        let bytes = windows.next(&window);
        window.drain(..bytes.len());
        output.extend(bytes);
    }
    output.extend_from_slice(&windows.last(&window).bytes);
    output
}

proptest! {
    #[test]
    fn windows_leave_what_the_whole_leaves(pan in pan(), fill in 0..1500_usize, size in 1100..3000_usize) {
        let gtin = "30569309000063";
        let filling = format!("PID*F****{}~", "TEA".repeat(20)).repeat(fill / 60);
        let input = format!(
            "ISA*00*          *00*          *ZZ*S              *ZZ*R              *261121*1801*U*00401*000000001*0*P*>~{filling}\
             MSG*{}{pan}~PO1*1*5*EA*1.00**UK*{gtin}*VN*A~{filling}MSG*paid with {pan}~{filling}PO1*1*5*EA*1.00**UK*{gtin}~",
            "x".repeat(fill)
        );
        let output = in_windows(input.as_bytes(), size);
        let whole = edi(input.as_bytes()).bytes;
        prop_assert_eq!(String::from_utf8_lossy(&output), String::from_utf8_lossy(&whole));
        let shapeless = format!("{}{pan} {}{pan}={}", "x ".repeat(fill), "y".repeat(fill), "12".repeat(40));
        prop_assert!(!survives(&pan, &in_windows(shapeless.as_bytes(), size)));
    }
}

#[test]
fn delimiters_bound_a_number() {
    let input =
        b"UNB+UNOC:3+S:14+R:14+261121:1801+1'QTY+4111:1111:1111:1111'MOA+4111+1111+1111+1111'";
    assert!(edi(input).found.is_empty());
    // A component separator that would join groups elsewhere.
    let input = b"ISA*00*          *00*          *ZZ*S              *ZZ*R              *261121*1801*U*00401*000000001*0*P*-~X*4111-1111-1111-1111~";
    assert!(edi(input).found.is_empty());
}

#[test]
fn a_track_before_a_header_does_not_hide_the_header() {
    let input = b"IS~C^5555555555554444^^^UNB+UNOC:3+S:14+R:14+261121:1801+5555555555554444'";
    let once = edi(input).bytes.into_owned();
    assert_eq!(
        String::from_utf8_lossy(&once),
        "IS~C^555555XXXXXX4444XX UNB+UNOC:3+S:14+R:14+261121:1801+5555555555554444'"
    );
    assert!(edi(&once).found.is_empty());
    // A UNA behind a letter begins nothing, so that its UNB does; with or without it the same.
    let input = b"ISA*00^5555555555554444^^^IUNA:+.? 'UNB+U:378282246310d'RF378282246310005'UNT+";
    let once = edi(input).bytes.into_owned();
    assert_eq!(String::from_utf8_lossy(&edi(&once).bytes), String::from_utf8_lossy(&once));
}

#[test]
fn a_text_that_begins_like_a_header_is_none() {
    for text in ["ISABELLA paid with 4111111111111111", "UNAWARE of 4111111111111111"] {
        assert_eq!(edi(text.as_bytes()).found.len(), 1, "{text}");
    }
    // Here the mask made separators, and with them another header.
    let input = b"ISAX*I4111111111111111=1'80**~'IN41111111111111411111111111111111=1'0";
    let once = edi(input).bytes.into_owned();
    assert_eq!(String::from_utf8_lossy(&edi(&once).bytes), String::from_utf8_lossy(&once));
}

#[test]
fn receipts_are_no_card_numbers() {
    for line in
        ["12.50 24.00 3.99 4.50 12.00", "2026-11-21 18:03:11", "2 x 4.50  9.00", "10.0.0.1:8420"]
    {
        assert!(text(line.as_bytes()).found.is_empty(), "{line}");
    }
}
