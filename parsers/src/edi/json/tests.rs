use serde_json::{Value, json};

use proptest::prelude::*;

use super::Lines;
use crate::edi::{self, EdiFinding, Options, Policy, Reader};

const ORDER: &str = include_str!("../../../tests/edi/golden/composite-reference.edi");
const ORDER_5010: &str = include_str!("../../../tests/edi/golden/order-5010.edi");

fn sets(input: &str, chunk: usize) -> Vec<Value> {
    let mut lines = Lines::default();
    let mut text = Vec::new();
    let mut reader = Reader::new(&Options::default());
    for chunk in input.as_bytes().chunks(chunk) {
        reader.feed(chunk, &mut lines);
        text.extend_from_slice(lines.text());
        lines.clear();
    }
    reader.finish(&mut lines);
    text.extend_from_slice(lines.text());
    let text = String::from_utf8(text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn set(input: &str) -> Value {
    let mut sets = sets(input, usize::MAX);
    assert_eq!(sets.len(), 1);
    sets.remove(0)
}

fn segment<'s>(set: &'s Value, tag: &str) -> &'s Value {
    let content = set["content"].as_array().unwrap();
    let found = content.iter().rfind(|node| node["segment"] == tag);
    found.unwrap_or_else(|| panic!("no {tag} in {set}"))
}

#[test]
fn control_data_of_all_levels_is_there() {
    let set = set(ORDER);
    let told = json!([set["standard"], set["transaction"], set["control_number"], set["version"]]);
    assert_eq!(told, json!(["x12", "850", "0001", "004010"]));
    assert_eq!((&set["test"], &set["valid"]), (&json!(false), &json!(true)));
    let interchange = &set["interchange"];
    assert_eq!(interchange["control_number"], "000000101");
    assert_eq!(
        (&interchange["sender"], &interchange["receiver"]),
        (&json!("ZZ:BIGBOX"), &json!("ZZ:ACME"))
    );
    assert_eq!(interchange["header"]["ISA12"], "00401");
    assert_eq!(interchange["header"]["ISA16"], ">");
    let group = &set["group"];
    assert_eq!(group["control_number"], "101");
    assert_eq!(
        group["header"],
        json!({
            "segment": "GS", "GS01": "PO", "GS02": "BIGBOX", "GS03": "ACME", "GS04": "20261121",
            "GS05": "0915", "GS06": "101", "GS07": "X", "GS08": "004010"
        })
    );
    assert_eq!(segment(&set, "SE"), &json!({"segment": "SE", "SE01": "20", "SE02": "0001"}));
    let bytes = [0, 1].map(|at| usize::try_from(set["bytes"][at].as_u64().unwrap()).unwrap());
    let whole = &ORDER[bytes[0]..bytes[1]];
    assert!(whole.starts_with("ST*850*") && whole.ends_with("SE*20*0001~"), "{whole}");
}

#[test]
fn loops_are_nested_and_components_named() {
    let set = set(ORDER);
    assert_eq!(
        segment(&set, "REF"),
        &json!({"segment": "REF", "REF01": "ZZ", "REF02": "1", "REF04-1": "PO", "REF04-2": "7",
            "REF04-3": "LI"})
    );
    let lines: Vec<_> =
        set["content"].as_array().unwrap().iter().filter(|node| node["loop"] == "PO1").collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["content"][0]["PO107"], "4006381333931");
    assert_eq!(lines[1]["content"][1]["loop"], "PID");
    assert_eq!(lines[1]["content"][1]["content"][0]["PID05"], "BALLPOINT PENS");
}

#[test]
fn chunks_of_any_size_give_the_same() {
    let two = format!("{ORDER}\n{ORDER_5010}");
    let whole = sets(&two, usize::MAX);
    assert_eq!(whole.len(), 2);
    for chunk in [1, 7, 64, 1000] {
        assert_eq!(sets(&two, chunk), whole, "{chunk}");
    }
}

#[test]
fn repetitions_are_lists() {
    let set = set(&ORDER_5010.replace("~CTT*", "~QQQ*A^B*C>D^E*F>G~CTT*"));
    // The unknown segment stays where it was found: in the last line, with its description.
    let content = set["content"].as_array().unwrap();
    let line = content.iter().rfind(|node| node["loop"] == "PO1").unwrap();
    let last = line["content"].as_array().unwrap().last().unwrap();
    assert_eq!(
        last,
        &json!({"segment": "QQQ", "QQQ01": ["A", "B"], "QQQ03-1": "F", "QQQ03-2": "G",
            "QQQ02": [{"QQQ02-1": "C", "QQQ02-2": "D"}, {"QQQ02-1": "E"}]})
    );
    assert_eq!(set["valid"], false);
}

#[test]
fn card_numbers_are_masked_in_text_and_where_nothing_is_known() {
    let card = "4111111111111111";
    let text = ORDER.replace("BALLPOINT PENS", card).replace("~CTT*", &format!("~QQQ*{card}~CTT*"));
    let set = set(&text).to_string();
    assert!(!set.contains(card), "{set}");
    assert_eq!(set.matches("411111******1111").count(), 2);
}

#[test]
fn what_cannot_be_a_tag_is_not_repeated_with_every_element() {
    let tag = "T".repeat(5000);
    let elements = "*a".repeat(5000);
    let mut lines = Lines::default();
    let mut reader = Reader::new(&Options::default());
    reader.feed(ORDER.replace("~CTT*", &format!("~{tag}{elements}~CTT*")).as_bytes(), &mut lines);
    reader.finish(&mut lines);
    assert!(lines.text().len() < 100_000, "{}", lines.text().len());
}

#[test]
fn a_set_that_breaks_off_is_a_whole_line() {
    let cut = ORDER.find("~CTT*").unwrap();
    let set = set(&ORDER[..cut]);
    assert_eq!(set["valid"], false);
    assert_eq!(set["bytes"][1], cut);
}

#[test]
fn card_numbers_are_masked_in_tags_and_in_the_long_texts_of_tradacoms() {
    let transmission: &[u8] = b"STX=ANA:1+5000000000000:A+5010000000000:B+261121:130233+7++ORDHDR'\
        MHD=1+ORDERS:9'CLO=5000000000283:89828+CARD 4111111111111111'4111111111111111=1'MTR=4'END=1'";
    let mut lines = Lines::default();
    let mut reader = Reader::new(&Options::default());
    reader.feed(transmission, &mut lines);
    reader.finish(&mut lines);
    let text = String::from_utf8_lossy(lines.text()).into_owned();
    assert!(text.contains("\"CARD 411111******1111\""), "{text}");
    assert!(text.contains("\"segment\":\"411111******1111\""), "{text}");
    assert!(!text.contains("4111111111111111"), "{text}");
}

fn lines_of(input: &[u8]) -> Vec<Value> {
    let mut lines = Lines::default();
    let mut reader = Reader::new(&Options::default());
    reader.feed(input, &mut lines);
    reader.finish(&mut lines);
    let text = str::from_utf8(lines.text()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn findings(input: &[u8]) -> Vec<EdiFinding> {
    let options = Options { policy: Policy::Strict, ..Options::default() };
    edi::read(input, &options).findings.kept().to_vec()
}

#[test]
fn bytes_that_are_no_character_are_shown_and_named() {
    const MESSAGE: &str = "UNB+UNOW:4+4012345000009:14+5412345000013:14+20261121:0900+R1'\
        UNH+1+ORDERS:D:96A:UN'BGM+220+47+9'DTM+137:20261121:102'NAD+BY+++M?LLER'LIN+1'UNS+S'UNT+7+1'UNZ+1+R1'";
    let at = MESSAGE.find("M?LLER").unwrap() + 1;
    let mut declared = MESSAGE.as_bytes().to_vec();
    declared[at] = 0xFC;
    let text = lines_of(&declared)[0].to_string();
    assert!(text.contains("\"M\u{FFFD}LLER\""), "{text}");
    let found = findings(&declared);
    let found = found.iter().find(|one| one.finding.code == "character-malformed").unwrap();
    assert_eq!(found.place.offset, at);
    assert!(found.finding.message.contains("byte FC"), "{}", found.finding.message);

    let at = ORDER.find("BALLPOINT").unwrap() + 1;
    let mut undeclared = ORDER.as_bytes().to_vec();
    undeclared[at] = 0xC4;
    let text = lines_of(&undeclared)[0].to_string();
    assert!(text.contains("B\u{C4}LLPOINT PENS"), "{text}");
    let found = findings(&undeclared);
    assert_eq!((found[0].finding.code, found[0].place.offset), ("element-character-set", at));
    assert!(found[0].finding.message.contains("byte C4"), "{}", found[0].finding.message);
}

/// JSON's numbers have no zeros before them, and readers round them.
#[test]
fn elements_of_every_type_are_the_strings_that_were_sent() {
    const INVOICE: &str = include_str!("../../../tests/edi/golden/invoice-clean.edi");
    const MESSAGE: &str = "UNB+UNOC:3+0012:14+0034:14+261121:0900+00R1'UNH+0001+ORDERS:D:96A:UN'\
        BGM+220+0047?+11+9'DTM+137:20261121:102'NAD+BY+0012345000010::9'LIN+000001++0012345678905:EN'\
        QTY+21:012,50'PRI+AAA:-0.500'UNS+S'UNT+10+0001'UNZ+1+00R1'";
    const TRADACOMS: &str = include_str!("../../../tests/edi/golden/tradacoms-order.edi");
    let invoice = INVOICE
        .replace("REF*IA*V-55", "REF*IA*007.50")
        .replace("*4.25*", "*04.250*")
        .replace("TDS*16996", "TDS*-0016996")
        .replace("TXI*ST*5.96*", "TXI*ST*.5960*")
        .replace("SE*18*", "SE*0018*");
    for (input, sent) in [
        // N0, N2, R; then ID, AN, DT, TM.
        (&*invoice, "SE01 0018,TDS01 -0016996,IT104 04.250,TXI02 .5960,CTT01 2"),
        (&*invoice, "SAC05 300,CUR02 USD,REF02 007.50,ST02 0001,N104 0012345000027,GS06 101"),
        (
            &*invoice,
            "BIG01 20261121,GS05 0915,ISA13 000000101,ISA06 BIGBOX         ,ISA04           ",
        ),
        (MESSAGE, "QTY01-2 012,50;PRI01-2 -0.500;LIN01 000001;LIN03-1 0012345678905;UNT01 10"),
        (MESSAGE, "BGM02 0047+11;DTM01-2 20261121;UNH01 0001;UNB02-1 0012;UNB05 00R1"),
        (TRADACOMS, "OLD01 1;OLD02-1 5010210000000"),
    ] {
        let text = lines_of(input.as_bytes()).iter().map(Value::to_string).collect::<String>();
        let separator = if sent.contains(';') { ';' } else { ',' };
        for one in sent.split(separator) {
            let (reference, value) = one.split_once(' ').unwrap();
            assert!(text.contains(&format!("\"{reference}\":\"{value}\"")), "{one}: {text}");
        }
    }
}

proptest! {
    #[test]
    fn every_line_is_json_in_utf_8_whatever_the_bytes(
        bytes in prop::collection::vec((0_usize..4000, any::<u8>()), 1..40),
        which in 0_usize..3,
    ) {
        let inputs: [&[u8]; 3] = [
            ORDER.as_bytes(),
            include_bytes!("../../../tests/edi/golden/edifact-repetition-in-version-4.edi"),
            include_bytes!("../../../tests/edi/golden/tradacoms-order.edi"),
        ];
        let mut input = inputs[which].to_vec();
        let length = input.len();
        for (at, byte) in bytes {
            input[at % length] = byte;
        }
        for set in lines_of(&input) {
            prop_assert!(set["content"].is_array());
        }
    }
}
