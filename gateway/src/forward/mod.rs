//! The way out: MQTT. The only module that knows the MQTT client crate, which serves as a transport only; the
//! outbox is the truth.
//!
//! ```text
//! outbox ─▶ supply ─▶ window ─▶ transport ─▶ broker
//!    ▲                  │ ▲                    │
//!    ├─ acknowledged ───┘ └──── PUBACK ────────┤
//!    └─ confirmed ─── receipts ◀── the CRM ────┘
//! ```
//!
//! [`run`] makes one connection after the other and stands over each with a watchdog; `session` is the life of
//! one connection; `window` knows what is under way; `receipts` what the CRM said; `brokers` which broker is next;
//! `poison` which record ends every connection; `life` whether the broker lives; `transport` is all that knows the
//! client crate.
//! Never: a record that counts as delivered without its own acknowledgement, a gap, a record that overtakes
//! another one, a wait without an end.

mod backoff;
mod brokers;
pub mod consume;
mod dial;
pub mod ledger;
mod life;
mod login;
mod message;
mod poison;
mod ranges;
mod receipts;
mod renewal;
mod session;
pub mod settings;
mod supervisor;
mod supply;
pub mod tail;
mod tls;
mod transport;
mod trouble;
mod window;

use std::future::Future;

use bytes::Bytes;
use tokio::sync::watch;

pub use consume::{Consumer, consume};
pub(crate) use dial::with_causes;
pub use dial::{Carrier, Dial, Network, Stream};
pub use ledger::Ledger;
pub use login::login;
pub use settings::{Connection, Settings, SettingsError, Timing, Version};
pub use supervisor::{Chance, Surroundings, ordinary_chance, run};
pub use tail::{TailEvent, TailSettings, tail};
pub use trouble::Trouble;

/// How the words begin that say that records are held because nobody receives them.
pub const NO_RECEIVER: &str = "the broker knows no receiver for our records";

/// A record that is ready for the wire.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its number in the outbox: from 1, without gaps.
    pub sequence: u64,
    /// When its input was received, microseconds since 1970: for the latency metric.
    pub received_us: i64,
    /// The whole event.
    pub payload: Bytes,
}

/// A notice about a quarantined capture.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The quarantine entry.
    pub id: String,
    /// JSON: ids, codes, counts; no content.
    pub payload: Bytes,
}

/// Why the outbox could not be read.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Another attempt may succeed.
    #[error("cannot read the outbox")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The first record that was asked for is not what was committed, or is not there: no attempt will change that.
    #[error("cannot read the outbox")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the forwarder needs of the store. Narrow, so that a simulation can stand in for it.
pub trait Outbox: Send + Sync + 'static {
    /// Records above a sequence number, in order, without holes, at most `limit` of them.
    fn after(
        &self,
        sequence: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Outgoing>, OutboxError>> + Send;

    /// The highest sequence number committed; changes wake the forwarder.
    fn newest(&self) -> watch::Receiver<u64>;

    /// The highest sequence number through which the store knows all records to be acknowledged.
    fn acknowledged(&self) -> u64;

    /// All records through this number were acknowledged. Written lazily, never a commit of its own: a crash
    /// repeats at most what was acknowledged in the last 200 ms.
    fn acknowledge(&self, through: u64);

    /// The highest sequence number through which the CRM has said that it has all records.
    fn confirmed(&self) -> u64;

    /// The CRM's receipt: it has all records through this number. Written lazily, like [`Outbox::acknowledge`].
    fn confirm(&self, through: u64);

    /// The number in the outbox of what the CRM calls record `sequence` of `incarnation`; none where there never was
    /// such a record.
    fn number_of(&self, incarnation: u32, sequence: u64) -> Option<u64>;

    /// How many records of an incarnation that is over there are here. It may have given out more: a backup that took
    /// the journal's place knows nothing of what came after it. None for the present incarnation, and for one to come.
    fn ended_with(&self, incarnation: u32) -> Option<u64>;

    /// What the CRM calls the record of this number: incarnation and sequence. Zero is before the first record.
    fn name_of(&self, number: u64) -> (u32, u64);

    /// Records through this number are no longer kept.
    fn pruned(&self) -> u64;

    /// A record that the broker will never take (too large, payload or topic refused) is parked as a finding; the
    /// forwarder goes on behind it. From then on [`Outbox::after`] gives a short event in its place that says so.
    fn park(
        &self,
        sequence: u64,
        reason: &str,
    ) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// Notices that were not acknowledged yet, at most `limit`, oldest first.
    fn notices(
        &self,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Notice>, OutboxError>> + Send;

    /// A notice was acknowledged.
    fn notice_acknowledged(&self, id: &str)
    -> impl Future<Output = Result<(), OutboxError>> + Send;
}
