//! The MQTT client behind six calls: open, publish, subscribe, acknowledge, next event, disconnect.
//!
//! The client is a transport that may forget everything at any time. One transport is one connection: it is given
//! a stream that is connected already, and cannot connect a second time, so nothing of an old connection is ever
//! sent, or heard, on a new one. The two adapters ([`v3`], [`v5`]) are all that knows the client crate.

mod resumed;
mod v3;
mod v5;

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use secrecy::SecretString;
use tokio::time::timeout;

use super::dial::Stream;
use super::settings::Version;
use super::trouble::Trouble;

/// Publishes that are written before the next flush, at most.
const WRITE_BATCH: usize = 64;

/// Packets that are read at once. The client throws away the answers of a read that ends in an error: with one
/// packet a read, a PUBACK that comes together with the end of the connection still counts.
const READ_BATCH: usize = 1;

/// What a connection is opened with.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) version: Version,
    pub(super) client_id: String,
    pub(super) username: Option<String>,
    pub(super) password: Option<SecretString>,
    pub(super) will: Option<Message>,
    pub(super) keep_alive: Duration,
    /// Limit of the steps in which the client waits by itself.
    pub(super) patience: Duration,
    /// Most messages under way at once.
    pub(super) window: u16,
    /// Largest packet that is taken from the broker.
    pub(super) incoming_max: u32,
    /// Whether the broker forgets the session of an earlier connection.
    pub(super) clean: bool,
    /// Whether we acknowledge what we receive ourselves, with [`Transport::acknowledge`].
    pub(super) acknowledges: bool,
}

impl Opening {
    /// Packet ids go round over five windows, so that a late answer never meets a new publish with its id.
    fn inflight_limit(&self) -> u16 {
        self.window.saturating_mul(5).max(1)
    }

    /// Publishes that wait for the client, and room for a subscription.
    fn channel(&self) -> usize {
        usize::from(self.window) * 2 + 8
    }
}

/// Something to publish with QoS 1.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) retain: bool,
    /// MQTT 5 only.
    pub(super) content_type: Option<&'static str>,
}

/// What the broker can do: from its CONNACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// Publishes that it takes at once.
    pub(super) receive_maximum: u16,
    /// Largest packet that it takes.
    pub(super) packet_max: Option<u32>,
    /// Whether it keeps retained messages.
    pub(super) retain: bool,
    /// Whether it knows QoS 1.
    pub(super) at_least_once: bool,
    /// Whether it kept the session of an earlier connection.
    pub(super) session_present: bool,
}

/// What the broker says to a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It has it.
    Success,
    /// It has it and knows nobody who wants it (0x10).
    NoSubscriber,
    /// Not now (0x80, 0x83, 0x97).
    TryLater(&'static str),
    /// Not from us (0x87).
    NotAuthorized,
    /// Never: topic or payload are wrong (0x90, 0x99).
    Never(&'static str),
    /// Its idea of our packet ids differs from ours (0x91).
    IdInUse,
}

/// What happened on the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// CONNACK.
    Connected(Capabilities),
    /// The next publish was put on the wire, under this packet id.
    Sent(u16),
    /// PUBACK.
    Acknowledged(u16, Reason),
    /// SUBACK.
    Subscribed {
        /// Whether the broker agreed.
        granted: bool,
    },
    /// A message from the broker.
    Received(Received),
    /// UNSUBACK: the answer to [`Transport::ask_for_life`].
    Alive,
    /// Pings and the like.
    Other,
}

/// A message from the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Received {
    /// Where it was published.
    pub(super) topic: String,
    /// The content.
    pub(super) payload: Bytes,
    /// Its packet id, for the acknowledgement.
    id: u16,
}

/// One connection.
pub(super) struct Transport {
    client: Client,
    events: BoxStream<'static, Result<Event, Trouble>>,
}

enum Client {
    V3(v3::Client),
    V5(v5::Client),
}

impl Transport {
    /// Begins MQTT on a stream. CONNACK comes as the first event.
    pub(super) fn open(opening: &Opening, stream: Stream) -> Result<Self, Trouble> {
        let refused = |error: &dyn std::error::Error| {
            Trouble::new("client", format!("our MQTT client does not take its settings: {error}"))
        };
        Ok(match opening.version {
            Version::V3 => {
                let (client, events) =
                    v3::open(opening, stream).map_err(|error| refused(&error))?;
                Self { client: Client::V3(client), events: events.boxed() }
            }
            Version::V5 => {
                let (client, events) =
                    v5::open(opening, stream).map_err(|error| refused(&error))?;
                Self { client: Client::V5(client), events: events.boxed() }
            }
        })
    }

    /// Hands a message to the client. Its packet id comes with [`Event::Sent`], in the order of these calls.
    pub(super) fn publish(&self, message: &Message) -> Result<(), Trouble> {
        match &self.client {
            Client::V3(client) => v3::publish(client, message).map_err(|error| error.to_string()),
            Client::V5(client) => v5::publish(client, message).map_err(|error| error.to_string()),
        }
        .map_err(|error| {
            Trouble::new("client", format!("our MQTT client took no publish: {error}"))
        })
    }

    /// Asks for messages, with QoS 1.
    pub(super) fn subscribe(&self, filter: &str) -> Result<(), Trouble> {
        match &self.client {
            Client::V3(client) => v3::subscribe(client, filter).map_err(|error| error.to_string()),
            Client::V5(client) => v5::subscribe(client, filter).map_err(|error| error.to_string()),
        }
        .map_err(|error| {
            Trouble::new("client", format!("our MQTT client took no subscription: {error}"))
        })
    }

    /// Asks for something that every broker answers at once, whatever it does with our publishes: the end of a
    /// subscription that there never was (MQTT 5, 3.10.4; MQTT 3.1.1, 3.10.4). The client sends its pings by itself,
    /// and only after long.
    pub(super) fn ask_for_life(&self, never_subscribed: &str) -> Result<(), Trouble> {
        match &self.client {
            Client::V3(client) => {
                v3::unsubscribe(client, never_subscribed).map_err(|error| error.to_string())
            }
            Client::V5(client) => {
                v5::unsubscribe(client, never_subscribed).map_err(|error| error.to_string())
            }
        }
        .map_err(|error| {
            Trouble::new("client", format!("our MQTT client took no request: {error}"))
        })
    }

    /// Tells the broker that we have a message. To be done in the order of their arrival (MQTT 5, 4.6). `false`: not
    /// now, the client has too much in hand; again after the next event.
    pub(super) fn acknowledge(&self, message: &Received) -> bool {
        match &self.client {
            Client::V3(client) => v3::acknowledge(client, message.id).is_ok(),
            Client::V5(client) => v5::acknowledge(client, message.id).is_ok(),
        }
    }

    /// The next event. May be dropped while it waits: the client's state lives in the stream.
    pub(super) async fn next(&mut self) -> Result<Event, Trouble> {
        self.events.next().await.unwrap_or_else(|| Err(Trouble::closed()))
    }

    /// Waits for CONNACK.
    pub(super) async fn connack(&mut self, limit: Duration) -> Result<Capabilities, Trouble> {
        let first = timeout(limit, async {
            loop {
                if let Event::Connected(capabilities) = self.next().await? {
                    return Ok(capabilities);
                }
            }
        });
        let answer = first.await.unwrap_or_else(|_| Err(Trouble::no_connack(limit.as_secs())));
        let hint =
            "before it answered CONNECT: does it expect TLS (mqtts://), or another mqtt.version?";
        answer.map_err(|trouble| trouble.hint_if_cut(hint))
    }

    /// Sends DISCONNECT, which keeps the broker from publishing the will.
    pub(super) async fn disconnect(mut self) {
        let asked = match &self.client {
            Client::V3(client) => client.try_disconnect_now().is_ok(),
            Client::V5(client) => client.try_disconnect_now().is_ok(),
        };
        // The stream ends when DISCONNECT is written.
        while asked && self.next().await.is_ok() {}
    }
}

/// A stream that can be taken once: the client has no second connection.
struct Once(Mutex<Option<Stream>>);

impl Once {
    fn new(stream: Stream) -> Self {
        Self(Mutex::new(Some(stream)))
    }

    fn take(&self) -> io::Result<Stream> {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        stream.ok_or_else(|| io::Error::other("one client, one connection"))
    }
}
