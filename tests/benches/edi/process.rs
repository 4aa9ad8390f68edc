//! `tillgate edi check` as a whole process beside the library alone, on one large file.
//!
//! In: the program. Out: a table of seconds and memory. Never: a file that the system has to read from the disk first.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tillgate_tests::edi_files::{self, Kind};

use super::ours;

/// How often the process is asked for its memory. What it says is its peak so far.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Prints a row for each kind of file.
pub(super) fn measure(program: &Path, megabytes: u64, times: u64) {
    println!(
        "\n| file of {megabytes} MB | library, s | `edi check`, s | times the library | peak memory, MB |\n|---|---:|---:|---:|---:|"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.edi");
    for kind in Kind::ALL {
        let mut file = BufWriter::new(File::create(&path).expect("a file"));
        edi_files::write(kind, megabytes * 1_000_000, &mut file).expect("room for the file");
        file.flush().expect("room for the file");
        drop(file);
        let content = fs::read(&path).expect("the file");
        let library = best(times, || {
            ours::validated(&content);
        });
        drop(content);
        let mut peak_kib = 0;
        let process = best(times, || peak_kib = peak_kib.max(checked(program, &path)));
        println!(
            "| {} | {library:.2} | {process:.2} | {:.2} | {:.1} |",
            kind.name(),
            process / library,
            peak_kib as f64 * 1024.0 / 1e6
        );
    }
}

fn best(times: u64, mut work: impl FnMut()) -> f64 {
    let seconds = (0..times.max(1)).map(|_| {
        let began = Instant::now();
        work();
        began.elapsed().as_secs_f64()
    });
    seconds.fold(f64::INFINITY, f64::min)
}

/// Runs the command and gives its peak memory, in KiB.
fn checked(program: &Path, file: &Path) -> u64 {
    let mut command = Command::new(program);
    command.args(["edi", "check"]).arg(file).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let mut peak_kib = 0;
    loop {
        peak_kib = peak_kib.max(peak(&child).unwrap_or(0));
        if let Some(status) = child.try_wait().expect("a child to wait for") {
            assert!(status.success(), "a valid file is not called valid: {status}");
            return peak_kib;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// What the kernel says; none when the process has ended.
fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
