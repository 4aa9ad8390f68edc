//! Holds a guide against the schema: every path leads somewhere, nothing is loosened, nothing contradicts itself.
//!
//! In: the text of a guide. Out: the guide with its rules in place, or every fault with the key that has it. Never: a
//! rule that is left out in silence.

mod names;
mod rule;

use self::rule::Resolver;
pub(super) use self::rule::is_refused_by_the_standard;
use super::fault::{GuideFault, GuideFaults};
use super::text::GuideText;
use super::{Guide, Plan};
use crate::edi::schema::{Directory, Places, Transaction};
use crate::edi::standard::Standard;

/// No guide of people comes near; each segment is held against the rules of its tag.
const MOST_RULES: usize = 10_000;

impl Guide {
    /// Checks a guide against the schema.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, each with its key.
    pub fn new(text: GuideText) -> Result<Self, GuideFaults> {
        let transactions = tables(&text).map_err(|fault| GuideFaults(vec![fault]))?;
        let mut faults = Vec::new();
        let mut plans = Vec::new();
        for transaction in &transactions {
            let places = Places::of(transaction);
            let resolver = Resolver { transaction, places: &places };
            let mut rules = Vec::new();
            for (index, rule) in text.rules.iter().enumerate() {
                match resolver.rule(rule) {
                    Ok(rule) => rules.push(rule),
                    Err((key, message)) => {
                        let key = format!("rule[{index}].{key}");
                        // Without a version a guide must fit every table, and what is wrong in both is told once.
                        if !faults.iter().any(|fault: &GuideFault| fault.key == key) {
                            let message = format!("{message}{}", which(transaction, &transactions));
                            faults.push(GuideFault { key, message });
                        }
                    }
                }
            }
            plans.push(Plan::new(transaction, rules));
        }
        if faults.is_empty() { Ok(Self { text, plans }) } else { Err(GuideFaults(faults)) }
    }
}

/// The tables that a guide is for.
fn tables(text: &GuideText) -> Result<Vec<&'static Transaction>, GuideFault> {
    let fault = |key: &str, message| Err(GuideFault { key: key.to_owned(), message });
    if text.name.trim().is_empty() || text.name.chars().any(char::is_control) {
        return fault("name", "expected a name that findings can show on one line".to_owned());
    }
    if text.rules.len() > MOST_RULES {
        return fault("rule", format!("there are more than {MOST_RULES} rules"));
    }
    let of_standard = || Directory::ALL.iter().filter(|one| one.standard() == text.standard);
    let wanted = match &text.version {
        None => None,
        Some(version) => match directory(text.standard, version) {
            Some(directory) => Some(directory),
            None => {
                let example = example(text.standard);
                return fault(
                    "version",
                    format!("there is no schema for it; expected one such as {example:?}"),
                );
            }
        },
    };
    let found: Vec<_> = of_standard()
        .filter(|directory| wanted.is_none_or(|wanted| **directory == wanted))
        .flat_map(|directory| directory.tables().transactions())
        .filter(|transaction| transaction.id == text.set && is_version(text, transaction))
        .collect();
    if found.is_empty() {
        let all = of_standard().flat_map(|directory| directory.tables().transactions());
        let near = super::fault::nearest(&text.set, all.map(|one| one.id.to_owned()));
        let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return fault("set", format!("there is no schema for {:?}{hint}", text.set));
    }
    Ok(found)
}

fn directory(standard: Standard, version: &str) -> Option<Directory> {
    let release = match standard {
        Standard::X12 | Standard::Tradacoms => version,
        Standard::Edifact => version.split(':').nth(1)?,
    };
    Directory::nearest(standard, release.as_bytes())
}

/// Messages of TRADACOMS have versions of their own.
fn is_version(text: &GuideText, transaction: &Transaction) -> bool {
    text.standard != Standard::Tradacoms
        || text.version.as_ref().is_none_or(|version| *version == transaction.version.to_string())
}

fn example(standard: Standard) -> &'static str {
    match standard {
        Standard::X12 => "004010",
        Standard::Edifact => "D:96A",
        Standard::Tradacoms => "9",
    }
}

fn which(transaction: &Transaction, all: &[&Transaction]) -> String {
    let name = match transaction.directory {
        _ if all.len() == 1 => return String::new(),
        Directory::X12V4010 => "004010",
        Directory::X12V5010 => "005010",
        Directory::D96A => "D:96A",
        Directory::D01B => "D:01B",
        Directory::Tradacoms => return format!(" (in version {})", transaction.version),
    };
    format!(" (in {name}; name the version that the guide is for)")
}
