//! What a reader tells while it reads.
//!
//! Everything is a view that lives as long as the call: a listener copies what it wants to keep. [`super::Report`] is the
//! listener that keeps the envelopes of an input that is held whole.

use super::finding::EdiFinding;
use super::report::Tally;
use super::schema::{Matcher, Transaction};
use super::segment::Segment;
use super::standard::Standard;

/// A level of envelopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// ISA to IEA, UNB to UNZ, STX to END.
    Interchange,
    /// GS to GE, UNG to UNE, BAT to EOB.
    Group,
    /// ST to SE, UNH to UNT, MHD to MTR.
    Set,
}

/// An envelope that begins.
#[derive(Debug)]
pub struct Envelope<'e> {
    /// Its standard.
    pub standard: Standard,
    /// Its first segment. Empty for messages that stand without a group.
    pub header: &'e Segment<'e>,
    /// The table of a set, where there is one for its version.
    pub transaction: Option<&'static Transaction>,
}

/// An envelope that ends.
#[derive(Debug)]
pub struct Closing<'e> {
    /// Offset of the byte after its last.
    pub end: usize,
    /// What an acknowledgement says of it.
    pub tally: &'e Tally,
    /// Segments of a set, header and trailer included.
    pub segments: u32,
    /// The number of sets or groups that the trailer states.
    pub stated: Option<u32>,
}

/// Listens to a reader. Every level that is opened is closed before the next of its kind.
pub trait Events {
    /// Whether [`Events::segment`] is to be called for every segment. Who says no may hear of some all the same.
    fn wants_segments(&self) -> bool {
        true
    }

    /// An envelope begins. The header of a set is told again as its first segment.
    fn opened(&mut self, _stage: Stage, _envelope: &Envelope<'_>) {}

    /// A segment of the open set, ST and SE among them. The matcher knows its loop.
    fn segment(&mut self, _segment: &Segment<'_>, _matcher: Option<&Matcher>) {}

    /// A TA1: the answer to an interchange of ours.
    fn answer(&mut self, _segment: &Segment<'_>) {}

    /// An envelope ends.
    fn closed(&mut self, _stage: Stage, _closing: &Closing<'_>) {}

    /// Something is to be said. Comes after the envelope that it belongs to was opened and before it is closed.
    fn finding(&mut self, _finding: EdiFinding) {}
}
