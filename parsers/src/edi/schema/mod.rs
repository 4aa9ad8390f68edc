//! The tables: which segments a transaction set has, in which order and how often, and what their elements are.
//!
//! Written by hand for 850, 810 and 997 in 004010 and 005010; where the versions differ only in that the later one
//! allows more, one table serves both. Segments that no gateway needs to read are listed with their place and
//! use, and without elements.

mod elements;
mod matcher;
mod segments;
mod sets;

pub use elements::{Content, Element, ElementUse, Kind, Need};
pub use matcher::{Matcher, Outcome};
pub use segments::{Note, Shape, shape};
pub use sets::{is_known_tag, transaction};

/// No bound on use.
pub const UNBOUNDED: u32 = u32::MAX;

/// A transaction set.
#[derive(Debug)]
pub struct Transaction {
    /// ST01.
    pub id: &'static str,
    /// The GS01 that goes with it.
    pub group: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// From ST on; SE is the envelope's.
    pub parts: &'static [Part],
    /// The segments that CTT01 counts.
    pub counted: Option<&'static str>,
}

/// One position of a table.
#[derive(Debug)]
pub enum Part {
    /// A segment.
    Segment {
        /// Its tag.
        tag: &'static str,
        /// Whether it must be there.
        mandatory: bool,
        /// How often it may be there.
        most: u32,
    },
    /// A loop, named by its first segment, which is mandatory within it.
    Loop {
        /// Whether it must be there.
        mandatory: bool,
        /// How often it may be there.
        most: u32,
        /// Its segments and loops, the naming one first.
        parts: &'static [Self],
    },
}

impl Part {
    /// The tag that begins it.
    #[must_use]
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Segment { tag, .. } => tag,
            Self::Loop { parts, .. } => parts.first().map_or("", Self::tag),
        }
    }

    /// Whether it must be there.
    #[must_use]
    pub fn mandatory(&self) -> bool {
        match self {
            Self::Segment { mandatory, .. } | Self::Loop { mandatory, .. } => *mandatory,
        }
    }

    /// How often it may be there.
    #[must_use]
    pub fn most(&self) -> u32 {
        match self {
            Self::Segment { most, .. } | Self::Loop { most, .. } => *most,
        }
    }

    /// Whether a tag stands in it or below.
    #[must_use]
    pub fn holds(&self, tag: &str) -> bool {
        match self {
            Self::Segment { tag: own, .. } => *own == tag,
            Self::Loop { parts, .. } => parts.iter().any(|part| part.holds(tag)),
        }
    }
}
