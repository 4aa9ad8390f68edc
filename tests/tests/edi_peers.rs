//! The peer `edi` 0.4 as an oracle: on every X12 file that both call valid it finds the same interchanges, groups,
//! sets, segments and elements. Golden files, generated files, and the collection of real files where it is present
//! (`TILLGATE_EDI_CORPUS` names it where it does not stand beside the repository).
//!
//! Behind the feature `peers`: nothing that leaves this machine is linked with the peer. It panics on some malformed
//! files; that is a verdict, too.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may panic and print, its helpers too"
)]

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use tillgate_parsers::edi::{self, Envelope, Events, Options, Reader, Segment, Stage, Standard};
use tillgate_tests::edi_files::{self, Kind};

/// Where the peer reads a right file in another way, and what the standard says.
const DIFFERENCES: &[(&str, &str)] = &[(
    "empty-segment.edi",
    "the peer passes over a segment without a tag; it is one, since SE01 counts it, and it is told",
)];

const PARSERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../parsers");

/// One interchange in one form for both: a line an envelope and a segment, elements without the blanks that pad them.
type Lines = Vec<Vec<String>>;

fn line<'v>(tag: &str, elements: impl IntoIterator<Item = &'v str>) -> Vec<String> {
    let mut line = vec![tag.to_owned()];
    line.extend(elements.into_iter().map(|element| element.trim().to_owned()));
    // Empty elements at the end say nothing.
    while line.last().is_some_and(String::is_empty) {
        line.pop();
    }
    line
}

/// What tillgate reads.
#[derive(Default)]
struct Ours(Lines);

impl Events for Ours {
    fn opened(&mut self, stage: Stage, envelope: &Envelope<'_>) {
        let most = match stage {
            // What ISA11 and ISA16 say is what the delimiters are; the peer keeps it elsewhere.
            Stage::Interchange => 15,
            Stage::Group => 8,
            Stage::Set => return,
        };
        let header = envelope.header.keep();
        let values =
            (1..=most).map(|number| String::from_utf8_lossy(header.element(number)).into_owned());
        let values: Vec<String> = values.collect();
        let tag = if stage == Stage::Group { "GS" } else { "ISA" };
        self.0.push(line(tag, values.iter().map(String::as_str)));
    }

    fn segment(&mut self, segment: &Segment<'_>, _: Option<&edi::schema::Matcher>) {
        if segment.tag() != b"SE" {
            let values: Vec<_> =
                segment.elements().map(|(_, value)| String::from_utf8_lossy(value)).collect();
            self.0.push(line(segment.tag_text(), values.iter().map(AsRef::as_ref)));
        }
    }
}

/// None where tillgate finds an error in the envelopes.
fn ours(input: &[u8]) -> Option<Lines> {
    let mut ours = Ours::default();
    let options = Options { check_sets: false, ..Options::default() };
    let mut reader = Reader::new(&options);
    reader.feed(input, &mut ours);
    let summary = reader.finish(&mut ours);
    (summary.errors == 0 && summary.standard == Some(Standard::X12)).then_some(ours.0)
}

/// None where the peer refuses the file.
fn theirs(input: &str) -> Option<Lines> {
    let document = catch_unwind(|| ::edi::parse(input).ok()).ok()??;
    let mut lines = Lines::new();
    for one in &document.interchanges {
        lines.push(line(
            "ISA",
            [
                one.authorization_qualifier.as_ref(),
                &one.authorization_information,
                &one.security_qualifier,
                &one.security_information,
                &one.sender_qualifier,
                &one.sender_id,
                &one.receiver_qualifier,
                &one.receiver_id,
                &one.date,
                &one.time,
                &one.standards_id,
                &one.version,
                &one.interchange_control_number,
                &one.acknowledgement_requested,
                &one.test_indicator,
            ],
        ));
        for group in &one.functional_groups {
            lines.push(line(
                "GS",
                [
                    group.functional_identifier_code.as_ref(),
                    &group.application_sender_code,
                    &group.application_receiver_code,
                    &group.date,
                    &group.time,
                    &group.group_control_number,
                    &group.responsible_agency_code,
                    &group.version,
                ],
            ));
            for set in &group.transactions {
                let guide = set.implementation_convention_reference.as_deref().unwrap_or_default();
                let header =
                    [&set.transaction_code, set.transaction_set_control_number.as_ref(), guide];
                lines.push(line("ST", header));
                for segment in &set.segments {
                    let elements = segment.elements.iter().map(AsRef::as_ref);
                    lines.push(line(&segment.segment_abbreviation, elements));
                }
            }
        }
    }
    Some(lines)
}

/// None where one of the two refuses the file; else the first segment that they read in different ways.
fn compare(input: &[u8]) -> Option<Result<(), String>> {
    let theirs = std::str::from_utf8(input).ok().and_then(theirs)?;
    let ours = ours(input)?;
    let at = ours.iter().zip(&theirs).position(|(one, other)| one != other);
    let at = at.unwrap_or_else(|| ours.len().min(theirs.len()));
    Some(match (ours.get(at), theirs.get(at)) {
        (None, None) => Ok(()),
        (one, other) => Err(format!("segment {at} is {one:?}, to the peer {other:?}")),
    })
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a folder of the collection can be read");
    for entry in entries {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            files_below(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Compares the files below a folder, of which both must call so many valid at least.
fn compare_all(folder: &Path, at_least: usize) {
    let mut files = Vec::new();
    files_below(folder, &mut files);
    let mut same = 0;
    let mut different = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_none_or(|ending| ending != "tsv")) {
        let name = path.strip_prefix(folder).expect("it is below the folder").display().to_string();
        let input = fs::read(path).expect("a file of the collection can be read");
        let is_listed = DIFFERENCES.iter().any(|(listed, _)| *listed == name);
        match compare(&input) {
            Some(Ok(())) if is_listed => different.push(format!("{name} is listed and the same")),
            Some(Ok(())) => same += 1,
            Some(Err(difference)) if !is_listed => different.push(format!("{name}: {difference}")),
            Some(Err(_)) | None => {}
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(same >= at_least, "only {same} files are valid to both");
    println!("{same} files are valid to both, and the same");
}

#[test]
fn golden_files_are_the_same_to_the_peer() {
    compare_all(&Path::new(PARSERS).join("tests/edi/golden"), 60);
}

#[test]
fn real_files_are_the_same_to_the_peer() {
    let beside = Path::new(PARSERS).join("../../shared/data/edi");
    let corpus = std::env::var_os("TILLGATE_EDI_CORPUS").map_or(beside, PathBuf::from);
    if corpus.join("manifest.tsv").exists() {
        compare_all(&corpus, 120);
    } else {
        println!("skipped: no ../shared/data/edi");
    }
}

#[test]
fn generated_files_are_the_same_to_the_peer() {
    for kind in [Kind::Order850, Kind::Resale867] {
        let file = edi_files::bytes(kind, 1_000_000);
        assert_eq!(compare(&file), Some(Ok(())), "{}", kind.name());
    }
}
