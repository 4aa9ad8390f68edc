//! The records that leave the gateway: what they say, how they are named, and the event that carries them.
//!
//! In: nothing but values. Out: serializable types, their JSON Schema, idempotency keys and event ids.
//! This crate never does I/O, never reads the clock, and knows no other member of the workspace, so that
//! the CRM side can use it alone.

pub mod amount;
pub mod document;
pub mod event;
pub mod key;
pub mod link;
pub mod lost;
pub mod parked;
pub mod provenance;
pub mod reading;
pub mod sale;

pub use amount::Amount;
pub use document::{Document, DocumentRecord};
pub use event::{Event, EventType};
pub use key::IdempotencyKey;
pub use link::{Customer, Decision, Evidence, Link};
pub use lost::{LostKind, LostRecords};
pub use parked::{ParkedKind, ParkedRecord};
pub use provenance::{Channel, Provenance, Quality, Severity};
pub use reading::{BarcodeMeaning, ItemWeight, ReadingKind, ReadingRecord};
pub use sale::{Sale, SaleAdditions, SaleKind, SaleRecord};
