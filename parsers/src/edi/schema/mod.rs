//! The tables: which segments a set or message has, in which order and how often, and what their elements are.
//!
//! They are compiled from `parsers/schemas` when the crate is built, one [`Tables`] a version of a standard, as flat
//! constants that refer to each other by index. [`find`] gives the table of a set; [`Matcher`] finds the place of each
//! segment in it. Never: a judgement on values; that is for [`super::validate`].

mod hashing;
mod matcher;
mod places;
mod tables;

pub use matcher::{Matcher, Outcome};
pub(in crate::edi) use places::{Facts, Places, Position};
pub use tables::{
    Bond, FileCount, FileKind, FileMessage, Kind, Loop, Need, Note, Part, Shape, Span, Tables,
    Total, Transaction, UNBOUNDED, Usage,
};

use super::standard::Standard;

/// A version of a standard that there are tables for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Directory {
    /// X12 004010.
    X12V4010,
    /// X12 005010.
    X12V5010,
    /// EDIFACT D.96A.
    D96A,
    /// EDIFACT D.01B.
    D01B,
    /// TRADACOMS.
    Tradacoms,
}

mod generated {
    //! What the build made of the schema files.

    use super::Directory;
    use super::tables::{
        Bond, FileCount, FileKind, FileMessage, Kind, Loop, Need, Note, Part, Shape, Span, Tables,
        Total, Transaction, UNBOUNDED, Usage,
    };

    include!(concat!(env!("OUT_DIR"), "/schema.rs"));
}

impl Directory {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::X12V4010, Self::X12V5010, Self::D96A, Self::D01B, Self::Tradacoms];

    /// The tables to read a version with: its own or the nearest. `version` as sent: GS08 (`005010VICS`), or release
    /// number of UNH S009 (`96A`). None where nothing near enough is carried: X12 before 004010, and EDIFACT whose
    /// release is not of that form.
    #[must_use]
    pub fn nearest(standard: Standard, version: &[u8]) -> Option<Self> {
        match standard {
            Standard::X12 => match super::delimiters::digits(version.get(..6)?)? {
                4010..5010 => Some(Self::X12V4010),
                5010.. => Some(Self::X12V5010),
                _ => None,
            },
            Standard::Edifact => match version {
                [tens @ b'0'..=b'9', ones @ b'0'..=b'9', letter @ b'A'..=b'Z'] => {
                    // The directories began in 1988.
                    let of_this_century = (*tens, *ones) < (b'8', b'8');
                    let since = of_this_century && (*tens, *ones, *letter) >= (b'0', b'1', b'B');
                    Some(if since { Self::D01B } else { Self::D96A })
                }
                _ => None,
            },
            Standard::Tradacoms => Some(Self::Tradacoms),
        }
    }

    /// Whether it is the table of that very version, and not the nearest to it.
    #[must_use]
    pub fn is_of(self, version: &[u8]) -> bool {
        match self {
            Self::X12V4010 => version.starts_with(b"004010"),
            Self::X12V5010 => version.starts_with(b"005010"),
            Self::D96A => version == b"96A",
            Self::D01B => version == b"01B",
            Self::Tradacoms => true,
        }
    }

    /// What its users call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X12V4010 => "004010",
            Self::X12V5010 => "005010",
            Self::D96A => "D.96A",
            Self::D01B => "D.01B",
            Self::Tradacoms => "TRADACOMS",
        }
    }

    /// The latest that is carried of a standard.
    #[must_use]
    pub fn latest(standard: Standard) -> Self {
        match standard {
            Standard::X12 => Self::X12V5010,
            Standard::Edifact => Self::D01B,
            Standard::Tradacoms => Self::Tradacoms,
        }
    }

    /// The standard that it is a version of.
    #[must_use]
    pub fn standard(self) -> Standard {
        match self {
            Self::X12V4010 | Self::X12V5010 => Standard::X12,
            Self::D96A | Self::D01B => Standard::Edifact,
            Self::Tradacoms => Standard::Tradacoms,
        }
    }

    /// Its tables.
    #[must_use]
    pub fn tables(self) -> &'static Tables {
        match self {
            Self::X12V4010 => &generated::X12V4010,
            Self::X12V5010 => &generated::X12V5010,
            Self::D96A => &generated::D96A,
            Self::D01B => &generated::D01B,
            Self::Tradacoms => &generated::TRADACOMS,
        }
    }
}

/// The table of a set or message: `850`, `ORDERS`, `INVOIC`; for `version` see [`Directory::nearest`].
#[must_use]
pub fn find(standard: Standard, id: &[u8], version: &[u8]) -> Option<&'static Transaction> {
    // CONTRL comes with the syntax (ISO 9735-4), not with a directory: its versions are 3 and 4:1.
    let is_contrl = standard == Standard::Edifact && id == b"CONTRL";
    let version = if is_contrl { b"96A" } else { version };
    Directory::nearest(standard, version)?.tables().transaction(id)
}

/// Whether any version of a standard has a table of this name.
#[must_use]
pub fn is_known_set(standard: Standard, id: &[u8]) -> bool {
    Directory::ALL.iter().any(|directory| {
        directory.standard() == standard && directory.tables().transaction(id).is_some()
    })
}

/// A tag as a number: up to four bytes, the first in the highest; 0 where it is longer.
#[must_use]
#[inline]
pub fn tag_code(tag: &[u8]) -> u32 {
    match *tag {
        [a] => u32::from_be_bytes([a, 0, 0, 0]),
        [a, b] => u32::from_be_bytes([a, b, 0, 0]),
        [a, b, c] => u32::from_be_bytes([a, b, c, 0]),
        [a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    }
}

/// The tag of such a number.
#[must_use]
pub fn tag_text(code: u32) -> String {
    code.to_be_bytes().into_iter().filter(|byte| *byte != 0).map(char::from).collect()
}

/// A code as a number: up to eight bytes, the first in the highest. None where it is longer.
#[must_use]
#[inline]
pub fn packed(code: &[u8]) -> Option<u64> {
    let mut bytes = [0; 8];
    match *code {
        // Most have few.
        [a] => bytes[0] = a,
        [a, b] => [bytes[0], bytes[1]] = [a, b],
        [a, b, c] => [bytes[0], bytes[1], bytes[2]] = [a, b, c],
        _ => bytes.get_mut(..code.len())?.copy_from_slice(code),
    }
    Some(u64::from_be_bytes(bytes))
}
