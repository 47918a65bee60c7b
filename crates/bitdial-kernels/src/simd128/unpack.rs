//! Takes packed integers apart, sixteen at a time.

use super::vector::load_u8;
use crate::planes::CHUNK;
use core::arch::wasm32::{u8x16_splat, u16x8_shl, u16x8_shr, v128, v128_and, v128_or};

/// A chunk of packed integers as eight vectors.
type Chunk = [v128; CHUNK / 16];

/// Unpacks a chunk of `BITS`-bit integers (below 8) from `16 * BITS` bytes.
#[inline(always)]
fn chunk<const BITS: usize>(packed: &[[u8; 16]]) -> Chunk {
    let mut out = [u8x16_splat(0); CHUNK / 16];
    let (mut rest, mut shift) = (packed, 0);
    for plane in [4, 2, 1] {
        if BITS & plane != 0 {
            let (bytes, after) = rest.split_at(plane);
            let mask = u8x16_splat(u8::MAX >> (8 - plane));
            for (i, out) in out.iter_mut().enumerate() {
                let part = v128_and(u16x8_shr(load_u8(&bytes[i * plane / 8]), (i * plane % 8) as u32), mask);
                *out = v128_or(*out, u16x8_shl(part, shift));
            }
            (rest, shift) = (after, shift + plane as u32);
        }
    }
    out
}

/// Calls `see(number, sixteen integers)` for all of `vectors` vectors of `bits`-bit integers.
#[inline(always)]
pub(crate) fn vectors(packed: &[u8], bits: u8, vectors: usize, mut see: impl FnMut(usize, v128)) {
    let (packed, _) = packed.as_chunks::<16>();
    let mut chunks = |chunk: fn(&[[u8; 16]]) -> Chunk| {
        for (i, packed) in packed.chunks_exact(usize::from(bits)).enumerate() {
            let first = i * CHUNK / 16;
            for (j, v) in chunk(packed).into_iter().enumerate().take(vectors.saturating_sub(first)) {
                see(first + j, v);
            }
        }
    };
    match bits {
        2 => chunks(chunk::<2>),
        3 => chunks(chunk::<3>),
        4 => chunks(chunk::<4>),
        5 => chunks(chunk::<5>),
        6 => chunks(chunk::<6>),
        7 => chunks(chunk::<7>),
        _ => {
            for (i, packed) in packed.iter().enumerate().take(vectors) {
                see(i, load_u8(packed));
            }
        }
    }
}
