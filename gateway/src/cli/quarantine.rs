//! `tillgate quarantine`: captures that could not become records.

use std::io::{Read, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use tillgate_record::Quality;

use super::ask::{ask, unexpected};
use super::style::harmless;
use super::{ConfigFile, exit};
use crate::control::{QuarantineEntry, QuarantineItem, Replayed, Request, Response};

/// A corrected input is not larger than an input may be at all.
const INPUT_BYTES_MAX: u64 = 64 << 20;

/// Lists, shows, replays or discards inputs that could not become records.
///
/// An input in quarantine is kept whole until a person decides. Replaying interprets it again, after the
/// configuration or the directory was put right, or with a corrected input.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tillgate quarantine list --source bigbox
  tillgate quarantine show 01J8Z3E0K2-0
  tillgate quarantine replay 01J8Z3E0K2-0 --with corrected.json
  tillgate quarantine discard 01J8Z3E0K2-0

Exit codes: 0 done, 1 it failed, or a replay met a record with the same key and other content, 2 a replay is
still in quarantine.")]
pub(super) struct QuarantineArgs {
    #[command(flatten)]
    config: ConfigFile,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists what waits, newest first.
    #[command(after_help = "\
Examples:
  tillgate quarantine list
  tillgate quarantine list --source bigbox --json | jq .findings

Exit codes: 0 listed, 1 it failed.")]
    List {
        /// Of one source only.
        #[arg(long, value_name = "ID")]
        source: Option<String>,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Shows an entry with its findings and its input, which is free of card data.
    #[command(after_help = "\
Examples:
  tillgate quarantine show 01J8Z3E0K2-0
  tillgate quarantine show 01J8Z3E0K2-0 --json | jq -r .input

Exit codes: 0 shown, 1 it failed or there is no such entry.")]
    Show {
        /// The entry, as `list` prints it.
        id: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Interprets an entry again.
    #[command(after_help = "\
Examples:
  tillgate quarantine replay 01J8Z3E0K2-0
  tillgate quarantine replay 01J8Z3E0K2-0 --with corrected.json

Exit codes: 0 it is a record now, or was one before, 1 it failed, or a record with the same key has other
content, 2 it is still in quarantine.")]
    Replay {
        /// The entry, as `list` prints it.
        id: String,
        /// Take this input instead of the one that was kept; `-` for stdin.
        #[arg(long, value_name = "FILE")]
        with: Option<PathBuf>,
        /// Where a record with the same key and other content exists: make this its next version.
        #[arg(long)]
        as_correction: bool,
    },
    /// Closes an entry without a record.
    ///
    /// The input stays in the journal as long as `[retention]` says.
    #[command(after_help = "\
Example:
  tillgate quarantine discard 01J8Z3E0K2-0

Exit codes: 0 closed, 1 it failed or there is no such entry.")]
    Discard {
        /// The entry, as `list` prints it.
        id: String,
    },
}

pub(super) fn run(args: &QuarantineArgs, out: &mut dyn Write) -> anyhow::Result<u8> {
    let (request, json) = request(&args.action)?;
    match ask(&args.config, request)? {
        Response::Quarantine(items) => list(&items, json, out),
        Response::QuarantineEntry(entry) => show(&entry, json, out),
        Response::Replayed(replayed) => tell_replayed(&replayed, out),
        Response::Discarded => Ok(exit::FINE),
        other => Err(unexpected(&other)),
    }
}

fn request(action: &Action) -> anyhow::Result<(Request, bool)> {
    Ok(match action {
        Action::List { source, limit, json } => {
            (Request::QuarantineList { source: source.clone(), limit: *limit }, *json)
        }
        Action::Show { id, json } => (Request::QuarantineShow { id: id.clone() }, *json),
        Action::Replay { id, with, as_correction } => {
            let with = with.as_ref().map(input).transpose()?;
            let request =
                Request::QuarantineReplay { id: id.clone(), with, as_correction: *as_correction };
            (request, false)
        }
        Action::Discard { id } => (Request::QuarantineDiscard { id: id.clone() }, false),
    })
}

fn input(path: &PathBuf) -> anyhow::Result<String> {
    let reading: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        let file = std::fs::File::open(path);
        Box::new(file.with_context(|| format!("cannot open {}", path.display()))?)
    };
    let mut text = String::new();
    let mut reading = reading.take(INPUT_BYTES_MAX + 1);
    reading.read_to_string(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
    let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
    anyhow::ensure!(bytes <= INPUT_BYTES_MAX, "{} is too large for an input", path.display());
    Ok(text)
}

fn list(items: &[QuarantineItem], json: bool, out: &mut dyn Write) -> anyhow::Result<u8> {
    if !json && !items.is_empty() {
        writeln!(out, "{:<30}  {:<20}  {:<16}  FIRST FINDING", "ENTRY", "RECEIVED", "SOURCE")?;
    }
    for item in items {
        if json {
            writeln!(out, "{}", serde_json::to_string(item)?)?;
            continue;
        }
        let first = item.findings.first().map_or("", |finding| finding.message.as_str());
        let QuarantineItem { id, received_at, source, .. } = item;
        let received_at = to_the_second(received_at);
        writeln!(out, "{id:<30}  {received_at:<20}  {source:<16}  {}", harmless(first))?;
    }
    match items.first() {
        _ if json => {}
        None => writeln!(out, "quarantine is empty")?,
        Some(first) => writeln!(
            std::io::stderr(),
            "what is wrong with one: tillgate quarantine show {}",
            first.id
        )?,
    }
    Ok(exit::FINE)
}

/// RFC 3339 without the fraction, which makes a table no better.
fn to_the_second(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}

fn show(entry: &QuarantineEntry, json: bool, out: &mut dyn Write) -> anyhow::Result<u8> {
    if json {
        writeln!(out, "{}", serde_json::to_string(entry)?)?;
        return Ok(exit::FINE);
    }
    let QuarantineItem { id, capture, item, source, received_at, findings } = &entry.item;
    writeln!(out, "entry     {id}")?;
    writeln!(out, "source    {source}, received {received_at}")?;
    writeln!(out, "capture   {capture}, item {item}, read as {}", entry.media)?;
    for finding in findings {
        write_finding(finding, out)?;
    }
    writeln!(out, "\n{}", harmless(&entry.input))?;
    Ok(exit::FINE)
}

fn tell_replayed(replayed: &Replayed, out: &mut dyn Write) -> anyhow::Result<u8> {
    let sequence = replayed.sequence.map(|sequence| format!(", record {sequence}"));
    writeln!(out, "{}{}", replayed.status, sequence.unwrap_or_default())?;
    for finding in &replayed.findings {
        write_finding(finding, out)?;
    }
    Ok(match replayed.status.as_str() {
        "quarantined" => exit::INPUT,
        "conflict" => exit::FAILURE,
        _ => exit::FINE,
    })
}

fn write_finding(finding: &Quality, out: &mut dyn Write) -> std::io::Result<()> {
    let Quality { rule, severity, path, message, .. } = finding;
    let severity = severity.as_str();
    let place = if path.is_empty() { String::new() } else { format!(" at {}", harmless(path)) };
    writeln!(out, "{severity:<9} {rule}{place}: {}", harmless(message))
}

#[cfg(test)]
mod tests {
    use tillgate_record::Severity;

    use super::*;

    #[test]
    fn a_list_has_times_and_a_finding_without_place_has_none() {
        let finding = Quality {
            rule: "conflict".to_owned(),
            severity: Severity::Error,
            path: String::new(),
            message: "other content".to_owned(),
            expected: None,
            found: None,
        };
        let mut text = Vec::new();
        write_finding(&finding, &mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "error     conflict: other content\n");
        let item = QuarantineItem {
            id: "01J8Z3E0K2-0".to_owned(),
            capture: "01J8Z3E0K2".to_owned(),
            item: 0,
            source: "bigbox".to_owned(),
            received_at: "2026-11-21T10:03:12.123456Z".to_owned(),
            findings: vec![finding],
        };
        let mut table = Vec::new();
        list(&[item], false, &mut table).unwrap();
        let table = String::from_utf8(table).unwrap();
        let words: Vec<Vec<&str>> = table.lines().map(|l| l.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["ENTRY", "RECEIVED", "SOURCE", "FIRST", "FINDING"]);
        assert_eq!(words[1][..3], ["01J8Z3E0K2-0", "2026-11-21T10:03:12Z", "bigbox"]);
    }
}
