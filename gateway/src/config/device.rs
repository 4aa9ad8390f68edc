//! How a serial device speaks, in the words of the configuration.
//!
//! In and out: TOML. Never: what a driver does with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose code identifiers stand before a barcode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CodeIds {
    /// AIM's, such as `]C1`, or none.
    #[default]
    Aim,
    /// Datalogic's standard table.
    Datalogic,
    /// Honeywell's.
    Honeywell,
    /// Zebra's.
    Zebra,
}

/// How one side of a line makes the other wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlowControl {
    /// Not at all.
    #[default]
    None,
    /// By wires.
    RtsCts,
    /// By bytes.
    XonXoff,
}

/// How a scanner speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A line for each code.
    #[default]
    Lines,
    /// Packets, each acknowledged.
    Ssi,
}
