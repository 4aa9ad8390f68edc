//! What people see of a running daemon: status, tail, verify, pages, metrics.

use serde_json::Value;
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::sales::{self, sale};
use tillgate_tests::site::Site;
use tillgate_tests::witness::Witness;

use crate::{TEST_SECONDS, WAIT_SECONDS};

#[test]
fn status_tells_sources_broker_and_backlog() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        assert_eq!(site.terminal(0).sell(&sale("01", 1)).status, 201);
        witness.wait_for_events(1, WAIT_SECONDS);
        until(WAIT_SECONDS, "the status shows the delivery", || {
            let status = site.status();
            status["broker"]["connected"] == true && status["outbox"]["acknowledged"] == 1
        });
        let said = site.run(&["status"]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert!(said.stdout.contains("01") && said.stdout.contains("connected"), "{}", said.stdout);
        assert_eq!(site.look("/v1/status").status, 200);
    });
}

#[test]
fn commands_say_when_no_daemon_runs() {
    let site = Site::at("mqtt://127.0.0.1:1");
    let said = site.run(&["status"]);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(said.stderr.contains("not running"), "{}", said.stderr);
}

#[test]
fn tail_prints_records_as_they_arrive() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let site = Site::with(&broker);
        let _gateway = site.start();
        let _witness = Witness::of(&broker);
        let url = broker.url();
        let mut tail = std::process::Command::new(tillgate_tests::gateway::program());
        tail.args(["tail", "--broker", &url, "--limit", "3", "--json"]);
        let tail = std::thread::spawn(move || tillgate_tests::process::run(tail));
        let mut terminal = site.terminal(0);
        // A tail without a session sees what comes after it: sell until it has seen enough.
        let mut number = 0;
        until(WAIT_SECONDS, "the tail has seen three records", || {
            number += 1;
            assert_eq!(terminal.sell(&sale("01", number)).status, 201);
            tail.is_finished()
        });
        let said = tail.join().unwrap();
        assert_eq!(said.code, 0, "{}", said.stderr);
        let events: Vec<Value> =
            said.stdout.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
        assert_eq!(events.len(), 3);
        assert!(events.iter().all(|event| event["type"] == "tillgate.sale.v1"), "{events:?}");
    });
}

#[test]
fn verify_proves_the_journal() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let _witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let mut gateway = site.start();
        assert_eq!(site.terminal(0).sell_all(&sales::sales("01", 1..101)).status, 201);
        let running = site.run(&["verify"]);
        assert_eq!(running.code, 0, "{}{}", running.stdout, running.stderr);
        gateway.terminate();
        let stopped = site.run(&["verify"]);
        assert_eq!(stopped.code, 0, "{}{}", stopped.stdout, stopped.stderr);
    });
}

#[test]
fn metrics_count_what_happened() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let mut terminal = site.terminal(0);
        assert_eq!(terminal.sell(&sale("01", 1)).status, 201);
        assert_eq!(terminal.sell(&sale("01", 1)).status, 200);
        assert_eq!(terminal.post("application/json", b"nonsense").status, 422);
        witness.wait_for_events(1, WAIT_SECONDS);
        until(WAIT_SECONDS, "the metrics show the delivery", || {
            site.look("/metrics").text().contains("tillgate_sequence_acknowledged 1")
        });
        let text = site.look("/metrics").text();
        for line in [
            "tillgate_broker_connected 1",
            "tillgate_quarantine_entries 1",
            "tillgate_outbox_records 0",
            "# TYPE tillgate_capture_to_ack_seconds histogram",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("9506000134352"), "a barcode is in a metric");
    });
}

#[test]
fn strangers_see_nothing() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let site = Site::with(&broker);
        let _gateway = site.start();
        for path in ["/", "/v1/status", "/metrics"] {
            assert_eq!(site.get(path, &[]).status, 401, "{path}");
        }
        assert_eq!(site.get("/no/such/page", &[]).status, 404);
    });
}
