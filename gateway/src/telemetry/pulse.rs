//! Proof of progress. The watchdog of the service manager is fed only while the writer and the forwarder either
//! moved since the last look or had nothing to do: a ping from a timer would prove nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The pulse of one task.
#[derive(Debug)]
pub struct Pulse {
    beats: AtomicU64,
    busy: AtomicBool,
    made_at: Instant,
    /// When the last step began, in milliseconds after `made_at`.
    beat_at: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            beats: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            made_at: Instant::now(),
            beat_at: AtomicU64::new(0),
        }
    }
}

impl Pulse {
    /// The task has work in hand and took a step.
    pub fn beat(&self) {
        self.beat_at.store(milliseconds(self.made_at.elapsed()), Ordering::Relaxed);
        self.busy.store(true, Ordering::Relaxed);
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// The task waits and has nothing to do.
    pub fn rest(&self) {
        self.busy.store(false, Ordering::Relaxed);
    }

    /// Steps so far, and whether the task has work in hand.
    #[must_use]
    pub fn read(&self) -> (u64, bool) {
        (self.beats.load(Ordering::Relaxed), self.busy.load(Ordering::Relaxed))
    }

    /// How long the step in hand has taken by now; zero while there is none.
    #[must_use]
    pub fn step_time(&self) -> Duration {
        let (_, busy) = self.read();
        let began = Duration::from_millis(self.beat_at.load(Ordering::Relaxed));
        if busy { self.made_at.elapsed().saturating_sub(began) } else { Duration::ZERO }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
