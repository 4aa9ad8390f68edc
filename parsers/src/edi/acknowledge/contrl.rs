//! CONTRL: what an EDIFACT interchange earns, by ISO 9735-4.
//!
//! In: a report, its findings, the numbers, date and time to use. Out: interchanges to send back, one for each pair of
//! sender and recipient. The lowest level that can say a fault says it, and it is not repeated above. Never: a CONTRL
//! for a CONTRL, a code at a level whose table does not have it, a message named that was not rejected.

use std::collections::BTreeMap;

use super::{Acknowledgement, Issue, Kind};
use crate::edi::delimiters::Delimiters;
use crate::edi::edifact::{self, Service};
use crate::edi::finding::{EdiFinding, Node};
use crate::edi::report::{Group, Interchange, Report, Set, Tally};
use crate::edi::rules::Code;
use crate::edi::segment::KeptSegment;
use crate::edi::standard::Standard;
use crate::edi::text::CharacterSet;
use crate::edi::writer::EdifactWriter;

/// UCS in one UCM, UCD in one UCS: the bounds of the message.
const MOST_SEGMENTS: usize = 999;
const MOST_ELEMENTS: usize = 99;

/// Rejects a level and all below; acknowledges it and what is not named below; tells that it came.
const REJECTED: &[u8] = b"4";
const ACKNOWLEDGED: &[u8] = b"7";
const RECEIVED: &[u8] = b"8";

/// When a CONTRL is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Where something is rejected, also unless UNB 0031 asks for it.
    pub on_error: bool,
    /// Only that the interchange came (action 8), to be followed by a verdict.
    pub receipt: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self { on_error: true, receipt: false }
    }
}

type ByNode<'r> = BTreeMap<Node, Vec<&'r EdiFinding>>;

/// Composes the CONTRLs that a report earns.
#[must_use]
pub fn contrl(report: &Report<'_>, issue: &Issue, wish: Wish) -> Vec<Acknowledgement> {
    let mut findings = ByNode::new();
    for finding in report.findings.kept() {
        findings.entry(finding.node).or_default().push(finding);
    }
    let mut routes: Vec<Vec<(usize, &Interchange)>> = Vec::new();
    for (index, interchange) in report.interchanges.iter().enumerate() {
        if interchange.standard != Standard::Edifact || !is_answered(interchange, wish) {
            continue;
        }
        let same = |members: &&mut Vec<(usize, &Interchange)>| {
            members.first().is_some_and(|(_, first)| same_route(first, interchange))
        };
        match routes.iter_mut().find(same) {
            Some(members) => members.push((index, interchange)),
            None => routes.push(vec![(index, interchange)]),
        }
    }
    routes.iter().filter_map(|members| compose(members, &findings, issue, wish)).collect()
}

/// Asked for, or rejected. An interchange of CONTRLs is never answered, nor one that lacks a party:
/// UNB and UCI of the answer have both.
fn is_answered(interchange: &Interchange, wish: Wish) -> bool {
    let sets = || interchange.groups.iter().flat_map(|group| &group.sets);
    let only_answers = sets().next().is_some() && sets().all(Set::is_acknowledgement);
    let is_asked = interchange.header.element(9) == b"1";
    let is_wrong = interchange.tally.rejected
        || interchange.groups.iter().any(|group| group.tally.rejected)
        || sets().any(|set| set.tally.rejected && !set.is_acknowledgement());
    !only_answers
        && [2, 3].iter().all(|party| !interchange.header.component(*party, 1).is_empty())
        && (is_asked || wish.receipt || (wish.on_error && is_wrong))
}

/// The same parties, and the same service characters and syntax.
fn same_route(one: &Interchange, other: &Interchange) -> bool {
    let parts = |interchange: &Interchange| {
        [1, 2, 3].map(|number| interchange.header.element(number).to_vec())
    };
    one.header.delimiters() == other.header.delimiters() && parts(one) == parts(other)
}

fn compose(
    members: &[(usize, &Interchange)],
    findings: &ByNode<'_>,
    issue: &Issue,
    wish: Wish,
) -> Option<Acknowledgement> {
    let (_, first) = members.first()?;
    let version = edifact::version(&first.header.view());
    let delimiters = usable(first.header.delimiters(), version);
    let mut reply =
        Reply { writer: EdifactWriter::new(delimiters), findings, is_version_4: version >= 4 };
    let number = (issue.control_number % 1_000_000_000).to_string();
    for (position, (index, interchange)) in members.iter().enumerate() {
        reply.message(position + 1, *index, interchange, wish);
    }
    let count = members.len().to_string();
    reply.writer.segment("UNZ", &[&[count.as_bytes()], &[number.as_bytes()]]);
    let body = reply.writer.finish();
    let id = syntax_identifier(first, delimiters, version, &body);
    let mut writer = EdifactWriter::new(delimiters);
    if Service::needs_una(delimiters, version) {
        writer.service_characters();
    }
    write_header(&mut writer, first, (id, version), issue, &number);
    let content = [writer.finish(), body].concat();
    Some(Acknowledgement { kind: Kind::Contrl, content })
}

/// That of the interchange answered, unless it is none of the standard's or does not have what is copied from there:
/// UCI repeats both parties. Versions 1 and 2 know UNOA and UNOB only.
fn syntax_identifier<'r>(
    answered: &'r Interchange,
    delimiters: Delimiters,
    version: u8,
    body: &[u8],
) -> &'r [u8] {
    let id = answered.header.component(1, 1);
    let fault = |set: CharacterSet| set.fault(body, |byte| delimiters.contains(byte));
    // Bytes that are no character under UNOW are letters under UNOC. A single foreign one is forgiven.
    let is_read = |set| fault(set).is_none_or(|(_, fault)| !fault.is_serious());
    match CharacterSet::of_syntax(id) {
        Some(set) if !set.limits_ascii() && is_read(answered.header.character_set()) => id,
        Some(set) if set.limits_ascii() && fault(set).is_none() => id,
        Some(_) if fault(CharacterSet::LevelB).is_none() => b"UNOB",
        _ if version < 3 => b"UNOB",
        _ => b"UNOC",
    }
}

/// UNB with the parties the other way round.
fn write_header(
    writer: &mut EdifactWriter,
    answered: &Interchange,
    (id, version): (&[u8], u8),
    issue: &Issue,
    number: &str,
) {
    let header = &answered.header;
    let (year, month, day) = issue.date;
    let (hour, minute) = issue.time;
    let date = if version >= 4 {
        format!("{year:04}{month:02}{day:02}")
    } else {
        format!("{:02}{month:02}{day:02}", year.rem_euclid(100))
    };
    let time = format!("{hour:02}{minute:02}");
    let test: &[u8] = if answered.is_test() { b"1" } else { b"" };
    writer.begin("UNB");
    writer.element(&[id, version.to_string().as_bytes()]);
    writer.element(&parts(header, 3));
    writer.element(&parts(header, 2));
    writer.element(&[date, time]);
    writer.element(&[number]);
    for empty in [&b""[..]; 5] {
        writer.element(&[empty]);
    }
    writer.element(&[test]);
    writer.end();
}

/// One interchange that answers one or several of one sender.
struct Reply<'r> {
    writer: EdifactWriter,
    findings: &'r ByNode<'r>,
    is_version_4: bool,
}

impl<'r> Reply<'r> {
    /// One CONTRL: UNH, UCI and what lies below, UNT.
    fn message(&mut self, position: usize, index: usize, interchange: &Interchange, wish: Wish) {
        let reference = position.to_string();
        let kind: &[&[u8]] = if self.is_version_4 {
            &[b"CONTRL", b"4", b"1", b"UN"]
        } else {
            &[b"CONTRL", b"D", b"3", b"UN"]
        };
        self.writer.take_count();
        self.writer.segment("UNH", &[&[reference.as_bytes()], kind]);
        self.interchange(index, interchange, wish);
        let count = (self.writer.take_count() + 1).to_string();
        self.writer.segment("UNT", &[&[count.as_bytes()], &[reference.as_bytes()]]);
    }

    fn interchange(&mut self, index: usize, interchange: &Interchange, wish: Wish) {
        let header = &interchange.header;
        let node = (Some(index), None, None);
        self.writer.begin("UCI");
        for number in [5, 2, 3] {
            self.writer.element(&parts(header, number));
        }
        self.verdict(Level::Interchange, node, &interchange.tally, wish.receipt);
        if wish.receipt || interchange.tally.rejected {
            return;
        }
        for (number, group) in interchange.groups.iter().enumerate() {
            self.group((index, number), group);
        }
    }

    /// UCF, unless messages stand without a group; nothing of a group that is acknowledged whole.
    fn group(&mut self, (interchange, number): (usize, usize), group: &Group) {
        let rejected = |set: &&Set| set.tally.rejected && !set.is_acknowledgement();
        let header = &group.header;
        let has_header = !header.is_empty();
        if has_header && (group.tally.rejected || group.sets.iter().any(|set| rejected(&set))) {
            self.writer.begin("UCF");
            for number in [5, 2, 3] {
                self.writer.element(&parts(header, number));
            }
            let node = (Some(interchange), Some(number), None);
            self.verdict(Level::Group, node, &group.tally, false);
        }
        if group.tally.rejected && has_header {
            return;
        }
        for (position, set) in group.sets.iter().enumerate().filter(|(_, set)| rejected(set)) {
            self.set((Some(interchange), Some(number), Some(position)), set);
        }
    }

    /// UCM with UCS and UCD. S009 is copied whole; a package has 0800 and S020 in elements of their own.
    fn set(&mut self, node: Node, set: &Set) {
        let header = &set.header;
        let is_package = header.view().tag() == b"UNO";
        let empty: Vec<Vec<u8>> = Vec::new();
        self.writer.begin("UCM");
        self.writer.element(if is_package { empty.clone() } else { parts(header, 1) }.as_slice());
        self.writer.element(if is_package { empty } else { parts(header, 2) }.as_slice());
        let own = self.decisive(node, &set.tally, Level::Message);
        self.level(REJECTED, own.as_ref());
        if is_package {
            for _ in 0..own.as_ref().map_or(3, |fault| 3 - fault.width()) {
                self.writer.element(&[b""]);
            }
            self.writer.element(&parts(header, 1));
            self.writer.element(&parts(header, 2));
        }
        self.writer.end();
        self.segments(node);
    }

    /// UCS for each segment at fault, with UCD for its elements.
    fn segments(&mut self, node: Node) {
        let mut segments: BTreeMap<u32, Vec<&EdiFinding>> = BTreeMap::new();
        for finding in self.findings.get(&node).into_iter().flatten() {
            let in_segment = matches!(finding.answer, Some(Code::Segment(_) | Code::Element(_)));
            let Some(position) = finding.place.segment_position else { continue };
            if in_segment && finding.is_error() {
                // A segment that is missing is named by the last one before it.
                let is_missing = matches!(finding.answer, Some(Code::Segment("13")));
                let position = position.saturating_sub(u32::from(is_missing)).max(1);
                segments.entry(position).or_default().push(finding);
            }
        }
        for (position, faults) in segments.into_iter().take(MOST_SEGMENTS) {
            self.segment(position, &faults);
        }
    }

    fn segment(&mut self, position: u32, faults: &[&EdiFinding]) {
        let own = faults.iter().find_map(|finding| match finding.answer {
            Some(Code::Segment(code)) => Some(code),
            Some(Code::Element(code)) if !Level::Element.carries(code) => Some(code),
            _ => None,
        });
        let code = own.map(|code| if Level::Segment.carries(code) { code } else { "18" });
        let position = position.to_string();
        let code_bytes = code.unwrap_or_default().as_bytes();
        self.writer.segment("UCS", &[&[position.as_bytes()], &[code_bytes]]);
        let mut told: Vec<Fault<'_>> = Vec::new();
        for finding in faults {
            let fault = match finding.answer {
                Some(Code::Element(code)) if Level::Element.carries(code) => {
                    Fault::at(code, finding, Level::Element)
                }
                // A second fault of the segment as a whole stands at its tag.
                Some(Code::Segment(other))
                    if Some(other) != own && Level::Element.carries(other) =>
                {
                    Fault {
                        code: other,
                        tag: None,
                        element: Some(1),
                        component: None,
                        repetition: None,
                    }
                }
                _ => continue,
            };
            if !told.contains(&fault) && told.len() < MOST_ELEMENTS {
                told.push(fault);
            }
        }
        for fault in told {
            self.writer.begin("UCD");
            self.writer.element(&[fault.code]);
            self.writer.element(&fault.place());
            self.writer.end();
        }
    }

    /// Action and fault of a level, and the end of its segment.
    fn verdict(&mut self, level: Level, node: Node, tally: &Tally, receipt: bool) {
        let action = match tally.rejected {
            _ if receipt => RECEIVED,
            true => REJECTED,
            false => ACKNOWLEDGED,
        };
        let fault = self.decisive(node, tally, level).filter(|_| action == REJECTED);
        self.level(action, fault.as_ref());
        self.writer.end();
    }

    /// 0083, and where there is a fault 0085, the tag of the service segment (0013, 0135 in version 4) and S011.
    fn level(&mut self, action: &[u8], fault: Option<&Fault<'_>>) {
        self.writer.element(&[action]);
        let Some(fault) = fault else { return };
        self.writer.element(&[fault.code]);
        if let Some(tag) = fault.tag {
            self.writer.element(&[tag]);
            self.writer.element(&fault.place());
        }
    }

    /// The fault that rejects a level by a code of its own; none where what lies below says it.
    fn decisive(&self, node: Node, tally: &Tally, level: Level) -> Option<Fault<'r>> {
        if !tally.rejected {
            return None;
        }
        let findings = self.findings.get(&node).map_or(&[][..], Vec::as_slice);
        let mut errors = findings.iter().filter(|finding| finding.is_error());
        // What is wrong goes before what is right and we cannot use.
        let refusals = findings.iter().filter(|finding| finding.refuses);
        let own = errors.clone().chain(refusals).find(|finding| finding.is_envelope());
        match own.and_then(|finding| Some((finding, finding.answer?.value()))) {
            Some((finding, code)) => {
                let code = if level.carries(code) { code } else { "18" };
                Some(Fault::at(code, finding, level))
            }
            None if errors.any(|finding| !finding.is_envelope()) => None,
            // The finding was counted and not kept, or has no code.
            None => Some(Fault::of_level("18")),
        }
    }
}

/// One fault as UCI, UCF, UCM or UCD name it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault<'r> {
    code: &'static str,
    tag: Option<&'r str>,
    element: Option<u32>,
    component: Option<u32>,
    repetition: Option<u32>,
}

impl<'r> Fault<'r> {
    fn of_level(code: &'static str) -> Self {
        Self { code, tag: None, element: None, component: None, repetition: None }
    }

    /// S011 counts the tag as 1.
    fn at(code: &'static str, finding: &'r EdiFinding, level: Level) -> Self {
        let place = &finding.place;
        let is_service = |tag: &&str| tag.len() == 3 && tag.starts_with("UN");
        let tag = place.segment.as_deref().filter(is_service);
        let named = tag.is_some() || level == Level::Element;
        Self {
            code,
            tag: tag.filter(|_| level != Level::Element),
            element: place.element.filter(|_| named).map(|element| element + 1),
            component: place.component.filter(|_| named),
            repetition: place.repetition.filter(|_| named),
        }
    }

    fn place(&self) -> [String; 3] {
        let text =
            |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
        // A repetition is named only behind a component.
        let component = self.component.or_else(|| self.repetition.map(|_| 1));
        [text(self.element), text(component), text(self.repetition)]
    }

    /// Elements that [`Reply::level`] writes for it.
    fn width(&self) -> usize {
        if self.tag.is_some() { 3 } else { 1 }
    }
}

/// A level of CONTRL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Interchange,
    Group,
    Message,
    Segment,
    Element,
}

impl Level {
    /// ISO 9735-4, annex A: which level may carry which code.
    fn carries(self, code: &str) -> bool {
        use Level::{Element, Group, Interchange, Message, Segment};
        match code {
            "12" | "13" | "14" | "15" | "16" | "18" | "21" | "22" => true,
            "2" | "7" | "20" | "23" | "46" => self == Interchange,
            "17" | "25" | "45" => self != Element,
            "24" | "32" | "33" => matches!(self, Interchange | Group),
            "26" | "28" | "29" | "30" => matches!(self, Interchange | Group | Message),
            "35" => matches!(self, Message | Segment | Element),
            "19" | "38" => self == Element,
            "31" => self == Group,
            "36" => self == Segment,
            "37" | "39" | "40" => self != Segment,
            "47" => matches!(self, Group | Message),
            _ => false,
        }
    }
}

/// The components of an element, without release characters.
fn parts(segment: &KeptSegment, number: usize) -> Vec<Vec<u8>> {
    let view = segment.view();
    let delimiters = view.delimiters;
    delimiters
        .split(view.element(number).trim_ascii(), delimiters.component)
        .map(|part| delimiters.unreleased(part).into_owned())
        .collect()
}

/// The service characters of the input, unless they are what is wrong with it: then the standard's.
fn usable(delimiters: Delimiters, version: u8) -> Delimiters {
    let repetition = delimiters.repetition.or(if version >= 4 { Some(b'*') } else { None });
    let delimiters = Delimiters { repetition, ..delimiters };
    let Delimiters { element, component, segment, release, .. } = delimiters;
    let all = [Some(element), Some(component), Some(segment), repetition, release];
    let is_distinct =
        |index: usize, byte: u8| !all.iter().skip(index + 1).any(|other| *other == Some(byte));
    let right = all.iter().enumerate().all(|(index, byte)| {
        byte.is_none_or(|byte| {
            is_distinct(index, byte)
                && byte.is_ascii()
                && !byte.is_ascii_alphanumeric()
                && !byte.is_ascii_whitespace()
        })
    });
    if right { delimiters } else { edifact::defaults(version) }
}
