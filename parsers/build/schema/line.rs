//! Cuts a file into lines of words.
//!
//! In: its text. Out: lines with their depth, words, name and version mark. Never: an opinion on what they mean.

use super::{At, Family, Fault, Source};

/// In which versions a line holds: the earlier, the later.
pub(crate) type Editions = [bool; 2];

/// One line that says something.
#[derive(Debug, Clone)]
pub(crate) struct Line<'t> {
    /// Where it stands.
    pub at: At,
    /// Steps of two blanks before it.
    pub depth: usize,
    /// Its words in order, without name and marks.
    pub words: Vec<&'t str>,
    /// What stands in double quotes.
    pub name: &'t str,
    /// What the later version has in place of the last words before it.
    pub later: Vec<&'t str>,
    /// In which versions it holds.
    pub editions: Editions,
}

impl Line<'_> {
    /// A word, or a fault that says what is missing.
    pub(crate) fn word(&self, index: usize, what: &str) -> Result<&str, Fault> {
        self.words.get(index).copied().ok_or_else(|| self.at.fault(format!("{what} is missing")))
    }

    /// Nothing may follow.
    pub(crate) fn ends_after(&self, count: usize) -> Result<(), Fault> {
        match self.words.get(count) {
            None => Ok(()),
            Some(word) => Err(self.at.fault(format!("`{word}` says nothing here"))),
        }
    }
}

/// The lines of a file.
pub(crate) fn lines<'t>(
    source: &'t Source,
    family: &Family,
    faults: &mut Vec<Fault>,
) -> Vec<Line<'t>> {
    let file = format!("{}/{}.txt", source.folder, source.stem);
    let mut lines = Vec::new();
    for (index, text) in source.text.lines().enumerate() {
        let at = At { file: file.clone(), line: index + 1 };
        match line(at, text, family) {
            Ok(line) if line.words.is_empty() => {}
            Ok(line) => lines.push(line),
            Err(fault) => faults.push(fault),
        }
    }
    lines
}

fn line<'t>(at: At, text: &'t str, family: &Family) -> Result<Line<'t>, Fault> {
    let body = text.trim_start_matches(' ');
    let blanks = text.len() - body.len();
    let mut line = Line {
        at,
        depth: blanks / 2,
        words: Vec::new(),
        name: "",
        later: Vec::new(),
        editions: [true, true],
    };
    let mut rest = body.trim_end();
    while !rest.is_empty() && !rest.starts_with('#') {
        rest = token(&mut line, rest, family)?.trim_start();
    }
    if !line.words.is_empty() && !blanks.is_multiple_of(2) {
        return Err(line.at.fault("nesting is by two blanks"));
    }
    Ok(line)
}

/// Takes one token off; gives back what follows.
fn token<'t>(line: &mut Line<'t>, text: &'t str, family: &Family) -> Result<&'t str, Fault> {
    if let Some(quoted) = text.strip_prefix('"') {
        let Some((name, rest)) = quoted.split_once('"') else {
            return Err(line.at.fault("a name is not closed"));
        };
        line.name = name;
        return Ok(rest);
    }
    if let Some(inside) = text.strip_prefix('[') {
        let Some((inside, rest)) = inside.split_once(']') else {
            return Err(line.at.fault("a bracket is not closed"));
        };
        let Some((version, words)) = inside.split_once(':') else {
            return Err(line.at.fault("a bracket is written `[5010: 1/50]`"));
        };
        is_later(line, version.trim(), family)?;
        line.later = words.split_whitespace().collect();
        return Ok(rest);
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    match word.strip_prefix('@') {
        None => line.words.push(word),
        Some(version) if family.editions.first().is_some_and(|(first, _)| *first == version) => {
            line.editions = [true, false];
        }
        Some(version) => {
            is_later(line, version.trim_start_matches('<'), family)?;
            line.editions = [version.starts_with('<'), !version.starts_with('<')];
        }
    }
    Ok(rest)
}

fn is_later(line: &Line<'_>, version: &str, family: &Family) -> Result<(), Fault> {
    match family.editions.get(1) {
        Some((later, _)) if *later == version => Ok(()),
        Some((later, _)) => Err(line
            .at
            .fault(format!("`{version}` is no version to tell apart here: `{later}` is"))),
        None => Err(line.at.fault("this standard has one version only")),
    }
}
