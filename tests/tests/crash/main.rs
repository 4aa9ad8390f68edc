//! The kill marathon: under load from every source, over lines that break in mid-packet, the daemon is killed again
//! and again, at random moments and at each of its named fail points, and the broker is restarted meanwhile, with its
//! sessions and without. At the end nothing that was acknowledged is missing, nothing counts twice, every partner's
//! file is done and has its one acknowledgement, and the journal is whole.
//!
//! `TILLGATE_CRASH_ROUNDS` sets how often (50; `tests/run --long`: 1,000), `TILLGATE_CRASH_SEED` repeats the moments of
//! an earlier run. A release build has no fail points: it is killed at random moments only.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "what the tests share fails as loudly as they do, and a long run says what it did"
)]

mod senders;
mod verdict;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use tillgate::fail_point;
use tillgate_tests::bad_line::BadLine;
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::gateway::{self, Gateway};
use tillgate_tests::site::{READER, SCANNER, Site};
use tillgate_tests::witness::Witness;

use senders::Sent;

/// Rounds of one test run that is not told otherwise: each fail point comes once.
const ROUNDS: u64 = 50;
/// A round lasts a second or two; the rest is for a busy machine and for the end, when everything has to arrive.
const SECONDS_A_ROUND: u64 = 10;
/// What everything has to arrive within, after the last crash.
const SETTLE_SECONDS: u64 = 240;
/// The longest life of a connection to the broker, and of a terminal's: some are cut within their first packet.
const BROKER_BYTES_MAX: u64 = 4 << 20;
const TERMINAL_BYTES_MAX: u64 = 1 << 20;
/// Points that each sale passes: the daemon gets there so often that it need not be the first time.
const BUSY: [&str; 7] = [
    "capture-taken",
    "group-written",
    "committed",
    "commit-answered",
    "published",
    "puback-read",
    "acknowledgement-booked",
];
/// Points that a start passes once; pruning comes again after a minute.
const ONCE_A_START: [&str; 3] = ["journal-opened", "pruning-written", "pruned"];
/// Points of an orderly stop.
const AT_STOP: [&str; 2] = ["stop-cursor-stored", "log-folded-in"];
/// Under load the cursor goes with every commit, so a daemon does not get there. It has a test of its own, among the
/// restarts of the end-to-end tests.
const WITHOUT_LOAD: &str = "cursor-stored";

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

#[test]
fn nothing_is_lost_and_nothing_counts_twice() {
    let rounds = setting("TILLGATE_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let seed = setting("TILLGATE_CRASH_SEED").unwrap_or_else(|| rand::rng().random());
    println!("{rounds} rounds; to repeat: TILLGATE_CRASH_SEED={seed}");
    within(SETTLE_SECONDS + 60 + rounds * SECONDS_A_ROUND, move || crash(rounds, seed));
}

/// What the sources and the broker are reached by.
struct Lines {
    broker: BadLine,
    http: BadLine,
    stream: BadLine,
}

fn crash(rounds: u64, seed: u64) {
    let broker = Broker::plain();
    let witness = Witness::of(&broker);
    let to_broker = format!("127.0.0.1:{}", broker.port());
    let to_broker = BadLine::to(&to_broker, BROKER_BYTES_MAX, seed);
    let mut site = Site::at(&format!("mqtt://{}", to_broker.address()));
    let lines = Lines {
        broker: to_broker,
        http: BadLine::to(&site.http_address(), TERMINAL_BYTES_MAX, seed ^ 1),
        stream: BadLine::to(&site.stream_address(), TERMINAL_BYTES_MAX, seed ^ 2),
    };
    let devices = (site.attach(SCANNER, "serial-scanner"), site.attach(READER, "serial-magstripe"));
    site.config
        .set("limits", "requests_per_second", 100_000)
        .set("limits", "edi_file", senders::LARGEST_FILE)
        // What was delivered goes at once, so that there is something to prune in every round.
        .set("retention", "record_days", 0)
        .set("retention", "capture_days", 0);
    let gateway = site.start();

    let stop = Arc::new(AtomicBool::new(false));
    let senders = senders::start(&site, &lines, devices, &stop);
    let began = Instant::now();
    let mut marathon = Marathon { gateway, broker, witness, random: SmallRng::seed_from_u64(seed) };
    marathon.run(rounds);
    stop.store(true, Ordering::Relaxed);
    let sent = join(senders);
    println!("{} in {:.1} s", sent.summary(), began.elapsed().as_secs_f64());
    for (name, line) in
        [("broker", &lines.broker), ("HTTP", &lines.http), ("stream", &lines.stream)]
    {
        println!("{} connections cut on the line to the {name}", line.cuts());
        line.mend();
    }

    let Marathon { mut gateway, witness, broker: _broker, .. } = marathon;
    wait_until_settled(&site, &witness);
    println!("all there after {:.1} s", began.elapsed().as_secs_f64());
    verdict::files(&site, &sent);
    verdict::events(&witness, &sent);
    gateway.terminate();
    let verify = site.run(&["verify"]);
    assert_eq!(verify.code, 0, "verify: {}{}", verify.stdout, verify.stderr);
}

struct Marathon {
    gateway: Gateway,
    broker: Broker,
    witness: Witness,
    random: SmallRng,
}

impl Marathon {
    /// Every second round is a fail point, each in its turn.
    fn run(&mut self, rounds: u64) {
        let mut points: Vec<_> =
            if gateway::has_fail_points() { fail_point::NAMES.to_vec() } else { Vec::new() };
        points.retain(|point| *point != WITHOUT_LOAD);
        points.shuffle(&mut self.random);
        let mut points = points.iter().cycle();
        for round in 0..rounds {
            self.broker.assert_running();
            match points.next().filter(|_| round % 2 == 1) {
                Some(point) => self.kill_at(point),
                None => self.kill_at_random(round),
            }
        }
    }

    fn kill_at(&mut self, point: &str) {
        self.gateway.kill();
        if AT_STOP.contains(&point) {
            self.gateway.stop_at(point);
        } else {
            let most = match point {
                _ if ONCE_A_START.contains(&point) => 1,
                _ if BUSY.contains(&point) => 40,
                _ => 2,
            };
            self.gateway.resume_until(point, self.random.random_range(1..=most));
        }
        self.gateway.resume();
    }

    fn kill_at_random(&mut self, round: u64) {
        // Also right after the start, while the journal is being opened and the backlog goes out.
        thread::sleep(Duration::from_millis(self.random.random_range(0..800)));
        self.gateway.kill();
        match self.random.random_range(0..8) {
            0 => self.broker.restart(),
            1 => {
                self.broker.stop();
                self.gateway.resume();
                thread::sleep(Duration::from_millis(self.random.random_range(0..300)));
                return self.broker.resume();
            }
            2 => {
                // What it took and nobody fetched would be gone with it: that is what receipts are for, not this test.
                self.witness.catch_up(&self.broker, &round.to_string());
                self.broker.forget();
            }
            _ => {}
        }
        self.gateway.resume();
    }
}

fn join(senders: Vec<JoinHandle<Sent>>) -> Sent {
    let mut all = Sent::default();
    for sender in senders {
        all.extend(sender.join().expect("a sender without an error"));
    }
    all
}

fn wait_until_settled(site: &Site, witness: &Witness) {
    let partner = site.partner();
    until(SETTLE_SECONDS, "the partner's files are done", || partner.names("in").is_empty());
    until(SETTLE_SECONDS, "the broker has everything", || {
        let outbox = &site.status()["outbox"];
        let assigned = outbox["assigned"].as_u64().expect("a number");
        outbox["acknowledged"] == assigned && witness.event_count() as u64 >= assigned
    });
}
