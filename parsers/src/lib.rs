//! Bytes to values and findings.
//!
//! In: slices of bytes, in chunks of any size. Out: values, and findings about what is wrong with them: malformed
//! input is never an `Err`. Never: I/O, the clock, async, logging, card numbers in clear.
//!
//! An EDI file is fed to a [`edi::Reader`] piece by piece, and a listener hears of every envelope, segment and
//! finding, with the loops that a segment stands in:
//!
//! ```
//! use tillgate_parsers::edi::{EdiFinding, Events, Options, Reader, Segment, schema::Matcher};
//!
//! struct Listener;
//!
//! impl Events for Listener {
//!     fn segment(&mut self, segment: &Segment<'_>, matcher: Option<&Matcher>) {
//!         let loops: Vec<_> = matcher.iter().flat_map(|matcher| matcher.path()).collect();
//!         println!("{} {}: {:?}", loops.join("/"), segment.tag_text(), segment.text(1));
//!     }
//!     fn finding(&mut self, finding: EdiFinding) {
//!         println!("line {}: {}", finding.place.line, finding.finding.message);
//!     }
//! }
//!
//! let mut reader = Reader::new(&Options::default());
//! reader.feed(&std::fs::read("tests/edi/golden/order-clean.edi")?, &mut Listener);
//! let summary = reader.finish(&mut Listener);
//! assert_eq!((summary.sets, summary.errors), (1, 0));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! An input that is held whole is [`edi::read`] into a [`edi::Report`], which [`edi::acknowledge()`] answers; and
//! [`edi::json::Lines`] is a listener that makes a line of JSON of every set.

pub mod barcode;
pub mod card;
pub mod chip;
pub mod code_id;
pub mod edi;
pub mod finding;
pub mod framing;
pub mod hid;
pub mod redact;
pub mod scale;
pub mod ssi;
pub mod wedge;
