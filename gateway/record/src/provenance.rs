//! Where a record came from, and what is odd in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// `POST /v1/sales`.
    TerminalHttp,
    /// The terminals' TCP stream.
    TerminalTcp,
    /// A barcode scanner.
    Scanner,
    /// A card reader.
    CardReader,
    /// A partner's folder.
    EdiFolder,
    /// `POST /v1/edi`.
    EdiHttp,
}

impl Channel {
    /// The name in JSON, logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TerminalHttp => "terminal-http",
            Self::TerminalTcp => "terminal-tcp",
            Self::Scanner => "scanner",
            Self::CardReader => "card-reader",
            Self::EdiFolder => "edi-folder",
            Self::EdiHttp => "edi-http",
        }
    }

    /// The channel of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::TerminalHttp,
            Self::TerminalTcp,
            Self::Scanner,
            Self::CardReader,
            Self::EdiFolder,
            Self::EdiHttp,
        ]
        .into_iter()
        .find(|channel| channel.as_str() == name)
    }
}

/// Proof of origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The capture (ULID) that holds the input.
    pub capture: String,
    /// Position of this record's input within the capture, from 0.
    pub item: u32,
    /// The configured source.
    pub source: String,
    /// The kind of way in.
    pub channel: Channel,
    /// When the gateway had the whole input (RFC 3339, UTC).
    pub received_at: String,
    /// SHA-256 of the capture after card data was cut out of it, in hex. Never of the input as sent: a plain
    /// hash of a text whose only unknown is a card number gives the number away.
    pub sha256: String,
    /// Which parser, in which version.
    pub parser: String,
    /// First 16 hex digits of the SHA-256 of the configuration.
    pub config_version: String,
}

/// How bad.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The record stands, but something is odd.
    Warning,
    /// It cannot become a record.
    Error,
}

impl Severity {
    /// The name in JSON and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that is odd in a record, or wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quality {
    /// The rule's stable name.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// Where: a JSON pointer, or a place in an EDI document.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
    /// What the rule expects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}
