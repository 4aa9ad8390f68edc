//! `tillgate edi`: look at EDI files without a daemon.
//!
//! In: files or standard input. Out: verdicts, acknowledgements, JSON, records on stdout; words for people on stderr.
//! Never: a file written, a card number shown.

mod check;
mod inputs;
mod ordered;
mod progress;
mod report;
mod source;
mod tally;

use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use tillgate_parsers::edi::{
    self, Closing, EdiFinding, Envelope, Events, Functional, Guide, Interchange, Issue, Options,
    Policy, Reader, Segment, Stage, json::Lines, schema::Matcher,
};
use tillgate_record::{Channel, Decision, DocumentRecord, Link, Provenance, Quality};

use self::check::Check;
use self::report::{Checked, Findings};
use self::source::Source;
use super::exit;
use super::style::Style;
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
    ///
    /// Takes X12, EDIFACT and TRADACOMS; a file of another kind is named as what it is. Files are read piece by
    /// piece, so that their size does not matter, and several of them at the same time. Of a directory every file
    /// is checked, in the order of names, also in directories within it; names that begin with a dot are passed
    /// over.
    #[command(after_help = "\
Examples:
  tillgate edi check orders.edi invoices.edi
  tillgate edi check --strict --json orders.edi
  tillgate edi check --quiet /srv/edi/archive
  zcat orders.edi.gz | tillgate edi check -
  tillgate edi check --guide guides/bigbox-850.toml orders.edi

Exit codes: 0 fine, 1 a file could not be read, 2 a file has errors.")]
    Check(Check),
    /// Prints the acknowledgements that a file earns: TA1, and 997 or 999; CONTRL
    ///
    /// X12 is answered with a TA1 for an interchange where one is due, and with a 997 or 999 for each group; EDIFACT
    /// with a CONTRL. TRADACOMS has no acknowledgements, and an acknowledgement gets none.
    #[command(after_help = "\
Examples:
  tillgate edi ack orders.edi
  tillgate edi ack --strict invoic.edi > contrl.edi
  tillgate edi ack --control-number 42 orders.edi > 997.edi
  tillgate edi ack --999 --guide guides/bigbox-850.toml orders.edi

Exit codes: 0 fine, 1 a file could not be read, 2 the file has errors.")]
    Ack(Ack),
    /// Prints one JSON object a transaction set or message, loops nested
    ///
    /// A line is printed as soon as its set ends, whatever the size of the file. Where there are errors, all findings
    /// go to stderr. `valid` is the verdict on the set alone: false where an acknowledgement rejects it. What rejects
    /// its group or interchange may come after it, in GE, IEA or UNZ: the exit code tells.
    #[command(after_help = "\
Examples:
  tillgate edi json orders.edi | jq .transaction
  tillgate edi json orders.edi | jq -c 'select(.valid) | .content[] | select(.loop == \"PO1\")'

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
struct Ack {
    /// Follow the standard to the letter
    #[arg(long, conflicts_with = "lenient")]
    strict: bool,
    /// Take what the field sends every day (the default)
    #[arg(long)]
    lenient: bool,
    /// Answer X12 with 999 instead of 997
    #[arg(long = "999")]
    implementation: bool,
    /// Control number of the acknowledgement
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=999_999_999))]
    control_number: u32,
    /// An implementation guide of the partner; several may be given, and each set takes the one that is for it
    #[arg(long = "guide", value_name = "GUIDE")]
    guides: Vec<PathBuf>,
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
            Command::Ack(ack) => &ack.guides,
            _ => &[],
        }
    }
}

/// Runs the command; gives back the exit code.
#[must_use]
pub fn run(args: EdiArgs, config: Option<&Config>, guides: &[Guide]) -> u8 {
    let mut out = io::BufWriter::new(io::stdout().lock());
    // Not locked: a thread that panics has something to say.
    let mut words = io::stderr();
    let result = match args.command {
        Command::Check(check) => check::run(
            (&check, guides),
            (&mut out, Style::of_stdout()),
            (&mut words, io::stderr().is_terminal()),
        ),
        Command::Ack(ack) => run_ack((&ack, guides), &mut out, &mut words),
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

fn run_ack(
    (ack, guides): (&Ack, &[Guide]),
    out: &mut impl Write,
    words: &mut impl Write,
) -> io::Result<u8> {
    let Some(input) = read_file(&ack.file, words)? else {
        return Ok(exit::FAILURE);
    };
    let guides: Vec<&Guide> = guides.iter().collect();
    let policy = if ack.strict { Policy::Strict } else { Policy::Lenient };
    let report = edi::read(&input, &Options { policy, guides: &guides, ..Options::default() });
    let now = TimeZone::system().to_datetime(SystemClock.now());
    let issue = Issue {
        functional: if ack.implementation { Functional::F999 } else { Functional::F997 },
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
    let name = report::name(path);
    let unreadable = |error: io::Error, words: &mut dyn Write| {
        writeln!(words, "{}: {error}", report::shown(&name)).map(|()| exit::FAILURE)
    };
    let mut source = match Source::open(path) {
        Ok(source) => source,
        Err(error) => return unreadable(error, words),
    };
    let options = Options { input_bytes: source.length(), ..Options::default() };
    let mut reader = Reader::new(&options);
    let mut told = Told::default();
    loop {
        match source.next_bytes() {
            Ok([]) => break,
            Ok(bytes) => reader.feed(bytes, &mut told),
            Err(error) => return unreadable(error, words),
        }
        told.print(out)?;
    }
    let summary = reader.finish(&mut told);
    told.print(out)?;
    if summary.errors > 0 {
        let checked = Checked { name, summary, findings: told.findings.kept };
        report::write_text(words, Style::of_stderr(), &checked)?;
        return Ok(exit::INPUT);
    }
    Ok(exit::FINE)
}

/// Sets as JSON, and what is wrong with them.
#[derive(Debug, Default)]
struct Told {
    lines: Lines,
    findings: Findings,
}

impl Told {
    fn print(&mut self, out: &mut impl Write) -> io::Result<()> {
        if !self.lines.text().is_empty() {
            out.write_all(self.lines.text())?;
            self.lines.clear();
            out.flush()?;
        }
        Ok(())
    }
}

impl Events for Told {
    fn opened(&mut self, stage: Stage, envelope: &Envelope<'_>) {
        self.lines.opened(stage, envelope);
    }

    fn segment(&mut self, segment: &Segment<'_>, matcher: Option<&Matcher>) {
        self.lines.segment(segment, matcher);
    }

    fn closed(&mut self, stage: Stage, closing: &Closing<'_>) {
        self.lines.closed(stage, closing);
    }

    fn finding(&mut self, finding: EdiFinding) {
        self.findings.finding(finding);
    }
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
            writeln!(words, "{}: {error}", report::shown(&report::name(path)))?;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests;
