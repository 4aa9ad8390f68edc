//! How long to wait before the next attempt. Pure: time and randomness come in by argument.
//!
//! Full jitter, so that the gateways of a chain do not come back all at once; a floor below the distance of two
//! attempts, so that two gateways with one client id do not fight at full speed.

use std::time::Duration;

/// The waits of one kind of attempt.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits of at most `base`, doubled with each failure, up to `cap`.
    pub(super) fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, failures: 0 }
    }

    /// The wait after one more failure: anything between nothing and the present limit. `fraction` is random,
    /// from 0 to 1.
    pub(super) fn next(&mut self, fraction: f64) -> Duration {
        // 2^20 times any base is above any cap.
        let limit = self.base.saturating_mul(1 << self.failures.min(20)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        limit.mul_f64(fraction.clamp(0.0, 1.0))
    }

    /// It went well for long enough.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_limit_doubles_up_to_the_cap() {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(60));
        let limits: Vec<u128> = (0..9).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(limits, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
        backoff.reset();
        assert_eq!(backoff.next(0.5).as_millis(), 250);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_above_the_cap(failures in 0_usize..200, fraction in 0.0_f64..=1.0, cap in 0_u64..100_000) {
            let cap = Duration::from_millis(cap);
            let mut backoff = Backoff::new(Duration::from_millis(500), cap);
            for _ in 0..failures {
                backoff.next(fraction);
            }
            prop_assert!(backoff.next(fraction) <= cap);
        }
    }
}
