//! Reads elements, composites and segments.
//!
//! In: lines. Out: what they define, in both versions. Never: a look at what they name; that is for [`super::resolve`].

use std::collections::BTreeMap;

use super::line::{Editions, Line};
use super::{At, Fault};

/// No bound on use.
pub(crate) const UNBOUNDED: u32 = u32::MAX;

/// What a folder's dictionary files define, by number, name or tag.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    pub elements: BTreeMap<String, Element>,
    pub composites: BTreeMap<String, Group>,
    pub segments: BTreeMap<String, Group>,
    /// Tags of the standard that nothing here describes.
    pub tags: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub name: String,
    /// In each version.
    pub formats: [Format; 2],
    pub editions: Editions,
    pub codes: Vec<(String, Editions)>,
}

/// Type and lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    /// The variant of the table's `Kind`.
    pub kind: &'static str,
    pub shortest: u16,
    pub longest: u32,
}

/// A composite or a segment.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub at: At,
    pub name: String,
    pub positions: Vec<Position>,
    pub notes: Vec<Note>,
    pub editions: Editions,
}

/// What stands at one position in each version; nothing where the version does not use it.
#[derive(Debug, Clone)]
pub(crate) struct Position {
    pub uses: [Option<Use>; 2],
}

#[derive(Debug, Clone)]
pub(crate) struct Use {
    pub at: At,
    pub mandatory: bool,
    pub content: Content,
    pub most: u32,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// An element or composite by its number.
    Named(String),
    /// Written in place: its name and its components.
    Inline(String, Vec<Format>),
}

#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub at: At,
    /// The variant of the table's `Bond`.
    pub bond: &'static str,
    pub positions: Vec<u32>,
    pub editions: Editions,
}

impl Dictionary {
    pub(crate) fn read_elements(&mut self, lines: &[Line<'_>]) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut last = String::new();
        for line in lines {
            let done = match line.depth {
                0 => element(line).and_then(|(number, element)| {
                    last.clone_from(&number);
                    insert(&mut self.elements, number, element, line)
                }),
                1 => match self.elements.get_mut(&last) {
                    Some(element) => codes(element, line),
                    None => Err(line.at.fault("codes stand below their element")),
                },
                _ => Err(line.at.fault("nothing is nested here")),
            };
            faults.extend(done.err());
        }
        faults
    }

    pub(crate) fn read_composites(&mut self, lines: &[Line<'_>]) -> Vec<Fault> {
        read_groups(&mut self.composites, lines, false)
    }

    pub(crate) fn read_segments(&mut self, lines: &[Line<'_>], in_place: bool) -> Vec<Fault> {
        read_groups(&mut self.segments, lines, in_place)
    }

    pub(crate) fn read_tags(&mut self, lines: &[Line<'_>]) -> Vec<Fault> {
        self.tags.extend(lines.iter().flat_map(|line| &line.words).map(|tag| (*tag).to_owned()));
        Vec::new()
    }
}

fn insert<T>(
    into: &mut BTreeMap<String, T>,
    name: String,
    value: T,
    line: &Line<'_>,
) -> Result<(), Fault> {
    if into.contains_key(&name) {
        return Err(line.at.fault(format!("`{name}` is defined twice")));
    }
    into.insert(name, value);
    Ok(())
}

/// `353 ID 2/2 "name"`, `1004 an..35 "name"`.
fn element(line: &Line<'_>) -> Result<(String, Element), Fault> {
    let number = line.word(0, "the element's number")?;
    if number.parse::<u16>().is_err() {
        return Err(line.at.fault(format!("`{number}` is no element number")));
    }
    if line.name.is_empty() {
        return Err(line.at.fault("the name is missing"));
    }
    let words = line.words.get(1..).unwrap_or_default();
    let format = format_of(words, line)?;
    let later = match line.later.as_slice() {
        [] => format,
        // Only the bounds are written anew.
        [bounds] if words.len() == 2 => {
            format_of(&[words.first().copied().unwrap_or_default(), bounds], line)?
        }
        words => format_of(words, line)?,
    };
    let element = Element {
        name: line.name.to_owned(),
        formats: [format, later],
        editions: line.editions,
        codes: Vec::new(),
    };
    Ok((number.to_owned(), element))
}

fn codes(element: &mut Element, line: &Line<'_>) -> Result<(), Fault> {
    if line.word(0, "`codes`")? != "codes" {
        return Err(line.at.fault("only `codes` stands below an element"));
    }
    for code in line.words.iter().skip(1) {
        if code.len() > 8 {
            return Err(line.at.fault(format!("`{code}` has more than eight characters")));
        }
        if element.codes.iter().any(|(known, editions)| {
            known == code && (0..2).any(|index| editions[index] && line.editions[index])
        }) {
            return Err(line.at.fault(format!("`{code}` is listed twice")));
        }
        element.codes.push(((*code).to_owned(), line.editions));
    }
    Ok(())
}

/// `AN 1/30`, or `an..35`, `n8`, or `X..6`.
fn format_of(words: &[&str], line: &Line<'_>) -> Result<Format, Fault> {
    let wrong = || line.at.fault(format!("`{}` is no type with lengths", words.join(" ")));
    let (kind, shortest, longest) = match words {
        [kind, bounds] => {
            let (shortest, longest) = bounds.split_once('/').ok_or_else(wrong)?;
            (x12_kind(kind).ok_or_else(wrong)?, shortest.parse().ok(), longest.parse().ok())
        }
        [format] => {
            let digits = format.find(|c: char| c == '.' || c.is_ascii_digit());
            // The 9 of TRADACOMS is a letter here.
            let at = if format.starts_with('9') { 1 } else { digits.ok_or_else(wrong)? };
            let (letters, lengths) = format.split_at(at);
            let kind = plain_kind(letters).ok_or_else(wrong)?;
            match lengths.strip_prefix("..") {
                Some(longest) => (kind, Some(1), longest.parse().ok()),
                None => (kind, lengths.parse().ok(), lengths.parse().ok()),
            }
        }
        _ => return Err(wrong()),
    };
    match (shortest, longest) {
        (Some(shortest), Some(longest)) if shortest > 0 && u32::from(shortest) <= longest => {
            Ok(Format { kind, shortest, longest })
        }
        _ => Err(wrong()),
    }
}

fn x12_kind(word: &str) -> Option<&'static str> {
    Some(match word {
        "AN" => "Text",
        "ID" => "Code",
        "R" => "Decimal",
        "DT" => "Date",
        "TM" => "Time",
        "B" => "Binary",
        "N" | "N0" | "N1" | "N2" | "N3" | "N4" | "N5" | "N6" | "N7" | "N8" | "N9" => "Whole",
        _ => return None,
    })
}

fn plain_kind(letters: &str) -> Option<&'static str> {
    Some(match letters {
        "an" | "X" => "Text",
        "a" => "Letters",
        "n" => "Number",
        "9" => "Whole",
        _ => return None,
    })
}

fn read_groups(
    into: &mut BTreeMap<String, Group>,
    lines: &[Line<'_>],
    in_place: bool,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut last = String::new();
    for line in lines {
        let done = match line.depth {
            0 => head(line).and_then(|(name, group)| {
                last.clone_from(&name);
                insert(into, name, group, line)
            }),
            1 => match into.get_mut(&last) {
                Some(group) => position_or_note(group, line, in_place),
                None => Err(line.at.fault("a position stands below its segment or composite")),
            },
            _ => Err(line.at.fault("nothing is nested here")),
        };
        faults.extend(done.err());
    }
    faults
}

fn head(line: &Line<'_>) -> Result<(String, Group), Fault> {
    let name = line.word(0, "the tag")?.to_owned();
    line.ends_after(1)?;
    if line.name.is_empty() {
        return Err(line.at.fault("the name is missing"));
    }
    let group = Group {
        at: line.at.clone(),
        name: line.name.to_owned(),
        positions: Vec::new(),
        notes: Vec::new(),
        editions: line.editions,
    };
    Ok((name, group))
}

fn position_or_note(group: &mut Group, line: &Line<'_>, in_place: bool) -> Result<(), Fault> {
    let first = line.word(0, "the use")?;
    let is_note = matches!(first, "P" | "R" | "E" | "L")
        || (first == "C" && !in_place && line.words.len() > 2 && is_numeric(line.words.get(2)));
    if is_note {
        group.notes.push(note(line)?);
        return Ok(());
    }
    if !group.notes.is_empty() {
        return Err(line.at.fault("positions stand before the syntax notes"));
    }
    let usage = if first == "X" { None } else { Some(usage(line, in_place)?) };
    add_position(group, usage, line.editions);
    Ok(())
}

fn is_numeric(word: Option<&&str>) -> bool {
    word.is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Two lines, one for each version, stand for one position. A line for one version alone keeps its position in the
/// other, unused: positions do not move.
fn add_position(group: &mut Group, usage: Option<Use>, editions: Editions) {
    let of = |index: usize| if editions[index] { usage.clone() } else { None };
    let fills_the_other = match group.positions.last() {
        Some(last) => {
            editions != [true, true] && last_editions(last) == [!editions[0], !editions[1]]
        }
        None => false,
    };
    if let (true, Some(last)) = (fills_the_other, group.positions.last_mut()) {
        for (slot, holds) in last.uses.iter_mut().zip(editions) {
            if holds {
                slot.clone_from(&usage);
            }
        }
        return;
    }
    group.positions.push(Position { uses: [of(0), of(1)] });
}

fn last_editions(position: &Position) -> Editions {
    [position.uses[0].is_some(), position.uses[1].is_some()]
}

/// `M 353`, `C C212 x5`, `O 127 x>1`; `M "TYPE" X..6 9..1` in place.
fn usage(line: &Line<'_>, in_place: bool) -> Result<Use, Fault> {
    let mandatory = is_mandatory(line)?;
    let mut rest: Vec<&str> = line.words.iter().skip(1).copied().collect();
    let mut most = 1;
    if let Some(times) = rest.last().and_then(|word| word.strip_prefix('x')) {
        most = times_of(times).ok_or_else(|| line.at.fault(format!("`x{times}` is no bound")))?;
        rest.pop();
    }
    let content = if in_place {
        let formats: Result<Vec<Format>, Fault> =
            rest.iter().map(|word| format_of(&[word], line)).collect();
        Content::Inline(line.name.to_owned(), formats?)
    } else {
        match rest.as_slice() {
            [name] => Content::Named((*name).to_owned()),
            _ => return Err(line.at.fault("a position is written `M 353` or `C C212 x5`")),
        }
    };
    if matches!(&content, Content::Inline(_, formats) if formats.is_empty()) {
        return Err(line.at.fault("the format is missing"));
    }
    Ok(Use { at: line.at.clone(), mandatory, content, most })
}

/// `M`, `O`, `C`.
pub(crate) fn is_mandatory(line: &Line<'_>) -> Result<bool, Fault> {
    match line.word(0, "the use")? {
        "M" => Ok(true),
        "O" | "C" => Ok(false),
        other => Err(line.at.fault(format!("`{other}` is no use: M, O, C or X"))),
    }
}

/// `5`, `>1`.
pub(crate) fn times_of(word: &str) -> Option<u32> {
    match word {
        ">1" => Some(UNBOUNDED),
        word => word.parse().ok().filter(|times| *times > 0),
    }
}

fn note(line: &Line<'_>) -> Result<Note, Fault> {
    let bond = match line.word(0, "the note")? {
        "P" => "Paired",
        "R" => "Required",
        "E" => "Exclusive",
        "L" => "List",
        _ => "Conditional",
    };
    let positions: Option<Vec<u32>> =
        line.words.iter().skip(1).map(|word| word.parse().ok()).collect();
    match positions {
        Some(positions) if positions.len() > 1 => {
            Ok(Note { at: line.at.clone(), bond, positions, editions: line.editions })
        }
        _ => Err(line.at.fault("a note has two positions or more")),
    }
}
