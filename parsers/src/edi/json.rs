//! Transaction sets and messages as JSON: one object each, loops nested, elements by their reference such as `BEG03`.
//!
//! Values are decoded by the character set that the interchange declares, without release characters.
//! Empty elements are left out. Components are named `REF04-1`, repetitions are arrays. Card numbers in free text
//! are masked; in fields with a meaning a number is what the field says.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::report::{Group, Interchange, Report, Set};
use super::schema::{Directory, Kind, Matcher, Tables};
use super::segment::{KeptSegment, Segment, decoded};
use super::standard::Standard;
use crate::redact;

/// Repetitions times components of one element that are told apart: far above what any directory has.
const MOST_CELLS: usize = 10_000;

/// One transaction set.
#[derive(Debug, Serialize)]
pub struct TransactionJson {
    /// ST01, the message type of UNH.
    pub transaction: String,
    /// ST02, UNH 0062.
    pub control_number: String,
    /// GS08; version, release, agency and association code of UNH.
    pub version: String,
    /// Whether ISA15 says T or UNB 0035 says 1.
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
    /// ISA13 or GS06, UNB 0020 or UNG 0048.
    pub control_number: String,
    /// ISA05 and ISA06, or GS02; S002 of UNB, S006 of UNG.
    pub sender: String,
    /// ISA07 and ISA08, or GS03; S003 of UNB, S007 of UNG.
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
    let part = |segment: &KeptSegment, element, number| {
        segment.component_text(element, number).unwrap_or_default()
    };
    let (header, outer) = (&set.header, &group.header);
    let is_edifact = interchange.standard == Standard::Edifact;
    let (transaction, control_number, version) = if is_edifact {
        let version = [2, 3, 4, 5].map(|number| part(header, 2, number)).join(":");
        let version = version.trim_end_matches(':').to_owned();
        (part(header, 2, 1), text(header, 1), version)
    } else {
        (text(header, 1), text(header, 2), text(outer, 8))
    };
    let (number, sender, receiver) = if is_edifact {
        (text(outer, 5), part(outer, 2, 1), part(outer, 3, 1))
    } else {
        (text(outer, 6), text(outer, 2), text(outer, 3))
    };
    TransactionJson {
        transaction,
        control_number,
        version,
        test: interchange.is_test(),
        interchange: interchange_json(interchange),
        group: EnvelopeJson { control_number: number, sender, receiver },
        bytes: [set.offset(), set.end],
        content: content(report, set),
    }
}

fn interchange_json(interchange: &Interchange) -> EnvelopeJson {
    let (set, delimiters) = (interchange.header.character_set(), interchange.header.delimiters());
    let decoded = |bytes| set.decode(&delimiters.unreleased(bytes)).into_owned();
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
            && !matches!(segment.tag(), b"SE" | b"UNT")
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
        let node = if set.standard == Standard::Edifact {
            edifact_segment_json(&segment)
        } else {
            segment_json(tables, &segment)
        };
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

/// Any element of EDIFACT may have components: those that have some are told apart by their separators.
fn edifact_segment_json(segment: &Segment<'_>) -> NodeJson {
    let (set, delimiters) = (segment.character_set, segment.delimiters);
    let tag = set.decode(segment.tag()).into_owned();
    let is_free_text = matches!(segment.tag(), b"FTX" | b"IMD" | b"COM" | b"TXT");
    let value = |bytes: &[u8]| {
        let value = delimiters.unreleased(bytes);
        if is_free_text {
            set.decode(&redact::text(&value).bytes).into_owned()
        } else {
            set.decode(&value).into_owned()
        }
    };
    let mut elements: Vec<(String, Vec<String>)> = Vec::new();
    for (index, (_, bytes)) in segment.elements().enumerate().filter(|(_, (_, b))| !b.is_empty()) {
        let reference = format!("{tag}{:02}", index + 1);
        let repetitions: Vec<&[u8]> = match delimiters.repetition {
            Some(separator) => delimiters.split(bytes, separator).collect(),
            None => vec![bytes],
        };
        let rows: Vec<Vec<&[u8]>> = repetitions
            .iter()
            .map(|bytes| delimiters.split(bytes, delimiters.component).collect())
            .collect();
        let most = rows.iter().map(Vec::len).max().unwrap_or(1);
        if most == 1 || (rows.len() > 1 && most.saturating_mul(rows.len()) > MOST_CELLS) {
            elements.push((reference, repetitions.into_iter().map(value).collect()));
            continue;
        }
        for number in 0..most {
            let column = rows.iter().map(|row| row.get(number).copied().unwrap_or_default());
            let values: Vec<String> = column.map(value).collect();
            if values.iter().any(|value| !value.is_empty()) {
                elements.push((format!("{reference}-{}", number + 1), values));
            }
        }
    }
    NodeJson::Segment(tag, elements)
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
