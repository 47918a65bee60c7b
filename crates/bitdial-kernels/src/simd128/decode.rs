//! Weights as f32 from the integers that they are kept as.

use super::vector::{load_u8, store_u8};
use crate::scalar::conv_i8::ints;
use bitdial_numerics::WeightParams;
use core::arch::wasm32::{i8x16_shuffle, u8x16_splat, u8x16_sub, u16x8_shr, v128, v128_and, v128_xor};

/// Integers that are taken out of the stream at once.
const CHUNK: usize = 256;

/// See [`crate::Elementwise::decode`].
pub(super) fn decode(packed: &[u8], grids: &[WeightParams], out: &mut [f32]) {
    let Some(bits) = grids.first().map(|grid| grid.bits) else { return };
    let row = (out.len() / grids.len()).max(1);
    let (mut done, mut buffer) = (0, [0; CHUNK]);
    for (out, packed) in out.chunks_mut(CHUNK).zip(packed.chunks(CHUNK / 8 * usize::from(bits))) {
        unpack(packed, bits, &mut buffer);
        let mut values = &buffer[..out.len()];
        let mut out = out;
        while !out.is_empty() {
            let (index, start) = (done / row, done % row);
            let len = out.len().min(row - start);
            let grid = grids[index.min(grids.len() - 1)];
            let (part, rest) = out.split_at_mut(len);
            for (y, &q) in part.iter_mut().zip(values) {
                *y = grid.dequantize(q as i8);
            }
            (out, values, done) = (rest, &values[len..], done + len);
        }
    }
}

/// Takes as many integers apart as the bytes hold.
fn unpack(packed: &[u8], bits: u8, values: &mut [u8; CHUNK]) {
    let mut whole = [0; CHUNK];
    whole[..packed.len()].copy_from_slice(packed);
    let (from, to) = (whole.as_chunks::<16>().0, values.as_chunks_mut::<16>().0);
    match bits {
        8 => values.copy_from_slice(&whole),
        4 => {
            for (from, to) in from.iter().zip(to.as_chunks_mut::<2>().0) {
                for (to, v) in to.iter_mut().zip(split(load_u8(from), 4)) {
                    store_u8(to, extend(v, 4));
                }
            }
        }
        2 => {
            for (from, to) in from.iter().zip(to.as_chunks_mut::<4>().0) {
                let pairs = split(load_u8(from), 4).map(|v| split(v, 2));
                for (to, v) in to.iter_mut().zip(pairs.into_iter().flatten()) {
                    store_u8(to, extend(v, 2));
                }
            }
        }
        _ => {
            for (value, q) in values.iter_mut().zip(ints(packed, bits)) {
                *value = q as u8;
            }
        }
    }
}

/// The low and the high `bits` bits of each byte in turn.
#[inline(always)]
fn split(v: v128, bits: u32) -> [v128; 2] {
    let mask = u8x16_splat((1 << bits) - 1);
    let (low, high) = (v128_and(v, mask), v128_and(u16x8_shr(v, bits), mask));
    [
        i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(low, high),
        i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(low, high),
    ]
}

/// Bytes with the sign of their `bits`-bit integers.
#[inline(always)]
fn extend(v: v128, bits: u32) -> v128 {
    let sign = u8x16_splat(1 << (bits - 1));
    u8x16_sub(v128_xor(v, sign), sign)
}
