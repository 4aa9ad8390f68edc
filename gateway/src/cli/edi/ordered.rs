//! Work that is done by several threads and taken in order.
//!
//! In: how many jobs there are. Out: the number of the next job for whoever works, the result that is due for whoever
//! prints. At most [`AHEAD_MOST`] results wait: behind a large file the threads wait, too.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Jobs that may be begun before the one that is due is done.
const AHEAD_MOST: usize = 32;

/// Jobs and their results.
#[derive(Debug)]
pub(super) struct Ordered<T> {
    jobs: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    next: usize,
    due: usize,
    done: BTreeMap<usize, T>,
    stopped: bool,
}

/// What there is to take.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due<T> {
    Result(T),
    NotYet,
    Nothing,
}

impl<T> Ordered<T> {
    pub(super) fn new(jobs: usize) -> Self {
        let state = State { next: 0, due: 0, done: BTreeMap::new(), stopped: false };
        Self { jobs, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next job, once there is room for its result.
    pub(super) fn next_job(&self) -> Option<usize> {
        let is_full = |state: &mut State<T>| {
            !state.stopped && state.next < self.jobs && state.next >= state.due + AHEAD_MOST
        };
        let waited = self.changed.wait_while(self.lock(), is_full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.stopped || state.next >= self.jobs {
            return None;
        }
        state.next += 1;
        Some(state.next - 1)
    }

    /// A job is done.
    pub(super) fn put(&self, job: usize, result: T) {
        self.lock().done.insert(job, result);
        self.changed.notify_all();
    }

    /// The next result in order, waited for so long.
    pub(super) fn take(&self, wait: Duration) -> Due<T> {
        let is_missing =
            |state: &mut State<T>| state.due < self.jobs && !state.done.contains_key(&state.due);
        let waited = self.changed.wait_timeout_while(self.lock(), wait, is_missing);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let due = state.due;
        match state.done.remove(&due) {
            Some(result) => {
                state.due += 1;
                self.changed.notify_all();
                Due::Result(result)
            }
            None if due < self.jobs => Due::NotYet,
            None => Due::Nothing,
        }
    }

    /// Nobody takes results any more.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Each change of the state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const WAIT: Duration = Duration::from_secs(60);

    #[test]
    fn results_come_in_order_whoever_is_first() {
        let ordered = Ordered::new(500);
        let taken = thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while let Some(job) = ordered.next_job() {
                        thread::sleep(Duration::from_micros((job as u64 * 7919) % 400));
                        ordered.put(job, job);
                    }
                });
            }
            let mut taken = Vec::new();
            while let Due::Result(job) = ordered.take(WAIT) {
                taken.push(job);
            }
            taken
        });
        assert_eq!(taken, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn no_more_results_wait_than_there_is_room_for() {
        let ordered = Ordered::new(AHEAD_MOST + 1);
        for expected in 0..AHEAD_MOST {
            assert_eq!(ordered.next_job(), Some(expected));
        }
        thread::scope(|scope| {
            let last = scope.spawn(|| ordered.next_job());
            assert_eq!(ordered.take(Duration::from_millis(20)), Due::NotYet);
            assert!(!last.is_finished());
            ordered.put(0, "first");
            assert_eq!(ordered.take(WAIT), Due::Result("first"));
            assert_eq!(last.join().unwrap(), Some(AHEAD_MOST));
        });
    }

    #[test]
    fn who_waits_for_room_is_told_to_stop() {
        let ordered = Ordered::<()>::new(AHEAD_MOST + 1);
        (0..AHEAD_MOST).for_each(|_| assert!(ordered.next_job().is_some()));
        thread::scope(|scope| {
            let last = scope.spawn(|| ordered.next_job());
            ordered.stop();
            assert_eq!(last.join().unwrap(), None);
        });
        assert!(ordered.is_stopped());
    }
}
