//! EDI: X12 interchanges with purchase orders (850), invoices (810) and acknowledgements (997, TA1).
//!
//! In: the bytes of a file, whole. Out: a [`Report`]: what stands in it, and every finding about it. The
//! acknowledgements, the JSON and the verdict are views of that report, so they cannot disagree with each other.
//! Never: I/O, the clock, a panic, a repair that is not reported, a card number in a finding.
//!
//! Read top-down: [`standard`] names the input by its first bytes, [`delimiters`] reads ISA, [`segment`] splits,
//! [`envelope`] assembles interchanges, groups and sets and resynchronises after faults, [`schema`] holds the
//! tables that the build makes of `parsers/schemas`, [`validate`] holds a set against them, [`report`] is the result, [`mod@acknowledge`] and [`json`]
//! look at it.

pub mod acknowledge;
pub mod delimiters;
pub mod envelope;
pub mod finding;
mod header;
pub mod json;
pub mod report;
pub mod rules;
pub mod schema;
pub mod segment;
pub mod shown;
pub mod standard;
pub mod validate;
pub mod value;
pub mod writer;

pub use acknowledge::{Acknowledgement, Issue, acknowledge};
pub use delimiters::{Delimiters, Header};
pub use envelope::{is_unfinished, read};
pub use finding::{EdiFinding, Findings, Place};
pub use report::{Expectations, Group, Interchange, Options, Report, Set, Tally};
pub use rules::{Code, Policy, Rule};
pub use segment::Segment;
pub use standard::Standard;
