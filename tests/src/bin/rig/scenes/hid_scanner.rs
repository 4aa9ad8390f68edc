//! A scanner of the HID POS class: short codes, a code of several reports, equal codes.

use crate::hid;
use crate::store::{HID_SCANNER, Store};
use crate::uhid::HidDevice;

pub(crate) fn play(store: &mut Store) -> String {
    let mut scanner = HidDevice::plug_in(hid::SCANNER);
    store.wait_for_connection(&HID_SCANNER, 1);
    let long = format!("https://example.com/{}", "0123456789".repeat(20));
    let codes = [
        ("]E0", "4006381333931"),
        ("]Q1", long.as_str()),
        ("]E0", "4006381333931"),
        ("]E4", "96385074"),
    ];
    for (aim, code) in codes {
        hid::scan(aim, code).iter().for_each(|report| scanner.send(report));
    }
    let events = store.events(codes.len());
    let read: Vec<&str> =
        events.iter().filter_map(|event| event["data"]["data"].as_str()).collect();
    assert_eq!(read, codes.map(|(_, code)| code));
    for event in &events {
        assert_eq!(event["data"]["lane"], HID_SCANNER.lane);
        assert_eq!(event["data"]["device"], HID_SCANNER.id);
    }
    format!("{} of {} codes, one of {} bytes", read.len(), codes.len(), long.len())
}
