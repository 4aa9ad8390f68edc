//! What is wrong with an EDI input, where, and which acknowledgement code it earns.
//!
//! [`Findings`] keeps the first of them and counts the rest, so that no input makes it grow without bound.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::rules::{Code, Rule};
use super::shown::shown;
use super::standard::Standard;
use crate::finding::{Fault, Finding, Severity};

/// Where in the report a finding belongs: indices of interchange, group and set.
pub type Node = (Option<usize>, Option<usize>, Option<usize>);

/// Where in the input a finding is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Place {
    /// The byte, from 0.
    pub offset: usize,
    /// The line, from 1, as an editor counts.
    pub line: usize,
    /// The segment within its transaction set; ST is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment_position: Option<u32>,
    /// The segment's tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// The element, from 1 after the tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub element: Option<u32>,
    /// The component of a composite element, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<u32>,
    /// The repetition of a repeated element, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition: Option<u32>,
    /// ISA13, UNB 0020.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interchange: Option<String>,
    /// GS06, UNG 0048.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// ST02, UNH 0062.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// The loop that the segment stands in.
    #[serde(skip)]
    pub loop_id: Option<&'static str>,
    /// The number of the data element in the standard's directory.
    #[serde(skip)]
    pub element_number: Option<u16>,
}

/// One finding with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EdiFinding {
    /// What is wrong.
    #[serde(flatten)]
    pub finding: Finding,
    /// What to do.
    pub help: &'static str,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// The acknowledgement code, by the element that carries it: `{"AK304":"3"}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub acknowledgement: BTreeMap<&'static str, &'static str>,
    /// The same for composing acknowledgements, before [`Code::in_version`].
    #[serde(skip)]
    pub answer: Option<Code>,
    /// The bad value as sent, for AK404. Only where it may be shown.
    #[serde(skip)]
    pub copy: Option<Vec<u8>>,
    /// What made the rule apply, where it holds under a condition: CTX of a 999.
    #[serde(skip)]
    pub trigger: Option<Trigger>,
    /// The segment around it, for people.
    #[serde(skip)]
    pub excerpt: Option<Excerpt>,
    /// Where in the report it belongs.
    #[serde(skip)]
    pub node: Node,
    /// The acknowledgement refuses, also where the finding is only a warning: see [`Rule::refuses`].
    #[serde(skip)]
    pub refuses: bool,
}

/// What made a rule apply that holds under a condition: of the standard, or of an implementation guide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// The tag of its segment.
    pub segment: String,
    /// The segment within its set; ST is 1.
    pub position: u32,
    /// The loop that the segment stands in.
    pub loop_id: Option<&'static str>,
    /// The element, from 1; none where the segment itself is what matters.
    pub element: Option<u32>,
}

/// A segment on one line: control bytes escaped, card numbers masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The segment, or what of it stands around the place.
    pub text: String,
    /// The column of the place in the text, in characters from 0.
    pub column: usize,
}

impl EdiFinding {
    /// Whether it is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.finding.severity == Severity::Error
    }

    /// Whether it is about an envelope rather than the content of a set.
    #[must_use]
    pub fn is_envelope(&self) -> bool {
        !matches!(self.answer, Some(Code::Segment(_) | Code::Element(_)))
    }
}

/// Bytes of what was found that are kept: an element may be as long as a segment, and there may be many findings.
/// More than an acknowledgement may copy (99 characters) and than people are shown.
const MOST_FOUND: usize = 256;

/// What a rule says about one place, before it becomes a finding.
#[derive(Debug, Clone, Default)]
pub struct Remark {
    /// What is wrong, less expected and found.
    pub message: Cow<'static, str>,
    /// What was expected.
    pub expected: Option<String>,
    /// What was found, as sent.
    pub found: Option<Vec<u8>>,
    /// What made the rule apply.
    pub trigger: Option<Trigger>,
}

impl Remark {
    /// A remark.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// With what was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// With what was found.
    #[must_use]
    pub fn found(mut self, found: &[u8]) -> Self {
        self.found = Some(found.get(..MOST_FOUND).unwrap_or(found).to_vec());
        self
    }
}

/// The findings of one input.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    kept: Vec<EdiFinding>,
    errors: u64,
    warnings: u64,
}

impl Findings {
    /// Those that were kept, in the order in which they were found.
    #[must_use]
    pub fn kept(&self) -> &[EdiFinding] {
        &self.kept
    }

    /// Errors, those included that were not kept.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// Warnings, those included that were not kept.
    #[must_use]
    pub fn warnings(&self) -> u64 {
        self.warnings
    }

    /// Findings that were counted and not kept.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        (self.errors + self.warnings).saturating_sub(self.kept.len() as u64)
    }

    /// Keeps a finding.
    pub(super) fn keep(&mut self, finding: EdiFinding) {
        self.kept.push(finding);
    }

    /// How many there were, those included that were not told.
    pub(super) fn count(&mut self, errors: u64, warnings: u64) {
        (self.errors, self.warnings) = (errors, warnings);
    }
}

/// What is known of a finding beside its rule and what the rule says.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) node: Node,
    pub(super) answer: Option<Code>,
    /// The code for people: that of the 997.
    pub(super) shown: Option<Code>,
    pub(super) standard: Option<Standard>,
    pub(super) excerpt: Option<Excerpt>,
}

impl Found {
    pub(super) fn finding(self, rule: &Rule, severity: Severity, remark: Remark) -> EdiFinding {
        let Self { place, node, answer, shown: code, standard, excerpt } = self;
        let found = remark.found.as_deref().map(shown);
        EdiFinding {
            finding: Finding {
                code: rule.code,
                severity,
                fault: if rule.code.starts_with("limit-") { Fault::Limit } else { Fault::Sender },
                message: sentence(remark.message, remark.expected.as_deref(), found.as_deref()),
                expected: remark.expected,
                found,
            },
            help: rule.help,
            acknowledgement: code
                .map(|code| (code.carrier(standard), code.value()))
                .into_iter()
                .collect(),
            answer,
            copy: remark.found,
            trigger: remark.trigger,
            excerpt,
            place,
            node,
            refuses: rule.refuses,
        }
    }
}

fn sentence(
    message: Cow<'static, str>,
    expected: Option<&str>,
    found: Option<&str>,
) -> Cow<'static, str> {
    let found = found.map(|found| match found {
        "" => "nothing".to_owned(),
        found => format!("{found:?}"),
    });
    match (expected, found) {
        (None, None) => message,
        (Some(expected), None) => format!("{message}: expected {expected}").into(),
        (None, Some(found)) => format!("{message}: found {found}").into(),
        (Some(expected), Some(found)) => {
            format!("{message}: expected {expected}, found {found}").into()
        }
    }
}
