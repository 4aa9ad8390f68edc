//! The CRM's side of the broker: `mosquitto_sub` with a persistent session, so that another implementation of MQTT than
//! the gateway's own says what arrived.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::broker::Broker;
use crate::deadline::{eventually, until};
use crate::process::{Process, command};

/// What a broker has queued for the witness is with it by then.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(30);

/// A message as it arrived.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where it was published.
    pub topic: String,
    /// Whether the broker had kept it.
    pub retained: bool,
    /// The content.
    pub payload: Vec<u8>,
    /// The content as JSON; null where it is none.
    pub json: Value,
}

#[derive(Debug, Default)]
struct Seen {
    messages: Vec<Message>,
    event_ids: HashSet<String>,
}

/// Sees everything that a broker hands out below `tillgate/`.
#[derive(Debug)]
pub struct Witness {
    seen: Arc<Mutex<Seen>>,
    process: Process,
    _folder: TempDir,
}

impl Witness {
    /// Subscribes and waits until the broker knows it.
    ///
    /// # Panics
    ///
    /// When `mosquitto_sub` is missing or the broker refuses it.
    #[must_use]
    pub fn of(broker: &Broker) -> Self {
        let folder = TempDir::with_prefix("tillgate-witness-").expect("a temporary folder");
        let mut subscriber = command("mosquitto_sub");
        subscriber
            .args(["-V", "5", "-i", "witness", "-c", "-x", "86400", "-q", "1", "-t", "tillgate/#"])
            .args(["-F", "%r %t %x", "-h", "127.0.0.1", "-p", &broker.port().to_string()])
            .stdout(Stdio::piped());
        if broker.has_tls() {
            let certificates = broker.certificates();
            subscriber.arg("--cafile").arg(&certificates.ca);
            subscriber
                .arg("--cert")
                .arg(&certificates.client)
                .arg("--key")
                .arg(&certificates.client_key);
        }
        if let Some((name, password)) = broker.user() {
            subscriber.args(["-u", name, "-P", password]);
        }
        let already = subscriptions(broker);
        let mut process = Process::start(subscriber, &folder.path().join("log"));
        let seen = Arc::new(Mutex::new(Seen::default()));
        listen(&mut process, Arc::clone(&seen));
        until(10, "the witness has subscribed", || {
            assert!(process.ended().is_none(), "the witness ended: {}", process.log());
            subscriptions(broker) > already
        });
        Self { seen, process, _folder: folder }
    }

    /// All messages so far, in the order of their arrival.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        held(&self.seen).messages.clone()
    }

    /// All messages so far whose topic ends with this.
    #[must_use]
    pub fn messages_on(&self, topic_end: &str) -> Vec<Message> {
        held(&self.seen)
            .messages
            .iter()
            .filter(|message| message.topic.ends_with(topic_end))
            .cloned()
            .collect()
    }

    /// All events so far, repeats too, in the order of their arrival.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.messages_on("/records").into_iter().map(|message| message.json).collect()
    }

    /// Different events so far.
    #[must_use]
    pub fn event_count(&self) -> usize {
        held(&self.seen).event_ids.len()
    }

    /// Waits for so many different events and proves that they are whole; gives them in order.
    ///
    /// # Panics
    ///
    /// When they do not come in time, or are not whole.
    #[track_caller]
    pub fn wait_for_events(&self, count: usize, seconds: u64) -> Vec<Value> {
        until(seconds, &format!("{count} events at the broker"), || self.event_count() >= count);
        let events = self.whole_events();
        assert_eq!(events.len(), count, "different events at the broker");
        events
    }

    /// Waits for a message on a topic that ends so and whose JSON fits.
    ///
    /// # Panics
    ///
    /// When it does not come in time.
    #[track_caller]
    pub fn wait_for_message(
        &self,
        topic_end: &str,
        seconds: u64,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        eventually(seconds, &format!("a message on …{topic_end} that fits"), || {
            self.messages_on(topic_end).into_iter().map(|message| message.json).find(&fits)
        })
    }

    /// The promise of the way out: numbered from 1 without gaps, first deliveries in order, a repeat word for word the
    /// same. Gives the first delivery of each event.
    ///
    /// # Panics
    ///
    /// When the promise is broken.
    #[must_use]
    #[track_caller]
    pub fn whole_events(&self) -> Vec<Value> {
        let messages = self.messages_on("/records");
        let mut by_id: HashMap<String, &[u8]> = HashMap::new();
        for message in &messages {
            let event = &message.json;
            let id = text(&event["id"]).to_owned();
            let before = by_id.entry(id).or_insert(&message.payload);
            assert!(
                *before == message.payload,
                "a repeat differs from its first delivery: {event}"
            );
            assert!(!message.retained, "a record must never be retained: {event}");
        }
        let first = first_deliveries(&self.events());
        for (event, sequence) in first.iter().zip(1_u64..) {
            assert_eq!(
                event["sequence"],
                sequence.to_string(),
                "first deliveries run 1, 2, 3 … without a gap"
            );
        }
        first
    }

    /// Waits until everything that the broker has taken so far has arrived here.
    ///
    /// # Panics
    ///
    /// When it does not arrive in time.
    #[track_caller]
    pub fn catch_up(&self, broker: &Broker, marker: &str) {
        let topic = format!("tillgate/marker/{marker}");
        let end = Instant::now() + CAUGHT_UP_WITHIN;
        // A session has its messages in order: what was queued before a marker arrives before it. A broker that has
        // just forgotten the session forgets the marker, too.
        while self.messages_on(&topic).is_empty() {
            let (said, broker_said) = (self.log(), broker.log());
            assert!(Instant::now() < end, "the witness does not hear:\n{said}\n{broker_said}");
            broker.publish(&topic);
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// What `mosquitto_sub` said.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// The first delivery of each id, in the order of arrival.
#[must_use]
pub fn first_deliveries(events: &[Value]) -> Vec<Value> {
    let mut known = HashSet::new();
    events.iter().filter(|event| known.insert(text(&event["id"]).to_owned())).cloned().collect()
}

/// Text of a JSON value that has to be text.
///
/// # Panics
///
/// When it is none.
#[must_use]
#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("expected text, found {value}"))
}

fn subscriptions(broker: &Broker) -> usize {
    broker.log().matches("witness 1 tillgate/#").count()
}

fn listen(process: &mut Process, seen: Arc<Mutex<Seen>>) {
    let lines = BufReader::new(process.stdout().expect("a piped standard output")).lines();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let message = parse(&line);
            let mut seen = held(&seen);
            if message.topic.ends_with("/records") {
                seen.event_ids.extend(message.json["id"].as_str().map(str::to_owned));
            }
            seen.messages.push(message);
        }
    });
}

/// `retained topic payload-in-hex`.
fn parse(line: &str) -> Message {
    let mut parts = line.splitn(3, ' ');
    let retained = parts.next() == Some("1");
    let topic = parts.next().unwrap_or_default().to_owned();
    let payload = hex::decode(parts.next().unwrap_or_default()).unwrap_or_default();
    let json = serde_json::from_slice(&payload).unwrap_or_default();
    Message { topic, retained, payload, json }
}

fn held(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
