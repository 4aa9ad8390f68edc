//! `tillgate edi check` as a whole process beside the library alone, on one large file.
//!
//! In: the program. Out: a table of processor seconds, of the kernel's for the process as well, and of memory. Never: a
//! file that the system has to read from the disk first.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tillgate_tests::edi_files::{self, Kind};

use super::{ours, processor_seconds};

/// How often the kernel is asked.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Prints a row for each kind of file.
pub(super) fn measure(program: &Path, megabytes: u64, times: u64) {
    println!(
        "\n| file of {megabytes} MB | library, s | `tillgate edi check`, s | times the library | peak memory, MB |\n|---|---:|---:|---:|---:|"
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
            let began = processor_seconds();
            ours::validated(&content);
            processor_seconds() - began
        });
        drop(content);
        let mut peak_kib = 0;
        let process = best(times, || {
            let used = checked(program, &path);
            peak_kib = peak_kib.max(used.peak_kib);
            used.seconds
        });
        println!(
            "| {} | {library:.2} | {process:.2} | {:.2} | {:.1} |",
            kind.name(),
            process / library,
            peak_kib as f64 * 1024.0 / 1e6
        );
    }
}

fn best(times: u64, mut work: impl FnMut() -> f64) -> f64 {
    (0..times.max(1)).map(|_| work()).fold(f64::INFINITY, f64::min)
}

/// What a process has used so far, as the kernel says.
#[derive(Default, Clone, Copy)]
struct Used {
    seconds: f64,
    peak_kib: u64,
}

/// Runs the command.
fn checked(program: &Path, file: &Path) -> Used {
    let mut command = Command::new(program);
    command.args(["edi", "check"]).arg(file).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    let mut used = Used::default();
    loop {
        used = so_far(&child).unwrap_or(used);
        if let Some(status) = child.try_wait().expect("a child to wait for") {
            assert!(status.success(), "a valid file is not called valid: {status}");
            return used;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// None when the process has ended.
fn so_far(child: &Child) -> Option<Used> {
    let read = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", child.id())).ok();
    let status = read("status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let peak_kib = line.split_whitespace().nth(1)?.parse().ok()?;
    // Fields 14 and 15, in hundredths of a second; the second field is a name in brackets.
    let stat = read("stat")?;
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks: Vec<u64> =
        rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Some(Used { seconds: ticks.iter().sum::<u64>() as f64 / 100.0, peak_kib })
}
