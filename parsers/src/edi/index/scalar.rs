//! The index, byte by byte: the specification that every other variant is held against.
//!
//! In and out: as [`super::index`]. Never: faster at the cost of being plain.

use super::{Carry, End, INNER, Index, Marks, ODD, RELEASED};

pub(super) fn index(block: &[u8], base: u32, marks: &Marks, carry: &mut Carry, out: &mut Index) {
    let release = marks.effective_release();
    let mut at = base;
    for &byte in block {
        let is_release = Some(byte) == release;
        let is_released = carry.released;
        // A released release character is data: what counts is parity (ISO 9735-1, 5.1 d).
        carry.released = is_release && !is_released;
        if byte == marks.segment && !is_released {
            out.ends.push(End { at, marks: count(&out.marks), flags: carry.flags });
            carry.flags = 0;
        } else {
            if byte == marks.element && !is_released {
                out.marks.push(at);
            }
            carry.flags |= if matches!(byte, 0x20..=0x7E) { 0 } else { ODD };
            carry.flags |= if is_release { RELEASED } else { 0 };
            carry.flags |= if marks.inner.contains(&byte) { INNER } else { 0 };
        }
        at = at.wrapping_add(1);
    }
}

/// How many separators were written. The list is emptied with each block, and offsets are of 32 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "counts like the offsets, which are of 32 bits"
)]
pub(super) fn count(marks: &[u32]) -> u32 {
    marks.len() as u32
}
