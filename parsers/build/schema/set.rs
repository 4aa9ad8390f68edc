//! Reads sets and messages.
//!
//! In: lines. Out: their positions as a tree, in both versions. Never: a look at the dictionary.

use super::dictionary::{is_mandatory, times_of};
use super::line::{Editions, Line};
use super::{At, Fault};

/// A set or message, or the messages of a TRADACOMS file.
#[derive(Debug)]
pub(crate) struct Set {
    pub at: At,
    /// Its positions are messages.
    pub is_file: bool,
    pub id: String,
    /// The message version of TRADACOMS.
    pub version: u16,
    pub name: String,
    /// The functional group, where the standard has them.
    pub group: String,
    pub totals: Vec<Total>,
    pub nodes: Vec<Node>,
    pub editions: Editions,
}

/// A position: a segment, or a loop with what stands in it.
#[derive(Debug)]
pub(crate) struct Node {
    pub at: At,
    /// The segment's tag or the loop's name.
    pub name: String,
    pub mandatory: bool,
    /// How often, in each version.
    pub most: [u32; 2],
    pub editions: Editions,
    /// What a loop holds.
    pub children: Option<Vec<Self>>,
}

/// `count CTT01 PO1`, `sum CNT 1 QTY C186.6060`.
#[derive(Debug)]
pub(crate) struct Total {
    pub at: At,
    pub is_sum: bool,
    pub words: Vec<String>,
    pub editions: Editions,
}

/// Adds the sets of a file.
pub(crate) fn read(lines: &[Line<'_>], sets: &mut Vec<Set>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut rest = lines;
    while let [first, ..] = rest {
        let after_head = rest.get(1..).unwrap_or_default();
        let count = after_head.iter().take_while(|line| !is_head(line)).count();
        let (body, next) = after_head.split_at(count);
        match head(first) {
            Ok(mut set) => {
                let overlaps = |known: &Set| {
                    (known.is_file, &known.id) == (set.is_file, &set.id)
                        && (0..2).any(|index| known.editions[index] && set.editions[index])
                };
                if sets.iter().any(overlaps) {
                    faults.push(first.at.fault(format!("`{}` is defined twice", set.id)));
                }
                fill(&mut set, body, &mut faults);
                sets.push(set);
            }
            Err(fault) => faults.push(fault),
        }
        rest = next;
    }
    faults
}

fn is_head(line: &Line<'_>) -> bool {
    line.depth == 0 && matches!(line.words.first(), Some(&("set" | "message" | "file")))
}

fn head(line: &Line<'_>) -> Result<Set, Fault> {
    if !is_head(line) {
        return Err(line.at.fault("a set begins with `set`, `message` or `file`"));
    }
    let id = line.word(1, "the set's id")?.to_owned();
    let (group, version) = match line.words.get(2..).unwrap_or_default() {
        [] => ("", 0),
        ["group", group] => (*group, 0),
        [version] if version.parse::<u16>().is_ok() => ("", version.parse().unwrap_or_default()),
        _ => return Err(line.at.fault("after the id stand the name and `group`")),
    };
    if line.name.is_empty() {
        return Err(line.at.fault("the name is missing"));
    }
    Ok(Set {
        at: line.at.clone(),
        is_file: line.words.first() == Some(&"file"),
        id,
        version,
        name: line.name.to_owned(),
        group: group.to_owned(),
        totals: Vec::new(),
        nodes: Vec::new(),
        editions: line.editions,
    })
}

fn fill(set: &mut Set, lines: &[Line<'_>], faults: &mut Vec<Fault>) {
    let totals = lines
        .iter()
        .take_while(|line| matches!(line.words.first(), Some(&("count" | "sum"))))
        .count();
    let (totals, mut nodes) = lines.split_at(totals);
    set.totals.extend(totals.iter().map(|line| Total {
        at: line.at.clone(),
        is_sum: line.words.first() == Some(&"sum"),
        words: line.words.iter().skip(1).map(|word| (*word).to_owned()).collect(),
        editions: line.editions,
    }));
    set.nodes = level(&mut nodes, 0, faults);
}

/// The positions of one depth; stops before a lesser one.
fn level(lines: &mut &[Line<'_>], depth: usize, faults: &mut Vec<Fault>) -> Vec<Node> {
    let mut nodes = Vec::new();
    while let [line, rest @ ..] = *lines {
        if line.depth < depth {
            break;
        }
        *lines = rest;
        if line.depth > depth {
            faults.push(line.at.fault("only a loop has something nested in it"));
            continue;
        }
        let is_loop = line.words.first() == Some(&"loop");
        let children = is_loop.then(|| level(lines, depth + 1, faults));
        match node(line, children) {
            Ok(node) => nodes.push(node),
            Err(fault) => faults.push(fault),
        }
    }
    nodes
}

/// `M DTM 35`, `loop SG1 C 10 [01B: 9999]`.
fn node(line: &Line<'_>, children: Option<Vec<Node>>) -> Result<Node, Fault> {
    let (name, rest) = match line.words.as_slice() {
        ["loop", name, rest @ ..] => (*name, rest),
        [_, name, ..] => (*name, line.words.as_slice()),
        _ => return Err(line.at.fault("a position is written `M BEG` or `loop N1 O 200`")),
    };
    let shifted;
    let (usage, bound) = if children.is_some() {
        shifted = Line { words: rest.to_vec(), ..line.clone() };
        (&shifted, 1)
    } else {
        (line, 2)
    };
    usage.ends_after(bound + 1)?;
    let times = |word: &str| {
        times_of(word).ok_or_else(|| line.at.fault(format!("`{word}` is no bound: 5, or >1")))
    };
    let most = usage.words.get(bound).map_or(Ok(1), |word| times(word))?;
    let later = match line.later.as_slice() {
        [] => most,
        [word] => times(word)?,
        _ => return Err(line.at.fault("a bracket holds one bound here")),
    };
    Ok(Node {
        at: line.at.clone(),
        name: name.to_owned(),
        mandatory: is_mandatory(usage)?,
        most: [most, later],
        editions: line.editions,
        children,
    })
}
