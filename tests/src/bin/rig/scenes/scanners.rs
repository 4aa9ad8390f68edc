//! Each kind of scanner: codes in order, equal ones too, on the lane of the device.

use std::io::Write;

use crate::gadget::{Description, Gadget};
use crate::hid;
use crate::machine::{Machine, open_raw};
use crate::store::{ACM_SCANNER, Device, FTDI_SCANNER, HID_SCANNER, Store, USB_HID_SCANNER};
use crate::uhid::HidDevice;

/// AIM identifiers and codes: one of several reports, two that are equal.
fn codes() -> Vec<(&'static str, String)> {
    let long = format!("https://example.com/{}", "0123456789".repeat(20));
    vec![
        ("]E0", "4006381333931".to_owned()),
        ("]Q1", long),
        ("]E0", "4006381333931".to_owned()),
        ("]E4", "96385074".to_owned()),
    ]
}

#[track_caller]
fn assert_read(store: &mut Store, device: &Device) -> String {
    let sent: Vec<String> = codes().into_iter().map(|(_, code)| code).collect();
    let read = store.codes(device, sent.len());
    assert_eq!(read, sent);
    format!("{} of {} codes", read.len(), sent.len())
}

pub(crate) fn hid(store: &mut Store) -> String {
    let (mut scanner, _) = store.plug(&HID_SCANNER, || HidDevice::plug_in(hid::SCANNER));
    for (aim, code) in codes() {
        hid::scan(aim, &code).iter().for_each(|report| scanner.send(report));
    }
    assert_read(store, &HID_SCANNER)
}

pub(crate) fn usb_hid(store: &mut Store) -> String {
    let gadget = Gadget::make(&Description {
        name: "HID scanner",
        serial_number: "HID0002",
        vendor: 0x0C2E,
        product: 0x0B82,
        function: "hid.0",
        attributes: &[("report_length", b"64"), ("report_desc", hid::SCANNER_DESCRIPTOR)],
        socket: "dummy_udc.1",
    });
    store.plug(&USB_HID_SCANNER, || gadget.plug_in());
    let mut device = std::fs::File::options().write(true).open("/dev/hidg0").expect("a HID gadget");
    for (aim, code) in codes() {
        for report in hid::scan(aim, &code) {
            device.write_all(&report).expect("the gadget sends");
        }
    }
    let figures = assert_read(store, &USB_HID_SCANNER);
    drop(device);
    store.unplug(&USB_HID_SCANNER, || gadget.unplug());
    figures
}

/// A scanner that is serial by nature.
pub(crate) fn acm_gadget() -> Gadget {
    Gadget::make(&Description {
        name: "ACM scanner",
        serial_number: "ACM0001",
        vendor: 0x0C2E,
        product: 0x0B61,
        function: "acm.0",
        attributes: &[],
        socket: "dummy_udc.0",
    })
}

pub(crate) fn acm(store: &mut Store) -> String {
    let gadget = acm_gadget();
    store.plug(&ACM_SCANNER, || gadget.plug_in());
    let mut device = open_raw("/dev/ttyGS0");
    device.write_all(&lines()).expect("the gadget sends");
    let figures = assert_read(store, &ACM_SCANNER);
    drop(device);
    store.unplug(&ACM_SCANNER, || gadget.unplug());
    figures
}

pub(crate) fn ftdi(store: &mut Store) -> String {
    let mut machine = Machine::new();
    store.plug(&FTDI_SCANNER, || machine.plug_serial());
    machine.send(&lines());
    let figures = assert_read(store, &FTDI_SCANNER);
    store.unplug(&FTDI_SCANNER, || machine.unplug("scanner"));
    figures
}

fn lines() -> Vec<u8> {
    codes().into_iter().flat_map(|(aim, code)| format!("{aim}{code}\r\n").into_bytes()).collect()
}
