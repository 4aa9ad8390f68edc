//! The lines of a `[[device]]`. In: a device and how to name it. Out: TOML. Which lane it is, only the operator knows.

use tillgate_drivers::attached::{Address, AttachedDevice, Selector};

/// The lines of a `[[device]]`.
pub(super) struct Block(String);

impl Block {
    pub(super) fn new(
        device: &AttachedDevice,
        driver: &str,
        address: Address,
        [id, lane]: [&str; 2],
    ) -> Self {
        let mut lines = vec![
            "[[device]]".to_owned(),
            text("id", id),
            text("lane", lane),
            text("driver", driver),
        ];
        match address {
            Address::Port(port) => lines.push(text("port", &port.display().to_string())),
            Address::Selector(Selector { usb, serial_number, usb_port, interface }) => {
                lines.extend(usb.map(|usb| text("usb", &usb.to_string())));
                lines.extend(serial_number.map(|number| text("serial_number", &number)));
                lines.extend(usb_port.map(|port| text("usb_port", &port)));
                lines.extend(interface.map(|number| format!("interface = {number}")));
            }
        }
        // A CDC device is serial by nature: it has no speed.
        if driver.starts_with("serial-") && device.driver.as_deref() != Some("cdc_acm") {
            lines.push("baud = 9600".to_owned());
        }
        Self(lines.join("\n") + "\n")
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name to begin with.
pub(super) fn id(driver: &str, number: usize) -> String {
    let what = match driver {
        "serial-magstripe" | "hid-magstripe" => "reader",
        "serial-scale" => "scale",
        _ => "scanner",
    };
    format!("{what}-{number}")
}

fn text(key: &str, value: &str) -> String {
    format!("{key} = {}", toml::Value::String(value.to_owned()))
}
