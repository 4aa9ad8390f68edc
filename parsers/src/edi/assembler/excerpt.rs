//! The segment around a place, on one line, for people.
//!
//! In: a segment. Out: printable text, card numbers masked, and the column of the place in it. Never: more than a
//! line, a control byte, anything that depends on what else is held in memory.

use crate::edi::finding::Excerpt;
use crate::edi::shown::escaped;
use crate::redact;

/// Bytes of a segment that are shown before and after a place.
const BEFORE: usize = 60;
const AFTER: usize = 40;

/// Longest number or track that could begin or end beyond what is shown, in bytes.
const AROUND: usize = 200;

/// What stands around `at` in a segment, where that is a place in it.
pub(super) fn excerpt(segment: &[u8], at: usize) -> Option<Excerpt> {
    let (before, after) = segment.split_at_checked(at)?;
    if segment.is_empty() {
        return None;
    }
    let ends = |byte: &u8| *byte == b'\n' || *byte == b'\r';
    let start = before
        .iter()
        .rev()
        .take(BEFORE)
        .position(ends)
        .map_or_else(|| at.saturating_sub(BEFORE), |back| at - back);
    let end = at + AFTER.min(after.len());
    // Masked with what stands around it, so that a number across the cut is seen whole.
    let wide = start.saturating_sub(AROUND)..(end + AROUND).min(segment.len());
    let skipped = start - wide.start;
    let masked = redact::piece_of_edi(segment.get(wide)?);
    let shown = masked.get(skipped..skipped + (end - start))?;
    let head = shown.get(..at - start)?;
    Some(Excerpt { text: escaped(shown), column: escaped(head).chars().count() })
}
