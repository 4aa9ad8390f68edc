//! Finds positions of a set or message by their names: `REF`, `PO1/PID`, `SG2/NAD`.
//!
//! In: a table and a path of loops. Out: where that is, as [`Matcher::position`](super::Matcher::position) tells it
//! while a set is read. Never: a guess; what a wrong name may have meant is for people to read.

use super::tables::{Part, Transaction};
use super::{Tables, tag_text};

/// Positions of one level: its row, and one bit a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edi) struct Position {
    pub(in crate::edi) level: u16,
    pub(in crate::edi) parts: u128,
}

/// A loop of a set, or the set itself.
#[derive(Debug)]
struct Level {
    row: u16,
    name: &'static str,
    /// The level that holds it, as an index in the list of all, and its part there.
    parent: Option<(usize, usize)>,
    parts: &'static [Part],
    tags: &'static [u32],
    mandatory: u128,
}

/// The levels of a set, each after the one that holds it.
#[derive(Debug)]
pub(in crate::edi) struct Places {
    tables: &'static Tables,
    levels: Vec<Level>,
}

impl Places {
    pub(in crate::edi) fn of(transaction: &'static Transaction) -> Self {
        let mut places = Self { tables: transaction.tables(), levels: Vec::new() };
        places.add(transaction.root, None);
        let mut index = 0;
        while let Some(level) = places.levels.get(index) {
            for (part, row) in level.parts.iter().enumerate().filter(|(_, part)| part.is_loop()) {
                places.add(row.inner, Some((index, part)));
            }
            index += 1;
        }
        places
    }

    fn add(&mut self, row: u16, parent: Option<(usize, usize)>) {
        if let Some(found) = self.tables.loop_at(row) {
            let (parts, tags) = self.tables.parts(found);
            let (name, mandatory) = (found.name, found.mandatory);
            self.levels.push(Level { row, name, parent, parts, tags, mandatory });
        }
    }

    /// Every position of a path; a path of one name that the set's own level does not have is looked for everywhere.
    pub(in crate::edi) fn find(&self, path: &str) -> Vec<Position> {
        let (loops, name) = path.rsplit_once('/').unwrap_or(("", path));
        let within = |index: &usize| self.is_at(*index, loops);
        let found: Vec<_> =
            (0..self.levels.len()).filter(within).filter_map(|at| self.on(at, name)).collect();
        if found.is_empty() && loops.is_empty() { self.anywhere(name) } else { found }
    }

    /// Every position of a tag or loop, whatever holds it.
    pub(in crate::edi) fn anywhere(&self, name: &str) -> Vec<Position> {
        let mut found: Vec<Position> = Vec::new();
        for position in (0..self.levels.len()).filter_map(|index| self.on(index, name)) {
            // A segment that opens a loop is found in both levels.
            if !found.contains(&position) {
                found.push(position);
            }
        }
        found
    }

    /// The names of the tags and loops on every level.
    pub(in crate::edi) fn names(&self) -> impl Iterator<Item = String> {
        let tags = self.levels.iter().flat_map(|level| level.tags).map(|tag| tag_text(*tag));
        tags.chain(self.levels.iter().skip(1).map(|level| level.name.to_owned()))
    }

    /// A position as people write it.
    pub(in crate::edi) fn path_of(&self, position: Position) -> String {
        let part = position.parts.trailing_zeros() as usize;
        let Some(index) = self.index_of(position.level) else { return String::new() };
        let Some(level) = self.levels.get(index) else { return String::new() };
        let tag = level.tags.get(part).map(|tag| tag_text(*tag)).unwrap_or_default();
        let inner = level.parts.get(part).and_then(|part| self.tables.loop_at(part.inner));
        let mut names = vec![inner.map_or(tag, |inner| inner.name.to_owned())];
        names.extend(self.chain(index).filter_map(|index| {
            self.levels
                .get(index)
                .map(|level| level.name.to_owned())
                .filter(|name| !name.is_empty())
        }));
        names.reverse();
        names.join("/")
    }

    /// The deepest level in which what a position says holds for another: for one that opens a loop that is the loop,
    /// where the other stands in it.
    pub(in crate::edi) fn scope(&self, said: Position, other: Position) -> u16 {
        let rows = |index: Option<usize>| {
            let chain = index.into_iter().flat_map(|index| self.chain(index));
            chain.filter_map(|index| self.levels.get(index).map(|level| level.row))
        };
        let others: Vec<u16> = rows(self.index_of(other.level)).collect();
        let opened = self.levels.iter().position(|level| {
            level.parent.is_some_and(|(parent, part)| {
                Some(parent) == self.index_of(said.level) && said.parts & (1 << part) != 0
            })
        });
        let mut shared = rows(opened.or_else(|| self.index_of(said.level)));
        shared.find(|row| others.contains(row)).unwrap_or(said.level)
    }

    /// The tag that begins a position; whether it opens a loop, must be there, and how often it may be there.
    pub(in crate::edi) fn facts(&self, position: Position) -> Option<Facts> {
        let level = self.levels.get(self.index_of(position.level)?)?;
        let part = position.parts.trailing_zeros() as usize;
        let set = |index: &usize| position.parts & (1 << index) != 0;
        let most = (0..level.parts.len()).filter(set).filter_map(|at| level.parts.get(at));
        Some(Facts {
            tag: *level.tags.get(part)?,
            is_loop: level.parts.get(part)?.is_loop(),
            is_mandatory: level.mandatory & position.parts != 0,
            most: most.fold(0, |sum, part| sum.saturating_add(part.most)),
        })
    }

    /// The positions of a tag or loop on one level. That of a segment that opens a loop is where the loop stands.
    fn on(&self, index: usize, name: &str) -> Option<Position> {
        let level = self.levels.get(index)?;
        let mut parts = 0_u128;
        for (at, (part, tag)) in level.parts.iter().zip(level.tags).enumerate() {
            let inner = self.tables.loop_at(part.inner).filter(|_| part.is_loop());
            if tag_text(*tag) == name || inner.is_some_and(|inner| inner.name == name) {
                parts |= 1 << at;
            }
        }
        match level.parent {
            _ if parts == 0 => None,
            Some((parent, part)) if parts & 1 != 0 => {
                let row = self.levels.get(parent)?.row;
                Some(Position { level: row, parts: 1 << part })
            }
            _ => Some(Position { level: level.row, parts }),
        }
    }

    /// Whether a level is reached by a path of loops, each by its name or by the tag that opens it.
    fn is_at(&self, index: usize, loops: &str) -> bool {
        let mut names = loops.rsplit('/').filter(|name| !name.is_empty());
        self.chain(index).all(|index| {
            self.levels.get(index).is_some_and(|level| {
                let tag = level.tags.first().map(|tag| tag_text(*tag)).unwrap_or_default();
                level.parent.is_none()
                    || names.next().is_some_and(|name| name == level.name || name == tag)
            })
        }) && names.next().is_none()
    }

    /// A level and those that hold it.
    fn chain(&self, index: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(index), |index| {
            self.levels.get(*index)?.parent.map(|(parent, _)| parent)
        })
    }

    fn index_of(&self, row: u16) -> Option<usize> {
        self.levels.iter().position(|level| level.row == row)
    }
}

/// What the table says of a position.
#[derive(Debug, Clone, Copy)]
pub(in crate::edi) struct Facts {
    pub(in crate::edi) tag: u32,
    pub(in crate::edi) is_loop: bool,
    pub(in crate::edi) is_mandatory: bool,
    pub(in crate::edi) most: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edi::schema::{Directory, Matcher, tag_code};

    fn paths(directory: Directory, set: &[u8], path: &str) -> Vec<String> {
        let places = Places::of(directory.tables().transaction(set).unwrap());
        places.find(path).into_iter().map(|position| places.path_of(position)).collect()
    }

    #[test]
    fn paths_lead_to_positions() {
        let order = |path| paths(Directory::X12V4010, b"850", path);
        assert_eq!(order("BEG"), ["BEG"]);
        assert_eq!(order("REF"), ["REF"]);
        assert_eq!(order("N1/REF"), ["N1/REF"]);
        assert_eq!(order("PO1"), ["PO1"]);
        assert_eq!(order("PO1/PO1"), ["PO1"]);
        assert_eq!(order("PO1/PID"), ["PO1/PID"]);
        assert_eq!(order("PO1/ZZZ"), [""; 0]);
        assert_eq!(order("ZZ1/REF"), [""; 0]);
        // Where the set's own level has no such segment, all others are looked at.
        assert!(order("N3").len() > 1, "{:?}", order("N3"));
        let message = |path| paths(Directory::D96A, b"ORDERS", path);
        assert_eq!(message("SG2"), ["SG2"]);
        assert_eq!(message("NAD"), ["SG2"]);
        assert_eq!(message("SG2/NAD"), ["SG2"]);
        assert_eq!(message("SG2/SG5/COM"), ["SG2/SG5/COM"]);
        assert_eq!(message("NAD/CTA/COM"), ["SG2/SG5/COM"]);
    }

    #[test]
    fn a_matcher_tells_the_same_positions() {
        for (directory, set, tags, path) in [
            (Directory::X12V4010, &b"850"[..], &["ST", "BEG", "PO1", "PID"][..], "PO1/PID"),
            (Directory::X12V4010, b"850", &["ST", "BEG", "PO1", "PO1"], "PO1"),
            (
                Directory::D96A,
                b"ORDERS",
                &["UNH", "BGM", "DTM", "NAD", "CTA", "COM"],
                "SG2/SG5/COM",
            ),
        ] {
            let transaction = directory.tables().transaction(set).unwrap();
            let mut matcher = Matcher::new(transaction);
            let mut missing = Vec::new();
            for tag in tags {
                matcher.place(tag_code(tag.as_bytes()), &mut missing);
            }
            let (level, part) = matcher.position().unwrap();
            assert_eq!(Places::of(transaction).find(path), [Position { level, parts: 1 << part }]);
        }
    }
}
