//! What leaves in the place of a record that no broker takes (`tillgate.parked.v1`), so that the numbers have no gap.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::EventType;

/// Says in JSON what this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParkedKind {
    /// The record stays at the gateway, in quarantine.
    Parked,
}

/// `data` of `tillgate.parked.v1`. The event has the id, number and subject of the record. Replayed, the record comes
/// with a new number and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ParkedRecord {
    /// What this is.
    pub kind: ParkedKind,
    /// What the record is.
    pub r#type: EventType,
    /// Why it cannot leave.
    pub reason: String,
}
