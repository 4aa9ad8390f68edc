//! Proof of progress. The watchdog of the service manager is fed only while the writer and the forwarder either
//! moved since the last look or had nothing to do: a ping from a timer would prove nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The pulse of one task.
#[derive(Debug, Default)]
pub struct Pulse {
    beats: AtomicU64,
    busy: AtomicBool,
}

impl Pulse {
    /// The task has work in hand and took a step.
    pub fn beat(&self) {
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
}
