//! One connection after the other, and the watchdog over each.
//!
//! The watchdog stands outside the connection's task: a client that hangs cannot end itself. When a publish is open and
//! the broker gives no sign of life, or the oldest makes no progress, the task is aborted, which drops the socket. A
//! connection that works is left, in an orderly way, when its files were renewed, or when the main broker is back.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::Outbox;
use super::backoff::Backoff;
use super::brokers::Brokers;
use super::dial::{Dial, dial};
use super::life::Still;
use super::poison::Poison;
use super::receipts::Receipts;
use super::renewal::{Watched, show_expiry};
use super::session::{self, Context, End, Vitals, locked};
use super::settings::{Connection, Settings};
use super::trouble::Trouble;
use crate::clock::Clock;
use crate::config::Confirm;
use crate::telemetry::board::Board;
use crate::telemetry::metric::Metric;
use crate::telemetry::pulse::Pulse;

/// How long an aborted task may take to go.
const ABORT_LIMIT: Duration = Duration::from_secs(1);

/// Where the jitter comes from: a number from 0 to 1.
pub type Chance = Arc<dyn Fn() -> f64 + Send + Sync>;

/// The jitter of a running gateway.
#[must_use]
pub fn ordinary_chance() -> Chance {
    Arc::new(rand::random::<f64>)
}

/// What the forwarder works with, besides settings and outbox.
#[derive(Clone)]
pub struct Surroundings {
    /// Shows people what the connection is doing.
    pub board: Arc<Board>,
    /// Shows the service manager that the forwarder moves.
    pub pulse: Arc<Pulse>,
    /// The time of day, for people and latencies.
    pub clock: Arc<dyn Clock>,
    /// Jitter.
    pub chance: Chance,
    /// How brokers are reached.
    pub network: Arc<dyn Dial>,
    /// Ends the forwarder: what is under way is waited for, briefly.
    pub stop: CancellationToken,
}

/// Forwards all records of the outbox to the broker, in order, until it is stopped. Comes back from everything.
///
/// The pulse beats for the supervisor, not for the broker: a broker that is silent is ended by the watchdog here,
/// and is no reason for the service manager to restart the gateway.
pub async fn run(settings: Settings, outbox: impl Outbox, surroundings: Surroundings) {
    let timing = settings.timing.clone();
    let pulse = Arc::clone(&surroundings.pulse);
    let mut brokers = Brokers::new(&settings.connection.address, &settings.fallbacks);
    let mut backoff = Backoff::new(timing.backoff_base, timing.backoff_cap);
    let context = Arc::new(context(settings, outbox, surroundings));
    while !context.stop.is_cancelled() {
        show_broker(&context, &brokers);
        let begun = Instant::now();
        let vitals = Arc::new(Vitals::default());
        let was_fallback = brokers.main_of_fallback().is_some();
        let ended = live_one(&context, &vitals, &mut brokers, &pulse).await;
        if vitals.connected.get().is_some_and(|at| at.elapsed() >= timing.stable) {
            backoff.reset();
            // It is not the main broker that held when a fallback was left for it.
            if was_fallback == brokers.main_of_fallback().is_some() {
                brokers.held();
            }
        }
        let floor = timing.connect_floor.saturating_sub(begun.elapsed());
        let wait = match ended {
            Ok(End::Stopped) => break,
            Ok(End::Left) => floor,
            Err(trouble) => {
                // Never less than the floor between two attempts, so that takeovers do not become a storm.
                let wait = backoff.next((context.chance)()).max(floor);
                let trouble = with_suspect(&context, &vitals, trouble);
                show_lost(&context, &trouble, vitals.connected.get().is_some(), wait);
                if brokers.failed(&timing, Instant::now()) {
                    warn!(broker = ?brokers.current().map(ToString::to_string), "trying another broker");
                }
                wait
            }
        };
        pulse.rest();
        tokio::select! {
            () = sleep(wait) => {}
            () = context.stop.cancelled() => {}
        }
    }
    show_stopped(&context);
    pulse.rest();
}

fn context<O: Outbox>(settings: Settings, outbox: O, surroundings: Surroundings) -> Context<O> {
    let Surroundings { board, clock, chance, network, stop, pulse: _ } = surroundings;
    let awaits_receipts = settings.confirm == Confirm::Receipt;
    let receipts = awaits_receipts.then(|| Receipts::new(outbox.confirmed(), &settings.timing));
    Context {
        acknowledged: AtomicU64::new(outbox.acknowledged()),
        began_behind: AtomicU64::new(u64::MAX),
        published_through: AtomicU64::new(0),
        receipts: receipts.map(Mutex::new),
        poison: Mutex::new(Poison::default()),
        subscription_ends: AtomicU32::new(0),
        // What was said before a reload stands until somebody receives.
        is_unheard: AtomicBool::new(board.broker().unheard.is_some()),
        settings,
        outbox: Arc::new(outbox),
        board,
        clock,
        chance,
        network,
        stop,
    }
}

/// One connection under the watchdog.
async fn live_one<O: Outbox>(
    context: &Arc<Context<O>>,
    vitals: &Arc<Vitals>,
    brokers: &mut Brokers,
    pulse: &Pulse,
) -> Result<End, Trouble> {
    let timing = &context.settings.timing;
    let main = &context.settings.connection;
    let address = brokers.current().unwrap_or(&main.address).clone();
    let connection = Connection { address, ..main.clone() };
    show_expiry(&connection);
    // As the files are before the connection reads them.
    let watched = Watched::of(&connection);
    let left = better(context, &connection, watched, brokers.main_of_fallback().is_some());
    tokio::pin!(left);
    let task =
        tokio::spawn(session::run(Arc::clone(context), Arc::clone(vitals), connection.clone()));
    let mut task = AbortOnDropHandle::new(task);
    let mut looks = interval(timing.silence.min(timing.unanswered) / 10);
    let (mut settled, mut alive) = (Still::new(), Still::new());
    loop {
        tokio::select! {
            ended = &mut task => return ended.unwrap_or_else(|failure| {
                Err(Trouble::new("internal", format!("the forwarder failed: {failure}: report this as a bug")))
            }),
            why = &mut left, if !vitals.leave.is_cancelled() => {
                if why == Better::MainBroker {
                    brokers.return_to_main();
                }
                vitals.leave.cancel();
            }
            _ = looks.tick() => {}
        }
        let (steps, is_busy) = vitals.progress.read();
        // Before CONNACK other limits hold.
        let is_open = is_busy && vitals.connected.get().is_some();
        let trouble = if alive.look(vitals.life.signs(), is_open) >= timing.silence {
            Some(Trouble::silent(timing.silence.as_secs()))
        } else if settled.look(steps + vitals.life.taken(), is_busy) >= timing.unanswered {
            Some(Trouble::unanswered(timing.unanswered.as_secs()))
        } else {
            None
        };
        if let Some(trouble) = trouble {
            task.abort();
            // It ends at its next wait, which it is in already.
            let _gone = timeout(ABORT_LIMIT, task).await;
            return Err(trouble);
        }
        if is_busy { pulse.beat() } else { pulse.rest() }
    }
}

/// Why another connection would be better than a working one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    /// Certificates or password were renewed.
    Files,
    /// The main broker answers again, and this is a fallback.
    MainBroker,
}

/// Comes back when another connection would be better than this one. Before a fallback is left the main broker is
/// tried, with TLS where it has TLS, but without a login.
async fn better<O>(
    context: &Context<O>,
    connection: &Connection,
    watched: Watched,
    is_fallback: bool,
) -> Better {
    let timing = &context.settings.timing;
    tokio::select! {
        () = watched.renewed(connection, &context.board, timing.renewal) => Better::Files,
        () = main_is_back(context), if is_fallback => Better::MainBroker,
    }
}

async fn main_is_back<O>(context: &Context<O>) {
    let (main, timing) = (&context.settings.connection, &context.settings.timing);
    loop {
        // The gateways of a chain do not all come back at once.
        sleep(timing.fallback_stay.mul_f64(0.75 + (context.chance)() / 2.0)).await;
        if dial(context.network.as_ref(), main, timing.connect).await.is_ok() {
            info!(broker = %main.address, "the main broker answers again: going back to it");
            return;
        }
    }
}

/// What the end of a connection makes suspect: our subscription, where nothing came behind it, or the first record
/// without an answer, where the broker ended a connection on which it had been sent.
fn with_suspect<O>(context: &Context<O>, vitals: &Vitals, trouble: Trouble) -> Trouble {
    if vitals.birth_taken.load(Ordering::Relaxed) {
        context.subscription_ends.store(0, Ordering::Relaxed);
    } else if vitals.subscribed.load(Ordering::Relaxed) {
        context.subscription_ends.fetch_add(1, Ordering::Relaxed);
    }
    let first = context.acknowledged.load(Ordering::Relaxed) + 1;
    if !trouble.may_be_of_a_record() || vitals.sent_through.load(Ordering::Relaxed) < first {
        return trouble;
    }
    let mut poison = locked(&context.poison);
    let was_alone = vitals.sent_alone.load(Ordering::Relaxed) == first;
    poison.ended(first, was_alone, Instant::now());
    match poison.suspicious_ends() {
        Some(ends) => trouble.at_record(first, ends),
        None => trouble,
    }
}

fn show_broker<O>(context: &Context<O>, brokers: &Brokers) {
    context.board.update_broker(|broker| {
        broker.url = brokers.current().map(ToString::to_string).unwrap_or_default();
        broker.fallback_for = brokers.main_of_fallback().map(ToString::to_string);
    });
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
