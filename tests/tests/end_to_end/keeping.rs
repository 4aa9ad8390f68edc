//! Backup, restore and damage, as an operator and the CRM see them.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::sales::{self, sale};
use tillgate_tests::site::Site;
use tillgate_tests::witness::Witness;

use crate::{TEST_SECONDS, WAIT_SECONDS};

fn ids(witness: &Witness) -> BTreeSet<String> {
    witness.events().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

fn name(event: &Value) -> (u64, String) {
    (event["incarnation"].as_u64().unwrap(), event["sequence"].as_str().unwrap().to_owned())
}

fn warned_of_loss(status: &Value) -> bool {
    let warnings = status["readiness"]["warnings"].as_array().unwrap();
    warnings.iter().any(|warning| warning["code"] == "loss")
}

#[test]
fn a_backup_is_made_while_tills_sell_and_put_back_under_a_new_incarnation() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let mut gateway = site.start();
        assert_eq!(site.terminal(0).sell_all(&sales::sales("01", 1..11)).status, 201);
        let copy = site.folder().join("backup.db");
        let copy = copy.to_str().unwrap();
        let said = site.run(&["backup", "--to", copy, "--json"]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let made: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(made["records"], 10, "{made}");
        let first = made["incarnation"].as_u64().unwrap();
        assert_eq!(site.terminal(0).sell_all(&sales::sales("01", 11..21)).status, 201);
        witness.wait_for_events(20, WAIT_SECONDS);
        let before = ids(&witness);

        let refused = site.run(&["restore", "--from", copy]);
        assert_eq!(refused.code, 1, "{}", refused.stdout);
        assert!(refused.stderr.contains("stop it first"), "{}", refused.stderr);
        gateway.terminate();
        let restored = site.run(&["restore", "--from", copy]);
        assert_eq!(restored.code, 0, "{}", restored.stderr);
        assert!(
            restored.stdout.contains(&format!("records 11 to 20 of incarnation {first}")),
            "{}",
            restored.stdout
        );
        gateway.resume();
        assert_eq!(site.terminal(0).sell_all(&sales::sales("01", 1..11)).status, 200, "all known");
        assert_eq!(site.terminal(0).sell(&sale("01", 15)).status, 201);
        until(WAIT_SECONDS, "the repeat arrives under its new name", || {
            witness.events().iter().any(|event| name(event) == (first + 1, "1".to_owned()))
        });
        assert_eq!(ids(&witness), before, "its id is the one that the CRM knows");
        let status = site.status();
        assert!(warned_of_loss(&status), "{status}");
        assert_eq!(status["outbox"]["incarnation"], first + 1);
        let notice = |message: &Value| message["loss"]["incarnation"] == first + 1;
        witness.wait_for_message("gw-1/findings", WAIT_SECONDS, notice);
        gateway.terminate();
        let verify = site.run(&["verify"]);
        assert_eq!(verify.code, 0, "{}{}", verify.stdout, verify.stderr);
        assert!(verify.stdout.contains("lost before"), "{}", verify.stdout);
    });
}

#[test]
fn damage_after_a_crash_is_told_and_what_can_be_read_is_delivered() {
    within(TEST_SECONDS, || {
        let mut broker = Broker::plain();
        let witness = Witness::of(&broker);
        broker.stop();
        let site = Site::with(&broker);
        let mut gateway = site.start();
        for number in 1..21 {
            assert_eq!(site.terminal(0).sell(&sale("01", number)).status, 201);
        }
        // The mark follows within a tenth of a second.
        std::thread::sleep(std::time::Duration::from_millis(500));
        gateway.kill();
        let log = site.data_dir().join("journal.db-wal");
        let mut bytes = fs::read(&log).unwrap();
        // A checksum in the middle: SQLite would end the log there. Frames with another salt are of an earlier log.
        let salt: [u8; 8] = bytes[16..24].try_into().unwrap();
        let frames =
            bytes[32..].chunks_exact(4120).take_while(|frame| frame[8..16] == salt).count();
        bytes[32 + 4120 * (frames / 2) + 17] ^= 1;
        fs::write(&log, bytes).unwrap();
        gateway.resume();
        assert!(gateway.log().contains("its log was damaged"), "{}", gateway.log());
        assert!(warned_of_loss(&site.status()));
        broker.resume();
        witness.wait_for_events(20, WAIT_SECONDS);

        gateway.terminate();
        fs::write(site.data_dir().join("journal.db"), "what a broken disk gives back").unwrap();
        gateway.resume();
        assert_eq!(site.terminal(0).sell(&sale("01", 21)).status, 201, "a till must sell");
        until(WAIT_SECONDS, "the sale arrives", || witness.event_count() == 21);
        let names: Vec<_> = witness.events().iter().map(name).collect();
        let incarnations: BTreeSet<_> = names.iter().map(|(incarnation, _)| incarnation).collect();
        assert_eq!(incarnations.len(), 2, "before and after the loss: {incarnations:?}");
        let different: BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), different.len(), "no name for two records: {names:?}");
    });
}

#[test]
fn damage_that_a_running_gateway_meets_ends_it_and_the_next_start_recovers() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let mut gateway = site.start();
        assert_eq!(site.terminal(0).sell_all(&sales::sales("01", 1..101)).status, 201);
        witness.wait_for_events(100, WAIT_SECONDS);
        gateway.restart();
        // A disk that gives back something else: all but the first page, as far as the gateway has not read it yet.
        let journal = site.data_dir().join("journal.db");
        let mut bytes = fs::read(&journal).unwrap();
        bytes[4096..].iter_mut().for_each(|byte| *byte ^= 0x55);
        fs::write(&journal, bytes).unwrap();
        let body = sale("01", 101).to_string();
        if let Ok(answer) = site.terminal(0).try_post("application/json", body.as_bytes()) {
            assert_eq!(answer.status, 503, "{}", answer.text());
        }
        until(WAIT_SECONDS, "the gateway ends", || gateway.process().ended().is_some());
        let status = gateway.process().ended().unwrap();
        assert_eq!(status.code(), Some(1), "{}", gateway.log());
        assert!(gateway.log().contains("stopping, so that the next start recovers it"));
        gateway.resume();
        assert!(warned_of_loss(&site.status()));
        assert_eq!(site.terminal(0).sell(&sale("01", 101)).status, 201, "a till must sell");
        until(WAIT_SECONDS, "the sale arrives", || witness.event_count() == 101);
        gateway.terminate();
        let verify = site.run(&["verify"]);
        assert_eq!(verify.code, 0, "{}{}", verify.stdout, verify.stderr);
    });
}
