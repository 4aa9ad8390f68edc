//! Shops in a tree that looks like a machine, and what the command says of them: the texts are in `tests/devices/`.
//!
//! After a change: `TILLGATE_BLESS=1 cargo test -p tillgate --lib devices`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tillgate_drivers::simulated::machine::{SimulatedMachine, SimulatedUsb};

use super::*;

const KEYS: &str = "fffffffffffffffe";
/// One field of scanned data, as HID POS scanners have it.
const SCANNER: &[u8] = &[
    0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x85, 0x02, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95,
    0x38, 0x09, 0xFE, 0x82, 0x02, 0x01, 0xC0,
];
const VENDOR: &[u8] = &[0x06, 0x8C, 0xFF, 0x09, 0x01, 0xA1, 0x01, 0xC0];
const KEYBOARD: &[u8] = &[5, 1, 9, 6, 0xA1, 1, 5, 7, 0x75, 8, 0x95, 6, 0x81, 0, 0xC0];

const VOYAGER: SimulatedUsb<'static> = scanner("2", "19013B02E8");

const fn scanner<'a>(ports: &'a str, serial_number: &'a str) -> SimulatedUsb<'a> {
    let id = attached::UsbId { vendor: 0x0C2E, product: 0x0B61 };
    SimulatedUsb { ports, id, names: ["Honeywell", "Voyager 1470g"], serial_number }
}

fn other<'a>(ports: &'a str, id: &str, names: [&'a str; 2]) -> SimulatedUsb<'a> {
    SimulatedUsb { ports, id: id.parse().unwrap(), names, serial_number: "" }
}

struct Shop {
    _folder: tempfile::TempDir,
    machine: SimulatedMachine,
    config: String,
}

impl Shop {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = SimulatedMachine::new(folder.path()).unwrap();
        machine.write("etc/passwd", "tillgate:x:990:989::/:/bin/false\n").unwrap();
        let config = format!(
            "[gateway]\norg = \"acme\"\nstore = \"1\"\nid = \"gw\"\ndata_dir = \"/d\"\ncurrency = \"CNY\"\n\
             [mqtt]\nurl = \"mqtt://127.0.0.1:9\"\n[[lane]]\nid = \"1\"\n[[lane]]\nid = \"3\"\n{config}"
        );
        Self { _folder: folder, machine, config }
    }

    /// Nodes are everybody's, but for those that are named.
    fn survey(&self, config: Option<&Config>, denied: &[&str]) -> Survey {
        for device in attached::devices(&self.machine.roots()) {
            let name = device.node.file_name().unwrap().to_str().unwrap();
            let mode = if denied.contains(&name) { 0o000 } else { 0o666 };
            fs::set_permissions(&device.node, PermissionsExt::from_mode(mode)).unwrap();
        }
        Survey::of(&self.machine.roots(), config)
    }

    fn config(&self) -> Arc<Config> {
        Config::parse(Path::new("tillgate.toml"), &self.config).unwrap().config
    }

    fn text(&self, survey: &Survey) -> String {
        let root = self.machine.path("").display().to_string();
        text::fitted(&text::lines(survey, Style::plain()).replace(&root, "/"))
    }
}

#[track_caller]
fn assert_text(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/devices").join(name);
    if std::env::var_os("TILLGATE_BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let known = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(known, text, "{name}: run with TILLGATE_BLESS=1 and look");
}

/// What can be pasted is taken, with the lines that are commented out, too.
#[track_caller]
fn assert_can_be_appended(shop: &Shop, text: &str, devices: usize) {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(line) if !line.starts_with(' ') && !line.starts_with("[[lane]]") => line,
        _ => line,
    });
    // The lane is there already.
    let lines: Vec<&str> = lines.filter(|line| *line != "id = \"1\"").collect();
    let whole = format!("{}\n{}", shop.config, lines.join("\n"));
    let loaded = Config::parse(Path::new("whole"), &whole).unwrap();
    assert_eq!(loaded.config.devices.len(), devices, "{whole}");
}

#[test]
fn a_new_shop_is_told_what_is_there_and_what_to_paste() {
    let shop = Shop::new("");
    let machine = &shop.machine;
    machine.add_hidraw(&VOYAGER, (0, 1), SCANNER).unwrap();
    machine.add_hidraw(&VOYAGER, (1, 2), VENDOR).unwrap();
    let zebra = other("4", "05e0:1900", ["Symbol Technologies", "Symbol Bar Code Scanner"]);
    machine.add_hidraw(&zebra, (0, 3), VENDOR).unwrap();
    let keyboard = other("1.1", "046d:c31c", ["Logitech", "USB Keyboard"]);
    machine.add_keyboard(&keyboard, (0, 0), KEYS).unwrap();
    machine.add_hidraw(&keyboard, (0, 0), KEYBOARD).unwrap();
    let swipe = other("1.2", "0801:0001", ["Mag-Tek", "USB Swipe Reader"]);
    machine.add_keyboard(&swipe, (0, 4), KEYS).unwrap();
    machine.add_port(&other("5", "0403:6001", ["FTDI", "FT232R"]), "ttyUSB0", None).unwrap();
    machine.add_plain_port("ttyS0", 4).unwrap();
    let text = shop.text(&shop.survey(None, &[]));
    assert_text("new-shop.txt", &text);
    assert_can_be_appended(&shop, &text, 6);
}

#[test]
fn a_device_that_needs_rights_comes_with_its_rule() {
    let shop = Shop::new("");
    let machine = &shop.machine;
    machine.add_hidraw(&VOYAGER, (0, 1), SCANNER).unwrap();
    machine.add_keyboard(&VOYAGER, (1, 0), KEYS).unwrap();
    machine.add_port(&scanner("3", "19013B0300"), "ttyACM0", None).unwrap();
    machine.write("proc/812/comm", "ModemManager\n").unwrap();
    machine.link("proc/812/fd/7", &machine.path("dev/ttyACM0")).unwrap();
    let newland = other("6", "1eab:0001", ["Newland", "HR52"]);
    machine.add_hidraw(&newland, (0, 5), VENDOR).unwrap();
    machine.add_hidraw(&other("7", "1d6b:0104", ["Acme", "POS"]), (0, 6), SCANNER).unwrap();
    let denied = ["hidraw1", "event0", "hidraw6"];
    let text = shop.text(&shop.survey(Some(&shop.config()), &denied));
    assert_text("without-rights.txt", &text);
    assert_can_be_appended(&shop, &text, 4);
}

const CONFIGURED: &str = r#"
[[device]]
id = "scanner-1"
lane = "1"
driver = "hid-scanner"
usb = "0c2e:0b61"
serial_number = "19013B02E8"
[[device]]
id = "scanner-2"
lane = "3"
driver = "hid-scanner"
usb = "0c2e:0b61"
serial_number = "19013B0300"
[[device]]
id = "scanner-3"
lane = "3"
driver = "hid-scanner"
usb = "0c2e:0b61"
[[device]]
id = "wedge"
lane = "3"
driver = "snapi"
usb = "05e0:1200"
[[device]]
id = "reader"
lane = "3"
driver = "serial-magstripe"
port = "/dev/serial/by-id/usb-gone"
"#;

#[test]
fn a_configured_device_that_is_none_or_several_comes_with_its_candidates() {
    let shop = Shop::new(CONFIGURED);
    let machine = &shop.machine;
    machine.add_hidraw(&VOYAGER, (0, 0), SCANNER).unwrap();
    machine.add_hidraw(&scanner("3", "19013B0411"), (0, 1), SCANNER).unwrap();
    let wedge = other("4", "05e0:1200", ["Symbol", "Scanner"]);
    machine.add_keyboard(&wedge, (0, 0), KEYS).unwrap();
    let survey = shop.survey(Some(&shop.config()), &[]);
    let text = shop.text(&survey);
    assert_text("configured.txt", &text);
    assert_can_be_appended(&shop, &text, 7);
    let objects: Vec<Value> =
        json::lines(&survey).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 3 + 5);
    assert_eq!(objects[0]["configured_as"], "scanner-1");
    assert_eq!(objects[0]["probably"], "HID POS scanner");
    assert_eq!(objects[1]["usb"]["serial_number"], "19013B0411");
    assert_eq!(objects[1]["configured_as"], Value::Null);
    let lines = objects[1]["configuration"].as_str().unwrap();
    assert!(lines.contains("id = \"scanner-4\""), "an id that is free: {lines}");
    assert_eq!(objects[3]["kind"], "configured");
    assert!(objects[4]["problem"].as_str().unwrap().contains("no HID POS scanner has"));
    assert!(objects[5]["candidates"].as_str().unwrap().starts_with("these match"));
}

#[test]
fn a_machine_without_devices_is_told_what_to_look_at() {
    let root = tempfile::tempdir().unwrap();
    for json in [false, true] {
        let config = ConfigFile { path: USUAL_FILE.into() };
        let args = DevicesArgs { json, root: root.path().to_owned(), config };
        let mut out = Vec::new();
        assert_eq!(run(&args, &mut out).unwrap(), 0);
        assert!(out.is_empty(), "words for people go to stderr");
    }
    assert!(NONE_ATTACHED.contains("dmesg"));
}

#[test]
fn this_machine_can_be_listed() {
    for json in [false, true] {
        let config = ConfigFile { path: USUAL_FILE.into() };
        let args = DevicesArgs { json, root: "/".into(), config };
        assert_eq!(run(&args, &mut Vec::new()).unwrap(), 0);
    }
}

#[test]
fn a_configuration_that_is_named_and_not_there_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let config = ConfigFile { path: root.path().join("none") };
    let args = DevicesArgs { json: true, root: root.path().to_owned(), config };
    assert!(run(&args, &mut Vec::new()).is_err());
}

#[test]
fn a_file_and_a_memory_device_are_no_device() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(!may_be_device(file.path()));
    assert!(!may_be_device(Path::new("/dev/null")));
    assert!(!may_be_device(Path::new("/nonexistent/tty")));
    assert!(may_be_device(Path::new("/dev/ptmx")));
}
