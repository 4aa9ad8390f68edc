//! Rates: an allowance for each source, and a count of wrong tokens for each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Bursts may be so many times the allowance of a second.
const BURST_SECONDS: f64 = 10.0;
/// Wrong tokens of one address that are answered in a minute.
const FAILURES_PER_MINUTE: u32 = 20;
/// Addresses that are remembered. When they are full, all are forgotten: a flood from everywhere must not fill memory.
const ADDRESSES_MAX: usize = 4096;

/// An allowance for each source. Sources are known by their tokens, so the configuration bounds them.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<String, Allowance>>);

#[derive(Debug)]
struct Allowance {
    left: f64,
    at: Instant,
}

impl Rates {
    pub(super) fn take(
        &self,
        source: &str,
        count: u32,
        per_second: u32,
        now: Instant,
    ) -> Result<(), Duration> {
        let per_second = f64::from(per_second.max(1));
        let full = per_second * BURST_SECONDS;
        let mut sources = held(&self.0);
        if !sources.contains_key(source) {
            sources.insert(source.to_owned(), Allowance { left: full, at: now });
        }
        let Some(allowance) = sources.get_mut(source) else { return Ok(()) };
        let gained = now.saturating_duration_since(allowance.at).as_secs_f64() * per_second;
        allowance.left = (allowance.left + gained).min(full);
        allowance.at = now;
        // More than a whole burst at once is let through when the allowance is full, else it could never pass.
        let needed = f64::from(count).min(full);
        if allowance.left < needed {
            return Err(Duration::from_secs_f64((needed - allowance.left) / per_second));
        }
        allowance.left -= needed;
        Ok(())
    }
}

/// Wrong tokens in the present minute.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<HashMap<IpAddr, (u32, Instant)>>);

impl Failures {
    /// Counts one; true: it was one too many.
    pub(super) fn add(&self, address: IpAddr, now: Instant) -> bool {
        let mut addresses = held(&self.0);
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(&address) {
            addresses.clear();
        }
        let (count, since) = addresses.entry(address).or_insert((0, now));
        if now.saturating_duration_since(*since) > Duration::from_secs(60) {
            (*count, *since) = (0, now);
        }
        *count = count.saturating_add(1);
        *count > FAILURES_PER_MINUTE
    }
}

/// A poisoned lock only says that another thread panicked: the counts are still counts.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let rates = Rates::default();
        let start = Instant::now();
        for _ in 0..20 {
            assert_eq!(rates.take("03", 1, 2, start), Ok(()));
        }
        assert_eq!(rates.take("03", 1, 2, start), Err(Duration::from_millis(500)));
        assert_eq!(rates.take("04", 1, 2, start), Ok(()), "another source has its own allowance");
        let later = start + Duration::from_millis(500);
        assert_eq!(rates.take("03", 1, 2, later), Ok(()));
        assert!(rates.take("03", 1, 2, later).is_err());
        let rested = later + Duration::from_secs(60);
        assert_eq!(rates.take("03", 1000, 2, rested), Ok(()), "a large batch passes in the end");
    }

    #[test]
    fn wrong_tokens_are_counted_by_the_minute_and_bounded() {
        let failures = Failures::default();
        let (address, start) = (IpAddr::from([192, 0, 2, 1]), Instant::now());
        for _ in 0..FAILURES_PER_MINUTE {
            assert!(!failures.add(address, start));
        }
        assert!(failures.add(address, start));
        assert!(!failures.add(address, start + Duration::from_secs(61)));
        for number in 0..10_000_u32 {
            failures.add(IpAddr::from(number.to_be_bytes()), start);
        }
        assert!(held(&failures.0).len() <= ADDRESSES_MAX);
    }
}
