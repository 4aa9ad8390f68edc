//! What leaves for records that a gateway no longer has (`tillgate.lost.v1`), so that a receiver that asked for them
//! does not wait for ever.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Says in JSON what this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LostKind {
    /// The gateway cannot send the records any more.
    Lost,
}

/// `data` of `tillgate.lost.v1`. The event's `sequence` is the first of the records, all of the event's incarnation.
/// It answers a request, has an id of its own, and is no record itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LostRecords {
    /// What this is.
    pub kind: LostKind,
    /// The sequence of the last of them: a number, not before the first.
    pub through: u64,
    /// Why they cannot be sent.
    pub reason: String,
}
