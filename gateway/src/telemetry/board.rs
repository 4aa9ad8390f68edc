//! The live state that the status page, `tillgate status` and `/readyz` show: what each source and the broker
//! connection are doing. Bounded by the configuration: one entry a source.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::status::Condition;

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A scanner or reader.
    Device,
    /// A POS terminal.
    Terminal,
    /// An EDI partner.
    Partner,
}

/// One source as people see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceState {
    /// The configured id.
    pub id: String,
    /// Device, terminal, partner.
    pub kind: SourceKind,
    /// The lane it belongs to.
    pub lane: Option<String>,
    /// Whether it is there. Terminals that post over HTTP count as there.
    pub connected: bool,
    /// In words: the port that is open, or what is wrong and what to do.
    pub detail: String,
    /// Inputs taken since the start.
    pub captures: u64,
    /// Inputs that ended in quarantine since the start.
    pub quarantined: u64,
    /// When the last input came.
    pub last_at: Option<Timestamp>,
    /// What a device did since the start.
    #[serde(default)]
    pub device: Option<DeviceFigures>,
}

/// What a device did since the start. The counters of the metrics, for people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFigures {
    /// Whole readings.
    pub read: u64,
    /// Readings with bytes that should not be there, or that were none.
    pub damaged: u64,
    /// Readings that were cut off, by an unplug or because they had no end.
    pub cut: u64,
    /// Readings that the store did not take, as the device was told.
    #[serde(default)]
    pub refused: u64,
    /// Readings that were lost because the store did not take them.
    pub lost: u64,
    /// When it lost one last.
    #[serde(default)]
    pub last_lost_at: Option<Timestamp>,
    /// How often it sent faster than anyone can scan, also what was no reading, and was slowed down.
    pub floods: u64,
    /// How often it went away.
    pub disconnects: u64,
    /// When it read last, also where the store has not taken the reading yet.
    pub last_read_at: Option<Timestamp>,
}

impl SourceState {
    /// Whether it is a terminal or partner that has not sent anything yet: nothing is wrong with that.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        !self.connected && self.last_at.is_none() && self.kind != SourceKind::Device
    }
}

/// The connection to the broker as people see it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct BrokerState {
    /// Whether CONNACK was received on the connection that is open now.
    pub connected: bool,
    /// Where it connects to, without user and password.
    pub url: String,
    /// What is wrong and what to do, while it is not connected or the broker does not take our records.
    pub problem: Option<String>,
    /// When the state last changed.
    pub since: Option<Timestamp>,
    /// When the next attempt is made, while waiting.
    pub next_attempt: Option<Timestamp>,
    /// Connections lost since the start.
    pub reconnects: u64,
    /// The main broker, while `url` is one of its fallbacks.
    #[serde(default)]
    pub fallback_for: Option<String>,
    /// Records that were delivered although the broker knew nobody who wants them (MQTT 5, 0x10), until it knows
    /// somebody again.
    #[serde(default)]
    pub unheard: Option<Unheard>,
    /// Records that the broker never takes: they stay here, in quarantine.
    #[serde(default)]
    pub parked: Option<Parked>,
    /// What needs attention although records flow. One a code.
    #[serde(default)]
    pub warnings: Vec<Condition>,
}

/// Records that went out and that nobody received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unheard {
    /// How many, in a row.
    pub records: u64,
    /// When the last one was acknowledged so.
    pub last_at: Timestamp,
}

/// Records that were parked since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// How many.
    pub records: u64,
    /// The number of the last one in the outbox.
    pub last: u64,
    /// Why it was, and what to do.
    pub reason: String,
}

/// The board. Cheap to update, read by copying.
#[derive(Debug, Default)]
pub struct Board {
    sources: Mutex<BTreeMap<String, SourceState>>,
    broker: Mutex<BrokerState>,
}

impl Board {
    /// A source is configured.
    pub fn add_source(&self, id: &str, kind: SourceKind, lane: Option<&str>, detail: &str) {
        let state = SourceState {
            id: id.to_owned(),
            kind,
            lane: lane.map(str::to_owned),
            connected: false,
            detail: detail.to_owned(),
            captures: 0,
            quarantined: 0,
            last_at: None,
            device: (kind == SourceKind::Device).then(DeviceFigures::default),
        };
        held(&self.sources).entry(id.to_owned()).or_insert(state);
    }

    /// A source is configured no more.
    pub fn remove_source(&self, id: &str) {
        held(&self.sources).remove(id);
    }

    /// A source came or went.
    pub fn source_connected(&self, id: &str, connected: bool, detail: &str) {
        if let Some(state) = held(&self.sources).get_mut(id) {
            state.connected = connected;
            state.detail = detail.to_owned();
        }
    }

    /// A device did something.
    pub fn device_did(&self, id: &str, change: impl FnOnce(&mut DeviceFigures)) {
        let mut sources = held(&self.sources);
        if let Some(figures) = sources.get_mut(id).and_then(|source| source.device.as_mut()) {
            change(figures);
        }
    }

    /// An input of a source was committed.
    pub fn source_captured(&self, id: &str, quarantined: u64, at: Timestamp) {
        if let Some(state) = held(&self.sources).get_mut(id) {
            state.captures += 1;
            state.quarantined += quarantined;
            state.last_at = Some(at);
        }
    }

    /// Changes the state of the broker connection.
    pub fn update_broker(&self, change: impl FnOnce(&mut BrokerState)) {
        change(&mut held(&self.broker));
    }

    /// Something about the broker connection needs attention although records flow. Replaces what was said under this
    /// code before.
    pub fn warn_of_broker(&self, warning: Condition) {
        self.clear_broker_warning(&warning.code);
        self.update_broker(|broker| broker.warnings.push(warning));
    }

    /// What was said under this code is over.
    pub fn clear_broker_warning(&self, code: &str) {
        self.update_broker(|broker| broker.warnings.retain(|warning| warning.code != code));
    }

    /// All sources, by id.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceState> {
        held(&self.sources).values().cloned().collect()
    }

    /// The broker connection.
    #[must_use]
    pub fn broker(&self) -> BrokerState {
        held(&self.broker).clone()
    }
}

/// A poisoned lock only says that another thread panicked; the board holds no invariant that it could have broken.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
