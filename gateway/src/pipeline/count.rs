//! What the metrics say of an input.

use std::collections::BTreeSet;

use tillgate_record::{Channel, Link};

use super::{ItemStatus, Taken, TakenItem};
use crate::telemetry::metric::Metric;

/// An input is durable now.
pub(super) fn taken(taken: &Taken, (source, channel): &(String, Channel)) {
    // One input may have items of several outcomes: it counts once for each.
    let outcomes: BTreeSet<&str> = taken.items.iter().map(|item| outcome(item.status)).collect();
    for outcome in outcomes {
        Metric::Captures
            .add(1, &[("source", source), ("channel", channel.as_str()), ("outcome", outcome)]);
    }
    for item in &taken.items {
        let kind = item.kind.unwrap_or("unknown");
        if item.status == ItemStatus::Accepted {
            Metric::Records.add(1, &[("kind", kind)]);
        }
        if matches!(channel, Channel::EdiFolder | Channel::EdiHttp) {
            Metric::EdiDocuments
                .add(1, &[("partner", source), ("type", kind), ("outcome", outcome(item.status))]);
        }
    }
    for finding in taken.items.iter().flat_map(|item| &item.findings) {
        Metric::Findings
            .add(1, &[("code", &finding.rule), ("severity", finding.severity.as_str())]);
    }
}

/// Items of an input that wait for a person.
pub(super) fn quarantined(taken: &Taken) -> u64 {
    let waits =
        |item: &&TakenItem| matches!(item.status, ItemStatus::Conflict | ItemStatus::Quarantined);
    taken.items.iter().filter(waits).count() as u64
}

/// A record was linked.
pub(super) fn linked(link: &Link) {
    let method = link.method.as_deref().unwrap_or("none");
    Metric::Links.add(1, &[("decision", link.decision.as_str()), ("method", method)]);
}

fn outcome(status: ItemStatus) -> &'static str {
    match status {
        ItemStatus::Accepted => "records",
        ItemStatus::Duplicate => "duplicate",
        ItemStatus::Conflict | ItemStatus::Quarantined => "quarantined",
        ItemStatus::Noted => "noted",
    }
}
