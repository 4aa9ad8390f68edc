//! The forwarder in a simulated world: real sessions, windows and MQTT clients; simulated time, network, broker,
//! store and consumer. Each seed is a world of its own, and must end with every record at the consumer.
//!
//! `TILLGATE_SEEDS=N` lives N of them, `TILLGATE_SEED=S` the one that failed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "the seed that fails is printed, and how many there were")]

mod broker;
mod life;
mod outbox;
mod packets;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use world::Tally;

/// Seeds of an ordinary run.
const SEEDS: u64 = 400;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}: expected a number, found {text}")))
}

/// Lives one seed on a runtime of its own. A panic of the simulation itself is a failure like any other.
fn live(seed: u64) -> Result<Tally, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap();
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(life::live(seed))))
        .unwrap_or_else(|_| Err("it panicked".to_owned()))
}

#[test]
fn every_record_arrives_in_every_world() {
    if let Some(seed) = number("TILLGATE_SEED") {
        tracing_subscriber::fmt().with_writer(std::io::stderr).init();
        let lived = live(seed);
        eprintln!("{:#?}\n{lived:#?}", world::Plan::of(seed));
        return assert!(lived.is_ok(), "seed {seed}");
    }
    let (seeds, begun) = (number("TILLGATE_SEEDS").unwrap_or(SEEDS), Instant::now());
    let (next, tally, failures) =
        (AtomicU64::new(0), Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    let live_some = || {
        while let seed @ 0.. = next.fetch_add(1, Ordering::Relaxed)
            && seed < seeds
        {
            match live(seed) {
                Ok(lived) => *tally.lock().unwrap() += lived,
                Err(why) => failures.lock().unwrap().push(format!("TILLGATE_SEED={seed}: {why}")),
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(live_some);
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    let minute = f64::from(u32::try_from(seeds).unwrap()) / seconds * 60.0;
    eprintln!(
        "{seeds} seeds in {seconds:.1} s, {minute:.0} a minute: {:#?}",
        tally.lock().unwrap()
    );
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {seeds} failed:\n{}", failures.len(), failures.join("\n"));
}
