//! The life of one connection: connect, birth, records and notices, farewell.
//!
//! One task owns client, window and supply; nobody else publishes. Any doubt ends the connection, and the next one
//! begins behind the last acknowledged record. Never: an acknowledgement that is booked on a guess, a record that
//! overtakes another one, more under way than the window.

mod answers;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::backoff::Backoff;
use super::dial::dial;
use super::settings::Settings;
use super::supply::{Supply, outbox_trouble};
use super::transport::{Capabilities, Message, Opening, Transport};
use super::trouble::Trouble;
use super::window::{Item, Window};
use super::{Outbox, Outgoing, message};
use crate::clock::Clock;
use crate::fail_point;
use crate::telemetry::board::Board;
use crate::telemetry::metric::Metric;
use crate::telemetry::pulse::Pulse;

/// Bytes under way at once: with large records the window is smaller.
const WINDOW_BYTES: usize = 8 << 20;

/// Largest packet that the broker may send us: it has only acknowledgements for us.
const INCOMING_BYTES: u32 = 1 << 20;

/// Notices under way at once: records have the right of way.
const NOTICES_AT_ONCE: usize = 10;

/// An alarm that never rings: an event comes first, if only a ping.
const FAR_AWAY: Duration = Duration::from_secs(3600);

/// What all connections of a forwarder share.
pub(super) struct Context<O> {
    pub(super) settings: Settings,
    pub(super) outbox: Arc<O>,
    pub(super) board: Arc<Board>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: CancellationToken,
    /// All records through this one are acknowledged. The store writes it down lazily; this is always the latest.
    pub(super) acknowledged: AtomicU64,
    /// The highest record that was ever handed to a client: what is below goes out repeatedly.
    pub(super) published_through: AtomicU64,
}

/// What the supervisor sees of a connection.
#[derive(Debug, Default)]
pub(super) struct Vitals {
    /// Beats when the oldest open publish is settled; busy while something is open.
    pub(super) progress: Pulse,
    /// Set when CONNACK came.
    pub(super) connected: OnceLock<Instant>,
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
    window: Window,
    /// Most items in the window.
    limit: usize,
    /// Smaller than the limit after a refusal; doubles with each success.
    pace: usize,
    /// Largest packet that the broker takes.
    packet_max: usize,
    flow: Flow,
    hold: Backoff,
    /// Whether the board shows why records are held.
    is_holding: bool,
    notices_under_way: usize,
    next_notices: Instant,
}

/// Lives one connection. `Ok` after a stop, else why it ended.
pub(super) async fn run<O: Outbox>(
    context: Arc<Context<O>>,
    vitals: Arc<Vitals>,
) -> Result<(), Trouble> {
    vitals.progress.beat();
    let stop = context.stop.clone();
    let (transport, capabilities) = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        connected = connect(&context) => connected?,
    };
    let mut session = Session::new(context, vitals, transport, capabilities);
    session.greet()?;
    session.forward().await?;
    session.farewell().await
}

async fn connect<O>(context: &Context<O>) -> Result<(Transport, Capabilities), Trouble> {
    let (settings, connection) = (&context.settings, &context.settings.connection);
    let limit = settings.timing.connect;
    let password = connection
        .password()
        .map_err(|error| Trouble::new("settings", super::dial::with_causes(&error)))?;
    let stream = dial(connection, limit).await?;
    let opening = Opening {
        version: connection.version,
        client_id: connection.client_id.clone(),
        username: connection.username.clone(),
        password,
        will: Some(message::status(settings, "offline", context.clock.now(), true)),
        keep_alive: connection.keep_alive,
        patience: settings.timing.silence + limit,
        window: settings.window_records,
        incoming_max: INCOMING_BYTES,
        clean: true,
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
        transport: Transport,
        capabilities: Capabilities,
    ) -> Self {
        let (settings, timing) = (&context.settings, &context.settings.timing);
        let limit = usize::from(settings.window_records.min(capabilities.receive_maximum)).max(1);
        let told = capabilities.packet_max.and_then(|max| usize::try_from(max).ok());
        Self {
            capabilities,
            topics: [settings.topic("records"), settings.topic("findings")],
            supply: Supply::new(
                Arc::clone(&context.outbox),
                context.acknowledged.load(Ordering::Relaxed),
            ),
            window: Window::default(),
            limit,
            pace: limit,
            packet_max: settings.message_max.min(told.unwrap_or(usize::MAX)),
            flow: Flow::Open,
            hold: Backoff::new(timing.backoff_base, timing.backoff_cap),
            is_holding: false,
            notices_under_way: 0,
            next_notices: Instant::now(),
            context,
            vitals,
            transport,
        }
    }

    fn settings(&self) -> &Settings {
        &self.context.settings
    }

    /// CONNACK came: tell everybody.
    fn greet(&mut self) -> Result<(), Trouble> {
        let _first = self.vitals.connected.set(Instant::now());
        let now = self.context.clock.now();
        self.context.board.update_broker(|broker| {
            broker.connected = true;
            broker.problem = None;
            broker.since = Some(now);
            broker.next_attempt = None;
        });
        Metric::BrokerConnected.set(1.0, &[]);
        info!(broker = %self.settings().connection.address, window = self.limit, "connected to the broker");
        self.publish_status("online")
    }

    /// Forwards until the forwarder is stopped, or something goes wrong.
    async fn forward(&mut self) -> Result<(), Trouble> {
        let mut newest = self.context.outbox.newest();
        loop {
            self.fill().await?;
            self.offer_notices().await?;
            let latest = *newest.borrow_and_update();
            self.supply.read_ahead(latest, self.limit);
            self.show_inflight();
            let alarm = self.alarm();
            tokio::select! {
                () = self.context.stop.cancelled() => return Ok(()),
                event = self.transport.next() => self.hear_all(event?).await?,
                arrived = self.supply.arrive() => arrived?,
                changed = newest.changed() => changed.map_err(|_| {
                    Trouble::new("outbox", "the store has stopped")
                })?,
                () = sleep_until(alarm) => {}
            }
        }
    }

    /// When there is something to do without an event. What waits for an answer needs no alarm.
    fn alarm(&self) -> Instant {
        let never = Instant::now() + FAR_AWAY;
        let notices = if self.may_offer_notices() { self.next_notices } else { never };
        match self.flow {
            Flow::Waiting { until } => until.min(notices),
            Flow::Open | Flow::Draining => notices,
        }
    }

    fn may_offer_notices(&self) -> bool {
        self.notices_under_way == 0 && self.flow != Flow::Draining
    }

    async fn fill(&mut self) -> Result<(), Trouble> {
        if matches!(self.flow, Flow::Waiting { until } if until <= Instant::now()) {
            // One record finds out whether the others will be taken.
            self.flow = Flow::Open;
            self.pace = 1;
        }
        while self.flow == Flow::Open && self.has_room() {
            let Some(record) = self.supply.pop() else { break };
            self.offer(record).await?;
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.window.len() < self.limit.min(self.pace) && self.window.bytes() < WINDOW_BYTES
    }

    async fn offer(&mut self, record: Outgoing) -> Result<(), Trouble> {
        let version = self.settings().connection.version;
        let item = Item::Record { sequence: record.sequence, received_us: record.received_us };
        let message = message::record(&self.topics[0], record.payload, version);
        let bytes = message.packet_bytes(version);
        if bytes > self.packet_max {
            let reason = format!(
                "too large for the broker: {bytes} bytes as an MQTT message, {} are allowed (mqtt.message_max, and the broker's own limit)",
                self.packet_max
            );
            park(&self.context, record.sequence, &reason).await?;
            self.window.push_settled(item);
            self.advance();
            return Ok(());
        }
        let before = self.context.published_through.fetch_max(record.sequence, Ordering::Relaxed);
        if record.sequence <= before {
            Metric::Publish.add(1, &[("outcome", "repeated")]);
        }
        self.send(&message, item, bytes)
    }

    async fn offer_notices(&mut self) -> Result<(), Trouble> {
        if self.next_notices > Instant::now() || !self.may_offer_notices() {
            return Ok(());
        }
        self.next_notices = Instant::now() + self.settings().timing.notices;
        let room = self.limit.saturating_sub(self.window.len()).min(NOTICES_AT_ONCE);
        if room == 0 {
            return Ok(());
        }
        let notices = self.context.outbox.notices(room).await;
        for notice in notices.map_err(|error| outbox_trouble(&error))? {
            let message = message::notice(&self.topics[1], notice.payload);
            let bytes = message.packet_bytes(self.settings().connection.version);
            if bytes > self.packet_max {
                warn!(id = notice.id, bytes, "a notice is too large for the broker: it stays here");
                continue;
            }
            self.send(&message, Item::Notice(notice.id), bytes)?;
            self.notices_under_way += 1;
        }
        Ok(())
    }

    fn publish_status(&mut self, state: &str) -> Result<(), Trouble> {
        let (now, retain) = (self.context.clock.now(), self.capabilities.retain);
        let message = message::status(self.settings(), state, now, retain);
        let bytes = message.packet_bytes(self.settings().connection.version);
        self.send(&message, Item::Status, bytes)
    }

    fn send(&mut self, message: &Message, item: Item, bytes: usize) -> Result<(), Trouble> {
        if self.window.unanswered() == 0 {
            // From here on the watchdog counts.
            self.vitals.progress.beat();
        }
        self.transport.publish(message)?;
        fail_point::reached("published");
        self.window.push(item, bytes);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a window has far less than 2^52 items")]
    fn show_inflight(&self) {
        if self.window.unanswered() == 0 {
            self.vitals.progress.rest();
        }
        Metric::MqttInflight.set(self.window.unanswered() as f64, &[]);
    }

    /// What is under way may arrive; then the retained "offline", then DISCONNECT. When the time is over the
    /// connection is dropped without DISCONNECT, so that the broker publishes the will instead.
    async fn farewell(mut self) -> Result<(), Trouble> {
        let deadline = Instant::now() + self.settings().timing.stop;
        let last_words = async {
            self.settle_all().await?;
            self.publish_status("offline")?;
            self.settle_all().await
        };
        match timeout_at(deadline, last_words).await {
            Ok(said) => said?,
            Err(_) => return Ok(()),
        }
        // The rest is courtesy.
        let _said = timeout(self.context.settings.timing.stop, self.transport.disconnect()).await;
        Ok(())
    }

    async fn settle_all(&mut self) -> Result<(), Trouble> {
        while self.window.unanswered() > 0 {
            let event = self.transport.next().await?;
            self.hear(event).await?;
        }
        Ok(())
    }
}

/// The broker will never take a record: it stays here as a finding, and those behind it go on.
async fn park<O: Outbox>(context: &Context<O>, sequence: u64, reason: &str) -> Result<(), Trouble> {
    warn!(sequence, reason, "a record was parked");
    Metric::Publish.add(1, &[("outcome", "parked")]);
    context.outbox.park(sequence, reason).await.map_err(|error| outbox_trouble(&error))
}
