//! What the devices cost the daemon, and how long a scan takes. The guest's processors are emulated, many times slower
//! than a till's: times are printed, and held to account only by bounds that leave room for that.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use super::scanners::acm_gadget;
use crate::hid;
use crate::machine::Machine;
use crate::store::{ACM_SCANNER, FTDI_SCANNER, HID_SCANNER, Store, WEDGE_A};
use crate::uhid::HidDevice;
use crate::wedge::Wedge;

/// How long the daemon is watched.
const WATCHED: Duration = Duration::from_secs(5);
/// Ticks of `/proc/PID/stat` in a second (`USER_HZ` is 100 on every x86).
const TICKS: u64 = 100;

/// What the search for four devices may take of the guest's processor, a debug build and 1 GHz.
const MISSING_PERCENT_MAX: f64 = 5.0;

/// Processor time after unplug is no more than before but for that search: a device that is gone keeps no loop busy.
pub(crate) fn unplugged(store: &mut Store) -> String {
    let mut machine = Machine::new();
    let gadget = acm_gadget();
    let (scanner, _) = store.plug(&HID_SCANNER, || HidDevice::plug_in(hid::SCANNER));
    let (wedge, _) = store.plug(&WEDGE_A, || Wedge::plug_in("rig-wedge-a"));
    store.plug(&ACM_SCANNER, || gadget.plug_in());
    store.plug(&FTDI_SCANNER, || machine.plug_serial());
    let before = busy(store);
    store.unplug(&HID_SCANNER, || drop(scanner));
    store.unplug(&WEDGE_A, || drop(wedge));
    store.unplug(&ACM_SCANNER, || gadget.unplug());
    store.unplug(&FTDI_SCANNER, || machine.unplug("scanner"));
    let after = busy(store);
    let figures = format!("{before:.1} % of a processor with four devices, {after:.1} % without");
    // One that spins takes all of it. A device that is missing is looked for a few times a second.
    assert!(after <= before + MISSING_PERCENT_MAX, "{figures}");
    figures
}

/// The daemon's share of a processor while nothing happens, in percent.
fn busy(store: &Store) -> f64 {
    sleep(Duration::from_secs(1));
    let before = ticks(store);
    sleep(WATCHED);
    let ticks = u32::try_from(ticks(store) - before).unwrap_or(u32::MAX);
    100.0 * f64::from(ticks) / (WATCHED.as_secs_f64() * TICKS as f64)
}

/// User and system time of the daemon: fields 14 and 15 of `/proc/PID/stat` (proc(5)), of which the second may hold
/// blanks and ends with a parenthesis.
fn ticks(store: &Store) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", store.gateway.id())).expect("a daemon");
    let rest = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let fields = rest.split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<u64>().ok()).sum()
}

const SCANS: usize = 50;
const EVERY: Duration = Duration::from_millis(97);
/// What a scan may take, at the median, from its lane to the broker's acknowledgement, and so to the journal, which
/// comes before. To the journal it is 5 ms on a till; in the guest, whose disk is memory, all of it takes that long
/// while its machine is idle. On a busy one the emulated processors wait for their turn: five times as much is
/// room for that, and less than any poll or timer on the way would cost.
const SECONDS_MAX: f64 = 0.025;

/// Upper ends of the daemon's histogram buckets, in seconds.
const BUCKETS: [&str; 11] =
    ["0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1"];

/// By the daemon's own metrics: the commit alone, and from the lane to the broker's acknowledgement.
pub(crate) fn scan_to_commit(store: &mut Store) -> String {
    let (mut scanner, _) = store.plug(&HID_SCANNER, || HidDevice::plug_in(hid::SCANNER));
    let names = ["tillgate_commit_seconds", "tillgate_capture_to_ack_seconds"];
    let before = names.map(|name| counts(store, name));
    for number in 0..SCANS {
        hid::scan("]C0", &format!("T-{number}")).iter().for_each(|report| scanner.send(report));
        sleep(EVERY);
    }
    let read = store.codes(&HID_SCANNER, SCANS);
    assert_eq!(read.len(), SCANS);
    let after = names.map(|name| counts(store, name));
    let commit = median(&before[0], &after[0]);
    let acknowledged = median(&before[1], &after[1]);
    let figures = format!(
        "median of {SCANS} scans: at most {acknowledged} s to the acknowledgement, {commit} s of it in the commit"
    );
    assert!(acknowledged <= SECONDS_MAX, "{figures}");
    figures
}

/// How many observations each bucket and those below it hold.
fn counts(store: &Store, name: &str) -> Vec<f64> {
    let bucket = |end: &str| store.metric(&format!("{name}_bucket{{le=\"{end}\"}}"));
    BUCKETS.iter().copied().chain(["+Inf"]).map(bucket).collect()
}

/// The upper end of the first bucket that holds half of what came since.
fn median(before: &[f64], after: &[f64]) -> f64 {
    let new: Vec<f64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    let half = new.last().copied().unwrap_or_default() / 2.0;
    let bucket = BUCKETS.iter().zip(&new).find(|(_, count)| **count >= half && half > 0.0);
    bucket.and_then(|(end, _)| end.parse().ok()).unwrap_or(f64::INFINITY)
}
