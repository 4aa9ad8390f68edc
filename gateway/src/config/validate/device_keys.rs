//! Keys of a `[[device]]` that its driver does not look at, and ports that lead to devices of another kind.
//!
//! In: a device as configured. Out: warnings, since the device works without them. Never: a word on a key that has its
//! usual value, which nobody may have written.

use std::path::Path;

use super::Flaws;
use crate::config::device::{ChipCard, FlowControl, Scale};
use crate::config::{
    CodeIds, Device, Driver, Protocol, Suffix, default_baud, default_key_gap_ms, default_layout,
    default_line,
};

/// A key that is set, and who looks at it.
type Set = (&'static str, bool, &'static [Driver]);

const SERIAL: &[Driver] = &[Driver::SerialScanner, Driver::SerialMagstripe, Driver::SerialScale];
const LINES: &[Driver] = &[Driver::SerialScanner, Driver::SerialMagstripe];
const FRAMED: &[Driver] = &[Driver::SerialScanner, Driver::SerialMagstripe, Driver::KeyboardWedge];
const WEDGE: &[Driver] = &[Driver::KeyboardWedge];

pub(super) fn check(device: &Device, path: impl Fn(&str) -> String, flaws: &mut Flaws) {
    let driver = device.driver;
    for (key, is_set, users) in line_keys(device).into_iter().chain(reading_keys(device)) {
        if is_set && !users.contains(&driver) {
            let named: Vec<&str> = users.iter().map(|driver| name(*driver)).collect();
            let message = format!(
                "has no effect for {}: only {} uses it; take it out, or check the driver",
                name(driver),
                named.join(" or ")
            );
            flaws.warning(path(key), message);
        }
    }
    if device.protocol == Protocol::Ssi {
        let ignored =
            reading_keys(device).into_iter().filter(|(_, _, users)| users.contains(&driver));
        let heard = ["accept", "refuse"];
        for (key, ..) in ignored.filter(|(key, is_set, _)| *is_set && !heard.contains(key)) {
            let message =
                "has no effect with protocol = \"ssi\", in which packets say all this: take it out";
            flaws.warning(path(key), message);
        }
    }
    ends(device, &path, flaws);
    if let Some(message) = device.port.as_deref().and_then(|port| wrong_port(driver, port)) {
        flaws.warning(path("port"), message);
    }
}

fn line_keys(device: &Device) -> [Set; 3] {
    [
        ("baud", device.baud != default_baud(), SERIAL),
        ("line", device.line != default_line(), SERIAL),
        ("flow_control", device.flow_control != FlowControl::None, SERIAL),
    ]
}

fn reading_keys(device: &Device) -> [Set; 10] {
    [
        ("suffix", device.suffix != Suffix::Any, FRAMED),
        ("prefix", !device.prefix.is_empty(), FRAMED),
        ("code_ids", device.code_ids != CodeIds::Aim, &[Driver::SerialScanner]),
        ("acknowledge", device.acknowledge, LINES),
        ("accept", !device.accept.is_empty(), LINES),
        ("refuse", !device.refuse.is_empty(), LINES),
        ("layout", device.layout != default_layout(), WEDGE),
        ("key_gap_ms", device.key_gap_ms != default_key_gap_ms(), WEDGE),
        ("card", device.card != ChipCard::default(), &[Driver::Pcsc]),
        ("scale", device.scale != Scale::default(), &[Driver::SerialScale]),
    ]
}

/// Prefixes and suffixes that cannot be.
fn ends(device: &Device, path: impl Fn(&str) -> String, flaws: &mut Flaws) {
    if device.driver == Driver::KeyboardWedge && device.suffix == Suffix::Etx {
        flaws.warning(
            path("suffix"),
            "cannot be typed: a keyboard-wedge ends a reading with Enter (\"cr\"), Tab (\"tab\"), a pause (\"gap\"), or \
             with what it does at first (\"any\")",
        );
    }
    let is_line = LINES.contains(&device.driver) && device.protocol == Protocol::Lines;
    if is_line && device.suffix == Suffix::Any && device.prefix.contains(['\r', '\n']) {
        flaws.warning(
            path("prefix"),
            "holds a line end, which ends a reading with suffix = \"any\", so that no reading begins with it: set \
             suffix to the one that the device sends",
        );
    }
}

/// What only devices of another kind are found below.
fn wrong_port(driver: Driver, port: &Path) -> Option<String> {
    let port = port.to_str()?;
    let begins = |fronts: &[&str]| fronts.iter().any(|front| port.starts_with(front));
    let is_serial =
        begins(&["/dev/serial/", "/dev/ttyS", "/dev/ttyUSB", "/dev/ttyACM", "/dev/ttyAMA"]);
    let (is_hid, is_input) = (begins(&["/dev/hidraw"]), begins(&["/dev/input/"]));
    let (kind, is_wrong) = match driver {
        driver if SERIAL.contains(&driver) => ("serial port", is_hid || is_input),
        Driver::HidScanner | Driver::HidMagstripe | Driver::Snapi => {
            ("HID device such as /dev/hidraw0", is_serial || is_input)
        }
        Driver::KeyboardWedge => {
            ("keyboard such as those below /dev/input/by-id", is_serial || is_hid)
        }
        _ => return None,
    };
    is_wrong.then(|| {
        format!(
            "leads to a device of another kind: a {} is a {kind}; check the driver; `tillgate devices` prints the lines",
            name(driver)
        )
    })
}

fn name(driver: Driver) -> &'static str {
    match driver {
        Driver::SerialScanner => "serial-scanner",
        Driver::SerialMagstripe => "serial-magstripe",
        Driver::HidScanner => "hid-scanner",
        Driver::HidMagstripe => "hid-magstripe",
        Driver::Snapi => "snapi",
        Driver::Pcsc => "pcsc",
        Driver::SerialScale => "serial-scale",
        Driver::KeyboardWedge => "keyboard-wedge",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys that are warned of.
    fn warned(device: &str) -> Vec<String> {
        let device: Device = toml::from_str(&format!("id = 'd'\nlane = '1'\n{device}")).unwrap();
        let mut flaws = Flaws::default();
        check(&device, str::to_owned, &mut flaws);
        flaws.0.into_iter().map(|flaw| flaw.path).collect()
    }

    #[test]
    fn keys_without_effect_are_warned_of() {
        for (device, keys) in [
            (
                "driver = 'hid-scanner'\nbaud = 19200\nlayout = 'de'\nacknowledge = true",
                ["baud", "acknowledge", "layout"].as_slice(),
            ),
            (
                "driver = 'keyboard-wedge'\ncode_ids = 'zebra'\naccept = 'x'\nsuffix = 'etx'",
                &["code_ids", "accept", "suffix"],
            ),
            (
                "driver = 'serial-scanner'\nprotocol = 'ssi'\nsuffix = 'cr'\nacknowledge = true",
                &["suffix", "acknowledge"],
            ),
            ("driver = 'serial-scanner'\nscale = { speaks = 'nci' }", &["scale"]),
            ("driver = 'keyboard-wedge'\nport = '/dev/ttyS0'", &["port"]),
            ("driver = 'hid-scanner'\nport = '/dev/serial/by-id/usb-x'", &["port"]),
            ("driver = 'serial-scanner'\nport = '/dev/hidraw0'", &["port"]),
            ("driver = 'serial-scanner'\nprefix = \"\\r\"", &["prefix"]),
        ] {
            assert_eq!(warned(device), keys, "{device}");
        }
    }

    #[test]
    fn keys_with_effect_are_not() {
        for device in [
            "driver = 'serial-scanner'\nbaud = 115200\nsuffix = 'etx'\nprefix = \"\\u0002\"\ncode_ids = 'zebra'",
            "driver = 'serial-scanner'\nprotocol = 'ssi'\nbaud = 115200\naccept = \"\\u0001\"\nrefuse = \"\\u0008\"",
            "driver = 'keyboard-wedge'\nsuffix = 'gap'",
            "driver = 'serial-magstripe'\nacknowledge = true\nport = '/dev/ttyUSB0'",
            "driver = 'keyboard-wedge'\nlayout = 'de'\nkey_gap_ms = 50\nsuffix = 'cr'\nprefix = '~'",
            "driver = 'serial-scale'\nscale = { speaks = 'nci' }\nport = '/dev/ttyS0'",
            "driver = 'hid-scanner'\nport = '/dev/hidraw0'",
        ] {
            assert!(warned(device).is_empty(), "{device}: {:?}", warned(device));
        }
    }
}
