//! The service manager: ready, status, watchdog, reloading, stopping. Without one all of this does nothing.
//!
//! The watchdog is fed only while every watched task either moved since the last look or has nothing to do, so
//! that a gateway that hangs is restarted, which a ping from a timer would prevent.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use super::pulse::Pulse;

/// How often the status line is renewed where no watchdog asks for more.
const STATUS_EVERY: Duration = Duration::from_secs(15);

/// The listeners are open: tills may come. The broker need not have answered.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// The configuration is being read again. [`ready`] ends it.
pub fn reloading() {
    let mut states = vec![NotifyState::Reloading];
    states.extend(NotifyState::monotonic_usec_now().ok());
    notify(&states);
}

/// The daemon drains and ends.
pub fn stopping(status: &str) {
    notify(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))]);
}

/// The stop takes longer: a checkpoint of a large journal is under way.
pub fn more_time(time: Duration) {
    let microseconds = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    notify(&[NotifyState::ExtendTimeoutUsec(microseconds)]);
}

/// Feeds the watchdog and renews the status line, until stopped.
pub async fn watch(mut watch: Watch, status: impl Fn() -> String, stop: CancellationToken) {
    let watchdog = sd_notify::watchdog_enabled();
    // Half the time that the service manager allows, so that one late wake-up does no harm.
    let every = watchdog.map_or(STATUS_EVERY, |limit| limit / 2);
    let mut tick = tokio::time::interval(every.max(Duration::from_millis(10)));
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stop.cancelled() => return,
        }
        notify(&[NotifyState::Status(&one_line(&status()))]);
        match watch.stuck().as_slice() {
            [] if watchdog.is_some() => notify(&[NotifyState::Watchdog]),
            [] => {}
            stuck => tracing::error!(
                tasks = stuck.join(","),
                "tasks have work and do not move: the service manager will restart the gateway"
            ),
        }
    }
}

/// The tasks that must move.
#[derive(Debug, Default)]
pub struct Watch {
    tasks: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    name: &'static str,
    pulse: Arc<Pulse>,
    beats_before: Option<u64>,
}

impl Watch {
    /// Watches a task from now on.
    #[must_use]
    pub fn task(mut self, name: &'static str, pulse: Arc<Pulse>) -> Self {
        self.tasks.push(Watched { name, pulse, beats_before: None });
        self
    }

    /// The tasks that had work in hand at this look and took no step since the last one.
    pub fn stuck(&mut self) -> Vec<&'static str> {
        self.tasks.iter_mut().filter_map(Watched::stuck).collect()
    }
}

impl Watched {
    fn stuck(&mut self) -> Option<&'static str> {
        let (beats, busy) = self.pulse.read();
        let moved = self.beats_before.replace(beats) != Some(beats);
        (busy && !moved).then_some(self.name)
    }
}

/// A newline would begin another notification.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot reach the service manager");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_fed_while_tasks_move_or_rest() {
        let writer = Arc::new(Pulse::default());
        let forwarder = Arc::new(Pulse::default());
        let mut watch = Watch::default()
            .task("writer", Arc::clone(&writer))
            .task("forwarder", Arc::clone(&forwarder));
        assert!(watch.stuck().is_empty(), "nothing to do yet");
        assert!(watch.stuck().is_empty(), "still nothing to do");

        writer.beat();
        assert!(watch.stuck().is_empty(), "the writer moved");
        assert_eq!(watch.stuck(), ["writer"], "the writer has work and did not move");
        assert_eq!(watch.stuck(), ["writer"]);

        writer.beat();
        forwarder.beat();
        assert!(watch.stuck().is_empty(), "both moved");
        writer.rest();
        assert_eq!(watch.stuck(), ["forwarder"], "the writer rests, the forwarder hangs");
        forwarder.rest();
        assert!(watch.stuck().is_empty());
    }

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(one_line("broker: refused\nREADY=1"), "broker: refused READY=1");
    }
}
