//! Brokers as they are set up in the field, and the words that help when they are not.

use serde_json::Value;
use tillgate_tests::broker::{Broker, BrokerOptions};
use tillgate_tests::certificates::Certificates;
use tillgate_tests::config;
use tillgate_tests::deadline::{eventually, within};
use tillgate_tests::gateway::Gateway;
use tillgate_tests::sales;
use tillgate_tests::site::{Site, write_secret};
use tillgate_tests::witness::Witness;

const TEST_SECONDS: u64 = 90;
const WAIT_SECONDS: u64 = 30;

/// Sells through a broker and proves that all arrives, with both versions of MQTT.
fn delivers(options: BrokerOptions) {
    within(TEST_SECONDS, move || {
        let broker = Broker::start(options);
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        let mut expected = 0;
        for version in [5, 3] {
            site.config.set("mqtt", "version", version);
            let mut gateway = site.start();
            let next = u64::from(expected) + 1;
            assert_eq!(site.terminal(0).sell_all(&sales::sales("01", next..next + 50)).status, 201);
            expected += 50_u32;
            witness.wait_for_events(expected as usize, WAIT_SECONDS);
            gateway.terminate();
        }
    });
}

/// What the daemon says of its broker while it is not connected, in the status and in the log.
fn complaint(site: &Site, gateway: &Gateway) -> String {
    let problem = eventually(WAIT_SECONDS, "a problem with the broker in the status", || {
        site.status()["broker"]["problem"].as_str().map(str::to_owned)
    });
    assert_eq!(site.status()["broker"]["connected"], false);
    let log = gateway.log();
    assert!(
        log.contains("level=warn") || log.contains("level=error"),
        "nothing in the log:\n{log}"
    );
    problem
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    let small = text.to_lowercase();
    for word in words {
        assert!(small.contains(&word.to_lowercase()), "{word:?} is not in: {text}");
    }
}

#[test]
fn plain() {
    delivers(BrokerOptions::default());
}

#[test]
fn tls_with_client_certificates() {
    delivers(BrokerOptions { tls: true, client_certificates: true, ..BrokerOptions::default() });
}

#[test]
fn tls_with_a_password() {
    delivers(BrokerOptions {
        tls: true,
        user: Some(("gw-1", "open sesame")),
        ..BrokerOptions::default()
    });
}

#[test]
fn a_wrong_password_is_named() {
    for version in [5, 3] {
        within(TEST_SECONDS, move || {
            let user = Some(("gw-1", "open sesame"));
            let broker = Broker::start(BrokerOptions { user, ..BrokerOptions::default() });
            let mut site = Site::with(&broker);
            site.config.set("mqtt", "version", version);
            write_secret(&site.folder().join("mqtt.password"), "open barley");
            let gateway = site.start();
            let problem = complaint(&site, &gateway);
            assert_says(&problem, &["password", "username"]);
            assert!(!gateway.log().contains("barley"), "the password is in the log");
        });
    }
}

#[test]
fn a_broker_of_another_authority_is_not_trusted() {
    within(TEST_SECONDS, || {
        let broker = Broker::start(BrokerOptions { tls: true, ..BrokerOptions::default() });
        let mut site = Site::with(&broker);
        let other = Certificates::make(&site.folder().join("other"));
        site.config.set("mqtt", "ca_file", config::path(&other.ca));
        let gateway = site.start();
        let problem = complaint(&site, &gateway);
        assert_says(&problem, &["certificate", "ca_file"]);
    });
}

#[test]
fn a_missing_client_certificate_is_named() {
    within(TEST_SECONDS, || {
        let options =
            BrokerOptions { tls: true, client_certificates: true, ..BrokerOptions::default() };
        let broker = Broker::start(options);
        let mut site = Site::with(&broker);
        site.config.unset("mqtt", "client_cert_file").unset("mqtt", "client_key_file");
        let gateway = site.start();
        let problem = complaint(&site, &gateway);
        assert_says(&problem, &["client_cert_file"]);
    });
}

#[test]
fn tls_against_a_plain_broker_is_named() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let mut site = Site::with(&broker);
        let authority = Certificates::make(&site.folder().join("any"));
        site.config.set("mqtt", "url", broker.url().replace("mqtt:", "mqtts:")).set(
            "mqtt",
            "ca_file",
            config::path(&authority.ca),
        );
        let gateway = site.start();
        assert_says(&complaint(&site, &gateway), &["tls"]);
    });
}

#[test]
fn a_dead_broker_is_named_and_found_again() {
    within(TEST_SECONDS, || {
        let mut broker = Broker::plain();
        let witness = Witness::of(&broker);
        broker.stop();
        let site = Site::with(&broker);
        let gateway = site.start();
        assert_eq!(site.terminal(0).sell_all(&sales::sales("01", 1..11)).status, 201);
        let problem = complaint(&site, &gateway);
        assert_says(&problem, &[&broker.port().to_string(), "listens", "mqtt.url"]);
        let ready: Value = site.get("/readyz", &[]).json();
        assert_eq!(site.get("/readyz", &[]).status, 200, "tills work without a broker: {ready}");

        broker.resume();
        witness.wait_for_events(10, WAIT_SECONDS);
        assert!(site.status()["broker"]["problem"].is_null(), "the problem is over");
    });
}

#[test]
fn an_unknown_host_is_named() {
    within(TEST_SECONDS, || {
        let site = Site::at("mqtt://broker.invalid:1883");
        let gateway = site.start();
        assert_says(&complaint(&site, &gateway), &["broker.invalid"]);
    });
}
