//! Scanners that type.

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
/// fast as the kernel takes them. Its buffer of 64 events then holds less than a code: when nobody reads in time it
/// drops all that is in it, as often as that happens, and says so once. How many codes that were it does not say.
pub(crate) fn back_to_back(store: &mut Store) -> String {
    let (mut wedge, _) = store.plug(&WEDGE_A, || Wedge::plug_in("rig-wedge-a"));
    let fast = burst(store, &mut wedge, "Cc", Duration::from_millis(2));
    assert_eq!((fast.right, fast.marks), (CODES, 0.0), "at 2 ms a character");
    let flood = burst(store, &mut wedge, "Dd", Duration::ZERO);
    let holes = f64::from(flood.holes);
    assert!(
        holes <= flood.marks,
        "{} right, with {holes} holes between them, of which only {} are marked",
        flood.right,
        flood.marks
    );
    format!(
        "{CODES} of {CODES} right at 2 ms a character; without any pause {} right, {holes} holes, {} marks",
        flood.right, flood.marks
    )
}

/// What came of codes that were scanned one after the other.
struct Burst {
    right: usize,
    /// So often one or more codes that follow each other did not come.
    holes: u32,
    /// So often the daemon marked damage.
    marks: f64,
}

/// None may be wrong, come twice or out of turn.
fn burst(store: &mut Store, wedge: &mut Wedge, prefix: &str, pause: Duration) -> Burst {
    let metric = "tillgate_device_readings_total{device=\"wedge-a\",outcome=\"damaged\"}";
    let before = store.metric(metric);
    let codes = codes(prefix);
    codes.iter().for_each(|code| wedge.scan(code, pause));
    let read = of(&store.rest(), &WEDGE_A);
    let mut rest = read.iter().peekable();
    let came: Vec<bool> =
        codes.iter().map(|code| rest.next_if(|read| *read == code).is_some()).collect();
    assert_eq!(rest.next(), None, "wrong, twice or out of turn: {read:?}");
    let holes = came.chunk_by(|one, next| one == next).filter(|run| run.first() == Some(&false));
    Burst {
        right: read.len(),
        holes: u32::try_from(holes.count()).expect("at most as many as codes"),
        marks: store.metric(metric) - before,
    }
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
