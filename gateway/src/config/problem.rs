//! What is wrong with a configuration file, and how people see it: file, line, column, key, words, and the line
//! itself with a caret.
//!
//! Never: the value of a line that seems to hold a secret which somebody wrote into the file by mistake.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use tillgate_record::Severity;

/// A flaw, before it is placed in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Dotted path of the key, such as `device[2].port`.
    pub(super) path: String,
    /// Whether the caret goes under the key or under its value.
    pub(super) at: At,
    /// Errors stop the gateway, warnings do not.
    pub(super) severity: Severity,
    /// What is wrong and what to do.
    pub(super) message: String,
}

/// Which part of `key = value` a flaw is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Key,
    Value,
}

impl Flaw {
    pub(super) fn error(path: impl Into<String>, at: At, message: impl Into<String>) -> Self {
        Self { path: path.into(), at, severity: Severity::Error, message: message.into() }
    }
}

/// One thing that is wrong with a file, or odd in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Errors stop the gateway, warnings do not.
    pub severity: Severity,
    /// The key as it is written in the file: `[mqtt] url`.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
    /// The bytes of the file that it is about.
    pub span: Option<Range<usize>>,
}

/// All that was found in one file, in the order of the file.
#[derive(Debug, Clone)]
pub struct Problems {
    /// The file, as the operator named it.
    pub file: PathBuf,
    /// What it holds.
    pub(super) text: String,
    /// What is wrong.
    pub list: Vec<Problem>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigErrors(pub Problems);

impl Problems {
    /// Line and column of a problem, both from 1; columns count characters.
    #[must_use]
    pub fn place(&self, problem: &Problem) -> Option<(usize, usize)> {
        let before = self.text.get(..problem.span.as_ref()?.start)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..)?.chars().count() + 1;
        Some((before.matches('\n').count() + 1, column))
    }

    fn write_source_line(&self, f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
        let (Some(span), Some((number, column))) = (&problem.span, self.place(problem)) else {
            return Ok(());
        };
        let line = self.text.lines().nth(number - 1).unwrap_or_default();
        let gutter = number.to_string().len();
        let indent: String = line
            .chars()
            .take(column - 1)
            .map(|character| if character == '\t' { '\t' } else { ' ' })
            .collect();
        let marked = self.text.get(span.clone()).unwrap_or_default();
        let width = marked.lines().next().unwrap_or_default().chars().count().max(1);
        writeln!(f, "  {number} | {}", without_secret(line))?;
        writeln!(f, "  {:gutter$} | {indent}{}", "", "^".repeat(width))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.list {
            write!(f, "{}:", self.file.display())?;
            if let Some((line, column)) = self.place(problem) {
                write!(f, "{line}:{column}:")?;
            }
            f.write_str(" ")?;
            if problem.severity == Severity::Warning {
                f.write_str("warning: ")?;
            }
            if !problem.key.is_empty() {
                write!(f, "{}: ", problem.key)?;
            }
            writeln!(f, "{}", problem.message)?;
            self.write_source_line(f, problem)?;
        }
        Ok(())
    }
}

/// The line, but for a value that is probably a secret: this text goes to logs and tickets.
fn without_secret(line: &str) -> String {
    let Some((key, value)) = line.split_once('=') else { return line.to_owned() };
    let name = key.to_ascii_lowercase();
    let secret = ["password", "passwd", "secret", "token", "key"].iter().any(|w| name.contains(w));
    let harmless = name.contains("_file") || name.contains("_days") || name.contains("sha256");
    let credentials = value.contains("://") && value.contains('@');
    if (secret && !harmless) || credentials { format!("{key}= …") } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_the_file_are_not_repeated() {
        for (line, shown) in [
            ("password = \"hunter2\"", "password = …"),
            ("token=\"abc\"", "token= …"),
            ("url = \"mqtt://gw:hunter2@broker\"", "url = …"),
            ("password_file = \"/etc/p\"", "password_file = \"/etc/p\""),
            ("token_sha256 = \"00\"", "token_sha256 = \"00\""),
            ("url = \"mqtt://broker\"", "url = \"mqtt://broker\""),
        ] {
            assert_eq!(without_secret(line), shown);
        }
    }

    #[test]
    fn places_count_characters_and_keep_tabs() {
        let text = "a = 1\n\tname = \"é\" # x\n";
        let start = text.find("# x").unwrap();
        let problem = Problem {
            severity: Severity::Error,
            key: "name".to_owned(),
            message: "odd".to_owned(),
            span: Some(start..start + 3),
        };
        let problems =
            Problems { file: "t.toml".into(), text: text.to_owned(), list: vec![problem] };
        assert_eq!(
            problems.to_string(),
            "t.toml:2:13: name: odd\n  2 | \tname = \"é\" # x\n    | \t           ^^^\n"
        );
    }
}
