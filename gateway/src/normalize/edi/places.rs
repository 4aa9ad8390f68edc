//! Places of findings in words that people find again: `PO1[2]/PO102 (segment 7, byte 345)`.

use std::collections::{BTreeMap, HashMap};

use tillgate_parsers::edi::finding::Node;
use tillgate_parsers::edi::{EdiFinding, Report};

/// Occurrence of the segment at a position of a set: the second PO1 has 2.
type Occurrences = HashMap<u32, u32>;

/// One path a finding, in order. Each set is walked once, however many findings it has.
pub(super) fn paths(report: &Report<'_>, findings: &[&EdiFinding]) -> Vec<String> {
    let mut sets: BTreeMap<Node, Occurrences> = BTreeMap::new();
    for finding in findings {
        sets.entry(finding.node).or_insert_with(|| occurrences(report, finding.node, findings));
    }
    findings
        .iter()
        .map(|finding| {
            let position = finding.place.segment_position;
            let occurrence = position.and_then(|at| sets.get(&finding.node)?.get(&at).copied());
            path(finding, occurrence)
        })
        .collect()
}

fn path(finding: &EdiFinding, occurrence: Option<u32>) -> String {
    let place = &finding.place;
    let tag = place.segment.as_deref().unwrap_or_default();
    let mut path = tag.to_owned();
    if let Some(occurrence) = occurrence.filter(|occurrence| *occurrence > 1) {
        path.push_str(&format!("[{occurrence}]"));
    }
    if let Some(element) = place.element {
        path.push_str(&format!("/{tag}{element:02}"));
    }
    if let Some(component) = place.component {
        path.push_str(&format!("-{component}"));
    }
    match place.segment_position {
        Some(position) => path.push_str(&format!(" (segment {position}, byte {})", place.offset)),
        None => path.push_str(&format!(" (byte {})", place.offset)),
    }
    path.trim_start().to_owned()
}

fn occurrences(report: &Report<'_>, node: Node, findings: &[&EdiFinding]) -> Occurrences {
    let set = (|| {
        let group = report.interchanges.get(node.0?)?.groups.get(node.1?)?;
        group.sets.get(node.2?)
    })();
    let Some(set) = set else {
        return Occurrences::new();
    };
    let mut wanted: Vec<u32> = findings
        .iter()
        .filter(|finding| finding.node == node)
        .filter_map(|finding| finding.place.segment_position)
        .collect();
    wanted.sort_unstable();
    let mut counts: HashMap<u32, u32> = HashMap::new();
    let mut occurrences = Occurrences::new();
    let mut walk = set.walk(report.input);
    let mut position = 0;
    while let Some(segment) = walk.next_segment() {
        if segment.bytes.is_empty() {
            continue;
        }
        position += 1;
        let count = counts.entry(segment.tag_code()).or_default();
        *count += 1;
        if wanted.binary_search(&position).is_ok() {
            occurrences.insert(position, *count);
        }
    }
    occurrences
}
