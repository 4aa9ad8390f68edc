//! TRADACOMS: STX, MHD and their trailers.

use super::assembler::{Flow, Visit};
use super::delimiters::Delimiters;
use super::segment::Segment;

/// TRADACOMS has no way to change its separators.
pub(super) const DELIMITERS: Delimiters = Delimiters {
    element: b'+',
    component: b':',
    segment: b'\'',
    repetition: None,
    release: Some(b'?'),
};

impl Visit<'_, '_> {
    pub(super) fn tradacoms(&mut self, _segment: &Segment<'_>) -> Flow {
        Flow::On
    }
    pub(super) fn end_tradacoms_early(&mut self, _offset: usize) {}
}
