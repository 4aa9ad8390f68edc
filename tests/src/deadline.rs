//! Ends to waiting: a test as a whole, and each wait inside it.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a wait sleeps between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs a test's body and fails when it takes longer. Servers that the body started end with its thread
/// (see [`crate::process`]), so a hanging test leaves nothing behind.
///
/// # Panics
///
/// When the body panics or takes longer.
pub fn within(seconds: u64, body: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel::<()>();
    let running = thread::spawn(move || {
        // Dropped when the body returns or panics: either ends the wait below.
        let _done = done;
        body();
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) =
        finished.recv_timeout(Duration::from_secs(seconds))
    {
        panic!("the test was not done within {seconds} seconds");
    }
    if let Err(panic) = running.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Looks until there is something to see.
///
/// # Panics
///
/// When there is nothing after so many seconds; the message names what was waited for.
#[track_caller]
pub fn eventually<T>(seconds: u64, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "waited {seconds} seconds in vain: {what}");
        thread::sleep(LOOK_EVERY);
    }
}

/// Waits until something holds.
///
/// # Panics
///
/// When it does not hold after so many seconds.
#[track_caller]
pub fn until(seconds: u64, what: &str, mut holds: impl FnMut() -> bool) {
    eventually(seconds, what, || holds().then_some(()));
}
