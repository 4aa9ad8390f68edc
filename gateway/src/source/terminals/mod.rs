//! Terminals: sales by `POST /v1/sales` ([`posted`]) and over the TCP stream ([`stream`]).
//!
//! In: bytes of an authenticated terminal. Out: an [`Input`](super::Input) for the pipeline, and what became of
//! each sale as the terminal's answer, after the commit. Never: a look into the bytes, beyond where a line ends.

pub mod posted;
pub mod stream;

use serde::Serialize;
use tillgate_record::{Quality, Severity};
use uuid::Uuid;

use crate::pipeline::{ItemStatus, Taken, TakenItem};
use crate::store::StoreError;

/// What became of one sale, as its terminal reads it.
#[derive(Debug, Serialize)]
pub struct SaleResult<'a> {
    /// The event's id, where the sale could be read so far.
    pub id: Option<Uuid>,
    /// `accepted`, `duplicate`, `quarantined`; on the TCP stream also `refused`: nothing was kept, send it again.
    pub status: &'static str,
    /// What is wrong or odd.
    pub findings: &'a [Quality],
}

impl<'a> SaleResult<'a> {
    /// The result of an item.
    #[must_use]
    pub fn of(item: &'a TakenItem) -> Self {
        let status = match item.status {
            ItemStatus::Accepted | ItemStatus::Noted => "accepted",
            ItemStatus::Duplicate => "duplicate",
            ItemStatus::Conflict | ItemStatus::Quarantined => "quarantined",
        };
        Self { id: item.event_id, status, findings: &item.findings }
    }
}

/// What the pipeline made of an input, with a finding for each conflict: without it the terminal could not tell a
/// conflict from a sale that was not understood.
fn with_conflicts_named(mut taken: Taken) -> Taken {
    for item in &mut taken.items {
        if item.status == ItemStatus::Conflict
            && !item.findings.iter().any(|finding| finding.rule == CONFLICT_RULE)
        {
            item.findings.push(refusal(
                CONFLICT_RULE,
                "a sale with this number was sent before with other content; this one is in quarantine: check that the terminal never uses a number twice".to_owned(),
            ));
        }
    }
    taken
}

/// Says in the log that sales of a terminal wait for a person. Never: anything of their content.
pub fn warn_of_quarantine(source: &str, taken: &Taken) {
    let waits =
        |item: &&TakenItem| matches!(item.status, ItemStatus::Conflict | ItemStatus::Quarantined);
    let count = taken.items.iter().filter(waits).count();
    let Some(first) = taken.items.iter().find(waits) else { return };
    let errors = first.findings.iter().find(|finding| finding.severity == Severity::Error);
    let rule = errors.map_or(CONFLICT_RULE, |finding| finding.rule.as_str());
    tracing::warn!(source, capture = %taken.capture, count, rule, "sales of a terminal are in quarantine");
}

/// An error about a whole sale.
fn refusal(rule: &str, message: String) -> Quality {
    Quality {
        rule: rule.to_owned(),
        severity: Severity::Error,
        path: String::new(),
        message,
        expected: None,
        found: None,
    }
}

/// Why the store refused, as a stable name, and after how many seconds another attempt makes sense.
#[must_use]
pub fn refusal_of(failure: &StoreError) -> (&'static str, u32) {
    match failure {
        StoreError::BudgetSpent { .. } => ("disk-budget", 30),
        StoreError::DiskFull { .. } => ("disk-full", 30),
        StoreError::Overloaded => ("overloaded", 1),
        StoreError::Stalled { .. } => ("disk-stalled", 10),
        StoreError::Stopping => ("stopping", 10),
        StoreError::Unusable { .. } => ("internal-error", 600),
        StoreError::Failed { .. }
        | StoreError::NotFound { .. }
        | StoreError::EntryClosed { .. }
        | StoreError::Damaged { .. } => ("store-failed", 10),
    }
}

const CONFLICT_RULE: &str = "conflict";
