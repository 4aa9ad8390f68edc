//! A report on one EDI file: for people with the segment and a caret, for machines as one line of JSON.

use std::io::{self, Write};

use serde::Serialize;
use tillgate_parsers::edi::shown::escaped;
use tillgate_parsers::edi::{EdiFinding, Report, Standard};
use tillgate_parsers::finding::Severity;
use tillgate_parsers::redact;

/// Bytes of a segment that are shown before and after the place of a finding.
const CONTEXT_BEFORE: usize = 60;
const CONTEXT_AFTER: usize = 40;

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
    let (groups, transactions) = counts(report);
    let line = FileJson {
        file,
        standard: report.standard,
        verdict: verdict(report),
        interchanges: report.interchanges.len(),
        groups,
        transactions,
        segments: report.segments,
        findings_dropped: report.findings.dropped(),
        findings: report.findings.kept(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// Writes every finding with its segment, then a summary.
pub(super) fn write_text(out: &mut impl Write, file: &str, report: &Report<'_>) -> io::Result<()> {
    for finding in report.findings.kept() {
        write_finding(out, file, report, finding)?;
    }
    if report.findings.dropped() > 0 {
        writeln!(out, "and {} findings more\n", report.findings.dropped())?;
    }
    let (groups, transactions) = counts(report);
    writeln!(
        out,
        "{file}: {}: {}, {}, {}, {}; {}, {}",
        verdict(report),
        counted(report.interchanges.len() as u64, "interchange"),
        counted(groups as u64, "group"),
        counted(transactions as u64, "transaction set"),
        counted(report.segments, "segment"),
        counted(report.findings.errors(), "error"),
        counted(report.findings.warnings(), "warning"),
    )
}

fn write_finding(
    out: &mut impl Write,
    file: &str,
    report: &Report<'_>,
    finding: &EdiFinding,
) -> io::Result<()> {
    let content = &finding.finding;
    let severity = match content.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    writeln!(out, "{severity}[{}]: {}", content.code, content.message)?;
    writeln!(out, "  --> {file}:{} {}", finding.place.line, place(finding))?;
    let (segment, caret) = excerpt(report, finding);
    if !segment.is_empty() {
        writeln!(out, "   | {segment}")?;
        writeln!(out, "   | {:caret$}^", "")?;
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

/// Longest number or track that could begin or end beyond what is shown, in bytes.
const AROUND: usize = 200;

/// The segment around a place on one line, and the column of the place in it.
fn excerpt(report: &Report<'_>, finding: &EdiFinding) -> (String, usize) {
    let offset = finding.place.offset.min(report.input.len());
    let terminator = finding
        .node
        .0
        .and_then(|index| report.interchanges.get(index))
        .map_or(b'\n', |interchange| interchange.header.delimiters.segment);
    let (before, after) = report.input.split_at(offset);
    let ends = |byte: &u8| *byte == terminator || *byte == b'\n' || *byte == b'\r';
    let start = before.iter().rposition(ends).map_or(0, |at| at + 1);
    let start = start.max(offset.saturating_sub(CONTEXT_BEFORE));
    let length = after.iter().position(|byte| *byte == terminator).unwrap_or(after.len());
    let end = offset + length.min(CONTEXT_AFTER);
    // Masked with what stands around it, so that a number across the cut is seen whole.
    let wide = start.saturating_sub(AROUND)..(end + AROUND).min(report.input.len());
    let skipped = start - wide.start;
    let shown = redact::text(report.input.get(wide).unwrap_or_default()).bytes;
    let shown = shown.get(skipped..skipped + (end - start)).unwrap_or_default();
    let head = shown.get(..offset - start).unwrap_or_default();
    (escaped(shown), escaped(head).chars().count())
}

fn counts(report: &Report<'_>) -> (usize, usize) {
    let groups = || report.interchanges.iter().flat_map(|interchange| &interchange.groups);
    (groups().count(), groups().map(|group| group.sets.len()).sum())
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
