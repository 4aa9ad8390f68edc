//! Captures become candidates for records: one file a kind of input. Pure functions of the capture, the
//! configuration and the time given to them, so that every capture can be replayed.
//!
//! In: bytes without card data. Out: an [`Interpretation`]: for each item of the input a record candidate or the
//! findings that forbid one, and the acknowledgements that the input earned. Never: a socket, a file, the clock.

pub mod edi;
pub mod reading;
pub mod sale;

use jiff::Timestamp;
use tillgate_record::{Document, Quality, ReadingKind, Sale};

use crate::config::Config;
use crate::source::Media;

/// What normalizing may know besides the capture.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The configuration in force.
    pub config: &'a Config,
    /// The configured source that sent the capture.
    pub source: &'a str,
    /// When it was received.
    pub received_at: Timestamp,
    /// The control number for an acknowledgement of this capture, where one can be earned.
    pub control_number: Option<u32>,
}

/// What an input means.
#[derive(Debug, Default)]
pub struct Interpretation {
    /// Parser and version, such as `sale-json/1`.
    pub parser: &'static str,
    /// One for each item of the input, in input order.
    pub items: Vec<Item>,
    /// Acknowledgements for the sender.
    pub replies: Vec<Reply>,
}

impl Interpretation {
    /// An input that cannot be read at all: one item, rejected.
    #[must_use]
    pub fn rejected(parser: &'static str, finding: Quality) -> Self {
        Self { parser, items: vec![Item::Rejected(vec![finding])], replies: Vec::new() }
    }
}

/// One item of an input.
#[derive(Debug)]
pub enum Item {
    /// It can become a record.
    Candidate(Box<Candidate>),
    /// It cannot. At least one finding is an error.
    Rejected(Vec<Quality>),
    /// It was understood and asks for no record: a 997 that answers a document of ours, a training reading.
    Noted(Vec<Quality>),
}

impl Item {
    /// What is wrong or odd.
    pub fn findings_mut(&mut self) -> &mut Vec<Quality> {
        match self {
            Self::Candidate(candidate) => &mut candidate.quality,
            Self::Rejected(findings) | Self::Noted(findings) => findings,
        }
    }
}

/// A record before it is linked.
#[derive(Debug)]
pub struct Candidate {
    /// The content.
    pub body: Body,
    /// Warnings.
    pub quality: Vec<Quality>,
}

/// The content of a record.
#[derive(Debug)]
pub enum Body {
    /// A till transaction.
    Sale(Sale),
    /// An order or invoice of a partner.
    Document(Document),
    /// A barcode or a card at a lane.
    Reading {
        /// What was read.
        reading: ReadingKind,
        /// The checkout position.
        lane: String,
    },
}

impl Body {
    /// The name in metric labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sale(sale) => sale.kind.as_str(),
            Self::Document(document) => document.kind.as_str(),
            Self::Reading { reading, .. } => reading.as_str(),
        }
    }
}

/// An acknowledgement that an input earned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// `application/EDI-X12` or `application/EDIFACT`.
    pub content_type: &'static str,
    /// File name for a partner's `out` folder: made by us of our own numbers, unique per partner.
    pub file_name: String,
    /// The acknowledgement.
    pub content: Vec<u8>,
}

/// Parses and normalizes a capture by its media.
#[must_use]
pub fn interpret(raw: &[u8], media: Media, context: &Context<'_>) -> Interpretation {
    match media {
        Media::SaleJson | Media::SaleNdjson => sale::interpret(raw, media, context),
        Media::Reading => reading::interpret(raw, context),
        Media::Edi => edi::interpret(raw, context),
    }
}
