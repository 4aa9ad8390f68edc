//! Implementation guides: `NAME.toml` is held against `NAME.edi`, with what is expected in `NAME.txt`: findings, and
//! the acknowledgement. Every rule of guides is broken by one of them at least; without its guide none of them breaks
//! a rule of a guide.
//!
//! With `TILLGATE_BLESS` set the expectations are written anew; look at the difference before it is committed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic, its helpers too")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tillgate_parsers::edi::guide::{Guide, GuideText};
use tillgate_parsers::edi::{self, Functional, Issue, Options, Policy, Report, rules};

const ISSUE: Issue =
    Issue { functional: Functional::F997, control_number: 7, date: (2026, 11, 21), time: (12, 34) };

fn guide(path: &Path) -> Guide {
    let text = fs::read_to_string(path).unwrap();
    let text: GuideText =
        toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Guide::new(text).unwrap_or_else(|faults| panic!("{}: {faults}", path.display()))
}

fn read<'i>(input: &'i [u8], guides: &[&Guide]) -> Report<'i> {
    edi::read(input, &Options { policy: Policy::Strict, guides, ..Options::default() })
}

fn expectation(report: &Report<'_>) -> String {
    let mut text = String::new();
    for finding in report.findings.kept() {
        let place = &finding.place;
        let (severity, code) = (finding.finding.severity, finding.finding.code);
        let _ = write!(text, "{severity:?} {code} @{}", place.offset);
        let _ = write!(text, " segment {}", place.segment_position.unwrap_or_default());
        let _ = write!(text, " {}", place.segment.as_deref().unwrap_or("-"));
        for number in [place.element, place.component, place.repetition].into_iter().flatten() {
            let _ = write!(text, "/{number}");
        }
        for (carrier, code) in &finding.acknowledgement {
            let _ = write!(text, " {carrier}={code}");
        }
        let _ = writeln!(text, " | {}", finding.finding.message);
    }
    let ends = |end: &char| matches!(end, '~' | '\'');
    for functional in [Functional::F997, Functional::F999] {
        for answer in edi::acknowledge(report, &Issue { functional, ..ISSUE }) {
            let bytes = String::from_utf8_lossy(&answer.content).into_owned();
            let content = ["AK", "IK", "CTX", "UC"];
            for segment in bytes.split_inclusive(|end| ends(&end)) {
                let segment = segment.trim_start();
                // Both answers of X12 begin and end alike; a CONTRL is the same beside either.
                let is_again = functional == Functional::F999 && !segment.starts_with(['I', 'C']);
                if !is_again && content.iter().any(|tag| segment.starts_with(tag)) {
                    let _ = writeln!(text, "{segment}");
                }
            }
        }
    }
    text
}

/// Guides, each with the document beside it.
fn golden() -> Vec<(PathBuf, Guide, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edi/guides");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let input = fs::read(path.with_extension("edi")).unwrap();
            (path.clone(), guide(&path), input)
        })
        .collect()
}

#[test]
fn golden_files() {
    let bless = std::env::var_os("TILLGATE_BLESS").is_some();
    let mut wrong = String::new();
    let files = golden();
    assert!(files.len() >= 20, "{} files", files.len());
    for (path, guide, input) in files {
        let found = expectation(&read(&input, &[&guide]));
        let beside = path.with_extension("txt");
        if bless {
            fs::write(&beside, &found).unwrap();
        } else if fs::read_to_string(&beside).unwrap_or_default() != found {
            let _ = writeln!(wrong, "{}:\n{found}", path.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_rule_of_guides_is_broken_by_a_golden_file() {
    let mut missing: BTreeSet<&str> = rules::OF_GUIDES.iter().map(|rule| rule.code).collect();
    assert_eq!(missing.len(), rules::OF_GUIDES.len(), "two rules share a code");
    for (path, guide, input) in golden() {
        let of_guide = |report: &Report<'_>| -> Vec<&'static str> {
            let codes = report.findings.kept().iter().map(|finding| finding.finding.code);
            codes.filter(|code| code.starts_with("guide-")).collect()
        };
        assert_eq!(of_guide(&read(&input, &[])), [""; 0], "{}", path.display());
        for code in of_guide(&read(&input, &[&guide])) {
            missing.remove(code);
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
