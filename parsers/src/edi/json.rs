//! Transaction sets as JSON: one object each, loops nested, elements by their reference such as `BEG03`.
//!
//! Empty elements are left out. Components are named `REF04-1`, repetitions are arrays. Card numbers in free text
//! are masked; in fields with a meaning a number is what the field says.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::report::{Group, Interchange, Report, Set};
use super::schema::{Directory, Kind, Matcher, Tables};
use super::segment::{KeptSegment, Segment, decoded};
use crate::redact;

/// One transaction set.
#[derive(Debug, Serialize)]
pub struct TransactionJson {
    /// ST01.
    pub transaction: String,
    /// ST02.
    pub control_number: String,
    /// GS08.
    pub version: String,
    /// Whether ISA15 says T.
    pub test: bool,
    /// Its interchange.
    pub interchange: EnvelopeJson,
    /// Its functional group.
    pub group: EnvelopeJson,
    /// First byte in the input, and the byte after the last.
    pub bytes: [usize; 2],
    /// Segments and loops.
    pub content: Vec<NodeJson>,
}

/// An envelope in short.
#[derive(Debug, Serialize)]
pub struct EnvelopeJson {
    /// ISA13 or GS06.
    pub control_number: String,
    /// ISA05 and ISA06, or GS02.
    pub sender: String,
    /// ISA07 and ISA08, or GS03.
    pub receiver: String,
}

/// A segment or a loop.
#[derive(Debug)]
pub enum NodeJson {
    /// A segment: its tag, and its filled elements by reference.
    Segment(String, Vec<(String, Vec<String>)>),
    /// A loop by the tag that opens it.
    Loop(&'static str, Vec<Self>),
}

impl Serialize for NodeJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Loop(id, content) => {
                map.serialize_entry("loop", id)?;
                map.serialize_entry("content", content)?;
            }
            Self::Segment(tag, elements) => {
                map.serialize_entry("segment", tag)?;
                for (reference, values) in elements {
                    map.serialize_entry(reference, &OneOrMany(values))?;
                }
            }
        }
        map.end()
    }
}

struct OneOrMany<'v>(&'v [String]);

impl Serialize for OneOrMany<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let [one] = self.0 {
            return serializer.serialize_str(one);
        }
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for value in self.0 {
            list.serialize_element(value)?;
        }
        list.end()
    }
}

/// The transaction sets of a report, one after the other.
pub fn transactions<'r>(report: &'r Report<'_>) -> impl Iterator<Item = TransactionJson> + 'r {
    report.interchanges.iter().flat_map(move |interchange| {
        interchange.groups.iter().flat_map(move |group| {
            group.sets.iter().map(move |set| transaction(report, (interchange, group, set)))
        })
    })
}

fn transaction(
    report: &Report<'_>,
    (interchange, group, set): (&Interchange, &Group, &Set),
) -> TransactionJson {
    let text = |segment: &KeptSegment, number| segment.text(number).unwrap_or_default();
    let gs = &group.header;
    TransactionJson {
        transaction: text(&set.header, 1),
        control_number: text(&set.header, 2),
        version: text(gs, 8),
        test: interchange.is_test(),
        interchange: interchange_json(interchange),
        group: EnvelopeJson {
            control_number: text(gs, 6),
            sender: text(gs, 2),
            receiver: text(gs, 3),
        },
        bytes: [set.offset(), set.end],
        content: content(report, set),
    }
}

fn interchange_json(interchange: &Interchange) -> EnvelopeJson {
    let party = |(qualifier, id)| format!("{}:{}", decoded(qualifier), decoded(id));
    EnvelopeJson {
        control_number: decoded(interchange.control_number()),
        sender: party(interchange.sender()),
        receiver: party(interchange.receiver()),
    }
}

fn content(report: &Report<'_>, set: &Set) -> Vec<NodeJson> {
    let mut matcher = set.transaction.map(Matcher::new);
    // Elements keep their numbers from version to version: text is known as text also where the set is not known.
    let tables = set.transaction.map_or(Directory::X12V5010, |set| set.directory).tables();
    let mut skipped = Vec::new();
    let mut root = Vec::new();
    let mut open: Vec<(&'static str, Vec<NodeJson>)> = Vec::new();
    let mut walk = set.walk(report.input);
    while let Some(segment) = walk.next_segment() {
        if segment.bytes.is_empty() {
            continue;
        }
        let mut depth = 0;
        let mut opened = None;
        if let Some(matcher) = &mut matcher
            && segment.tag() != b"SE"
        {
            matcher.place(segment.tag_code(), &mut skipped);
            skipped.clear();
            depth = matcher.depth();
            opened = matcher.opened_loop();
        }
        close(&mut open, &mut root, depth - usize::from(opened.is_some()));
        if let Some(id) = opened {
            open.push((id, Vec::new()));
        }
        let node = segment_json(tables, &segment);
        open.last_mut().map_or(&mut root, |(_, nodes)| nodes).push(node);
    }
    close(&mut open, &mut root, 0);
    root
}

fn close(open: &mut Vec<(&'static str, Vec<NodeJson>)>, root: &mut Vec<NodeJson>, depth: usize) {
    while open.len() > depth {
        if let Some((id, nodes)) = open.pop() {
            let parent = open.last_mut().map_or(&mut *root, |(_, nodes)| nodes);
            parent.push(NodeJson::Loop(id, nodes));
        }
    }
}

fn segment_json(tables: &Tables, segment: &Segment<'_>) -> NodeJson {
    let tag = decoded(segment.tag());
    let usages = tables.shape(segment.tag_code()).map_or(&[][..], |shape| tables.elements(shape));
    let mut elements = Vec::new();
    for (index, (_, value)) in segment.elements().enumerate() {
        if value.is_empty() {
            continue;
        }
        let reference = format!("{tag}{:02}", index + 1);
        match usages.get(index) {
            Some(usage) if usage.kind == Kind::Composite => {
                let components = segment.delimiters.split(value, segment.delimiters.component);
                for (index, component) in components.enumerate().filter(|(_, c)| !c.is_empty()) {
                    elements.push((format!("{reference}-{}", index + 1), vec![decoded(component)]));
                }
            }
            Some(usage) if is_free_text(usage.number) => {
                elements.push((reference, vec![decoded(&redact::text(value).bytes)]));
            }
            _ => elements.push((reference, repetitions(segment, value))),
        }
    }
    NodeJson::Segment(tag, elements)
}

fn repetitions(segment: &Segment<'_>, value: &[u8]) -> Vec<String> {
    match segment.delimiters.repetition {
        Some(separator) => value.split(|byte| *byte == separator).map(decoded).collect(),
        None => vec![decoded(value)],
    }
}

/// Descriptions, messages, notes, communication numbers: elements where people write what they like.
pub(crate) fn is_free_text(element_number: u16) -> bool {
    matches!(element_number, 352 | 364 | 369 | 933 | 1551)
}
