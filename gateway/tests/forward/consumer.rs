//! The receiver against brokers that refuse, forget and fall silent.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tillgate::forward::ledger::Odd;
use tillgate::forward::{Consumer, Ledger, TailSettings, Version, consume};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::broker::{Broker, Connack, Script, Suback};
use crate::gateway::{settings, until};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

/// Keeps nothing but why connections ended.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Vec<String>>>);

impl Witness {
    fn heard(&self, part: &str) -> bool {
        self.0.lock().unwrap().iter().any(|problem| problem.contains(part))
    }
}

impl Consumer for Witness {
    type Error = Infallible;

    fn record(&mut self, _: &[u8]) -> Result<bool, Infallible> {
        Ok(true)
    }

    fn keep(&mut self, _: &Ledger) -> Result<(), Infallible> {
        Ok(())
    }

    fn odd(&mut self, _: &Odd) {}

    fn lost_records(&mut self, _: u64) {}

    fn connected(&mut self) {}

    fn lost(&mut self, problem: &str, _: Duration) {
        self.0.lock().unwrap().push(problem.to_owned());
    }
}

fn receive(version: Version, broker: &Broker, ledger: Ledger) -> (Witness, AbortOnDropHandle<()>) {
    let settings = settings(version, broker.port);
    let kept = TailSettings {
        timing: settings.timing.clone(),
        clean: false,
        ..TailSettings::all_records(settings.connection)
    };
    let mut witness = Witness::default();
    let taking = witness.clone();
    let task = tokio::spawn(async move {
        consume(kept, ledger, &mut witness, CancellationToken::new()).await.unwrap();
    });
    (taking, AbortOnDropHandle::new(task))
}

/// The flag of CONNECT: the broker is to forget the session (MQTT 5, 3.1.2.4; behind name and version of the protocol).
fn is_clean(connect: &[u8]) -> bool {
    connect[7] & 2 != 0
}

#[tokio::test]
async fn a_session_whose_subscription_was_refused_is_forgotten() {
    for version in BOTH {
        let broker = Broker::start(version, |connection| {
            let connack = Connack { session_present: connection > 1, ..Connack::default() };
            let suback = if connection == 0 { Suback::Refused } else { Suback::Granted(None) };
            Script::good().with_connack(connack).with_suback(suback)
        })
        .await;
        let (witness, _receiver) = receive(version, &broker, Ledger::default());
        until("three connections", || broker.seen().connects.len() == 3).await;
        assert!(witness.heard("does not let us read"));
        let clean: Vec<bool> =
            broker.seen().connect_packets.iter().map(|connect| is_clean(connect)).collect();
        assert_eq!(clean, [false, true, false]);
    }
}

#[tokio::test]
async fn a_session_that_could_not_be_forgotten_is_not_trusted() {
    for version in BOTH {
        let broker = Broker::start(version, |connection| match connection {
            0 => Script::good().with_suback(Suback::Refused),
            1 => Script::good().without_connack(),
            _ => Script::good(),
        })
        .await;
        let (_witness, _receiver) = receive(version, &broker, Ledger::default());
        until("two subscriptions", || broker.seen().subscriptions.len() == 2).await;
        let clean: Vec<bool> =
            broker.seen().connect_packets.iter().map(|connect| is_clean(connect)).collect();
        assert_eq!(clean, [false, true, true, false]);
    }
}

#[tokio::test]
async fn a_broker_that_answers_no_receipt_is_left() {
    for version in BOTH {
        let broker = Broker::start(version, |_| Script::answer(|_| Vec::new())).await;
        let book = r#"{"/acme/0042/gw-1":{"1":{"seen":[[1,4]]}}}"#;
        let ledger = serde_json::from_str(book).unwrap();
        let (witness, _receiver) = receive(version, &broker, ledger);
        until("another connection", || broker.seen().connects.len() > 1).await;
        assert!(witness.heard("did not acknowledge it"));
    }
}

/// By itself the client of MQTT 5 would refuse each receipt there, and say nothing.
#[tokio::test]
async fn receipts_go_out_on_a_session_that_the_broker_kept() {
    for version in BOTH {
        let connack = Connack { session_present: true, ..Connack::default() };
        let broker = Broker::start(version, move |_| Script::good().with_connack(connack)).await;
        let book = r#"{"/acme/0042/gw-1":{"1":{"seen":[[1,4]]}}}"#;
        let (_witness, _receiver) = receive(version, &broker, serde_json::from_str(book).unwrap());
        until("a receipt", || !broker.seen().publishes.is_empty()).await;
        assert_eq!(broker.seen().publishes[0].payload, br#"{"incarnation":1,"through":4}"#);
        assert_eq!(broker.seen().connects.len(), 1);
    }
}
