//! The way of the data, on one screen.

use std::future::Future;

use tillgate_record::Quality;
use ulid::Ulid;
use uuid::Uuid;

use crate::normalize::Reply;
use crate::source::Input;
use crate::store::StoreError;

/// Where sources hand over their inputs. The daemon has one, the [`Pipeline`]; a test of a source brings its own.
pub trait Intake: Send + Sync + 'static {
    /// Takes an input. The answer comes after the commit and the sync: whoever has it may tell the sender.
    fn take(&self, input: Input) -> impl Future<Output = Result<Taken, StoreError>> + Send;
}

/// An input that is durable now.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The capture's id.
    pub capture: Ulid,
    /// What became of each item, in input order.
    pub items: Vec<TakenItem>,
    /// Acknowledgements that the input earned: committed with it.
    pub replies: Vec<Reply>,
}

/// What became of one item of an input.
#[derive(Debug, Clone)]
pub struct TakenItem {
    /// Accepted, duplicate …
    pub status: ItemStatus,
    /// The event's id, where the item could be read so far.
    pub event_id: Option<Uuid>,
    /// Warnings and errors.
    pub findings: Vec<Quality>,
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemStatus {
    /// A new record.
    Accepted,
    /// Known already, with the same content.
    Duplicate,
    /// Known already, with other content: in quarantine.
    Conflict,
    /// Not understood: in quarantine.
    Quarantined,
    /// Understood, and nothing to record.
    Noted,
}
