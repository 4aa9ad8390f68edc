//! A disk of 24 MiB, filled by the gateway itself and by others.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::{until, within};
use tillgate_tests::edi::order_interchange;
use tillgate_tests::mounts::{small_disk, with_mounts};
use tillgate_tests::sales;
use tillgate_tests::site::{PARTNER, SCANNER, Site};
use tillgate_tests::witness::{Witness, text};

use super::{Till, WAIT_SECONDS, assert_arrived, metric, post_edi, reasons, refusal};

/// More than fit on the disk.
const SALES_MAX: u64 = 100_000;

/// Posts until nothing is taken any more; the code of the refusal.
fn sell_until_refused(till: &mut Till) -> String {
    while till.next < SALES_MAX {
        let many = till.sell(200);
        if many.status == 201 {
            continue;
        }
        assert_eq!(many.status, 507, "{}", many.text());
        // Where a hundred do not fit, some single ones do.
        let one = till.sell(1);
        if one.status != 201 {
            assert_eq!(one.status, 507, "{}", one.text());
            return refusal(&one);
        }
    }
    panic!("{SALES_MAX} sales and no refusal");
}

/// Takes all that is left.
fn fill(folder: &Path) {
    let mut file = File::create(folder.join("of-another-program")).unwrap();
    let mut size = 1 << 16;
    while size > 0 {
        if file.write_all(&vec![1; size]).is_err() {
            size /= 2;
        }
    }
}

fn has_ballast(site: &Site) -> bool {
    metric(site, "tillgate_ballast_present") > 0.0
}

fn detail(site: &Site, source: &str) -> String {
    let status = site.status();
    let sources = status["sources"].as_array().cloned().unwrap();
    let found = sources.into_iter().find(|known| known["id"] == source).unwrap();
    text(&found["detail"]).to_owned()
}

#[test]
fn a_full_disk_refuses_everybody_and_recovers_alone_scan() {
    with_mounts("full::a_full_disk_refuses_everybody_and_recovers_alone_scan", || {
        within(220, refuses_and_recovers);
    });
}

/// The budget is larger than the disk, so that only what is free says that there is no more room.
fn refuses_and_recovers() {
    let mut broker = Broker::plain();
    let witness = Witness::of(&broker);
    let mut site = Site::with(&broker);
    let mut scanner = site.attach(SCANNER, "serial-scanner");
    let data = site.data_dir();
    small_disk(&data, 24);
    let mut gateway = site.start();
    site.wait_for_device(SCANNER);
    until(WAIT_SECONDS, "there is a ballast", || has_ballast(&site));
    broker.stop();

    let (mut till, mut other) = (Till::new(&site, 0), Till::new(&site, 1));
    assert_eq!(sell_until_refused(&mut till), "disk-full");
    everybody_is_refused(&site, &mut other);
    scanner.send(format!("{}\r", sales::gtin13(1)));
    until(WAIT_SECONDS, "the scanner's reading waits", || {
        detail(&site, SCANNER).contains("readings wait")
    });
    until(WAIT_SECONDS, "the partner's folder waits", || detail(&site, PARTNER).contains("full"));
    assert_eq!(site.partner().names("in"), ["order-1.edi"], "a file that is refused stays");

    fill(&data);
    people_still_see(&site);
    broker.resume();
    let accepted = till.accepted.len();
    until(WAIT_SECONDS, "deliveries go on while the disk is full", || {
        witness.event_count() >= accepted
    });
    assert_eq!(refusal(&other.sell(1)), "disk-full", "others hold the disk still");

    fs::remove_file(data.join("of-another-program")).unwrap();
    until(WAIT_SECONDS, "inputs are taken again", || other.sell(1).status == 201);
    let order = site.partner().wait_for("done", 1, WAIT_SECONDS);
    assert_eq!(order, ["order-1.edi"]);
    until(WAIT_SECONDS, "the ballast is there again", || has_ballast(&site));
    assert!(reasons(&site).is_empty());
    assert_eq!(sell_until_refused_or(&mut till, 2000), None, "what was delivered made room");
    till.accepted.append(&mut other.accepted);
    assert_arrived(&site, &witness, &till.accepted);
    let scans = witness.events();
    assert!(scans.iter().any(|event| event["type"] == "tillgate.reading.v1"), "the scan came");
    gateway.terminate();
}

fn sell_until_refused_or(till: &mut Till, sales: u64) -> Option<String> {
    let end = till.next + sales;
    while till.next < end {
        let answer = till.sell(100);
        if answer.status != 201 {
            return Some(answer.text());
        }
    }
    None
}

fn everybody_is_refused(site: &Site, other: &mut Till) {
    let answer = other.sell(1);
    assert_eq!((answer.status, refusal(&answer).as_str()), (507, "disk-full"));
    let answer = post_edi(site, &order_interchange(2, "PO-2"));
    assert_eq!((answer.status, refusal(&answer).as_str()), (507, "disk-full"));
    let result = site.stream_terminal(2).sell_all(&sales::sales("03", 1..2)).remove(0);
    assert_eq!(result["status"], "refused");
    assert_eq!(result["findings"][0]["rule"], "disk-full");
    site.partner().deliver("order-1.edi", order_interchange(1, "PO-1").as_bytes());
    assert_eq!(reasons(site), ["disk-full"]);
}

/// Nothing that only looks needs room.
fn people_still_see(site: &Site) {
    assert_eq!(site.get("/livez", &[]).status, 200);
    assert_eq!(site.get("/readyz", &[]).status, 503);
    assert!(metric(site, "tillgate_outbox_records") > 0.0);
    let listed = site.run(&["quarantine", "list"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    let verify = site.run(&["verify"]);
    assert_eq!(verify.code, 0, "{}{}", verify.stdout, verify.stderr);
}

#[test]
fn a_gateway_starts_on_a_full_disk() {
    with_mounts("full::a_gateway_starts_on_a_full_disk", || within(220, starts_on_a_full_disk));
}

fn starts_on_a_full_disk() {
    let broker = Broker::plain();
    let witness = Witness::of(&broker);
    let site = Site::with(&broker);
    let data = site.data_dir();
    small_disk(&data, 24);
    let mut gateway = site.start();
    let mut till = Till::new(&site, 0);
    for _ in 0..20 {
        assert_eq!(till.sell(50).status, 201);
    }
    for round in 0..3 {
        // In mid-work, so that there is a log to be read again.
        assert_eq!(till.sell(50).status, 201);
        gateway.kill();
        fill(&data);
        gateway.resume();
        let answer = till.sell(1);
        assert_eq!((answer.status, refusal(&answer).as_str()), (507, "disk-full"), "round {round}");
        fs::remove_file(data.join("of-another-program")).unwrap();
        until(WAIT_SECONDS, "inputs are taken again", || till.sell(1).status == 201);
        until(WAIT_SECONDS, "the ballast is back", || has_ballast(&site));
    }
    assert_arrived(&site, &witness, &till.accepted);
    gateway.terminate();
}

#[test]
fn a_spent_budget_refuses_until_deliveries_made_room() {
    within(220, || {
        let mut broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        site.config.set("disk", "budget", "8 MiB");
        let mut gateway = site.start();
        broker.stop();
        let mut till = Till::new(&site, 0);
        assert_eq!(sell_until_refused(&mut till), "disk-budget");
        assert_eq!(reasons(&site), ["disk-budget"]);
        sleep(Duration::from_secs(1));
        let answer = till.sell(1);
        assert_eq!((answer.status, refusal(&answer).as_str()), (507, "disk-budget"));
        assert!(answer.text().contains(": records that wait for delivery "), "{}", answer.text());
        broker.resume();
        until(WAIT_SECONDS, "inputs are taken again", || till.sell(1).status == 201);
        until(WAIT_SECONDS, "the gateway is ready", || reasons(&site).is_empty());
        assert_eq!(sell_until_refused_or(&mut till, 500), None);
        assert_arrived(&site, &witness, &till.accepted);
        gateway.terminate();
    });
}
