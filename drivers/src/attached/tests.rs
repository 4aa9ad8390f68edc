//! Attached ports in a tree that looks like a machine. The node of a port is a plain file here.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use super::*;

struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { root: tempfile::tempdir().unwrap() };
        for directory in [
            "dev/serial/by-id",
            "dev/serial/by-path",
            "sys/class/tty",
            "sys/drivers",
            "proc",
            "etc",
        ] {
            fs::create_dir_all(machine.path(directory)).unwrap();
        }
        machine
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    fn roots(&self) -> Roots {
        Roots::below(self.root.path())
    }

    fn write(&self, file: &str, content: &str) {
        let file = self.path(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    /// A tty whose device is the directory `device` below sys.
    fn add_tty(&self, name: &str, device: &str, driver: &str) {
        let device = self.path("sys").join(device);
        fs::create_dir_all(&device).unwrap();
        let driver = self.path("sys/drivers").join(driver);
        fs::create_dir_all(&driver).unwrap();
        symlink(driver, device.join("driver")).unwrap();
        let class = self.path("sys/class/tty").join(name);
        fs::create_dir_all(&class).unwrap();
        symlink(device, class.join("device")).unwrap();
        self.write(&format!("dev/{name}"), "");
    }

    fn add_usb(&self, name: &str, socket: &str, attributes: &[(&str, &str)]) {
        self.add_tty(name, &format!("devices/usb1/{socket}/{socket}:1.0"), "cdc_acm");
        for (attribute, value) in attributes {
            self.write(&format!("sys/devices/usb1/{socket}/{attribute}"), &format!("{value}\n"));
        }
    }

    fn link(&self, link: &str, node: &str) {
        symlink(format!("../../{node}"), self.path("dev/serial").join(link)).unwrap();
    }
}

const HONEYWELL: &[(&str, &str)] = &[
    ("idVendor", "0c2e"),
    ("idProduct", "0ca1"),
    ("manufacturer", "Honeywell"),
    ("product", "HH660\u{1b}[31m"),
    ("serial", "12345"),
];
const WITHOUT_SERIAL: &[(&str, &str)] = &[("idVendor", "067b"), ("idProduct", "2303")];

#[test]
fn a_usb_scanner_is_known_by_its_link_and_identity() {
    let machine = Machine::new();
    machine.add_usb("ttyACM0", "1-1", HONEYWELL);
    machine.link("by-id/usb-Honeywell_HH660_12345-if00", "ttyACM0");
    machine.link("by-path/pci-0000:00:14.0-usb-0:1:1.0", "ttyACM0");
    let port = ports(&machine.roots()).remove(0);
    assert_eq!(port.stable_name(), machine.path("dev/serial/by-id/usb-Honeywell_HH660_12345-if00"));
    assert_eq!(port.driver.as_deref(), Some("cdc_acm"));
    assert_eq!(port.access, Access::Free);
    let usb = port.usb.unwrap();
    assert_eq!((usb.vendor_id.as_str(), usb.product_id.as_str()), ("0c2e", "0ca1"));
    assert_eq!(usb.serial_number.as_deref(), Some("12345"));
    assert_eq!(usb.product.as_deref(), Some("HH660[31m"), "no escape reaches a terminal");
}

#[test]
fn two_equal_devices_without_serial_numbers_are_told_apart_by_their_sockets() {
    let machine = Machine::new();
    machine.add_usb("ttyUSB0", "1-1", WITHOUT_SERIAL);
    machine.add_usb("ttyUSB1", "1-2", WITHOUT_SERIAL);
    machine.link("by-id/usb-Prolific_Controller-if00-port0", "ttyUSB1");
    machine.link("by-path/usb-0:1:1.0-port0", "ttyUSB0");
    machine.link("by-path/usb-0:2:1.0-port0", "ttyUSB1");
    let names: Vec<PathBuf> =
        ports(&machine.roots()).iter().map(|port| port.stable_name().to_owned()).collect();
    assert_eq!(
        names,
        [
            machine.path("dev/serial/by-path/usb-0:1:1.0-port0"),
            machine.path("dev/serial/by-path/usb-0:2:1.0-port0"),
        ]
    );
}

#[test]
fn nodes_without_hardware_are_no_ports() {
    let machine = Machine::new();
    machine.add_tty("ttyS0", "devices/serial8250/ttyS0", "serial8250");
    machine.write("sys/class/tty/ttyS0/type", "4\n");
    machine.add_tty("ttyS1", "devices/serial8250/ttyS1", "serial8250");
    machine.write("sys/class/tty/ttyS1/type", "0\n");
    machine.write("sys/class/tty/tty7/dev", "4:7\n");
    let nodes: Vec<PathBuf> = ports(&machine.roots()).into_iter().map(|port| port.node).collect();
    assert_eq!(nodes, [machine.path("dev/ttyS0")]);
}

#[test]
fn a_program_that_holds_a_port_is_named() {
    let machine = Machine::new();
    machine.add_usb("ttyACM0", "1-1", HONEYWELL);
    machine.write("proc/812/comm", "ModemManager\n");
    fs::create_dir_all(machine.path("proc/812/fd")).unwrap();
    symlink(machine.path("dev/ttyACM0"), machine.path("proc/812/fd/7")).unwrap();
    let access = ports(&machine.roots()).remove(0).access;
    assert_eq!(access, Access::Held { by: "ModemManager (process 812)".to_owned() });
}

#[test]
fn a_denied_port_is_explained_by_the_group_it_belongs_to() {
    let machine = Machine::new();
    machine.add_usb("ttyACM0", "1-1", HONEYWELL);
    let node = machine.path("dev/ttyACM0");
    let gid = fs::metadata(&node).unwrap().gid();
    machine.write("etc/group", &format!("root:x:{}:\ndialout:x:{gid}:pat,kim\n", gid + 1));
    fs::set_permissions(&node, std::os::unix::fs::PermissionsExt::from_mode(0o660)).unwrap();
    let hint = denied_hint(&machine.roots(), &node);
    assert!(hint.contains("usermod -aG dialout"), "{hint}");
    fs::set_permissions(&node, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let hint = denied_hint(&machine.roots(), &node);
    assert!(hint.contains("60-tillgate.rules") && !hint.contains("dialout"), "{hint}");
}

#[test]
fn a_number_that_moves_is_advised_against() {
    let machine = Machine::new();
    machine.add_usb("ttyACM0", "1-1", HONEYWELL);
    machine.link("by-id/usb-Honeywell_HH660_12345-if00", "ttyACM0");
    let advised = |name: &str| advice(&machine.roots(), &machine.path("dev").join(name));
    let text = advised("ttyACM0").unwrap();
    assert!(text.ends_with("by-id/usb-Honeywell_HH660_12345-if00 instead"), "{text}");
    assert!(advised("ttyUSB3").unwrap().contains("/dev/serial/by-id"));
    for stable in ["ttyS0", "ttyUSB", "ttyUSBx", "serial/by-id/usb-Honeywell_HH660_12345-if00"] {
        assert_eq!(advised(stable), None, "{stable}");
    }
}

#[test]
fn a_missing_port_is_answered_with_what_is_there() {
    let machine = Machine::new();
    assert!(instead_of(&machine.roots()).starts_with("no serial port is attached"));
    machine.add_usb("ttyACM0", "1-1", HONEYWELL);
    assert!(instead_of(&machine.roots()).ends_with("dev/ttyACM0"));
}
