//! A disk that fails: each call in turn, once and for good, by a full disk, an error, a short write.

use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::edi::order_interchange;
use tillgate_tests::faults::Faults;
use tillgate_tests::site::Site;
use tillgate_tests::witness::Witness;

use super::{Till, WAIT_SECONDS, assert_arrived, post_edi, reasons};

/// ENOSPC, EIO, EROFS (remounted read-only), EINTR.
const ERRORS: [(&str, i32); 4] =
    [("full", 28), ("broken", 5), ("read-only", 30), ("interrupted", 4)];
/// Calls from the first of an input on.
const CALLS: u32 = 8;

#[test]
fn every_call_may_fail_and_nothing_is_lost() {
    within(220, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let faults = Faults::below(&site.data_dir(), site.folder());
        let mut gateway = site.start_with(&faults);
        let mut till = Till::new(&site, 0);
        let mut orders = 0;
        for (name, error) in ERRORS {
            for kind in ["write", "sync"] {
                for call in 1..=CALLS {
                    let case = format!("{name}, {kind} {call}");
                    faults.set(&format!("fail={kind} errno={error} from={call} count=2"));
                    assert_sound(&case, till.sell(1).status);
                    assert_sound(&case, till.sell(1).status);
                }
                // For good, until somebody mends it.
                faults.set(&format!("fail={kind} errno={error}"));
                assert_sound(name, till.sell(1).status);
                orders += 1;
                let order = order_interchange(orders, &format!("PO-{orders}"));
                assert_sound(name, post_edi(&site, &order).status);
                faults.set("");
                until(WAIT_SECONDS, &format!("inputs are taken after {name}, {kind}"), || {
                    till.sell(1).status == 201
                });
                until(WAIT_SECONDS, "the gateway is ready", || reasons(&site).is_empty());
            }
        }
        faults.set("short=1");
        assert_eq!(till.sell(20).status, 201, "a write that took a part is not the end");
        faults.set("");
        assert_arrived(&site, &witness, &till.accepted);
        assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
        gateway.terminate();
    });
}

/// A restart in the middle: the disk fails while the daemon stops and while it starts.
#[test]
fn a_stop_on_a_broken_disk_loses_nothing() {
    within(220, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let faults = Faults::below(&site.data_dir(), site.folder());
        let mut gateway = site.start_with(&faults);
        let mut till = Till::new(&site, 0);
        for kind in ["write", "sync"] {
            assert_eq!(till.sell(20).status, 201);
            faults.set(&format!("fail={kind} errno=5"));
            gateway.terminate();
            faults.set("");
            gateway.resume();
            until(WAIT_SECONDS, "inputs are taken", || till.sell(1).status == 201);
        }
        assert_arrived(&site, &witness, &till.accepted);
        gateway.terminate();
    });
}

/// Taken, known already since an earlier answer was a failure, or refused so that the till sends again.
#[track_caller]
fn assert_sound(case: &str, status: u16) {
    assert!(matches!(status, 200 | 201 | 503 | 507), "{case}: {status}");
}
