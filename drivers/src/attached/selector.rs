//! How a configuration names a device so that the name stays with it, and which device a name means now.
//!
//! In: a name, and the devices that are attached. Out: one device, or that it is none or several, with the candidates.
//! Node numbers move at each restart; a serial number stays with the device, a USB port with the socket. Never: a guess
//! between two devices.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{AttachedDevice, NodeKind, Role, Roots, devices, devices_of};
use crate::DriverKind;

/// USB vendor and product, written `05e0:1900`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UsbId {
    /// `idVendor`
    pub vendor: u16,
    /// `idProduct`
    pub product: u16,
}

/// A text that is no [`UsbId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected vendor and product as `lsusb` writes them, such as \"05e0:1900\", found \"{found}\""
)]
pub struct BadUsbId {
    /// What stood there.
    pub found: String,
}

impl FromStr for UsbId {
    type Err = BadUsbId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| {
            let plain = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            plain.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
        };
        let parts = text.split_once(':').and_then(|(vendor, product)| {
            Some(Self { vendor: number(vendor)?, product: number(product)? })
        });
        parts.ok_or_else(|| BadUsbId { found: text.to_owned() })
    }
}

impl fmt::Display for UsbId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor, self.product)
    }
}

/// A text that is no USB port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected the controller and the ports from there, such as \"0000:00:14.0/1.2\", as `tillgate devices` prints it: \
     a name such as \"1-1.2\" begins with a bus number, which may be another one after a restart"
)]
pub struct BadUsbPort;

/// Whether a text is written as [`AttachedDevice::usb_port`] is.
///
/// # Errors
/// When it is not.
pub fn check_usb_port(text: &str) -> Result<(), BadUsbPort> {
    let (controller, ports) = text.split_once('/').ok_or(BadUsbPort)?;
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let right = !controller.is_empty() && ports.split('.').all(digits);
    right.then_some(()).ok_or(BadUsbPort)
}

/// What must hold of a device. What is none, holds of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    /// Vendor and product.
    pub usb: Option<UsbId>,
    /// What the device says its serial number is.
    pub serial_number: Option<String>,
    /// The socket, as [`AttachedDevice::usb_port`].
    pub usb_port: Option<String>,
    /// Which interface, where a device has several that look alike.
    pub interface: Option<u8>,
}

impl Selector {
    fn matches(&self, device: &AttachedDevice) -> bool {
        fn holds<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none() || wanted == found
        }
        let identity = device.identity.as_ref();
        let serial_number = identity.and_then(|identity| identity.serial_number.as_ref());
        holds(self.usb.as_ref(), identity.map(|identity| &identity.usb))
            && holds(self.serial_number.as_ref(), serial_number)
            && holds(self.usb_port.as_ref(), device.usb_port.as_ref())
            && holds(self.interface.as_ref(), device.interface.as_ref())
    }
}

/// As it stands in a configuration.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |name: &str, value: &dyn fmt::Display| format!("{name} = \"{value}\"");
        let parts = [
            self.usb.map(|usb| text("usb", &usb)),
            self.serial_number.as_ref().map(|number| text("serial_number", number)),
            self.usb_port.as_ref().map(|port| text("usb_port", port)),
            self.interface.map(|number| format!("interface = {number}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

/// How a configuration names a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// By the path of its node, or of a link to it.
    Port(PathBuf),
    /// By what it says of itself and where it is plugged in.
    Selector(Selector),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => port.display().fmt(f),
            Self::Selector(selector) => selector.fmt(f),
        }
    }
}

/// A selector does not lead to one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOne {
    /// No device that the driver reads is like that.
    None,
    /// Several are.
    Several,
}

impl Address {
    /// The node that is meant now. A path is not looked at.
    ///
    /// # Errors
    /// When a selector holds of no device that the driver reads, or of several.
    pub fn locate(&self, roots: &Roots, driver: DriverKind) -> Result<PathBuf, NotOne> {
        let selector = match self {
            Self::Port(port) => return Ok(port.clone()),
            Self::Selector(selector) => selector,
        };
        let attached = devices_of(roots, Wanted::of(driver).kind);
        let mut found =
            attached.iter().filter(|device| device.is_for(driver) && selector.matches(device));
        match (found.next(), found.next()) {
            (Some(device), None) => Ok(device.node.clone()),
            (None, _) => Err(NotOne::None),
            (Some(_), Some(_)) => Err(NotOne::Several),
        }
    }

    /// The devices that are meant, of those that the driver reads.
    #[must_use]
    pub fn meant<'d>(
        &self,
        attached: &'d [AttachedDevice],
        driver: DriverKind,
    ) -> Vec<&'d AttachedDevice> {
        let is_meant = |device: &&AttachedDevice| match self {
            Self::Port(port) => device.is_at(port),
            Self::Selector(selector) => device.is_for(driver) && selector.matches(device),
        };
        attached.iter().filter(is_meant).collect()
    }
}

/// What a driver reads.
pub(crate) struct Wanted {
    pub(crate) kind: NodeKind,
    roles: &'static [Role],
    words: &'static str,
    /// What to do where no such device is attached.
    none: &'static str,
}

impl Wanted {
    pub(crate) fn of(driver: DriverKind) -> Self {
        match driver {
            DriverKind::SerialScanner | DriverKind::SerialMagstripe => Self {
                kind: NodeKind::Serial,
                roles: &[
                    Role::SerialScanner,
                    Role::SerialMagstripe,
                    Role::Scale,
                    Role::SerialAdapter,
                    Role::PlainSerial,
                ],
                words: "serial port",
                none: "check cable and power, and whether the device is set to USB serial (CDC) rather than keyboard",
            },
            DriverKind::HidScanner => Self {
                kind: NodeKind::Hidraw,
                roles: &[Role::HidScanner],
                words: Role::HidScanner.words(),
                none: "check cable and power; many scanners are keyboards until a code in their manual sets them to \
                       HID POS",
            },
            DriverKind::HidMagstripe => Self {
                kind: NodeKind::Hidraw,
                roles: &[Role::HidMagstripe],
                words: Role::HidMagstripe.words(),
                none: "check cable and power",
            },
            DriverKind::Snapi => Self {
                kind: NodeKind::Hidraw,
                roles: &[Role::Snapi],
                words: Role::Snapi.words(),
                none: "check cable and power, and scan the code in its manual that selects SNAPI",
            },
            DriverKind::KeyboardWedge => Self {
                kind: NodeKind::Evdev,
                roles: &[Role::ScannerWedge, Role::CardWedge, Role::Keyboard],
                words: Role::Keyboard.words(),
                none: "check cable and power",
            },
        }
    }
}

impl AttachedDevice {
    /// Whether it is one that a driver reads.
    #[must_use]
    pub fn is_for(&self, driver: DriverKind) -> bool {
        let wanted = Wanted::of(driver);
        self.kind == wanted.kind && wanted.roles.contains(&self.role)
    }

    /// Whether a driver could be meant to read either.
    fn competes_with(&self, other: &Self) -> bool {
        self.kind == other.kind && (self.kind != NodeKind::Hidraw || self.role == other.role)
    }
}

/// The name that tells a device from all others that are attached, and stays with it: by serial number, else by USB
/// port, with the interface where that is needed; else by a link; else by the node.
#[must_use]
pub fn address_of(device: &AttachedDevice, attached: &[AttachedDevice]) -> Address {
    let Some(identity) = &device.identity else {
        return Address::Port(device.stable_name().to_owned());
    };
    let usb = Selector { usb: Some(identity.usb), ..Selector::default() };
    let by_serial = identity
        .serial_number
        .as_ref()
        .map(|number| Selector { serial_number: Some(number.clone()), ..usb.clone() });
    let by_port = device
        .usb_port
        .as_ref()
        .map(|port| Selector { usb_port: Some(port.clone()), ..usb.clone() });
    // A device that is plugged in nowhere has nothing but its ids.
    let by_ids = (by_serial.is_none() && by_port.is_none()).then_some(usb);
    let choices = [by_serial, by_port, by_ids].into_iter().flatten().flat_map(|selector| {
        let with_interface = Selector { interface: device.interface, ..selector.clone() };
        [selector, with_interface]
    });
    let is_unique = |selector: &Selector| {
        let mut rivals =
            attached.iter().filter(|other| other.competes_with(device) && *other != device);
        !rivals.any(|other| selector.matches(other))
    };
    choices
        .into_iter()
        .find(is_unique)
        .map_or_else(|| Address::Port(device.stable_name().to_owned()), Address::Selector)
}

/// Candidates in a text: as many as a person reads.
const CANDIDATES_MAX: usize = 8;

/// What to name instead of an address that leads to no device, or to several.
#[must_use]
pub fn instead_of(roots: &Roots, address: &Address, driver: DriverKind) -> String {
    let attached = devices(roots);
    let fitting: Vec<&AttachedDevice> =
        attached.iter().filter(|device| device.is_for(driver)).collect();
    if let Some(other) = in_another_mode(address, driver, &attached) {
        return other;
    }
    if fitting.is_empty() {
        let Wanted { words, none, .. } = Wanted::of(driver);
        return format!("no {words} is attached: {none}");
    }
    let meant = address.meant(&attached, driver);
    let (heading, listed) = match meant.len() {
        0 | 1 => ("attached now", &fitting),
        _ => ("these match", &meant),
    };
    let named = |device: &&AttachedDevice| {
        let node = device.node.display();
        match address_of(device, &attached) {
            Address::Port(port) if port == device.node => node.to_string(),
            address => format!("{address} ({node})"),
        }
    };
    let names: Vec<String> = listed.iter().take(CANDIDATES_MAX).map(named).collect();
    let more = match listed.len().saturating_sub(CANDIDATES_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{heading}: {}{more}", names.join("; "))
}

/// The device is there, but as something that the driver does not read.
fn in_another_mode(
    address: &Address,
    driver: DriverKind,
    attached: &[AttachedDevice],
) -> Option<String> {
    let Address::Selector(selector) = address else { return None };
    let wanted = Selector { interface: None, ..selector.clone() };
    if attached.iter().any(|device| device.is_for(driver) && wanted.matches(device)) {
        return None;
    }
    let same = |device: &&AttachedDevice| device.role != Role::Other && wanted.matches(device);
    let device = attached.iter().find(same)?;
    let fitting = device.role.driver(device.kind)?;
    Some(format!(
        "it is attached in another mode, {} is a {}: set `driver = \"{fitting}\"`, or scan the code in its manual that \
         selects the wanted mode",
        device.node.display(),
        device.role.words()
    ))
}

/// What is wrong with an address that leads to no device, or to several.
#[must_use]
pub fn not_one(address: &Address, driver: DriverKind, problem: NotOne) -> String {
    let what = Wanted::of(driver).words;
    match problem {
        NotOne::None => format!("no {what} has {address}"),
        NotOne::Several => {
            format!("{address} is not enough: more than one {what} has it; none is used")
        }
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Address {
    fn from(port: &P) -> Self {
        Self::Port(port.as_ref().to_owned())
    }
}
