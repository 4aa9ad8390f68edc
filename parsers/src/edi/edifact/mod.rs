//! EDIFACT: UNB, UNG, UNH and their trailers.

use super::assembler::{Flow, Visit};
use super::delimiters::Delimiters;
use super::segment::Segment;

/// The service characters of the interchange that begins here, and the bytes of UNA.
pub(super) fn service_characters(_head: &[u8]) -> (Delimiters, usize) {
    (
        Delimiters {
            element: b'+',
            component: b':',
            segment: b'\'',
            repetition: None,
            release: Some(b'?'),
        },
        0,
    )
}

impl Visit<'_, '_> {
    pub(super) fn edifact(&mut self, _segment: &Segment<'_>) -> Flow {
        Flow::On
    }
    pub(super) fn end_edifact_early(&mut self, _offset: usize) {}
}
