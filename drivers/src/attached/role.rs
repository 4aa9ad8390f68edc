//! What a device probably is.
//!
//! In: its report descriptor, its keys, and what it says of itself. Out: a role, for a person to confirm. A HID device
//! says in its descriptor what it is; of a keyboard or a serial port only maker and name tell something. Never: a
//! device that is used because of what it is called.

use std::path::Path;

use tillgate_parsers::hid::card::CardLayout;
use tillgate_parsers::hid::descriptor::{DESCRIPTOR_BYTES_MAX, ReportDescriptor, Usage};
use tillgate_parsers::hid::scanner::ScannerLayout;
use tillgate_parsers::hid::snapi;

use super::{Identity, NodeKind, sysfs};
use crate::ALL;

/// What a device probably is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A barcode scanner of the HID POS class, by its descriptor.
    HidScanner,
    /// A magnetic-stripe reader that sends HID reports, by its descriptor.
    HidMagstripe,
    /// A Zebra scanner in its own USB mode, by its USB ids.
    Snapi,
    /// A scanner that types, by maker or name.
    ScannerWedge,
    /// A card reader that types, by maker or name.
    CardWedge,
    /// A keyboard, of a person or of a scanner that hides well.
    Keyboard,
    /// A scanner with a serial port, by maker or name.
    SerialScanner,
    /// A card reader with a serial port, by maker or name.
    SerialMagstripe,
    /// A scale, by maker, name or descriptor.
    Scale,
    /// A USB adapter with a serial port: what is connected to it, the machine cannot tell.
    SerialAdapter,
    /// A serial port of the machine itself, likewise.
    PlainSerial,
    /// A device of a maker of scanners or readers, in a mode that no driver reads.
    UnknownMode,
    /// Nothing for tillgate.
    Other,
}

impl Role {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::HidScanner => "HID POS scanner",
            Self::HidMagstripe => "HID card reader",
            Self::Snapi => "Zebra scanner in SNAPI mode",
            Self::ScannerWedge => "scanner that types (keyboard wedge)",
            Self::CardWedge => "card reader that types (keyboard wedge)",
            Self::Keyboard => "keyboard",
            Self::SerialScanner => "serial scanner",
            Self::SerialMagstripe => "serial card reader",
            Self::Scale => "scale",
            Self::SerialAdapter => "USB serial port",
            Self::PlainSerial => "serial port of the machine",
            Self::UnknownMode => "scanner or reader in another mode",
            Self::Other => "other device",
        }
    }

    /// The driver that reads it, as configurations name it.
    #[must_use]
    pub fn driver(self, kind: NodeKind) -> Option<&'static str> {
        let name = match (self, kind) {
            (Self::HidScanner, _) => "hid-scanner",
            (Self::HidMagstripe, _) => "hid-magstripe",
            (Self::Snapi, _) => "snapi",
            (Self::ScannerWedge | Self::CardWedge | Self::Keyboard, _) => "keyboard-wedge",
            (Self::SerialScanner | Self::SerialAdapter | Self::PlainSerial, _) => "serial-scanner",
            (Self::SerialMagstripe, _) => "serial-magstripe",
            (Self::Scale, NodeKind::Serial) => "serial-scale",
            (Self::Scale | Self::UnknownMode | Self::Other, _) => return None,
        };
        ALL.iter().map(|driver| driver.name).find(|known| *known == name)
    }

    /// Whether the machine cannot tell what it is: it may as well be something else.
    #[must_use]
    pub const fn is_guess(self) -> bool {
        matches!(self, Self::Keyboard | Self::PlainSerial)
    }
}

/// What a maker makes that a till needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trade {
    Scanners,
    CardReaders,
    Scales,
}

/// USB vendors that make nothing else with a keyboard or serial port. 60-tillgate.rules has them too.
const MAKERS: &[(u16, Trade)] = &[
    (0x0536, Trade::Scanners),    // Hand Held Products
    (0x05E0, Trade::Scanners),    // Symbol, Zebra
    (0x05F9, Trade::Scanners),    // PSC, Datalogic
    (0x065A, Trade::Scanners),    // Opticon
    (0x080C, Trade::Scanners),    // Datalogic
    (0x0C2E, Trade::Scanners),    // Metrologic, Honeywell
    (0x1EAB, Trade::Scanners),    // Newland
    (0x0801, Trade::CardReaders), // MagTek
    (0x0ACD, Trade::CardReaders), // ID TECH
    (0x0EB8, Trade::Scales),      // Mettler Toledo
];

/// Whether 60-tillgate.rules gives all devices of a vendor to the daemon.
pub(super) fn is_served_by_rules(vendor: u16) -> bool {
    MAKERS.iter().any(|(maker, trade)| *maker == vendor && *trade != Trade::Scales)
}

/// Words in names, lower case.
const WORDS: &[(&str, Trade)] = &[
    ("barcode", Trade::Scanners),
    ("bar code", Trade::Scanners),
    ("scanner", Trade::Scanners),
    ("imager", Trade::Scanners),
    ("swipe", Trade::CardReaders),
    ("magstripe", Trade::CardReaders),
    ("magnetic", Trade::CardReaders),
    ("msr", Trade::CardReaders),
    ("card reader", Trade::CardReaders),
    ("scale", Trade::Scales),
    ("balance", Trade::Scales),
];

/// Names come before makers, since some makers of scanners make card readers too.
fn trade(identity: &Identity) -> Option<Trade> {
    let name = identity.product.as_deref().unwrap_or_default().to_lowercase();
    let by_name = WORDS.iter().find(|(word, _)| name.contains(word)).map(|(_, trade)| *trade);
    let by_maker = MAKERS.iter().find(|(vendor, _)| *vendor == identity.usb.vendor);
    by_name.or_else(|| by_maker.map(|(_, trade)| *trade))
}

/// The role of a node whose device has this directory in sysfs.
pub(super) fn of(kind: NodeKind, directory: &Path, identity: Option<&Identity>) -> Role {
    let trade = identity.and_then(trade);
    match kind {
        NodeKind::Serial => match (trade, identity) {
            (Some(Trade::Scanners), _) => Role::SerialScanner,
            (Some(Trade::CardReaders), _) => Role::SerialMagstripe,
            (Some(Trade::Scales), _) => Role::Scale,
            (None, Some(_)) => Role::SerialAdapter,
            (None, None) => Role::PlainSerial,
        },
        NodeKind::Evdev if !is_keyboard(directory) => Role::Other,
        NodeKind::Evdev => match trade {
            Some(Trade::Scanners) => Role::ScannerWedge,
            Some(Trade::CardReaders) => Role::CardWedge,
            Some(Trade::Scales) | None => Role::Keyboard,
        },
        NodeKind::Hidraw => hid(directory, identity, trade),
    }
}

fn hid(directory: &Path, identity: Option<&Identity>, trade: Option<Trade>) -> Role {
    /// HID Point of Sale usage tables 1.02: weighing devices.
    const SCALE_PAGE: u16 = 0x8D;
    const KEYBOARD: Usage = Usage::new(1, 6);
    let mut bytes = std::fs::read(directory.join("report_descriptor")).unwrap_or_default();
    bytes.truncate(DESCRIPTOR_BYTES_MAX);
    let descriptor = ReportDescriptor::read(&bytes);
    let ids = identity.map(|identity| (identity.usb.vendor, identity.usb.product));
    if ScannerLayout::of(&descriptor).is_some() {
        Role::HidScanner
    } else if CardLayout::of(&descriptor).is_some() {
        Role::HidMagstripe
    } else if ids == Some(snapi::USB_IDENTITY) {
        Role::Snapi
    } else if descriptor.applications.iter().any(|usage| usage.page == SCALE_PAGE) {
        Role::Scale
    } else if trade.is_some() && !descriptor.applications.contains(&KEYBOARD) {
        Role::UnknownMode
    } else {
        Role::Other
    }
}

/// Whether it can type numbers: on the row above the letters, or on the keypad (linux/input-event-codes.h).
fn is_keyboard(directory: &Path) -> bool {
    const ROW: std::ops::RangeInclusive<usize> = 2..=11;
    const KEYPAD: [usize; 10] = [71, 72, 73, 75, 76, 77, 79, 80, 81, 82];
    let words = sysfs::keys(directory);
    let word_bits = usize::BITS as usize;
    let has = |key: usize| {
        words.get(key / word_bits).is_some_and(|word| word >> (key % word_bits) & 1 == 1)
    };
    ROW.into_iter().all(has) || KEYPAD.into_iter().all(has)
}
