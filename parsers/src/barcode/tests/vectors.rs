//! The vectors of GS1's own engine and dictionary, where they are at hand: `TILLGATE_GS1_VECTORS`, or the folder
//! beside the checkout. What is left out stands in `vectors-left-out.tsv`, with the reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::barcode::element::elements;
use crate::barcode::lint::Lint;
use crate::barcode::percent::{Plus, decoded};
use crate::barcode::*;

/// Suites, or rows by their input, that are not tried.
struct LeftOut {
    rows: BTreeMap<(&'static str, &'static str), bool>,
}

impl LeftOut {
    fn load() -> Self {
        let lines = include_str!("vectors-left-out.tsv").lines();
        let lines = lines.filter(|line| !line.starts_with('#')).skip(1);
        let row = |line: &'static str| {
            let columns: Vec<&str> = line.split('\t').collect();
            assert!(columns.len() == 3 && !columns[2].is_empty(), "no reason: {line}");
            ((columns[0], columns[1]), false)
        };
        Self { rows: lines.map(row).collect() }
    }

    /// Whether a row is left out; its line counts as used then.
    fn has(&mut self, suite: &str, input: &str) -> bool {
        let line = self
            .rows
            .iter_mut()
            .find(|((known, row), _)| *known == suite && (*row == "*" || *row == input));
        line.map(|(_, used)| *used = true).is_some()
    }

    fn assert_all_used(&self, is_mine: impl Fn(&str) -> bool) {
        let unused = self.rows.iter().filter(|((suite, _), used)| !**used && is_mine(suite));
        let unused: Vec<_> = unused.map(|(row, _)| row).collect();
        assert!(unused.is_empty(), "left out for nothing: {unused:?}");
    }
}

fn table(name: &str) -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/gs1");
    let folder = std::env::var_os("TILLGATE_GS1_VECTORS").map_or(beside, PathBuf::from);
    let table = std::fs::read_to_string(folder.join(name)).ok();
    if table.is_none() {
        println!("skipped: {name} is not there; TILLGATE_GS1_VECTORS names its folder");
    }
    table
}

#[test]
fn vectors_of_the_engine_agree() {
    let Some(table) = table("gs1-vectors.tsv") else { return };
    let mut left_out = LeftOut::load();
    let (mut agreed, mut omitted, mut differing) = (0, 0, Vec::new());
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [suite, _, _, input, valid, expected, _] = columns[..] else {
            panic!("not seven columns: {row}")
        };
        if left_out.has(suite, input) {
            omitted += 1;
            continue;
        }
        let vector =
            Vector { input: unescape(input), valid: valid == "1", expected: unescape(expected) };
        match vector.check(suite) {
            Ok(()) => agreed += 1,
            Err(found) => {
                differing.push(format!("{suite} {input}: expected {expected}, found {found}"));
            }
        }
    }
    println!("vectors: {agreed} agree, {omitted} left out, {} differ", differing.len());
    assert!(differing.is_empty(), "{differing:#?}");
    assert!(agreed > 6000);
    left_out.assert_all_used(|suite| !suite.starts_with("set"));
}

#[test]
fn answers_of_the_engine_agree() {
    let Some(table) = table("gs1-oracle.tsv") else { return };
    let mut left_out = LeftOut::load();
    let (mut agreed, mut omitted, mut differing) = (0, 0, Vec::new());
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [api, input, valid, _, bracketed, ..] = columns[..] else { panic!("{row}") };
        if left_out.has(api, input) {
            omitted += 1;
            continue;
        }
        let barcode = of_api(api, &unescape(input));
        let agrees = match valid {
            // The engine keeps any content that it knows nothing of; a warning does not refuse it.
            "1" => barcode.as_ref().is_ok_and(|barcode| {
                !is_refused(barcode)
                    && elements_of(barcode).as_bytes() == unescape(&bracketed.replace('|', ""))
            }),
            _ => barcode.as_ref().map_or(true, |barcode| !barcode.findings.is_empty()),
        };
        match agrees {
            true => agreed += 1,
            false => differing
                .push(format!("{api} {input}: expected {valid} {bracketed}, found {barcode:?}")),
        }
    }
    println!("answers: {agreed} agree, {omitted} left out, {} differ", differing.len());
    assert!(differing.is_empty(), "{differing:#?}");
    assert!(agreed > 500);
    left_out.assert_all_used(|suite| suite.starts_with("set"));
}

/// What an input of the engine's interface is to us.
fn of_api(api: &str, input: &[u8]) -> Result<Barcode, Finding> {
    if api == "setScanData" {
        return Ok(read(None, input));
    }
    let text = String::from_utf8_lossy(input);
    match (api, text.starts_with('(')) {
        ("setAIdataStr", false) => Err(refusal("no bracket")),
        _ => written(&text).map(|(aim, data)| read(aim, &data)),
    }
}

fn refusal(message: &str) -> Finding {
    element::error("gs1-brackets", message.to_owned())
}

fn is_refused(barcode: &Barcode) -> bool {
    barcode.findings.iter().any(|finding| finding.severity == Severity::Error)
}

fn elements_of(barcode: &Barcode) -> String {
    let written = |value: &str| value.replace('(', "\\(");
    let elements = barcode.elements.iter();
    elements.map(|(identifier, value)| format!("({identifier}){}", written(value))).collect()
}

struct Vector {
    input: Vec<u8>,
    valid: bool,
    expected: Vec<u8>,
}

impl Vector {
    fn check(&self, suite: &str) -> Result<(), String> {
        if let Some(rule) = suite.strip_prefix("linter:gs1_lint_") {
            return self.check_lint(rule);
        }
        let text = String::from_utf8_lossy(&self.input).into_owned();
        match suite {
            "AIlinter" | "parseAIdata" | "errMarkup" => self.check_brackets(&text, suite),
            "processAIdata" => self.check_message(&elements_read(&text.replace('^', "\u{1d}"))),
            "validateAIs:mutex" => self.check_rule(&text, EXCLUDED),
            "validateAIs:requisites" => self.check_rule(&text, MISSING),
            "validateAIs:repeats" => self.check_rule(&text, "gs1-repeated-ai"),
            "validateAIs:other" => self.check_rule(&text, "gs1-missing-serial"),
            "parseDLuri" => self.check_message(&read(None, &self.input)),
            "DLpathAIseq" => {
                let path: Vec<&str> = text.split(' ').collect();
                agree(digital_link::is_path(&path), self.valid)
            }
            "URIunescape:path" => agree(decoded(&self.input, Plus::Itself), self.expected.clone()),
            "URIunescape:query" => agree(decoded(&self.input, Plus::Blank), self.expected.clone()),
            "processScanData" => self.check_scan(),
            _ => Err("an unknown suite".to_owned()),
        }
    }

    /// The wrong part stands between stars.
    fn check_lint(&self, rule: &str) -> Result<(), String> {
        let lint = Lint::named(rule).ok_or("an unknown rule")?;
        match lint.check(&self.input) {
            Ok(()) => agree(true, self.valid),
            Err(flaw) => {
                let mut marked = self.input.clone();
                marked.insert(flaw.at + flaw.length, b'*');
                marked.insert(flaw.at, b'*');
                agree((false, marked), (self.valid, self.expected.clone()))
            }
        }
    }

    fn check_brackets(&self, text: &str, suite: &str) -> Result<(), String> {
        let Ok((Some("]C1"), message)) = written(text) else {
            return agree(false, self.valid);
        };
        if suite == "errMarkup" {
            let finding = elements(&message).findings.remove(0);
            let bar = self.expected.iter().position(|byte| *byte == b'|').unwrap_or_default();
            let place = format!("character {}", bar + 1 - "(8001)".len());
            return agree(finding.message.contains(&place), true);
        }
        self.check_message(&Barcode::default().with(elements(&message)))
    }

    /// Associations are other suites' matter.
    fn check_message(&self, barcode: &Barcode) -> Result<(), String> {
        let others = |finding: &&Finding| ![MISSING, EXCLUDED].contains(&finding.code);
        let findings: Vec<&Finding> = barcode.findings.iter().filter(others).collect();
        // Where the engine has an option to take a Digital Link, we take it with a warning.
        if !self.valid {
            return agree(findings.is_empty(), false);
        }
        // A warning says that it is read all the same.
        let refused = findings.iter().any(|finding| finding.severity == Severity::Error);
        let expected = String::from_utf8_lossy(&self.expected);
        agree((refused, message_of(barcode)), (false, expected.trim_end_matches('^').to_owned()))
    }

    fn check_rule(&self, text: &str, code: &str) -> Result<(), String> {
        let (_, message) = written(text).map_err(|finding| finding.code)?;
        let parsed = elements(&message);
        agree(parsed.findings, Vec::new())?;
        let found = association::findings(&parsed.list).iter().any(|finding| finding.code == code);
        agree(!found, self.valid)
    }

    /// Expected is an element string, or the digits of EAN/UPC with a composite component behind, or other data.
    fn check_scan(&self) -> Result<(), String> {
        let barcode = read(None, &self.input);
        if !self.valid {
            return agree(barcode.findings.is_empty(), false);
        }
        agree(is_refused(&barcode), false)?;
        let expected = String::from_utf8_lossy(&self.expected);
        if expected.starts_with('^') {
            return agree(message_of(&barcode), expected.into_owned());
        }
        if let (Some(gtin), Some((digits, elements))) = (&barcode.gtin, expected.split_once('|')) {
            agree(format!("{digits:0>14}"), gtin.clone())?;
            return agree(message_of(&barcode), elements.to_owned());
        }
        let unmarked = expected.replacen("\\^", "^", 1).replacen("\\\\", "\\", 1);
        agree(barcode.data, unmarked)
    }
}

/// A raw element string, which begins with FNC1.
fn elements_read(text: &str) -> Barcode {
    match text.starts_with('\u{1d}') {
        true => Barcode::default().with(elements(text.as_bytes())),
        false => Barcode { findings: vec![refusal("no FNC1")], ..Barcode::default() },
    }
}

impl Barcode {
    fn with(mut self, parsed: Elements) -> Self {
        self.take_elements(parsed);
        self
    }
}

fn agree<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found:?}, not {expected:?}")) }
}

/// Elements as the vectors write them: `^` for FNC1.
fn message_of(barcode: &Barcode) -> String {
    let mut message = String::from("^");
    let last = barcode.elements.len().saturating_sub(1);
    for (place, (identifier, value)) in barcode.elements.iter().enumerate() {
        message += &format!("{identifier}{value}");
        let is_sized = dictionary::Row::of(identifier.as_bytes()).is_some_and(|row| row.is_sized);
        if place < last && !is_sized {
            message.push('^');
        }
    }
    message
}

fn unescape(column: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = column.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (byte, length) = match behind {
            [b't', ..] => (b'\t', 1),
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b'x', high, low, ..] => {
                let digits = [*high, *low].map(char::from).iter().collect::<String>();
                (u8::from_str_radix(&digits, 16).unwrap(), 3)
            }
            _ => (behind[0], 1),
        };
        bytes.push(byte);
        rest = &behind[length..];
    }
    bytes
}
