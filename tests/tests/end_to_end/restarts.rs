//! Stops, starts, dead brokers, full budgets: nothing is lost, nothing counts twice.

use tillgate_tests::broker::{Broker, BrokerOptions};
use tillgate_tests::deadline::{eventually, until, within};
use tillgate_tests::gateway;
use tillgate_tests::sales::{self, sale};
use tillgate_tests::site::Site;
use tillgate_tests::witness::Witness;

use crate::{TEST_SECONDS, WAIT_SECONDS};

#[test]
fn numbers_go_on_after_a_restart() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let mut gateway = site.start();
        assert_eq!(site.terminal(0).sell_all(&sales::sales("01", 1..51)).status, 201);
        gateway.restart();
        assert_eq!(site.terminal(0).sell_all(&sales::sales("01", 1..51)).status, 200, "all known");
        assert_eq!(site.terminal(0).sell_all(&sales::sales("01", 51..101)).status, 201);
        witness.wait_for_events(100, WAIT_SECONDS);
    });
}

#[test]
fn a_stop_and_a_start_show_at_the_broker() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let mut gateway = site.start();
        witness.wait_for_message("gw-1/status", WAIT_SECONDS, |status| status["state"] == "online");
        gateway.terminate();
        witness
            .wait_for_message("gw-1/status", WAIT_SECONDS, |status| status["state"] == "offline");
        gateway.resume();
        until(WAIT_SECONDS, "the last status is online", || {
            witness
                .messages_on("gw-1/status")
                .last()
                .is_some_and(|last| last.json["state"] == "online")
        });
        gateway.kill();
        until(WAIT_SECONDS, "the last will says offline", || {
            witness
                .messages_on("gw-1/status")
                .last()
                .is_some_and(|last| last.json["state"] == "offline")
        });
    });
}

#[test]
fn tills_work_while_the_broker_is_away() {
    within(TEST_SECONDS, || {
        let mut broker = Broker::plain();
        let witness = Witness::of(&broker);
        broker.stop();
        let site = Site::with(&broker);
        let mut gateway = site.start();
        assert_eq!(site.terminal(0).sell_all(&sales::sales("01", 1..101)).status, 201);
        gateway.kill();
        gateway.resume();
        let outbox = site.status()["outbox"].clone();
        assert_eq!(
            (&outbox["assigned"], &outbox["backlog"]),
            (&100.into(), &100.into()),
            "the first status is true"
        );
        assert_eq!(site.terminal(0).sell_all(&sales::sales("01", 101..201)).status, 201);
        broker.resume();
        witness.wait_for_events(200, WAIT_SECONDS);
    });
}

/// The marathon never gets there: under load the cursor goes with every commit.
#[test]
fn what_a_quiet_daemon_stored_of_its_deliveries_outlives_a_kill() {
    if !gateway::has_fail_points() {
        return println!("skipped: a release build has no fail points");
    }
    within(TEST_SECONDS, || {
        let mut broker = Broker::plain();
        let witness = Witness::of(&broker);
        broker.stop();
        let site = Site::with(&broker);
        let mut gateway = site.start();
        assert_eq!(site.terminal(0).sell(&sale("01", 1)).status, 201);
        gateway.kill();
        broker.resume();
        gateway.resume_until("cursor-stored", 1);
        witness.wait_for_events(1, WAIT_SECONDS);
        gateway.resume();
        assert_eq!(site.terminal(0).sell(&sale("01", 2)).status, 201);
        witness.wait_for_events(2, WAIT_SECONDS);
        assert_eq!(witness.messages_on("/records").len(), 2, "the first was not sent again");
    });
}

#[test]
fn records_wait_until_somebody_receives_them() {
    within(TEST_SECONDS, || {
        let broker = Broker::start(BrokerOptions { forgetful: true, ..BrokerOptions::default() });
        let site = Site::with(&broker);
        let _gateway = site.start();
        assert_eq!(site.terminal(0).sell_all(&sales::sales("01", 1..11)).status, 201);
        std::thread::sleep(std::time::Duration::from_secs(2));
        let witness = Witness::of(&broker);
        witness.wait_for_events(10, WAIT_SECONDS);
    });
}

#[test]
fn a_spent_budget_refuses_and_recovers_alone() {
    within(TEST_SECONDS, || {
        let mut broker = Broker::plain();
        let witness = Witness::of(&broker);
        broker.stop();
        let mut site = Site::with(&broker);
        site.config.set("disk", "budget", "32 MiB").set("retention", "capture_days", 0).set(
            "retention",
            "record_days",
            0,
        );
        let _gateway = site.start();
        let mut terminal = site.terminal(0);
        let mut taken = 0;
        let refused = eventually(60, "the budget is spent", || {
            let batch = sales::sales("01", taken + 1..taken + 501);
            let answer = terminal.sell_all(&batch);
            match answer.status {
                201 => {
                    taken += 500;
                    None
                }
                _ => Some(answer),
            }
        });
        assert_eq!(refused.status, 507, "{}", refused.text());
        assert!(refused.header("retry-after").is_some());
        // What is too large for the rest of the budget is refused before what is small.
        until(60, "not a single sale is taken, and /readyz says so", || {
            taken += u64::from(terminal.sell(&sale("01", taken + 1)).status == 201);
            site.get("/readyz", &[]).status == 503
        });

        broker.resume();
        until(WAIT_SECONDS, "all that was taken has arrived", || {
            witness.event_count() as u64 >= taken
        });
        until(WAIT_SECONDS, "sales are taken again", || {
            terminal.sell(&sale("01", taken + 1)).status == 201
        });
        witness.wait_for_events(usize::try_from(taken).unwrap() + 1, WAIT_SECONDS);
    });
}
