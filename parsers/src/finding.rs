//! Findings: what is wrong with an input, where, whose fault it is and what to do.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It can be read without doubt all the same.
    Warning,
    /// It cannot be taken as it is.
    Error,
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The one who sent it.
    Sender,
    /// A limit that the operator can raise.
    Limit,
    /// A device that misread, or is set up wrongly.
    Device,
    /// A bug of ours.
    Us,
}

/// One finding. The code is stable; the message says what was expected, what was found and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable name, such as `se01-count`.
    pub code: &'static str,
    /// How bad.
    pub severity: Severity,
    /// Whose fault.
    pub fault: Fault,
    /// What is wrong. Never holds a card number.
    pub message: Cow<'static, str>,
    /// What was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}
