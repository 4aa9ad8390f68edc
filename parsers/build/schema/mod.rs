//! The compiler of the schema files.
//!
//! In: the files as text. Out: the source of the flat tables, or every mistake with its file and line. Never: I/O.
//!
//! [`line`] cuts a file into lines of words, [`dictionary`] and [`set`] read what they say, [`resolve`] looks up
//! what they name, for one version at a time, and [`emit`] writes it down.

mod dictionary;
mod emit;
#[path = "../../src/edi/schema/hashing.rs"]
mod hashing;
mod line;
mod resolve;
mod set;

use std::fmt;

use dictionary::Dictionary;
use line::{Line, lines};
use set::Set;

/// One schema file.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// `x12`, `edifact` or `tradacoms`.
    pub folder: String,
    /// The file's name without `.txt`.
    pub stem: String,
    /// What stands in it.
    pub text: String,
}

/// A mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where.
    pub at: At,
    /// What is wrong.
    pub message: String,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct At {
    /// The file from `schemas/` on.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "schemas/{}:{}: {}", self.at.file, self.at.line, self.message)
    }
}

impl At {
    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { at: self.clone(), message: message.into() }
    }
}

/// A family of standards: what its folder is called, its versions, what opens and closes a set.
#[derive(Debug)]
pub(crate) struct Family {
    folder: &'static str,
    standard: &'static str,
    /// The earlier and the later version: their names in the notation, and those of their tables.
    editions: &'static [(&'static str, &'static str)],
    header: &'static str,
    trailer: &'static str,
}

const FAMILIES: [Family; 3] = [
    Family {
        folder: "x12",
        standard: "X12",
        editions: &[("4010", "X12V4010"), ("5010", "X12V5010")],
        header: "ST",
        trailer: "SE",
    },
    Family {
        folder: "edifact",
        standard: "Edifact",
        editions: &[("96A", "D96A"), ("01B", "D01B")],
        header: "UNH",
        trailer: "UNT",
    },
    Family {
        folder: "tradacoms",
        standard: "Tradacoms",
        editions: &[("", "Tradacoms")],
        header: "MHD",
        trailer: "MTR",
    },
];

/// Reads, checks and compiles all files.
///
/// # Errors
///
/// Every mistake that was found.
pub(crate) fn compile(sources: &[Source]) -> Result<String, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut out = String::new();
    for source in sources {
        if !FAMILIES.iter().any(|family| family.folder == source.folder) {
            faults.push(at(source).fault("no standard has a folder of this name"));
        }
    }
    for family in &FAMILIES {
        let mut dictionary = Dictionary::default();
        let mut sets: Vec<Set> = Vec::new();
        for source in sources.iter().filter(|source| source.folder == family.folder) {
            let lines = lines(source, family, &mut faults);
            read(source, &lines, (&mut dictionary, &mut sets), &mut faults);
        }
        for (index, (_, name)) in family.editions.iter().enumerate() {
            let tables = resolve::resolve(family, index, (&dictionary, &sets), &mut faults);
            // What is wrong need not fit into its masks.
            if faults.is_empty() {
                emit::emit(&mut out, family, name, &tables);
            }
        }
    }
    // The second version finds the mistakes of the first again.
    let mut once = Vec::new();
    for fault in faults {
        if !once.contains(&fault) {
            once.push(fault);
        }
    }
    if once.is_empty() { Ok(out) } else { Err(once) }
}

fn read(
    source: &Source,
    lines: &[Line<'_>],
    into: (&mut Dictionary, &mut Vec<Set>),
    faults: &mut Vec<Fault>,
) {
    let (dictionary, sets) = into;
    let kind = source.stem.split('-').next().unwrap_or_default();
    let done = match kind.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "elements" => dictionary.read_elements(lines),
        "composites" => dictionary.read_composites(lines),
        "segments" => dictionary.read_segments(lines, source.folder == "tradacoms"),
        "tags" => dictionary.read_tags(lines),
        _ => set::read(lines, sets),
    };
    faults.extend(done);
}

fn at(source: &Source) -> At {
    At { file: format!("{}/{}.txt", source.folder, source.stem), line: 1 }
}
