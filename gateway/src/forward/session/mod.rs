//! The life of one connection: connect, subscription to receipts, birth, records and notices, farewell.
//!
//! One task owns client, window and supply; nobody else publishes. Any doubt ends the connection, and the next one
//! begins behind the last acknowledged record. Never: an acknowledgement that is booked on a guess, a record that
//! overtakes another one, more under way than the window.

mod answers;
mod lost;
mod offers;
mod receipts;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::lost::Gone;
use self::receipts::Repeats;
use super::backoff::Backoff;
use super::dial::{Dial, dial};
use super::life::{Heard, Life, Still};
use super::message::Progress;
use super::poison::{Poison, Verdict};
use super::ranges::Span;
use super::receipts::Receipts;
use super::settings::{Connection, Settings};
use super::supervisor::Chance;
use super::supply::Supply;
use super::transport::{Capabilities, Opening, Transport};
use super::trouble::Trouble;
use super::window::Window;
use super::{Outbox, Outgoing, message};
use crate::clock::Clock;
use crate::telemetry::board::Board;
use crate::telemetry::metric::Metric;
use crate::telemetry::pulse::Pulse;

/// Items under way at first, after a connection on which no record was acknowledged. A line that is cut again and again
/// before a full window is answered so carries some on each connection.
const FIRST_RECORDS: usize = 4;

/// Largest packet that the broker may send us: it has only acknowledgements and receipts for us.
const INCOMING_BYTES: u32 = 1 << 20;

/// How long the client may take for a step by itself, as a write on a slow line. What hangs is ended by the watchdog,
/// which sees more.
const CLIENT_PATIENCE: Duration = Duration::from_secs(600);

/// An alarm that never rings: an event comes first, if only a ping.
const FAR_AWAY: Duration = Duration::from_secs(3600);

/// What all connections of a forwarder share.
pub(super) struct Context<O> {
    pub(super) settings: Settings,
    pub(super) outbox: Arc<O>,
    pub(super) board: Arc<Board>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) chance: Chance,
    pub(super) network: Arc<dyn Dial>,
    pub(super) stop: CancellationToken,
    /// All records through this one are acknowledged. The store writes it down lazily; this is always the latest.
    pub(super) acknowledged: AtomicU64,
    /// What was acknowledged when the last connection began; none before the first.
    pub(super) began_behind: AtomicU64,
    /// The highest record that was ever handed to a client: what is below goes out repeatedly.
    pub(super) published_through: AtomicU64,
    /// What the CRM says; none where records do not wait for its receipts.
    pub(super) receipts: Option<Mutex<Receipts>>,
    /// What is known against the first record.
    pub(super) poison: Mutex<Poison>,
    /// Whether the board says that records go out to nobody.
    pub(super) is_unheard: AtomicBool,
    /// Connections in a row that ended between our subscription and the birth message.
    pub(super) subscription_ends: AtomicU32,
}

impl<O: Outbox> Context<O> {
    fn progress(&self) -> Progress {
        let number = self.acknowledged.load(Ordering::Relaxed);
        let (incarnation, acknowledged) = self.outbox.name_of(number);
        Progress { incarnation, acknowledged }
    }
}

/// What the supervisor sees of a connection.
#[derive(Debug, Default)]
pub(super) struct Vitals {
    /// Beats when the oldest open publish is settled; busy while something is open.
    pub(super) progress: Pulse,
    /// Signs of life of the broker.
    pub(super) life: Arc<Life>,
    /// Set when CONNACK came.
    pub(super) connected: OnceLock<Instant>,
    /// The highest record that was handed to the client.
    pub(super) sent_through: AtomicU64,
    /// The record that was published alone, behind a birth message that the broker took; or zero.
    pub(super) sent_alone: AtomicU64,
    /// Whether we subscribed.
    pub(super) subscribed: AtomicBool,
    /// Whether the broker took the birth message.
    pub(super) birth_taken: AtomicBool,
    /// Asks the connection to end in an orderly way, since another one is to follow.
    pub(super) leave: CancellationToken,
}

/// How a connection ends without trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The forwarder was stopped.
    Stopped,
    /// Another connection is to follow: with renewed files, or to another broker.
    Left,
}

/// Whether records flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    /// A record was refused: nothing new, until all that is under way was answered.
    Draining,
    /// Then wait.
    Waiting {
        until: Instant,
    },
}

struct Session<O> {
    context: Arc<Context<O>>,
    vitals: Arc<Vitals>,
    transport: Transport,
    capabilities: Capabilities,
    topics: [String; 2],
    supply: Supply<O>,
    repeats: Repeats<O>,
    /// Records that the CRM asked for and that are not here: incarnation, first and last.
    lost: VecDeque<(u32, Span, Gone)>,
    window: Window,
    /// Most items in the window.
    limit: usize,
    /// Smaller than the limit after a refusal, or a connection without success; doubles with each success.
    pace: usize,
    /// Largest packet that the broker takes.
    packet_max: usize,
    flow: Flow,
    hold: Backoff,
    /// What to do with the first record, or with all through this one.
    suspect: Option<(u64, Verdict)>,
    /// Whether this is not the main broker.
    is_fallback: bool,
    /// Whether the board shows why records are held.
    is_holding: bool,
    notices_under_way: usize,
    next_notices: Instant,
    subscription_is_answered: bool,
    /// When to ask for receipts once more, since the broker did not agree.
    next_subscription: Option<Instant>,
    /// Since when the broker gave no sign of life, while a publish is open.
    quiet: Still,
    /// Whether it owes us such a sign. It is asked for one at a time, since each takes a packet id.
    is_asked: bool,
    meters: Meters,
}

/// What is counted for each record.
struct Meters {
    publish_ack: Histogram,
    capture_to_ack: Histogram,
    acknowledged: Counter,
    inflight: Gauge,
}

impl Meters {
    fn new() -> Self {
        Self {
            publish_ack: Metric::PublishAck.histogram(),
            capture_to_ack: Metric::CaptureToAck.histogram(),
            acknowledged: Metric::Publish.counter(&[("outcome", "acknowledged")]),
            inflight: Metric::MqttInflight.gauge(),
        }
    }
}

/// Lives one connection. An end, or else why it ended.
pub(super) async fn run<O: Outbox>(
    context: Arc<Context<O>>,
    vitals: Arc<Vitals>,
    connection: Connection,
) -> Result<End, Trouble> {
    vitals.progress.beat();
    let stop = context.stop.clone();
    let connected = tokio::select! {
        () = stop.cancelled() => return Ok(End::Stopped),
        connected = connect(&context, &vitals, &connection) => connected?,
    };
    // Until something is published there is no answer to wait for; the subscription has a limit of its own.
    vitals.progress.rest();
    let mut session = Session::new(context, vitals, connected, &connection);
    session.greet(&connection);
    tokio::select! {
        () = stop.cancelled() => return Ok(End::Stopped),
        subscribed = session.subscribe() => subscribed?,
    }
    session.publish_status("online")?;
    match session.forward().await? {
        End::Stopped => session.farewell().await,
        End::Left => session.leave().await,
    }
}

async fn connect<O: Outbox>(
    context: &Context<O>,
    vitals: &Vitals,
    connection: &Connection,
) -> Result<(Transport, Capabilities), Trouble> {
    let settings = &context.settings;
    let limit = settings.timing.connect;
    let password = connection
        .password()
        .map_err(|error| Trouble::new("settings", super::dial::with_causes(&error)))?;
    let stream = dial(context.network.as_ref(), connection, limit).await?;
    let stream = Box::new(Heard::new(stream, Arc::clone(&vitals.life)));
    let opening = Opening {
        version: connection.version,
        client_id: connection.client_id.clone(),
        username: connection.username.clone(),
        password,
        will: Some(message::status(
            settings,
            "offline",
            context.clock.now(),
            context.progress(),
            true,
        )),
        keep_alive: connection.keep_alive,
        patience: CLIENT_PATIENCE,
        window: settings.window_records,
        incoming_max: INCOMING_BYTES,
        clean: true,
        acknowledges: false,
    };
    let mut transport = Transport::open(&opening, stream)?;
    let capabilities =
        transport.connack(limit).await.map_err(|trouble| trouble.of_login(connection))?;
    if !capabilities.at_least_once {
        let words =
            "the broker takes no messages with QoS 1: records need a broker that acknowledges";
        return Err(Trouble::new("qos", words));
    }
    Ok((transport, capabilities))
}

impl<O: Outbox> Session<O> {
    fn new(
        context: Arc<Context<O>>,
        vitals: Arc<Vitals>,
        (transport, capabilities): (Transport, Capabilities),
        connection: &Connection,
    ) -> Self {
        let (settings, timing) = (&context.settings, &context.settings.timing);
        let limit = usize::from(settings.window_records.min(capabilities.receive_maximum)).max(1);
        let acknowledged = context.acknowledged.load(Ordering::Relaxed);
        let is_fruitless =
            context.began_behind.swap(acknowledged, Ordering::Relaxed) == acknowledged;
        let first = acknowledged + 1;
        let verdict =
            locked(&context.poison).verdict(first, timing.poison_patience, Instant::now());
        if let Some(receipts) = &context.receipts {
            locked(receipts).begin_anew();
        }
        let told = capabilities.packet_max.and_then(|max| usize::try_from(max).ok());
        Self {
            capabilities,
            topics: [settings.topic("records"), settings.topic("findings")],
            supply: Supply::new(Arc::clone(&context.outbox), first - 1),
            repeats: Repeats::new(
                Arc::clone(&context.outbox),
                Backoff::new(timing.backoff_base, timing.backoff_cap),
            ),
            lost: VecDeque::new(),
            window: Window::default(),
            limit,
            pace: if is_fruitless { FIRST_RECORDS.min(limit) } else { limit },
            packet_max: settings.message_max.min(told.unwrap_or(usize::MAX)),
            flow: Flow::Open,
            hold: Backoff::new(timing.backoff_base, timing.backoff_cap),
            suspect: match verdict {
                Verdict::Ordinary => None,
                Verdict::Park => Some((first, verdict)),
                // A broker may end the connection at a later record before it answers the first: as many as could
                // be under way with it go alone, or each of them would be suspected for minutes.
                Verdict::Alone => {
                    let beside = (first + limit as u64 - 1).min(*context.outbox.newest().borrow());
                    Some((beside.max(first), verdict))
                }
            },
            is_fallback: connection.address != settings.connection.address,
            is_holding: false,
            notices_under_way: 0,
            next_notices: Instant::now(),
            subscription_is_answered: false,
            next_subscription: None,
            quiet: Still::new(),
            is_asked: false,
            meters: Meters::new(),
            context,
            vitals,
            transport,
        }
    }

    fn settings(&self) -> &Settings {
        &self.context.settings
    }

    /// CONNACK came: tell everybody.
    fn greet(&self, connection: &Connection) {
        let _first = self.vitals.connected.set(Instant::now());
        let now = self.context.clock.now();
        self.context.board.update_broker(|broker| {
            broker.connected = true;
            broker.problem = None;
            broker.since = Some(now);
            broker.next_attempt = None;
        });
        Metric::BrokerConnected.set(1.0, &[]);
        info!(broker = %connection.address, window = self.limit, "connected to the broker");
    }

    /// Forwards until the forwarder is stopped, the connection is to be left, or something goes wrong.
    async fn forward(&mut self) -> Result<End, Trouble> {
        let mut newest = self.context.outbox.newest();
        let leave = self.vitals.leave.clone();
        loop {
            self.subscribe_again()?;
            self.ask_for_life()?;
            self.plan_repeats();
            self.fill().await?;
            self.offer_notices().await?;
            let latest = *newest.borrow_and_update();
            self.supply.read_ahead(latest, self.limit);
            self.show_inflight();
            let alarm = self.alarm();
            tokio::select! {
                () = self.context.stop.cancelled() => return Ok(End::Stopped),
                () = leave.cancelled() => return Ok(End::Left),
                event = self.transport.next() => self.hear_all(event?).await?,
                arrived = self.supply.arrive() => arrived?,
                arrived = self.repeats.arrive() => self.repeats_arrived(arrived),
                changed = newest.changed() => changed.map_err(|_| {
                    Trouble::new("outbox", "the store has stopped")
                })?,
                () = sleep_until(alarm) => {}
            }
        }
    }

    /// Asks the broker for a sign of life when a publish is open and none came for a while: one that is slow with our
    /// messages shows so that it is there.
    fn ask_for_life(&mut self) -> Result<(), Trouble> {
        let still = self.quiet.look(self.vitals.life.signs(), self.window.unanswered() > 0);
        if self.is_asked || still < self.settings().timing.silence / 2 {
            return Ok(());
        }
        self.is_asked = true;
        self.transport.ask_for_life(&self.settings().topic("status"))
    }

    /// When there is something to do without an event.
    fn alarm(&self) -> Instant {
        let never = Instant::now() + FAR_AWAY;
        let notices = if self.may_offer_notices() { self.next_notices } else { never };
        let receipts = self.receipts_due().unwrap_or(never);
        let is_quiet = self.window.unanswered() > 0 && !self.is_asked;
        let asks = self.quiet.since() + self.settings().timing.silence / 2;
        let quiet = if is_quiet { asks } else { never };
        let always = notices.min(self.next_subscription.unwrap_or(never)).min(quiet);
        match self.flow {
            Flow::Waiting { until } => until.min(always),
            Flow::Open => receipts.min(always).min(self.repeats.due().unwrap_or(never)),
            Flow::Draining => always,
        }
    }

    /// What is under way may arrive; then the retained "offline", then DISCONNECT. When the time is over the
    /// connection is dropped without DISCONNECT, so that the broker publishes the will instead.
    async fn farewell(mut self) -> Result<End, Trouble> {
        let deadline = Instant::now() + self.settings().timing.stop;
        let last_words = async {
            self.settle_all().await?;
            self.publish_status("offline")?;
            self.settle_all().await
        };
        match timeout_at(deadline, last_words).await {
            Ok(said) => said?,
            Err(_) => return Ok(End::Stopped),
        }
        // The rest is courtesy.
        let _said = timeout(self.context.settings.timing.stop, self.transport.disconnect()).await;
        Ok(End::Stopped)
    }

    /// What is under way may arrive; then DISCONNECT without a word, since the next connection says "online" again.
    /// What did not arrive in time goes out once more on the next connection.
    async fn leave(mut self) -> Result<End, Trouble> {
        let limit = self.settings().timing.stop;
        if let Ok(settled) = timeout(limit, self.settle_all()).await {
            settled?;
        }
        let _said = timeout(limit, self.transport.disconnect()).await;
        Ok(End::Left)
    }

    async fn settle_all(&mut self) -> Result<(), Trouble> {
        while self.window.unanswered() > 0 {
            let event = self.transport.next().await?;
            self.hear(event).await?;
        }
        Ok(())
    }
}

/// A poisoned lock only says that another task panicked; what it holds has no invariant that could have broken.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
