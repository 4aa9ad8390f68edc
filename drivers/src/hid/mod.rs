//! `hid-scanner`, `hid-magstripe` and `snapi`: devices that send HID reports, over hidraw.
//!
//! In: reports, and the report descriptor that sysfs shows. Out: barcodes and cards. An interface of another kind is
//! refused in words: one device often has several. Never: an offset that the descriptor does not give, a feature
//! report: a scanner that wants one to be in HID POS mode is set to that mode by a code of its manual.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tillgate_parsers::hid::Scan;
use tillgate_parsers::hid::card::CardLayout;
use tillgate_parsers::hid::descriptor::{ReportDescriptor, ReportKind, Usage};
use tillgate_parsers::hid::scanner::{ScannerLayout, ScannerReports};
use tillgate_parsers::hid::snapi::{SnapiReports, USB_IDENTITY};
use zeroize::Zeroizing;

use crate::magstripe::MagstripeDecoder;
use crate::node::{self, Attached, Protocol};
use crate::scanner::split_identifier;
use crate::serial::Decoder;
use crate::serial::open::OpenError;
use crate::{Assignment, DeviceEvent, Driver, DriverKind, Reading, Running};

/// The entry of scanners of the HID POS class.
pub(crate) const SCANNER: Driver =
    Driver { kind: DriverKind::HidScanner, name: "hid-scanner", start };
/// The entry of magnetic-stripe readers.
pub(crate) const MAGSTRIPE: Driver =
    Driver { kind: DriverKind::HidMagstripe, name: "hid-magstripe", start };
/// The entry of Zebra scanners in their own mode.
pub(crate) const SNAPI: Driver = Driver { kind: DriverKind::Snapi, name: "snapi", start };

fn start(assignment: Assignment) -> Running {
    let protocol = Box::new(HidProtocol::new(&assignment));
    Box::pin(node::serve(assignment, protocol))
}

/// Reads reports by what the device is.
struct HidProtocol {
    kind: DriverKind,
    sys: PathBuf,
    swipe: MagstripeDecoder,
    reports: Reports,
}

enum Reports {
    /// No node is open.
    None,
    Scanner(ScannerReports),
    Card(CardLayout),
    Snapi(SnapiReports),
}

impl HidProtocol {
    fn new(assignment: &Assignment) -> Self {
        Self {
            kind: assignment.settings.kind,
            sys: assignment.settings.roots.sys.clone(),
            swipe: MagstripeDecoder::new(&assignment.settings, &assignment.token_key),
            reports: Reports::None,
        }
    }

    /// What sysfs says of a hidraw node, under the number that it has now.
    fn described(&self, path: &Path) -> Result<Interface, OpenError> {
        let node = std::fs::canonicalize(path).map_err(|error| node::failed(&error))?;
        let name = node.file_name().unwrap_or_default();
        let device = self.sys.join("class/hidraw").join(name).join("device");
        let Ok(descriptor) = std::fs::read(device.join("report_descriptor")) else {
            return Err(OpenError::Unfit {
                reason: format!("{} is no hidraw device", path.display()),
                hint: "name the hidraw node of the device; serial ports and keyboards have drivers of their own"
                    .to_owned(),
            });
        };
        let uevent = std::fs::read_to_string(device.join("uevent")).unwrap_or_default();
        Ok(Interface {
            descriptor: ReportDescriptor::read(&descriptor),
            usb: usb_identity(&uevent),
        })
    }

    fn scanned(&mut self, report: &[u8], events: &mut Vec<DeviceEvent>) -> Option<Vec<u8>> {
        let mut sink = |scan: Scan<'_>| events.extend(event_of(&scan));
        match &mut self.reports {
            Reports::None => None,
            Reports::Scanner(reports) => {
                reports.take(report, &mut sink);
                None
            }
            Reports::Snapi(reports) => {
                reports.take(report, &mut sink).map(|answer| answer.to_vec())
            }
            Reports::Card(layout) if layout.encrypts() => {
                events.push(DeviceEvent::Damaged { problem: ENCRYPTED, bytes: report.len() });
                None
            }
            Reports::Card(layout) => {
                let swipe = &mut self.swipe;
                let whole = layout.take(report, &mut |line| {
                    swipe.line(line, false, events);
                });
                if whole {
                    swipe.quiet(events);
                }
                None
            }
        }
    }
}

impl Protocol for HidProtocol {
    fn attach(&mut self, _node: &Arc<OwnedFd>, path: &Path) -> Result<Attached, OpenError> {
        let interface = self.described(path)?;
        let descriptor = &interface.descriptor;
        let mut first = Vec::new();
        let (reports, detail) = match self.kind {
            DriverKind::Snapi if interface.usb == Some(USB_IDENTITY) => {
                (Reports::Snapi(SnapiReports::default()), "SNAPI scanner".to_owned())
            }
            DriverKind::HidScanner => {
                let layout = ScannerLayout::of(descriptor).ok_or_else(|| interface.unfit(path))?;
                let (sent, wanted): (Vec<_>, Vec<_>) =
                    layout.enabling().into_iter().partition(|one| one.kind == ReportKind::Output);
                first.extend(sent.into_iter().map(|command| command.bytes));
                let detail = if wanted.is_empty() { "HID POS scanner" } else { WANTS_MODE };
                (Reports::Scanner(ScannerReports::new(layout)), detail.to_owned())
            }
            DriverKind::HidMagstripe => {
                let layout = CardLayout::of(descriptor).ok_or_else(|| interface.unfit(path))?;
                (Reports::Card(layout), "HID card reader".to_owned())
            }
            _ => return Err(interface.unfit(path)),
        };
        self.reports = reports;
        Ok(Attached { detail, first })
    }

    fn read(&mut self, bytes: &[u8], events: &mut Vec<DeviceEvent>) -> Option<Vec<u8>> {
        self.scanned(bytes, events)
    }

    fn gap(&self) -> Option<Duration> {
        self.swipe.gap()
    }

    fn quiet(&mut self, events: &mut Vec<DeviceEvent>) {
        self.swipe.quiet(events);
    }

    fn detach(&mut self, events: &mut Vec<DeviceEvent>) {
        self.swipe.quiet(events);
        let mut sink = |scan: Scan<'_>| events.extend(event_of(&scan));
        match std::mem::replace(&mut self.reports, Reports::None) {
            Reports::Scanner(mut reports) => reports.close(&mut sink),
            Reports::Snapi(mut reports) => reports.close(&mut sink),
            Reports::Card(_) | Reports::None => {}
        }
    }
}

const ENCRYPTED: &str = "the reader encrypts cards for a payment processor: nothing of it is kept; loyalty cards need \
                         a reader that does not";

/// The mode is turned on by a feature report, which hidraw only takes by an ioctl (`HIDIOCSFEATURE`): not to be had
/// without `unsafe`, and the crates that wrap it bring ways of their own to find and open devices. A code in the manual
/// sets the mode for good.
const WANTS_MODE: &str =
    "HID POS scanner; if nothing comes, scan the code in its manual that selects HID POS";

/// One interface of a device.
struct Interface {
    descriptor: ReportDescriptor,
    usb: Option<(u16, u16)>,
}

impl Interface {
    /// Why an interface is not what the driver is for, and which driver is.
    fn unfit(&self, path: &Path) -> OpenError {
        const KEYBOARD: Usage = Usage::new(1, 6);
        let (what, hint) = if ScannerLayout::of(&self.descriptor).is_some() {
            ("is a HID POS scanner", "set `driver = \"hid-scanner\"`")
        } else if CardLayout::of(&self.descriptor).is_some() {
            ("is a card reader", "set `driver = \"hid-magstripe\"`")
        } else if self.usb == Some(USB_IDENTITY) {
            ("is a Zebra scanner in SNAPI mode", "set `driver = \"snapi\"`")
        } else if self.descriptor.applications.contains(&KEYBOARD) {
            (
                "is a keyboard",
                "scan the code in the scanner's manual that selects HID POS, or set `driver = \"keyboard-wedge\"` and \
                 name its node below /dev/input/by-id",
            )
        } else {
            (
                "is neither scanner nor card reader",
                "a device can have several interfaces: name another of its hidraw nodes",
            )
        };
        OpenError::Unfit { reason: format!("{} {what}", path.display()), hint: hint.to_owned() }
    }
}

/// `HID_ID=0003:000005E0:00001900`: bus, vendor, product (hid-core's uevent).
fn usb_identity(uevent: &str) -> Option<(u16, u16)> {
    let identity = uevent.lines().find_map(|line| line.strip_prefix("HID_ID="))?;
    let mut numbers = identity.split(':').skip(1);
    let mut next = || u16::try_from(u32::from_str_radix(numbers.next()?, 16).ok()?).ok();
    Some((next()?, next()?))
}

const NO_REPORT: &str = "a report does not fit what the device says of its reports";

/// What a scan is to the gateway. Answers to commands are nothing.
fn event_of(scan: &Scan<'_>) -> Option<DeviceEvent> {
    Some(match scan {
        Scan::Barcode { aim, data, damaged } => {
            let (inner, content) = split_identifier(data);
            let aim = aim.map(|aim| aim.iter().copied().map(char::from).collect());
            // An identifier of the report's own leaves the content alone.
            let (aim, content) = if aim.is_some() { (aim, *data) } else { (inner, content) };
            let data = Zeroizing::new(content.to_vec());
            DeviceEvent::Reading(Reading::Barcode { aim, data, damaged: *damaged })
        }
        Scan::Reply { .. } => return None,
        Scan::Incomplete { bytes } => DeviceEvent::Partial { bytes: *bytes },
        Scan::Overflow { bytes } => DeviceEvent::Overflow { bytes: *bytes },
        Scan::Malformed { bytes } => DeviceEvent::Damaged { problem: NO_REPORT, bytes: *bytes },
    })
}

#[cfg(test)]
mod tests;
