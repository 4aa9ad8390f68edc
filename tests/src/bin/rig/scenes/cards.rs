//! Card numbers through every device that needs this guest: what arrives is masked, and the number is nowhere, not even
//! in the daemon's memory.

use std::time::Duration;

use serde_json::Value;
use tillgate_tests::canary::{
    BEHIND_THE_NUMBER, HOLDER, Needles, assert_absent, masked, memory, one_of_each_scheme,
};
use tillgate_tests::site::ORG;

use crate::hid;
use crate::store::{
    CARD_READER, Device, HID_SCANNER, SNAPI_SCANNER, STRIPE_READER, Store, WEDGE_A, assert_on_lane,
};
use crate::uhid::HidDevice;
use crate::wedge::Wedge;

const MEMBER: &str = "9156001122334";
const CHARACTER: Duration = Duration::from_millis(2);
/// As SNAPI numbers it.
const CODE_128: u8 = 0x03;

pub(crate) fn play(store: &mut Store) -> String {
    let cards = one_of_each_scheme();
    readers(store, &cards);
    scanners(store, &cards);
    typed(store, &cards);
    // The devices are gone, so that nothing is under way any more.
    store.rest();
    let secrets: Vec<&str> = cards.iter().copied().chain([HOLDER, BEHIND_THE_NUMBER]).collect();
    let needles = Needles::of(&secrets);
    let traces = store.traces();
    assert_absent(&traces, &needles);
    let memory = memory(store.gateway.id()).expect("the guest's root looks into every process");
    assert!(!Needles::of(&[ORG]).found_in(&memory).is_empty(), "what surely is there");
    assert_absent(&memory, &needles);
    let (cards, traces, memory) = (cards.len(), traces.len(), memory.len());
    format!(
        "{cards} cards through 5 devices, masked; nothing else in {traces} places and {memory} stretches of memory"
    )
}

/// Magnetic stripes: reports as MagTek lays them out, and those of the usage page for them.
fn readers(store: &mut Store, cards: &[&str]) {
    let (mut reader, _) = store.plug(&CARD_READER, || HidDevice::plug_in(hid::CARD_READER));
    for card in cards {
        let [first, second] = tracks(card);
        reader.send(&hid::swipe([&format!("%{first}?"), &format!(";{second}?"), ""]));
        assert_masked(&store.events(1), &CARD_READER, "masked_pan", card);
    }
    reader.send(&hid::swipe(["", &format!(";{MEMBER}?"), ""]));
    assert_eq!(store.events(1)[0]["data"]["loyalty"], MEMBER);
    let (mut reader, _) = store.plug(&STRIPE_READER, || HidDevice::plug_in(hid::STRIPE_READER));
    for card in cards {
        let [first, second] = tracks(card);
        reader.send(&hid::stripe(&first, &second));
        assert_masked(&store.events(1), &STRIPE_READER, "masked_pan", card);
    }
}

/// Card numbers printed as barcodes, bare and in links.
fn scanners(store: &mut Store, cards: &[&str]) {
    let (mut scanner, _) = store.plug(&HID_SCANNER, || HidDevice::plug_in(hid::SCANNER));
    for card in cards {
        hid::scan("]C0", card).iter().for_each(|report| scanner.send(report));
        assert_masked(&store.events(1), &HID_SCANNER, "data", card);
        let link = format!("https://pay.example/a/longer/path/than/a/report/has?pan={card}&x=1");
        hid::scan("]Q1", &link).iter().for_each(|report| scanner.send(report));
        store.events(1);
    }
    let (mut scanner, _) = store.plug(&SNAPI_SCANNER, || HidDevice::plug_in(hid::SNAPI_SCANNER));
    for card in cards {
        hid::snapi_scan(CODE_128, card).iter().for_each(|report| scanner.send(report));
        assert_masked(&store.events(1), &SNAPI_SCANNER, "data", card);
        let link = format!("https://pay.example/a/longer/path/than/a/report/has?pan={card}&x=1");
        hid::snapi_scan(CODE_128, &link).iter().for_each(|report| scanner.send(report));
        store.events(1);
    }
}

/// A device that types barcodes and tracks.
fn typed(store: &mut Store, cards: &[&str]) {
    let (mut wedge, _) = store.plug(&WEDGE_A, || Wedge::plug_in("rig-wedge-a"));
    for card in cards {
        wedge.scan(card, CHARACTER);
        assert_masked(&store.events(1), &WEDGE_A, "data", card);
        let [first, second] = tracks(card);
        wedge.scan(&format!("%{first}?;{second}?"), CHARACTER);
        assert_masked(&store.events(1), &WEDGE_A, "masked_pan", card);
    }
}

/// Tracks 1 and 2, without sentinels.
fn tracks(card: &str) -> [String; 2] {
    [format!("B{card}^{HOLDER}^{BEHIND_THE_NUMBER}"), format!("{card}={BEHIND_THE_NUMBER}")]
}

#[track_caller]
fn assert_masked(events: &[Value], device: &Device, field: &str, card: &str) {
    assert_eq!(events.len(), 1, "{events:?}");
    assert_on_lane(&events[0], device);
    assert_eq!(events[0]["data"][field], masked(card), "{}", events[0]);
}
