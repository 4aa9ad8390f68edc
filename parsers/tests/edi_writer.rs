//! Parse, write, parse: the same values, whatever the input; the same bytes, where the input is clean.
//! `TILLGATE_EDI_CORPUS` names the collection of real files where it does not stand beside the repository.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tillgate_parsers::edi::{
    self, Events, Layout, Options, Policy, Reader, Rewriter, Segment, Standard, Unwritable,
};

/// Tag, and elements of repetitions of components without release characters.
type Values = Vec<(Vec<u8>, Vec<Vec<Vec<Vec<u8>>>>)>;

#[derive(Default)]
struct Listener {
    values: Values,
}

impl Events for Listener {
    fn reads_all(&self) -> bool {
        true
    }

    fn passed(&mut self, standard: Standard, segment: &Segment<'_>) {
        let delimiters = segment.delimiters;
        let isa = standard == Standard::X12 && segment.tag() == b"ISA";
        let binary = standard == Standard::X12 && matches!(segment.tag(), b"BIN" | b"BDS");
        let element = |(number, value): (usize, &[u8])| {
            if isa || (binary && number + 1 == segment.count()) {
                return vec![vec![value.to_vec()]];
            }
            let components = |value| {
                let components = delimiters.split(value, delimiters.component);
                components.map(|one| delimiters.unreleased(one).into_owned()).collect()
            };
            match delimiters.repetition {
                Some(separator) => delimiters.split(value, separator).map(components).collect(),
                None => vec![components(value)],
            }
        };
        let elements = segment.elements().map(|(_, value)| value).enumerate().map(element);
        let tag = delimiters.unreleased(segment.tag()).into_owned();
        self.values.push((tag, elements.collect()));
    }
}

fn values(input: &[u8]) -> Values {
    let mut listener = Listener::default();
    let mut reader = Reader::new(&Options { check_sets: false, ..Options::default() });
    reader.feed(input, &mut listener);
    reader.finish(&mut listener);
    listener.values
}

/// In chunks, and what was written taken after each.
fn in_chunks(input: &[u8], bytes: usize) -> Result<Vec<u8>, Unwritable> {
    let options =
        Options { check_sets: false, input_bytes: Some(input.len()), ..Options::default() };
    let (mut rewriter, mut written) = (Rewriter::new(Layout::Dense), Vec::new());
    let mut reader = Reader::new(&options);
    for chunk in input.chunks(bytes) {
        reader.feed(chunk, &mut rewriter);
        written.extend(rewriter.take());
    }
    reader.finish(&mut rewriter);
    rewriter.finish().map(|rest| [written, rest].concat())
}

/// EDIFACT tells in its header and its tags how the rest is to be read: where they are broken, what is written may be
/// read in another way than what was sent.
fn is_guessed(input: &[u8]) -> bool {
    let options = Options { check_sets: false, policy: Policy::Strict, ..Options::default() };
    let report = edi::read(input, &options);
    let has_edifact = report.interchanges.iter().any(|one| one.standard == Standard::Edifact);
    has_edifact && report.findings.errors() > 0
}

/// Where an envelope is broken the reader guesses what belongs to it, and what it passed over is gone.
fn has_broken_envelope(input: &[u8]) -> bool {
    let report = edi::read(input, &Options { policy: Policy::Strict, ..Options::default() });
    report.findings.kept().iter().any(|finding| finding.is_error() && finding.is_envelope())
}

fn holds(input: &[u8]) {
    if is_guessed(input) {
        return;
    }
    let written = match edi::rewrite(input, Layout::Dense) {
        Ok(written) => written,
        Err(fault) => {
            let is_damaged =
                matches!(fault, Unwritable::NotWhole { .. } | Unwritable::Ambiguous { .. });
            assert!(is_damaged, "{fault}");
            return;
        }
    };
    assert_eq!(values(&written), values(input), "{}", String::from_utf8_lossy(&written));
    assert_eq!(edi::rewrite(&written, Layout::Dense).as_ref(), Ok(&written), "written once more");
    assert_eq!(in_chunks(input, 7).as_ref(), Ok(&written), "in chunks");
    let report = edi::read(input, &Options { policy: Policy::Strict, ..Options::default() });
    if report.findings.errors() + report.findings.warnings() == 0 && report.summary.interchanges > 0
    {
        // Line ends after an interchange belong to none.
        let dense = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(['\r', '\n'], "");
        assert_eq!(dense(&written), dense(input));
    }
    // A line end after a broken UNB may be taken for the terminator.
    let lines = edi::rewrite(input, Layout::Lines).unwrap();
    if report.findings.errors() == 0 {
        assert_eq!(values(&lines), values(input), "in lines");
    }
}

fn golden() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edi/golden");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let edi = files.filter(|path| path.extension().is_some_and(|extension| extension == "edi"));
    edi.map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn golden_files_come_back() {
    golden().iter().for_each(|input| holds(input));
}

#[test]
fn real_files_come_back() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/edi");
    let corpus = std::env::var_os("TILLGATE_EDI_CORPUS").map_or(beside, PathBuf::from);
    let Ok(folders) = fs::read_dir(corpus) else {
        println!("skipped: no ../shared/data/edi");
        return;
    };
    let folders = folders.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    for file in folders.flat_map(|folder| fs::read_dir(folder).unwrap()) {
        let path = file.unwrap().path();
        if path.is_file() {
            holds(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn an_equals_sign_behind_a_separator_ends_no_tag_of_tradacoms() {
    holds(b"STX=ANA:1+50:A+50:B+261121:120000+1'MHD=1+ORDHDR:9'MTR+=26'M?+=1'END=1'");
}

fn x12(segments: &[(String, Vec<Vec<u8>>)], data: &[u8]) -> Vec<u8> {
    let order = include_bytes!("edi/golden/order-5010.edi");
    let mut text = order[..106].to_vec();
    for (tag, elements) in segments {
        text.extend(tag.bytes());
        for element in elements {
            text.push(b'*');
            text.extend(element.iter().filter(|byte| !b"*~".contains(byte)));
        }
        text.push(b'~');
    }
    text.extend(format!("BIN*{}*", data.len()).bytes());
    text.extend(data);
    text.extend_from_slice(b"~IEA*0*000000101~");
    text
}

fn edifact(segments: &[(String, Vec<Vec<u8>>)]) -> Vec<u8> {
    let mut text = b"UNB+UNOC:3+SENDER+RECEIVER+261121:1200+1'".to_vec();
    for (tag, elements) in segments {
        text.extend(tag.bytes());
        for element in elements {
            text.push(b'+');
            for byte in element {
                if b"+:'?".contains(byte) {
                    text.push(b'?');
                }
                text.push(*byte);
            }
        }
        text.push(b'\'');
    }
    text.extend_from_slice(b"UNZ+0+1'");
    // Two lines of one length, such as chance may give, are those of a wrapped file.
    let mut line_feeds = 0;
    text.retain(|byte| {
        line_feeds += usize::from(*byte == b'\n');
        *byte != b'\n' || line_feeds < 2
    });
    text
}

fn segments() -> impl Strategy<Value = Vec<(String, Vec<Vec<u8>>)>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"*>^~+:'?\r\n ".to_vec())];
    let element = prop::collection::vec(byte, 0..8);
    let tag = "[A-HJ-MO-TV-Z][A-Z0-9]{2}".prop_filter("binary", |tag| tag != "BIN" && tag != "BDS");
    prop::collection::vec((tag, prop::collection::vec(element, 0..5)), 0..12)
}

proptest! {
    #[test]
    fn generated_x12_comes_back_byte_for_byte(
        segments in segments(),
        data in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let input = x12(&segments, &data);
        prop_assert_eq!(edi::rewrite(&input, Layout::Dense), Ok(input.clone()));
        holds(&input);
    }

    #[test]
    fn generated_edifact_comes_back_byte_for_byte(segments in segments()) {
        let input = edifact(&segments);
        prop_assert_eq!(edi::rewrite(&input, Layout::Dense), Ok(input.clone()));
        holds(&input);
    }

    #[test]
    fn damaged_files_come_back(
        sample in prop::sample::select(golden()),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_usize..9, prop::collection::vec(
                prop_oneof![any::<u8>(), prop::sample::select(b"*>^~+:'?\r\n |".to_vec())], 0..4)),
            1..5,
        ),
    ) {
        let mut input = sample;
        for (place, removed, piece) in changes {
            let at = place.index(input.len() + 1);
            let end = (at + removed).min(input.len());
            input.splice(at..end, piece);
        }
        if !has_broken_envelope(&input) {
            holds(&input);
        }
    }
}
