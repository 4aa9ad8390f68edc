//! What could not become a record waits for a person, who looks, corrects and replays.

use std::fs;

use serde_json::{Value, json};
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::sales::{self, sale};
use tillgate_tests::site::{SCANNER, Site};
use tillgate_tests::witness::{Witness, text};

use crate::{TEST_SECONDS, WAIT_SECONDS};

fn list(site: &Site) -> Vec<Value> {
    let said = site.run(&["quarantine", "list", "--json"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    match serde_json::from_str(&said.stdout) {
        Ok(Value::Array(entries)) => entries,
        _ => {
            said.stdout.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect()
        }
    }
}

#[test]
fn an_entry_is_shown_corrected_and_replayed() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let mut wrong = sale("01", 1);
        wrong["business_date"] = json!("21.11.2026");
        assert_eq!(site.terminal(0).sell(&wrong).status, 422);

        let entries = list(&site);
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0]["source"], "01");
        let id = text(&entries[0]["id"]);
        let notice = witness.wait_for_message("/findings", WAIT_SECONDS, |_| true);
        assert!(!notice.to_string().contains("21.11.2026"), "a notice holds no content: {notice}");

        let shown = site.run(&["quarantine", "show", id]);
        assert_eq!(shown.code, 0, "{}", shown.stderr);
        assert!(shown.stdout.contains("21.11.2026"), "the input is shown: {}", shown.stdout);
        assert!(shown.stdout.contains("/business_date"), "and what is wrong: {}", shown.stdout);

        let corrected = site.folder().join("corrected.json");
        fs::write(&corrected, sale("01", 1).to_string()).unwrap();
        let replay = site.run(&["quarantine", "replay", id, "--with", corrected.to_str().unwrap()]);
        assert_eq!(replay.code, 0, "{}{}", replay.stdout, replay.stderr);
        let event = witness.wait_for_events(1, WAIT_SECONDS).remove(0);
        assert_eq!(event["data"]["business_date"], sales::business_date());
        assert!(list(&site).is_empty(), "the entry is settled");
    });
}

#[test]
fn a_barcode_that_is_no_text_waits_with_its_cause_and_its_bytes() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let mut site = Site::with(&broker);
        let mut scanner = site.attach(SCANNER, "serial-scanner");
        let _gateway = site.start();
        site.wait_for_device(SCANNER);
        scanner.send(b"gr\xfcn\r");
        until(WAIT_SECONDS, "an entry", || !list(&site).is_empty());
        let entries = list(&site);
        let shown = site.run(&["quarantine", "show", text(&entries[0]["id"])]).stdout;
        assert!(shown.contains("barcode-bytes") && shown.contains(r"gr\\xfcn"), "{shown}");
    });
}

#[test]
fn an_entry_is_discarded() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let site = Site::with(&broker);
        let _gateway = site.start();
        assert_eq!(site.terminal(0).post("application/json", b"nonsense").status, 422);
        let entries = list(&site);
        let discard = site.run(&["quarantine", "discard", text(&entries[0]["id"])]);
        assert_eq!(discard.code, 0, "{}", discard.stderr);
        assert!(list(&site).is_empty());
    });
}

#[test]
fn quarantine_can_be_read_while_the_daemon_is_stopped() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let site = Site::with(&broker);
        let mut gateway = site.start();
        assert_eq!(site.terminal(0).post("application/json", b"nonsense").status, 422);
        gateway.terminate();
        assert_eq!(list(&site).len(), 1);
    });
}
