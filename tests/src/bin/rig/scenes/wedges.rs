//! Scanners that type.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use crate::machine::Machine;
use crate::store::{Device, KEYBOARD, Store, WEDGE_A, WEDGE_B, assert_on_lane, code_of};
use crate::wedge::Wedge;

const CODES: usize = 200;
/// The pace of a common scanner.
const CHARACTER: Duration = Duration::from_millis(5);

fn codes(prefix: &str) -> Vec<String> {
    (0..CODES).map(|number| format!("{prefix}-{number:06}-x{prefix}")).collect()
}

/// What came of one device on its lane.
fn of(events: &[serde_json::Value], device: &Device) -> Vec<String> {
    let mine = events.iter().filter(|event| event["data"]["device"] == device.id);
    mine.inspect(|event| assert_on_lane(event, device)).map(code_of).collect()
}

pub(crate) fn two_at_once(store: &mut Store) -> String {
    let (mut one, _) = store.plug(&WEDGE_A, || Wedge::plug_in("rig-wedge-a"));
    let (mut other, _) = store.plug(&WEDGE_B, || Wedge::plug_in("rig-wedge-b"));
    let (codes_a, codes_b) = (codes("Aa"), codes("Bb"));
    thread::scope(|scope| {
        scope.spawn(|| codes_a.iter().for_each(|code| one.scan(code, CHARACTER)));
        scope.spawn(|| codes_b.iter().for_each(|code| other.scan(code, CHARACTER)));
    });
    let events = store.events(2 * CODES);
    assert_eq!(of(&events, &WEDGE_A), codes_a);
    assert_eq!(of(&events, &WEDGE_B), codes_b);
    assert_eq!(events.len(), 2 * CODES);
    format!("{} of {} codes, each on its lane, in order", events.len(), 2 * CODES)
}

/// One code after the other: first as fast as a USB keyboard can be, which the host asks once a millisecond, then as
/// fast as the kernel takes them, when its buffer of a few codes overflows.
pub(crate) fn back_to_back(store: &mut Store) -> String {
    let (mut wedge, _) = store.plug(&WEDGE_A, || Wedge::plug_in("rig-wedge-a"));
    let fast = burst(store, &mut wedge, "Cc", Duration::from_millis(2));
    assert_eq!(fast, (CODES, 0.0), "right and damaged at 2 ms a character");
    let (right, damaged) = burst(store, &mut wedge, "Dd", Duration::ZERO);
    assert!(right == CODES || damaged > 0.0, "{right} right: the others are lost without a word");
    format!(
        "{CODES} of {CODES} right at 2 ms a character; without any pause {right} right, {damaged} times damaged"
    )
}

/// How many codes were right, and how often the daemon marked damage. None may be wrong or come twice.
fn burst(store: &mut Store, wedge: &mut Wedge, prefix: &str, pause: Duration) -> (usize, f64) {
    let metric = "tillgate_device_readings_total{device=\"wedge-a\",outcome=\"damaged\"}";
    let before = store.metric(metric);
    let codes = codes(prefix);
    codes.iter().for_each(|code| wedge.scan(code, pause));
    let read = of(&store.rest(), &WEDGE_A);
    let sent: HashSet<&String> = codes.iter().collect();
    let right: HashSet<&String> = read.iter().filter(|code| sent.contains(code)).collect();
    assert_eq!(right.len(), read.len(), "wrong or twice: {read:?}");
    (right.len(), store.metric(metric) - before)
}

pub(crate) fn usb_keyboard(store: &mut Store) -> String {
    let mut machine = Machine::new();
    store.plug(&KEYBOARD, || machine.plug_keyboard());
    let codes = ["204711", "590123", "204711"];
    for code in codes {
        machine.type_digits(code);
        assert_eq!(store.codes(&KEYBOARD, 1), [code]);
    }
    store.unplug(&KEYBOARD, || machine.unplug("keyboard"));
    format!("{0} of {0} codes", codes.len())
}
