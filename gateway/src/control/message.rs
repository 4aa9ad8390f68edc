//! What is asked and answered. Commands print the answers as they are with `--json`, so that names here are part of
//! the public contract.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tillgate_record::Quality;

use crate::store::Product;
use crate::telemetry::board::{BrokerState, SourceState};

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
        /// The customers.
        customers: Vec<CustomerRow>,
        /// Whether more follows.
        end: BatchEnd,
    },
    /// A batch of products.
    ImportProducts {
        /// The products.
        products: Vec<Product>,
        /// Whether more follows.
        end: BatchEnd,
    },
    /// Prove the journal whole.
    Verify,
}

/// Whether a batch of an import is its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchEnd {
    /// More batches follow.
    More,
    /// This was the last: the directory or catalog gets its next version.
    Last,
}

/// A customer in clear, as the CRM exports it. The daemon keeps keyed hashes only.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerRow {
    /// The CRM's id.
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Loyalty number.
    pub loyalty: Option<String>,
    /// Keyed token of a card.
    pub card_token: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
}

/// Personal data stays out of logs: only the id, which the CRM gave, is shown.
impl std::fmt::Debug for CustomerRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CustomerRow").field("id", &self.id).finish_non_exhaustive()
    }
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
        /// The version of the directory or catalog, after the last batch.
        version: Option<u64>,
    },
    /// To `Verify`.
    Verified(Verification),
    /// It cannot be done.
    Refused {
        /// Why, and what to do.
        message: String,
    },
}

/// What the daemon is doing: `tillgate status --json` and `GET /v1/status`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// Which gateway.
    pub gateway: GatewayName,
    /// When the daemon started.
    pub started_at: Timestamp,
    /// Every way in.
    pub sources: Vec<SourceState>,
    /// The connection to the broker.
    pub broker: BrokerState,
    /// What waits for the broker.
    pub outbox: OutboxFigures,
    /// Entries in quarantine that wait for a person.
    pub quarantine: u64,
    /// The disk.
    pub disk: DiskFigures,
}

/// Which gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayName {
    /// `[gateway] org`
    pub org: String,
    /// `[gateway] store`
    pub store: String,
    /// `[gateway] id`
    pub id: String,
}

/// What waits for the broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct OutboxFigures {
    /// Records without acknowledgement.
    pub backlog: u64,
    /// Age of the oldest of them.
    pub oldest_seconds: Option<f64>,
    /// Highest sequence number given to a record.
    pub assigned: u64,
    /// Sequence number through which all records are acknowledged.
    pub acknowledged: u64,
}

/// The disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskFigures {
    /// Bytes that the store uses.
    pub used: u64,
    /// Bytes that it may use.
    pub budget: u64,
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
    /// When the input was received.
    pub received_at: Timestamp,
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

/// Whether the journal is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Captures whose hash was computed again.
    pub captures: u64,
    /// Records whose sequence was followed.
    pub records: u64,
    /// What is not whole, in words. Empty when all is.
    pub problems: Vec<String>,
}
