//! What the store needs to know of the configuration.

use std::path::{Path, PathBuf};

use crate::config::{ByteSize, Config, Confirm, Retention};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The folder of the journal. Owned by one daemon at a time.
    pub data_dir: PathBuf,
    /// Organisation, in the events' `source`.
    pub org: String,
    /// Store number, likewise.
    pub store: String,
    /// Gateway name, likewise.
    pub gateway: String,
    /// Most that the journal may use.
    pub budget: ByteSize,
    /// Size of the ballast beside it; by the budget where none is set.
    pub ballast: Option<ByteSize>,
    /// What is kept how long.
    pub retention: Retention,
    /// Until when records are kept whatever their age.
    pub confirm: Confirm,
}

impl From<&Config> for StoreOptions {
    fn from(config: &Config) -> Self {
        Self {
            data_dir: config.gateway.data_dir.clone(),
            org: config.gateway.org.clone(),
            store: config.gateway.store.clone(),
            gateway: config.gateway.id.clone(),
            budget: config.disk.budget,
            ballast: config.disk.ballast,
            retention: config.retention.clone(),
            confirm: config.mqtt.confirm,
        }
    }
}

/// The journal within a data folder.
#[must_use]
pub fn journal_path(data_dir: &Path) -> PathBuf {
    data_dir.join("journal.db")
}
