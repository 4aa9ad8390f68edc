//! Faults of guides, EDIFACT, the choice among several guides. Rules of X12 are in `tests/edi/guides`.

use super::*;
use crate::edi::delimiters::Delimiters;
use crate::edi::finding::Remark;
use crate::edi::rules::Rule;
use crate::edi::schema::find;
use crate::edi::validate::{Sink, Spot, Validator};

const EDIFACT: Delimiters = Delimiters {
    element: b'+',
    component: b':',
    segment: b'\'',
    repetition: None,
    release: Some(b'?'),
};

fn read(text: &str) -> Result<Guide, GuideFaults> {
    Guide::new(toml::from_str(text).unwrap())
}

fn x12(rule: &str) -> Result<Guide, GuideFaults> {
    read(&format!(
        "name = \"G\"\nstandard = \"x12\"\nset = \"850\"\nversion = \"004010\"\n[[rule]]\n{rule}"
    ))
}

fn fault(rule: &str) -> String {
    x12(rule).unwrap_err().to_string()
}

#[test]
fn faults_of_a_rule_name_the_key_and_what_was_meant() {
    for (rule, says) in [
        ("at = 'BEGG'\nuse = 'required'", "at: the schema of 850 has no BEGG; did you mean BEG?"),
        (
            "at = 'PO1/N3'\nuse = 'required'",
            "at: the schema of 850 has no PO1/N3; it is at N1/N3, ",
        ),
        ("at = 'N3'\nuse = 'required'", "at: N3 is in several places; expected one of N1/N3, "),
        ("at = 'BEG99'\nuse = 'required'", "at: BEG has no element 99; expected BEG01 to BEG"),
        ("at = 'BEG02-1'\ncodes = ['SA']", "at: BEG02 has no components: leave out -1"),
        (
            "at = 'REF04-9'\nuse = 'required'",
            "at: REF04 has no component 9; expected REF04-1 to REF04-6",
        ),
        ("at = 'REF04'\ncodes = ['A']", "at: this is a composite"),
        ("at = 'REF.9999'\nuse = 'required'", "at: REF has no element with the number 9999"),
        (
            "at = 'REF.127'\nuse = 'required'",
            "at: REF has 127 in several places; expected one of REF02, REF04-2, ",
        ),
        ("at = 'BEG'\ncodes = ['SA']", "codes: this belongs to an element"),
        ("at = 'SAC01'\ncodes = ['Z']", "codes: the standard has no code \"Z\" here"),
        ("at = 'BEG02'\ncodes = ['SAX']", "codes: \"SAX\" cannot stand here"),
        ("at = 'BEG02'\ncodes = []", "codes: expected at least one"),
        ("at = 'REF02'\nlength = [4, 99]", "length: the standard has 1 to 30 characters"),
        ("at = 'REF02'\nlength = [5, 4]", "length: expected the shortest length first"),
        ("at = 'REF02'\npattern = '+'", "pattern: `+` stands after"),
        ("at = 'DTM'\nat_most = 11", "at_most: the standard allows 10 at most"),
        ("at = 'DTM'\nat_least = 3\nat_most = 2", "at_least: 3 is more than at_most, 2"),
        ("at = 'DTM'\nat_most = 0", "at_most: write use = \"forbidden\" for none"),
        ("at = 'DTM'\nuse = 'required'\nat_least = 0", "at_least: what is required is there once"),
        ("at = 'REF02'\nat_most = 2", "at_most: the standard allows 1 here"),
        ("at = 'BEG'\nuse = 'forbidden'", "use: the standard asks for it"),
        ("at = 'BEG02'\nuse = 'forbidden'", "use: the standard asks for it"),
        ("at = 'REF02'\nuse = 'forbidden'\nlength = [1, 2]", "use: what is forbidden has no other"),
        ("at = 'REF02'", "at: the rule asks for nothing"),
        (
            "at = 'REF'\nuse = 'required'\nwith = { element = 'BEG02', is = ['SA'] }",
            "with: BEG02 is in another segment: write when",
        ),
        (
            "at = 'REF'\nuse = 'required'\nwhen = { element = 'REF01', is = ['DP'] }",
            "when: this is an element of REF itself: write with",
        ),
        (
            "at = 'REF02'\nuse = 'required'\nwhen = { element = 'BEG', is = ['DP'] }",
            "when: BEG is no element; expected one such as BEG01",
        ),
        (
            "at = 'REF02'\nuse = 'required'\nwhen = { element = 'BEG02', is = ['SA'], present = true }",
            "when: expected one of is, is_not and present",
        ),
        (
            "at = 'REF02'\nuse = 'required'\nwhen = { element = 'SAC01', is = ['Z'] }",
            "when: the standard has no code \"Z\" here",
        ),
    ] {
        let told = fault(rule);
        assert!(told.starts_with(&format!("rule[0].{says}")), "{rule}\n{told}");
    }
}

#[test]
fn faults_of_the_head_are_told() {
    for (head, says) in [
        (
            "name = 'G'\nstandard = 'x12'\nset = '851'",
            "set: there is no schema for \"851\"; did you mean ",
        ),
        (
            "name = 'G'\nstandard = 'x12'\nset = '850'\nversion = '003010'",
            "version: there is no schema",
        ),
        ("name = ' '\nstandard = 'x12'\nset = '850'", "name: expected a name"),
        (
            "name = 'G'\nstandard = 'edifact'\nset = 'ORDER'",
            "set: there is no schema for \"ORDER\"; did you mean ORDERS?",
        ),
    ] {
        let told = read(head).unwrap_err().to_string();
        assert!(told.starts_with(says), "{told}");
    }
}

#[test]
fn without_a_version_a_guide_fits_every_version() {
    let head = "name = 'G'\nstandard = 'x12'\nset = '850'\n[[rule]]\nat = 'REF02'\n";
    assert_eq!(read(&format!("{head}length = [1, 30]")).unwrap().plans.len(), 2);
    let told = read(&format!("{head}length = [1, 50]")).unwrap_err().to_string();
    assert!(told.ends_with("(in 004010; name the version that the guide is for)"), "{told}");
}

#[test]
fn messages_of_tradacoms_have_versions_of_their_own() {
    let head = "name = 'G'\nstandard = 'tradacoms'\nset = 'ORDERS'\n";
    assert_eq!(read(&format!("{head}version = '9'")).unwrap().plans.len(), 1);
    let told = read(&format!("{head}version = '99'")).unwrap_err().to_string();
    assert!(told.starts_with("set: there is no schema"), "{told}");
}

#[derive(Default)]
struct Heard(Vec<String>);

impl Sink for Heard {
    fn remark(&mut self, rule: &Rule, remark: Remark, spot: Spot) {
        if rule.is_of_guide() {
            let at: Vec<_> = [spot.element, spot.component].into_iter().flatten().collect();
            self.0.push(format!("{}{at:?} {}", rule.code, remark.message));
        }
    }
}

/// What a guide says of a message.
fn heard(guide: &Guide, version: &[u8], segments: &[&str]) -> Vec<String> {
    let kept: Vec<KeptSegment> = segments
        .iter()
        .map(|text| {
            let text = format!("{text}'");
            KeptSegment::first_of(text.as_bytes(), Standard::Edifact, EDIFACT).unwrap()
        })
        .collect();
    let standard = guide.text.standard;
    let table = find(standard, guide.text.set.as_bytes(), version).unwrap();
    let group = KeptSegment::default();
    let mut check = GuideCheck::default();
    check.open(Guide::choose(&[guide], table, (&kept[0].view(), &group)));
    let (mut validator, mut heard) = (Validator::new(table), Heard::default());
    for segment in &kept[..kept.len() - 1] {
        validator.segment(&segment.view(), &mut heard);
        check.segment(&segment.view(), validator.matcher(), &mut heard);
    }
    validator.finish(&kept[kept.len() - 1].view(), &mut heard);
    check.finish(&kept[kept.len() - 1].view(), &mut heard);
    heard.0
}

#[test]
fn groups_and_components_of_edifact() {
    let guide = read(
        "name = 'G'\nstandard = 'edifact'\nset = 'ORDERS'\nversion = 'D:96A'
        [[rule]]\nat = 'SG2'\nwith = { element = 'NAD01', is = ['DP'] }\nuse = 'required'
        [[rule]]\nat = 'SG2/NAD02-1'\nuse = 'required'\npattern = '9+'
        [[rule]]\nat = 'DTM.2379'\ncodes = ['102']
        [[rule]]\nat = 'SG2/SG5'\nuse = 'forbidden'
        [[rule]]\nat = 'LIN/QTY'\nat_most = 1",
    )
    .unwrap();
    let message = [
        "UNH+1+ORDERS:D:96A:UN:EAN008",
        "BGM+220+1+9",
        "DTM+137:202611211230:203",
        "NAD+BY+541?+2::9",
        "NAD+SU",
        "CTA+OC",
        "LIN+1",
        "QTY+21:1",
        "LIN+2",
        "QTY+21:1",
        "QTY+59:1",
        "UNS+S",
        "UNT+12+1",
    ];
    assert_eq!(
        heard(&guide, b"96A", &message),
        [
            "guide-code[1, 3] G: DTM.2379 must be one of 102",
            "guide-pattern[2, 1] G: SG2/NAD02-1 must look like 9+",
            "guide-element-missing[2, 1] G: SG2/NAD02-1 is required",
            "guide-segment-forbidden[] G: SG2/SG5 is not used",
            "guide-segment-too-often[] G: LIN/QTY is there more than once",
            "guide-segment-missing[] G: SG2 with NAD01 DP is required",
        ]
    );
}

#[test]
fn the_guide_whose_version_says_most_is_chosen() {
    let guide = |version: &str| {
        read(&format!("name = 'G {version}'\nstandard = 'edifact'\nset = 'ORDERS'\n{version}"))
            .unwrap()
    };
    let (any, release) = (guide(""), guide("version = \"D:96A\""));
    let (flavour, later) = (guide("version = \"D:96A:UN:EAN008\""), guide("version = \"D:01B\""));
    let table = find(Standard::Edifact, b"ORDERS", b"96A").unwrap();
    let chosen = |unh: &[u8], guides: &[&Guide]| {
        let unh = KeptSegment::first_of(unh, Standard::Edifact, EDIFACT).unwrap();
        let chosen = Guide::choose(guides, table, (&unh.view(), &KeptSegment::default()));
        chosen.map(|(guide, _)| guide.name().to_owned())
    };
    let unh = b"UNH+1+ORDERS:D:96A:UN:EAN008'";
    let all = [&any, &release, &flavour, &later];
    assert_eq!(chosen(unh, &all).as_deref(), Some(flavour.name()));
    assert_eq!(chosen(b"UNH+1+ORDERS:D:96A:UN'", &all).as_deref(), Some(release.name()));
    assert_eq!(chosen(b"UNH+1+ORDERS:D:95B:UN'", &all).as_deref(), Some(any.name()));
    assert_eq!(chosen(unh, &[&later]), None);
}
