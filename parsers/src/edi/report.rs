//! What stands in an input: interchanges, groups and sets as views of it, and what an acknowledgement says of each.

use std::collections::HashSet;

use super::delimiters::{Header, digits};
use super::finding::Findings;
use super::rules::Policy;
use super::schema::Transaction;
use super::segment::{Segment, Segments};
use super::standard::Standard;

/// Acknowledgement codes that are kept a level: AK5 and AK9 have room for five.
const MOST_CODES: usize = 5;

/// How to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'o> {
    /// How much is forgiven.
    pub policy: Policy,
    /// Who must be sender and receiver.
    pub expectations: Expectations<'o>,
}

/// Who must be sender and receiver: qualifier and id, where that is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expectations<'o> {
    /// ISA05 and ISA06.
    pub sender: Option<(&'o str, &'o str)>,
    /// ISA07 and ISA08.
    pub receiver: Option<(&'o str, &'o str)>,
}

/// What an acknowledgement says of one level.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// It cannot be taken.
    pub rejected: bool,
    /// Something is noted, or it is rejected.
    pub noted: bool,
    /// Codes of its level, each once, at most five.
    pub codes: Vec<&'static str>,
}

impl Tally {
    /// The code that rejects stands first: TA1 has room for one.
    pub(super) fn add(&mut self, rejects: bool, code: Option<&'static str>) {
        let decides = rejects && !self.rejected;
        self.rejected |= rejects;
        self.noted |= rejects || code.is_some();
        let Some(code) = code else {
            return;
        };
        if decides {
            self.codes.retain(|known| *known != code);
            self.codes.insert(0, code);
            self.codes.truncate(MOST_CODES);
        } else if !self.codes.contains(&code) && self.codes.len() < MOST_CODES {
            self.codes.push(code);
        }
    }
}

/// One interchange.
#[derive(Debug)]
pub struct Interchange<'a> {
    /// ISA.
    pub header: Header<'a>,
    /// First byte.
    pub offset: usize,
    /// Its groups.
    pub groups: Vec<Group<'a>>,
    /// The TA1 segments in it: answers to interchanges of ours.
    pub answers: Vec<Segment<'a>>,
    /// What a TA1 says of it.
    pub tally: Tally,
    pub(super) group_numbers: HashSet<&'a [u8]>,
}

/// One functional group.
#[derive(Debug)]
pub struct Group<'a> {
    /// GS.
    pub header: Segment<'a>,
    /// Its transaction sets.
    pub sets: Vec<Set<'a>>,
    /// GE01, where it could be read.
    pub included: Option<u32>,
    /// What AK9 says of it.
    pub tally: Tally,
    pub(super) set_numbers: HashSet<&'a [u8]>,
    pub(super) version_reported: bool,
}

/// One transaction set.
#[derive(Debug)]
pub struct Set<'a> {
    /// ST.
    pub header: Segment<'a>,
    /// The byte after its last.
    pub end: usize,
    /// Segments, ST and SE included.
    pub segments: u32,
    /// Its table, where we have one for its version.
    pub transaction: Option<&'static Transaction>,
    /// What AK5 says of it.
    pub tally: Tally,
}

impl<'a> Interchange<'a> {
    /// Whether it is marked as a test.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.header.element(15) == b"T"
    }
}

impl<'a> Group<'a> {
    /// The number of version, release and subrelease: `004010VICS` gives 4010. 0 where it cannot be read.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.header.element(8).trim_ascii().get(..6).and_then(digits).unwrap_or(0)
    }

    /// Whether it holds acknowledgements, which are never acknowledged.
    #[must_use]
    pub fn is_acknowledgement(&self) -> bool {
        self.header.element(1).trim_ascii() == b"FA"
    }
}

impl<'a> Set<'a> {
    /// First byte.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.header.offset
    }

    /// Its segments again.
    #[must_use]
    pub fn walk(&self, input: &'a [u8]) -> Segments<'a> {
        Segments::new(input, self.header.delimiters, self.header.offset, self.end)
    }
}

/// What stands in an input.
#[derive(Debug)]
pub struct Report<'a> {
    /// The input.
    pub input: &'a [u8],
    /// The standard, where it could be named.
    pub standard: Option<Standard>,
    /// The interchanges, in input order.
    pub interchanges: Vec<Interchange<'a>>,
    /// What is wrong.
    pub findings: Findings,
    /// Segments in all.
    pub segments: u64,
}
