//! The acknowledgements that an input earns: TA1 for interchanges, 997 for functional groups.
//!
//! In: a [`Report`], and the numbers, date and time to use. Out: interchanges to send back. A view of the findings, so
//! it cannot disagree with them. Never: a 997 for a 997, a code that the version's table does not have, a card
//! number in AK404.

mod contrl;

use std::collections::BTreeMap;

pub use self::contrl::{Wish, contrl};
use super::delimiters::{Delimiters, digits};
use super::finding::{EdiFinding, Node};
use super::report::{Group, Interchange, Report, Set, Tally};
use super::rules::Code;
use super::segment::KeptSegment;
use super::standard::Standard;
use super::writer::Writer;
use crate::redact;

/// Numbers and time of an acknowledgement.
#[derive(Debug, Clone, Copy)]
pub struct Issue {
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
    /// Its standard.
    pub standard: Standard,
    /// Whether it holds a 997 or CONTRL rather than TA1 alone.
    pub functional: bool,
    /// The bytes.
    pub content: Vec<u8>,
}

/// Segments that one 997 reports at most of a kind: the standard's bound for AK4 in AK3.
const MOST_ELEMENT_NOTES: usize = 99;

/// Codes that AK3, AK5 and AK9 have room for.
const MOST_CODES: usize = 5;

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
    let interchanges = report.interchanges.iter().enumerate();
    for (index, interchange) in interchanges.filter(|(_, one)| one.standard == Standard::X12) {
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
            interchanges.iter().filter(|(_, interchange)| asks_for_ta1(interchange)).collect();
        let groups = self.groups(&interchanges);
        if notes.is_empty() && groups.is_empty() {
            return None;
        }
        let mut writer = Writer::new(usable(self.header.delimiters()));
        self.write_header(&mut writer);
        for (_, interchange) in notes {
            write_ta1(&mut writer, interchange);
        }
        for (index, same_parties) in groups.iter().enumerate() {
            self.write_group(&mut writer, index, same_parties);
        }
        let count = groups.len().to_string();
        writer.segment("IEA", &[count.as_bytes(), self.control_number().as_bytes()]);
        Some(Acknowledgement {
            standard: Standard::X12,
            functional: !groups.is_empty(),
            content: writer.finish(),
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

    fn write_header(&self, writer: &mut Writer) {
        let header = self.header;
        let (year, month, day) = self.issue.date;
        let (hour, minute) = self.issue.time;
        let date = format!("{:02}{month:02}{day:02}", year.rem_euclid(100));
        let time = format!("{hour:02}{minute:02}");
        let control_number = self.control_number();
        let standards_id = match header.delimiters().repetition {
            Some(byte) if usable(header.delimiters()).repetition.is_some() => [byte],
            _ => [b'U'],
        };
        let version = match header.element(12) {
            version
                if version.len() == 5 && digits(version).is_some_and(|number| number >= 200) =>
            {
                version
            }
            _ => b"00401",
        };
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
            version,
            control_number.as_bytes(),
            b"0",
            usage,
        ]);
    }

    fn write_group(&self, writer: &mut Writer, index: usize, members: &[(Node, &Group)]) {
        let Some((_, first)) = members.first() else {
            return;
        };
        let (year, month, day) = self.issue.date;
        let (hour, minute) = self.issue.time;
        let date = format!("{year:04}{month:02}{day:02}");
        let time = format!("{hour:02}{minute:02}");
        let offset = u32::try_from(index).unwrap_or(0);
        let number = self.issue.control_number.wrapping_add(offset) % 1_000_000_000;
        let number = number.to_string();
        let version = format!("{:06}", first.version().max(4010));
        writer.segment(
            "GS",
            &[
                b"FA",
                first.header.element(3),
                first.header.element(2),
                date.as_bytes(),
                time.as_bytes(),
                number.as_bytes(),
                b"X",
                version.as_bytes(),
            ],
        );
        for (set, (node, group)) in members.iter().enumerate() {
            let set_number = format!("{:04}", set + 1);
            writer.take_count();
            writer.segment("ST", &[b"997", set_number.as_bytes()]);
            self.write_997(writer, *node, group);
            let segments = (writer.take_count() + 1).to_string();
            writer.segment("SE", &[segments.as_bytes(), set_number.as_bytes()]);
        }
        let count = members.len().to_string();
        writer.segment("GE", &[count.as_bytes(), number.as_bytes()]);
    }

    fn write_997(&self, writer: &mut Writer, node: Node, group: &Group) {
        let later = group.version() >= 5010;
        let gs = &group.header;
        let version = if later { gs.element(8).trim_ascii() } else { b"" };
        writer.segment("AK1", &[gs.element(1).trim_ascii(), gs.element(6).trim_ascii(), version]);
        for (index, set) in group.sets.iter().enumerate() {
            // AK5 A within a rejected group would contradict AK9.
            if group.tally.rejected && !set.tally.noted {
                continue;
            }
            let st = &set.header;
            let guide = if later { st.element(3) } else { b"" };
            writer.segment("AK2", &[st.element(1).trim_ascii(), st.element(2).trim_ascii(), guide]);
            let findings = self.findings.get(&(node.0, node.1, Some(index)));
            write_notes(writer, findings.map_or(&[][..], Vec::as_slice), later);
            write_verdict(writer, set);
        }
        write_group_verdict(writer, group);
    }
}

fn asks_for_ta1(interchange: &Interchange) -> bool {
    interchange.header.element(14) == b"1" || interchange.tally.rejected
}

/// The delimiters of the input, unless they are what is wrong with it.
fn usable(delimiters: Delimiters) -> Delimiters {
    let Delimiters { element, component, segment, repetition, .. } = delimiters;
    let all = [Some(element), Some(component), Some(segment), repetition];
    let distinct = all
        .iter()
        .enumerate()
        .all(|(index, one)| one.is_none() || !all.iter().skip(index + 1).any(|other| other == one));
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b' ';
    if distinct && !all.iter().flatten().any(plain) {
        delimiters
    } else {
        Delimiters { element: b'*', component: b'>', segment: b'~', ..Delimiters::default() }
    }
}

fn write_ta1(writer: &mut Writer, interchange: &Interchange) {
    let header = &interchange.header;
    let tally = &interchange.tally;
    let verdict = letter(tally);
    let unnamed = if tally.rejected { "022" } else { "000" };
    let note = tally.codes().first().copied().unwrap_or(unnamed);
    writer.segment(
        "TA1",
        &[header.element(13), header.element(9), header.element(10), verdict, note.as_bytes()],
    );
}

fn letter(tally: &Tally) -> &'static [u8] {
    match (tally.rejected, tally.noted) {
        (true, _) => b"R",
        (false, true) => b"E",
        (false, false) => b"A",
    }
}

/// AK3 for each segment at fault, with AK4 for its elements.
fn write_notes(writer: &mut Writer, findings: &[&EdiFinding], later: bool) {
    let mut segments: Vec<((u32, &str), Vec<&EdiFinding>)> = Vec::new();
    for finding in findings {
        let place = &finding.place;
        let (Some(position), Some(tag)) = (place.segment_position, place.segment.as_deref()) else {
            continue;
        };
        let in_segment = matches!(finding.answer, Some(Code::Segment(_) | Code::Element(_)));
        if !in_segment || !(2..=3).contains(&tag.len()) {
            continue;
        }
        match segments.last_mut() {
            Some((key, members)) if *key == (position, tag) => members.push(finding),
            _ => segments.push(((position, tag), vec![finding])),
        }
    }
    for ((position, tag), members) in segments {
        write_segment_note(writer, (position, tag), &members);
        for finding in members
            .iter()
            .filter(|finding| matches!(finding.answer, Some(Code::Element(_))))
            .take(MOST_ELEMENT_NOTES)
        {
            write_element_note(writer, finding, later);
        }
    }
}

fn write_segment_note(writer: &mut Writer, place: (u32, &str), members: &[&EdiFinding]) {
    let (position, tag) = place;
    let mut codes: Vec<&str> = Vec::new();
    for finding in members {
        let code = match finding.answer {
            Some(Code::Segment(code)) => code,
            _ => "8",
        };
        if !codes.contains(&code) && codes.len() < MOST_CODES {
            codes.push(code);
        }
    }
    let loop_id = members.iter().find_map(|finding| finding.place.loop_id).unwrap_or_default();
    let position = position.to_string();
    let mut elements = vec![tag.as_bytes(), position.as_bytes(), loop_id.as_bytes()];
    elements.extend(codes.iter().map(|code| code.as_bytes()));
    writer.segment("AK3", &elements);
}

fn write_element_note(writer: &mut Writer, finding: &EdiFinding, later: bool) {
    let place = &finding.place;
    let Some(Code::Element(code)) = finding.answer else {
        return;
    };
    let text = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let position = text(place.element.or(Some(1)));
    let component = text(place.component);
    let repetition = if later { text(place.repetition) } else { String::new() };
    let mut whole = vec![position.as_bytes()];
    if place.component.is_some() || !repetition.is_empty() {
        whole.push(component.as_bytes());
    }
    if !repetition.is_empty() {
        whole.push(repetition.as_bytes());
    }
    let number = place.element_number.map(|number| number.to_string()).unwrap_or_default();
    let copy = finding.copy.as_deref().filter(|copy| may_be_copied(copy)).unwrap_or_default();
    writer.segment_with_composite("AK4", &whole, &[number.as_bytes(), code.as_bytes(), copy]);
}

/// AK404 is left out where the value cannot stand in it: too long, not printable, or a card number. What holds a
/// delimiter cannot be copied either; printable punctuation other than these few is never one in practice, so all of
/// it is left out.
fn may_be_copied(copy: &[u8]) -> bool {
    copy.len() <= 99
        && copy.iter().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'.' | b',' | b'/' | b'+')
        })
        && redact::text(copy).found.is_empty()
}

fn write_verdict(writer: &mut Writer, set: &Set) {
    let mut elements = vec![letter(&set.tally)];
    elements.extend(set.tally.codes().iter().map(|code| code.as_bytes()));
    writer.segment("AK5", &elements);
}

fn write_group_verdict(writer: &mut Writer, group: &Group) {
    let received = group.sets.len();
    let rejected = group.sets.iter().filter(|set| set.tally.rejected).count();
    let noted = group.tally.noted || group.sets.iter().any(|set| set.tally.noted);
    let verdict: &[u8] = match rejected {
        _ if group.tally.rejected => b"R",
        0 if noted => b"E",
        0 => b"A",
        all if all == received => b"R",
        _ => b"P",
    };
    let accepted = if group.tally.rejected { 0 } else { received - rejected };
    let included = group.included.map_or(received, |included| included as usize);
    let numbers = [included, received, accepted].map(|number| number.to_string());
    let mut elements = vec![verdict];
    elements.extend(numbers.iter().map(|number| number.as_bytes()));
    elements.extend(group.tally.codes().iter().map(|code| code.as_bytes()));
    writer.segment("AK9", &elements);
}
