//! The broker in the store from which a peer takes what it hands on, and what the peer has acknowledged to it.

use std::fs::File;
use std::io::{BufRead, BufReader};

use tillgate_tests::broker::{Broker, BrokerOptions};
use tillgate_tests::deadline::until;

use crate::limits;

/// As which a peer subscribes here.
pub(super) const PEER: &str = "store-peer";
/// What it subscribes to.
pub(super) const TOPICS: &str = "tillgate/#";
const ACKNOWLEDGED_WITHIN_SECONDS: u64 = 300;

/// A broker whose log says of each message when the peer has acknowledged it.
pub(super) struct Source {
    broker: Broker,
    log: BufReader<File>,
    line: Vec<u8>,
    given: usize,
    acknowledged: usize,
}

impl Source {
    pub(super) fn start() -> Self {
        let more = "log_type debug\n".to_owned();
        let broker = Broker::start(BrokerOptions { more, ..BrokerOptions::default() });
        let log = BufReader::new(File::open(broker.log_file()).expect("the broker's log"));
        Self { broker, log, line: Vec::new(), given: 0, acknowledged: 0 }
    }

    pub(super) fn port(&self) -> u16 {
        self.broker.port()
    }

    /// Waits until the peer has subscribed, here and to the centre's broker.
    pub(super) fn wait_for_peer(&self, centre: &Broker) {
        let subscribed = format!("{PEER} 1 {TOPICS}");
        until(60, "the peer takes from the store", || self.broker.log().contains(&subscribed));
        until(60, "the peer is with the centre", || centre.log().contains("tillgate-edge"));
    }

    /// Publishes these and waits until the peer has acknowledged each.
    pub(super) fn give(&mut self, payloads: Vec<Vec<u8>>) {
        self.given += payloads.len();
        limits::publish_all(self.port(), payloads);
        until(ACKNOWLEDGED_WITHIN_SECONDS, "the peer has acknowledged all", || {
            self.read_log();
            self.acknowledged >= self.given
        });
    }

    /// Reads what was logged since the last look.
    fn read_log(&mut self) {
        let mark = format!("Received PUBACK from {PEER} ");
        while self.log.read_until(b'\n', &mut self.line).is_ok_and(|bytes| bytes > 0) {
            if !self.line.ends_with(b"\n") {
                // The rest of the line comes with the next look.
                return;
            }
            let is_acknowledged = String::from_utf8_lossy(&self.line).contains(&mark);
            self.acknowledged += usize::from(is_acknowledged);
            self.line.clear();
        }
    }
}
