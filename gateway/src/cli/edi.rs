//! `tillgate edi`: look at EDI files without a daemon.
//!
//! In: files or standard input. Out: verdicts, acknowledgements, JSON, records on stdout; words for people on stderr.
//! Never: a file written, a card number shown.

mod report;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use tillgate_parsers::edi::{self, Guide, Interchange, Issue, Options, Policy};
use tillgate_record::{Channel, Decision, DocumentRecord, Link, Provenance, Quality};

use super::exit;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::normalize::{self, Body, Context, Item};

/// Looks at EDI files without a daemon: verdicts, acknowledgements, contents, records.
///
/// Nothing is sent and nothing is written; card numbers are masked.
#[derive(Debug, Args)]
pub struct EdiArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says whether EDI files are valid, with every finding and its place
    #[command(after_help = "\
Examples:
  tillgate edi check orders.edi invoices.edi
  tillgate edi check --strict --json orders.edi
  tillgate edi check --guide guides/bigbox-850.toml orders.edi

Exit codes: 0 fine, 1 a file could not be read, 2 a file has errors.")]
    Check(Check),
    /// Prints the acknowledgements that a file earns: TA1 and 997
    #[command(after_help = "\
Examples:
  tillgate edi ack orders.edi
  tillgate edi ack --control-number 42 orders.edi > 997.edi

Exit codes: 0 fine, 1 a file could not be read, 2 the file has errors.")]
    Ack(Ack),
    /// Prints one JSON object a transaction set, loops nested
    #[command(after_help = "\
Examples:
  tillgate edi json orders.edi | jq .transaction

Exit codes: 0 fine, 1 a file could not be read, 2 the file has errors.")]
    Json(OneFile),
    /// Prints the records that a file becomes, one a line
    #[command(after_help = "\
Examples:
  tillgate edi sales --config /etc/tillgate/tillgate.toml orders.edi

Exit codes: 0 fine, 1 a file could not be read, 2 the file has errors.")]
    Sales(Sales),
}

#[derive(Debug, Args)]
struct Check {
    /// Follow the standard to the letter
    #[arg(long, conflicts_with = "lenient")]
    strict: bool,
    /// Take what the field sends every day, with warnings (the default)
    #[arg(long)]
    lenient: bool,
    /// Print one JSON object a file
    #[arg(long)]
    json: bool,
    /// An implementation guide of the partner; several may be given, and each set takes the one that is for it
    #[arg(long = "guide", value_name = "GUIDE")]
    guides: Vec<PathBuf>,
    /// Files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Ack {
    /// Answer with 999 instead of 997; not in this version
    #[arg(long = "999")]
    implementation: bool,
    /// Control number of the acknowledgement
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=999_999_999))]
    control_number: u32,
    /// A file; `-` is standard input
    file: PathBuf,
}

#[derive(Debug, Args)]
struct OneFile {
    /// A file; `-` is standard input
    file: PathBuf,
}

#[derive(Debug, Args)]
struct Sales {
    /// The configuration, for partners, store and currency
    #[arg(long, value_name = "FILE", env = "TILLGATE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// A file; `-` is standard input
    file: PathBuf,
}

impl EdiArgs {
    /// The configuration that the command wants to have read for it.
    #[must_use]
    pub fn config_path(&self) -> Option<&Path> {
        match &self.command {
            Command::Sales(sales) => sales.config.as_deref(),
            _ => None,
        }
    }

    /// The implementation guides that the command wants to have read for it.
    #[must_use]
    pub fn guide_paths(&self) -> &[PathBuf] {
        match &self.command {
            Command::Check(check) => &check.guides,
            _ => &[],
        }
    }
}

/// Runs the command; gives back the exit code.
#[must_use]
pub fn run(args: EdiArgs, config: Option<&Config>, guides: &[Guide]) -> u8 {
    let mut out = io::stdout().lock();
    let mut words = io::stderr().lock();
    let result = match args.command {
        Command::Check(check) => run_check(&check, guides, (&mut out, &mut words)),
        Command::Ack(ack) => run_ack(&ack, &mut out, &mut words),
        Command::Json(json) => run_json(&json.file, &mut out, &mut words),
        Command::Sales(sales) => run_sales(&sales.file, config, (&mut out, &mut words)),
    };
    match result.and_then(|code| out.flush().map(|()| code)) {
        Ok(code) => code,
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit::FINE,
        Err(error) => {
            let _ = writeln!(words, "tillgate: {error}");
            exit::FAILURE
        }
    }
}

fn run_check(
    check: &Check,
    guides: &[Guide],
    (out, words): (&mut impl Write, &mut impl Write),
) -> io::Result<u8> {
    let policy = if check.strict { Policy::Strict } else { Policy::Lenient };
    let guides: Vec<&Guide> = guides.iter().collect();
    let options = Options { policy, guides: &guides, ..Options::default() };
    let mut code = exit::FINE;
    for path in &check.files {
        let Some(input) = read_file(path, words)? else {
            code = exit::FAILURE;
            continue;
        };
        let report = edi::read(&input, &options);
        let name = path.display().to_string();
        if check.json {
            report::write_json(out, &name, &report)?;
        } else {
            report::write_text(out, &name, &report)?;
        }
        if report.findings.errors() > 0 && code == exit::FINE {
            code = exit::INPUT;
        }
    }
    Ok(code)
}

fn run_ack(ack: &Ack, out: &mut impl Write, words: &mut impl Write) -> io::Result<u8> {
    if ack.implementation {
        writeln!(words, "tillgate: 999 is not in this version; leave --999 out for 997")?;
        return Ok(exit::USAGE);
    }
    let Some(input) = read_file(&ack.file, words)? else {
        return Ok(exit::FAILURE);
    };
    let report = edi::read(&input, &Options::default());
    let now = TimeZone::system().to_datetime(SystemClock.now());
    let issue = Issue {
        control_number: ack.control_number,
        date: (now.year(), now.month(), now.day()),
        time: (now.hour(), now.minute()),
    };
    let answers = edi::acknowledge(&report, &issue);
    for answer in &answers {
        out.write_all(&answer.content)?;
    }
    if answers.is_empty() {
        let name = ack.file.display().to_string();
        writeln!(words, "{name}: nothing in it asks for an acknowledgement")?;
    }
    Ok(if report.findings.errors() > 0 { exit::INPUT } else { exit::FINE })
}

fn run_json(path: &Path, out: &mut impl Write, words: &mut impl Write) -> io::Result<u8> {
    let Some(input) = read_file(path, words)? else {
        return Ok(exit::FAILURE);
    };
    let report = edi::read(&input, &Options::default());
    for transaction in edi::json::transactions(&report) {
        serde_json::to_writer(&mut *out, &transaction)?;
        out.write_all(b"\n")?;
    }
    if report.findings.errors() > 0 {
        report::write_text(words, &path.display().to_string(), &report)?;
        return Ok(exit::INPUT);
    }
    Ok(exit::FINE)
}

fn run_sales(
    path: &Path,
    config: Option<&Config>,
    (out, words): (&mut impl Write, &mut impl Write),
) -> io::Result<u8> {
    let Some(input) = read_file(path, words)? else {
        return Ok(exit::FAILURE);
    };
    let offline;
    let config = match config {
        Some(config) => config,
        None => {
            offline = offline_config().map_err(io::Error::other)?;
            &offline
        }
    };
    let received_at = SystemClock.now();
    let source = partner_of(&input, config);
    let context = Context { config, source: &source, received_at, control_number: None };
    let interpretation = normalize::edi::interpret(&input, &context);
    let mut code = exit::FINE;
    for (number, item) in (0_u32..).zip(interpretation.items) {
        match item {
            Item::Candidate(candidate) => {
                let Body::Document(document) = candidate.body else {
                    continue;
                };
                let record = DocumentRecord {
                    document,
                    link: unlinked(),
                    provenance: provenance(&input, (&source, number), received_at),
                    quality: candidate.quality,
                };
                serde_json::to_writer(&mut *out, &record)?;
                out.write_all(b"\n")?;
            }
            Item::Rejected(findings) => {
                code = exit::INPUT;
                write_qualities(words, number, &findings)?;
            }
            Item::Noted(findings) => write_qualities(words, number, &findings)?,
        }
    }
    Ok(code)
}

fn write_qualities(words: &mut impl Write, item: u32, findings: &[Quality]) -> io::Result<()> {
    for Quality { rule, severity, path, message, .. } in findings {
        writeln!(words, "item {item}: {}[{rule}] at {path}: {message}", severity.as_str())?;
    }
    Ok(())
}

/// The configured partner that the first interchange names as its sender.
fn partner_of(input: &[u8], config: &Config) -> String {
    let report = edi::read(input, &Options::default());
    let sender = report.interchanges.first().map(Interchange::sender);
    config
        .partners
        .iter()
        .find(|partner| {
            partner.x12.as_ref().zip(sender).is_some_and(|(identity, sender)| {
                sender == (identity.qualifier.as_bytes(), identity.id.as_bytes())
            })
        })
        .map_or_else(|| "offline".to_owned(), |partner| partner.id.clone())
}

/// Without a configuration there are no partners, and amounts are rounded as for dollars.
fn offline_config() -> Result<Config, toml::de::Error> {
    toml::from_str(
        r#"
        [gateway]
        org = "offline"
        store = "offline"
        id = "offline"
        data_dir = "."
        currency = "USD"
        [mqtt]
        url = "mqtt://localhost:1883"
        "#,
    )
}

fn unlinked() -> Link {
    Link {
        customer_id: None,
        decision: Decision::Anonymous,
        method: None,
        probability: 0.0,
        evidence: Vec::new(),
        runner_up: None,
        directory_version: 0,
    }
}

fn provenance(input: &[u8], (source, item): (&str, u32), received_at: Timestamp) -> Provenance {
    Provenance {
        capture: "offline".to_owned(),
        item,
        source: source.to_owned(),
        channel: Channel::EdiFolder,
        received_at: received_at.to_string(),
        sha256: hex::encode(Sha256::digest(input)),
        parser: "x12/1".to_owned(),
        config_version: "offline".to_owned(),
    }
}

/// Reads a file or standard input; says why not on stderr.
fn read_file(path: &Path, words: &mut impl Write) -> io::Result<Option<Vec<u8>>> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) => {
            writeln!(words, "{}: {error}", path.display())?;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests;
