//! A first crash test: the daemon is killed again and again under load, the broker is restarted meanwhile, and at the
//! end nothing that was acknowledged is missing and nothing counts twice.
//!
//! `TILLGATE_CRASH_ROUNDS` sets how often (30), `TILLGATE_CRASH_SEED` repeats the moments of an earlier run.
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
use rand::{Rng, SeedableRng};
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::gateway::Gateway;
use tillgate_tests::site::{SCANNER, Site};
use tillgate_tests::witness::Witness;

use senders::Sent;

/// Rounds of one test run that is not told otherwise.
const ROUNDS: u64 = 30;
/// A round lasts a second or two; the rest is for a busy machine and for the end, when everything has to arrive.
const SECONDS_A_ROUND: u64 = 10;
/// What everything has to arrive within, after the last crash.
const SETTLE_SECONDS: u64 = 120;

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

fn crash(rounds: u64, seed: u64) {
    let mut broker = Broker::plain();
    let witness = Witness::of(&broker);
    let mut site = Site::with(&broker);
    let scanner = site.attach(SCANNER, "serial-scanner");
    site.config.set("limits", "requests_per_second", 100_000);
    let mut gateway = site.start();

    let stop = Arc::new(AtomicBool::new(false));
    let senders = senders::start(&site, scanner, &stop);
    let began = Instant::now();
    let starts = kill_at_random(&mut gateway, &mut broker, rounds, seed);
    stop.store(true, Ordering::Relaxed);
    let sent = join(senders);
    println!("{} in {:.1} s", sent.summary(), began.elapsed().as_secs_f64());
    println!(
        "ready after {:?} at the first start, {:?} at the last",
        starts.first(),
        starts.last()
    );

    wait_until_settled(&site, &witness, &sent);
    verdict::files(&site, &sent);
    verdict::events(&witness, &sent);
    gateway.terminate();
    let verify = site.run(&["verify"]);
    assert_eq!(verify.code, 0, "verify: {}{}", verify.stdout, verify.stderr);
}

/// How long each start took.
fn kill_at_random(
    gateway: &mut Gateway,
    broker: &mut Broker,
    rounds: u64,
    seed: u64,
) -> Vec<Duration> {
    let mut starts = Vec::new();
    let mut random = SmallRng::seed_from_u64(seed);
    for _ in 0..rounds {
        // Also right after the start, while the journal is being opened and the backlog goes out.
        thread::sleep(Duration::from_millis(random.random_range(0..800)));
        gateway.kill();
        match random.random_range(0..6) {
            1 => {
                broker.stop();
                gateway.resume();
                thread::sleep(Duration::from_millis(random.random_range(0..300)));
                broker.resume();
            }
            0 => {
                broker.restart();
                gateway.resume();
            }
            _ => gateway.resume(),
        }
        starts.push(gateway.ready_after);
    }
    starts
}

fn join(senders: Vec<JoinHandle<Sent>>) -> Sent {
    let mut all = Sent::default();
    for sender in senders {
        all.extend(sender.join().expect("a sender without an error"));
    }
    all
}

fn wait_until_settled(site: &Site, witness: &Witness, sent: &Sent) {
    let partner = site.partner();
    until(SETTLE_SECONDS, "the partner's files are done", || {
        partner.names("in").is_empty() && partner.names("out").len() >= sent.orders.len()
    });
    until(SETTLE_SECONDS, "the broker has everything", || {
        let outbox = &site.status()["outbox"];
        let assigned = outbox["assigned"].as_u64().expect("a number");
        outbox["acknowledged"] == assigned && witness.event_count() as u64 >= assigned
    });
}
