//! One connection after the other, and the watchdog over each.
//!
//! The watchdog stands outside the connection's task: a client that hangs cannot end itself. When the oldest open
//! publish makes no progress, the task is aborted, which drops the socket.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::Outbox;
use super::backoff::Backoff;
use super::session::{self, Context, Vitals};
use super::settings::{Settings, Timing};
use super::trouble::Trouble;
use crate::clock::Clock;
use crate::telemetry::board::Board;
use crate::telemetry::metric::Metric;
use crate::telemetry::pulse::Pulse;

/// How long an aborted task may take to go.
const ABORT_LIMIT: Duration = Duration::from_secs(1);

/// What the forwarder works with, besides settings and outbox.
#[derive(Clone)]
pub struct Surroundings {
    /// Shows people what the connection is doing.
    pub board: Arc<Board>,
    /// Shows the service manager that the forwarder moves.
    pub pulse: Arc<Pulse>,
    /// The time of day, for people and latencies.
    pub clock: Arc<dyn Clock>,
    /// Ends the forwarder: what is under way is waited for, briefly.
    pub stop: CancellationToken,
}

/// Forwards all records of the outbox to the broker, in order, until it is stopped. Comes back from everything.
///
/// The pulse beats for the supervisor, not for the broker: a broker that is silent is ended by the watchdog here,
/// and is no reason for the service manager to restart the gateway.
pub async fn run(settings: Settings, outbox: impl Outbox, surroundings: Surroundings) {
    let Surroundings { board, pulse, clock, stop } = surroundings;
    let timing = settings.timing.clone();
    let url = settings.connection.address.to_string();
    board.update_broker(|broker| broker.url = url);
    let context = Arc::new(Context {
        settings,
        acknowledged: AtomicU64::new(outbox.acknowledged()),
        outbox: Arc::new(outbox),
        board,
        clock,
        stop,
        published_through: AtomicU64::new(0),
    });
    let mut backoff = Backoff::new(timing.backoff_base, timing.backoff_cap);
    while !context.stop.is_cancelled() {
        let begun = Instant::now();
        let vitals = Arc::new(Vitals::default());
        let ended = live_one(&context, &vitals, &pulse).await;
        let Err(trouble) = ended else { break };
        if vitals.connected.get().is_some_and(|at| at.elapsed() >= timing.stable) {
            backoff.reset();
        }
        let wait = wait(&mut backoff, &timing, begun.elapsed());
        show_lost(&context, &trouble, vitals.connected.get().is_some(), wait);
        pulse.rest();
        tokio::select! {
            () = sleep(wait) => {}
            () = context.stop.cancelled() => {}
        }
    }
    show_stopped(&context);
    pulse.rest();
}

/// The jitter, but never less than the floor between two attempts, so that takeovers do not become a storm.
fn wait(backoff: &mut Backoff, timing: &Timing, since_attempt: Duration) -> Duration {
    let floor = timing.connect_floor.saturating_sub(since_attempt);
    backoff.next(rand::random()).max(floor)
}

/// One connection under the watchdog.
async fn live_one<O: Outbox>(
    context: &Arc<Context<O>>,
    vitals: &Arc<Vitals>,
    pulse: &Pulse,
) -> Result<(), Trouble> {
    let silence = context.settings.timing.silence;
    let task = tokio::spawn(session::run(Arc::clone(context), Arc::clone(vitals)));
    let mut task = AbortOnDropHandle::new(task);
    let mut looks = interval(silence / 10);
    let mut last = (u64::MAX, Instant::now());
    loop {
        tokio::select! {
            ended = &mut task => return ended.unwrap_or_else(|failure| {
                Err(Trouble::new("internal", format!("the forwarder failed: {failure}: report this as a bug")))
            }),
            _ = looks.tick() => {}
        }
        let (steps, is_busy) = vitals.progress.read();
        if steps != last.0 || !is_busy {
            last = (steps, Instant::now());
        } else if last.1.elapsed() >= silence {
            task.abort();
            // It ends at its next wait, which it is in already.
            let _gone = timeout(ABORT_LIMIT, task).await;
            return Err(Trouble::silent(silence.as_secs()));
        }
        if is_busy { pulse.beat() } else { pulse.rest() }
    }
}

fn show_lost<O>(context: &Context<O>, trouble: &Trouble, was_connected: bool, wait: Duration) {
    let now = context.clock.now();
    context.board.update_broker(|broker| {
        if broker.connected || broker.since.is_none() {
            broker.since = Some(now);
        }
        broker.connected = false;
        broker.problem = Some(trouble.words.clone());
        broker.next_attempt = now.checked_add(wait).ok();
        broker.reconnects += u64::from(was_connected);
    });
    Metric::BrokerConnected.set(0.0, &[]);
    Metric::MqttInflight.set(0.0, &[]);
    if was_connected {
        Metric::BrokerReconnects.add(1, &[("reason", trouble.reason)]);
    }
    warn!(reason = trouble.reason, next_attempt_seconds = tenths(wait), "{trouble}");
}

fn show_stopped<O>(context: &Context<O>) {
    let now = context.clock.now();
    context.board.update_broker(|broker| {
        broker.connected = false;
        broker.problem = None;
        broker.next_attempt = None;
        broker.since = Some(now);
    });
    Metric::BrokerConnected.set(0.0, &[]);
    Metric::MqttInflight.set(0.0, &[]);
}

/// Seconds as people read them.
fn tenths(wait: Duration) -> f64 {
    (wait.as_secs_f64() * 10.0).round() / 10.0
}
