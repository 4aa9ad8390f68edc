//! Many seeds on all cores, each a life of its own; or the one that failed.
//!
//! `TILLGATE_SEEDS=N` lives N of them, `TILLGATE_SEED=S` only that one.

use std::fmt::Debug;
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::SmallRng;

/// A random generator of its own for each part, so that one part's draws do not change another's.
pub(crate) fn generator(seed: u64, part: u64) -> SmallRng {
    SmallRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ part.rotate_left(32))
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}: expected a number, found {text}")))
}

/// Lives `ordinary` seeds, or those that the environment names. Fails with all that failed.
pub(crate) fn live_all<T: Default + AddAssign + Debug + Send>(
    ordinary: u64,
    live: impl Fn(u64) -> Result<T, String> + Sync,
) {
    // A panic is a failure like any other; what it says is on standard error.
    let live = |seed| {
        catch_unwind(AssertUnwindSafe(|| live(seed)))
            .unwrap_or_else(|_| Err("it panicked".to_owned()))
    };
    if let Some(seed) = number("TILLGATE_SEED") {
        tracing_subscriber::fmt().with_writer(std::io::stderr).init();
        let lived = live(seed);
        eprintln!("{lived:#?}");
        return assert!(lived.is_ok(), "seed {seed}");
    }
    let (seeds, begun) = (number("TILLGATE_SEEDS").unwrap_or(ordinary), Instant::now());
    let (next, tally) = (AtomicU64::new(0), Mutex::new(T::default()));
    let failures = Mutex::new(Vec::new());
    let live_some = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return;
            }
            match live(seed) {
                Ok(lived) => *tally.lock().unwrap() += lived,
                Err(why) => failures.lock().unwrap().push(format!("TILLGATE_SEED={seed}: {why}")),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(live_some);
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    let minute = f64::from(u32::try_from(seeds).unwrap()) / seconds * 60.0;
    eprintln!("{seeds} seeds in {seconds:.1} s, {minute:.0} a minute: {:?}", tally.lock().unwrap());
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {seeds} failed:\n{}", failures.len(), failures.join("\n"));
}
