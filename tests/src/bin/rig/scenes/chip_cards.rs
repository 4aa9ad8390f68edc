//! Cards with contacts in QEMU's USB reader, through pcscd and its CCID driver.

use std::process::Command;

use tillgate_tests::chip_card::{Content, NDEF};
use tillgate_tests::deadline::until;
use tillgate_tests::process::{self, Process};

use super::replug::quantiles;
use crate::card_slot::CardSlot;
use crate::machine::Machine;
use crate::store::{CHIP_READER, LOYALTY_APPLICATION, Store, WAIT_SECONDS, assert_on_lane};

/// Numbers of the store's cards. The same card put in again is another reading.
const CARDS: [&str; 3] = ["9156001122334", "9156001122334", "9156005566778"];

/// How often the reader is unplugged.
const ROUNDS: usize = 10;

pub(crate) fn contacts(store: &mut Store) -> String {
    let _pcscd = pcscd();
    let (mut machine, mut slot) = (Machine::new(), CardSlot::open());
    let plug = |store: &Store, machine: &mut Machine, slot: &mut CardSlot| {
        let plug = || {
            machine.plug_chip_reader();
            slot.connect();
        };
        store.plug(&CHIP_READER, plug).1
    };
    plug(store, &mut machine, &mut slot);
    for number in CARDS {
        read(store, &mut slot, number);
        assert_eq!(slot.take_out(), questions());
    }
    refuse_bank_card(store, &mut slot);

    let (mut recovered, mut noticed) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        read(store, &mut slot, &format!("91560000000{round:02}"));
        // With the card in it: QEMU says now and then that the card went first.
        noticed.push(store.unplug(&CHIP_READER, || machine.unplug("chip-reader")));
        assert_eq!(slot.take_out_of_unplugged(), questions(), "round {round}");
        recovered.push(plug(store, &mut machine, &mut slot));
    }
    let missed = store.rest();
    assert!(missed.is_empty(), "came twice or late: {missed:?}");
    format!(
        "{} cards once each, a bank card asked for no payment; {ROUNDS} times unplugged, \
         noticed after {} ms, in use again after {} ms (median / worst)",
        CARDS.len() + ROUNDS,
        quantiles(noticed),
        quantiles(recovered),
    )
}

/// The pcscd of this guest; killed when dropped.
fn pcscd() -> Process {
    let mut help = Command::new("pcscd");
    help.arg("--help");
    let mut pcscd = process::command("pcscd");
    pcscd.arg("--foreground");
    // One that was built with polkit would ask it, and it is not here.
    if process::run(help).stdout.contains("--disable-polkit") {
        pcscd.arg("--disable-polkit");
    }
    Process::start(pcscd, "/tmp/pcscd.log".as_ref())
}

/// Puts a card of the store in, and sees its number arrive once.
fn read(store: &mut Store, slot: &mut CardSlot, number: &str) {
    let digits = hex::decode(format!("{number}f")).expect("an odd number of digits");
    let file = [&[0x00, 0x01][..], &digits].concat();
    slot.put_in(Content::with_file(LOYALTY_APPLICATION, 1, &file).with_contacts());
    let events = store.events(1);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_on_lane(&events[0], &CHIP_READER);
    assert_eq!(events[0]["data"]["kind"], "card", "{events:?}");
    assert_eq!(events[0]["data"]["loyalty"], number, "{events:?}");
}

/// All that a card of the store is asked: its application, a file, and seven bytes of it.
fn questions() -> [String; 3] {
    [select(LOYALTY_APPLICATION), "00a4000c020001".to_owned(), "00b0000207".to_owned()]
}

/// The command that selects an application. T=0 has no room behind the name for the length of an answer.
fn select(application: &str) -> String {
    format!("00a40400{:02x}{application}", application.len() / 2)
}

/// A bank's card is nobody: the store's and the NFC Forum's application are all that it is asked for.
fn refuse_bank_card(store: &mut Store, slot: &mut CardSlot) {
    let metric = "tillgate_device_readings_total{device=\"chip-reader\",outcome=\"damaged\"}";
    let before = store.metric(metric);
    slot.put_in(Content::telephone().with_contacts());
    until(WAIT_SECONDS, "the bank's card is refused", || store.metric(metric) > before);
    assert_eq!(slot.take_out(), [LOYALTY_APPLICATION, NDEF].map(select));
    let events = store.rest();
    assert!(events.is_empty(), "{events:?}");
}
