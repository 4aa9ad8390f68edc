//! The machine around the guest: QEMU's USB devices, plugged, unplugged and operated from within. The second serial
//! port is the far end of the USB serial scanner, the third speaks QMP with the monitor, the fourth is for
//! [`crate::card_slot`].

use std::fs::File;
use std::io::{Read, Write};

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Value, json};

const FAR_END: &str = "/dev/ttyS1";
const MONITOR: &str = "/dev/ttyS2";

/// Events that wait in QEMU's keyboard until the guest fetches them.
const KEYBOARD_EVENTS_MAX: usize = 16;

/// QEMU.
pub(crate) struct Machine {
    monitor: File,
    far_end: File,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let mut machine = Self { monitor: open_raw(MONITOR), far_end: open_raw(FAR_END) };
        // What the port echoed of the greeting before it was raw is an unfinished command; this byte, which JSON has
        // nowhere, ends it with an error that nobody reads.
        machine.monitor.write_all(b"\xff").expect("the monitor listens");
        machine.ask("qmp_capabilities", &json!({}));
        machine
    }

    /// Plugs a serial adapter in, with a scanner at its far end.
    pub(crate) fn plug_serial(&mut self) {
        self.ask(
            "device_add",
            &json!({
                "driver": "usb-serial", "id": "scanner", "bus": "usb.0", "port": "1", "chardev": "scanner",
                "serial": "SCN0001", "always-plugged": true,
            }),
        );
    }

    /// Plugs a keyboard in.
    pub(crate) fn plug_keyboard(&mut self) {
        self.ask(
            "device_add",
            &json!({
                "driver": "usb-kbd", "id": "keyboard", "bus": "usb.0", "port": "2", "serial": "KBD0001",
            }),
        );
    }

    /// Plugs a reader of chip cards in. Its slot is [`crate::card_slot::CardSlot`].
    pub(crate) fn plug_chip_reader(&mut self) {
        let reader = json!({
            "driver": "usb-ccid", "id": "chip-reader", "bus": "usb.0", "port": "3",
        });
        self.ask("device_add", &reader);
        let slot = json!({
            "driver": "ccid-card-passthru", "bus": "chip-reader.0", "chardev": "card",
        });
        self.ask("device_add", &slot);
    }

    /// Pulls `scanner`, `keyboard` or `chip-reader`.
    pub(crate) fn unplug(&mut self, id: &str) {
        self.ask("device_del", &json!({ "id": id }));
    }

    /// The scanner behind the adapter sends.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.far_end.write_all(bytes).expect("the adapter's far end");
    }

    /// The keyboard types digits and Enter. In one command, which the keyboard must have room for: between two, the
    /// guest's clock could run on for longer than a scanner ever pauses.
    pub(crate) fn type_digits(&mut self, digits: &str) {
        assert!(2 * (digits.len() + 1) <= KEYBOARD_EVENTS_MAX, "no room for {digits}");
        let keys = digits.chars().map(String::from).chain(["ret".to_owned()]);
        let events: Vec<Value> = keys
            .flat_map(|key| [true, false].map(|down| (key.clone(), down)))
            .map(|(key, down)| {
                let key = json!({ "type": "qcode", "data": key });
                json!({ "type": "key", "data": { "down": down, "key": key } })
            })
            .collect();
        self.ask("input-send-event", &json!({ "events": events }));
    }

    /// Runs a command and waits for its answer; events in between are nothing to us.
    fn ask(&mut self, command: &str, arguments: &Value) {
        let request = json!({ "execute": command, "arguments": arguments, "id": command });
        self.monitor.write_all(format!("{request}\n").as_bytes()).expect("the monitor listens");
        loop {
            let line = self.line();
            let answer: Value = serde_json::from_slice(&line).unwrap_or_default();
            if answer["id"] == command {
                // The monitor wants this once, and there is no asking whether it was.
                let known = command == "qmp_capabilities";
                assert!(known || answer["error"].is_null(), "{command}: {answer}");
                return;
            }
        }
    }

    fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        let mut byte = [0];
        while self.monitor.read_exact(&mut byte).is_ok() && byte != *b"\n" {
            line.extend(byte);
        }
        line
    }
}

/// Opens a serial port that changes and echoes nothing.
pub(crate) fn open_raw(path: &str) -> File {
    let port = File::options().read(true).write(true).open(path);
    let port = port.unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut settings = tcgetattr(&port).expect("a serial port");
    settings.make_raw();
    tcsetattr(&port, OptionalActions::Now, &settings).expect("a serial port");
    port
}
