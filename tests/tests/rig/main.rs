//! Real devices: a Debian kernel in QEMU, in which the daemon reads HID, evdev and USB serial devices and forwards to a
//! real broker. The scenes are in `tests/src/bin/rig`; the guest boots once for all of them.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's tool that fails says so and stops the test"
)]
#![expect(clippy::print_stdout, reason = "figures, and the reason why nothing was tested")]

mod boot;
mod initrd;
mod kernel;

/// The scene went well in the guest.
#[track_caller]
fn scene(name: &str) {
    if let Some(hindrance) = boot::hindrance() {
        println!("skipped: {hindrance}");
        return;
    }
    let console = boot::console();
    let said = console.lines().filter_map(|line| line.strip_prefix("scene "));
    let mine =
        said.filter_map(|line| line.strip_prefix(name)).find_map(|rest| rest.strip_prefix(' '));
    let Some(mine) = mine else { panic!("the guest did not get to {name}; it said:\n{console}") };
    println!("{name}: {mine}");
    assert!(mine.starts_with("ok "), "{name}: {mine}\nThe guest said:\n{console}");
}

#[test]
fn hid_scanner() {
    scene("hid_scanner");
}

#[test]
fn usb_hid_scanner() {
    scene("usb_hid_scanner");
}

#[test]
fn acm_scanner() {
    scene("acm_scanner");
}

#[test]
fn ftdi_scanner() {
    scene("ftdi_scanner");
}

#[test]
fn card_readers() {
    scene("card_readers");
}

#[test]
fn two_wedges_at_once() {
    scene("two_wedges_at_once");
}

#[test]
fn wedge_back_to_back() {
    scene("wedge_back_to_back");
}

#[test]
fn usb_keyboard() {
    scene("usb_keyboard");
}

#[test]
fn usb_ccid_reader() {
    scene("usb_ccid_reader");
}

#[test]
fn replug_hid_scanner() {
    scene("replug_hid_scanner");
}

#[test]
fn replug_wedge() {
    scene("replug_wedge");
}

#[test]
fn replug_serial_adapter() {
    scene("replug_serial_adapter");
}

#[test]
fn unplugged_devices_cost_nothing() {
    scene("unplugged_devices_cost_nothing");
}

#[test]
fn scan_to_commit() {
    scene("scan_to_commit");
}
