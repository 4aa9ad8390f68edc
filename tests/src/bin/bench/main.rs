//! Measures the gateway on this machine, with a real broker beside it, and prints a table. `tests/bench` builds and
//! starts it.
//!
//! In: the gateway as it is packaged (`TILLGATE_BIN`). Out: what was measured, with everything that somebody needs to
//! measure it again. Never: a figure without the circumstances under which it was found.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a bench prints, and stops when it cannot measure"
)]

mod figures;
mod limits;
mod load;
mod peers;
mod scans;

use std::process::ExitCode;
use std::time::Duration;

use figures::{Table, machine};
use load::Load;
use tillgate_tests::broker::Broker;
use tillgate_tests::gateway::{self, Gateway};
use tillgate_tests::site::{SCANNER, Site};

/// The event of a sale of the bench, about.
const EVENT_BYTES: usize = 1_700;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// Batches of 1,000 sales.
    batches: u64,
    /// How long 64 connections post one by one.
    single_seconds: u64,
    scans: u32,
    starts: usize,
    subscriber: bool,
    /// Records that wait while the broker is away.
    backlog: u64,
    /// Sales that make the journal grow, in thousands.
    grow: u64,
}

impl Plan {
    const USUAL: Self = Self {
        batches: 200,
        single_seconds: 15,
        scans: 500,
        starts: 10,
        subscriber: false,
        backlog: 200,
        grow: 0,
    };
    const QUICK: Self = Self {
        batches: 20,
        single_seconds: 3,
        scans: 50,
        starts: 3,
        subscriber: false,
        backlog: 100,
        grow: 0,
    };
}

/// Whether peers are measured, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peers {
    None,
    Too,
    Only,
}

fn main() -> ExitCode {
    let mut plan = Plan::USUAL;
    let mut peers = Peers::None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => {
                plan = Plan { subscriber: plan.subscriber, grow: plan.grow, ..Plan::QUICK }
            }
            "--backlog" => match arguments.next().and_then(|number| number.parse().ok()) {
                Some(batches) => plan.backlog = batches,
                None => return usage("--backlog needs a number: thousands of records"),
            },
            "--grow" => match arguments.next().and_then(|number| number.parse().ok()) {
                Some(batches) => plan.grow = batches,
                None => return usage("--grow needs a number: thousands of sales"),
            },
            "--peers" => peers = Peers::Too,
            "--peers-only" => peers = Peers::Only,
            "--subscriber" => plan.subscriber = true,
            other => return usage(&format!("unknown argument {other}")),
        }
    }
    println!("{}", machine());
    let mut table = Table::default();
    if peers != Peers::Only {
        measure(plan, &mut table);
    }
    if peers != Peers::None {
        peers::measure(&mut table);
    }
    println!("{table}");
    ExitCode::SUCCESS
}

fn usage(problem: &str) -> ExitCode {
    println!(
        "tests/bench [--quick] [--subscriber] [--backlog THOUSANDS] [--grow THOUSANDS] \
         [--peers | --peers-only]: {problem}"
    );
    ExitCode::from(64)
}

fn measure(plan: Plan, table: &mut Table) {
    let size = std::fs::metadata(gateway::program()).expect("the gateway's binary").len();
    table.row("binary", format!("{:.1} MB", megabytes(size)), "");

    let mut broker = Broker::plain();
    let subscriber = plan.subscriber.then(|| load::subscribe(&broker));
    let mut site = Site::with(&broker);
    let scanner = site.attach(SCANNER, "serial-scanner");
    site.config
        .set("limits", "requests_per_second", 1_000_000)
        // Without a subscriber an MQTT 5 broker says so, and the gateway would wait for one.
        .set("mqtt", "no_subscriber", "deliver")
        .set("log", "level", "warn");
    let mut gateway = site.start();
    start_to_ready(&mut gateway, plan.starts, table);
    std::thread::sleep(Duration::from_secs(5));
    table.row(
        "memory, idle",
        format!("{:.1} MB", resident(&gateway, "VmRSS")),
        "resident, 5 s after the start",
    );

    let load = Load { site: &site, gateway: &gateway };
    load.batches(plan.batches, table);
    load.singles(plan.single_seconds, table);
    table.row(
        "memory, peak",
        format!("{:.1} MB", resident(&gateway, "VmHWM")),
        "resident, under the loads above",
    );
    load.backlog(&mut broker, plan.backlog, table);
    drop(subscriber);
    scans::measure(&site, &broker, scanner, plan.scans, table);
    // Last: what it writes keeps the disk busy for seconds, and a scan would wait for that.
    limits::measure(&broker, plan.batches * 1_000, EVENT_BYTES, table);
    if plan.grow > 0 {
        load.growth(plan.grow, table);
    }
    table.row("memory, after", format!("{:.1} MB", resident(&gateway, "VmRSS")), "resident");

    let mut stopping = gateway;
    let began = std::time::Instant::now();
    stopping.terminate();
    table.row("stop", format!("{} ms", began.elapsed().as_millis()), "SIGTERM to exit");
    stopping.resume();
    let after = format!("{} ms", stopping.ready_after.as_millis());
    table.row("start with this journal", after, "process start to 200 on /livez");
    table.row(
        "journal",
        format!("{:.0} MB", megabytes(folder_bytes(&site))),
        "after the loads above",
    );
}

fn start_to_ready(gateway: &mut Gateway, starts: usize, table: &mut Table) {
    let mut times = Vec::new();
    for _ in 0..starts {
        gateway.terminate();
        gateway.resume();
        times.push(gateway.ready_after);
    }
    let [median, worst] = figures::quantiles(&mut times, [0.5, 1.0]);
    let value = format!("{} ms, worst {} ms", median.as_millis(), worst.as_millis());
    table.row("start", value, &format!("process start to 200 on /livez, {starts} starts"));
}

fn resident(gateway: &Gateway, name: &str) -> f64 {
    megabytes(gateway.memory_kib(name) * 1024)
}

fn folder_bytes(site: &Site) -> u64 {
    let entries = std::fs::read_dir(site.data_dir()).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
}

#[expect(clippy::cast_precision_loss, reason = "a figure with one decimal")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
