//! What the metrics say of an input.

use std::collections::BTreeSet;

use tillgate_record::{Channel, Link};

use super::{ItemStatus, Taken};
use crate::telemetry::metric::Metric;

/// An input is durable now.
pub(super) fn taken(taken: &Taken, (source, channel): &(String, Channel)) {
    // One input may have items of several outcomes: it counts once for each.
    let outcomes: BTreeSet<&str> = taken.items.iter().map(|item| outcome(item.status)).collect();
    for outcome in outcomes {
        Metric::Captures
            .add(1, &[("source", source), ("channel", channel.as_str()), ("outcome", outcome)]);
    }
    for finding in taken.items.iter().flat_map(|item| &item.findings) {
        Metric::Findings
            .add(1, &[("code", &finding.rule), ("severity", finding.severity.as_str())]);
    }
}

/// A record was linked.
pub(super) fn linked(link: &Link) {
    let method = link.method.as_deref().unwrap_or("none");
    Metric::Links.add(1, &[("decision", link.decision.as_str()), ("method", method)]);
}

/// A record of a kind is about to be committed.
pub(super) fn record(kind: &'static str) {
    Metric::Records.add(1, &[("kind", kind)]);
}

fn outcome(status: ItemStatus) -> &'static str {
    match status {
        ItemStatus::Accepted => "records",
        ItemStatus::Duplicate => "duplicate",
        ItemStatus::Conflict | ItemStatus::Quarantined => "quarantined",
        ItemStatus::Noted => "noted",
    }
}
