//! EDI: X12, EDIFACT and TRADACOMS.
//!
//! In: the bytes of a stream in chunks of any size, or of an input that is held whole. Out: [`Events`] while it is
//! read, or a [`Report`]: what stands in it, and every finding about it. The acknowledgements, the JSON and the
//! verdict are views of that, so they cannot disagree with each other. Never: I/O, the clock, a panic, a repair that
//! is not reported, a card number in a finding.
//!
//! Read top-down: [`standard`] names the input by its first bytes, [`reader`] drives everything, [`index`] finds
//! delimiters, `scanner` gives segments, [`text`] decodes their values, `x12`, `edifact` and `tradacoms` assemble
//! envelopes of them, [`schema`] holds the tables that the build makes of `parsers/schemas`, [`validate`] holds a set
//! against them and [`guide`] against a partner's implementation guide, [`report`] keeps the result,
//! [`mod@acknowledge`] and [`json`] look at it, [`writer`] writes what was read.

pub mod acknowledge;
mod assembler;
mod code;
pub mod delimiters;
mod edifact;
pub mod event;
pub mod finding;
pub mod foreign;
pub mod guide;
pub mod index;
pub mod json;
pub mod reader;
pub mod report;
pub mod rules;
mod scanner;
pub mod schema;
pub mod segment;
pub mod shown;
pub mod standard;
pub mod text;
mod tradacoms;
pub mod validate;
pub mod value;
pub mod writer;
mod x12;

pub use acknowledge::{Acknowledgement, Issue, Kind, Wish, acknowledge, contrl};
pub use delimiters::Delimiters;
pub use event::{Closing, Envelope, Events, Stage};
pub use finding::{EdiFinding, Excerpt, Findings, Place, Trigger};
pub use guide::Guide;
pub use reader::{Reader, Summary};
pub use report::{
    Expectations, Group, Interchange, Limits, Options, Report, Set, Tally, is_unfinished, read,
};
pub use rules::{Code, Functional, Policy, Rule, Tables};
pub use segment::{KeptSegment, Segment};
pub use standard::Standard;
pub use text::CharacterSet;
pub use writer::{Layout, Rewriter, Unwritable, rewrite};
