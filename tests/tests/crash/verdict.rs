//! What must hold after the crash test.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tillgate_tests::edi::segment;
use tillgate_tests::partner::Partner;
use tillgate_tests::site::Site;
use tillgate_tests::witness::{Witness, text};

use super::senders::{CARD, Sent};

/// Every file of the partner is where it belongs, none was taken twice, none holds card data, and each has earned
/// exactly one 997.
pub(crate) fn files(site: &Site, sent: &Sent) {
    let partner = site.partner();
    assert_eq!(controls_in(&partner, "done"), sent.files, "each file is done, and only once");
    let rejected = controls_in(&partner, "rejected");
    assert_eq!(rejected, sent.too_large, "what is too large is rejected, and only once");
    assert!(partner.names(".taken").is_empty(), "what was taken is gone from its last place");

    let mut acknowledged: BTreeMap<u32, u32> = BTreeMap::new();
    let mut own_numbers = BTreeSet::new();
    for name in partner.names("out") {
        let text = partner.read("out", &name);
        let own = segment(&text, "ISA")[13].clone();
        assert!(own_numbers.insert(own.clone()), "the control number {own} was given out twice");
        if name.starts_with("997") {
            let group = segment(&text, "AK1")[2].parse().expect("the control number of a group");
            *acknowledged.entry(group).or_default() += 1;
            let verdict = segment(&text, "AK9")[1].clone();
            assert!(verdict == "A" || sent.too_large.contains_key(&group), "{text}");
        }
    }
    let unacknowledged: Vec<_> =
        sent.files.keys().filter(|control| !acknowledged.contains_key(control)).collect();
    assert!(unacknowledged.is_empty(), "files without a 997: {unacknowledged:?}");
    let repeated: Vec<_> = acknowledged.iter().filter(|(_, count)| **count != 1).collect();
    assert!(repeated.is_empty(), "files with more than one 997: {repeated:?}");
}

/// The control numbers of the interchanges in a folder, each with the name that its file had at first.
fn controls_in(partner: &Partner, folder: &str) -> BTreeMap<u32, String> {
    let mut controls = BTreeMap::new();
    for name in partner.names(folder).iter().filter(|name| !name.ends_with(".findings.txt")) {
        let text = partner.read(folder, name);
        assert!(!text.contains(CARD), "{folder}/{name} holds a card number");
        let control = segment(&text, "ISA")[13].parse().expect("a control number");
        // Later files of one name get a number behind it, or what no other file has.
        let (stem, _) = name.split_once(".edi").expect("a file of the partner");
        let before = controls.insert(control, format!("{stem}.edi"));
        assert!(before.is_none(), "{folder} holds interchange {control} twice, also as {name}");
    }
    controls
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
    let expected: BTreeSet<_> =
        sent.files.keys().chain(&sent.posted).map(|control| format!("PO-{control}")).collect();
    assert_eq!(orders, expected, "each order is there once");

    readings(&of_type("tillgate.reading.v1"), sent);
}

/// A scan has no acknowledgement: one that the daemon had read and not yet journalled is lost with it. What arrived was
/// scanned, and nothing arrived twice.
fn readings(readings: &[&Value], sent: &Sent) {
    let (cards, codes): (Vec<&Value>, Vec<&Value>) =
        readings.iter().copied().partition(|event| event["data"]["kind"] == "card");
    let (whole, part): (Vec<&Value>, Vec<&Value>) =
        codes.into_iter().partition(|event| event["data"]["gtin"].is_string());
    let scans = distinct(&whole, |event| text(&event["data"]["gtin"])[1..].to_owned());
    println!(
        "{} of {} scans and {} in part, {} of {} swipes",
        scans.len(),
        sent.scans.len(),
        part.len(),
        cards.len(),
        sent.swipes
    );
    let invented: Vec<_> = scans.difference(&sent.scans).collect();
    assert!(invented.is_empty(), "readings of articles that nobody scanned: {invented:?}");
    assert!(cards.len() <= sent.swipes, "readings of cards that nobody swiped");
    assert!(!scans.is_empty() && !cards.is_empty(), "the lane never worked");
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
