//! What must hold after the crash test.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tillgate_tests::edi::segment;
use tillgate_tests::site::Site;
use tillgate_tests::witness::{Witness, text};

use super::senders::Sent;

/// Every file of the partner is done, none was taken twice, and each has earned exactly one 997.
pub(crate) fn files(site: &Site, sent: &Sent) {
    let partner = site.partner();
    let names = |orders: &BTreeSet<u32>| {
        let mut names: Vec<_> =
            orders.iter().map(|control| format!("order-{control}.edi")).collect();
        names.sort();
        names
    };
    assert_eq!(partner.names("done"), names(&sent.orders), "each file is done, and only once");
    assert!(partner.names("rejected").is_empty(), "{:?}", partner.names("rejected"));

    let mut acknowledged: BTreeMap<u32, u32> = BTreeMap::new();
    let mut own_numbers = BTreeSet::new();
    for name in partner.names("out") {
        let text = partner.read("out", &name);
        let group = segment(&text, "AK1")[2].parse().expect("the control number of a group");
        *acknowledged.entry(group).or_default() += 1;
        assert_eq!(segment(&text, "AK9")[1], "A", "{text}");
        let own = segment(&text, "ISA")[13].clone();
        assert!(own_numbers.insert(own.clone()), "the control number {own} was given out twice");
    }
    assert_eq!(
        acknowledged.keys().copied().collect::<BTreeSet<_>>(),
        sent.orders,
        "each file has a 997"
    );
    let repeated: Vec<_> = acknowledged.iter().filter(|(_, count)| **count != 1).collect();
    assert!(repeated.is_empty(), "files with more than one 997: {repeated:?}");
}

/// Numbers without gaps, first deliveries in order, each acknowledged input there, none twice.
pub(crate) fn events(witness: &Witness, sent: &Sent) {
    let deliveries = witness.messages_on("/records").len();
    let events = witness.whole_events();
    println!("{} events in {deliveries} deliveries", events.len());
    let of_type = |wanted: &str| -> Vec<&Value> {
        events.iter().filter(|event| event["type"] == wanted).collect()
    };

    let sales = distinct(&of_type("tillgate.sale.v1"), |event| text(&event["subject"]).to_owned());
    let lost: Vec<_> = sent.sales.difference(&sales).collect();
    assert!(
        lost.is_empty(),
        "{} acknowledged sales are lost, such as {:?}",
        lost.len(),
        lost.first()
    );
    let unknown: Vec<_> = sales.difference(&sent.sales).collect();
    assert!(unknown.is_empty(), "sales that nobody was answered for: {unknown:?}");

    let orders =
        distinct(&of_type("tillgate.order.v1"), |event| text(&event["data"]["number"]).to_owned());
    let expected: BTreeSet<_> = sent.orders.iter().map(|control| format!("PO-{control}")).collect();
    assert_eq!(orders, expected, "each order is there once");

    scans(&of_type("tillgate.reading.v1"), sent);
}

/// A scan has no acknowledgement: one that the daemon had read and not yet journalled is lost with it. What arrived was
/// scanned, and nothing arrived twice.
fn scans(readings: &[&Value], sent: &Sent) {
    let whole: Vec<_> =
        readings.iter().copied().filter(|event| event["data"]["gtin"].is_string()).collect();
    let scans = distinct(&whole, |event| text(&event["data"]["gtin"])[1..].to_owned());
    println!(
        "{} of {} scans, {} readings in part",
        scans.len(),
        sent.scans.len(),
        readings.len() - whole.len()
    );
    let invented: Vec<_> = scans.difference(&sent.scans).collect();
    assert!(invented.is_empty(), "readings of articles that nobody scanned: {invented:?}");
    assert!(!scans.is_empty(), "the lane never worked");
}

/// The names of events, each of which may come once only: a second event under another id is a double in effect.
fn distinct(events: &[&Value], name: impl Fn(&Value) -> String) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for event in events {
        let name = name(event);
        assert!(names.insert(name.clone()), "{name} arrived under two ids");
    }
    names
}
