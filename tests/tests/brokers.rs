//! Brokers as they are set up in the field, and the words that help when they are not.

use std::time::Duration;

use serde_json::Value;
use tillgate_tests::broker::{Broker, BrokerOptions};
use tillgate_tests::certificates::Certificates;
use tillgate_tests::config;
use tillgate_tests::deadline::{eventually, until, within};
use tillgate_tests::gateway::Gateway;
use tillgate_tests::receiver::Receiver;
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

/// Sells a range of sales at the first terminal.
#[track_caller]
fn sell(site: &Site, range: std::ops::Range<u64>) {
    assert_eq!(site.terminal(0).sell_all(&sales::sales("01", range)).status, 201);
}

fn outbox(site: &Site, key: &str) -> Option<u64> {
    site.status()["outbox"][key].as_u64()
}

/// A broker that keeps nothing, killed after it acknowledged while the receiver was away: what it lost in the middle is
/// found by its gap, what it lost at the end by the silence of the CRM.
#[test]
fn what_a_broker_acknowledged_and_lost_is_sent_again_until_the_crm_has_it() {
    within(TEST_SECONDS, || {
        let forgetful = BrokerOptions { forgetful: true, ..BrokerOptions::default() };
        let mut broker = Broker::start(forgetful);
        let mut receiver = Receiver::of(&broker);
        let mut site = Site::with(&broker);
        site.config.set("mqtt", "confirm", "receipt");
        let _gateway = site.start();
        sell(&site, 1..101);
        until(WAIT_SECONDS, "first receipts", || outbox(&site, "confirmed") == Some(100));

        receiver.stop();
        sell(&site, 101..301);
        until(WAIT_SECONDS, "acknowledgements", || outbox(&site, "acknowledged") == Some(300));
        broker.kill();
        assert_eq!(outbox(&site, "confirmed"), Some(100));
        broker.resume();
        sell(&site, 301..311);
        receiver.resume();
        until(WAIT_SECONDS, "all receipts", || outbox(&site, "confirmed") == Some(310));
        assert_eq!(receiver.event_count(), 310);

        // Nothing comes behind these, so nobody sees a gap.
        receiver.kill();
        sell(&site, 311..331);
        until(WAIT_SECONDS, "acknowledgements", || outbox(&site, "acknowledged") == Some(330));
        broker.kill();
        broker.resume();
        receiver.resume();
        until(60, "the last receipts", || outbox(&site, "confirmed") == Some(330));
        assert_eq!(receiver.event_count(), 330);
        assert_eq!(receiver.events().len(), 330, "each once");
    });
}

#[test]
fn a_record_that_is_too_large_leaves_a_word_in_its_place_and_receipts_go_on() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let receiver = Receiver::of(&broker);
        let mut site = Site::with(&broker);
        site.config.set("mqtt", "confirm", "receipt").set("mqtt", "message_max", "8 KiB");
        let _gateway = site.start();
        let mut large = sales::sale("01", 2);
        large["lines"][0]["description"] = "x".repeat(9000).into();
        assert_eq!(site.terminal(0).sell(&sales::sale("01", 1)).status, 201);
        assert_eq!(site.terminal(0).sell(&large).status, 201);
        assert_eq!(site.terminal(0).sell(&sales::sale("01", 3)).status, 201);
        until(WAIT_SECONDS, "receipts", || outbox(&site, "confirmed") == Some(3));
        let parked = receiver.events()[1].clone();
        assert_eq!(parked["type"], "tillgate.parked.v1");
        assert_says(&parked["data"]["reason"].to_string(), &["too large", "message_max"]);
        assert_eq!(site.status()["quarantine"], 1);
        let words = ["parked: record 2 cannot be delivered: too large", "quarantine replay"];
        assert_says(&site.run(&["status"]).stdout, &words);
        assert_says(&doctor(&site, "daemon.attention").to_string(), &words[1..]);
    });
}

#[test]
fn records_that_nobody_receives_are_told_until_somebody_does() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let mut site = Site::with(&broker);
        site.config.set("mqtt", "no_subscriber", "deliver");
        let _gateway = site.start();
        sell(&site, 1..11);
        let words = ["no receiver for our records: 10 were delivered to nobody, the last at 20"];
        until(WAIT_SECONDS, "a warning", || site.run(&["status"]).stdout.contains(words[0]));
        assert_says(&doctor(&site, "daemon.attention").to_string(), &words);
        let _witness = Witness::of(&broker);
        sell(&site, 11..12);
        until(WAIT_SECONDS, "the end of it", || site.status()["broker"]["unheard"].is_null());
        assert!(!site.run(&["status"]).stdout.contains("no-subscriber"));
    });
}

/// The backup was made before the CRM confirmed anything, and the CRM has more than it holds.
#[test]
fn after_a_restore_receipts_for_what_the_backup_does_not_know_confirm_all_that_it_has() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let mut receiver = Receiver::of(&broker);
        let mut site = Site::with(&broker);
        site.config.set("mqtt", "confirm", "receipt");
        let mut gateway = site.start();
        receiver.stop();
        sell(&site, 1..11);
        until(WAIT_SECONDS, "acknowledgements", || outbox(&site, "acknowledged") == Some(10));
        let copy = site.folder().join("backup.db");
        let copy = copy.to_str().expect("text");
        assert_eq!(site.run(&["backup", "--to", copy]).code, 0);
        sell(&site, 11..21);
        receiver.resume();
        until(WAIT_SECONDS, "receipts", || outbox(&site, "confirmed") == Some(20));

        gateway.terminate();
        assert_eq!(site.run(&["restore", "--from", copy]).code, 0);
        gateway.resume();
        until(WAIT_SECONDS, "what is left", || outbox(&site, "confirmed") == Some(10));
        sell(&site, 21..22);
        until(WAIT_SECONDS, "what is new", || outbox(&site, "confirmed") == Some(11));
        assert_eq!(receiver.event_count(), 21);
        assert_eq!(site.status()["broker"]["warnings"], Value::Array(Vec::new()));
    });
}

/// What `tillgate doctor` finds under this name.
#[track_caller]
fn doctor(site: &Site, id: &str) -> Value {
    let said = site.run(&["doctor", "--json"]).stdout;
    let checks = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut found = checks.filter(|check| check["id"] == id);
    found.next().unwrap_or_default()
}

#[test]
fn the_doctor_logs_in_beside_the_daemon_and_says_why_it_cannot() {
    for version in [5, 3] {
        within(TEST_SECONDS, move || {
            let user = Some(("gw-1", "open sesame"));
            let broker = Broker::start(BrokerOptions { user, ..BrokerOptions::default() });
            let mut site = Site::with(&broker);
            site.config.set("mqtt", "version", version);
            let mut gateway = site.start();
            until(WAIT_SECONDS, "a connection", || site.status()["broker"]["connected"] == true);
            assert_eq!(doctor(&site, "broker.login")["outcome"], "ok");
            assert_eq!(broker.log().matches("as acme-0042-gw-1-doctor-").count(), 1);
            assert_eq!(broker.log().matches("as acme-0042-gw-1 (").count(), 1, "not thrown out");
            gateway.terminate();

            write_secret(&site.folder().join("mqtt.password"), "open barley");
            let refused = doctor(&site, "broker.login");
            assert_eq!(refused["outcome"], "fail");
            assert_says(&refused.to_string(), &["mqtt.username", "password_file", "gw-1 was sent"]);
            site.config.unset("mqtt", "username").unset("mqtt", "password_file");
            let refused = doctor(&site, "broker.login").to_string();
            assert_says(&refused, &["no user name was sent"]);
        });
    }
}

#[test]
fn the_doctor_does_not_wait_for_a_port_that_never_answers() {
    within(TEST_SECONDS, || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let site = Site::at(&format!("mqtt://127.0.0.1:{port}"));
        let begun = std::time::Instant::now();
        let login = doctor(&site, "broker.login");
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        assert_eq!(login["outcome"], "fail");
        assert_says(&login.to_string(), &["did not answer connect within 5 s"]);
    });
}

#[test]
fn slow_stalled_and_flapping_brokers_cost_time_and_nothing_else() {
    within(TEST_SECONDS, || {
        let mut broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        // Slow: it works a fifth of the time.
        for round in 0..10 {
            broker.pause();
            sell(&site, round * 100 + 1..round * 100 + 101);
            std::thread::sleep(Duration::from_millis(200));
            broker.wake();
            std::thread::sleep(Duration::from_millis(50));
        }
        witness.wait_for_events(1000, WAIT_SECONDS);
        // Stalled: tills do not notice.
        broker.pause();
        sell(&site, 1001..1101);
        std::thread::sleep(Duration::from_secs(5));
        assert_eq!(site.get("/readyz", &[]).status, 200);
        broker.wake();
        witness.wait_for_events(1100, WAIT_SECONDS);
        // Flapping.
        for round in 0..5 {
            sell(&site, 1101 + round * 100..1201 + round * 100);
            broker.restart();
        }
        witness.wait_for_events(1600, WAIT_SECONDS);
    });
}

#[test]
fn a_fallback_takes_over_and_the_status_says_so() {
    within(TEST_SECONDS, || {
        let (mut main, standby) = (Broker::plain(), Broker::plain());
        let (at_main, at_standby) = (Witness::of(&main), Witness::of(&standby));
        let mut site = Site::with(&main);
        let urls: toml::Value = vec![toml::Value::from(standby.url())].into();
        site.config.set("mqtt", "fallback_urls", urls);
        let _gateway = site.start();
        sell(&site, 1..11);
        at_main.wait_for_events(10, WAIT_SECONDS);
        main.stop();
        sell(&site, 11..21);
        until(WAIT_SECONDS, "records at the fallback", || at_standby.event_count() == 10);
        let status = site.status();
        assert_eq!(status["broker"]["url"], standby.url());
        assert_eq!(status["broker"]["fallback_for"], main.url());
        let text = site.run(&["status"]).stdout;
        assert_says(&text, &[&format!("connected · {} (a fallback for", standby.url())]);
    });
}

#[test]
fn a_renewed_client_certificate_is_used_without_a_restart() {
    within(TEST_SECONDS, || {
        let options =
            BrokerOptions { tls: true, client_certificates: true, ..BrokerOptions::default() };
        let broker = Broker::start(options);
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        sell(&site, 1..11);
        witness.wait_for_events(10, WAIT_SECONDS);
        let connections = || broker.log().matches("as acme-0042-gw-1").count();
        assert_eq!(connections(), 1);
        let metrics = site.look("/metrics").text().to_owned();
        assert_says(&metrics, &["tillgate_certificate_expiry_timestamp_seconds{file=\"client\"}"]);

        let file = &broker.certificates().client;
        let good = std::fs::read(file).expect("a certificate");
        std::fs::write(file, &good[..good.len() / 2]).expect("half a certificate");
        eventually(WAIT_SECONDS, "a warning in the status", || {
            let status = site.status();
            let warnings = status["readiness"]["warnings"].as_array()?.clone();
            warnings.into_iter().find(|warning| warning["code"] == "broker-files")
        });
        sell(&site, 11..21);
        witness.wait_for_events(20, WAIT_SECONDS);
        assert_eq!(connections(), 1, "half a certificate is no reason to leave");

        std::fs::write(file, &good).expect("a certificate");
        until(WAIT_SECONDS, "a new connection", || connections() == 2);
        sell(&site, 21..31);
        witness.wait_for_events(30, WAIT_SECONDS);
    });
}
