//! Which device is meant and how it speaks, in the words of the configuration.
//!
//! In and out: TOML. Never: what a driver does with it.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use tillgate_drivers::attached::{Address, Selector, UsbId};

use super::Device;

impl Device {
    /// Which device is meant: by path, or by what it says of itself and where it is plugged in.
    #[must_use]
    pub fn address(&self) -> Address {
        match &self.port {
            Some(port) => Address::Port(port.clone()),
            None => Address::Selector(Selector {
                usb: self.usb,
                serial_number: self.serial_number.clone(),
                usb_port: self.usb_port.clone(),
                interface: self.interface,
            }),
        }
    }
}

pub(super) fn usb_id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<UsbId>, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(de::Error::custom)
}

/// Whose code identifiers stand before a barcode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CodeIds {
    /// AIM's, such as `]C1`, or none.
    #[default]
    Aim,
    /// Datalogic's standard table.
    Datalogic,
    /// Honeywell's.
    Honeywell,
    /// Zebra's.
    Zebra,
}

/// How one side of a line makes the other wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlowControl {
    /// Not at all.
    #[default]
    None,
    /// By wires.
    RtsCts,
    /// By bytes.
    XonXoff,
}

/// How a scanner speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A line for each code.
    #[default]
    Lines,
    /// Packets, each acknowledged.
    Ssi,
}
