//! Small files, each with what is expected of it beside it: findings under both policies, and the acknowledgements.
//!
//! With `TILLGATE_BLESS` set the expectations are written anew; look at the difference before it is committed.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tillgate_parsers::edi::{self, Issue, Options, Policy};

const ISSUE: Issue = Issue { control_number: 7, date: (2026, 11, 21), time: (12, 34) };

fn findings(text: &mut String, input: &[u8], policy: Policy) {
    let report = edi::read(input, &Options { policy, ..Options::default() });
    for finding in report.findings.kept() {
        let place = &finding.place;
        let _ = write!(
            text,
            "{:?} {} @{}:{}",
            finding.finding.severity, finding.finding.code, place.line, place.offset
        );
        if let Some(position) = place.segment_position {
            let _ = write!(text, " segment {position}");
        }
        let _ = write!(text, " {}", place.segment.as_deref().unwrap_or("-"));
        for number in [place.element, place.component, place.repetition].into_iter().flatten() {
            let _ = write!(text, "/{number}");
        }
        for (carrier, code) in &finding.acknowledgement {
            let _ = write!(text, " {carrier}={code}");
        }
        let _ = writeln!(text, " | {}", finding.finding.message);
    }
}

fn expectation(input: &[u8]) -> String {
    let mut text = String::from("# lenient\n");
    findings(&mut text, input, Policy::Lenient);
    text.push_str("# strict\n");
    findings(&mut text, input, Policy::Strict);
    text.push_str("# acknowledgements, lenient\n");
    let report = edi::read(input, &Options::default());
    for answer in edi::acknowledge(&report, &ISSUE) {
        let bytes = String::from_utf8_lossy(&answer.content);
        let is_x12 = bytes.starts_with("ISA");
        let terminator =
            bytes.chars().nth(105).filter(|_| is_x12).or_else(|| bytes.chars().next_back());
        let terminator = terminator.unwrap_or('~');
        for segment in bytes.split_inclusive(terminator) {
            let _ = writeln!(text, "{}", segment.trim_end());
        }
    }
    text
}

#[test]
fn golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edi/golden");
    let bless = std::env::var_os("TILLGATE_BLESS").is_some();
    let mut wrong = String::new();
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "edi") {
            continue;
        }
        files += 1;
        let found = expectation(&fs::read(&path).unwrap());
        let beside = path.with_extension("txt");
        if bless {
            fs::write(&beside, &found).unwrap();
        } else if fs::read_to_string(&beside).unwrap_or_default() != found {
            let _ = writeln!(wrong, "{}:\n{found}", path.display());
        }
    }
    assert!(files >= 30, "{files} files");
    assert!(wrong.is_empty(), "{wrong}");
}
