//! Looks up what the files name, and lays it out in flat tables for one version.
//!
//! In: dictionary and sets of a family. Out: rows that refer to each other by index. Never: text of Rust.

mod totals;
mod tree;

use std::collections::BTreeMap;

use super::dictionary::{Content, Dictionary, Element, Format, Group, Note, UNBOUNDED, Use};
use super::hashing::slot;
use super::set::Set;
use super::{At, Family, Fault};

/// Rows that belong together: the first, and how many.
pub(crate) type Span = (usize, usize);

/// No segment, no loop.
pub(crate) const NONE: usize = u16::MAX as usize;

/// Syntax notes are masks of 64 bits, and bit 0 is the tag.
const MOST_POSITIONS: usize = 63;

#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub names: Vec<String>,
    pub codes: Vec<u64>,
    pub usages: Vec<Usage>,
    pub notes: Vec<NoteRow>,
    /// By their tags.
    pub shapes: Vec<Shape>,
    pub loops: Vec<Loop>,
    pub parts: Vec<Part>,
    pub sets: Vec<SetRow>,
    pub files: Vec<FileRow>,
    /// Every tag of the standard that is named anywhere, in order.
    pub known: Vec<u32>,
}

#[derive(Debug, Clone)]
pub(crate) struct Usage {
    pub number: u16,
    pub name: usize,
    pub kind: &'static str,
    pub need: &'static str,
    pub most: u32,
    pub shortest: u16,
    pub longest: u32,
    pub list: Span,
}

#[derive(Debug, Clone)]
pub(crate) struct NoteRow {
    pub bond: &'static str,
    pub first: u64,
    pub others: u64,
}

#[derive(Debug)]
pub(crate) struct Shape {
    pub tag: u32,
    pub name: usize,
    pub usages: Span,
    pub notes: Span,
    /// The lower position of each note P of two neighbours, and the notes that are no such.
    pub pairs: u64,
    pub other_notes: Span,
}

#[derive(Debug)]
pub(crate) struct Loop {
    pub name: String,
    pub parts: Span,
    pub mandatory: u128,
    /// The bits of the tags of all parts but the first.
    pub later: u128,
}

#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub tag: u32,
    pub shape: usize,
    pub inner: usize,
    pub most: u32,
}

#[derive(Debug)]
pub(crate) struct SetRow {
    pub id: String,
    pub version: u16,
    pub group: String,
    pub name: String,
    pub root: usize,
    pub tags: Vec<u32>,
    pub totals: Vec<TotalRow>,
}

/// The messages of a file, and the elements that count them.
#[derive(Debug)]
pub(crate) struct FileRow {
    pub id: String,
    pub name: String,
    /// Message, whether it must be there, how often it may.
    pub messages: Vec<(String, bool, u32)>,
    /// Segment and element that count a message.
    pub counts: Vec<(u32, usize, String)>,
}

/// A control total: where it stands, and what it counts or sums.
#[derive(Debug)]
pub(crate) struct TotalRow {
    pub tag: u32,
    pub place: (usize, usize),
    pub qualifier: u64,
    pub counted: u32,
    /// Element and component that are summed; element 0 where segments are counted.
    pub source: (usize, usize),
}

/// The tables of one version.
pub(crate) fn resolve(
    family: &Family,
    edition: usize,
    read: (&Dictionary, &[Set]),
    faults: &mut Vec<Fault>,
) -> Tables {
    let (dictionary, sets) = read;
    let mut resolver = Resolver {
        family,
        edition,
        dictionary,
        tables: Tables::default(),
        names: BTreeMap::new(),
        lists: BTreeMap::new(),
        faults,
    };
    resolver.segments();
    for set in sets.iter().filter(|set| set.editions[edition]) {
        if set.is_file {
            resolver.file(set, sets);
        } else {
            resolver.set(set);
        }
    }
    resolver.know();
    resolver.tables
}

struct Resolver<'d, 'f> {
    family: &'d Family,
    edition: usize,
    dictionary: &'d Dictionary,
    tables: Tables,
    names: BTreeMap<String, usize>,
    /// Where the codes of an element and the components of a composite stand.
    lists: BTreeMap<String, Span>,
    faults: &'f mut Vec<Fault>,
}

impl Resolver<'_, '_> {
    fn segments(&mut self) {
        let dictionary = self.dictionary;
        for (id, composite) in &dictionary.composites {
            if composite.editions[self.edition] {
                let rows = self.rows(composite, true);
                let span = self.store(rows, &composite.at);
                self.lists.insert(id.clone(), span);
            }
        }
        for (tag, segment) in &dictionary.segments {
            let code = self.tag(tag, &segment.at);
            // Known by name and not looked into.
            let is_bare = segment.positions.is_empty() && self.family.folder == "tradacoms";
            if segment.editions[self.edition] && !is_bare {
                let rows = self.rows(segment, false);
                let count = rows.len();
                let usages = self.store(rows, &segment.at);
                let notes = self.notes(segment, count);
                let name = self.name(&segment.name);
                let (pairs, other_notes) = self.pairs(notes);
                self.tables.shapes.push(Shape {
                    tag: code,
                    name,
                    usages,
                    notes,
                    pairs,
                    other_notes,
                });
            }
        }
        self.tables.shapes.sort_by_key(|shape| shape.tag);
    }

    /// What stands at each position; what this version does not use any more keeps its position.
    fn rows(&mut self, group: &Group, is_composite: bool) -> Vec<Usage> {
        let mut rows: Vec<Usage> = Vec::new();
        for position in &group.positions {
            let row = match &position.uses[self.edition] {
                Some(usage) => self.usage(usage, is_composite),
                None => Some(unused()),
            };
            rows.extend(row);
        }
        while rows.last().is_some_and(|row| row.need == "Unused") {
            rows.pop();
        }
        if rows.is_empty() {
            self.faults.push(group.at.fault("there are no positions"));
        }
        rows
    }

    fn usage(&mut self, usage: &Use, in_composite: bool) -> Option<Usage> {
        let need = if usage.mandatory { "Mandatory" } else { "Optional" };
        let row = match &usage.content {
            Content::Named(name) => self.named(name, usage, in_composite)?,
            Content::Inline(name, formats) => self.inline(name, formats),
        };
        Some(Usage { need, most: usage.most, ..row })
    }

    fn named(&mut self, name: &str, usage: &Use, in_composite: bool) -> Option<Usage> {
        let dictionary = self.dictionary;
        if let Some(element) = dictionary.elements.get(name) {
            if !element.editions[self.edition] {
                let message = format!("this version does not have the element `{name}`");
                self.faults.push(usage.at.fault(message));
            }
            return Some(self.element(name, element));
        }
        let Some(composite) = dictionary.composites.get(name) else {
            self.faults.push(usage.at.fault(format!("nothing defines `{name}`")));
            return None;
        };
        if in_composite {
            self.faults.push(usage.at.fault("a composite does not stand in a composite"));
        }
        let Some(list) = self.lists.get(name).copied() else {
            let message = format!("this version does not have the composite `{name}`");
            self.faults.push(usage.at.fault(message));
            return None;
        };
        let name = self.name(&composite.name);
        Some(Usage { kind: "Composite", name, list, ..unused() })
    }

    fn element(&mut self, number: &str, element: &Element) -> Usage {
        let format = element.formats[self.edition];
        let list = self.codes(number, element);
        // A list says more than the type.
        let kind = if list.1 > 0 { "Code" } else { format.kind };
        Usage {
            number: number.parse().unwrap_or_default(),
            kind,
            list,
            ..self.format(&element.name, format)
        }
    }

    fn format(&mut self, name: &str, format: Format) -> Usage {
        let Format { kind, shortest, longest } = format;
        Usage { name: self.name(name), kind, shortest, longest, ..unused() }
    }

    /// One format is a simple element, several are a composite.
    fn inline(&mut self, name: &str, formats: &[Format]) -> Usage {
        if let [format] = formats {
            return self.format(name, *format);
        }
        let components = formats
            .iter()
            .map(|format| Usage { need: "Optional", ..self.format(name, *format) })
            .collect();
        let list = self.store(components, &At::default());
        Usage { kind: "Composite", name: self.name(name), list, ..unused() }
    }

    fn codes(&mut self, number: &str, element: &Element) -> Span {
        if let Some(span) = self.lists.get(number) {
            return *span;
        }
        let of_this_edition = element.codes.iter().filter(|(_, editions)| editions[self.edition]);
        let codes = hashed(of_this_edition.map(|(code, _)| packed(code)).collect());
        let span = (self.tables.codes.len(), codes.len());
        self.tables.codes.extend(codes);
        self.lists.insert(number.to_owned(), span);
        span
    }

    fn store(&mut self, rows: Vec<Usage>, at: &At) -> Span {
        if rows.len() > MOST_POSITIONS {
            self.faults.push(at.fault(format!("there are more than {MOST_POSITIONS} positions")));
        }
        let span = (self.tables.usages.len(), rows.len());
        self.tables.usages.extend(rows);
        span
    }

    fn notes(&mut self, segment: &Group, count: usize) -> Span {
        let start = self.tables.notes.len();
        for note in segment.notes.iter().filter(|note| note.editions[self.edition]) {
            match note_row(note, count) {
                Ok(row) => self.tables.notes.push(row),
                Err(fault) => self.faults.push(fault),
            }
        }
        (start, self.tables.notes.len() - start)
    }

    /// Notes P of two neighbours are looked at all at once: one bit each. The others are stored apart.
    fn pairs(&mut self, (start, count): Span) -> (u64, Span) {
        let rows: Vec<NoteRow> =
            self.tables.notes.iter().skip(start).take(count).cloned().collect();
        let is_pair = |note: &NoteRow| {
            note.bond == "Paired" && note.others == 3 << note.others.trailing_zeros()
        };
        let (paired, others): (Vec<NoteRow>, Vec<NoteRow>) = rows.into_iter().partition(is_pair);
        let lower = paired.iter().map(|note| note.others & note.others.wrapping_neg());
        let span = (self.tables.notes.len(), others.len());
        self.tables.notes.extend(others);
        (lower.fold(0, |pairs, bit| pairs | bit), span)
    }

    fn name(&mut self, name: &str) -> usize {
        let next = self.tables.names.len();
        let index = *self.names.entry(name.to_owned()).or_insert(next);
        if index == next {
            self.tables.names.push(name.to_owned());
        }
        index
    }

    fn tag(&mut self, tag: &str, at: &At) -> u32 {
        let right = tag.len() <= 4
            && tag.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !right {
            self.faults.push(at.fault(format!("`{tag}` is no tag")));
        }
        tag_code(tag)
    }

    fn know(&mut self) {
        let dictionary = self.dictionary;
        let mut known: Vec<u32> =
            dictionary.segments.keys().chain(&dictionary.tags).map(|tag| tag_code(tag)).collect();
        known.extend(self.tables.parts.iter().map(|part| part.tag));
        known.push(tag_code(self.family.trailer));
        known.sort_unstable();
        known.dedup();
        self.tables.known = known;
    }
}

fn unused() -> Usage {
    Usage {
        number: 0,
        name: 0,
        kind: "Text",
        need: "Unused",
        most: 1,
        shortest: 0,
        longest: 0,
        list: (0, 0),
    }
}

fn note_row(note: &Note, count: usize) -> Result<NoteRow, Fault> {
    let mut others = 0;
    for position in &note.positions {
        if *position == 0 || *position as usize > count.min(MOST_POSITIONS) {
            return Err(note.at.fault(format!("the segment has no position {position}")));
        }
        let bit = 1_u64 << position;
        if others & bit != 0 {
            return Err(note.at.fault(format!("position {position} stands there twice")));
        }
        others |= bit;
    }
    let has_first = matches!(note.bond, "Conditional" | "List");
    let first = note.positions.first().filter(|_| has_first).map_or(0, |first| 1_u64 << first);
    Ok(NoteRow { bond: note.bond, first, others: others & !first })
}

/// A list of codes as [`slot`] finds them; 0 is an empty slot.
fn hashed(codes: Vec<u64>) -> Vec<u64> {
    if codes.is_empty() {
        return codes;
    }
    let mut slots = vec![0; (2 * codes.len()).next_power_of_two()];
    for code in codes {
        let start = slot(code, slots.len());
        let (before, from) = slots.split_at_mut(start);
        let mut search = from.iter_mut().chain(before);
        if let Some(free) = search.find(|slot| [0, code].contains(slot)) {
            *free = code;
        }
    }
    slots
}

/// Up to four bytes, the first in the highest.
pub(crate) fn tag_code(tag: &str) -> u32 {
    (packed(tag.get(..tag.len().min(4)).unwrap_or_default()) >> 32) as u32
}

/// Up to eight bytes, the first in the highest.
fn packed(text: &str) -> u64 {
    text.bytes()
        .take(8)
        .enumerate()
        .fold(0, |code, (index, byte)| code | u64::from(byte) << (56 - 8 * index))
}

/// A bound, or what stands for none.
pub(crate) fn bound(most: u32, unbounded: &str) -> String {
    if most == UNBOUNDED { unbounded.to_owned() } else { most.to_string() }
}
