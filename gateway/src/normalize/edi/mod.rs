//! EDI: X12 850 and 810 to orders and invoices, and the acknowledgements that the sender gets. EDIFACT is checked and
//! answered, and makes no records yet.
//!
//! In: an input, the partner it came from, the time. Out: an item for every transaction set and TA1, in input
//! order, and the replies. Never: a record of a set that its acknowledgement rejects, or an acceptance of one that
//! was not read.

mod document;
mod places;

use jiff::tz::TimeZone;
use tillgate_parsers::edi::standard::{Recognised, recognise};
use tillgate_parsers::edi::{
    self, EdiFinding, Expectations, Functional, Group, Guide, Interchange, Issue, KeptSegment,
    Kind, Options, Policy, Report, Set, Standard,
};
use tillgate_parsers::finding;
use tillgate_record::{Quality, Severity};

use super::{Context, Interpretation, Item, Reply};
use crate::config::{Acknowledge, TradingIdentity};

/// Parser and version, as provenance names it.
const PARSER: &str = "x12/1";

/// The media types of RFC 1767.
const X12_CONTENT: &str = "application/EDI-X12";
const EDIFACT_CONTENT: &str = "application/EDIFACT";

/// What an EDI input of a partner means.
#[must_use]
pub fn interpret(raw: &[u8], context: &Context<'_>) -> Interpretation {
    let partner = context.config.partners.iter().find(|partner| partner.id == context.source);
    let is_edifact = matches!(recognise(raw), Recognised::Interchange(Standard::Edifact, _));
    let sender =
        partner.and_then(
            |partner| {
                if is_edifact { partner.edifact.as_ref() } else { partner.x12.as_ref() }
            },
        );
    let ours = &context.config.edi;
    let receiver = if is_edifact { ours.edifact.as_ref() } else { ours.x12.as_ref() };
    let guides: Vec<&Guide> = partner.iter().flat_map(|partner| &partner.loaded_guides).collect();
    let options = Options {
        policy: Policy::Lenient,
        guides: &guides,
        expectations: Expectations {
            sender: sender.map(identity),
            receiver: receiver.map(identity),
        },
        ..Options::default()
    };
    let report = edi::read(raw, &options);
    let is_unchecked = match partner {
        Some(_) => sender.is_none(),
        // Without any partner, a file is only looked at.
        None => !context.config.partners.is_empty(),
    };
    let reader =
        Reader { report: &report, is_unchecked, store_currency: &context.config.gateway.currency };
    let functional = match partner.map(|partner| partner.acknowledge) {
        Some(Acknowledge::Implementation) => Functional::F999,
        Some(Acknowledge::Functional) | None => Functional::F997,
    };
    let replies = replies(&report, functional, context);
    Interpretation { parser: PARSER, items: reader.items(), replies }
}

fn identity(identity: &TradingIdentity) -> (&str, &str) {
    (&identity.qualifier, &identity.id)
}

/// Reads the items out of a report.
struct Reader<'r> {
    report: &'r Report<'r>,
    /// Anyone may be the sender.
    is_unchecked: bool,
    store_currency: &'r str,
}

impl Reader<'_> {
    fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        let mut explained = vec![false; self.report.interchanges.len()];
        for (index, interchange) in self.report.interchanges.iter().enumerate() {
            let before = items.len();
            self.interchange(index, interchange, &mut items);
            if let Some(explained) = explained.get_mut(index) {
                *explained = items.len() > before;
            }
        }
        let unexplained = self.findings(|finding| {
            let known = finding.node.0.and_then(|index| explained.get(index)).copied();
            finding.is_error() && !known.unwrap_or(false)
        });
        if !unexplained.is_empty() {
            items.push(Item::Rejected(unexplained));
        }
        if items.is_empty() {
            items.push(Item::Noted(self.findings(|_| true)));
        }
        items
    }

    fn interchange(&self, index: usize, interchange: &Interchange, items: &mut Vec<Item>) {
        for answer in &interchange.answers {
            items.push(if interchange.tally.rejected {
                Item::Rejected(self.reasons((index, None, None)))
            } else {
                Item::Noted(self.answer(answer))
            });
        }
        for (number, group) in interchange.groups.iter().enumerate() {
            for (position, set) in group.sets.iter().enumerate() {
                let node = (index, Some(number), Some(position));
                items.push(self.set(node, (interchange, group, set)));
            }
        }
    }

    fn set(&self, node: Position, levels: (&Interchange, &Group, &Set)) -> Item {
        let (interchange, group, set) = levels;
        let rejected = interchange.tally.rejected || group.tally.rejected || set.tally.rejected;
        if rejected {
            return Item::Rejected(self.reasons(node));
        }
        if set.header.component(2, 1) == b"CONTRL" && interchange.standard == Standard::Edifact {
            return Item::Noted(self.syntax_report(set));
        }
        if interchange.standard != Standard::X12 {
            let mut reasons = self.findings(|finding| belongs(finding, node));
            reasons.push(no_records_yet(set));
            return Item::Rejected(reasons);
        }
        if group.is_acknowledgement() || set.header.element(1) == b"997" {
            return Item::Noted(self.functional_acknowledgement(set));
        }
        let mut quality =
            self.findings(|finding| belongs(finding, node) && finding.node.2.is_some());
        quality.extend(self.warnings_of_interchange(interchange));
        match document::read(self.report, levels, self.store_currency) {
            Ok(mut candidate) => {
                quality.append(&mut candidate.quality);
                candidate.quality = quality;
                Item::Candidate(Box::new(candidate))
            }
            Err(reason) => {
                quality.push(*reason);
                Item::Rejected(quality)
            }
        }
    }

    fn warnings_of_interchange(&self, interchange: &Interchange) -> Vec<Quality> {
        let mut warnings = Vec::new();
        if interchange.is_test() {
            warnings.push(warning(
                "test-interchange",
                "ISA/ISA15",
                "the sender marked the interchange as a test: the document never counts",
            ));
        }
        if self.is_unchecked {
            warnings.push(warning(
                "sender-unchecked",
                "ISA/ISA06",
                "the partner has no x12 in the configuration, so anyone may be its sender: add x12 to [[partner]]",
            ));
        }
        warnings
    }

    /// Everything that speaks against a set, or an interchange without one. At least one error.
    fn reasons(&self, node: Position) -> Vec<Quality> {
        let mut reasons = self.findings(|finding| belongs(finding, node));
        if !reasons.iter().any(|reason| reason.severity == Severity::Error) {
            // Either the rule refuses what is only a warning to others, or the finding was counted and not kept.
            match reasons.first_mut() {
                Some(first) => first.severity = Severity::Error,
                None => reasons.push(Quality {
                    severity: Severity::Error,
                    ..warning(
                        "too-many-findings",
                        "",
                        "the input has more findings than are kept: run `tillgate edi check` on the parts",
                    )
                }),
            }
        }
        reasons
    }

    fn findings(&self, wanted: impl Fn(&EdiFinding) -> bool) -> Vec<Quality> {
        let wanted: Vec<&EdiFinding> =
            self.report.findings.kept().iter().filter(|finding| wanted(finding)).collect();
        let paths = places::paths(self.report, &wanted);
        wanted.iter().zip(paths).map(|(finding, path)| quality(finding, path)).collect()
    }

    /// TA1: what became of an interchange of ours.
    fn answer(&self, answer: &KeptSegment) -> Vec<Quality> {
        let verdict = answer.text(4).unwrap_or_default();
        if verdict == "A" {
            return Vec::new();
        }
        let number = answer.text(1).unwrap_or_default();
        let note = answer.text(5).unwrap_or_default();
        vec![warning(
            "partner-refused-interchange",
            &format!("TA1 (byte {})", answer.offset),
            &format!("the partner answered our interchange {number} with {verdict}, note {note}"),
        )]
    }

    /// CONTRL: what became of interchanges, groups and messages of ours.
    fn syntax_report(&self, set: &Set) -> Vec<Quality> {
        let mut notes = Vec::new();
        let mut walk = set.walk(self.report.input);
        while let Some(segment) = walk.next_segment() {
            // Where 0083 stands, and what is refused.
            let (action, rule, what) = match segment.tag() {
                b"UCI" => (4, "partner-refused-interchange", "interchange"),
                b"UCF" => (4, "partner-refused-group", "group"),
                b"UCM" => (3, "partner-refused-message", "message"),
                _ => continue,
            };
            if segment.element(action) == b"4" {
                let number = segment.text(1).unwrap_or_default();
                let code = segment.text(action + 1).unwrap_or_else(|| "none".to_owned());
                notes.push(warning(
                    rule,
                    &format!("{} (byte {})", segment.tag_text(), segment.offset),
                    &format!("the partner rejected our {what} {number}, syntax error {code}"),
                ));
            }
        }
        notes
    }

    /// 997: what became of documents of ours.
    fn functional_acknowledgement(&self, set: &Set) -> Vec<Quality> {
        let mut group = String::new();
        let mut notes = Vec::new();
        let mut walk = set.walk(self.report.input);
        while let Some(segment) = walk.next_segment() {
            let verdict = segment.text(1).unwrap_or_default();
            match segment.tag() {
                b"AK1" => group = format!("{verdict} {}", segment.text(2).unwrap_or_default()),
                b"AK9" if verdict != "A" => notes.push(warning(
                    "partner-refused-group",
                    &format!("AK9 (byte {})", segment.offset),
                    &format!("the partner answered our group {group} with {verdict}"),
                )),
                _ => {}
            }
        }
        notes
    }
}

/// What is right, and still becomes no record.
fn no_records_yet(set: &Set) -> Quality {
    let kind = set.header.component_text(2, 1).unwrap_or_default();
    Quality {
        severity: Severity::Error,
        ..warning(
            "document-unsupported",
            &format!("UNH (byte {})", set.offset()),
            &format!(
                "tillgate checks and acknowledges {kind} messages of EDIFACT and makes no records of them yet; the bytes are kept"
            ),
        )
    }
}

/// Interchange, group and set.
type Position = (usize, Option<usize>, Option<usize>);

/// Whether a finding is about a set or one of the envelopes around it.
fn belongs(finding: &EdiFinding, position: Position) -> bool {
    let (interchange, group, set) = finding.node;
    interchange == Some(position.0)
        && (group.is_none() || group == position.1)
        && (set.is_none() || set == position.2)
        && (set.is_some() || finding.answer.is_some())
}

fn quality(finding: &EdiFinding, path: String) -> Quality {
    let content = &finding.finding;
    Quality {
        rule: content.code.to_owned(),
        severity: match content.severity {
            finding::Severity::Warning => Severity::Warning,
            finding::Severity::Error => Severity::Error,
        },
        path,
        message: format!("{}; {}", content.message, finding.help),
        expected: content.expected.clone(),
        found: content.found.clone(),
    }
}

fn warning(rule: &str, path: &str, message: &str) -> Quality {
    Quality {
        rule: rule.to_owned(),
        severity: Severity::Warning,
        path: path.to_owned(),
        message: message.to_owned(),
        expected: None,
        found: None,
    }
}

fn replies(report: &Report<'_>, functional: Functional, context: &Context<'_>) -> Vec<Reply> {
    let Some(control_number) = context.control_number else {
        return Vec::new();
    };
    // UTC, so that a replay anywhere gives the same bytes.
    let now = TimeZone::UTC.to_datetime(context.received_at);
    let issue = Issue {
        functional,
        control_number,
        date: (now.year(), now.month(), now.day()),
        time: (now.hour(), now.minute()),
    };
    let answers = edi::acknowledge(report, &issue);
    answers
        .into_iter()
        .enumerate()
        .map(|(index, answer)| {
            let kind = answer.kind.name();
            let content_type =
                if answer.kind == Kind::Contrl { EDIFACT_CONTENT } else { X12_CONTENT };
            let more = if index == 0 { String::new() } else { format!("-{}", index + 1) };
            Reply {
                content_type,
                file_name: format!("{kind}-{control_number:09}{more}.edi"),
                content: answer.content,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
