//! How fast EDI is read, on one core, against the limits of this machine and against peers on the same bytes.
//!
//! `cargo bench -p tillgate-tests --bench edi --features peers -- --megabytes 100 --times 5`, and for the whole process
//! `cargo bench -p tillgate-tests --bench edi -- --program "$PWD/target/release/tillgate" --megabytes 1000 --times 3`
//!
//! In: nothing; the files are generated. Out: a table of MB (10^6 bytes) a second of processor time, the best of some
//! runs with the file in memory, and how many times that is the peer that checks envelopes. Never: a row that does
//! less than it says.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a bench prints, and stops when it cannot measure"
)]

mod ours;
#[cfg(feature = "peers")]
mod peers;
mod process;

use std::hint::black_box;
use std::process::ExitCode;

use rustix::time::{ClockId, clock_gettime};
use tillgate_parsers::edi::index::{Carry, Index, Marks, Variant, index_with};
use tillgate_tests::edi_files::{self, Kind, Written};

/// How the row of a peer ends that checks envelopes as we do: what others are compared with.
const ENVELOPES_OF_A_PEER: &str = ", envelope checks";

/// What a core's second-level cache holds together with its index.
const BLOCK_BYTES: usize = 64 * 1024;

fn main() -> ExitCode {
    let (mut megabytes, mut times) = (100, 5);
    let mut program = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let setting = match argument.as_str() {
            "--megabytes" => &mut megabytes,
            "--times" => &mut times,
            "--program" => {
                program = arguments.next();
                continue;
            }
            // What cargo says to every bench.
            "--bench" => continue,
            other => return usage(&format!("unknown argument {other}")),
        };
        match arguments.next().and_then(|number| number.parse().ok()) {
            Some(number) => *setting = number,
            None => return usage(&format!("{argument} needs a number")),
        }
    }
    if let Some(program) = program {
        process::measure(program.as_ref(), megabytes, times);
        return ExitCode::SUCCESS;
    }
    for kind in Kind::ALL {
        let mut file = Vec::new();
        let written = edi_files::write(kind, megabytes * 1_000_000, &mut file)
            .expect("a vector takes everything");
        Rows::of(kind, &file, &written, times).measure();
    }
    if cfg!(not(feature = "peers")) {
        println!("Peers: `--features peers`.");
    }
    ExitCode::SUCCESS
}

fn usage(fault: &str) -> ExitCode {
    eprintln!("{fault}\nusage: edi [--program FILE] [--megabytes N] [--times N]");
    ExitCode::from(64)
}

/// The rows of one file.
struct Rows<'f> {
    kind: Kind,
    file: &'f [u8],
    segments: u64,
    times: u64,
    /// What was measured, in megabytes a second.
    measured: Vec<(String, f64)>,
}

impl<'f> Rows<'f> {
    fn of(kind: Kind, file: &'f [u8], written: &Written, times: u64) -> Self {
        let Written { bytes, segments, documents, groups, .. } = written;
        println!(
            "\n{}: {bytes} bytes, {segments} segments, {documents} documents, {groups} groups\n",
            kind.name()
        );
        Self { kind, file, segments: *segments, times, measured: Vec::new() }
    }

    fn measure(&mut self) {
        let (file, marks) = (self.file, marks(self.kind));
        self.row("memchr: terminators counted, nothing else", || {
            memchr::memchr_iter(marks.segment, file).count() as u64
        });
        for variant in Variant::available() {
            let what = format!("index, {variant:?}, blocks of 64 KiB");
            let found = self.row(&what, || indexed(variant, file, &marks));
            // UNA is ended by a terminator, too.
            assert_eq!(found, self.segments + u64::from(self.kind == Kind::Orders), "{what}");
        }
        ours::measure(self);
        #[cfg(feature = "peers")]
        peers::measure(self);
        self.print();
    }

    /// Measures one way to read the file, and gives back what it returned.
    fn row(&mut self, what: &str, mut work: impl FnMut() -> u64) -> u64 {
        let mut best = f64::INFINITY;
        let mut found = 0;
        for _ in 0..self.times.max(1) {
            let began = processor_seconds();
            found = black_box(work());
            best = best.min(processor_seconds() - began);
        }
        self.measured.push((what.to_owned(), self.file.len() as f64 / best / 1e6));
        found
    }

    fn print(&self) {
        let peer = self.measured.iter().find(|(what, _)| what.ends_with(ENVELOPES_OF_A_PEER));
        println!("| what | MB/s | times the peer's envelope checks |\n|---|---:|---:|");
        for (what, speed) in &self.measured {
            let ratio = peer.map_or_else(String::new, |(_, peer)| format!("{:.1}", speed / peer));
            println!("| {what} | {speed:.0} | {ratio} |");
        }
    }
}

fn processor_seconds() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn marks(kind: Kind) -> Marks {
    match kind {
        Kind::Order850 | Kind::Resale867 => {
            Marks { element: b'*', segment: b'~', release: None, inner: *b">>" }
        }
        Kind::Orders => Marks { element: b'+', segment: b'\'', release: Some(b'?'), inner: *b"::" },
    }
}

/// How many terminators the index finds.
fn indexed(variant: Variant, file: &[u8], marks: &Marks) -> u64 {
    let (mut carry, mut index) = (Carry::default(), Index::default());
    let mut ends = 0;
    for block in file.chunks(BLOCK_BYTES) {
        index.clear();
        index_with(variant, block, 0, marks, &mut carry, &mut index);
        ends += black_box(&index).ends.len() as u64;
    }
    ends
}
