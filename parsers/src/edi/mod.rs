//! EDI: X12, EDIFACT and TRADACOMS.
//!
//! In: the bytes of a stream in chunks of any size, or of an input that is held whole. Out: [`Events`] while it is
//! read, or a [`Report`]: what stands in it, and every finding about it. The acknowledgements, the JSON and the
//! verdict are views of that, so they cannot disagree with each other. Never: I/O, the clock, a panic, a repair that
//! is not reported, a card number in a finding.
//!
//! The items of an order, each with the description that stands in a loop of its own within the item's:
//!
//! ```
//! use tillgate_parsers::edi::{Events, Options, Reader, Segment, schema::Matcher};
//!
//! #[derive(Default)]
//! struct Items(Vec<(String, Vec<String>)>);
//!
//! impl Events for Items {
//!     fn segment(&mut self, segment: &Segment<'_>, matcher: Option<&Matcher>) {
//!         // None for a set without a table, whose loops are not known.
//!         let Some(matcher) = matcher else { return };
//!         let text = |number| segment.text(number).unwrap_or_default();
//!         if matcher.opened_loop() == Some("PO1") {
//!             self.0.push((format!("{} {}", text(2), text(7)), Vec::new()));
//!         }
//!         let is_within_item = matcher.path().next() == Some("PO1");
//!         if let Some((_, descriptions)) = self.0.last_mut().filter(|_| is_within_item)
//!             && segment.tag() == b"PID"
//!         {
//!             descriptions.push(text(5));
//!         }
//!     }
//! }
//!
//! let input = include_bytes!("../../tests/edi/golden/order-clean.edi");
//! let mut items = Items::default();
//! let mut reader = Reader::new(&Options::default());
//! for chunk in input.chunks(64) {
//!     reader.feed(chunk, &mut items);
//! }
//! assert_eq!(reader.finish(&mut items).errors, 0);
//! assert_eq!(items.0.len(), 3);
//! assert_eq!(items.0[1], ("6 4006381333931".to_owned(), vec!["BALLPOINT PENS".to_owned()]));
//! ```
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
