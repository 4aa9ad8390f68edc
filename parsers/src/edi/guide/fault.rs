//! What is wrong with a guide. Never: what is wrong with a document.

use std::fmt;

/// One thing that is wrong with a guide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuideFault {
    /// Dotted path of the key, such as `set` or `rule[2].at`; rules count from 0.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// All that is wrong with a guide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuideFaults(pub Vec<GuideFault>);

impl std::error::Error for GuideFaults {}

impl fmt::Display for GuideFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {}", fault.key, fault.message)?;
        }
        Ok(())
    }
}

/// Where in a rule something is wrong, and what.
pub(super) type Flaw = (&'static str, String);

/// The names that a wrong one may have meant, nearest first, at most four.
pub(super) fn nearest(wrong: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let mut near: Vec<(usize, String)> = names
        .map(|name| (strsim::damerau_levenshtein(wrong, &name), name))
        .filter(|(distance, name)| *distance <= name.len().div_ceil(2))
        .collect();
    near.sort();
    near.dedup();
    let best = near.first()?.0;
    let names = near.into_iter().take_while(|(distance, _)| *distance == best).take(4);
    Some(names.map(|(_, name)| name).collect::<Vec<_>>().join(", "))
}
