//! Whatever the bytes: no panic, findings within the input, replies that we ourselves read without an error.

use proptest::prelude::*;
use tillgate_parsers::edi::{self, Issue, Options, Policy};

const SAMPLES: [&[u8]; 4] = [
    include_bytes!("edi/golden/order-5010.edi"),
    include_bytes!("edi/golden/invoice-clean.edi"),
    include_bytes!("edi/golden/acknowledgement-clean.edi"),
    include_bytes!("edi/golden/two-interchanges-own-delimiters.edi"),
];

const ISSUE: Issue = Issue { control_number: 3, date: (2026, 1, 2), time: (3, 4) };

fn holds(input: &[u8]) {
    for policy in [Policy::Lenient, Policy::Strict] {
        let report = edi::read(input, &Options { policy, ..Options::default() });
        for finding in report.findings.kept() {
            assert!(finding.place.offset <= input.len(), "{finding:?}");
            assert!(finding.place.line >= 1);
        }
        for answer in edi::acknowledge(&report, &ISSUE) {
            let back = edi::read(&answer.content, &Options::default());
            let broken = back
                .findings
                .kept()
                .iter()
                .find(|finding| finding.is_error() && finding.is_envelope());
            assert!(broken.is_none(), "{broken:?}\n{}", String::from_utf8_lossy(&answer.content));
        }
        let mut lines = edi::json::Lines::default();
        let mut reader = edi::Reader::new(&Options { policy, ..Options::default() });
        reader.feed(input, &mut lines);
        let sets = reader.finish(&mut lines).sets;
        let text = String::from_utf8(lines.text().to_vec()).unwrap_or_default();
        assert_eq!(text.lines().count(), sets);
        for line in text.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
        }
    }
    let _ = edi::is_unfinished(input);
}

/// A change to a sample: at a place, so many bytes away, these bytes in.
fn change() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        prop::sample::select(vec![
            &b"~"[..],
            b"*",
            b"~~",
            b">",
            b"^",
            b"ISA*",
            b"~ISA*00*",
            b"~IEA*1*1~",
            b"~GS*",
            b"~ST*850*9~",
            b"~SE*1*1~",
            b"BIN*99999999999*",
            b"\r\n",
            b"\xEF\xBB\xBF",
            b"-",
            b"99999999999999999999",
            b"\0",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    (any::<prop::sample::Index>(), 0_usize..12, piece)
}

proptest! {
    #[test]
    fn any_bytes_are_read(input in prop::collection::vec(any::<u8>(), 0..400)) {
        holds(&input);
    }

    #[test]
    fn any_bytes_after_isa_are_read(tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut input = SAMPLES[0][..106].to_vec();
        input.extend(tail);
        holds(&input);
    }

    #[test]
    fn damaged_samples_are_read(
        sample in prop::sample::select(SAMPLES.to_vec()),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut input = sample.to_vec();
        for (place, removed, piece) in changes {
            let at = place.index(input.len() + 1);
            let end = (at + removed).min(input.len());
            input.splice(at..end, piece);
        }
        holds(&input);
    }

    #[test]
    fn a_file_that_was_cut_is_unfinished_and_a_whole_one_is_not(
        sample in prop::sample::select(SAMPLES[..3].to_vec()),
        cut in any::<prop::sample::Index>(),
    ) {
        prop_assert!(!edi::is_unfinished(sample));
        let whole = sample.windows(4).position(|window| window == b"IEA*").unwrap();
        prop_assert!(edi::is_unfinished(&sample[..cut.index(whole)]));
    }

    #[test]
    fn card_numbers_are_never_shown(prefix in "[A-Z*~ ]{1,12}", suffix in "[A-Z*~ ]{1,12}") {
        let card = "4111111111111111";
        let mut input = SAMPLES[0].to_vec();
        let at = 250;
        input.splice(at..at, format!("{prefix}{card}{suffix}").into_bytes());
        let report = edi::read(&input, &Options { policy: Policy::Strict, ..Options::default() });
        for finding in report.findings.kept() {
            prop_assert!(!serde_json::to_string(finding).unwrap().contains(card), "{finding:?}");
        }
        for answer in edi::acknowledge(&report, &ISSUE) {
            prop_assert!(!String::from_utf8_lossy(&answer.content).contains(card));
        }
    }
}

#[test]
fn white_space_of_every_kind_ends_an_input() {
    for tail in ["\x0C", "\x0C\n", "GS*\x0C", "~\x0C"] {
        holds(&[&SAMPLES[0][..106], tail.as_bytes()].concat());
    }
}

#[test]
fn a_finding_shows_no_card_number_of_a_header_and_is_short() {
    let number = format!("4111111111111111N{}", "9".repeat(500));
    let input =
        String::from_utf8_lossy(SAMPLES[0]).replace("ST*850*0001", &format!("ST*850*{number}"));
    assert!(input.contains(&number));
    let report = edi::read(input.as_bytes(), &Options::default());
    let shown: Vec<&String> = report
        .findings
        .kept()
        .iter()
        .filter_map(|finding| finding.place.transaction.as_ref())
        .collect();
    assert!(!shown.is_empty());
    assert!(
        shown.iter().all(|text| text.starts_with("411111******1111N") && text.len() < 100),
        "{shown:?}"
    );
    for finding in report.findings.kept() {
        let text = serde_json::to_string(finding).unwrap();
        assert!(!text.contains("4111111111111111") && text.len() < 1000, "{text}");
    }
}
