//! The masks of a word with AVX2: two comparisons of 32 bytes a delimiter.
//!
//! In and out: as [`super::index`]. Never: called on a processor without it.

use std::arch::x86_64::{
    __m256i, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set1_epi8,
};

use super::word::{Masks, WORD, append, index_by};
use super::{Carry, Index, Marks};

pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt")
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
pub(super) fn index(block: &[u8], base: u32, marks: &Marks, carry: &mut Carry, out: &mut Index) {
    let element = spread(marks.element);
    let segment = spread(marks.segment);
    let release = marks.effective_release().map(|byte| spread(byte));
    let [one, other] = marks.inner.map(|byte| spread(byte));
    let masks = |word: &[u8; WORD]| {
        let halves = load(word);
        Masks {
            element: equal(halves, element),
            segment: equal(halves, segment),
            release: release.map_or(0, |release| equal(halves, release)),
            odd: odd(halves),
            inner: equal(halves, one) | equal(halves, other),
        }
    };
    index_by(block, base, carry, out, (masks, append));
}

#[target_feature(enable = "avx2")]
fn spread(byte: u8) -> __m256i {
    _mm256_set1_epi8(byte.cast_signed())
}

#[target_feature(enable = "avx2")]
fn load(word: &[u8; WORD]) -> [__m256i; 2] {
    let (halves, _) = word.as_chunks::<32>();
    // SAFETY: a half is 32 bytes, as many as are read, and this load needs no alignment.
    [0, 1].map(|half| unsafe { _mm256_loadu_si256(halves[half].as_ptr().cast()) })
}

#[target_feature(enable = "avx2")]
fn equal([low, high]: [__m256i; 2], wanted: __m256i) -> u64 {
    bits([_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted)])
}

/// Compared as signed bytes, those above ASCII are below the blank.
#[target_feature(enable = "avx2")]
fn odd([low, high]: [__m256i; 2]) -> u64 {
    let blank = _mm256_set1_epi8(0x20);
    let delete = _mm256_set1_epi8(0x7F);
    bits([
        _mm256_or_si256(_mm256_cmpgt_epi8(blank, low), _mm256_cmpeq_epi8(low, delete)),
        _mm256_or_si256(_mm256_cmpgt_epi8(blank, high), _mm256_cmpeq_epi8(high, delete)),
    ])
}

#[target_feature(enable = "avx2")]
fn bits([low, high]: [__m256i; 2]) -> u64 {
    let low = u64::from(_mm256_movemask_epi8(low).cast_unsigned());
    let high = u64::from(_mm256_movemask_epi8(high).cast_unsigned());
    (high << 32) | low
}
