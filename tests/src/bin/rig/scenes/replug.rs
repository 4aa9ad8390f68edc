//! Unplugged and plugged in again ten times: every code arrives once.

use std::time::Duration;

use crate::hid;
use crate::machine::Machine;
use crate::store::{Device, FTDI_SCANNER, HID_SCANNER, Store, WEDGE_A};
use crate::uhid::HidDevice;
use crate::wedge::Wedge;

const ROUNDS: usize = 10;
/// Codes of one round: the last just before the device is unplugged.
const CODES: usize = 3;

/// Plays all rounds. `plug` gives the device, `scan` sends a code, `unplug` pulls it.
fn play<T>(
    store: &mut Store,
    device: &Device,
    mut plug: impl FnMut() -> T,
    mut scan: impl FnMut(&mut T, &str),
    mut unplug: impl FnMut(T),
) -> String {
    let (mut recovered, mut noticed) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (mut plugged, took) = store.plug(device, &mut plug);
        recovered.push(took);
        let codes: Vec<String> =
            (0..CODES).map(|number| format!("{}-{round}-{number}", device.lane)).collect();
        codes.iter().for_each(|code| scan(&mut plugged, code));
        assert_eq!(store.codes(device, CODES), codes, "round {round}");
        noticed.push(store.unplug(device, || unplug(plugged)));
    }
    let missed = store.rest();
    assert!(missed.is_empty(), "came twice or late: {missed:?}");
    format!(
        "{} codes once each in {ROUNDS} rounds; unplug noticed after {} ms, in use again after {} ms (median / worst)",
        ROUNDS * CODES,
        quantiles(noticed),
        quantiles(recovered),
    )
}

/// Median and worst, in milliseconds.
pub(super) fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    let worst = times.last().copied().unwrap_or_default();
    format!("{} / {}", middle.as_millis(), worst.as_millis())
}

pub(crate) fn hid_scanner(store: &mut Store) -> String {
    play(
        store,
        &HID_SCANNER,
        || HidDevice::plug_in(hid::SCANNER),
        |scanner, code| hid::scan("]C0", code).iter().for_each(|report| scanner.send(report)),
        drop,
    )
}

pub(crate) fn wedge(store: &mut Store) -> String {
    play(
        store,
        &WEDGE_A,
        || Wedge::plug_in("rig-wedge-a"),
        |wedge, code| wedge.scan(code, Duration::from_millis(5)),
        drop,
    )
}

pub(crate) fn serial_adapter(store: &mut Store) -> String {
    play(
        store,
        &FTDI_SCANNER,
        || {
            let mut machine = Machine::new();
            machine.plug_serial();
            machine
        },
        |machine, code| machine.send(format!("]C0{code}\r").as_bytes()),
        |mut machine| machine.unplug("scanner"),
    )
}
