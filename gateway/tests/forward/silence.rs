//! A broker that is silent, with the waits of a store on tokio's paused clock: one that stopped is left within ten
//! seconds, one that is slow is not left at all. Each test runs for both MQTT versions.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tillgate::forward::{Connection, Dial, Stream, Timing, Trouble, Version};
use tokio::io::duplex;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::broker::{Act, Broker, Script};
use crate::gateway::{Gateway, MemoryOutbox, settings};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

/// Nothing may hang for longer.
const LIMIT: Duration = Duration::from_secs(10);

/// The way to a broker without a network, of lines that hold so many bytes.
struct Lines {
    bytes: usize,
    calls: mpsc::UnboundedSender<Stream>,
}

impl Dial for Lines {
    fn dial<'a>(
        &'a self,
        _: &'a Connection,
        _: Duration,
    ) -> BoxFuture<'a, Result<Stream, Trouble>> {
        let (ours, theirs) = duplex(self.bytes);
        self.calls.send(Box::new(theirs)).unwrap();
        ready(Ok(Box::new(ours) as Stream)).boxed()
    }
}

fn start(
    version: Version,
    bytes: usize,
    outbox: &MemoryOutbox,
    script: impl Fn(usize) -> Script + Send + Sync + 'static,
) -> (Broker, Gateway) {
    let (calls, called) = mpsc::unbounded_channel();
    let broker = Broker::serving(called, version, script);
    let mut settings = settings(version, broker.port);
    settings.timing = Timing::default();
    (broker, Gateway::start_on(Arc::new(Lines { bytes, calls }), settings, outbox))
}

/// Waits in simulated time.
async fn until(what: &str, limit: Duration, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < limit, "waited too long for {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// The first connection goes by the script until record 3 comes; then the broker does this.
fn at_record_3(act: Act) -> impl Fn(usize) -> Script + Send + Sync + 'static {
    move |connection| {
        let act = act.clone();
        Script::answer(move |publish| match (connection, publish.sequence()) {
            (0, Some(3..)) => vec![act.clone()],
            _ => vec![Act::Ack(publish.id)],
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_stops_reading_is_left_within_ten_seconds() {
    // What fits into the line's buffer, and what the client waits for in the middle of a write.
    for (version, record_bytes) in
        BOTH.into_iter().flat_map(|version| [(version, 20), (version, 64 << 10)])
    {
        let outbox = MemoryOutbox::with_records(40, record_bytes);
        let (broker, gateway) = start(version, 256 << 10, &outbox, at_record_3(Act::StopReading));
        until("the trouble", LIMIT, || gateway.board.broker().problem.is_some()).await;
        let problem = gateway.board.broker().problem.unwrap_or_default();
        assert!(problem.starts_with("nothing came from the broker for 8 s"), "{problem}");
        until("all records", LIMIT, || outbox.through() == 40).await;
        assert_eq!(broker.seen().connects.len(), 2);
        assert!(broker.seen().first_arrivals().into_iter().eq(1..=40));
    }
}

#[tokio::test(start_paused = true)]
async fn new_records_are_no_sign_of_life() {
    for version in BOTH {
        let outbox = MemoryOutbox::with_records(3, 20);
        let (_broker, gateway) = start(version, 1 << 20, &outbox, at_record_3(Act::StopReading));
        until("two records", LIMIT, || outbox.through() == 2).await;
        let begun = Instant::now();
        while gateway.board.broker().reconnects == 0 {
            assert!(begun.elapsed() < LIMIT, "not noticed");
            outbox.add(20);
            sleep(Duration::from_millis(500)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_slow_with_its_answers_is_not_left() {
    for version in BOTH {
        let outbox = MemoryOutbox::with_records(30, 20);
        let (broker, _gateway) = start(version, 64 << 10, &outbox, |_| {
            Script::answer(|publish| vec![Act::AckLater(publish.id, Duration::from_secs(25))])
        });
        until("all records", Duration::from_secs(300), || outbox.through() == 30).await;
        assert_eq!(broker.seen().connects.len(), 1);
        assert!(broker.seen().unsubscribes >= 5, "it was asked for a sign of life");
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_takes_a_minute_for_a_record_is_not_left() {
    for version in BOTH {
        let outbox = MemoryOutbox::with_records(2, 60 << 10);
        let (broker, _gateway) = start(version, 4096, &outbox, |_| {
            let mut script = Script::good();
            script.slow_line = Some((1024, Duration::from_secs(1)));
            script
        });
        until("all records", Duration::from_secs(300), || outbox.through() == 2).await;
        assert_eq!(broker.seen().connects.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_a_living_broker_never_answers_ends_the_connection_after_half_a_minute() {
    for version in BOTH {
        let outbox = MemoryOutbox::with_records(40, 20);
        let (broker, gateway) = start(version, 64 << 10, &outbox, |connection| {
            Script::answer(move |publish| match (connection, publish.sequence()) {
                (0, Some(3)) => vec![],
                _ => vec![Act::Ack(publish.id)],
            })
        });
        let trouble = || gateway.board.broker().problem;
        until("the trouble", Duration::from_secs(40), || trouble().is_some()).await;
        let problem = trouble().unwrap_or_default();
        assert!(problem.contains("did not acknowledge it for 30 s"), "{problem}");
        until("all records", LIMIT, || outbox.through() == 40).await;
        assert_eq!(broker.seen().connects.len(), 2);
    }
}
