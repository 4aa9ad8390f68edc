//! The index, 64 bytes at a time: what a word's bytes are stands in four masks, and the rest is arithmetic on bits.
//!
//! In: the masks of each word, from whoever makes them fastest. Out: as [`super::index`]. Never: a branch on a byte.
//! [`index`] makes the masks with the arithmetic of any processor.

use super::scalar::count;
use super::{Carry, End, INNER, Index, Marks, ODD, RELEASED};

/// Bytes of a word.
pub(super) const WORD: usize = 64;
/// The same, as offsets count.
const WORD_OFFSET: u32 = u64::BITS;

/// One bit a byte of a word, the first byte lowest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Masks {
    pub(super) element: u64,
    pub(super) segment: u64,
    pub(super) release: u64,
    /// Outside 0x20..=0x7E.
    pub(super) odd: u64,
    /// One of the separators within elements.
    pub(super) inner: u64,
}

impl Masks {
    /// Without what lies after the first `length` bytes.
    fn cut(self, length: usize) -> Self {
        let kept = !(!0_u64).checked_shl(u32::try_from(length).unwrap_or(u32::MAX)).unwrap_or(0);
        Self {
            element: self.element & kept,
            segment: self.segment & kept,
            release: self.release & kept,
            odd: self.odd & kept,
            inner: self.inner & kept,
        }
    }
}

/// Makes masks of words.
pub(super) fn index(block: &[u8], base: u32, marks: &Marks, carry: &mut Carry, out: &mut Index) {
    let wanted = Wanted::of(marks);
    index_by(block, base, carry, out, (|word: &[u8; WORD]| wanted.masks(word), append));
}

/// Indexes a block with what makes the masks of a word, and what appends the offsets of a mask's bits.
///
/// Always inlined, so that both become part of a function that is compiled for one processor.
#[inline(always)]
pub(super) fn index_by(
    block: &[u8],
    base: u32,
    carry: &mut Carry,
    out: &mut Index,
    (masks, append): (impl Fn(&[u8; WORD]) -> Masks, impl Fn(&mut Vec<u32>, u64, u32)),
) {
    let (words, rest) = block.as_chunks::<WORD>();
    let mut at = base;
    for word in words {
        let masks = masks(word);
        let (released, next) = released(masks.release, carry.released);
        carry.released = next;
        place(masks, released, at, carry, out, &append);
        at = at.wrapping_add(WORD_OFFSET);
    }
    if !rest.is_empty() {
        let mut word = [0; WORD];
        word[..rest.len()].copy_from_slice(rest);
        let masks = masks(&word).cut(rest.len());
        let (released, _) = released(masks.release, carry.released);
        carry.released = (released >> rest.len()) & 1 == 1;
        place(masks, released, at, carry, out, &append);
    }
}

/// The bytes that follow an odd run of release characters, and whether the byte after the word does. `before`: the byte
/// before the word released its first.
///
/// A run's first bit, added to the run, carries over its end: the sum has a bit right after it. A run is odd where that
/// bit and its first one have places of different parity. So the runs that begin at even places and those that begin
/// at odd ones are added apart, and of each sum the bits at the other places count.
#[inline(always)]
fn released(release: u64, before: bool) -> (u64, bool) {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    if release == 0 {
        return (u64::from(before), false);
    }
    // A released release character is data and begins no run.
    let active = release & !u64::from(before);
    let first = active & !(active << 1);
    let after_even = active.wrapping_add(first & EVEN) & !active;
    // A run from an odd place to the end of the word is odd: its carry leaves the word.
    let (after_odd, next) = active.overflowing_add(first & !EVEN);
    let after_odd = after_odd & !active;
    ((after_even & !EVEN) | (after_odd & EVEN) | u64::from(before), next)
}

/// Writes what the masks say of the word at `at`.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one word's step of a loop, inlined into it")]
fn place(
    masks: Masks,
    released: u64,
    at: u32,
    carry: &mut Carry,
    out: &mut Index,
    append: &impl Fn(&mut Vec<u32>, u64, u32),
) {
    let segment = masks.segment & !released;
    let element = masks.element & !released & !segment;
    let odd = masks.odd & !segment;
    let inner = masks.inner & !segment;
    let written = count(&out.marks);
    append(&mut out.marks, element, at);
    let mut open = !0_u64;
    let mut left = segment;
    while left != 0 {
        let before = left.wrapping_sub(1) & !left;
        out.ends.push(End {
            at: at.wrapping_add(left.trailing_zeros()),
            marks: written.wrapping_add((element & before).count_ones()),
            flags: carry.flags | flags([odd, masks.release, inner], before & open),
        });
        carry.flags = 0;
        left &= left - 1;
        open = !before << 1;
    }
    carry.flags |= flags([odd, masks.release, inner], open);
}

#[inline(always)]
fn flags(seen: [u64; 3], within: u64) -> u8 {
    let [odd, release, inner] = seen.map(|mask| u8::from(mask & within != 0));
    (odd * ODD) | (release * RELEASED) | (inner * INNER)
}

/// Appends the offset of each bit, lowest first.
#[inline(always)]
pub(super) fn append(marks: &mut Vec<u32>, mut mask: u64, at: u32) {
    while mask != 0 {
        marks.push(at.wrapping_add(mask.trailing_zeros()));
        mask &= mask - 1;
    }
}

/// The delimiters, each in all eight bytes of a register.
struct Wanted {
    element: u64,
    segment: u64,
    release: Option<u64>,
    inner: [u64; 2],
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

impl Wanted {
    fn of(marks: &Marks) -> Self {
        let spread = |byte: u8| u64::from(byte) * ONES;
        Self {
            element: spread(marks.element),
            segment: spread(marks.segment),
            release: marks.effective_release().map(spread),
            inner: marks.inner.map(spread),
        }
    }

    #[inline(always)]
    fn masks(&self, word: &[u8; WORD]) -> Masks {
        let mut masks = Masks { element: 0, segment: 0, release: 0, odd: 0, inner: 0 };
        let (parts, _) = word.as_chunks::<8>();
        for part in parts.iter().rev() {
            let part = u64::from_le_bytes(*part);
            masks.element = (masks.element << 8) | gathered(equal(part, self.element));
            masks.segment = (masks.segment << 8) | gathered(equal(part, self.segment));
            masks.odd = (masks.odd << 8) | gathered(odd(part));
            let [one, other] = self.inner.map(|inner| equal(part, inner));
            masks.inner = (masks.inner << 8) | gathered(one | other);
            if let Some(release) = self.release {
                masks.release = (masks.release << 8) | gathered(equal(part, release));
            }
        }
        masks
    }
}

/// The high bit of each byte that equals its counterpart. Exact: no carry leaves a byte.
#[inline(always)]
fn equal(part: u64, wanted: u64) -> u64 {
    let difference = part ^ wanted;
    !((difference & !HIGHS).wrapping_add(!HIGHS) | difference) & HIGHS
}

/// The high bit of each byte outside 0x20..=0x7E.
#[inline(always)]
fn odd(part: u64) -> u64 {
    let low = part & !HIGHS;
    // The high bit of a byte of seven bits: from 0x20 on, and from 0x7F on.
    let printable = low.wrapping_add(0x60 * ONES);
    let delete = low.wrapping_add(ONES);
    (!printable | delete | part) & HIGHS
}

/// The high bits of eight bytes in one byte, the first byte's lowest.
#[inline(always)]
fn gathered(highs: u64) -> u64 {
    (highs >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}
