//! A clock that jumps by hours and back, and one that is wrong by years.

use std::thread::sleep;
use std::time::Duration;

use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::edi::order_interchange;
use tillgate_tests::faults::Faults;
use tillgate_tests::sales;
use tillgate_tests::site::Site;
use tillgate_tests::witness::Witness;

use super::{Till, WAIT_SECONDS, assert_arrived};

const HOUR: i64 = 3600;
const YEAR: i64 = 365 * 24 * HOUR;

#[test]
fn jumps_while_running_change_nothing_but_dates() {
    within(200, || {
        let mut broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let faults = Faults::below(&site.data_dir(), site.folder());
        let mut gateway = site.start_with(&faults);
        let mut till = Till::new(&site, 0);
        let mut orders = 0;
        for jump in [10 * HOUR, -10 * HOUR, 0, -50 * YEAR, 10 * YEAR, 0] {
            faults.set(&format!("clock_s={jump}"));
            assert_eq!(till.sell(5).status, 201, "{jump} s");
            let before = witness.event_count();
            until(10, &format!("records go out, {jump} s"), || {
                witness.event_count() >= till.accepted.len().min(before)
            });
            orders += 1;
            let name = format!("order-{orders}.edi");
            let order = order_interchange(orders, &format!("PO-{orders}"));
            site.partner().deliver(&name, order.as_bytes());
            site.partner().wait_for("done", orders as usize, WAIT_SECONDS);
            // Back-off and watchdog go by a clock that never jumps.
            broker.restart();
            assert_eq!(till.sell(5).status, 201, "{jump} s");
            until(15, &format!("the broker is back, {jump} s; {}", gateway.log()), || {
                witness.event_count() >= till.accepted.len() + orders as usize
            });
        }
        assert_arrived(&site, &witness, &till.accepted);
        gateway.terminate();
    });
}

/// Neither the wait for a file to settle nor the wait for the rest of a broken upload ends because of a jump.
#[test]
fn an_upload_under_way_is_not_old_after_a_jump() {
    within(120, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        site.config.set("edi", "settle_seconds", 2);
        let faults = Faults::below(&site.data_dir(), site.folder());
        let mut gateway = site.start_with(&faults);
        let order = order_interchange(1, "PO-1");
        let (begin, _) = order.split_at(order.len() / 2);
        site.partner().drop_in_place("order.edi", begin.as_bytes());
        sleep(Duration::from_secs(1));
        faults.set(&format!("clock_s={YEAR}"));
        sleep(Duration::from_secs(4));
        assert_eq!(site.partner().names("in"), ["order.edi"], "the rest may come");
        site.partner().deliver("order.edi", order.as_bytes());
        assert_eq!(site.partner().wait_for("done", 1, WAIT_SECONDS), ["order.edi"]);
        witness.wait_for_events(1, WAIT_SECONDS);
        gateway.terminate();
    });
}

/// Pruning begins with the first commit after a start: with a wrong date everything would look old.
#[test]
fn a_wrong_date_at_a_start_makes_nothing_old() {
    within(200, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let faults = Faults::below(&site.data_dir(), site.folder());
        let mut gateway = site.start_with(&faults);
        let mut till = Till::new(&site, 0);
        for jump in [10 * YEAR, -50 * YEAR, 0] {
            assert_eq!(till.sell(5).status, 201, "{jump} s");
            until(WAIT_SECONDS, "all is delivered", || {
                witness.event_count() >= till.accepted.len()
            });
            gateway.terminate();
            faults.set(&format!("clock_s={jump}"));
            gateway.resume();
            assert_eq!(till.sell(5).status, 201, "{jump} s");
            let known = site.terminal(0).sell_all(&sales::sales("01", 1..till.next));
            assert_eq!(known.status, 200, "{jump} s: a repeat is known: {}", known.text());
        }
        assert_arrived(&site, &witness, &till.accepted);
        gateway.terminate();
        let said = site.run(&["verify", "--json"]);
        let report: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(
            report["records"].as_u64(),
            Some(till.next - 1),
            "no record was removed: {report}"
        );
    });
}
