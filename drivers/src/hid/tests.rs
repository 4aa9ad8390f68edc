//! Recorded reports of devices whose descriptor stands in a tree that looks like sysfs.

use std::fs;

use tillgate_parsers::card::TokenKey;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::DeviceSettings;
use crate::attached::Roots;

const HONEYWELL: &[u8] = &[
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02, 0x85, 0x02, 0x15, 0x00, 0x26, 0xFF,
    0x00, 0x75, 0x08, 0x95, 0x01, 0x05, 0x01, 0x09, 0x3B, 0x81, 0x02, 0x95, 0x03, 0x05, 0x8C, 0x09,
    0xFB, 0x09, 0xFC, 0x09, 0xFD, 0x81, 0x02, 0x95, 0x38, 0x09, 0xFE, 0x82, 0x02, 0x01, 0x95, 0x02,
    0x06, 0x66, 0xFF, 0x09, 0x04, 0x81, 0x02, 0x05, 0x8C, 0x95, 0x01, 0x75, 0x01, 0x09, 0xFF, 0x81,
    0x02, 0x75, 0x07, 0x81, 0x03, 0xC0, 0xC0,
];
const KEYBOARD: &[u8] = &[5, 1, 9, 6, 0xA1, 1, 5, 7, 0x75, 8, 0x95, 6, 0x81, 0, 0xC0];
/// MagTek's page: a status, a length and 40 bytes of track 2.
const MAGTEK: &[u8] = &[
    0x06, 0x00, 0xFF, 0x09, 0x01, 0xA1, 0x01, 0x75, 0x08, 0x95, 0x02, 0x09, 0x21, 0x09, 0x29, 0x81,
    0x02, 0x95, 0x28, 0x09, 0x31, 0x81, 0x02, 0xC0,
];

struct Device {
    root: tempfile::TempDir,
    protocol: HidProtocol,
}

impl Device {
    fn new(kind: DriverKind, descriptor: &[u8], uevent: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let device = root.path().join("sys/class/hidraw/hidraw3/device");
        fs::create_dir_all(&device).unwrap();
        fs::write(device.join("report_descriptor"), descriptor).unwrap();
        fs::write(device.join("uevent"), uevent).unwrap();
        fs::write(root.path().join("hidraw3"), "").unwrap();
        std::os::unix::fs::symlink("hidraw3", root.path().join("scanner")).unwrap();
        let mut settings = DeviceSettings::new("scanner-1", kind, &root.path().join("scanner"));
        settings.roots = Roots::below(root.path());
        let assignment = Assignment {
            settings,
            token_key: Arc::new(TokenKey::from_hex(&"5a".repeat(32)).unwrap()),
            events: mpsc::channel(1).0,
            stop: CancellationToken::new(),
        };
        let protocol = HidProtocol::new(&assignment);
        Self { root, protocol }
    }

    fn attach(&mut self) -> Result<Attached, String> {
        let node =
            Arc::new(OwnedFd::from(fs::File::open(self.root.path().join("hidraw3")).unwrap()));
        self.protocol.attach(&node, &self.root.path().join("scanner")).map_err(|error| {
            let OpenError::Unfit { reason, hint } = error else { panic!("another problem") };
            format!("{reason}: {hint}")
        })
    }

    fn read(&mut self, report: &[u8]) -> (Vec<String>, Option<Vec<u8>>) {
        let mut events = Vec::new();
        let answer = self.protocol.read(report, &mut events);
        (events.iter().map(shown).collect(), answer)
    }

    fn detach(&mut self) -> Vec<String> {
        let mut events = Vec::new();
        self.protocol.detach(&mut events);
        events.iter().map(shown).collect()
    }
}

fn shown(event: &DeviceEvent) -> String {
    match event {
        DeviceEvent::Reading(Reading::Barcode { aim, data, damaged }) => {
            let mark = if *damaged { "|damaged" } else { "" };
            format!("{}|{}{mark}", aim.as_deref().unwrap_or_default(), data.escape_ascii())
        }
        DeviceEvent::Reading(Reading::Card(card)) => {
            card.masked_pan.clone().or_else(|| card.loyalty.clone()).unwrap_or_default()
        }
        other => format!("{other:?}"),
    }
}

fn scan(aim: &str, data: &str, continued: bool) -> Vec<u8> {
    let mut report = vec![2, u8::try_from(data.len()).unwrap()];
    report.extend(aim.bytes().chain(data.bytes()));
    report.resize(63, 0);
    report.push(u8::from(continued));
    report
}

#[test]
fn a_scanner_is_read_by_its_descriptor() {
    let mut scanner = Device::new(DriverKind::HidScanner, HONEYWELL, "");
    let attached = scanner.attach().unwrap();
    assert!(attached.first.is_empty() && attached.detail.contains("HID POS"));
    assert_eq!(scanner.read(&scan("]E0", "4006381333931", false)).0, ["]E0|4006381333931"]);
    assert_eq!(scanner.read(&scan("\0\0\0", "]C1010", false)).0, ["]C1|010"]);
    assert!(scanner.read(&scan("]X0", "REV", false)).0.is_empty(), "an answer is no scan");
    assert!(scanner.read(&scan("]Q1", &"a".repeat(56), true)).0.is_empty());
    assert_eq!(scanner.detach(), ["Partial { bytes: 56 }"]);
    assert!(scanner.read(&scan("]E0", "96385074", false)).0.is_empty(), "no node is open");
}

#[test]
fn a_scanner_that_wants_its_mode_turned_on_is_not_written_to_and_says_so() {
    // Report FE, a feature of one byte of the maker's, before the collection ends.
    const MODE: &[u8] = &[0x85, 0xFE, 0x06, 0x66, 0xFF, 9, 5, 0x75, 8, 0x95, 1, 0xB1, 2, 0xC0];
    let descriptor = [HONEYWELL.strip_suffix(&[0xC0]).unwrap(), MODE].concat();
    let attached = Device::new(DriverKind::HidScanner, &descriptor, "").attach().unwrap();
    assert!(attached.first.is_empty());
    assert!(attached.detail.contains("scan the code in its manual that selects HID POS"));
}

#[test]
fn a_card_reader_gives_a_masked_number_and_a_member_number() {
    let mut reader = Device::new(DriverKind::HidMagstripe, MAGTEK, "");
    reader.attach().unwrap();
    for (track, wanted) in [
        (";4111111111111111=29121011234?", "411111******1111"),
        (";9156001122334?", "9156001122334"),
    ] {
        let mut report = vec![0, u8::try_from(track.len()).unwrap()];
        report.extend(track.bytes());
        report.resize(42, 0);
        assert_eq!(reader.read(&report).0, [wanted]);
        assert_eq!(reader.protocol.gap(), None, "nothing waits");
    }
    assert!(reader.read(&[1; 42]).0[0].starts_with("Damaged"));
}

#[test]
fn a_zebra_scanner_is_known_by_its_numbers_and_answered() {
    let uevent = "DRIVER=hid-generic\nHID_ID=0003:000005E0:00001900\nHID_NAME=Scanner\n";
    let mut scanner = Device::new(DriverKind::Snapi, &[], uevent);
    scanner.attach().unwrap();
    let mut report = vec![0x22, 1, 0, 8, 0x0A, 0];
    report.extend(b"96385074");
    report.resize(64, 0);
    assert_eq!(scanner.read(&report), (vec!["]E4|96385074".to_owned()], Some(vec![1, 0x22, 1, 0])));
}

#[test]
fn another_kind_of_device_is_refused_with_the_driver_that_fits() {
    let cases = [
        (DriverKind::HidScanner, KEYBOARD, "keyboard-wedge"),
        (DriverKind::HidScanner, MAGTEK, "hid-magstripe"),
        (DriverKind::HidMagstripe, HONEYWELL, "hid-scanner"),
        (DriverKind::Snapi, HONEYWELL, "hid-scanner"),
        (DriverKind::HidScanner, &[0xC0], "another of its hidraw nodes"),
    ];
    for (kind, descriptor, wanted) in cases {
        let refusal = Device::new(kind, descriptor, "").attach().err().unwrap();
        assert!(refusal.contains(wanted), "{refusal}");
    }
    let zebra = "HID_ID=0003:000005E0:00001900";
    let refusal = Device::new(DriverKind::HidScanner, &[], zebra).attach().err().unwrap();
    assert!(refusal.contains("\"snapi\""), "{refusal}");
    let mut gone = Device::new(DriverKind::HidScanner, HONEYWELL, "");
    fs::remove_dir_all(gone.root.path().join("sys")).unwrap();
    assert!(gone.attach().err().unwrap().contains("is no hidraw device"));
}
