//! mosquitto as a bridge, as Debian installs it; each of its settings is one that its users choose.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};

use tempfile::TempDir;
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::until;
use tillgate_tests::ports;
use tillgate_tests::process::{Process, command};

use super::{Edge, Peer};
use crate::limits;

const SETTINGS: [(&str, &str, &str); 3] = [
    ("mosquitto bridge", "defaults", ""),
    ("mosquitto bridge, no queue limit", "max_queued_messages 0", "max_queued_messages 0\n"),
    (
        "mosquitto bridge, saves each 100 changes",
        "max_queued_messages 0, autosave_on_changes, autosave_interval 100",
        "max_queued_messages 0\nautosave_on_changes true\nautosave_interval 100\n",
    ),
];

pub(super) fn peers() -> impl Iterator<Item = Peer> {
    SETTINGS.into_iter().map(|(name, how, settings)| {
        Peer::new(
            name,
            how,
            &[0],
            Box::new(move |centre| Box::new(Bridge::start(centre, settings))),
        )
    })
}

/// A mosquitto in the store that hands everything on to the centre.
struct Bridge {
    port: u16,
    folder: TempDir,
    process: Process,
}

impl Bridge {
    fn start(centre: &Broker, settings: &str) -> Self {
        let folder = TempDir::with_prefix("tillgate-edge-").expect("a temporary folder");
        let port = ports::free();
        let text = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\npersistence true\n\
             persistence_location {}/\n{settings}connection centre\naddress 127.0.0.1:{}\n\
             remote_clientid tillgate-edge\nrestart_timeout 1\ncleansession false\n\
             bridge_protocol_version mqttv311\ntopic tillgate/# out 1\n",
            folder.path().display(),
            centre.port()
        );
        fs::write(folder.path().join("mosquitto.conf"), text)
            .expect("the bridge's configuration is written");
        let process = Self::run(&folder, port);
        until(20, "the bridge is connected", || centre.log().contains("tillgate-edge"));
        Self { port, folder, process }
    }

    fn run(folder: &TempDir, port: u16) -> Process {
        let mut mosquitto = command("/usr/sbin/mosquitto");
        mosquitto.arg("-c").arg(folder.path().join("mosquitto.conf"));
        let process = Process::start(mosquitto, &folder.path().join("log"));
        until(10, "the bridge listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        process
    }
}

impl Edge for Bridge {
    fn take(&mut self, sales: &[String]) {
        let payloads = sales.iter().map(|sale| sale.clone().into_bytes()).collect();
        limits::publish_all(self.port, payloads);
    }

    fn kill(&mut self) {
        self.process.kill();
    }

    fn resume(&mut self) {
        self.process = Self::run(&self.folder, self.port);
    }
}
