//! A disk that takes its time: 5 ms, 5 s and a minute for each sync.

use std::thread;
use std::time::{Duration, Instant};

use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::edi::order_interchange;
use tillgate_tests::faults::Faults;
use tillgate_tests::sales;
use tillgate_tests::site::{SCANNER, Site};
use tillgate_tests::witness::Witness;

use super::{Till, WAIT_SECONDS, assert_arrived, post_edi, reasons, refusal};

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
        let accepted =
            tills.iter_mut().flat_map(|till| std::mem::take(&mut till.accepted)).collect();
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
fn three_seconds_a_sync_are_slow_and_sound() {
    within(200, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let faults = Faults::below(&site.data_dir(), site.folder());
        let mut gateway = site.start_with(&faults);
        faults.set("sync_ms=3000");
        let mut tills = sell_at_once(&site, 2);
        look_at_once(&site);
        faults.set("");
        let accepted =
            tills.iter_mut().flat_map(|till| std::mem::take(&mut till.accepted)).collect();
        assert_arrived(&site, &witness, &accepted);
        gateway.terminate();
    });
}

#[test]
fn a_minute_a_sync_is_told_in_time_and_nothing_is_lost() {
    within(220, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        let mut scanner = site.attach(SCANNER, "serial-scanner");
        let faults = Faults::below(&site.data_dir(), site.folder());
        let mut gateway = site.start_with(&faults);
        site.wait_for_device(SCANNER);
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
        others_hear_it_too(&site);
        scanner.send(format!("{}\r", sales::gtin13(1)));
        until(WAIT_SECONDS, "the watchdog tells", || {
            gateway.log().contains("tasks have work and do not move")
        });

        faults.set("");
        until(WAIT_SECONDS, "inputs are taken again", || matches!(till.sell(1).status, 200 | 201));
        until(WAIT_SECONDS, "the gateway is ready", || reasons(&site).is_empty());
        assert_eq!(site.partner().wait_for("done", 1, WAIT_SECONDS), ["order-1.edi"]);
        until(WAIT_SECONDS, "the scan came", || {
            witness.events().iter().any(|event| event["type"] == "tillgate.reading.v1")
        });
        assert_arrived(&site, &witness, &till.accepted);
        gateway.terminate();
    });
}

/// A partner, a terminal on the stream, and a file, which stays where it is.
fn others_hear_it_too(site: &Site) {
    let answer = post_edi(site, &order_interchange(2, "PO-2"));
    assert_eq!((answer.status, refusal(&answer).as_str()), (503, "disk-stalled"));
    let result = site.stream_terminal(2).sell_all(&sales::sales("03", 1..2)).remove(0);
    assert_eq!(result["status"], "refused");
    assert_eq!(result["findings"][0]["rule"], "disk-stalled");
    site.partner().deliver("order-1.edi", order_interchange(1, "PO-1").as_bytes());
}

/// The contract says five seconds, whatever the disk does.
#[test]
fn a_stop_does_not_wait_for_the_disk() {
    within(120, || {
        let mut broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let faults = Faults::below(&site.data_dir(), site.folder());
        let mut gateway = site.start_with(&faults);
        let mut till = Till::new(&site, 0);
        assert_eq!(till.sell(20).status, 201);
        broker.stop();
        assert_eq!(till.sell(20).status, 201);
        faults.set("sync_ms=60000");
        let mut stuck = site.stream_terminal(1);
        stuck.try_send(&sales::lines(&sales::sales("02", 1..3))).unwrap();
        site.partner().deliver("order-1.edi", order_interchange(1, "PO-1").as_bytes());
        thread::sleep(Duration::from_secs(1));
        gateway.terminate();
        assert!(
            till.terminal.try_post("application/json", b"{}").is_err(),
            "nobody is there any more"
        );
        let answered = stuck.try_result().ok().flatten();
        assert!(
            answered.is_none_or(|result| result["status"] == "refused"),
            "not kept for certain"
        );
        assert_eq!(site.partner().names("in"), ["order-1.edi"], "a file stays where it is");

        faults.set("");
        broker.resume();
        gateway.resume();
        assert_eq!(site.partner().wait_for("done", 1, WAIT_SECONDS), ["order-1.edi"]);
        let again = stuck.sell_all(&sales::sales("02", 1..3));
        assert!(again.iter().all(|result| result["status"] != "refused"), "{again:?}");
        till.accepted.extend(sales::sales("02", 1..3).iter().map(sales::key));
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
