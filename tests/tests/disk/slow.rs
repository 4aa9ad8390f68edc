//! A disk that takes its time: 5 ms, 5 s and a minute for each sync.

use std::thread;
use std::time::{Duration, Instant};

use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::faults::Faults;
use tillgate_tests::site::Site;
use tillgate_tests::witness::Witness;

use super::{Till, WAIT_SECONDS, assert_arrived, reasons, refusal};

/// Nobody waits longer for an answer, whatever it is.
const ANSWER_WITHIN: Duration = Duration::from_secs(17);
/// Those who only look never wait for the disk.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn five_milliseconds_a_sync_are_shared_by_all() {
    within(120, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let faults = Faults::below(&site.data_dir(), site.folder());
        let mut gateway = site.start_with(&faults);
        faults.set("sync_ms=5");
        let mut tills = sell_at_once(&site, 50);
        assert!(tills.iter().all(|till| till.accepted.len() == 50), "each sale was taken at once");
        let accepted = tills.iter_mut().flat_map(|till| std::mem::take(&mut till.accepted)).collect();
        assert_arrived(&site, &witness, &accepted);
        gateway.terminate();
    });
}

/// Four tills sell so many each, and none is refused.
fn sell_at_once(site: &Site, sales: u64) -> Vec<Till> {
    thread::scope(|scope| {
        let running: Vec<_> = (0..4)
            .map(|index| {
                scope.spawn(move || {
                    let mut till = Till::new(site, index);
                    for _ in 0..sales {
                        let began = Instant::now();
                        let answer = till.sell(1);
                        assert!(began.elapsed() < ANSWER_WITHIN, "{:?}", began.elapsed());
                        assert_eq!(answer.status, 201, "{}", answer.text());
                    }
                    till
                })
            })
            .collect();
        running.into_iter().map(|till| till.join().unwrap()).collect()
    })
}

#[test]
fn five_seconds_a_sync_are_slow_and_sound() {
    within(200, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let faults = Faults::below(&site.data_dir(), site.folder());
        let mut gateway = site.start_with(&faults);
        faults.set("sync_ms=5000");
        let mut tills = sell_at_once(&site, 2);
        look_at_once(&site);
        faults.set("");
        let accepted = tills.iter_mut().flat_map(|till| std::mem::take(&mut till.accepted)).collect();
        assert_arrived(&site, &witness, &accepted);
        gateway.terminate();
    });
}

#[test]
fn a_minute_a_sync_is_told_in_time_and_nothing_is_lost() {
    within(220, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let faults = Faults::below(&site.data_dir(), site.folder());
        let mut gateway = site.start_with(&faults);
        let mut till = Till::new(&site, 0);
        assert_eq!(till.sell(1).status, 201);
        faults.set("sync_ms=60000");
        let began = Instant::now();
        let first = till.sell(1);
        assert!(began.elapsed() < ANSWER_WITHIN, "{:?}", began.elapsed());
        assert_eq!((first.status, refusal(&first).as_str()), (503, "commit-slow"));

        let began = Instant::now();
        let next = till.sell(1);
        assert_eq!((next.status, refusal(&next).as_str()), (503, "disk-stalled"));
        assert!(began.elapsed() < LOOK_WITHIN, "those who come later need not wait");
        assert_eq!(reasons(&site), ["disk-stalled"]);
        look_at_once(&site);
        until(WAIT_SECONDS, "the watchdog tells", || gateway.log().contains("tasks have work and do not move"));

        faults.set("");
        until(WAIT_SECONDS, "inputs are taken again", || matches!(till.sell(1).status, 200 | 201));
        until(WAIT_SECONDS, "the gateway is ready", || reasons(&site).is_empty());
        assert_arrived(&site, &witness, &till.accepted);
        gateway.terminate();
    });
}

fn look_at_once(site: &Site) {
    let began = Instant::now();
    assert_eq!(site.get("/livez", &[]).status, 200);
    assert_eq!(site.look("/metrics").status, 200);
    assert!(site.status()["disk"].is_object());
    assert!(began.elapsed() < LOOK_WITHIN, "{:?}", began.elapsed());
}
