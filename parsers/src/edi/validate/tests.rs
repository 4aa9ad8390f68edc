//! Elements of all three standards held against the tables that the build made, and the quick check held against the
//! close one.

use proptest::prelude::*;

use super::*;
use crate::edi::delimiters::Delimiters;
use crate::edi::schema::{Directory, Shape};
use crate::edi::segment::KeptSegment;

const X12: Delimiters =
    Delimiters { element: b'*', component: b'>', segment: b'~', repetition: None, release: None };
const EDIFACT: Delimiters = Delimiters {
    element: b'+',
    component: b':',
    segment: b'\'',
    repetition: None,
    release: Some(b'?'),
};
const X12_REPEATING: Delimiters = Delimiters { repetition: Some(b'^'), ..X12 };

#[derive(Default)]
struct Heard(Vec<String>);

impl Sink for Heard {
    fn remark(&mut self, rule: &Rule, _: Remark, spot: Spot) {
        let mut text = rule.code.to_owned();
        for number in [spot.element, spot.component].into_iter().flatten() {
            text.push_str(&format!("/{number}"));
        }
        self.0.push(text);
    }
}

fn only_segment(text: &[u8], delimiters: Delimiters) -> KeptSegment {
    KeptSegment::first_of(text, Standard::X12, delimiters).unwrap()
}

fn shape_in(directory: Directory, tag: &[u8]) -> &'static Shape {
    directory.tables().shape(crate::edi::schema::tag_code(tag)).unwrap()
}

/// What the close check says of one segment.
fn heard(directory: Directory, delimiters: Delimiters, text: &str) -> Vec<String> {
    let kept = only_segment(text.as_bytes(), delimiters);
    let segment = kept.view();
    let mut heard = Heard::default();
    Elements {
        tables: directory.tables(),
        shape: Some(shape_in(directory, segment.tag())),
        standard: directory.standard(),
        segment: &segment,
        loop_id: None,
        scratch: &mut Vec::new(),
        sink: &mut heard,
    }
    .check();
    heard.0
}

fn edifact(text: &str) -> Vec<String> {
    heard(Directory::D96A, EDIFACT, text)
}

#[test]
fn elements_of_edifact() {
    for good in [
        "BGM+220+4500012345+9'",
        "DTM+137:20261121:102'",
        "DTM+137:202611211230:203'",
        "QTY+21:12.5'",
        "QTY+21:12,5'",
        "QTY+21:-3'",
        "NAD+BY+5412345000013::9'",
        "NAD+BY+5412345000013::9++SMITH ?: JONES ?+ SONS??'",
        "LIN+1++4012345678901:EN'",
    ] {
        assert_eq!(edifact(good), [""; 0], "{good}");
    }
    for (bad, says) in [
        ("DTM+137:20261321:102'", "element-date/1/2"),
        ("DTM+137:2026112:102'", "element-date/1/2"),
        ("QTY+21:1.000,5'", "element-character/1/2"),
        ("QTY+21:.5'", "decimal-mark-first/1/2"),
        ("QTY+21:5,'", "decimal-mark-last/1/2"),
        ("QTY+21:,'", "element-character/1/2"),
        ("QTY+:5'", "element-missing/1/1"),
        ("QTY'", "element-missing/1"),
        ("QTY+21:5:PCE:X'", "too-many-components/1/4"),
        ("QTY+21:5::'", "trailing-component-separators/1/4"),
        ("QTY+21:5:::X'", "too-many-components/1/4"),
        ("NAD+BY+123456789012345678901234567890123456::9'", "element-too-long/2/1"),
        ("LIN+1234567'", "element-too-long/1"),
        ("BGM+220+1+9+AB+X'", "too-many-elements/5"),
        ("BGM+220+1+9+'", "trailing-separators/4"),
    ] {
        assert_eq!(edifact(bad), [says], "{bad}");
    }
}

#[test]
fn release_characters_do_not_count() {
    let name = format!("NAD+BY+++{}?:'", "N".repeat(34));
    assert_eq!(edifact(&name), [""; 0]);
    let name = format!("NAD+BY+++{}?:'", "N".repeat(35));
    assert_eq!(edifact(&name), ["element-too-long/4/1"]);
}

#[test]
fn elements_of_tradacoms() {
    let delimiters = Delimiters { repetition: None, ..EDIFACT };
    let tradacoms = |text: &str| {
        // The scanner takes the tag off at `=`; here it is an element separator like the others.
        heard(Directory::Tradacoms, delimiters, &text.replacen('=', "+", 1))
    };
    assert_eq!(tradacoms("MHD=1+ORDERS:9'"), [""; 0]);
    assert_eq!(tradacoms("MHD=A+ORDERS:9'"), ["element-character/1"]);
    assert_eq!(tradacoms("MHD=1+TOOLONG:9'"), ["element-too-long/2/1"]);
    assert_eq!(tradacoms("MHD=1'"), ["element-missing/2"]);
}

#[test]
fn versions_of_x12_differ() {
    let long = format!("REF*DP*{}~", "1".repeat(40));
    assert_eq!(heard(Directory::X12V4010, X12, &long), ["element-too-long/2"]);
    assert_eq!(heard(Directory::X12V5010, X12, &long), [""; 0]);
}

/// Segments that are nearly right, so that both answers come up.
fn nearly_right() -> impl Strategy<Value = (Directory, Delimiters, String)> {
    let value = prop_oneof![
        4 => "[A-Z]{0,3}",
        4 => "[0-9]{1,8}",
        1 => "-?[0-9]{0,3}[.,][0-9]{0,2}",
        1 => "2026[01][0-9][0-3][0-9]",
        1 => "[ -}]{0,12}",
    ];
    let tag = prop::sample::select(vec![
        (Directory::X12V4010, X12, "PO1"),
        (Directory::X12V4010, X12, "DTM"),
        (Directory::X12V4010, X12, "SLN"),
        (Directory::X12V5010, X12_REPEATING, "REF"),
        (Directory::X12V5010, X12_REPEATING, "AK4"),
        (Directory::D96A, EDIFACT, "DTM"),
        (Directory::D96A, EDIFACT, "QTY"),
        (Directory::D01B, EDIFACT, "COM"),
        (Directory::D01B, EDIFACT, "LIN"),
    ]);
    (tag, prop::collection::vec(prop::collection::vec(value, 1..4), 0..8)).prop_map(
        |((directory, delimiters, tag), elements)| {
            let mut text = tag.to_owned();
            for components in elements {
                text.push(char::from(delimiters.element));
                let separator = char::from(delimiters.component).to_string();
                text.push_str(&components.join(&separator));
            }
            text.push(char::from(delimiters.segment));
            (directory, delimiters, text)
        },
    )
}

proptest! {
    #[test]
    fn what_fits_has_no_remark((directory, delimiters, text) in nearly_right()) {
        let kept = only_segment(text.as_bytes(), delimiters);
    let segment = kept.view();
        if let Some(shape) = directory.tables().shape(segment.tag_code())
            && fit::fits(directory.tables(), shape, &segment)
        {
            prop_assert_eq!(heard(directory, delimiters, &text), Vec::<String>::new());
        }
    }

    #[test]
    fn what_has_no_remark_fits((directory, _, text) in nearly_right().prop_filter(
        "plain X12 without releases, repetitions or blank components",
        |(directory, delimiters, text)| {
            *directory == Directory::X12V4010 && *delimiters == X12 && !text.contains('>') && !text.contains(' ')
        },
    )) {
        let kept = only_segment(text.as_bytes(), X12);
    let segment = kept.view();
        let shape = shape_in(directory, segment.tag());
        if heard(directory, X12, &text).is_empty() {
            prop_assert!(fit::fits(directory.tables(), shape, &segment), "{}", text);
        }
    }
}
