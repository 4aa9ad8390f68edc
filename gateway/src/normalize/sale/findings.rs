//! The findings of one sale: bounded, whatever the sale holds.

use tillgate_record::{Quality, Severity};

/// Most findings of one sale. More of the same help nobody and would make a record larger than its sale.
const FINDINGS_MAX: usize = 50;
/// Longest piece of the sender's input in a finding, in characters.
const EXCERPT_MAX: usize = 40;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Quality>,
    omitted: usize,
    error: bool,
}

impl Findings {
    /// Adds a finding; an error displaces a warning when the list is full.
    pub(super) fn add(&mut self, finding: Quality) {
        let is_error = finding.severity == Severity::Error;
        if self.list.len() < FINDINGS_MAX {
            self.list.push(finding);
        } else {
            self.omitted += 1;
            let last = self.list.last_mut();
            if let (true, false, Some(last)) = (is_error, self.error, last) {
                *last = finding;
            }
        }
        self.error |= is_error;
    }

    /// Whether the sale cannot become a record.
    pub(super) fn has_error(&self) -> bool {
        self.error
    }

    /// The list, which says so where it is not complete.
    pub(super) fn into_list(mut self) -> Vec<Quality> {
        if self.omitted > 0 {
            let message = format!("{} further findings are left out", self.omitted);
            self.list.push(warning("findings-omitted", String::new(), message));
        }
        self.list
    }
}

/// The record stands, but something is odd.
pub(super) fn warning(rule: &str, path: String, message: impl Into<String>) -> Quality {
    quality(Severity::Warning, rule, path, message.into())
}

/// It cannot become a record.
pub(super) fn error(rule: &str, path: String, message: impl Into<String>) -> Quality {
    quality(Severity::Error, rule, path, message.into())
}

/// The same with what the rule expects and what was there.
pub(super) fn compared(
    mut finding: Quality,
    expected: impl ToString,
    found: impl ToString,
) -> Quality {
    finding.expected = Some(expected.to_string());
    finding.found = Some(excerpt(&found.to_string()));
    finding
}

/// The beginning of a text from outside, without control characters.
pub(super) fn excerpt(text: &str) -> String {
    let mut excerpt: String = text
        .chars()
        .take(EXCERPT_MAX)
        .map(|character| if character.is_control() { '\u{fffd}' } else { character })
        .collect();
    if text.chars().nth(EXCERPT_MAX).is_some() {
        excerpt.push('…');
    }
    excerpt
}

fn quality(severity: Severity, rule: &str, path: String, message: String) -> Quality {
    Quality { rule: rule.to_owned(), severity, path, message, expected: None, found: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_error_is_not_lost_behind_many_warnings() {
        let mut findings = Findings::default();
        for index in 0..2 * FINDINGS_MAX {
            findings.add(warning("odd", format!("/lines/{index}"), "odd"));
        }
        findings.add(error("wrong", String::new(), "wrong"));
        assert!(findings.has_error());
        let list = findings.into_list();
        assert_eq!(list.len(), FINDINGS_MAX + 1);
        assert!(list.iter().any(|finding| finding.rule == "wrong"));
        assert_eq!(list.last().unwrap().message, "51 further findings are left out");
    }
}
