//! What must hold for every EDI input that is held whole, for the acknowledgements and the writer, and for the index.

use serde_json::Value;
use tillgate_parsers::edi::index::{Carry, Index, Marks, Variant, index_with};
use tillgate_parsers::edi::json::Lines;
use tillgate_parsers::edi::{
    self, EdiFinding, Events, Functional, Group, Interchange, Issue, Layout, Options, Policy,
    Reader, Report, Rewriter, Segment, Standard,
};

use super::{has_card_number, shown};

/// Findings point into the input and show no card number, and sets are JSON.
pub fn x12(data: &[u8]) {
    for policy in [Policy::Lenient, Policy::Strict] {
        let report = edi::read(data, &Options { policy, ..Options::default() });
        assert_findings(&report, data);
        assert_lines(data, &Options { policy, ..Options::default() });
    }
    // A sound interchange is never waited for.
    let report = edi::read(data, &Options::default());
    let sound = report.findings.errors() + report.findings.warnings() == 0;
    assert!(!(sound && edi::is_unfinished(data)), "an input without findings is unfinished");
}

/// Our acknowledgements have no errors, show no card number, answer no acknowledgement, and agree with the report.
pub fn edi_acknowledge(data: &[u8]) {
    for policy in [Policy::Lenient, Policy::Strict] {
        let report = edi::read(data, &Options { policy, ..Options::default() });
        for functional in [Functional::F997, Functional::F999] {
            let issue = Issue { functional, control_number: 3, date: (2026, 1, 2), time: (3, 4) };
            let answers = edi::acknowledge(&report, &issue);
            answers.iter().for_each(|answer| assert_answer(&answer.content));
            // What brings TA1s and no group is never answered: two sides would go on answering each other.
            let brings_answers =
                |one: &Interchange| one.groups.is_empty() && !one.answers.is_empty();
            let refused = report.interchanges.iter().any(|one| {
                one.standard == Standard::X12 && one.tally.rejected && !brings_answers(one)
            });
            assert!(!refused || !answers.is_empty(), "a refused interchange has no answer");
        }
    }
}

fn assert_answer(content: &[u8]) {
    let back = edi::read(content, &Options::default());
    // AK1 and AK2 repeat the sender's numbers, which may be missing or malformed: only the envelope is ours.
    let is_ours = |finding: &&EdiFinding| finding.is_error() && finding.is_envelope();
    let broken = back.findings.kept().iter().find(is_ours);
    assert!(broken.is_none(), "{broken:?} in {}", shown(content));
    assert!(!edi::is_unfinished(content), "{}", shown(content));
    let [interchange] = back.interchanges.as_slice() else {
        panic!("not one interchange: {}", shown(content));
    };
    assert!(interchange.groups.iter().all(Group::is_acknowledgement), "{}", shown(content));
    for issue in [Functional::F997, Functional::F999] {
        let issue =
            Issue { functional: issue, control_number: 4, date: (2026, 1, 2), time: (3, 4) };
        let answers = edi::acknowledge(&back, &issue);
        assert!(answers.is_empty(), "an acknowledgement is answered: {}", shown(content));
    }
}

/// What is written again has the same values, however the input was cut into chunks and the output into lines.
pub fn edi_writer(data: &[u8]) {
    // Where an envelope is broken the reader guesses what belongs to it, and what it passed over is gone.
    let report = edi::read(data, &Options { policy: Policy::Strict, ..Options::default() });
    if report.findings.kept().iter().any(|finding| finding.is_error() && finding.is_envelope()) {
        return;
    }
    let Ok(written) = edi::rewrite(data, Layout::Dense) else {
        return;
    };
    let values = values(data);
    for (what, again) in [
        ("written", Ok(written.clone())),
        ("written twice", edi::rewrite(&written, Layout::Dense)),
        ("in lines", edi::rewrite(data, Layout::Lines)),
    ] {
        let again = again.unwrap_or_else(|fault| panic!("{what}: {fault}: {}", shown(data)));
        assert_eq!(self::values(&again), values, "{what}: {}", shown(&again));
    }
    let options =
        Options { check_sets: false, input_bytes: Some(data.len()), ..Options::default() };
    let mut rewriter = Rewriter::new(Layout::Dense);
    let mut reader = Reader::new(&options);
    data.chunks(5).for_each(|chunk| reader.feed(chunk, &mut rewriter));
    reader.finish(&mut rewriter);
    assert_eq!(rewriter.finish().as_deref(), Ok(&*written), "in chunks");
}

/// Every segment: tag, and elements by their components without release characters.
fn values(data: &[u8]) -> Vec<Vec<Vec<Vec<u8>>>> {
    #[derive(Default)]
    struct Listener(Vec<Vec<Vec<Vec<u8>>>>);

    impl Events for Listener {
        fn reads_all(&self) -> bool {
            true
        }

        fn passed(&mut self, standard: Standard, segment: &Segment<'_>) {
            let delimiters = segment.delimiters;
            let x12 = standard == Standard::X12;
            let is_whole = x12 && matches!(segment.tag(), b"ISA" | b"BIN" | b"BDS");
            let plain = |value| delimiters.unreleased(value).into_owned();
            let element = |(_, value)| {
                if is_whole {
                    return vec![<[u8]>::to_vec(value)];
                }
                delimiters.split(value, delimiters.component).map(plain).collect()
            };
            let tag = vec![plain(segment.tag())];
            self.0.push([tag].into_iter().chain(segment.elements().map(element)).collect());
        }
    }

    let options =
        Options { check_sets: false, input_bytes: Some(data.len()), ..Options::default() };
    let mut listener = Listener::default();
    let mut reader = Reader::new(&options);
    reader.feed(data, &mut listener);
    reader.finish(&mut listener);
    listener.0
}

/// A line a set, wherever the input is cut, and each an object that says where it stands.
fn assert_lines(data: &[u8], options: &Options<'_>) {
    let lines_of = |chunk: usize| {
        let mut lines = Lines::default();
        let mut reader = Reader::new(options);
        data.chunks(chunk).for_each(|chunk| reader.feed(chunk, &mut lines));
        let sets = reader.finish(&mut lines).sets;
        (String::from_utf8(lines.text().to_vec()).expect("JSON is UTF-8"), sets)
    };
    let (text, sets) = lines_of(data.len().max(1));
    assert_eq!(text, lines_of(97).0, "it matters where the input is cut");
    assert_eq!(text.lines().count(), sets);
    for line in text.lines() {
        let set: Value = serde_json::from_str(line).expect("a set is JSON");
        let [start, end] = [0, 1].map(|at| set["bytes"][at].as_u64().expect("an offset"));
        assert!(start <= end && end <= data.len() as u64, "{start} to {end} of {}", data.len());
    }
}

fn assert_findings(report: &Report<'_>, data: &[u8]) {
    let lines = 1 + data.iter().filter(|byte| **byte == b'\n').count();
    for finding in report.findings.kept() {
        assert!(finding.place.offset <= data.len(), "{finding:?}");
        assert!((1..=lines).contains(&finding.place.line), "{finding:?} of {lines} lines");
        let text = serde_json::to_string(finding).expect("a finding serializes");
        // The last digit of an escape such as `\xB4` is no part of the number behind it.
        let plain: Vec<&str> =
            text.split("\\x").map(|part| part.get(2..).unwrap_or(part)).collect();
        let plain = plain.join(" ");
        assert!(!has_card_number(plain.as_bytes()), "a finding holds a card number: {text}");
    }
}

/// Every variant of the delimiter index, in every cut, says what the byte-by-byte one says of the whole. The first
/// bytes are the delimiters (a release character of 0 is none), where counting begins, and the length of a chunk.
pub fn edi_index(data: &[u8]) {
    let Some((&[element, segment, release, base, chunk], block)) = data.split_first_chunk() else {
        return;
    };
    let release = Some(release).filter(|byte| *byte != 0);
    let marks = Marks { element, segment, release, inner: [b':', b'^'] };
    let base = u32::from(base) * 0x0101_0101;
    let whole = delimiters(Variant::Scalar, block.chunks(block.len().max(1)), base, &marks);
    let known = |at: u32| block[at.wrapping_sub(base) as usize];
    assert!(whole.marks.iter().all(|at| known(*at) == element), "no separator");
    assert!(whole.ends.iter().all(|end| known(end.at) == segment), "no terminator");
    for variant in Variant::available() {
        for length in [usize::from(chunk).max(1), 1, 64, block.len().max(1)] {
            let found = delimiters(variant, block.chunks(length), base, &marks);
            assert_eq!(found, whole, "{variant:?} in {length}s, {marks:?}");
        }
    }
}

fn delimiters<'b>(
    variant: Variant,
    chunks: impl Iterator<Item = &'b [u8]>,
    mut base: u32,
    marks: &Marks,
) -> Index {
    let (mut carry, mut index) = (Carry::default(), Index::default());
    for chunk in chunks {
        index_with(variant, chunk, base, marks, &mut carry, &mut index);
        base = base.wrapping_add(u32::try_from(chunk.len()).expect("inputs are small"));
    }
    index
}
