//! The CRM's receiver: `tillgate tail --receipts`, which confirms what it has.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::broker::Broker;
use crate::deadline::until;
use crate::gateway::program;
use crate::process::{Process, command};

/// A receiver with a memory. Stopped and started, it goes on where it was.
#[derive(Debug)]
pub struct Receiver {
    broker_url: String,
    folder: TempDir,
    process: Option<Process>,
}

impl Receiver {
    /// Starts one and waits until it listens.
    ///
    /// # Panics
    ///
    /// When it does not listen in time.
    #[must_use]
    pub fn of(broker: &Broker) -> Self {
        let folder = TempDir::with_prefix("tillgate-receiver-").expect("a temporary folder");
        let mut receiver = Self { broker_url: broker.url(), folder, process: None };
        receiver.resume();
        receiver
    }

    /// Starts it again.
    ///
    /// # Panics
    ///
    /// When it does not listen in time.
    pub fn resume(&mut self) {
        let out = File::options().create(true).append(true).open(self.out()).expect("a file");
        let before = self.said("waiting for records");
        let mut tail = command(program());
        tail.args(["tail", "--receipts", "--json", "--client-id", "crm", "--broker"])
            .arg(&self.broker_url)
            .arg("--state")
            .arg(self.folder.path().join("state.json"))
            .stdout(out);
        self.process = Some(Process::start(tail, &self.log()));
        until(20, "the receiver listens", || self.said("waiting for records") > before);
    }

    /// An orderly end: what is printed is confirmed.
    ///
    /// # Panics
    ///
    /// When it does not end well.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let status = process.terminate(Duration::from_secs(10));
            assert!(status.success(), "the receiver ended with {status}");
        }
    }

    /// As by a power cut.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// The events that it printed, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.out()).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Different events that it printed.
    #[must_use]
    pub fn event_count(&self) -> usize {
        let ids: HashSet<String> =
            self.events().iter().map(|event| event["id"].to_string()).collect();
        ids.len()
    }

    fn said(&self, words: &str) -> usize {
        fs::read_to_string(self.log()).unwrap_or_default().matches(words).count()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("events.ndjson")
    }
}
