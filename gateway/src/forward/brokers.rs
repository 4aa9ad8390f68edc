//! Which broker is next: the main one, or one of its fallbacks, in order. Pure: time comes in by argument.
//!
//! Never: a fallback for a moment's trouble, a gateway that stays at a fallback for good.

use tokio::time::Instant;

use super::settings::Timing;
use crate::config::BrokerUrl;

/// Attempts that fail in a row before the next broker is tried.
const FAILURES: u32 = 3;

/// The brokers, and which of them is in use.
#[derive(Debug)]
pub(super) struct Brokers {
    addresses: Vec<BrokerUrl>,
    current: usize,
    failures: u32,
    failing_since: Option<Instant>,
    /// Whether we came back to the main one and do not know yet whether it holds.
    on_trial: bool,
}

impl Brokers {
    /// Begins with the main one.
    pub(super) fn new(main: &BrokerUrl, fallbacks: &[BrokerUrl]) -> Self {
        Self {
            addresses: std::iter::once(main).chain(fallbacks).cloned().collect(),
            current: 0,
            failures: 0,
            failing_since: None,
            on_trial: false,
        }
    }

    /// The one in use.
    pub(super) fn current(&self) -> Option<&BrokerUrl> {
        self.addresses.get(self.current)
    }

    /// The main one, while a fallback is in use.
    pub(super) fn main_of_fallback(&self) -> Option<&BrokerUrl> {
        self.addresses.first().filter(|_| self.current > 0)
    }

    /// A connection failed, or ended before it was stable. Whether another broker is next.
    pub(super) fn failed(&mut self, timing: &Timing, now: Instant) -> bool {
        self.failures += 1;
        let since = *self.failing_since.get_or_insert(now);
        let is_down = self.failures >= FAILURES
            || self.on_trial
            || now.duration_since(since) >= timing.fallback_patience;
        let moves = is_down && self.addresses.len() > 1;
        if moves {
            self.use_broker((self.current + 1) % self.addresses.len());
        }
        moves
    }

    /// A connection held for long.
    pub(super) fn held(&mut self) {
        (self.failures, self.failing_since, self.on_trial) = (0, None, false);
    }

    /// The main one answers again. One failure there is enough to come back.
    pub(super) fn return_to_main(&mut self) {
        self.use_broker(0);
        self.on_trial = true;
    }

    fn use_broker(&mut self, index: usize) {
        self.held();
        self.current = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brokers(fallbacks: usize) -> Brokers {
        let url = |number: usize| format!("mqtt://b{number}").parse::<BrokerUrl>().unwrap();
        Brokers::new(&url(0), &(1..=fallbacks).map(url).collect::<Vec<_>>())
    }

    fn host(brokers: &Brokers) -> &str {
        &brokers.current().unwrap().host
    }

    #[test]
    fn brokers_are_tried_in_turn() {
        let (mut brokers, timing, now) = (brokers(2), Timing::default(), Instant::now());
        let mut tried = Vec::new();
        for _ in 0..10 {
            tried.push(host(&brokers).to_owned());
            brokers.failed(&timing, now);
        }
        assert_eq!(tried, ["b0", "b0", "b0", "b1", "b1", "b1", "b2", "b2", "b2", "b0"]);
    }

    #[test]
    fn a_slow_failure_is_enough_and_a_good_connection_forgives() {
        let (mut brokers, timing, start) = (brokers(1), Timing::default(), Instant::now());
        assert!(!brokers.failed(&timing, start));
        brokers.held();
        assert!(!brokers.failed(&timing, start));
        assert!(brokers.failed(&timing, start + timing.fallback_patience));
        assert_eq!(brokers.main_of_fallback().unwrap().host, "b0");
    }

    #[test]
    fn a_main_broker_that_fails_again_is_left_at_once() {
        let (mut brokers, timing, now) = (brokers(1), Timing::default(), Instant::now());
        let moves: Vec<bool> = (0..3).map(|_| brokers.failed(&timing, now)).collect();
        assert_eq!(moves, [false, false, true]);
        brokers.return_to_main();
        assert_eq!(host(&brokers), "b0");
        assert!(brokers.failed(&timing, now));
        assert_eq!(host(&brokers), "b1");
    }

    #[test]
    fn alone_a_broker_is_tried_for_ever() {
        let (mut brokers, timing, now) = (brokers(0), Timing::default(), Instant::now());
        assert!((0..100).all(|_| !brokers.failed(&timing, now)));
        assert_eq!(host(&brokers), "b0");
    }
}
