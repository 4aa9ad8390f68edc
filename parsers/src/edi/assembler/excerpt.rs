//! The segment around a place, on one line, for people.
//!
//! In: the block that is read. Out: printable text, card numbers masked, and the column of the place in it. Never: more
//! than a line, a control byte.

use crate::edi::finding::Excerpt;
use crate::edi::scanner::Block;
use crate::edi::shown::escaped;
use crate::redact;

/// Bytes of a segment that are shown before and after a place.
const BEFORE: usize = 60;
const AFTER: usize = 40;

/// Longest number or track that could begin or end beyond what is shown, in bytes.
const AROUND: usize = 200;

/// The segment around `offset`, where the block still holds it.
pub(super) fn excerpt(block: Block<'_>, offset: usize, terminator: u8) -> Option<Excerpt> {
    let at = offset.checked_sub(block.base)?;
    if at > block.bytes.len() {
        return None;
    }
    let (before, after) = block.bytes.split_at(at);
    let ends = |byte: &u8| *byte == terminator || *byte == b'\n' || *byte == b'\r';
    let start = before
        .iter()
        .rev()
        .take(BEFORE)
        .position(ends)
        .map_or_else(|| at.saturating_sub(BEFORE), |back| at - back);
    let length = after.iter().take(AFTER).position(|byte| *byte == terminator);
    let end = at + length.unwrap_or_else(|| AFTER.min(after.len()));
    // Masked with what stands around it, so that a number across the cut is seen whole.
    let wide = start.saturating_sub(AROUND)..(end + AROUND).min(block.bytes.len());
    let skipped = start - wide.start;
    let masked = redact::text(block.bytes.get(wide)?).bytes;
    let shown = masked.get(skipped..skipped + (end - start))?;
    let head = shown.get(..at - start)?;
    Some(Excerpt { text: escaped(shown), column: escaped(head).chars().count() })
}
