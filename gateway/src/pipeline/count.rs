//! What the metrics say of an input.

use std::collections::{BTreeMap, BTreeSet};

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
    let accepted = taken.items.iter().filter(|item| item.status == ItemStatus::Accepted);
    for (kind, count) in tally(accepted.map(kind)) {
        Metric::Records.add(count, &[("kind", kind)]);
    }
    if matches!(channel, Channel::EdiFolder | Channel::EdiHttp) {
        let documents = taken.items.iter().map(|item| (kind(item), outcome(item.status)));
        for ((kind, outcome), count) in tally(documents) {
            let labels = [("partner", source.as_str()), ("type", kind), ("outcome", outcome)];
            Metric::EdiDocuments.add(count, &labels);
        }
    }
    let findings = taken.items.iter().flat_map(|item| &item.findings);
    let findings = findings.map(|finding| (finding.rule.as_str(), finding.severity.as_str()));
    for ((code, severity), count) in tally(findings) {
        Metric::Findings.add(count, &[("code", code), ("severity", severity)]);
    }
}

/// How often each thing comes. A batch of a thousand sales is counted in a few steps instead of a thousand.
fn tally<T: Ord>(things: impl Iterator<Item = T>) -> BTreeMap<T, u64> {
    let mut tally = BTreeMap::new();
    things.for_each(|thing| *tally.entry(thing).or_default() += 1);
    tally
}

fn kind(item: &TakenItem) -> &'static str {
    item.kind.unwrap_or("unknown")
}

/// Items of an input that wait for a person.
pub(super) fn quarantined(taken: &Taken) -> u64 {
    let waits =
        |item: &&TakenItem| matches!(item.status, ItemStatus::Conflict | ItemStatus::Quarantined);
    taken.items.iter().filter(waits).count() as u64
}

/// Records were linked.
pub(super) fn linked<'a>(links: impl Iterator<Item = &'a Link>) {
    let links =
        links.map(|link| (link.decision.as_str(), link.method.as_deref().unwrap_or("none")));
    for ((decision, method), count) in tally(links) {
        Metric::Links.add(count, &[("decision", decision), ("method", method)]);
    }
}

fn outcome(status: ItemStatus) -> &'static str {
    match status {
        ItemStatus::Accepted => "records",
        ItemStatus::Duplicate => "duplicate",
        ItemStatus::Conflict | ItemStatus::Quarantined => "quarantined",
        ItemStatus::Noted => "noted",
    }
}
