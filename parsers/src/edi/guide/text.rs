//! A guide as it is written: one table, and a list of rules.
//!
//! Deserialised by whoever reads the file, in whatever notation the file has. Never: a look at the schema; see
//! [`super::Guide::new`].

use serde::Deserialize;

use crate::edi::standard::Standard;
use crate::finding::Severity;

/// What a guide says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuideText {
    /// What findings call it: `BIGBOX order guide 3.1`.
    pub name: String,
    /// The standard that it tightens.
    pub standard: Standard,
    /// The transaction set or message: `850`, `ORDERS`.
    pub set: String,
    /// The version that it is for, as documents name it: the beginning of GS08 (`004010`), what follows the type in UNH
    /// (`D:96A`, `D:96A:UN:EAN008`), the version in MHD (`9`). Without it the guide is for every version.
    #[serde(default)]
    pub version: Option<String>,
    /// Its rules; all of them count.
    #[serde(default, rename = "rule")]
    pub rules: Vec<RuleText>,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// What it is about: a segment or loop (`BEG`, `PO1/PID`, `SG2`), an element or component (`BEG02`, `PO1/PO107`,
    /// `SG2/NAD03-1`, `DTM.2380`).
    pub at: String,
    /// Only these of them: `{ element = "N101", is = ["ST"] }` makes `N1` mean the N1 with ST.
    #[serde(default)]
    pub with: Option<ConditionText>,
    /// The rule applies only then. The element stands in the same segment or in an earlier one of the set.
    #[serde(default)]
    pub when: Option<ConditionText>,
    /// Whether it must or must not be there.
    #[serde(default, rename = "use")]
    pub usage: Option<Use>,
    /// The values that an element may have.
    #[serde(default)]
    pub codes: Option<Vec<String>>,
    /// Shortest and longest value of an element, in characters.
    #[serde(default)]
    pub length: Option<[u32; 2]>,
    /// What a value of an element looks like; see [`super::Pattern`].
    #[serde(default)]
    pub pattern: Option<String>,
    /// Segments, loops or repetitions of an element, within what holds them.
    #[serde(default)]
    pub at_least: Option<u32>,
    /// Segments, loops or repetitions of an element, within what holds them.
    #[serde(default)]
    pub at_most: Option<u32>,
    /// How bad it is to break the rule; without it an error, for which a document is refused.
    #[serde(default)]
    pub severity: Option<Severity>,
}

/// Whether something must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// It must.
    Required,
    /// It must not.
    Forbidden,
}

/// What an element says. With none of `is`, `is_not` and `present`, it has any value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionText {
    /// Which element.
    pub element: String,
    /// It has one of these values.
    #[serde(default)]
    pub is: Option<Vec<String>>,
    /// It has none of these values.
    #[serde(default)]
    pub is_not: Option<Vec<String>>,
    /// It has a value, or it has none.
    #[serde(default)]
    pub present: Option<bool>,
}
