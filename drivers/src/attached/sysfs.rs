//! What sysfs says of a device. In: directories. Out: texts without control characters. Never: a write.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Identity, NodeKind, UsbId};

/// A node lies this many directories below its USB device: interface, HID device, class, input, and one for hubs' sake.
const USB_ANCESTORS_MAX: usize = 7;

/// The kernel keeps `ttyS` nodes for sockets that the machine does not have; their type is 0 (PORT_UNKNOWN).
pub(super) fn is_empty_socket(class: &Path) -> bool {
    fs::read_to_string(class.join("type")).is_ok_and(|kind| kind.trim() == "0")
}

/// The nearest USB device at or above a directory.
pub(super) fn usb_device(directory: &Path) -> Option<&Path> {
    let mut near = directory.ancestors().take(USB_ANCESTORS_MAX);
    near.find(|ancestor| ancestor.join("idVendor").exists())
}

/// The kernel's driver: of the directory, or of the interface that it is a part of.
pub(super) fn driver(directory: &Path) -> Option<String> {
    let mut near = directory.ancestors().take(USB_ANCESTORS_MAX);
    near.find_map(|ancestor| last(&fs::read_link(ancestor.join("driver")).ok()?))
}

/// What a USB device says of itself; else what its HID or input device says, which came by Bluetooth or from a program.
pub(super) fn identity(kind: NodeKind, directory: &Path, usb: Option<&Path>) -> Option<Identity> {
    let of_node = || match kind {
        NodeKind::Serial => None,
        NodeKind::Hidraw => hid_identity(directory),
        NodeKind::Evdev => input_identity(directory),
    };
    let Some(usb) = usb else { return of_node() };
    let number = |name| u16::from_str_radix(&attribute(usb, name)?, 16).ok();
    Some(Identity {
        usb: UsbId { vendor: number("idVendor")?, product: number("idProduct")? },
        on_usb: true,
        manufacturer: attribute(usb, "manufacturer"),
        product: attribute(usb, "product"),
        serial_number: attribute(usb, "serial"),
    })
}

/// `HID_ID=0005:000005E0:00001900`: bus, vendor, product (hid-core's uevent).
fn hid_identity(directory: &Path) -> Option<Identity> {
    let uevent = attribute_lines(directory, "uevent")?;
    let value = |key: &str| {
        let found = uevent.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        (!found.is_empty()).then(|| found.to_owned())
    };
    let id = value("HID_ID")?;
    let mut numbers = id.split(':').skip(1);
    let mut next = || u16::try_from(u32::from_str_radix(numbers.next()?, 16).ok()?).ok();
    Some(Identity {
        usb: UsbId { vendor: next()?, product: next()? },
        on_usb: false,
        manufacturer: None,
        product: value("HID_NAME"),
        serial_number: value("HID_UNIQ"),
    })
}

/// The ids of an input device; buttons of the machine have none.
fn input_identity(directory: &Path) -> Option<Identity> {
    let number = |name| u16::from_str_radix(&attribute(directory, name)?, 16).ok();
    let usb = UsbId { vendor: number("id/vendor")?, product: number("id/product")? };
    (usb.vendor != 0).then(|| Identity {
        usb,
        on_usb: false,
        manufacturer: None,
        product: attribute(directory, "name"),
        serial_number: attribute(directory, "uniq"),
    })
}

/// `/sys/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.2` is `0000:00:14.0/1.2`.
pub(super) fn usb_port(usb: &Path) -> Option<String> {
    let (_bus, ports) = usb.file_name()?.to_str()?.split_once('-')?;
    let is_root_hub = |directory: &&Path| {
        let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix("usb").is_some_and(|bus| bus.parse::<u16>().is_ok())
    };
    let controller = last(usb.ancestors().find(is_root_hub)?.parent()?)?;
    Some(format!("{controller}/{ports}"))
}

/// Which interface of a USB device a directory belongs to.
pub(super) fn interface(directory: &Path) -> Option<u8> {
    let mut near = directory.ancestors().take(USB_ANCESTORS_MAX);
    let number = near.find_map(|ancestor| attribute(ancestor, "bInterfaceNumber"))?;
    u8::from_str_radix(&number, 16).ok()
}

/// Words of the bitmap `capabilities/key`, the highest first, as long as a machine word (input.c).
pub(super) fn keys(directory: &Path) -> Vec<usize> {
    let bitmap = attribute(directory, "capabilities/key").unwrap_or_default();
    let words = bitmap.split(' ').filter_map(|word| usize::from_str_radix(word, 16).ok());
    let mut words: Vec<usize> = words.collect();
    words.reverse();
    words
}

/// A device may say anything of itself: what a terminal would take for a command is left out.
pub(super) fn attribute(directory: &Path, name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&fs::read(directory.join(name)).ok()?).into_owned();
    let text: String = text.trim().chars().filter(|character| !character.is_control()).collect();
    (!text.is_empty()).then_some(text)
}

fn attribute_lines(directory: &Path, name: &str) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(&fs::read(directory.join(name)).ok()?).into_owned();
    let plain = |line: &str| line.chars().filter(|character| !character.is_control()).collect();
    Some(text.lines().map(plain).collect())
}

pub(super) fn names(directory: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

/// Links with their targets, sorted.
pub(super) fn links(directory: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut links: Vec<(PathBuf, PathBuf)> = names(directory)
        .map(|name| directory.join(name))
        .filter_map(|link| Some((fs::canonicalize(&link).ok()?, link)))
        .collect();
    links.sort();
    links
}

pub(super) fn link_to(links: &[(PathBuf, PathBuf)], node: &Path) -> Option<PathBuf> {
    if links.is_empty() {
        return None;
    }
    let node = fs::canonicalize(node).ok()?;
    links.iter().find(|(target, _)| *target == node).map(|(_, link)| link.clone())
}

/// `hidraw9` stands before `hidraw10`.
pub(super) fn by_number(one: &Path, other: &Path) -> Ordering {
    let key = |path: &Path| {
        let name = path.to_string_lossy().into_owned();
        let stem = name.trim_end_matches(|character: char| character.is_ascii_digit()).len();
        let number = name.get(stem..).and_then(|digits| digits.parse::<u64>().ok());
        (name.get(..stem).unwrap_or_default().to_owned(), number)
    };
    key(one).cmp(&key(other))
}

fn last(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}
