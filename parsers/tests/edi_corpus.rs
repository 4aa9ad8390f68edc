//! Reads the collection of real EDI files beside the repository, where it is present: nothing panics, every finding
//! points into the input, and the verdict on envelopes is the manifest's but for differences that are written down.
//! `TILLGATE_EDI_CORPUS` names the collection where it stands elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tillgate_parsers::edi::{self, Functional, Issue, Options, Policy, Report};

/// Where the lenient policy differs from the manifest, and why: `file <tab> reason`.
const DIFFERENCES: &str = include_str!("edi/corpus-differences.tsv");

const ISSUE: Issue =
    Issue { functional: Functional::F997, control_number: 1, date: (2026, 11, 21), time: (12, 0) };

/// What a reply repeats of the sender's: version, kinds and names of the parties.
const REPEATED: &[&str] = &[
    "version-nearest",
    "isa-sender-qualifier",
    "isa-sender",
    "isa-receiver-qualifier",
    "isa-receiver",
    "ta1-invalid",
    "gs02-invalid",
    "gs03-invalid",
    "element-missing",
    "element-too-long",
    "element-too-short",
];

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/edi");
    let path = std::env::var_os("TILLGATE_EDI_CORPUS").map_or(beside, PathBuf::from);
    path.join("manifest.tsv").exists().then_some(path)
}

struct Row {
    file: String,
    standard: String,
    verdict: String,
}

fn manifest(corpus: &Path) -> Vec<Row> {
    let text = fs::read(corpus.join("manifest.tsv")).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .skip(1)
        .map(|line| {
            let column = |index: usize| line.split('\t').nth(index).unwrap_or("").to_owned();
            Row { file: column(0), standard: column(5), verdict: column(11) }
        })
        .collect()
}

/// Errors that the manifest's checker knows too: envelopes, counts, tags, binary lengths.
fn envelope_error(report: &Report<'_>) -> Option<&'static str> {
    report
        .findings
        .kept()
        .iter()
        .filter(|finding| finding.is_error())
        .find(|finding| {
            finding.is_envelope() || matches!(finding.finding.code, "segment-tag" | "binary-length")
        })
        .map(|finding| finding.finding.code)
}

#[test]
fn real_files_are_read_without_panic_and_findings_point_into_them() {
    let Some(corpus) = corpus() else {
        println!("skipped: no ../shared/data/edi");
        return;
    };
    let mut files = 0;
    for row in manifest(&corpus) {
        let input = fs::read(corpus.join(&row.file)).unwrap();
        for policy in [Policy::Lenient, Policy::Strict] {
            let report = edi::read(&input, &Options { policy, ..Options::default() });
            for finding in report.findings.kept() {
                assert!(finding.place.offset <= input.len(), "{}: {finding:?}", row.file);
            }
            for reply in edi::acknowledge(&report, &ISSUE) {
                let back = edi::read(
                    &reply.content,
                    &Options { policy: Policy::Strict, ..Options::default() },
                );
                let wrong =
                    back.findings.kept().iter().find(|f| !REPEATED.contains(&f.finding.code));
                assert_eq!(
                    wrong,
                    None,
                    "{}: {}",
                    row.file,
                    String::from_utf8_lossy(&reply.content)
                );
            }
            let mut lines = edi::json::Lines::default();
            let mut reader = edi::Reader::new(&Options { policy, ..Options::default() });
            reader.feed(&input, &mut lines);
            let sets = reader.finish(&mut lines).sets;
            let json: Vec<serde_json::Value> = serde_json::Deserializer::from_slice(lines.text())
                .into_iter()
                .map(|set| set.unwrap())
                .collect();
            assert_eq!(json.len(), sets);
        }
        files += 1;
    }
    assert!(files > 400, "{files} files");
}

#[test]
fn envelope_verdicts_are_the_manifests_but_for_written_differences() {
    let Some(corpus) = corpus() else {
        println!("skipped: no ../shared/data/edi");
        return;
    };
    let mut expected: BTreeMap<&str, &str> = DIFFERENCES
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .filter_map(|line| line.split_once('\t'))
        .collect();
    let mut wrong = Vec::new();
    for row in manifest(&corpus).iter().filter(|row| row.verdict != "n/a") {
        let input = fs::read(corpus.join(&row.file)).unwrap();
        let report = edi::read(&input, &Options::default());
        let error = envelope_error(&report);
        let agrees = error.is_none() == (row.verdict == "valid");
        let listed = expected.remove(row.file.as_str()).is_some();
        if agrees == listed {
            wrong.push(format!(
                "{}\tmanifest {}, tillgate {error:?}, listed {listed}",
                row.file, row.verdict
            ));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    assert!(expected.is_empty(), "listed and not in the corpus: {expected:?}");
}

/// Files in which a set breaks its table, and what is wrong there: `file <tab> codes <tab> why`.
const SETS: &str = include_str!("edi/corpus-sets.tsv");

/// Errors in the segments of sets, each kind once; what the manifest's checker knows too is not among them.
fn errors_of_sets(report: &Report<'_>) -> String {
    let errors = report.findings.kept().iter().filter(|finding| finding.is_error());
    let mut codes: Vec<&str> = errors
        .filter(|finding| !finding.is_envelope())
        .map(|finding| finding.finding.code)
        .filter(|code| !matches!(*code, "segment-tag" | "binary-length"))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes.join(", ")
}

#[test]
fn sets_keep_their_tables_but_for_written_errors() {
    let Some(corpus) = corpus() else {
        println!("skipped: no ../shared/data/edi");
        return;
    };
    let mut expected: BTreeMap<&str, &str> = SETS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .filter_map(|line| line.split_once('\t'))
        .map(|(file, rest)| (file, rest.split('\t').next().unwrap_or_default()))
        .collect();
    let mut wrong = Vec::new();
    for row in manifest(&corpus).iter().filter(|row| row.standard != "TRADACOMS") {
        let input = fs::read(corpus.join(&row.file)).unwrap();
        let found = errors_of_sets(&edi::read(&input, &Options::default()));
        if found != expected.remove(row.file.as_str()).unwrap_or_default() {
            wrong.push(format!("{}\t{found}", row.file));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    assert!(expected.is_empty(), "listed and not in the corpus: {expected:?}");
}

/// What the manifest does not judge is no interchange, and is refused by name: transaction sets without an envelope,
/// DEX/UCS, HL7 and whatever else.
#[test]
fn what_is_no_interchange_is_refused_by_name() {
    let Some(corpus) = corpus() else {
        println!("skipped: no ../shared/data/edi");
        return;
    };
    // Text around X12, of which the interchanges are read and the text is told.
    let around = "kputnam+stupidedi/notes__split.edi";
    for row in manifest(&corpus) {
        if matches!(row.standard.as_str(), "X12-fragment" | "DEX/UCS" | "other")
            && row.file != around
        {
            let input = fs::read(corpus.join(&row.file)).unwrap();
            let report = edi::read(&input, &Options::default());
            let codes: Vec<&str> =
                report.findings.kept().iter().map(|finding| finding.finding.code).collect();
            assert_eq!(codes, ["not-edi"], "{}", row.file);
        }
    }
}

/// What is wrong with the TRADACOMS files, which the manifest does not judge: `file <tab> codes <tab> why`.
const TRADACOMS: &str = include_str!("edi/corpus-tradacoms.tsv");

#[test]
fn every_tradacoms_file_is_judged_as_written_down() {
    let Some(corpus) = corpus() else {
        println!("skipped: no ../shared/data/edi");
        return;
    };
    let expected: BTreeMap<&str, &str> = TRADACOMS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .filter_map(|line| line.split_once('\t'))
        .map(|(file, rest)| (file, rest.split('\t').next().unwrap_or_default()))
        .collect();
    let mut files = 0;
    for row in manifest(&corpus).iter().filter(|row| row.standard == "TRADACOMS") {
        let input = fs::read(corpus.join(&row.file)).unwrap();
        let report = edi::read(&input, &Options::default());
        let mut codes: Vec<String> = report
            .findings
            .kept()
            .iter()
            .map(|finding| format!("{:?} {}", finding.finding.severity, finding.finding.code))
            .collect();
        codes.sort();
        codes.dedup();
        assert_eq!(
            Some(codes.join(", ").as_str()),
            expected.get(row.file.as_str()).copied(),
            "{}",
            row.file
        );
        files += 1;
    }
    assert_eq!(files, expected.len());
}
