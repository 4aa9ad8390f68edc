//! A store whose devices are all configured from the start, on a lane each, and come and go.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::until;
use tillgate_tests::gateway::Gateway;
use tillgate_tests::site::Site;
use tillgate_tests::witness::{Witness, first_deliveries};

/// The guest is slow, and slower on a busy machine.
const WAIT_SECONDS: u64 = 30;

/// A configured device.
pub(crate) struct Device {
    pub(crate) id: &'static str,
    pub(crate) lane: &'static str,
    driver: &'static str,
    pub(crate) port: &'static str,
}

const fn device(
    id: &'static str,
    lane: &'static str,
    driver: &'static str,
    port: &'static str,
) -> Device {
    Device { id, lane, driver, port }
}

pub(crate) const HID_SCANNER: Device =
    device("hid-scanner", "11", "hid-scanner", "/dev/rig/hid-scanner");

const DEVICES: [&Device; 1] = [&HID_SCANNER];

/// The store.
pub(crate) struct Store {
    pub(crate) site: Site,
    pub(crate) gateway: Gateway,
    witness: Witness,
    _broker: Broker,
    /// Events that scenes have seen.
    seen: usize,
}

impl Store {
    pub(crate) fn open() -> Self {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let mut site = Site::with(&broker);
        for device in DEVICES {
            site.config.add("lane", [("id", device.lane.into())]).add(
                "device",
                [
                    ("id", device.id.into()),
                    ("lane", device.lane.into()),
                    ("driver", device.driver.into()),
                    ("port", device.port.into()),
                ],
            );
        }
        // A debug build takes a minute to fill one.
        site.config.set("disk", "ballast", "0 B");
        let gateway = site.start();
        Self { site, gateway, witness, _broker: broker, seen: 0 }
    }

    /// How often the daemon has said that it took a device into use.
    pub(crate) fn connections(&self, device: &Device) -> usize {
        let (said, who) = ("=\"connected: ", format!("device={}", device.id));
        let mine = |line: &&str| line.contains(said) && line.split(' ').any(|word| word == who);
        self.gateway.log().lines().filter(mine).count()
    }

    /// Waits until the daemon has taken a device into use so many times.
    #[track_caller]
    pub(crate) fn wait_for_connection(&self, device: &Device, times: usize) {
        until(WAIT_SECONDS, &format!("{} is taken into use", device.id), || {
            self.connections(device) >= times
        });
    }

    /// Waits for so many new events; gives all that came.
    #[track_caller]
    pub(crate) fn events(&mut self, count: usize) -> Vec<Value> {
        let wanted = self.seen + count;
        until(WAIT_SECONDS, &format!("{count} events"), || self.witness.event_count() >= wanted);
        let new = first_deliveries(&self.witness.events()).split_off(self.seen);
        self.seen += new.len();
        new
    }

    /// Whatever else comes is nothing to the next scene.
    pub(crate) fn forget(&mut self) {
        std::thread::sleep(Duration::from_millis(200));
        self.seen = self.witness.event_count();
    }

    pub(crate) fn print_log(&self) {
        println!("{}", self.gateway.log());
    }
}

/// Whether something is plugged in under this name.
pub(crate) fn is_there(device: &Device) -> bool {
    Path::new(device.port).exists()
}
