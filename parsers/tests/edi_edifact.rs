//! EDIFACT beside the golden files: when a CONTRL is sent, how values are decoded, what a package hides.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use tillgate_parsers::edi::json::Lines;
use tillgate_parsers::edi::{
    self, CharacterSet, Functional, Issue, Options, Policy, Reader, Report, Wish,
};

const ISSUE: Issue =
    Issue { functional: Functional::F997, control_number: 7, date: (2026, 11, 21), time: (12, 34) };

fn interchange(head: &str, content: &str) -> String {
    let messages = content.matches("UNH+").count() + content.matches("UNO+").count();
    format!("{head}{content}UNZ+{messages}+R1'")
}

const HEAD: &str = "UNB+UNOC:3+A:14+B:14+261121:0900+R1'";
const MESSAGE: &str = "UNH+1+GENRAL:D:96A:UN'BGM+220'UNT+3+1'";

fn contrl(report: &Report<'_>, wish: Wish) -> Vec<String> {
    edi::contrl(report, &ISSUE, wish)
        .into_iter()
        .map(|answer| String::from_utf8_lossy(&answer.content).into_owned())
        .collect()
}

/// The messages as JSON.
fn json(input: &[u8], options: &Options<'_>) -> Vec<serde_json::Value> {
    let mut lines = Lines::default();
    let mut reader = Reader::new(options);
    reader.feed(input, &mut lines);
    reader.finish(&mut lines);
    let text = std::str::from_utf8(lines.text()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_contrl_is_sent_when_it_is_asked_for_or_something_is_wrong() {
    let asked = HEAD.replace("+R1'", "+R1++++1'");
    let wrong = MESSAGE.replace("UNT+3+1", "UNT+3+2");
    let never = Wish { on_error: false, receipt: false };
    for (input, default, quiet) in [
        (interchange(HEAD, MESSAGE), 0, 0),
        (interchange(&asked, MESSAGE), 1, 1),
        (interchange(HEAD, &wrong), 1, 0),
        (interchange(&asked, &wrong), 1, 1),
    ] {
        // There is no table for the message, which would be a reason for an answer by itself.
        let options = Options { check_sets: false, ..Options::default() };
        let report = edi::read(input.as_bytes(), &options);
        assert_eq!(contrl(&report, Wish::default()).len(), default, "{input}");
        assert_eq!(contrl(&report, never).len(), quiet, "{input}");
    }
}

#[test]
fn a_receipt_says_no_more_than_that_it_came() {
    let input = interchange(HEAD, &MESSAGE.replace("UNT+3+1", "UNT+3+2"));
    let report = edi::read(input.as_bytes(), &Options::default());
    let receipt = contrl(&report, Wish { on_error: true, receipt: true });
    assert_eq!(
        receipt,
        [
            "UNB+UNOC:3+B:14+A:14+261121:1234+7'UNH+1+CONTRL:D:3:UN'UCI+R1+A:14+B:14+8'UNT+3+1'UNZ+1+7'"
        ]
    );
}

#[test]
fn an_interchange_with_a_contrl_among_others_is_answered_without_it() {
    let contrl_in = "UNH+2+CONTRL:D:3:UN'UCI+1+B+A+7'UNT+3+9'";
    let input = interchange(HEAD, &format!("{}{contrl_in}", MESSAGE.replace("UNT+3+1", "UNT+3+8")));
    let report = edi::read(input.as_bytes(), &Options::default());
    let answers = contrl(&report, Wish::default());
    assert!(
        answers[0].contains("UCM+1+GENRAL") && !answers[0].contains("CONTRL:D:3:UN+4"),
        "{answers:?}"
    );
    let only = interchange(HEAD, contrl_in);
    let report = edi::read(only.as_bytes(), &Options::default());
    assert!(contrl(&report, Wish::default()).is_empty());
}

#[test]
fn what_is_copied_into_a_contrl_is_released_again() {
    let head = HEAD.replace("A:14", "O?'BRIEN ?+ CO");
    let input = interchange(&head, &MESSAGE.replace("UNT+3+1", "UNT+3+2"));
    let report = edi::read(input.as_bytes(), &Options::default());
    let answers = contrl(&report, Wish::default());
    assert!(answers[0].contains("UCI+R1+O?'BRIEN ?+ CO+B:14+7'"), "{answers:?}");
    let back = edi::read(answers[0].as_bytes(), &Options::default());
    assert_eq!(back.findings.errors(), 0);
    assert_eq!(back.interchanges[0].receiver().1, b"O?'BRIEN ?+ CO");
}

#[test]
fn two_interchanges_of_one_sender_get_two_contrls_in_one() {
    let wrong = MESSAGE.replace("UNT+3+1", "UNT+3+2");
    let input =
        [interchange(HEAD, &wrong), interchange(&HEAD.replace("R1", "R2"), &wrong)].concat();
    let report = edi::read(input.as_bytes(), &Options::default());
    let answers = contrl(&report, Wish::default());
    assert_eq!(answers.len(), 1);
    assert!(answers[0].contains("UNH+2+CONTRL") && answers[0].ends_with("UNZ+2+7'"), "{answers:?}");
}

#[test]
fn a_contrl_declares_a_character_set_that_has_what_it_copies() {
    let wrong = MESSAGE.replace("UNT+3+1", "UNT+3+2");
    for (syntax, party, declared) in [
        ("UNOW:4", "北京".as_bytes(), "UNOW:4"),
        ("UNOW:4", b"\xCA\xFF", "UNOC:4"),
        ("UNOC:3", b"\xCA\xFF", "UNOC:3"),
        ("UNOF:3", b"\xC1\xFF", "UNOF:3"),
    ] {
        let head = HEAD.replace("UNOC:3", syntax).replace("+A:14", "+A@@:14");
        let whole = interchange(&head, &wrong);
        let (before, after) = whole.split_once("@@").unwrap();
        let input = [before.as_bytes(), party, after.as_bytes()].concat();
        let report = edi::read(&input, &Options::default());
        let answers = edi::contrl(&report, &ISSUE, Wish::default());
        let expected = format!("UNB+{declared}+");
        assert!(answers[0].content.starts_with(expected.as_bytes()), "{:?}", answers[0]);
    }
}

#[test]
fn values_are_decoded_by_the_declared_character_set() {
    let order = |syntax: &str, text: &[u8]| {
        let head = HEAD.replace("UNOC:3", syntax);
        let body = "UNH+1+GENRAL:D:96A:UN:X1'FTX+AAI+++@@?+'UNT+3+1'";
        let whole = interchange(&head, body);
        let (before, after) = whole.split_once("@@").unwrap();
        [before.as_bytes(), text, after.as_bytes()].concat()
    };
    for (syntax, text, agreed, expected) in [
        ("UNOC:3", &b"M\xFCller"[..], None, "Müller+"),
        ("UNOD:3", b"\xA3\xF3d\xBC", None, "Łódź+"),
        ("UNOW:4", "北京".as_bytes(), None, "北京+"),
        ("UNOB:2", b"\xB1\xB1\xBE\xA9", Some(CharacterSet::Gb18030), "北京+"),
    ] {
        let input = order(syntax, text);
        let options =
            Options { character_set: agreed, policy: Policy::Strict, ..Options::default() };
        let report = edi::read(&input, &options);
        assert_eq!(report.findings.errors(), 0, "{syntax} {:?}", report.findings.kept());
        let json = json(&input, &options);
        assert_eq!(json[0]["content"][1]["FTX04-1"], expected);
        assert_eq!(json[0]["transaction"], "GENRAL");
        assert_eq!(json[0]["version"], "D:96A:UN:X1");
    }
}

#[test]
fn components_and_repetitions_have_names_of_their_own() {
    let head = HEAD.replace("UNOC:3", "UNOC:4").replace("261121", "20261121");
    let body = "UNH+1+GENRAL:D:01B:UN'NAD+BY+541:9*542::9+A*B'UNT+3+1'";
    let input = interchange(&head, body);
    let nad = &json(input.as_bytes(), &Options::default())[0]["content"][1];
    let expected = serde_json::json!({
        "segment": "NAD", "NAD01": "BY",
        "NAD02": [{"NAD02-1": "541", "NAD02-2": "9"}, {"NAD02-1": "542", "NAD02-3": "9"}],
        "NAD03": [{"NAD03-1": "A"}, {"NAD03-1": "B"}],
    });
    assert_eq!(nad, &expected);
}

#[test]
fn a_package_hides_whatever_it_holds() {
    let head = HEAD.replace("UNOC:3", "UNOC:4").replace("261121", "20261121");
    let object = "'UNZ+1+R1'UNB+UNOA:1+X+Y+'?";
    let package = format!("UNO+P1+1:77+48:EDC+{}'{object}UNP+{}+P1'", object.len(), object.len());
    let input = interchange(&head, &format!("{package}{MESSAGE}"));
    let report =
        edi::read(input.as_bytes(), &Options { policy: Policy::Strict, ..Options::default() });
    assert_eq!(report.findings.errors(), 0, "{:?}", report.findings.kept());
    assert_eq!(report.summary.sets, 2);
    let mut walk = report.interchanges[0].groups[0].sets[0].walk(input.as_bytes());
    let mut tags = Vec::new();
    while let Some(segment) = walk.next_segment() {
        tags.push(segment.tag_text().to_owned());
    }
    assert_eq!(tags, ["UNO", "UNP"]);
}

#[test]
fn a_package_longer_than_a_block_is_passed_over() {
    let head = HEAD.replace("UNOC:3", "UNOC:4").replace("261121", "20261121");
    let object = "'UNT+1+1'".repeat(50_000);
    let package = format!("UNO+P1+1:77+48:EDC+{}'{object}UNP+{}+P1'", object.len(), object.len());
    let input = interchange(&head, &format!("{package}{MESSAGE}"));
    let report = edi::read(input.as_bytes(), &Options::default());
    assert_eq!((report.findings.errors(), report.summary.sets), (0, 2));
}

#[test]
fn a_stream_that_ends_after_an_object_lacks_unp() {
    struct Heard(Vec<&'static str>);
    impl edi::Events for Heard {
        fn finding(&mut self, finding: edi::EdiFinding) {
            self.0.push(finding.finding.code);
        }
    }
    let mut heard = Heard(Vec::new());
    let mut reader = Reader::new(&Options::default());
    reader.feed(HEAD.replace("UNOC:3", "UNOC:4").as_bytes(), &mut heard);
    reader.feed(b"UNO+7+1:77+48:EDC+3'abc", &mut heard);
    reader.finish(&mut heard);
    assert_eq!(heard.0, ["unp-missing", "unz-missing"]);
}

#[test]
fn every_test_indicator_says_that_it_is_not_production() {
    for (indicator, is_test) in [
        ("", false),
        ("0", false),
        ("1", true),
        ("2", true),
        ("3", true),
        ("4", true),
        ("11", true),
    ] {
        let head = HEAD.replace("+R1'", &format!("+R1++++++{indicator}'"));
        let input = interchange(&head, MESSAGE);
        let report = edi::read(input.as_bytes(), &Options::default());
        assert_eq!(report.interchanges[0].is_test(), is_test, "{indicator}");
        assert_eq!(json(input.as_bytes(), &Options::default())[0]["test"], is_test, "{indicator}");
    }
}
