//! Small files, each with what is expected of it beside it: findings under both policies, and the acknowledgements,
//! with 997 and with 999. `unknown-…` is read for a partner, `limit-…` with small limits. Every rule is broken by one
//! of them at least.
//!
//! With `TILLGATE_BLESS` set the expectations are written anew; look at the difference before it is committed.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tillgate_parsers::edi::{
    self, Code, Expectations, Functional, Issue, Limits, Options, Policy, Report, rules,
};

const ISSUE: Issue =
    Issue { functional: Functional::F997, control_number: 7, date: (2026, 11, 21), time: (12, 34) };

/// Rules without a golden file, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("limit-control-numbers", "16,384 runs of numbers are no small file: see assembler/numbers.rs"),
    ("unp-missing", "only of a stream whose length is not known: see edi_edifact.rs"),
];

fn options(name: &str, policy: Policy) -> Options<'static> {
    let mut options = Options { policy, ..Options::default() };
    if name.starts_with("unknown-") {
        let (sender, receiver) = (Some(("ZZ", "BIGBOX")), Some(("ZZ", "ACME")));
        options.expectations = Expectations { sender, receiver };
    }
    if name.starts_with("limit-") {
        options.limits = Limits { segment_bytes: 120, nodes: 4, ..Limits::default() };
    }
    options
}

fn findings(text: &mut String, input: &[u8], options: &Options<'_>) {
    let report = edi::read(input, options);
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

fn answers(text: &mut String, report: &Report<'_>, functional: Functional) {
    for answer in edi::acknowledge(report, &Issue { functional, ..ISSUE }) {
        let bytes = String::from_utf8_lossy(&answer.content);
        let is_x12 = bytes.starts_with("ISA");
        let terminator =
            bytes.chars().nth(105).filter(|_| is_x12).or_else(|| bytes.chars().next_back());
        let terminator = terminator.unwrap_or('~');
        for segment in bytes.split_inclusive(terminator) {
            let _ = writeln!(text, "{}", segment.trim_end());
        }
    }
}

fn expectation(name: &str, input: &[u8]) -> String {
    let (lenient, strict) = (options(name, Policy::Lenient), options(name, Policy::Strict));
    let mut text = String::from("# lenient\n");
    findings(&mut text, input, &lenient);
    text.push_str("# strict\n");
    findings(&mut text, input, &strict);
    let report = edi::read(input, &lenient);
    text.push_str("# acknowledgements, lenient\n");
    answers(&mut text, &report, Functional::F997);
    text.push_str("# with 999, lenient\n");
    answers(&mut text, &report, Functional::F999);
    let report = edi::read(input, &strict);
    text.push_str("# with 999, strict\n");
    answers(&mut text, &report, Functional::F999);
    text
}

/// Every code (0085) that a CONTRL may carry, with the golden file whose CONTRL carries it; or why none does.
const CONTRL_CODES: &[(&str, Result<&str, &str>)] = &[
    ("2", Ok("edifact-version-unknown")),
    ("7", Ok("unknown-recipient-edifact")),
    ("12", Ok("edifact-elements")),
    ("13", Ok("edifact-unt-missing")),
    ("14", Ok("edifact-message-unsupported")),
    ("15", Ok("edifact-segments")),
    ("16", Ok("edifact-elements")),
    ("17", Err("which messages were agreed is not configured: others go to quarantine")),
    ("18", Ok("edifact-trailing-separators")),
    ("19", Ok("edifact-decimal-marks")),
    ("20", Ok("edifact-una-letter")),
    ("21", Ok("edifact-characters-unoc-control-byte")),
    ("22", Ok("edifact-una-clash")),
    ("23", Ok("unknown-sender-edifact")),
    ("24", Err("reading has no clock: how old an interchange may be is for whoever stores it")),
    ("25", Ok("edifact-test-value")),
    ("26", Ok("edifact-message-duplicate")),
    ("27", Err("security segments are passed over")),
    ("28", Ok("edifact-unt-reference")),
    ("29", Ok("edifact-unz-count")),
    ("30", Ok("edifact-groups-and-messages")),
    ("31", Ok("edifact-group-of-two-types")),
    ("32", Ok("edifact-interchange-empty")),
    ("33", Ok("edifact-segment-outside")),
    ("34", Err("explicit nesting is read")),
    ("35", Ok("edifact-segments")),
    ("36", Ok("edifact-loop-too-often")),
    ("37", Ok("edifact-elements")),
    ("38", Ok("edifact-decimal-marks")),
    ("39", Ok("edifact-elements")),
    ("40", Err("no element of the messages has a shortest length above one; guides ask for some")),
    ("41", Err("networks answer for themselves")),
    ("42", Err("networks answer for themselves")),
    ("43", Err("networks answer for themselves")),
    ("45", Ok("edifact-trailing-separators-version-4")),
    ("46", Ok("edifact-unox")),
    ("47", Err("groups and packages are read; interactive interchanges have no CONTRL")),
    ("48", Err("of a later release than the CONTRL that is written: 13 and 15 say it")),
];

/// The codes in a CONTRL: 0085 stands behind 0083 in UCI, UCF and UCM, behind 0096 in UCS, and first in UCD.
fn codes_of(contrl: &[u8]) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for segment in String::from_utf8_lossy(contrl).split('\'') {
        let elements: Vec<&str> = segment.trim_start().split('+').collect();
        let place = match elements.first().copied() {
            Some("UCI" | "UCF") => 5,
            Some("UCM") => 4,
            Some("UCS") => 2,
            Some("UCD") => 1,
            _ => continue,
        };
        codes.extend(elements.get(place).map(|code| (*code).to_owned()));
    }
    codes
}

/// Name without its ending, and content.
fn golden() -> Vec<(PathBuf, String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edi/golden");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let edi = paths.filter(|path| path.extension().is_some_and(|extension| extension == "edi"));
    edi.map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let content = fs::read(&path).unwrap();
        (path, name, content)
    })
    .collect()
}

#[test]
fn golden_files() {
    let bless = std::env::var_os("TILLGATE_BLESS").is_some();
    let mut wrong = String::new();
    let files = golden();
    assert!(files.len() >= 100, "{} files", files.len());
    for (path, name, input) in files {
        let found = expectation(&name, &input);
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
fn every_rule_is_broken_by_a_golden_file() {
    // Standards share a code where they mean the same.
    let mut missing: BTreeSet<&str> = rules::all().map(|rule| rule.code).collect();
    for (_, name, input) in golden() {
        let report = edi::read(&input, &options(&name, Policy::Strict));
        for finding in report.findings.kept() {
            missing.remove(finding.finding.code);
        }
    }
    for (code, _) in ELSEWHERE {
        assert!(missing.remove(code), "{code} has a golden file");
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn advice_is_in_the_words_of_the_standard_and_of_the_set() {
    let mut wrong = Vec::new();
    for (_, name, input) in golden() {
        let report = edi::read(&input, &options(&name, Policy::Strict));
        let other_words: &[&str] = match report.summary.standard {
            Some(edi::Standard::X12) => &["UNB", "UNH", "UNT", "PO1", "IT1"],
            _ => &["transaction set", "of X12", "GS", "ST and SE"],
        };
        for finding in report.findings.kept() {
            let is_of_other = |word: &&&str| {
                finding.help.contains(**word) || finding.finding.message.contains(" 1 times")
            };
            if let Some(word) = other_words.iter().find(is_of_other) {
                wrong.push(format!("{name}: {word}: {} | {}", finding.finding.code, finding.help));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_note_of_ta1_can_be_raised() {
    let raised: BTreeSet<&str> = rules::all()
        .filter_map(|rule| match rule.answer {
            Some(Code::Interchange(code)) => Some(code),
            _ => None,
        })
        .collect();
    let all: Vec<String> = (1..=38).map(|code| format!("{code:03}")).collect();
    assert_eq!(raised.into_iter().collect::<Vec<_>>(), all);
}

#[test]
fn every_code_of_contrl_is_raised_or_explained() {
    let carried: Vec<(String, BTreeSet<String>)> = golden()
        .into_iter()
        .map(|(_, name, input)| {
            let report = edi::read(&input, &options(&name, Policy::Strict));
            let answers = edi::contrl(&report, &ISSUE, edi::Wish::default());
            let codes = answers.iter().flat_map(|answer| codes_of(&answer.content)).collect();
            (name, codes)
        })
        .collect();
    let mut wrong = Vec::new();
    for (code, file) in CONTRL_CODES {
        let carries = |(name, codes): &&(String, BTreeSet<String>)| {
            codes.contains(*code) && (file.is_err() || *file == Ok(name.as_str()))
        };
        let found: Vec<&str> =
            carried.iter().filter(carries).map(|(name, _)| name.as_str()).collect();
        if found.is_empty() != file.is_err() {
            wrong.push(format!("{code}: {file:?}, carried by {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let listed: BTreeSet<&str> = CONTRL_CODES.iter().map(|(code, _)| *code).collect();
    let others = carried.iter().flat_map(|(_, codes)| codes);
    let unlisted: BTreeSet<&str> = others
        .map(String::as_str)
        .filter(|code| !code.is_empty() && !listed.contains(code))
        .collect();
    assert!(unlisted.is_empty(), "{unlisted:?}");
}
