//! The tools of these tests, tried without the gateway: a test that sees nothing because its witness is blind would
//! pass for the wrong reason.

use std::fs::{self, File};
use std::io::Read;
use std::process::Command;

use serde_json::json;
use tillgate_tests::broker::{Broker, BrokerOptions};
use tillgate_tests::deadline::{until, within};
use tillgate_tests::lane::Line;
use tillgate_tests::process::run_tool;
use tillgate_tests::witness::Witness;

fn publish(broker: &Broker, sequence: u32) {
    let event = json!({ "id": format!("id-{sequence}"), "sequence": sequence.to_string() });
    let mut arguments =
        vec!["-V", "5", "-q", "1", "-h", "127.0.0.1", "-t", "tillgate/v1/a/b/c/records"];
    let (port, payload) = (broker.port().to_string(), event.to_string());
    arguments.extend(["-p", &port, "-m", &payload]);
    let tls = broker.has_tls().then(|| broker.certificates());
    for (flag, file) in tls.iter().flat_map(|certificates| {
        [
            ("--cafile", &certificates.ca),
            ("--cert", &certificates.client),
            ("--key", &certificates.client_key),
        ]
    }) {
        arguments.extend([flag, file.to_str().unwrap_or_default()]);
    }
    if let Some((name, password)) = broker.user() {
        arguments.extend(["-u", name, "-P", password]);
    }
    run_tool("mosquitto_pub", &arguments);
}

#[test]
fn a_witness_sees_each_event_once_across_restarts_of_the_broker() {
    within(60, || {
        let mut broker = Broker::plain();
        let witness = Witness::of(&broker);
        publish(&broker, 1);
        publish(&broker, 1);
        broker.restart();
        publish(&broker, 2);
        let events = witness.wait_for_events(2, 20);
        assert_eq!(events[1]["id"], "id-2");
        assert!(witness.events().len() >= 3, "the repeat is seen, too");
    });
}

#[test]
fn a_broker_asks_for_certificates_and_passwords() {
    within(60, || {
        let options = BrokerOptions {
            tls: true,
            client_certificates: true,
            user: Some(("gw-1", "open sesame")),
            ..BrokerOptions::default()
        };
        let broker = Broker::start(options);
        let witness = Witness::of(&broker);
        publish(&broker, 1);
        witness.wait_for_events(1, 20);

        let authority = broker.certificates().ca.to_str().unwrap();
        let port = broker.port().to_string();
        let without = ["-h", "127.0.0.1", "-p", &port, "--cafile", authority, "-t", "a", "-m", "b"];
        let refused = Command::new("mosquitto_pub").args(without).output().unwrap();
        assert!(!refused.status.success(), "no certificate and no password, and yet let in");
    });
}

#[test]
#[should_panic(expected = "1, 2, 3")]
fn a_witness_notices_a_gap() {
    within(30, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        publish(&broker, 1);
        publish(&broker, 3);
        witness.wait_for_events(2, 20);
    });
}

#[test]
fn a_line_carries_every_byte_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("scanner");
    let mut line = Line::open(&link);
    let mut port = File::open(&link).unwrap();
    let all: Vec<u8> = (0..=255).collect();
    line.send(&all);
    let mut read = vec![0; all.len()];
    port.read_exact(&mut read).unwrap();
    assert_eq!(read, all);
    let link = line.unplug();
    until(5, "the link is gone", || fs::symlink_metadata(&link).is_err());
}

#[test]
#[should_panic(expected = "within 1 seconds")]
fn a_test_that_hangs_is_ended() {
    within(1, || std::thread::sleep(std::time::Duration::from_secs(3)));
}
