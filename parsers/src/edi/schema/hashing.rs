//! Where codes and tags are looked for. The build lays the tables out by it, and reading looks there.
//!
//! In: a packed code, a tag. Out: a slot, a bit. Never: state.

/// The slot where the search for a code begins, in a list of so many slots: a power of two, half of them empty at
/// least. It goes on from slot to slot up to an empty one, from the last to the first.
pub(crate) fn slot(code: u64, slots: usize) -> usize {
    let spread = code.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    // The highest bits depend on all bytes of the code.
    let shift = u64::BITS - slots.trailing_zeros();
    usize::try_from(spread.checked_shr(shift).unwrap_or(0)).unwrap_or(0)
}

/// One of 128 bits that stands for a tag and for some others. A level that lacks the bit lacks the tag.
pub(crate) fn tag_bit(tag: u32) -> u128 {
    1 << (tag.wrapping_mul(0x9E37_79B1) >> 25)
}
