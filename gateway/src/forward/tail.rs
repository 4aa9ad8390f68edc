//! Records as they arrive at the broker: what `tillgate tail` and the demo's table show.

use std::ops::ControlFlow;
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::{Instant, sleep, timeout};

use super::backoff::Backoff;
use super::dial::{Network, dial, with_causes};
use super::settings::{Connection, Timing};
use super::transport::{Event, Opening, Received, Transport};
use super::trouble::Trouble;

/// All records of all gateways.
pub const ALL_RECORDS: &str = "tillgate/v1/+/+/+/records";

/// Largest packet that is taken.
const INCOMING_BYTES: u32 = 16 << 20;

/// Messages that the client holds for us at most; it only answers for them.
const WINDOW: u16 = 100;

/// The reason of a trouble: the broker did not grant our subscription.
pub(super) const SUBSCRIPTION_REFUSED: &str = "subscription_refused";

/// What to listen to.
#[derive(Debug, Clone)]
pub struct TailSettings {
    /// How to get to the broker.
    pub connection: Connection,
    /// Which topics: [`ALL_RECORDS`], or others.
    pub topic_filter: String,
    /// Whether the broker forgets us in between. If not, it keeps what comes while we are away.
    pub clean: bool,
    /// Waits and limits in time.
    pub timing: Timing,
}

impl TailSettings {
    /// All records of all gateways from now on.
    #[must_use]
    pub fn all_records(connection: Connection) -> Self {
        Self {
            connection,
            topic_filter: ALL_RECORDS.to_owned(),
            clean: true,
            timing: Timing::default(),
        }
    }
}

/// What happens while tailing.
#[derive(Debug)]
pub enum TailEvent<'a> {
    /// The broker sends from now on.
    Subscribed,
    /// The content of one message.
    Message(&'a [u8]),
    /// The connection ended, or never began: the words say why. Another attempt follows after the wait.
    Lost {
        /// What is wrong and what to do.
        problem: &'a str,
        /// When the next attempt is made.
        retry_in: Duration,
    },
}

/// Hands over messages until told to stop. Connects again for ever. To end it from outside, drop it.
pub async fn tail(
    settings: TailSettings,
    mut on_event: impl FnMut(TailEvent<'_>) -> ControlFlow<()>,
) {
    let timing = &settings.timing;
    let mut backoff = Backoff::new(timing.backoff_base, timing.backoff_cap);
    loop {
        let begun = Instant::now();
        let Err(trouble) = listen(&settings, &mut on_event).await else { return };
        if begun.elapsed() >= timing.stable {
            backoff.reset();
        }
        let floor = timing.connect_floor.saturating_sub(begun.elapsed());
        let retry_in = backoff.next(rand::random()).max(floor);
        if on_event(TailEvent::Lost { problem: &trouble.words, retry_in }).is_break() {
            return;
        }
        sleep(retry_in).await;
    }
}

/// One connection. `Ok` when there is to be no other.
async fn listen(
    settings: &TailSettings,
    on_event: &mut impl FnMut(TailEvent<'_>) -> ControlFlow<()>,
) -> Result<(), Trouble> {
    let mut transport = open(settings, false).await?;
    let early = subscribed(settings, &mut transport).await?;
    let mut goes_on = on_event(TailEvent::Subscribed);
    for message in early {
        if goes_on.is_continue() {
            goes_on = on_event(TailEvent::Message(&message.payload));
        }
    }
    while goes_on.is_continue() {
        if let Event::Received(message) = transport.next().await? {
            goes_on = on_event(TailEvent::Message(&message.payload));
        }
    }
    let _said = timeout(settings.timing.connect, transport.disconnect()).await;
    Ok(())
}

/// Waits for CONNACK, and subscribes unless the broker kept the session with its subscription. Gives the messages that
/// came before the answer; the broker's limit on what is under way bounds them.
pub(super) async fn subscribed(
    settings: &TailSettings,
    transport: &mut Transport,
) -> Result<Vec<Received>, Trouble> {
    let limit = settings.timing.connect;
    let capabilities =
        transport.connack(limit).await.map_err(|trouble| trouble.of_login(&settings.connection))?;
    let mut early = Vec::new();
    if capabilities.session_present {
        return Ok(early);
    }
    transport.subscribe(&settings.topic_filter)?;
    loop {
        match timeout(limit, transport.next()).await.unwrap_or_else(|_| Err(no_suback()))? {
            Event::Subscribed { granted: true } => return Ok(early),
            Event::Subscribed { granted: false } => {
                let words = format!("the broker does not let us read {}", settings.topic_filter);
                return Err(Trouble::new(SUBSCRIPTION_REFUSED, words));
            }
            Event::Received(message) => early.push(message),
            _ => {}
        }
    }
}

/// Has the broker forget our session. It keeps one whose subscription it refused, too, which would get nothing for
/// ever.
pub(super) async fn forget_session(settings: &TailSettings) -> Result<(), Trouble> {
    let settings = TailSettings { clean: true, ..settings.clone() };
    let mut transport = open(&settings, true).await?;
    transport.connack(settings.timing.connect).await?;
    let _said = timeout(settings.timing.connect, transport.disconnect()).await;
    Ok(())
}

fn no_suback() -> Trouble {
    Trouble::new("no_suback", "the broker did not answer our subscription: is it overloaded?")
}

/// Opens a connection. Who acknowledges itself says when a message is safe here.
pub(super) async fn open(
    settings: &TailSettings,
    acknowledges: bool,
) -> Result<Transport, Trouble> {
    let (connection, timing) = (&settings.connection, &settings.timing);
    let password: Option<SecretString> =
        connection.password().map_err(|error| Trouble::new("settings", with_causes(&error)))?;
    let stream = dial(&Network, connection, timing.connect).await?;
    let opening = Opening {
        version: connection.version,
        client_id: connection.client_id.clone(),
        username: connection.username.clone(),
        password,
        will: None,
        keep_alive: connection.keep_alive,
        patience: timing.unanswered + timing.connect,
        window: WINDOW,
        incoming_max: INCOMING_BYTES,
        clean: settings.clean,
        acknowledges,
    };
    Transport::open(&opening, stream)
}
