//! The delimiter index: which bytes of a block have a meaning.
//!
//! In: blocks of an interchange in order, of any size, and the delimiters in force. Out: the offsets of element
//! separators and of segment terminators, in two lists that the caller owns and empties. Never: a look at what stands
//! between them, memory of an earlier block beyond a [`Carry`], an allocation once the lists have grown to their block.
//!
//! A file is read fastest in blocks that stay in the cache of a core together with their index: 64 KiB. `scalar` is
//! the specification, byte by byte; `word` does the same for 64 bytes at a time with bit masks, which `avx2` and
//! `avx512` make with instructions of the processor. All give the same lists for every input and every cut of it.
//!
//! # Clashes
//!
//! Delimiters should differ. Where they do not, the segment terminator wins: a byte that is terminator and element
//! separator ends segments and separates nothing, and a release character that is also a separator or the terminator
//! releases nothing.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "loads and stores of vector registers, and calls of what the processor was asked for"
    )
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;
#[cfg(test)]
mod tests;
mod word;

/// The delimiters in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Separates elements.
    pub element: u8,
    /// Ends a segment.
    pub segment: u8,
    /// Takes the meaning from the byte after it.
    pub release: Option<u8>,
    /// What divides elements further, component and repetition separator: only told that one is there. The same byte
    /// twice where there is one only.
    pub inner: [u8; 2],
}

impl Marks {
    /// The release character, unless another role of the same byte goes before.
    fn effective_release(&self) -> Option<u8> {
        self.release.filter(|release| *release != self.segment && *release != self.element)
    }
}

/// A byte outside 0x20..=0x7E stands between the previous terminator and this one, both excluded: a control character,
/// a line break after the previous terminator, or a byte above ASCII.
pub const ODD: u8 = 1;
/// A release character stands between the previous terminator and this one.
pub const RELEASED: u8 = 2;
/// One of [`Marks::inner`] stands between the previous terminator and this one, released or not.
pub const INNER: u8 = 4;

/// A segment terminator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct End {
    /// Its offset, counted as the caller counts.
    pub at: u32,
    /// How many element separators stood in [`Index::marks`] when it came: those of its segment are the ones from the
    /// previous end's number to this one.
    pub marks: u32,
    /// [`ODD`], [`RELEASED`] and [`INNER`].
    pub flags: u8,
}

/// Where the delimiters are, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    /// Offsets of element separators.
    pub marks: Vec<u32>,
    /// Segment terminators.
    pub ends: Vec<End>,
}

impl Index {
    /// Forgets the delimiters and keeps the memory.
    pub fn clear(&mut self) {
        self.marks.clear();
        self.ends.clear();
    }
}

/// What one block must know of the block before it. The default stands at the beginning of an interchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carry {
    /// The last byte was a release character that was not itself released: the next byte is data.
    released: bool,
    /// [`ODD`], [`RELEASED`] and [`INNER`], as far as seen since the last terminator.
    flags: u8,
}

/// A way to make the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// AVX-512 with VBMI2: 64 bytes in one comparison, and offsets written without a loop.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2: 64 bytes in two comparisons.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 64 bytes with the arithmetic of any processor.
    Word,
    /// Byte by byte: the specification.
    Scalar,
}

impl Variant {
    const FASTEST_FIRST: &[Self] = &[
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        Self::Word,
        Self::Scalar,
    ];

    /// Those that this processor has, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::FASTEST_FIRST.iter().copied().filter(|variant| variant.is_available())
    }

    /// Whether this processor has it. The standard library asks the processor once and remembers.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::is_available(),
            Self::Word | Self::Scalar => true,
        }
    }
}

/// Appends the delimiters of `block` to `out`, the fastest way that this processor has.
///
/// `base` is what the caller counts at the first byte of the block; offsets beyond `u32::MAX` begin at 0 again, so that
/// a caller who wants them all keeps its blocks below. `carry` is what the block before left, and is left for the next.
pub fn index(block: &[u8], base: u32, marks: &Marks, carry: &mut Carry, out: &mut Index) {
    let fastest = Variant::available().next().unwrap_or(Variant::Word);
    index_with(fastest, block, base, marks, carry, out);
}

/// As [`index`], in one way of many, so that they can be compared. A variant that this processor lacks is done as
/// [`Variant::Word`].
#[expect(clippy::too_many_arguments, reason = "index, and the variant")]
pub fn index_with(
    variant: Variant,
    block: &[u8],
    base: u32,
    marks: &Marks,
    carry: &mut Carry,
    out: &mut Index,
) {
    match variant {
        #[cfg(target_arch = "x86_64")]
        Variant::Avx512 if variant.is_available() => {
            // SAFETY: the processor has just said that it has the instructions.
            unsafe { avx512::index(block, base, marks, carry, out) }
        }
        #[cfg(target_arch = "x86_64")]
        Variant::Avx2 if variant.is_available() => {
            // SAFETY: the processor has just said that it has the instructions.
            unsafe { avx2::index(block, base, marks, carry, out) }
        }
        Variant::Scalar => scalar::index(block, base, marks, carry, out),
        _ => word::index(block, base, marks, carry, out),
    }
}
