//! The journal, the outbox, quarantine, the directory and the catalog: one SQLite file, one writer.
//!
//! In: jobs over a bounded channel. Out: an answer once the job is committed and synced. Never: a write outside the
//! writer, an answer before the sync, a read that is open while something waits for the network.
//!
//! The way of a capture: [`Store::commit`] → `job` (queue) → `writer` (group commit) → `group` (rows and numbers,
//! pure) → `insert`. Everything that leaves goes through `outbox`; `verify` proves the file whole.

mod aging;
mod aside;
mod backup;
mod ballast;
mod carry;
mod check;
mod counters;
mod digest;
mod directory;
mod disk;
mod doubt;
mod files;
mod filling;
mod forget;
mod fresh;
mod group;
mod handle;
mod header;
mod incarnation;
mod insert;
mod job;
mod kept;
mod lock;
mod log;
mod loss;
mod mark;
mod open;
mod options;
mod outbox;
mod owner;
mod prune;
mod quarantine;
mod read;
mod rebuild;
mod reconcile;
mod recover;
mod row;
mod salvage;
mod swap;
#[cfg(test)]
mod tests;
pub mod verify;
mod writer;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tillgate_record::{Channel, EventType, IdempotencyKey, Quality};
use ulid::Ulid;

use crate::customer::CustomerKey;
use crate::normalize::Reply;
use crate::source::{FileStamp, Media};

pub use aside::SetAside;
pub use backup::{BackupError, BackupReport, RestoreReport, backup, restore};
pub use ballast::ballast_path;
pub use directory::KeyHit;
pub use files::PendingReply;
pub use filling::{Filled, Filler, Filling, FillingWarning, KeyAge};
pub use handle::Store;
pub use incarnation::ShownIncarnation;
pub use loss::{Loss, LostCaptures, LostRecords};
pub use open::{OpenError, suspect};
pub use options::{StoreOptions, journal_path};
pub use prune::Pruned;
pub use quarantine::{Entry, EntryState, ShownEntry};
pub use read::{Figures, RecentRecord, StoredCapture};
pub use verify::{VerifyError, VerifyReport, mend, verify};

/// An input and what it became, to be committed as one.
#[derive(Debug, Clone)]
pub struct NewCapture {
    /// Begins with the time, so that captures sort by arrival.
    pub id: Ulid,
    /// The configured source.
    pub source: String,
    /// The kind of way in.
    pub channel: Channel,
    /// How `raw` is to be read.
    pub media: Media,
    /// When the input was whole.
    pub received_at: Timestamp,
    /// SHA-256 of `raw`.
    pub sha256: [u8; 32],
    /// The input, free of card data, compressed with zstd.
    pub raw_zstd: Vec<u8>,
    /// Size of `raw` before compression.
    pub raw_bytes: u64,
    /// The configuration that interpreted it.
    pub config_version: String,
    /// What became of each item of the input, in input order.
    pub items: Vec<NewItem>,
    /// The file it was.
    pub file: Option<FileStamp>,
    /// Acknowledgements to hand out, committed with it.
    pub replies: Vec<Reply>,
}

/// One item of an input.
#[derive(Debug, Clone)]
pub enum NewItem {
    /// A record, unless its key is known.
    Record(NewRecord),
    /// It cannot become a record.
    Quarantine(Vec<Quality>),
    /// It needs none.
    Noted,
}

/// A record before it has its sequence number.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// The event's type.
    pub event_type: EventType,
    /// The same event has the same key.
    pub key: IdempotencyKey,
    /// First 16 bytes of the SHA-256 of the content without what the gateway added: tells a duplicate from a conflict.
    pub content: [u8; 16],
    /// The event's `time` attribute.
    pub time: String,
    /// The event's `data`: JSON.
    pub data: Vec<u8>,
}

/// A quarantine entry that is tried again.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The entry.
    pub entry: String,
    /// What became of its item.
    pub item: NewItem,
    /// The corrected input that `item` was read from, without items of its own; none where the entry's input was
    /// read again. It is kept as a capture once something has become of it.
    pub replacement: Option<NewCapture>,
    /// A conflict becomes the next version of its record.
    pub as_correction: bool,
    /// Who wants it.
    pub by: String,
}

/// What was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The capture's id.
    pub capture: Ulid,
    /// One for each item, in input order.
    pub outcomes: Vec<Outcome>,
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new record.
    Accepted {
        /// Its number in the outbox.
        sequence: u64,
    },
    /// The same key with the same content was accepted before.
    Duplicate {
        /// The number it had then.
        sequence: u64,
    },
    /// The same key with other content was accepted before; this one is in quarantine.
    Conflict {
        /// The quarantine entry.
        entry: String,
    },
    /// In quarantine.
    Quarantined {
        /// The quarantine entry.
        entry: String,
    },
    /// Nothing to record.
    Noted,
}

/// Why the store did not do what it was asked. In each case but [`StoreError::Failed`] nothing was committed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk budget is spent.
    #[error("the disk budget of {budget} bytes is spent ({used} bytes used): {filling}")]
    BudgetSpent {
        /// Bytes in use.
        used: u64,
        /// Bytes allowed.
        budget: u64,
        /// What fills it.
        filling: Filling,
    },
    /// Others fill the disk.
    #[error(
        "the disk of the journal is nearly full ({free} bytes free, {floor} must stay free): make room on it"
    )]
    DiskFull {
        /// Bytes that are free.
        free: u64,
        /// Below this no captures are taken.
        floor: u64,
    },
    /// The writer has too much to do.
    #[error("the store is overloaded: try again in a moment")]
    Overloaded,
    /// The disk does not answer.
    #[error("the disk has not finished a write for {seconds} s: look at it (`dmesg`)")]
    Stalled {
        /// For so long.
        seconds: u64,
    },
    /// The daemon is stopping.
    #[error("the gateway is stopping")]
    Stopping,
    /// The commit failed. It may have held after all, where the journal could not be opened again to look.
    #[error("the store failed to {operation}")]
    Failed {
        /// What was attempted.
        operation: &'static str,
        /// The database's answer; shared, since all jobs of a group get the same.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// What was asked for is not there.
    #[error("there is no {what} {id}")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        id: String,
    },
    /// A quarantine entry was dealt with before.
    #[error("entry {id} is closed: {how}")]
    EntryClosed {
        /// The entry.
        id: String,
        /// What was done with it, when and by whom.
        how: String,
    },
    /// A row does not match its checksum.
    #[error(
        "{what} is damaged: stop the gateway, and recover what can be read with `tillgate verify --recover`"
    )]
    Damaged {
        /// Which row.
        what: String,
    },
    /// A job that the store can never take.
    #[error("{reason}")]
    Unusable {
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// A failed operation.
    fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Failed { operation, source: Arc::new(source) }
    }
}

/// A customer of the directory, as imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerEntry {
    /// The CRM's id.
    pub id: String,
    /// Name, for conflict checks and masked display.
    pub name: Option<String>,
    /// Keys that identify the customer.
    pub keys: Vec<CustomerKey>,
}

/// A product of the catalog, as imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// 14 digits.
    pub gtin: String,
    /// The store's own number.
    pub sku: Option<String>,
    /// What it is called.
    pub description: String,
}
