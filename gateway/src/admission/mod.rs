//! Who may come in, and how often: tokens of terminals, partners and viewers, and rates for each.
//!
//! In: a token and an address. Out: an [`Identity`], or how long to wait. It follows the configuration as it is
//! reloaded. Never: a token in a log, a comparison that takes longer for a better guess, a lock-out of a right token.

mod rates;
mod tokens;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use self::rates::{Failures, Rates};
pub use self::tokens::Identity;
use crate::config::Config;

/// The door-keeper of both listeners.
#[derive(Debug)]
pub struct Admission {
    config: watch::Receiver<Arc<Config>>,
    rates: Rates,
    failures: Failures,
}

impl Admission {
    /// A door-keeper that follows the configuration.
    #[must_use]
    pub fn new(config: watch::Receiver<Arc<Config>>) -> Self {
        Self { config, rates: Rates::default(), failures: Failures::default() }
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// Whose token it is. None: nobody's.
    #[must_use]
    pub fn identify(&self, token: &[u8]) -> Option<Identity> {
        tokens::identify(&self.config(), token)
    }

    /// Counts a wrong token of an address; true: so many that the answer should be 429. A right token is always
    /// taken: many terminals may share an address, and one that is set up wrongly must not lock out the others.
    #[must_use]
    pub fn failed_too_often(&self, address: IpAddr) -> bool {
        self.failures.add(address, Instant::now())
    }

    /// Takes `count` from a source's allowance, or says how long to wait.
    pub fn allow(&self, source: &str, count: u32) -> Result<(), Duration> {
        let per_second = self.config().limits.requests_per_second;
        self.rates.take(source, count, per_second, Instant::now())
    }
}
