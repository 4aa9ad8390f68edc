//! Whatever the bytes: no panic, findings within the input, replies that we ourselves read without an error.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tillgate_parsers::edi::{
    self, Closing, EdiFinding, Envelope, Events, Functional, Issue, Options, Policy, Reader,
    Segment, Stage,
};

const SAMPLES: [&[u8]; 9] = [
    include_bytes!("edi/golden/order-5010.edi"),
    include_bytes!("edi/golden/invoice-clean.edi"),
    include_bytes!("edi/golden/acknowledgement-clean.edi"),
    include_bytes!("edi/golden/two-interchanges-own-delimiters.edi"),
    include_bytes!("edi/golden/edifact-groups.edi"),
    include_bytes!("edi/golden/edifact-two-interchanges-own-characters.edi"),
    include_bytes!("edi/golden/edifact-package.edi"),
    include_bytes!("edi/golden/edifact-release-six.edi"),
    include_bytes!("edi/golden/edifact-acknowledgement-requested-version-4.edi"),
];

const ISSUE: Issue =
    Issue { functional: Functional::F997, control_number: 3, date: (2026, 1, 2), time: (3, 4) };

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
        let mut reader = Reader::new(&Options { policy, ..Options::default() });
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
            b"'",
            b"?",
            b"??",
            b"+",
            b":",
            b"UNA:+.? '",
            b"'UNB+UNOA:4+A+B+",
            b"'UNH+9+ORDERS:D:96A:UN'",
            b"'UNO+1+1:2+3+99999'",
            b"'UNP+",
            b"'UNZ+1+1'",
            b"\x80",
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
    fn chunks_of_any_size_are_read_as_whole(
        sample in prop::sample::select(SAMPLES.to_vec()),
        changes in prop::collection::vec(change(), 0..4),
        sizes in prop::collection::vec(1_usize..200, 1..6),
    ) {
        let mut input = sample.to_vec();
        for (place, removed, piece) in changes {
            let at = place.index(input.len() + 1);
            let end = (at + removed).min(input.len());
            input.splice(at..end, piece);
        }
        prop_assert_eq!(told(&input, &sizes), told(&input, &[usize::MAX]));
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

/// Everything that a reader tells, as text.
#[derive(Default)]
struct Record(Vec<String>);

impl Events for Record {
    fn opened(&mut self, stage: Stage, envelope: &Envelope<'_>) {
        let header = envelope.header.bytes.escape_ascii();
        self.0.push(format!("{stage:?} {header} @{}", envelope.header.offset));
    }
    fn segment(&mut self, segment: &Segment<'_>, _: Option<&edi::schema::Matcher>) {
        let elements: Vec<String> = segment
            .elements()
            .map(|(at, value)| format!("{at}={}", value.escape_ascii()))
            .collect();
        let tag = segment.tag().escape_ascii();
        self.0.push(format!("{tag} {elements:?} {:?} {}", segment.traits, segment.end));
    }
    fn answer(&mut self, segment: &Segment<'_>) {
        self.0.push(format!("answer {}", segment.bytes.escape_ascii()));
    }
    fn closed(&mut self, stage: Stage, closing: &Closing<'_>) {
        self.0.push(format!("{stage:?} {closing:?}"));
    }
    fn finding(&mut self, finding: EdiFinding) {
        // The excerpt shows what the block still holds, which depends on the chunks.
        self.0.push(format!("{:?}", EdiFinding { excerpt: None, ..finding }));
    }
}

/// Reads in pieces of these sizes, again and again.
fn told(input: &[u8], sizes: &[usize]) -> Vec<String> {
    let options = Options { input_bytes: Some(input.len()), ..Options::default() };
    let mut record = Record::default();
    let mut reader = Reader::new(&options);
    let mut rest = input;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, more) = rest.split_at((*size).clamp(1, rest.len()));
        reader.feed(chunk, &mut record);
        rest = more;
    }
    let summary = reader.finish(&mut record);
    record.0.push(format!("{summary:?}"));
    record.0
}

#[test]
fn every_golden_file_in_single_bytes_and_odd_chunks_is_read_as_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edi/golden");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "edi") {
            continue;
        }
        let input = fs::read(&path).unwrap();
        let whole = told(&input, &[usize::MAX]);
        for sizes in [&[1][..], &[2], &[3], &[7, 1], &[64], &[106]] {
            assert_eq!(told(&input, sizes), whole, "{} {sizes:?}", path.display());
        }
    }
}

/// The sample with so much text before its end that blocks end somewhere in it.
fn stretched(sample: &[u8], before: &[u8], text: &[u8]) -> Vec<u8> {
    let at = sample.windows(before.len()).rposition(|window| window == before).unwrap_or_default();
    let mut input = sample.to_vec();
    input.splice(at..at, text.iter().copied());
    input
}

#[test]
fn a_release_character_at_the_edge_of_a_block_releases() {
    let sample = SAMPLES[7];
    for shift in 0..8 {
        let text = format!("FTX+AAI+++{}'", "?'??".repeat(20_000));
        let text = format!("FTX+{}'{text}{text}", "x".repeat(shift));
        let input = stretched(sample, b"UNT+", text.as_bytes());
        let whole = told(&input, &[usize::MAX]);
        assert_eq!(whole.iter().filter(|line| line.starts_with("FTX")).count(), 4);
        for sizes in [&[4096][..], &[65_536], &[65_535, 1]] {
            assert_eq!(told(&input, sizes), whole, "{shift} {sizes:?}");
        }
    }
}

#[test]
fn an_answer_repeats_no_card_number() {
    let input = String::from_utf8_lossy(SAMPLES[0]).replace("ST*850*", "ST*4111111111111111*");
    let report = edi::read(input.as_bytes(), &Options::default());
    let answers = edi::acknowledge(&report, &ISSUE);
    assert!(!answers.is_empty());
    for answer in answers {
        let text = String::from_utf8_lossy(&answer.content).into_owned();
        assert!(!text.contains("4111111111111111"), "{text}");
    }
}

#[test]
fn a_form_feed_at_the_end_is_no_segment() {
    for tail in [&b"\x0C"[..], b"\n\x0C", b"N1*BY\n\x0C", b" \x0C \x0C"] {
        let input = [&SAMPLES[0][..250], tail].concat();
        holds(&input);
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
