//! The acknowledgements that an input earns: TA1 for interchanges, 997 or 999 for functional groups.
//!
//! In: a [`Report`], and which kind, numbers, date and time to use. Out: interchanges to send back. A view of the
//! findings, so it cannot disagree with them. Never: an acknowledgement of an acknowledgement, a code that the
//! version's table does not have, a card number in a copy of a value.
//!
//! `ta1` answers interchanges, `group` functional groups and their sets, `note` what is wrong in a segment.

mod contrl;
mod group;
mod note;
mod ta1;

use std::collections::BTreeMap;

pub use self::contrl::{Wish, contrl};
use super::delimiters::{Delimiters, digits};
use super::finding::{EdiFinding, Node};
use super::report::{Group, Interchange, Report, Tally};
use super::rules::{Code, Functional, Tables};
use super::segment::KeptSegment;
use super::standard::Standard;
use super::writer::Writer;

/// Kind, numbers and time of an acknowledgement.
#[derive(Debug, Clone, Copy)]
pub struct Issue {
    /// What answers functional groups of X12.
    pub functional: Functional,
    /// ISA13, and the first GS06.
    pub control_number: u32,
    /// Year, month, day.
    pub date: (i16, i8, i8),
    /// Hour, minute.
    pub time: (i8, i8),
}

/// One interchange to send back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// What it holds.
    pub kind: Kind,
    /// The bytes.
    pub content: Vec<u8>,
}

/// What an acknowledgement holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// TA1 alone.
    Ta1,
    /// 997 or 999, and TA1 where it was asked for.
    Functional(Functional),
    /// CONTRL.
    Contrl,
}

impl Kind {
    /// `ta1`, `997`, `999`: for names of files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ta1 => "ta1",
            Self::Functional(Functional::F997) => "997",
            Self::Functional(Functional::F999) => "999",
            Self::Contrl => "contrl",
        }
    }
}

/// Codes that TA1, AK5, AK9 and AK3 have room for.
const MOST_CODES: usize = 5;

/// ISA12 that a reply repeats; anything else becomes 00401.
const VERSIONS: std::ops::RangeInclusive<u32> = 200..=805;

/// Groups of one application to another.
type SameParties<'g> = Vec<(Node, &'g Group)>;

type ByNode<'r> = BTreeMap<Node, Vec<&'r EdiFinding>>;

/// Composes the acknowledgements: one interchange for each pair of sender and receiver in the input. EDIFACT gets its
/// CONTRL where it asks for one or something is rejected; [`contrl`] has the choice.
#[must_use]
pub fn acknowledge(report: &Report<'_>, issue: &Issue) -> Vec<Acknowledgement> {
    let mut findings = ByNode::new();
    for finding in report.findings.kept() {
        findings.entry(finding.node).or_default().push(finding);
    }
    let mut routes: Vec<(&KeptSegment, Vec<usize>)> = Vec::new();
    for (index, interchange) in report.interchanges.iter().enumerate() {
        if interchange.standard != Standard::X12 {
            continue;
        }
        let header = &interchange.header;
        match routes.iter_mut().find(|(first, _)| same_route(first, header)) {
            Some((_, members)) => members.push(index),
            None => routes.push((header, vec![index])),
        }
    }
    routes
        .into_iter()
        .filter_map(|(header, members)| {
            Reply { report, findings: &findings, issue, header }.compose(&members)
        })
        .chain(contrl(report, issue, Wish::default()))
        .collect()
}

fn same_route(one: &KeptSegment, other: &KeptSegment) -> bool {
    [5, 6, 7, 8].iter().all(|number| one.element(*number) == other.element(*number))
}

/// One interchange that answers one or several of one sender.
struct Reply<'r> {
    report: &'r Report<'r>,
    findings: &'r ByNode<'r>,
    issue: &'r Issue,
    /// ISA of the first interchange answered.
    header: &'r KeptSegment,
}

impl Reply<'_> {
    fn compose(&self, members: &[usize]) -> Option<Acknowledgement> {
        let interchanges: Vec<(usize, &Interchange)> = members
            .iter()
            .filter_map(|index| Some((*index, self.report.interchanges.get(*index)?)))
            .collect();
        let notes: Vec<_> =
            interchanges.iter().filter(|(_, interchange)| ta1::is_asked_for(interchange)).collect();
        let groups = self.groups(&interchanges);
        if notes.is_empty() && groups.is_empty() {
            return None;
        }
        let mut writer = Writer::new(usable(self.header.delimiters()));
        self.write_header(&mut writer);
        for (_, interchange) in notes {
            let how = (self.interchange_version(), self.has_unnamed_fault(interchange));
            ta1::write(&mut writer, interchange, how);
        }
        for (index, same_parties) in groups.iter().enumerate() {
            self.write_group(&mut writer, index, same_parties);
        }
        let count = groups.len().to_string();
        writer.segment("IEA", &[count.as_bytes(), self.control_number().as_bytes()]);
        let functional = Kind::Functional(self.issue.functional);
        let kind = if groups.is_empty() { Kind::Ta1 } else { functional };
        Some(Acknowledgement { kind, content: writer.finish() })
    }

    /// Whether a fault of a group has no code in the table that its AK9 takes codes from.
    fn has_unnamed_fault(&self, interchange: &Interchange) -> bool {
        interchange.groups.iter().any(|group| {
            let tables = self.tables(group);
            group.tally.codes().iter().any(|code| Code::Group(code).in_version(&tables).is_none())
        })
    }

    /// Groups to acknowledge, by who sent them to whom in which version: one FA group answers one application.
    /// A rejected interchange is answered by its TA1 alone; acknowledgements are not answered.
    fn groups<'g>(&self, interchanges: &[(usize, &'g Interchange)]) -> Vec<SameParties<'g>> {
        let mut keyed: Vec<([&[u8]; 3], SameParties<'g>)> = Vec::new();
        for (index, interchange) in interchanges {
            if interchange.tally.rejected {
                continue;
            }
            for (number, group) in interchange.groups.iter().enumerate() {
                if group.is_acknowledgement() {
                    continue;
                }
                let key = [2, 3, 8].map(|number| group.header.element(number));
                let entry = ((Some(*index), Some(number), None), group);
                match keyed.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, members)) => members.push(entry),
                    None => keyed.push((key, vec![entry])),
                }
            }
        }
        keyed.into_iter().map(|(_, members)| members).collect()
    }

    fn control_number(&self) -> String {
        format!("{:09}", self.issue.control_number % 1_000_000_000)
    }

    /// ISA12 of the reply: the one that the sender uses, where there is such a version.
    fn interchange_version(&self) -> u32 {
        let version = self.header.element(12);
        let number =
            digits(version).filter(|number| version.len() == 5 && VERSIONS.contains(number));
        number.unwrap_or(401)
    }

    fn write_header(&self, writer: &mut Writer) {
        let header = self.header;
        let (year, month, day) = self.issue.date;
        let (hour, minute) = self.issue.time;
        let date = format!("{:02}{month:02}{day:02}", year.rem_euclid(100));
        let time = format!("{hour:02}{minute:02}");
        let control_number = self.control_number();
        let version = self.interchange_version();
        let standards_id = match header.delimiters().repetition {
            Some(byte) if version >= 402 && usable(header.delimiters()).repetition.is_some() => {
                [byte]
            }
            _ => [b'U'],
        };
        let version = format!("{version:05}");
        let usage = match header.element(15) {
            b"T" => &b"T"[..],
            _ => b"P",
        };
        writer.header(&[
            b"00",
            b"",
            b"00",
            b"",
            header.element(7),
            header.element(8),
            header.element(5),
            header.element(6),
            date.as_bytes(),
            time.as_bytes(),
            &standards_id,
            version.as_bytes(),
            control_number.as_bytes(),
            b"0",
            usage,
        ]);
    }
}

/// The codes of a level as a table has them, each once.
fn codes_in(
    tally: &Tally,
    carrier: fn(&'static str) -> Code,
    tables: &Tables,
) -> Vec<&'static str> {
    let mut codes = Vec::with_capacity(MOST_CODES);
    let translated = tally.codes().iter().filter_map(|code| carrier(code).in_version(tables));
    for code in translated.map(Code::value) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes
}

/// A, E or R. What a table has no code for is not noted either.
fn letter(tally: &Tally, codes: &[&str]) -> &'static [u8] {
    match (tally.rejected, codes.is_empty()) {
        (true, _) => b"R",
        (false, false) => b"E",
        (false, true) => b"A",
    }
}

/// The delimiters of the input, unless they are what is wrong with it.
fn usable(delimiters: Delimiters) -> Delimiters {
    let Delimiters { element, component, segment, repetition, .. } = delimiters;
    let all = [Some(element), Some(component), Some(segment), repetition];
    let distinct = all
        .iter()
        .enumerate()
        .all(|(index, one)| one.is_none() || !all.iter().skip(index + 1).any(|other| other == one));
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b' ' || !byte.is_ascii();
    if distinct && !all.iter().flatten().any(plain) {
        delimiters
    } else {
        Delimiters { element: b'*', component: b'>', segment: b'~', ..Delimiters::default() }
    }
}
