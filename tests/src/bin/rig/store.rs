//! A store whose devices are all configured from the start, on a lane each, and come and go.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tillgate_tests::broker::Broker;
use tillgate_tests::canary::{Place, files};
use tillgate_tests::deadline::until;
use tillgate_tests::gateway::Gateway;
use tillgate_tests::site::Site;
use tillgate_tests::witness::{Witness, first_deliveries};

/// The guest's clock counts instructions and skips what is idle: while QEMU itself has something to do for a scene, it
/// runs far ahead of any other.
pub(crate) const WAIT_SECONDS: u64 = 120;

/// So long nothing comes once everything has come.
const QUIET: Duration = Duration::from_millis(400);

/// A configured device.
pub(crate) struct Device {
    pub(crate) id: &'static str,
    pub(crate) lane: &'static str,
    driver: &'static str,
    /// The keys of the configuration that say which one it is.
    address: &'static [(&'static str, &'static str)],
}

const fn device(
    id: &'static str,
    lane: &'static str,
    driver: &'static str,
    address: &'static [(&'static str, &'static str)],
) -> Device {
    Device { id, lane, driver, address }
}

/// By `/dev/uhid`, with a link of the rig's own rule.
pub(crate) const HID_SCANNER: Device =
    device("hid-scanner", "11", "hid-scanner", &[("port", "/dev/rig/hid-scanner")]);
/// A Zebra scanner in its own mode.
pub(crate) const SNAPI_SCANNER: Device =
    device("snapi-scanner", "21", "snapi", &[("port", "/dev/rig/snapi-scanner")]);
/// A USB gadget, by what it says of itself.
pub(crate) const USB_HID_SCANNER: Device = device(
    "usb-hid-scanner",
    "12",
    "hid-scanner",
    &[("usb", "0c2e:0b82"), ("serial_number", "HID0002")],
);
/// Reports as MagTek lays them out.
pub(crate) const CARD_READER: Device =
    device("card-reader", "13", "hid-magstripe", &[("port", "/dev/rig/card-reader")]);
/// Reports of the HID usage page 8E.
pub(crate) const STRIPE_READER: Device =
    device("stripe-reader", "14", "hid-magstripe", &[("port", "/dev/rig/stripe-reader")]);
pub(crate) const WEDGE_A: Device =
    device("wedge-a", "15", "keyboard-wedge", &[("port", "/dev/rig/rig-wedge-a")]);
pub(crate) const WEDGE_B: Device =
    device("wedge-b", "16", "keyboard-wedge", &[("port", "/dev/rig/rig-wedge-b")]);
/// QEMU's, with udev's own link.
pub(crate) const KEYBOARD: Device = device(
    "keyboard",
    "17",
    "keyboard-wedge",
    &[("port", "/dev/input/by-id/usb-QEMU_QEMU_USB_Keyboard_KBD0001-event-kbd")],
);
/// A USB gadget of the class CDC-ACM, by its socket.
pub(crate) const ACM_SCANNER: Device =
    device("acm-scanner", "18", "serial-scanner", &[("usb_port", "dummy_hcd.0/1")]);
/// QEMU's serial adapter, an FTDI.
pub(crate) const FTDI_SCANNER: Device = device(
    "ftdi-scanner",
    "19",
    "serial-scanner",
    &[("port", "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_SCN0001-if00-port0")],
);
/// QEMU's reader of chip cards, at the guest's pcscd.
pub(crate) const CHIP_READER: Device =
    device("chip-reader", "20", "pcsc", &[("port", "/run/pcscd/pcscd.comm")]);

/// The application of the store's chip cards.
pub(crate) const LOYALTY_APPLICATION: &str = "f074696c6c67617465";

const DEVICES: [&Device; 11] = [
    &HID_SCANNER,
    &SNAPI_SCANNER,
    &USB_HID_SCANNER,
    &CARD_READER,
    &STRIPE_READER,
    &WEDGE_A,
    &WEDGE_B,
    &KEYBOARD,
    &ACM_SCANNER,
    &FTDI_SCANNER,
    &CHIP_READER,
];

/// The store.
pub(crate) struct Store {
    pub(crate) site: Site,
    pub(crate) gateway: Gateway,
    witness: Witness,
    _broker: Broker,
    /// Events that scenes have seen.
    seen: usize,
    /// Bytes of the daemon's log that were printed.
    printed: usize,
}

/// What comes sooner after a device was opened may be the rest of a code: `key_gap_ms` of a keyboard, and some more for
/// a slow guest.
const FIRST_CODE: Duration = Duration::from_millis(300);

impl Store {
    pub(crate) fn open() -> Self {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        for device in DEVICES {
            let who = [("id", device.id), ("lane", device.lane), ("driver", device.driver)];
            let keys = who.into_iter().chain(device.address.iter().copied());
            let keys = keys.map(|(key, value)| (key, value.into()));
            let card = (device.driver == "pcsc").then(|| ("card", chip_card()));
            site.config.add("lane", [("id", device.lane.into())]).add("device", keys.chain(card));
        }
        // A debug build takes a minute to fill one.
        site.config.set("disk", "ballast", "0 B");
        let gateway = site.start();
        Self { site, gateway, witness, _broker: broker, seen: 0, printed: 0 }
    }

    /// Plugs a device in and waits until the daemon has taken it into use. Says how long that took.
    #[track_caller]
    pub(crate) fn plug<T>(&self, device: &Device, plug: impl FnOnce() -> T) -> (T, Duration) {
        self.wait(device, false);
        let began = Instant::now();
        let plugged = plug();
        self.wait(device, true);
        let took = began.elapsed();
        sleep(FIRST_CODE);
        (plugged, took)
    }

    /// Unplugs a device and waits until the daemon and udev have let go of it. Says how long the daemon took.
    #[track_caller]
    pub(crate) fn unplug(&self, device: &Device, unplug: impl FnOnce()) -> Duration {
        let began = Instant::now();
        unplug();
        self.wait(device, false);
        let noticed = began.elapsed();
        // pcscd's socket stays.
        let is_link = |place: &str| place.starts_with("/dev/");
        let links = device.address.iter().filter(|(key, at)| *key == "port" && is_link(at));
        for (_, link) in links {
            until(WAIT_SECONDS, "its link is gone", || !Path::new(link).exists());
        }
        noticed
    }

    #[track_caller]
    fn wait(&self, device: &Device, connected: bool) {
        let what = if connected { "is taken into use" } else { "is missed" };
        let gauge = format!("tillgate_device_connected{{device=\"{}\"}}", device.id);
        until(WAIT_SECONDS, &format!("{} {what}", device.id), || {
            (self.metric(&gauge) > 0.0) == connected
        });
    }

    /// Waits for so many new events of one device on its lane; gives what was read, in order, and proves that nothing
    /// else came.
    #[track_caller]
    pub(crate) fn codes(&mut self, device: &Device, count: usize) -> Vec<String> {
        let events = self.events(count);
        assert_eq!(events.len(), count, "events: {events:?}");
        events.iter().for_each(|event| assert_on_lane(event, device));
        events.iter().map(code_of).collect()
    }

    /// Waits for so many new events; gives all that came.
    #[track_caller]
    pub(crate) fn events(&mut self, count: usize) -> Vec<Value> {
        let wanted = self.seen + count;
        until(WAIT_SECONDS, &format!("{count} events"), || self.witness.event_count() >= wanted);
        self.rest()
    }

    /// Gives what comes until it is quiet.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        let mut before = self.witness.event_count();
        loop {
            sleep(QUIET);
            let now = self.witness.event_count();
            if now == before {
                break;
            }
            before = now;
        }
        let new = first_deliveries(&self.witness.events()).split_off(self.seen);
        self.seen += new.len();
        new
    }

    /// A value of the daemon's metrics, by all that stands before it on its line; 0 when there is none.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let answer = self.site.look("/metrics");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_default()
    }

    /// Everything that left the gateway or that it wrote.
    pub(crate) fn traces(&self) -> Vec<Place> {
        let messages = self.witness.messages().into_iter();
        let mut traces: Vec<Place> =
            messages.map(|message| Place::new(&message.topic, message.payload)).collect();
        traces.push(Place::text("the log", self.gateway.log()));
        for path in ["/metrics", "/v1/status"] {
            traces.push(Place::new(path, self.site.look(path).body));
        }
        traces.extend(files(&self.site.data_dir()));
        traces
    }

    /// Whatever else comes is nothing to the next scene.
    pub(crate) fn forget(&mut self) {
        self.rest();
    }

    /// Prints what the daemon said since the last time.
    pub(crate) fn print_log(&mut self) {
        let log = self.gateway.log();
        println!("{}", log.get(self.printed..).unwrap_or_default());
        self.printed = log.len();
    }
}

/// Where the store's chip cards have their number.
fn chip_card() -> toml::Value {
    let file = format!(
        "application = '{LOYALTY_APPLICATION}', file = '0001', offset = 2, length = 7, form = 'bcd'"
    );
    let card = format!("files = [{{ {file} }}]");
    card.parse::<toml::Table>().expect("a table").into()
}

#[track_caller]
pub(crate) fn assert_on_lane(event: &Value, device: &Device) {
    assert_eq!(event["data"]["device"], device.id, "{event}");
    assert_eq!(event["data"]["lane"], device.lane, "{event}");
}

/// What a barcode's event says was read.
pub(crate) fn code_of(event: &Value) -> String {
    event["data"]["data"].as_str().unwrap_or_default().to_owned()
}
