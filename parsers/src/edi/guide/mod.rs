//! Implementation guides: what a partner asks for beyond the standard.
//!
//! In: a [`GuideText`], read from a file by the caller, so that this crate needs no notation of files. [`Guide::new`]
//! holds it against the schema: a guide may tighten and never loosen, and a path that the schema does not have is a
//! fault of the guide. Out: a [`Guide`]; given as [`Options::guides`](super::Options::guides) it is held against
//! every set that it is for, beside the standard, and findings of it have codes that begin with `guide-` and name it.
//! Never: a judgement on what the standard already says.
//!
//! ```
//! use tillgate_parsers::edi::guide::{Guide, GuideText};
//!
//! let text: GuideText = serde_json::from_str(
//!     r#"{ "name": "BIGBOX orders", "standard": "x12", "set": "850",
//!          "rule": [{ "at": "BEG02", "codes": ["SA", "NE"] }] }"#,
//! )?;
//! let guide = Guide::new(text)?;
//! assert_eq!(guide.name(), "BIGBOX orders");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod element;
mod fault;
mod pattern;
mod resolve;
mod text;

pub(super) use self::check::GuideCheck;
pub use self::fault::{GuideFault, GuideFaults};
pub use self::pattern::Pattern;
pub use self::text::{ConditionText, GuideText, RuleText, Use};

use self::element::Test;
use super::schema::{Position, Transaction};
use super::segment::{KeptSegment, Segment};
use super::standard::Standard;
use crate::finding::Severity;

/// A partner's implementation guide that fits the schema.
#[derive(Debug, Clone)]
pub struct Guide {
    text: GuideText,
    /// One for each table that it is for.
    plans: Vec<Plan>,
}

/// Two guides that say the same are the same.
impl PartialEq for Guide {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Guide {}

/// A guide as it applies to one table.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    transaction: &'static Transaction,
    /// In the order of their tags.
    rules: Vec<GuideRule>,
    /// Rules that count, by the level in which they do.
    counted: Vec<(u16, usize)>,
    /// Rules that depend on earlier segments, by the tag of these and by the level in which they hold.
    watched: Vec<(u32, usize)>,
    scoped: Vec<(u16, usize)>,
}

impl Plan {
    fn new(transaction: &'static Transaction, mut rules: Vec<GuideRule>) -> Self {
        rules.sort_by_key(|rule| rule.tag);
        let (mut counted, mut watched, mut scoped) = (Vec::new(), Vec::new(), Vec::new());
        for (index, rule) in rules.iter().enumerate() {
            if matches!(rule.ask, Ask::Occurs { .. }) {
                counted.push((rule.position.level, index));
            }
            if let Some(When::Earlier { tag, scope, .. }) = &rule.when {
                watched.push((*tag, index));
                scoped.push((*scope, index));
            }
        }
        counted.sort_unstable();
        watched.sort_unstable();
        scoped.sort_unstable();
        Self { transaction, rules, counted, watched, scoped }
    }

    fn counting(&self, level: u16) -> impl Iterator<Item = usize> {
        of(&self.counted, level)
    }

    fn watching(&self, tag: u32) -> impl Iterator<Item = usize> {
        of(&self.watched, tag)
    }

    fn within(&self, level: u16) -> impl Iterator<Item = usize> {
        of(&self.scoped, level)
    }
}

/// The rules of a key, of a list in the order of its keys.
fn of<K: Copy + Ord>(list: &[(K, usize)], key: K) -> impl Iterator<Item = usize> {
    let first = list.partition_point(|(own, _)| *own < key);
    let rest = list.get(first..).unwrap_or_default();
    rest.iter().take_while(move |(own, _)| *own == key).map(|(_, index)| *index)
}

/// A rule with its place in a table.
#[derive(Debug, Clone)]
struct GuideRule {
    /// The segment that it is about, or that opens the loop.
    tag: u32,
    position: Position,
    is_loop: bool,
    with: Option<Test>,
    when: Option<When>,
    ask: Ask,
    severity: Severity,
    /// What it is about, in words: `N1 with N101 ST`.
    what: String,
    /// When it applies, in words: empty, or ` when BEG02 is DS`.
    given: String,
}

/// What a rule asks of a document.
#[derive(Debug, Clone)]
enum Ask {
    Occurs { at_least: u32, at_most: u32, is_required: bool },
    Absent,
    Element(element::Ask),
}

/// What makes a rule apply.
#[derive(Debug, Clone)]
enum When {
    /// An element of the same segment.
    Here(Test),
    /// An element of segments before, as long as the innermost loop that holds both is open.
    Earlier { tag: u32, position: Position, scope: u16, test: Test },
}

impl Guide {
    /// What findings call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.text.name
    }

    /// What it says.
    #[must_use]
    pub fn text(&self) -> &GuideText {
        &self.text
    }

    /// Whether it is for a version as documents name it; how close, where several are.
    fn closeness(&self, set: &Segment<'_>, group: &KeptSegment) -> Option<usize> {
        let Some(version) = &self.text.version else { return Some(0) };
        let is_for = match self.text.standard {
            Standard::X12 => group.element(8).starts_with(version.as_bytes()),
            Standard::Edifact | Standard::Tradacoms => version
                .split(':')
                .enumerate()
                .all(|(index, part)| set.component(2, index + 2).trim_ascii() == part.as_bytes()),
        };
        is_for.then_some(version.len())
    }

    /// The guide for a set, of those that a partner has: the one whose version says most. `headers`: those of the set
    /// and of its group.
    pub(super) fn choose<'g>(
        guides: &[&'g Self],
        transaction: &'static Transaction,
        headers: (&Segment<'_>, &KeptSegment),
    ) -> Option<(&'g Self, &'g Plan)> {
        let (set, group) = headers;
        let (mut chosen, mut closest) = (None, 0);
        for guide in guides {
            let plan = guide.plans.iter().find(|plan| std::ptr::eq(plan.transaction, transaction));
            if let Some((plan, close)) = plan.zip(guide.closeness(set, group))
                && (chosen.is_none() || close > closest)
            {
                (chosen, closest) = (Some((*guide, plan)), close);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests;
