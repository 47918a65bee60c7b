//! Takes packed integers apart, sixteen at a time.

use super::vector::load_u8;
use crate::planes::CHUNK;
use core::arch::wasm32::{u8x16_splat, u16x8_shl, u16x8_shr, v128, v128_and, v128_or};
use std::array::from_fn;

/// A chunk of packed integers as eight vectors.
type Chunk = [v128; CHUNK / 16];

/// The parts of a chunk in a plane of `PLANE` bits each, from `16 * PLANE` bytes.
#[inline(always)]
fn parts<const PLANE: usize>(packed: &[[u8; 16]]) -> Chunk {
    let (per_byte, mask) = (8 / PLANE, u8x16_splat(u8::MAX >> (8 - PLANE)));
    let bytes: [v128; PLANE] = from_fn(|i| load_u8(&packed[i]));
    from_fn(|i| match i % per_byte {
        0 => v128_and(bytes[i / per_byte], mask),
        part => v128_and(u16x8_shr(bytes[i / per_byte], (part * PLANE) as u32), mask),
    })
}

/// Unpacks a chunk of `BITS`-bit integers (below 8) from `16 * BITS` bytes.
fn chunk<const BITS: usize>(packed: &[[u8; 16]], out: &mut Chunk) {
    let packed = &packed[..BITS];
    let add = |low: Chunk, high: Chunk, shift: u32| -> Chunk { from_fn(|i| v128_or(low[i], u16x8_shl(high[i], shift))) };
    *out = match BITS {
        2 => parts::<2>(packed),
        3 => add(parts::<2>(packed), parts::<1>(&packed[2..]), 2),
        4 => parts::<4>(packed),
        5 => add(parts::<4>(packed), parts::<1>(&packed[4..]), 4),
        6 => add(parts::<4>(packed), parts::<2>(&packed[4..]), 4),
        _ => add(add(parts::<4>(packed), parts::<2>(&packed[4..]), 4), parts::<1>(&packed[6..]), 6),
    };
}

/// Calls `see(number, sixteen integers)` for all of `vectors` vectors of `bits`-bit integers.
#[inline(always)]
pub(crate) fn vectors(packed: &[u8], bits: u8, vectors: usize, mut see: impl FnMut(usize, v128)) {
    let (packed, _) = packed.as_chunks::<16>();
    let unpack = match bits {
        2 => chunk::<2>,
        3 => chunk::<3>,
        4 => chunk::<4>,
        5 => chunk::<5>,
        6 => chunk::<6>,
        7 => chunk::<7>,
        _ => {
            for (i, packed) in packed.iter().enumerate().take(vectors) {
                see(i, load_u8(packed));
            }
            return;
        }
    };
    let mut values = [u8x16_splat(0); CHUNK / 16];
    let mut first = 0;
    for packed in packed.chunks_exact(usize::from(bits)) {
        unpack(packed, &mut values);
        for (j, &v) in values.iter().enumerate().take(vectors - first) {
            see(first + j, v);
        }
        first = vectors.min(first + values.len());
    }
}
