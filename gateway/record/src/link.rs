//! The customer of a record, with the evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a source says of the buyer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Customer {
    /// Loyalty number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loyalty: Option<String>,
    /// Keyed token of a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_token: Option<String>,
    /// Telephone, E.164 where it could be read as such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Name as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// How sure the link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// One customer of the directory, without doubt.
    Linked,
    /// Several candidates, or evidence that conflicts: a person decides.
    Review,
    /// Identified, but not in the directory.
    New,
    /// Nothing identifies the buyer.
    Anonymous,
}

impl Decision {
    /// The name in JSON and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Review => "review",
            Self::New => "new",
            Self::Anonymous => "anonymous",
        }
    }
}

/// One field that spoke for the link (positive weight) or against it (negative).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// `loyalty`, `card_token`, `phone`, `email`, `name`.
    pub field: String,
    /// Bits of evidence: the base-2 logarithm of the likelihood ratio.
    pub weight: f64,
}

/// The customer of a record and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// The customer's id in the CRM.
    pub customer_id: Option<String>,
    /// How sure.
    pub decision: Decision,
    /// The field that decided.
    pub method: Option<String>,
    /// From 0 to 1.
    pub probability: f64,
    /// What spoke for and against.
    pub evidence: Vec<Evidence>,
    /// The second best customer.
    pub runner_up: Option<String>,
    /// The directory that was asked.
    pub directory_version: u64,
}

impl Link {
    /// Nothing identifies the buyer.
    #[must_use]
    pub fn anonymous(directory_version: u64) -> Self {
        Self {
            customer_id: None,
            decision: Decision::Anonymous,
            method: None,
            probability: 0.0,
            evidence: Vec::new(),
            runner_up: None,
            directory_version,
        }
    }
}
