//! What is asked and answered. Commands print the answers as they are with `--json`, so that names here are part of
//! the public contract.

use serde::{Deserialize, Serialize};
use tillgate_record::Quality;

use crate::store::{CustomerEntry, Product};
use crate::telemetry::status::Status;

/// What a command wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// What is the daemon doing?
    Status,
    /// Which captures wait for a person?
    QuarantineList {
        /// Of one source only.
        source: Option<String>,
        /// At most so many, newest first.
        limit: u32,
    },
    /// One entry, with its input.
    QuarantineShow {
        /// The entry.
        id: String,
    },
    /// Interpret an entry again, as the configuration and the directory are now.
    QuarantineReplay {
        /// The entry.
        id: String,
        /// A corrected input instead of the one that was kept.
        with: Option<String>,
        /// Where the key is known with other content: take this one as its next version.
        as_correction: bool,
    },
    /// Close an entry without a record. It stays in the journal.
    QuarantineDiscard {
        /// The entry.
        id: String,
    },
    /// A batch of customers from the CRM.
    ImportCustomers {
        /// The customers, with keyed hashes of what identifies them.
        customers: Vec<CustomerEntry>,
    },
    /// A batch of products.
    ImportProducts {
        /// The products.
        products: Vec<Product>,
    },
}

/// What the daemon answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "response", content = "body", rename_all = "kebab-case")]
pub enum Response {
    /// To `Status`.
    Status(Box<Status>),
    /// To `QuarantineList`.
    Quarantine(Vec<QuarantineItem>),
    /// To `QuarantineShow`.
    QuarantineEntry(Box<QuarantineEntry>),
    /// To `QuarantineReplay`.
    Replayed(Replayed),
    /// To `QuarantineDiscard`.
    Discarded,
    /// To `ImportCustomers` and `ImportProducts`.
    Imported {
        /// The version of the directory or catalog now.
        version: u64,
    },
    /// It cannot be done.
    Refused {
        /// Why, and what to do.
        message: String,
    },
}

/// A quarantine entry in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineItem {
    /// The entry.
    pub id: String,
    /// The capture that holds the input.
    pub capture: String,
    /// Position of the item within the capture, from 0.
    pub item: u32,
    /// The configured source.
    pub source: String,
    /// When the input was received (RFC 3339, UTC).
    pub received_at: String,
    /// What is wrong.
    pub findings: Vec<Quality>,
}

/// A quarantine entry with its input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEntry {
    /// The entry.
    #[serde(flatten)]
    pub item: QuarantineItem,
    /// How the input is read: `sale-json`, `edi` …
    pub media: String,
    /// The input, free of card data. Bytes that are no UTF-8 are replaced.
    pub input: String,
}

/// What a replay led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// `accepted`, `duplicate`, `conflict`, `quarantined`, `noted`.
    pub status: String,
    /// The record's number in the outbox, where it became one.
    pub sequence: Option<u64>,
    /// What is still wrong.
    pub findings: Vec<Quality>,
}
