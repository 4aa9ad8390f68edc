//! `tillgate edi check`: a verdict a file, findings with carets, and what many files come to.
//!
//! In: files, directories, standard input. Out: the report of each in the order of the command line, whole, whichever
//! was read first. Never: a file that is held, a file that stops the others because it cannot be read.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use clap::Args;
use tillgate_parsers::edi::{Guide, Options, Policy, Reader};

use super::inputs::{self, Input};
use super::ordered::{Due, Ordered};
use super::progress::{Progress, REDRAW};
use super::report::{self, Checked, Findings, Verdict};
use super::source::Source;
use super::tally::Tally;
use crate::cli::exit;
use crate::cli::style::Style;

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Follow the standard to the letter
    #[arg(long, conflicts_with = "lenient")]
    pub(super) strict: bool,
    /// Take what the field sends every day, with warnings (the default)
    #[arg(long)]
    pub(super) lenient: bool,
    /// Print one JSON object a file; a summary of several goes to stderr
    #[arg(long)]
    pub(super) json: bool,
    /// Say nothing of files without findings
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// An implementation guide of the partner; several may be given, and each set takes the one that is for it
    #[arg(long = "guide", value_name = "GUIDE")]
    pub(super) guides: Vec<PathBuf>,
    /// Files and directories; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

/// What became of a file, or why it could not be read.
type Looked = Result<Checked, io::Error>;

/// Runs the command. `words`: stderr, and whether it is a terminal.
pub(super) fn run(
    (check, guides): (&Check, &[Guide]),
    (out, style): (&mut impl Write, Style),
    (words, on_terminal): (&mut impl Write, bool),
) -> io::Result<u8> {
    let inputs = inputs::list(&check.files);
    let policy = if check.strict { Policy::Strict } else { Policy::Lenient };
    let guides: Vec<&Guide> = guides.iter().collect();
    let work = Work {
        inputs: &inputs,
        policy,
        guides: &guides,
        bytes: AtomicU64::new(0),
        ordered: Ordered::new(inputs.len()),
    };
    let workers = thread::available_parallelism().map_or(1, usize::from).min(inputs.len());
    let mut printer = Printer {
        check,
        style,
        out,
        words,
        progress: Progress::new(
            on_terminal,
            inputs.len(),
            inputs.iter().map(|input| input.bytes).sum(),
        ),
        tally: Tally::default(),
        code: exit::FINE,
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work.run());
        }
        let printed = printer.run(&work);
        // Where nobody reads any more, nothing more is read.
        work.ordered.stop();
        printed
    })?;
    if inputs.len() != 1 || check.files.iter().any(|path| path.is_dir()) {
        printer.summarize(work.bytes.load(Ordering::Relaxed))?;
    }
    Ok(printer.code)
}

/// What the threads share.
struct Work<'w> {
    inputs: &'w [Input],
    policy: Policy,
    guides: &'w [&'w Guide],
    /// Bytes that were read.
    bytes: AtomicU64,
    ordered: Ordered<Looked>,
}

impl Work<'_> {
    fn run(&self) {
        while let Some(job) = self.ordered.next_job() {
            // Whoever prints waits for every result: a bug of ours costs one file and not the rest.
            let looked = catch_unwind(AssertUnwindSafe(|| self.look(job)));
            let bug =
                |_| Err(io::Error::other("a bug in tillgate: please report it with the file"));
            self.ordered.put(job, looked.unwrap_or_else(bug));
        }
    }

    fn look(&self, job: usize) -> Looked {
        let Some(input) = self.inputs.get(job) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Some(error) = &input.trouble {
            return Err(io::Error::new(error.kind(), error.to_string()));
        }
        let mut source = Source::open(&input.path)?;
        let options = Options {
            policy: self.policy,
            guides: self.guides,
            input_bytes: source.length(),
            ..Options::default()
        };
        let mut reader = Reader::new(&options);
        let mut findings = Findings::default();
        loop {
            let bytes = source.next_bytes()?;
            if bytes.is_empty() || self.ordered.is_stopped() {
                break;
            }
            reader.feed(bytes, &mut findings);
            self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        let summary = reader.finish(&mut findings);
        Ok(Checked { name: report::name(&input.path), summary, findings: findings.kept })
    }
}

struct Printer<'p, O, W> {
    check: &'p Check,
    style: Style,
    out: &'p mut O,
    words: &'p mut W,
    progress: Progress,
    tally: Tally,
    code: u8,
}

impl<O: Write, W: Write> Printer<'_, O, W> {
    fn run(&mut self, work: &Work<'_>) -> io::Result<()> {
        let mut printed = 0;
        loop {
            match work.ordered.take(REDRAW) {
                Due::Nothing => return self.progress.clear(self.words),
                Due::NotYet => {}
                Due::Result(looked) => {
                    let input = work.inputs.get(printed);
                    printed += 1;
                    self.print(input, looked)?;
                }
            }
            self.progress.draw(self.words, printed, work.bytes.load(Ordering::Relaxed))?;
        }
    }

    fn print(&mut self, input: Option<&Input>, looked: Looked) -> io::Result<()> {
        let checked = match looked {
            Ok(checked) => checked,
            Err(error) => {
                self.tally.add_unreadable();
                self.code = exit::FAILURE;
                let name = input.map(|input| report::name(&input.path)).unwrap_or_default();
                self.progress.clear(self.words)?;
                if self.check.json {
                    report::write_json_unreadable(self.out, &name, &error)?;
                    self.out.flush()?;
                }
                return writeln!(self.words, "{}: {error}", report::shown(&name));
            }
        };
        self.tally.add(&checked);
        if checked.summary.errors > 0 && self.code == exit::FINE {
            self.code = exit::INPUT;
        }
        if self.check.quiet && checked.verdict() == Verdict::Valid {
            return Ok(());
        }
        self.progress.clear(self.words)?;
        if self.check.json {
            report::write_json(self.out, &checked)?;
        } else {
            report::write_text(self.out, self.style, &checked)?;
        }
        self.out.flush()
    }

    /// Of several files, and of directories.
    fn summarize(&mut self, bytes: u64) -> io::Result<()> {
        let time = self.progress.elapsed();
        if self.check.json {
            self.tally.write(self.words, bytes, time)
        } else {
            writeln!(self.out)?;
            self.tally.write(self.out, bytes, time)
        }
    }
}
