//! The devices that are attached to this machine: serial ports, hidraw and input nodes, from sysfs and the links that
//! udev makes.
//!
//! In: the roots of `/dev`, `/sys`, `/proc` and `/etc`, so that a test brings its own. Out: devices with what tells
//! them apart, what they probably are, and words about them. Never: an open node. Looking must not disturb a device.

mod access;
mod role;
mod selector;
mod sysfs;

use std::path::{Path, PathBuf};

pub(crate) use access::holder;
pub use access::{Access, access, denied_hint};
pub use role::Role;
pub(crate) use selector::Wanted;
pub use selector::{
    Address, BadUsbId, BadUsbPort, NotOne, Selector, UsbId, address_of, check_usb_port, instead_of,
    not_one,
};

/// Where the machine describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// `/dev`
    pub dev: PathBuf,
    /// `/sys`
    pub sys: PathBuf,
    /// `/proc`
    pub proc: PathBuf,
    /// `/etc`
    pub etc: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl Roots {
    /// The roots in a directory: `/` is the machine itself.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self {
            dev: root.join("dev"),
            sys: root.join("sys"),
            proc: root.join("proc"),
            etc: root.join("etc"),
        }
    }
}

/// Which kind of node a device has. One USB device may have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// A serial port: `/dev/ttyACM0`.
    Serial,
    /// HID reports: `/dev/hidraw0`.
    Hidraw,
    /// Input events: `/dev/input/event0`.
    Evdev,
}

impl NodeKind {
    const ALL: [Self; 3] = [Self::Serial, Self::Hidraw, Self::Evdev];

    /// Its name for people and machines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Hidraw => "hidraw",
            Self::Evdev => "evdev",
        }
    }

    /// Below `/sys/class`.
    const fn class(self) -> &'static str {
        match self {
            Self::Serial => "tty",
            Self::Hidraw => "hidraw",
            Self::Evdev => "input",
        }
    }
}

/// A node of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedDevice {
    /// What is read from it.
    pub kind: NodeKind,
    /// The node, whose number moves: `/dev/ttyACM0`.
    pub node: PathBuf,
    /// The link that stays with the device.
    pub by_id: Option<PathBuf>,
    /// The link that stays with the socket.
    pub by_path: Option<PathBuf>,
    /// The kernel's driver.
    pub driver: Option<String>,
    /// What the device says of itself.
    pub identity: Option<Identity>,
    /// The socket: the USB controller, and the ports from there, such as `0000:00:14.0/1.2`. Bus numbers, which move,
    /// are no part of it.
    pub usb_port: Option<String>,
    /// Which of the device's interfaces it is (`bInterfaceNumber`).
    pub interface: Option<u8>,
    /// What it probably is.
    pub role: Role,
}

/// What a device says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Vendor and product.
    pub usb: UsbId,
    /// Whether it is a USB device; else it came by Bluetooth, or a program made it.
    pub on_usb: bool,
    /// Who made it.
    pub manufacturer: Option<String>,
    /// What it is called.
    pub product: Option<String>,
    /// Tells two equal devices apart.
    pub serial_number: Option<String>,
}

impl AttachedDevice {
    /// The best path: with the device, else with the socket, else the node.
    #[must_use]
    pub fn stable_name(&self) -> &Path {
        // Two equal devices without serial numbers would fight for one by-id link; the socket tells them apart.
        let serial_number =
            self.identity.as_ref().is_none_or(|identity| identity.serial_number.is_some());
        let by_id = self.by_id.as_ref().filter(|_| serial_number || self.by_path.is_none());
        by_id.or(self.by_path.as_ref()).unwrap_or(&self.node)
    }

    /// Whether it goes by that path.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        let names = [Some(&self.node), self.by_id.as_ref(), self.by_path.as_ref()];
        names.into_iter().flatten().any(|name| name == path)
            || std::fs::canonicalize(path).is_ok_and(|target| target == self.node)
    }

    /// Whether it and another are nodes of one device.
    #[must_use]
    pub fn is_same_hardware(&self, other: &Self) -> bool {
        self.usb_port.is_some()
            && self.usb_port == other.usb_port
            && self.identity == other.identity
    }
}

/// A sane machine has far fewer of a kind; a list has an end all the same.
const NODES_MAX: usize = 256;

/// All devices, sorted by kind and node.
#[must_use]
pub fn devices(roots: &Roots) -> Vec<AttachedDevice> {
    NodeKind::ALL.iter().flat_map(|kind| devices_of(roots, *kind)).collect()
}

/// The devices that have one kind of node.
fn devices_of(roots: &Roots, kind: NodeKind) -> Vec<AttachedDevice> {
    let links = match kind {
        NodeKind::Serial => "serial",
        NodeKind::Hidraw => "hidraw",
        NodeKind::Evdev => "input",
    };
    let by_id = sysfs::links(&roots.dev.join(links).join("by-id"));
    let by_path = sysfs::links(&roots.dev.join(links).join("by-path"));
    let mut devices: Vec<AttachedDevice> =
        sysfs::names(&roots.sys.join("class").join(kind.class()))
            .take(NODES_MAX)
            .filter_map(|name| {
                let mut device = described(roots, kind, &name)?;
                device.by_id = sysfs::link_to(&by_id, &device.node);
                device.by_path = sysfs::link_to(&by_path, &device.node);
                Some(device)
            })
            .collect();
    devices.sort_by(|one, other| sysfs::by_number(&one.node, &other.node));
    devices
}

/// The device of an entry in a class of sysfs, but for its links. None: nothing that could be opened.
fn described(roots: &Roots, kind: NodeKind, name: &str) -> Option<AttachedDevice> {
    let class = roots.sys.join("class").join(kind.class()).join(name);
    let directory = std::fs::canonicalize(class.join("device")).ok()?;
    let node = match kind {
        NodeKind::Serial if sysfs::is_empty_socket(&class) => return None,
        NodeKind::Serial | NodeKind::Hidraw => roots.dev.join(name),
        NodeKind::Evdev if !name.starts_with("event") => return None,
        NodeKind::Evdev => roots.dev.join("input").join(name),
    };
    if !node.exists() {
        return None;
    }
    let usb = sysfs::usb_device(&directory);
    let identity = sysfs::identity(kind, &directory, usb);
    Some(AttachedDevice {
        role: role::of(kind, &directory, identity.as_ref()),
        kind,
        node,
        by_id: None,
        by_path: None,
        driver: sysfs::driver(&directory),
        usb_port: usb.and_then(sysfs::usb_port),
        interface: sysfs::interface(&directory),
        identity,
    })
}

/// What is unwise in naming `port` in a configuration.
#[must_use]
pub fn port_advice(port: &Path) -> Option<String> {
    advice(&Roots::default(), port)
}

fn advice(roots: &Roots, port: &Path) -> Option<String> {
    const MOVING: [&str; 4] = ["ttyUSB", "ttyACM", "hidraw", "input/event"];
    let name = port.strip_prefix(&roots.dev).ok()?.to_str()?;
    let number = MOVING.iter().find_map(|prefix| name.strip_prefix(prefix))?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let moves = format!("{} may be another device after a restart", port.display());
    let attached = devices(roots);
    Some(match attached.iter().find(|device| device.node == port) {
        Some(device) => match address_of(device, &attached) {
            Address::Port(same) if same == port => moves,
            address => format!("{moves}: write {address} instead"),
        },
        None => format!("{moves}: `tillgate devices` prints lines that stay with it"),
    })
}

#[cfg(test)]
mod tests;
