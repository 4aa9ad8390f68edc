//! The masks of a word with AVX-512: one comparison of 64 bytes a delimiter, and offsets written without a loop.
//!
//! In and out: as [`super::index`]. Never: called on a processor without it.

use std::arch::x86_64::{
    __m128i, __m512i, _mm512_add_epi32, _mm512_castsi512_si128, _mm512_cmpeq_epi8_mask,
    _mm512_cmpgt_epu8_mask, _mm512_cvtepu8_epi32, _mm512_extracti32x4_epi32, _mm512_loadu_si512,
    _mm512_maskz_compress_epi8, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_storeu_si512,
    _mm512_sub_epi8,
};
use std::mem::MaybeUninit;

use super::word::{Masks, WORD, index_by};
use super::{Carry, Index, Marks};

/// 32-bit lanes of a register.
const LANES: usize = 16;

pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt")
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,popcnt")]
pub(super) fn index(block: &[u8], base: u32, marks: &Marks, carry: &mut Carry, out: &mut Index) {
    let spread = |byte: u8| _mm512_set1_epi8(byte.cast_signed());
    let element = spread(marks.element);
    let segment = spread(marks.segment);
    let release = marks.effective_release().map(spread);
    let inner = marks.inner.map(spread);
    let (blank, printable) = (spread(0x20), spread(0x7E - 0x20));
    let masks = |word: &[u8; WORD]| {
        let word = load(word);
        Masks {
            element: _mm512_cmpeq_epi8_mask(word, element),
            segment: _mm512_cmpeq_epi8_mask(word, segment),
            release: release.map_or(0, |release| _mm512_cmpeq_epi8_mask(word, release)),
            odd: _mm512_cmpgt_epu8_mask(_mm512_sub_epi8(word, blank), printable),
            inner: _mm512_cmpeq_epi8_mask(word, inner[0]) | _mm512_cmpeq_epi8_mask(word, inner[1]),
        }
    };
    let numbers = load(&PLACES);
    let append = |marks: &mut Vec<u32>, mask, at| append(marks, mask, at, numbers);
    index_by(block, base, carry, out, (masks, append));
}

/// The places of a word, each in its byte.
const PLACES: [u8; WORD] = {
    let mut places = [0; WORD];
    let mut place = 0_u8;
    while (place as usize) < WORD {
        places[place as usize] = place;
        place += 1;
    }
    places
};

#[target_feature(enable = "avx512f")]
fn load(word: &[u8; WORD]) -> __m512i {
    // SAFETY: a word is 64 bytes, as many as are read, and this load needs no alignment.
    unsafe { _mm512_loadu_si512(word.as_ptr().cast()) }
}

/// Appends the offset of each bit, lowest first: the places of the bits are moved together, and widened 16 at a time.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
fn append(marks: &mut Vec<u32>, mask: u64, at: u32, places: __m512i) {
    let length = mask.count_ones() as usize;
    marks.reserve(WORD);
    let Some(spare) = marks.spare_capacity_mut().first_chunk_mut::<WORD>() else { return };
    let (quarters, _) = spare.as_chunks_mut::<LANES>();
    let [first, second, third, fourth] = quarters else { return };
    let places = _mm512_maskz_compress_epi8(mask, places);
    // A word has a dozen separators and rarely more than 16: most of what follows is skipped.
    store(first, _mm512_castsi512_si128(places), at);
    if length > LANES {
        store(second, _mm512_extracti32x4_epi32::<1>(places), at);
        if length > 2 * LANES {
            store(third, _mm512_extracti32x4_epi32::<2>(places), at);
            store(fourth, _mm512_extracti32x4_epi32::<3>(places), at);
        }
    }
    // SAFETY: a mask has at most 64 bits, so many are reserved, and each quarter that they reach into was written.
    unsafe { marks.set_len(marks.len() + length) }
}

#[target_feature(enable = "avx512f")]
fn store(quarter: &mut [MaybeUninit<u32>; LANES], places: __m128i, at: u32) {
    let offsets =
        _mm512_add_epi32(_mm512_cvtepu8_epi32(places), _mm512_set1_epi32(at.cast_signed()));
    // SAFETY: a quarter is 64 bytes, as many as are written, and this store needs no alignment.
    unsafe { _mm512_storeu_si512(quarter.as_mut_ptr().cast(), offsets) }
}
