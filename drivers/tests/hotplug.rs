//! Drivers and the comings and goings of devices: a tree that looks like a machine, with pseudo terminals as ports.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what drives the tests fails them in the same way"
)]

use std::sync::Arc;
use std::time::Duration;

use tillgate_drivers::attached::{Address, Selector};
use tillgate_drivers::simulated::SimulatedDevice;
use tillgate_drivers::simulated::machine::{SimulatedMachine, SimulatedUsb};
use tillgate_drivers::{DeviceEvent, DeviceSettings, DriverKind, Reading};
use tillgate_parsers::card::TokenKey;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The promise to the shop.
const REPLUG_MAX: Duration = Duration::from_secs(2);

struct Shop {
    _folder: tempfile::TempDir,
    machine: SimulatedMachine,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = SimulatedMachine::new(folder.path()).unwrap();
        Self { _folder: folder, machine }
    }

    fn plug_in(&self, usb: &SimulatedUsb<'_>, name: &str) -> SimulatedDevice {
        let device = SimulatedDevice::plug_in().unwrap();
        self.machine.add_port(usb, name, Some(device.port())).unwrap();
        device
    }

    fn start(&self, selector: Selector) -> Driver {
        let address = Address::Selector(selector);
        let mut settings = DeviceSettings::new("scanner-1", DriverKind::SerialScanner, address);
        settings.roots = self.machine.roots();
        let (sender, events) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let key = Arc::new(TokenKey::from_hex(&"5a".repeat(32)).unwrap());
        tokio::spawn(tillgate_drivers::run(settings, key, sender, stop.clone()));
        Driver { events, _stop: stop.drop_guard() }
    }
}

struct Driver {
    events: mpsc::Receiver<DeviceEvent>,
    _stop: DropGuard,
}

impl Driver {
    /// The next event in words.
    async fn next(&mut self) -> String {
        let event = timeout(Duration::from_secs(5), self.events.recv()).await;
        match event.expect("an event within 5 seconds").expect("the driver runs") {
            DeviceEvent::Connected { .. } => {
                // What comes at once may be the rest of a code.
                sleep(Duration::from_millis(25)).await;
                "connected".to_owned()
            }
            DeviceEvent::Disconnected { reason, hint } => format!("{reason}; {hint}"),
            DeviceEvent::Reading(Reading::Barcode { data, damaged: false, .. }) => {
                String::from_utf8(data.to_vec()).unwrap()
            }
            event => panic!("{event:?}"),
        }
    }
}

fn scanner<'a>(ports: &'a str, serial_number: &'a str) -> SimulatedUsb<'a> {
    let id = "0c2e:0ca1".parse().unwrap();
    SimulatedUsb { ports, id, names: ["Honeywell", "HH660"], serial_number }
}

fn by_number(serial_number: &str) -> Selector {
    Selector { serial_number: Some(serial_number.to_owned()), ..Selector::default() }
}

#[tokio::test]
async fn ten_replugs_under_changing_numbers_lose_and_double_nothing() {
    let shop = Shop::new();
    let mut driver = shop.start(by_number("12345"));
    assert!(driver.next().await.starts_with("no serial port has serial_number = \"12345\""));
    let stranger = shop.plug_in(&scanner("9", "999"), "ttyACM99");
    for round in 0..10 {
        let (usb, node) = (scanner("1", "12345"), format!("ttyACM{round}"));
        let device = shop.plug_in(&usb, &node);
        let plugged_at = Instant::now();
        assert_eq!(driver.next().await, "connected");
        assert!(plugged_at.elapsed() < REPLUG_MAX, "{:?}", plugged_at.elapsed());
        stranger.scan("4006381333931").await.unwrap();
        device.scan(&format!("round {round}")).await.unwrap();
        assert_eq!(driver.next().await, format!("round {round}"));
        shop.machine.unplug(&usb, &[&node]).unwrap();
        drop(device);
        let gone = driver.next().await;
        assert!(gone.starts_with("the device is gone"), "{gone}");
        let missing = driver.next().await;
        assert!(missing.contains("attached now: usb = \"0c2e:0ca1\", serial_number = \"999\""));
    }
}

#[tokio::test]
async fn of_two_that_fit_none_is_taken_until_one_is_left() {
    let shop = Shop::new();
    let ids = Selector { usb: "0c2e:0ca1".parse().ok(), ..Selector::default() };
    let (one, other) = (scanner("1", "1"), scanner("2", "2"));
    let device = shop.plug_in(&one, "ttyACM0");
    let _second = shop.plug_in(&other, "ttyACM1");
    let mut driver = shop.start(ids);
    let said = driver.next().await;
    for part in ["is not enough", "these match", "serial_number = \"1\"", "serial_number = \"2\""] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    shop.machine.unplug(&other, &["ttyACM1"]).unwrap();
    assert_eq!(driver.next().await, "connected");
    device.scan("96385074").await.unwrap();
    assert_eq!(driver.next().await, "96385074");
}
