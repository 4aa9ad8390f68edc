//! A report on one EDI file: for people with the segment and a caret, for machines as one line of JSON.

use std::io::{self, Write};

use serde::Serialize;
use tillgate_parsers::edi::{EdiFinding, Excerpt, Report, Standard};
use tillgate_parsers::finding::Severity;

/// One line of `--json`.
#[derive(Debug, Serialize)]
struct FileJson<'r> {
    file: &'r str,
    standard: Option<Standard>,
    verdict: &'static str,
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

/// Writes one line of JSON.
pub(super) fn write_json(out: &mut impl Write, file: &str, report: &Report<'_>) -> io::Result<()> {
    let line = FileJson {
        file,
        standard: report.summary.standard,
        verdict: verdict(report),
        interchanges: report.summary.interchanges,
        groups: report.summary.groups,
        transactions: report.summary.sets,
        segments: report.summary.segments,
        findings_dropped: report.findings.dropped(),
        findings: report.findings.kept(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// Writes every finding with its segment, then a summary.
pub(super) fn write_text(out: &mut impl Write, file: &str, report: &Report<'_>) -> io::Result<()> {
    for finding in report.findings.kept() {
        write_finding(out, file, finding)?;
    }
    if report.findings.dropped() > 0 {
        writeln!(out, "and {} findings more\n", report.findings.dropped())?;
    }
    writeln!(
        out,
        "{file}: {}: {}, {}, {}, {}; {}, {}",
        verdict(report),
        counted(report.summary.interchanges as u64, "interchange"),
        counted(report.summary.groups as u64, "group"),
        counted(report.summary.sets as u64, "transaction set"),
        counted(report.summary.segments, "segment"),
        counted(report.findings.errors(), "error"),
        counted(report.findings.warnings(), "warning"),
    )
}

fn write_finding(out: &mut impl Write, file: &str, finding: &EdiFinding) -> io::Result<()> {
    let content = &finding.finding;
    let severity = match content.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    writeln!(out, "{severity}[{}]: {}", content.code, content.message)?;
    writeln!(out, "  --> {file}:{} {}", finding.place.line, place(finding))?;
    if let Some(Excerpt { text, column }) = finding.excerpt.as_ref().filter(|e| !e.text.is_empty())
    {
        writeln!(out, "   | {text}")?;
        writeln!(out, "   | {:column$}^", "")?;
    }
    writeln!(out, "   = {}\n", finding.help)
}

fn place(finding: &EdiFinding) -> String {
    let place = &finding.place;
    let mut text = format!("byte {}", place.offset);
    if let (Some(tag), Some(element)) = (&place.segment, place.element) {
        text.push_str(&format!(", {tag}{element:02}"));
    }
    if let Some(position) = place.segment_position {
        text.push_str(&format!(", segment {position}"));
    }
    if let Some(set) = &place.transaction {
        text.push_str(&format!(" of set {set}"));
    }
    for (carrier, code) in &finding.acknowledgement {
        text.push_str(&format!(", {carrier} {code}"));
    }
    text
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn verdict(report: &Report<'_>) -> &'static str {
    match (report.findings.errors(), report.findings.warnings()) {
        (0, 0) => "valid",
        (0, _) => "warnings",
        _ => "invalid",
    }
}
