//! The serial ports that are attached to this machine, from sysfs and the links that udev makes.
//!
//! In: the roots of `/dev`, `/sys`, `/proc` and `/etc`, so that a test brings its own. Out: ports with what tells
//! them apart, and words about them. Never: an open port. Looking must not disturb a device.

mod access;

use std::fs;
use std::path::{Path, PathBuf};

pub use access::{Access, access, denied_hint};

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

/// A serial port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedPort {
    /// The node, whose number moves: `/dev/ttyACM0`.
    pub node: PathBuf,
    /// The link that stays with the device.
    pub by_id: Option<PathBuf>,
    /// The link that stays with the socket.
    pub by_path: Option<PathBuf>,
    /// The kernel's driver.
    pub driver: Option<String>,
    /// What the USB device says of itself.
    pub usb: Option<UsbIdentity>,
    /// Whether this user can open it now.
    pub access: Access,
}

impl AttachedPort {
    /// The best name for a configuration: with the device, else with the socket, else the node.
    #[must_use]
    pub fn stable_name(&self) -> &Path {
        // Two equal devices without serial numbers would fight for one by-id link; the socket tells them apart.
        let serial_number = self.usb.as_ref().is_none_or(|usb| usb.serial_number.is_some());
        let by_id = self.by_id.as_ref().filter(|_| serial_number || self.by_path.is_none());
        by_id.or(self.by_path.as_ref()).unwrap_or(&self.node)
    }
}

/// What a USB device says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsbIdentity {
    /// Vendor, four hex digits.
    pub vendor_id: String,
    /// Product, four hex digits.
    pub product_id: String,
    /// Who made it.
    pub manufacturer: Option<String>,
    /// What it is called.
    pub product: Option<String>,
    /// Tells two equal devices apart.
    pub serial_number: Option<String>,
}

/// A sane machine has far fewer; a list has an end all the same.
const PORTS_MAX: usize = 256;

/// A tty lies this many directories below its USB device: interface, port, class, and one more for hubs' sake.
const USB_ANCESTORS_MAX: usize = 6;

/// All serial ports, sorted by node.
#[must_use]
pub fn ports(roots: &Roots) -> Vec<AttachedPort> {
    let by_id = links(&roots.dev.join("serial/by-id"));
    let by_path = links(&roots.dev.join("serial/by-path"));
    let mut ports: Vec<AttachedPort> = names(&roots.sys.join("class/tty"))
        .filter_map(|name| {
            let class = roots.sys.join("class/tty").join(&name);
            let device = fs::canonicalize(class.join("device")).ok()?;
            let node = roots.dev.join(&name);
            if is_empty_socket(&class) || !node.exists() {
                return None;
            }
            Some(AttachedPort {
                by_id: link_to(&by_id, &node),
                by_path: link_to(&by_path, &node),
                driver: fs::read_link(device.join("driver")).ok().and_then(|link| last(&link)),
                usb: usb_identity(&device),
                access: access(roots, &node),
                node,
            })
        })
        .take(PORTS_MAX)
        .collect();
    ports.sort_by(|one, other| one.node.cmp(&other.node));
    ports
}

/// What to name instead of a port that is not there.
#[must_use]
pub fn instead_of(roots: &Roots) -> String {
    let names: Vec<String> =
        ports(roots).iter().map(|port| port.stable_name().display().to_string()).collect();
    if names.is_empty() {
        return "no serial port is attached: check cable and power, and whether the device is set to USB serial \
                (CDC) rather than keyboard"
            .to_owned();
    }
    format!("attached now: {}", names.join(", "))
}

/// What is unwise in naming `port` in a configuration.
#[must_use]
pub fn port_advice(port: &Path) -> Option<String> {
    advice(&Roots::default(), port)
}

fn advice(roots: &Roots, port: &Path) -> Option<String> {
    let name = last(port).filter(|_| port.parent() == Some(&roots.dev))?;
    let number = name.strip_prefix("ttyUSB").or_else(|| name.strip_prefix("ttyACM"))?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let moves = format!("{} may be another device after a restart", port.display());
    let attached = ports(roots).into_iter().find(|attached| attached.node == port);
    Some(match attached.as_ref().map(AttachedPort::stable_name).filter(|stable| *stable != port) {
        Some(stable) => format!("{moves}: name {} instead", stable.display()),
        None => format!("{moves}: name its link below /dev/serial/by-id instead"),
    })
}

/// The kernel keeps `ttyS` nodes for sockets that the machine does not have; their type is 0 (PORT_UNKNOWN).
fn is_empty_socket(class: &Path) -> bool {
    fs::read_to_string(class.join("type")).is_ok_and(|kind| kind.trim() == "0")
}

fn usb_identity(device: &Path) -> Option<UsbIdentity> {
    let usb = device
        .ancestors()
        .take(USB_ANCESTORS_MAX)
        .find(|ancestor| ancestor.join("idVendor").exists())?;
    Some(UsbIdentity {
        vendor_id: attribute(usb, "idVendor")?,
        product_id: attribute(usb, "idProduct")?,
        manufacturer: attribute(usb, "manufacturer"),
        product: attribute(usb, "product"),
        serial_number: attribute(usb, "serial"),
    })
}

/// A device may say anything of itself: what a terminal would take for a command is left out.
fn attribute(directory: &Path, name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&fs::read(directory.join(name)).ok()?).into_owned();
    let text: String = text.trim().chars().filter(|character| !character.is_control()).collect();
    (!text.is_empty()).then_some(text)
}

fn names(directory: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

/// Links with their targets, sorted.
fn links(directory: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut links: Vec<(PathBuf, PathBuf)> = names(directory)
        .map(|name| directory.join(name))
        .filter_map(|link| Some((fs::canonicalize(&link).ok()?, link)))
        .collect();
    links.sort();
    links
}

fn link_to(links: &[(PathBuf, PathBuf)], node: &Path) -> Option<PathBuf> {
    let node = fs::canonicalize(node).ok()?;
    links.iter().find(|(target, _)| *target == node).map(|(_, link)| link.clone())
}

fn last(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
