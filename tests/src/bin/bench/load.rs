//! Terminals that send as fast as they are answered. Bodies are made before the clock starts.

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::until;
use tillgate_tests::gateway::Gateway;
use tillgate_tests::process::{Process, command};
use tillgate_tests::sales;
use tillgate_tests::site::{Site, TERMINALS};

use super::figures::{Table, as_float, milliseconds, quantiles, rate};

const SALES_A_BATCH: u64 = 1_000;
/// Connections that post one sale after the other.
const CONNECTIONS: usize = 64;
/// Terminals that post batches at the same time.
const BATCH_TERMINALS: usize = 4;
/// What the last record has to arrive within.
const DRAIN_SECONDS: u64 = 600;
/// Numbers of single sales begin above those of batches.
const SINGLES_FROM: u64 = 100_000_000;
/// And numbers of the backlog above those.
const BACKLOG_FROM: u64 = 500_000_000;
/// And numbers of sales that make the journal grow above those.
const GROWTH_FROM: u64 = 700_000_000;
/// How often the cost of a sale is looked at meanwhile.
const GROWTH_STEPS: u64 = 10;

/// A running gateway under load.
pub(crate) struct Load<'a> {
    pub(crate) site: &'a Site,
    pub(crate) gateway: &'a Gateway,
}

impl Load<'_> {
    /// Batches of 1,000 sales as NDJSON: how fast they are accepted, and how fast they are with the broker.
    pub(crate) fn batches(&self, batches: u64, table: &mut Table) {
        let share = batches.div_ceil(BATCH_TERMINALS as u64);
        let bodies: Vec<Vec<String>> = TERMINALS.iter().map(|id| bodies(id, share)).collect();
        let bytes = bodies[0][0].len() as u64 / SALES_A_BATCH;
        let total = share * SALES_A_BATCH * BATCH_TERMINALS as u64;
        let before = self.acknowledged();
        let processor = self.processor_seconds();

        let began = Instant::now();
        thread::scope(|scope| {
            for (index, bodies) in bodies.iter().enumerate() {
                scope.spawn(move || self.post_batches(index, bodies));
            }
        });
        let accepted = began.elapsed();
        until(DRAIN_SECONDS, "the broker has all batches", || {
            self.acknowledged() >= before + total
        });
        let delivered = began.elapsed();
        let processor = self.processor_seconds() - processor;

        let how =
            format!("{total} sales of {bytes} B, 1,000 a request, {BATCH_TERMINALS} terminals");
        table.row("NDJSON accepted", rate(total, accepted), &how);
        table.row("NDJSON at the broker", rate(total, delivered), "the same, to the last PUBACK");
        let each = Duration::from_secs_f64(processor).div_f64(as_float(total));
        table.row(
            "processor a sale",
            format!("{:.1} µs", each.as_secs_f64() * 1e6),
            "gateway, user and system, to the last PUBACK",
        );
    }

    fn post_batches(&self, index: usize, bodies: &[String]) {
        let mut terminal = self.site.terminal(index);
        for body in bodies {
            let mut answer = terminal.post("application/x-ndjson", body.as_bytes());
            while answer.status == 503 {
                // The disk was too slow for an answer in time: a terminal sends again, and the clock runs on.
                println!("   sent again: {}", answer.text());
                answer = terminal.post("application/x-ndjson", body.as_bytes());
            }
            assert!([200, 201].contains(&answer.status), "{}", answer.text());
        }
    }

    /// Records pile up while the broker is away; then how fast they go out, and what memory that takes.
    pub(crate) fn backlog(&self, broker: &mut Broker, batches: u64, table: &mut Table) {
        broker.stop();
        let share = batches.div_ceil(BATCH_TERMINALS as u64);
        let total = share * SALES_A_BATCH * BATCH_TERMINALS as u64;
        let before = self.acknowledged();
        self.post_from(BACKLOG_FROM, share);
        let waiting = self.gateway.memory_kib("VmRSS");
        broker.resume();
        until(DRAIN_SECONDS, "the gateway is connected again", || self.acknowledged() > before);
        let (first, began) = (self.acknowledged(), Instant::now());
        let processor = self.processor_seconds();
        until(DRAIN_SECONDS, "the broker has the backlog", || {
            self.acknowledged() >= before + total
        });
        let (time, processor) = (began.elapsed(), self.processor_seconds() - processor);
        let drained = before + total - first;
        let how = format!(
            "{total} records waited; {:.1} µs of processor each",
            processor * 1e6 / as_float(drained)
        );
        table.row("drain of a backlog", rate(drained, time), &how);
        let memory = [waiting, self.gateway.memory_kib("VmRSS")]
            .map(|kib| format!("{:.1} MB", as_float(kib) / 1e3));
        table.row(
            "memory with the backlog",
            memory.join(" / "),
            "resident, while it waits / once it is gone",
        );
    }

    /// What a sale costs while the journal grows.
    pub(crate) fn growth(&self, batches: u64, table: &mut Table) {
        let share = batches.div_ceil(GROWTH_STEPS * BATCH_TERMINALS as u64);
        let total = share * SALES_A_BATCH * BATCH_TERMINALS as u64;
        for step in 0..GROWTH_STEPS {
            let (before, processor) = (self.acknowledged(), self.processor_seconds());
            let began = Instant::now();
            self.post_from(GROWTH_FROM + step * share * SALES_A_BATCH, share);
            until(DRAIN_SECONDS, "the broker has all sales", || {
                self.acknowledged() >= before + total
            });
            let each = (self.processor_seconds() - processor) * 1e6 / as_float(total);
            let value = format!("{}, {each:.1} µs each", rate(total, began.elapsed()));
            let how = "NDJSON to the last PUBACK, bodies made meanwhile; processor of the gateway";
            table.row(&format!("with {} rows", before + total), value, how);
        }
    }

    /// All terminals post so many batches each, made as they go.
    fn post_from(&self, number: u64, batches: u64) {
        thread::scope(|scope| {
            for (index, id) in TERMINALS.iter().enumerate() {
                scope.spawn(move || {
                    for batch in 0..batches {
                        self.post_batches(index, &[body(id, number + batch * SALES_A_BATCH)]);
                    }
                });
            }
        });
    }

    /// Single sales on 64 connections that stay open.
    pub(crate) fn singles(&self, seconds: u64, table: &mut Table) {
        let before = self.acknowledged();
        let number = AtomicU64::new(SINGLES_FROM);
        let end = Instant::now() + Duration::from_secs(seconds);
        let began = Instant::now();
        let mut times: Vec<Duration> = thread::scope(|scope| {
            let posting: Vec<_> = (0..CONNECTIONS)
                .map(|index| {
                    let number = &number;
                    scope.spawn(move || self.post_singles(index, number, end))
                })
                .collect();
            posting.into_iter().flat_map(|thread| thread.join().expect("a terminal")).collect()
        });
        let elapsed = began.elapsed();
        let total = times.len() as u64;
        until(DRAIN_SECONDS, "the broker has all sales", || self.acknowledged() >= before + total);
        let delivered = began.elapsed();

        let [median, high, worst] = quantiles(&mut times, [0.5, 0.99, 1.0]);
        let how = format!("one sale a request, {CONNECTIONS} keep-alive connections, {seconds} s");
        table.row("single posts", rate(total, elapsed), &how);
        let latency = [median, high, worst].map(milliseconds).join(" / ");
        table.row("single posts, answer", latency, "p50 / p99 / worst, request to 201");
        table.row(
            "single posts at the broker",
            rate(total, delivered),
            "the same, to the last PUBACK",
        );
    }

    fn post_singles(&self, index: usize, number: &AtomicU64, end: Instant) -> Vec<Duration> {
        let mut terminal = self.site.terminal(index % TERMINALS.len());
        let (head, tail) = template(terminal.id);
        let mut times = Vec::with_capacity(100_000);
        while Instant::now() < end {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let body = format!("{head}{number}{tail}");
            let began = Instant::now();
            let answer = terminal.post("application/json", body.as_bytes());
            times.push(began.elapsed());
            assert_eq!(answer.status, 201, "{}", answer.text());
        }
        times
    }

    /// The number through which the broker has acknowledged all records.
    fn acknowledged(&self) -> u64 {
        let metrics = self.site.look("/metrics").text();
        let line = metrics.lines().find(|line| line.starts_with("tillgate_sequence_acknowledged"));
        line.and_then(|line| line.split(' ').nth(1))
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    }

    /// Processor time of the gateway so far: fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms.
    fn processor_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.gateway.id()));
        let stat = stat.expect("a running gateway");
        let behind_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks: u32 =
            behind_name.split_whitespace().skip(11).take(2).flat_map(str::parse::<u32>).sum();
        f64::from(ticks) / 100.0
    }
}

/// A subscriber that takes everything and keeps nothing.
pub(crate) fn subscribe(broker: &Broker) -> Process {
    let mut subscriber = command("mosquitto_sub");
    subscriber
        .args(["-V", "5", "-q", "1", "-t", "tillgate/#", "-h", "127.0.0.1", "-p"])
        .arg(broker.port().to_string())
        .stdout(Stdio::null());
    Process::start(subscriber, std::path::Path::new("/dev/null"))
}

/// Batches of a terminal, sales numbered from 1.
fn bodies(terminal: &str, batches: u64) -> Vec<String> {
    (0..batches).map(|index| body(terminal, index * SALES_A_BATCH)).collect()
}

/// A batch whose numbers begin behind `before`.
fn body(terminal: &str, before: u64) -> String {
    let (head, tail) = template(terminal);
    (1..=SALES_A_BATCH).map(|number| format!("{head}{}{tail}\n", before + number)).collect()
}

/// A sale's text before and behind its number.
pub(crate) fn template(terminal: &str) -> (String, String) {
    const NUMBER: u64 = 987_654_321;
    let text = sales::sale(terminal, NUMBER).to_string();
    let (head, tail) = text.split_once(&NUMBER.to_string()).expect("a sale with its number");
    (head.to_owned(), tail.to_owned())
}
