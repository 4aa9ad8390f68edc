//! A report on one EDI file: for people with the segment and a caret, for machines as one line of JSON.
//!
//! In: what a reader told of the file. Out: text in the words of its standard. Never: a control byte of the file or of
//! its name, a card number.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use tillgate_parsers::edi::{EdiFinding, Events, Excerpt, Standard, Summary};
use tillgate_parsers::finding::{Fault, Severity};

use crate::cli::style::{Colour, Style, harmless};

/// A file that was read to its end.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) name: String,
    pub(super) summary: Summary,
    /// Those that the reader told; the summary counts all.
    pub(super) findings: Vec<EdiFinding>,
}

/// Keeps findings. The reader bounds how many it tells.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) kept: Vec<EdiFinding>,
}

impl Events for Findings {
    fn wants_segments(&self) -> bool {
        false
    }

    fn finding(&mut self, finding: EdiFinding) {
        self.kept.push(finding);
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Valid,
    Warnings,
    Invalid,
    NotEdi,
}

impl Verdict {
    /// As in `--json`: what is no EDI is no valid EDI.
    fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Warnings => "warnings",
            Self::Invalid | Self::NotEdi => "invalid",
        }
    }

    fn colour(self) -> Colour {
        match self {
            Self::Valid => Colour::Green,
            Self::Warnings => Colour::Yellow,
            Self::Invalid | Self::NotEdi => Colour::Red,
        }
    }
}

impl Checked {
    pub(super) fn verdict(&self) -> Verdict {
        match (self.summary.errors, self.summary.warnings) {
            (0, 0) => Verdict::Valid,
            (0, _) => Verdict::Warnings,
            _ if self.findings.iter().any(|finding| finding.finding.code == "not-edi") => {
                Verdict::NotEdi
            }
            _ => Verdict::Invalid,
        }
    }

    /// Findings that were counted and are not listed.
    pub(super) fn dropped(&self) -> u64 {
        let Summary { errors, warnings, .. } = self.summary;
        (errors + warnings).saturating_sub(self.findings.len() as u64)
    }
}

/// One line of `--json`.
#[derive(Debug, Serialize)]
struct FileJson<'r> {
    file: &'r str,
    standard: Option<Standard>,
    verdict: &'static str,
    /// Why the file could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    interchanges: usize,
    groups: usize,
    transactions: usize,
    segments: u64,
    /// Findings that were counted and are not listed.
    #[serde(skip_serializing_if = "is_zero")]
    findings_dropped: u64,
    findings: &'r [EdiFinding],
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A file's name as text.
pub(super) fn name(path: &Path) -> String {
    path.display().to_string()
}

/// A file's name for a terminal, on one line.
pub(super) fn shown(name: &str) -> String {
    harmless(name).replace(['\n', '\t'], "\u{fffd}")
}

/// Writes one line of JSON.
pub(super) fn write_json(out: &mut impl Write, checked: &Checked) -> io::Result<()> {
    let summary = &checked.summary;
    let line = FileJson {
        file: &checked.name,
        standard: summary.standard,
        verdict: checked.verdict().as_str(),
        error: None,
        interchanges: summary.interchanges,
        groups: summary.groups,
        transactions: summary.sets,
        segments: summary.segments,
        findings_dropped: checked.dropped(),
        findings: &checked.findings,
    };
    write_line(out, &line)
}

/// Writes one line of JSON for a file that could not be read, which is no judgement of what is in it.
pub(super) fn write_json_unreadable(
    out: &mut impl Write,
    file: &str,
    error: &io::Error,
) -> io::Result<()> {
    let line = FileJson {
        file,
        standard: None,
        verdict: "unreadable",
        error: Some(error.to_string()),
        interchanges: 0,
        groups: 0,
        transactions: 0,
        segments: 0,
        findings_dropped: 0,
        findings: &[],
    };
    write_line(out, &line)
}

fn write_line(out: &mut impl Write, line: &FileJson<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// Writes every finding with its segment, then a verdict.
pub(super) fn write_text(out: &mut impl Write, style: Style, checked: &Checked) -> io::Result<()> {
    let name = shown(&checked.name);
    let set = match checked.summary.standard {
        Some(Standard::Edifact | Standard::Tradacoms) => "message",
        _ => "transaction set",
    };
    for finding in &checked.findings {
        write_finding(out, style, (&name, set), finding)?;
    }
    if checked.dropped() > 0 {
        writeln!(out, "and {} more\n", counted(checked.dropped(), "finding"))?;
    }
    let verdict = checked.verdict();
    if verdict == Verdict::NotEdi {
        return writeln!(out, "{name}: {}", style.paint(verdict.colour(), "not EDI"));
    }
    let Summary { interchanges, groups, sets, segments, errors, warnings, .. } = checked.summary;
    write!(out, "{name}: {}", style.paint(verdict.colour(), verdict.as_str()))?;
    write!(out, ": {}", counted(interchanges as u64, "interchange"))?;
    // Messages mostly stand without a group.
    if groups > 0 || set != "message" {
        write!(out, ", {}", counted(groups as u64, "group"))?;
    }
    writeln!(
        out,
        ", {}, {}; {}, {}",
        counted(sets as u64, set),
        counted(segments, "segment"),
        counted(errors, "error"),
        counted(warnings, "warning"),
    )
}

fn write_finding(
    out: &mut impl Write,
    style: Style,
    (file, set): (&str, &str),
    finding: &EdiFinding,
) -> io::Result<()> {
    let content = &finding.finding;
    let (severity, colour) = match content.severity {
        Severity::Error => ("error", Colour::Red),
        Severity::Warning => ("warning", Colour::Yellow),
    };
    let head = style.paint(colour, format_args!("{severity}[{}]", content.code));
    writeln!(out, "{head}: {}", content.message)?;
    writeln!(out, "  --> {file}:{} {}", finding.place.line, place(finding, set))?;
    if let Some(Excerpt { text, column }) = finding.excerpt.as_ref().filter(|e| !e.text.is_empty())
    {
        writeln!(out, "   | {text}")?;
        writeln!(out, "   | {:column$}{}", "", style.paint(colour, "^"))?;
    }
    let fault = match content.fault {
        Fault::Sender => "the sender's",
        Fault::Limit => "a limit here",
        Fault::Device => "a device's",
        Fault::Us => "a bug of tillgate's",
    };
    let to_do = if finding.help.starts_with("nothing to do") { "" } else { "to do: " };
    writeln!(out, "   = fault: {fault}; {to_do}{}\n", finding.help)
}

fn place(finding: &EdiFinding, set: &str) -> String {
    let place = &finding.place;
    let mut text = format!("byte {}", place.offset);
    if let (Some(tag), Some(element)) = (&place.segment, place.element) {
        text.push_str(&format!(", {tag}{element:02}"));
        if let Some(component) = place.component {
            text.push_str(&format!("-{component}"));
        }
    }
    if let Some(repetition) = place.repetition {
        text.push_str(&format!(", repetition {repetition}"));
    }
    if let Some(position) = place.segment_position {
        text.push_str(&format!(", segment {position}"));
    }
    if let Some(number) = &place.transaction {
        text.push_str(&format!(" of {set} {number}"));
    }
    if let Some(interchange) = &place.interchange {
        text.push_str(&format!(", interchange {interchange}"));
    }
    for (carrier, code) in &finding.acknowledgement {
        text.push_str(&format!(", {carrier} {code}"));
    }
    text
}

/// `1 file`, `2 files`.
pub(super) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
