//! Attached devices in a tree that looks like a machine. The node of a device is a plain file here.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::DriverKind;
use crate::simulated::machine::{SimulatedMachine, SimulatedUsb};

/// 64 keys, all but the reserved one.
const KEYS: &str = "fffffffffffffffe";

/// One field of scanned data, as HID POS scanners have it.
const SCANNER: &[u8] = &[
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x85, 0x02, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95,
    0x38, 0x09, 0xFE, 0x82, 0x02, 0x01, 0xC0,
];
const VENDOR: &[u8] = &[0x06, 0x8C, 0xFF, 0x09, 0x01, 0xA1, 0x01, 0xC0];
const SCALE: &[u8] = &[0x05, 0x8D, 0x09, 0x20, 0xA1, 0x01, 0xC0];
/// MagTek's page: a status, a length and 40 bytes of track 2.
const MAGTEK: &[u8] = &[
    0x06, 0x00, 0xFF, 0x09, 0x01, 0xA1, 0x01, 0x75, 0x08, 0x95, 0x02, 0x09, 0x21, 0x09, 0x29, 0x81,
    0x02, 0x95, 0x28, 0x09, 0x31, 0x81, 0x02, 0xC0,
];

struct Machine {
    _folder: tempfile::TempDir,
    simulated: SimulatedMachine,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let simulated = SimulatedMachine::new(folder.path()).unwrap();
        Self { _folder: folder, simulated }
    }

    fn devices(&self) -> Vec<AttachedDevice> {
        devices(&self.simulated.roots())
    }

    fn names(&self) -> Vec<String> {
        let attached = self.devices();
        attached.iter().map(|device| address_of(device, &attached).to_string()).collect()
    }

    fn locate(&self, selector: &Selector, driver: DriverKind) -> Result<String, NotOne> {
        let address = Address::Selector(selector.clone());
        let node = address.locate(&self.simulated.roots(), driver)?;
        Ok(node.file_name().unwrap().to_str().unwrap().to_owned())
    }

    fn instead_of(&self, selector: &Selector, driver: DriverKind) -> String {
        instead_of(&self.simulated.roots(), &Address::Selector(selector.clone()), driver)
    }
}

fn usb<'a>(ports: &'a str, id: &str, product: &'a str, serial_number: &'a str) -> SimulatedUsb<'a> {
    SimulatedUsb { ports, id: id.parse().unwrap(), names: ["Acme", product], serial_number }
}

fn honeywell() -> SimulatedUsb<'static> {
    usb("1", "0c2e:0ca1", "HH660\u{1b}[31m", "12345")
}

#[test]
fn a_usb_scanner_is_known_by_what_it_says_of_itself() {
    let machine = Machine::new();
    machine.simulated.add_port(&honeywell(), "ttyACM0", None).unwrap();
    let node = machine.simulated.path("dev/ttyACM0");
    let by_id = "dev/serial/by-id/usb-Honeywell_HH660_12345-if00";
    machine.simulated.link(by_id, &node).unwrap();
    machine.simulated.link("dev/serial/by-path/pci-0:1:1.0", &node).unwrap();
    let device = machine.devices().remove(0);
    assert_eq!(device.stable_name(), machine.simulated.path(by_id));
    assert!(device.is_at(&node) && device.is_at(&machine.simulated.path(by_id)));
    assert_eq!(device.driver.as_deref(), Some("cdc_acm"));
    assert_eq!(device.usb_port.as_deref(), Some("0000:00:14.0/1"));
    assert_eq!((device.role, device.interface), (Role::SerialScanner, Some(0)));
    assert_eq!(access(&machine.simulated.roots(), &node), Access::Free);
    let identity = device.identity.unwrap();
    assert_eq!(identity.usb.to_string(), "0c2e:0ca1");
    assert_eq!(identity.product.as_deref(), Some("HH660[31m"), "no escape reaches a terminal");
}

#[test]
fn devices_are_told_apart_by_number_then_socket_then_interface() {
    let machine = Machine::new();
    let simulated = &machine.simulated;
    simulated.add_port(&honeywell(), "ttyACM0", None).unwrap();
    simulated.add_port(&usb("2", "0c2e:0ca1", "HH660", "12346"), "ttyACM1", None).unwrap();
    simulated.add_port(&usb("3", "067b:2303", "Adapter", ""), "ttyUSB0", None).unwrap();
    simulated.add_port(&usb("4", "067b:2303", "Adapter", ""), "ttyUSB1", None).unwrap();
    // Some makers give all of their devices the same number.
    simulated.add_port(&usb("5", "1a86:7523", "Adapter", "0001"), "ttyUSB2", None).unwrap();
    simulated.add_port(&usb("6.1", "1a86:7523", "Adapter", "0001"), "ttyUSB10", None).unwrap();
    let two_in_one = usb("7", "05f9:2206", "Twin", "T1");
    simulated.add_hidraw(&two_in_one, (0, 0), SCANNER).unwrap();
    simulated.add_hidraw(&two_in_one, (1, 1), SCANNER).unwrap();
    simulated.add_plain_port("ttyS0", 4).unwrap();
    let expected = [
        r#"usb = "0c2e:0ca1", serial_number = "12345""#.to_owned(),
        r#"usb = "0c2e:0ca1", serial_number = "12346""#.to_owned(),
        simulated.path("dev/ttyS0").display().to_string(),
        r#"usb = "067b:2303", usb_port = "0000:00:14.0/3""#.to_owned(),
        r#"usb = "067b:2303", usb_port = "0000:00:14.0/4""#.to_owned(),
        r#"usb = "1a86:7523", usb_port = "0000:00:14.0/5""#.to_owned(),
        r#"usb = "1a86:7523", usb_port = "0000:00:14.0/6.1""#.to_owned(),
        r#"usb = "05f9:2206", serial_number = "T1", interface = 0"#.to_owned(),
        r#"usb = "05f9:2206", serial_number = "T1", interface = 1"#.to_owned(),
    ];
    assert_eq!(machine.names(), expected);
}

#[test]
fn a_selector_leads_to_one_device_or_says_why_not() {
    let machine = Machine::new();
    let simulated = &machine.simulated;
    let both = Selector { usb: "0c2e:0b61".parse().ok(), ..Selector::default() };
    let driver = DriverKind::HidScanner;
    let none = machine.instead_of(&both, driver);
    assert!(none.starts_with("no HID POS scanner is attached"), "{none}");
    let one = usb("1", "0c2e:0b61", "Voyager", "A1");
    let other = usb("2", "0c2e:0b61", "Voyager", "A2");
    simulated.add_hidraw(&one, (0, 0), SCANNER).unwrap();
    simulated.add_hidraw(&one, (1, 1), VENDOR).unwrap();
    assert_eq!(machine.locate(&both, driver).as_deref(), Ok("hidraw0"), "the fitting interface");
    simulated.add_hidraw(&other, (0, 2), SCANNER).unwrap();
    assert_eq!(machine.locate(&both, driver), Err(NotOne::Several));
    let candidates = machine.instead_of(&both, driver);
    for part in ["these match", r#"serial_number = "A1" ("#, "hidraw0); ", "hidraw2)"] {
        assert!(candidates.contains(part), "{part} is not in {candidates}");
    }
    let by_number = Selector { serial_number: Some("A2".to_owned()), ..both.clone() };
    assert_eq!(machine.locate(&by_number, driver).as_deref(), Ok("hidraw2"));
    let by_socket = Selector { usb_port: Some("0000:00:14.0/1".to_owned()), ..Selector::default() };
    assert_eq!(machine.locate(&by_socket, driver).as_deref(), Ok("hidraw0"));
    let gone = Selector { serial_number: Some("A3".to_owned()), ..both };
    assert_eq!(machine.locate(&gone, driver), Err(NotOne::None));
    assert!(machine.instead_of(&gone, driver).starts_with("attached now: usb = "));
}

#[test]
fn a_scanner_that_moved_keeps_its_name_and_another_in_its_place_does_not_get_it() {
    let machine = Machine::new();
    let mine = Selector { serial_number: Some("A1".to_owned()), ..Selector::default() };
    let scanner = usb("1", "0c2e:0b61", "Voyager", "A1");
    machine.simulated.add_hidraw(&scanner, (0, 0), SCANNER).unwrap();
    machine.simulated.unplug(&scanner, &["hidraw0"]).unwrap();
    let stranger = usb("1", "0c2e:0b61", "Voyager", "B7");
    machine.simulated.add_hidraw(&stranger, (0, 0), SCANNER).unwrap();
    assert_eq!(machine.locate(&mine, DriverKind::HidScanner), Err(NotOne::None));
    let moved = SimulatedUsb { ports: "3.4", ..scanner };
    machine.simulated.add_hidraw(&moved, (0, 5), SCANNER).unwrap();
    assert_eq!(machine.locate(&mine, DriverKind::HidScanner).as_deref(), Ok("hidraw5"));
}

#[test]
fn what_a_device_is_comes_from_its_descriptor_and_keys() {
    let machine = Machine::new();
    let simulated = &machine.simulated;
    let zebra = usb("1", "05e0:1900", "Symbol Bar Code Scanner", "Z1");
    simulated.add_hidraw(&zebra, (0, 0), VENDOR).unwrap();
    simulated.add_hidraw(&usb("2", "0801:0002", "Swipe", ""), (0, 1), MAGTEK).unwrap();
    simulated.add_hidraw(&usb("3", "0922:8003", "DYMO", ""), (0, 2), SCALE).unwrap();
    simulated.add_hidraw(&usb("4", "046d:c534", "Receiver", ""), (0, 3), &[0xC0]).unwrap();
    simulated.add_keyboard(&usb("5", "05e0:1200", "Scanner", ""), (0, 0), KEYS).unwrap();
    simulated.add_keyboard(&usb("6", "0801:0001", "Keyboard", ""), (0, 1), KEYS).unwrap();
    simulated.add_keyboard(&usb("7", "046d:c31c", "Keyboard", ""), (0, 2), KEYS).unwrap();
    simulated.add_keyboard(&usb("8", "046d:c077", "Mouse", ""), (0, 3), "70000 0 0").unwrap();
    let keypad = format!("{:x}", (71..=82usize).fold(0u128, |keys, key| keys | 1 << key));
    let (high, low) = keypad.split_at(keypad.len() - 16);
    simulated
        .add_keyboard(&usb("9", "ffff:0035", "Codes", ""), (0, 4), &format!("{high} {low}"))
        .unwrap();
    simulated.add_port(&usb("10", "0eb8:f000", "Ariva", ""), "ttyACM0", None).unwrap();
    simulated.add_port(&usb("11", "0403:6001", "Mini Swipe", ""), "ttyUSB0", None).unwrap();
    simulated.add_port(&usb("12", "0403:6001", "FT232R", ""), "ttyUSB1", None).unwrap();
    simulated.add_plain_port("ttyS0", 4).unwrap();
    let roles: Vec<Role> = machine.devices().iter().map(|device| device.role).collect();
    assert_eq!(
        roles,
        [
            Role::Scale,
            Role::PlainSerial,
            Role::SerialMagstripe,
            Role::SerialAdapter,
            Role::Snapi,
            Role::HidMagstripe,
            Role::Scale,
            Role::Other,
            Role::ScannerWedge,
            Role::CardWedge,
            Role::Keyboard,
            Role::Other,
            Role::Keyboard,
        ]
    );
}

#[test]
fn a_scanner_in_the_wrong_mode_is_said_to_be_there() {
    let machine = Machine::new();
    machine.simulated.add_keyboard(&usb("1", "05e0:1200", "Scanner", "S1"), (0, 0), KEYS).unwrap();
    let wanted = Selector { serial_number: Some("S1".to_owned()), ..Selector::default() };
    assert_eq!(machine.locate(&wanted, DriverKind::HidScanner), Err(NotOne::None));
    let said = machine.instead_of(&wanted, DriverKind::HidScanner);
    assert!(said.contains("another mode") && said.contains("\"keyboard-wedge\""), "{said}");
}

#[test]
fn devices_that_came_by_air_or_from_a_program_say_who_they_are() {
    let machine = Machine::new();
    let simulated = &machine.simulated;
    let hid = "sys/devices/virtual/misc/uhid/0005:05E0:1701.0001";
    let uevent = "HID_ID=0005:000005E0:00001701\nHID_NAME=CS4070\nHID_UNIQ=40:83:de:00:00:01\n";
    simulated.write(&format!("{hid}/uevent"), uevent).unwrap();
    simulated.write(&format!("{hid}/report_descriptor"), SCANNER).unwrap();
    simulated.link("sys/class/hidraw/hidraw0/device", &simulated.path(hid)).unwrap();
    simulated.write("dev/hidraw0", "").unwrap();
    let input = "sys/devices/virtual/input/input3";
    for (attribute, value) in [
        ("id/vendor", "1111"),
        ("id/product", "2222"),
        ("name", "wedge"),
        ("capabilities/key", KEYS),
    ] {
        simulated.write(&format!("{input}/{attribute}"), value).unwrap();
    }
    simulated.link("sys/class/input/event3/device", &simulated.path(input)).unwrap();
    simulated.write("dev/input/event3", "").unwrap();
    simulated.write("sys/class/input/mouse0/dev", "13:32").unwrap();
    assert_eq!(
        machine.names(),
        [r#"usb = "05e0:1701", serial_number = "40:83:de:00:00:01""#, r#"usb = "1111:2222""#]
    );
    for (node, rule) in [
        ("hidraw0", r#"KERNELS=="*:05E0:1701.*", GROUP="tillgate""#),
        ("input/event3", r#"ATTRS{id/vendor}=="1111", ATTRS{id/product}=="2222""#),
    ] {
        let hint = denied_hint(&simulated.roots(), &simulated.path("dev").join(node));
        assert!(hint.contains(rule), "{hint}");
    }
}

#[test]
fn nodes_without_hardware_are_no_ports() {
    let machine = Machine::new();
    machine.simulated.add_plain_port("ttyS0", 4).unwrap();
    machine.simulated.add_plain_port("ttyS1", 0).unwrap();
    machine.simulated.write("sys/class/tty/tty7/dev", "4:7\n").unwrap();
    let nodes: Vec<PathBuf> = machine.devices().into_iter().map(|device| device.node).collect();
    assert_eq!(nodes, [machine.simulated.path("dev/ttyS0")]);
}

#[test]
fn a_program_that_holds_a_port_is_named() {
    let machine = Machine::new();
    let simulated = &machine.simulated;
    simulated.add_port(&honeywell(), "ttyACM0", None).unwrap();
    simulated.write("proc/812/comm", "ModemManager\n").unwrap();
    fs::create_dir_all(simulated.path("proc/812/fd")).unwrap();
    symlink(simulated.path("dev/ttyACM0"), simulated.path("proc/812/fd/7")).unwrap();
    let access = access(&simulated.roots(), &simulated.path("dev/ttyACM0"));
    assert_eq!(access, Access::Held { by: "ModemManager (process 812)".to_owned() });
}

fn set_mode(node: &Path, mode: u32) {
    fs::set_permissions(node, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn a_denied_device_is_explained_by_its_group_or_with_a_rule() {
    let machine = Machine::new();
    let simulated = &machine.simulated;
    simulated.add_port(&honeywell(), "ttyACM0", None).unwrap();
    simulated.add_hidraw(&usb("2", "1d6b:0b61", "Voyager", ""), (0, 0), SCANNER).unwrap();
    simulated.add_hidraw(&usb("3", "0c2e:0b61", "Voyager", ""), (0, 1), SCANNER).unwrap();
    let roots = simulated.roots();
    let (port, hidraw) = (simulated.path("dev/ttyACM0"), simulated.path("dev/hidraw0"));
    let gid = fs::metadata(&port).unwrap().gid();
    let groups = format!("root:x:{}:\ndialout:x:{gid}:pat,kim\n", gid + 1);
    simulated.write("etc/group", groups).unwrap();
    set_mode(&port, 0o660);
    let hint = denied_hint(&roots, &port);
    assert!(hint.contains("usermod -aG dialout") && hint.contains("60-tillgate.rules"), "{hint}");
    set_mode(&port, 0o600);
    let hint = denied_hint(&roots, &port);
    assert!(hint.contains("60-tillgate.rules") && !hint.contains("dialout"), "{hint}");
    simulated.add_plain_port("ttyS0", 4).unwrap();
    let board = simulated.path("dev/ttyS0");
    set_mode(&board, 0o600);
    let hint = denied_hint(&roots, &board);
    assert!(hint.contains("KERNEL==\"ttyS0\"") && !hint.contains("plug the device in"), "{hint}");
    set_mode(&hidraw, 0o600);
    let hint = denied_hint(&roots, &hidraw);
    let rule = r#"`SUBSYSTEM=="hidraw", ATTRS{idVendor}=="1d6b", ATTRS{idProduct}=="0b61", GROUP="tillgate", MODE="0660"`"#;
    assert!(hint.starts_with("only root may open it") && hint.contains(rule), "{hint}");
    let of_maker = simulated.path("dev/hidraw1");
    set_mode(&of_maker, 0o600);
    let hint = denied_hint(&roots, &of_maker);
    assert!(hint.contains("install 60-tillgate.rules"), "the file has a rule for it: {hint}");
}

#[test]
fn the_shipped_rules_serve_the_makers_that_are_known() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/udev/60-tillgate.rules");
    let rules = fs::read_to_string(file).unwrap();
    for subsystem in ["hidraw", "input"] {
        let start = format!("SUBSYSTEM==\"{subsystem}\"");
        let rule = rules.lines().find(|line| line.starts_with(&start)).unwrap();
        let (_, vendors) = rule.split_once("ATTRS{idVendor}==\"").unwrap();
        let (vendors, _) = vendors.split_once('"').unwrap();
        let served = vendors.split('|').map(|vendor| u16::from_str_radix(vendor, 16).unwrap());
        let mut served: Vec<u16> = served.collect();
        served.sort_unstable();
        let known = (0..=u16::MAX).filter(|vendor| role::is_served_by_rules(*vendor));
        assert_eq!(served, known.collect::<Vec<u16>>());
    }
}

#[test]
fn root_is_told_what_the_daemon_s_user_may_not() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: another user is told of its own rights");
        return;
    }
    let machine = Machine::new();
    let simulated = &machine.simulated;
    simulated.add_port(&honeywell(), "ttyACM0", None).unwrap();
    let (roots, port) = (simulated.roots(), simulated.path("dev/ttyACM0"));
    set_mode(&port, 0o660);
    assert_eq!(access(&roots, &port), Access::Free, "no such user");
    simulated
        .write("etc/passwd", "root:x:0:0::/:/bin/sh\ntillgate:x:990:989::/:/bin/sh\n")
        .unwrap();
    assert!(matches!(access(&roots, &port), Access::Denied { .. }));
    let gid = fs::metadata(&port).unwrap().gid();
    simulated.write("etc/group", format!("dialout:x:{gid}:pat,tillgate\n")).unwrap();
    assert_eq!(access(&roots, &port), Access::Free, "by its group");
    set_mode(&port, 0o600);
    assert!(matches!(access(&roots, &port), Access::Denied { .. }));
}

#[test]
fn a_number_that_moves_is_advised_against() {
    let machine = Machine::new();
    machine.simulated.add_port(&honeywell(), "ttyACM0", None).unwrap();
    let advised =
        |name: &str| advice(&machine.simulated.roots(), &machine.simulated.path("dev").join(name));
    let text = advised("ttyACM0").unwrap();
    assert!(
        text.ends_with(r#"write usb = "0c2e:0ca1", serial_number = "12345" instead"#),
        "{text}"
    );
    for moving in ["ttyUSB3", "hidraw0", "input/event11"] {
        assert!(advised(moving).unwrap().contains("`tillgate devices`"), "{moving}");
    }
    for stable in ["ttyS0", "ttyUSB", "ttyUSBx", "serial/by-id/usb-Honeywell_HH660_12345-if00"] {
        assert_eq!(advised(stable), None, "{stable}");
    }
}

#[test]
fn ids_and_ports_are_written_as_they_are_printed() {
    let id: UsbId = "05E0:1900".parse().unwrap();
    assert_eq!((id.vendor, id.product, id.to_string().as_str()), (0x05E0, 0x1900, "05e0:1900"));
    for wrong in ["", "05e0", "5e0:1900", "05e0:19000", "05e0:19g0", "+5e0:1900"] {
        let refusal = wrong.parse::<UsbId>().unwrap_err().to_string();
        assert!(refusal.contains("lsusb"), "{refusal}");
    }
    for right in ["0000:00:14.0/1", "fe980000.usb/1.2.4", "dummy_hcd.0/1"] {
        assert_eq!(check_usb_port(right), Ok(()), "{right}");
    }
    for wrong in ["1-1.2", "", "/1", "0000:00:14.0/", "0000:00:14.0/1.", "x/y"] {
        assert!(check_usb_port(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn this_machine_can_be_looked_at() {
    let attached = devices(&Roots::default());
    for device in &attached {
        assert!(device.node.exists() || !device.node.starts_with("/dev"), "{device:?}");
        assert!(!address_of(device, &attached).to_string().is_empty());
        let _ = access(&Roots::default(), &device.node);
    }
}
