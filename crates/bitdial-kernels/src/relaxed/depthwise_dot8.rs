//! u8 x i8 depthwise convolution on an exact 8-bit dot product: the taps of a window's column are one operand.

use super::conv_dot8::Full;
use super::dot::ExactDot;
use super::quads::{Form, LANES, Quads};
use crate::api::{self, ConvShape, I32Store, IntInput, IntWeights};
use crate::panels::{Block, CHANNELS, Panels};
use crate::planes;
use crate::scratch::{Scratch, bytes_of};
use crate::simd128::depthwise::{self, Correction, Factors, in_elements, panels};
use crate::simd128::sink::IntSink;
use crate::simd128::strip::{Column, Pack, store};
use crate::simd128::vector::load_i32;
use core::arch::wasm32::{i8x16_shuffle, u8x16_splat, v128, v128_load, v128_xor};
use std::marker::PhantomData;

/// Elements of four bytes: activations as the dot product reads them.
struct Bytes {
    flip: v128,
}

impl Pack for Bytes {
    type Value = u8;
    const TAPS: usize = LANES;

    #[inline(always)]
    unsafe fn pack(&self, rows: [*const u8; 4], column: &mut Column) {
        // SAFETY: the caller vouches for it; vectors need no alignment.
        let [a, b, c, d] = rows.map(|row| v128_xor(unsafe { v128_load(row.cast()) }, self.flip));
        let (ab, cd) = (low_bytes(a, b), low_bytes(c, d));
        store::<0>(column, low_pairs(ab, cd));
        store::<1>(column, high_pairs(ab, cd));
        let (ab, cd) = (high_bytes(a, b), high_bytes(c, d));
        store::<2>(column, low_pairs(ab, cd));
        store::<3>(column, high_pairs(ab, cd));
    }
}

/// The bytes of the first halves in turn.
#[inline(always)]
fn low_bytes(a: v128, b: v128) -> v128 {
    i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b)
}

/// The bytes of the second halves in turn.
#[inline(always)]
fn high_bytes(a: v128, b: v128) -> v128 {
    i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b)
}

/// The pairs of bytes of the first halves in turn.
#[inline(always)]
fn low_pairs(a: v128, b: v128) -> v128 {
    i8x16_shuffle::<0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23>(a, b)
}

/// The pairs of bytes of the second halves in turn.
#[inline(always)]
fn high_pairs(a: v128, b: v128) -> v128 {
    i8x16_shuffle::<8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31>(a, b)
}

/// Packed and unpacked as [`super::quads`] does it, with the taps of a window in the order of its elements.
pub(crate) struct Conv<D>(PhantomData<D>);

impl<D> Conv<D> {
    pub const NEW: Self = Self(PhantomData);
}

/// Weights as they are.
fn form(bits: u8) -> Form {
    Form { bits: planes::width(bits), offset: 0 }
}

/// For each element of a block, eight channels, four taps: 1 where a window has one.
fn ones<'a>(shape: &ConvShape, panels: &Panels, scratch: &mut Scratch<'a>) -> &'a [u8] {
    let ones = scratch.take::<u8>(panels.block_len());
    let (elements, _) = ones.as_chunks_mut::<{ CHANNELS * LANES }>();
    for (i, element) in elements.iter_mut().enumerate() {
        let first = i / shape.kernel[1] * LANES;
        for (tap, one) in element.iter_mut().enumerate() {
            *one = u8::from(first + tap % LANES < shape.kernel[0]);
        }
    }
    ones
}

impl<D: ExactDot + Sync> api::ConvI8 for Conv<D> {
    fn name(&self) -> &'static str {
        D::DEPTHWISE
    }

    fn supports(&self, shape: &ConvShape, weight_bits: u8, _: u8) -> bool {
        depthwise::supports(shape, LANES) && (1..=8).contains(&weight_bits)
    }

    fn pack(&self, shape: &ConvShape, weights: &IntWeights) -> Vec<u8> {
        let values = in_elements(shape, LANES, weights.values, |_| 0);
        let row = values.len() / shape.output[2].max(1);
        form(weights.bits).pack(&panels(shape, LANES), &IntWeights { values: &values, ..*weights }, row)
    }

    fn panel_len(&self, shape: &ConvShape, weight_bits: u8) -> usize {
        form(weight_bits).panel_len(&panels(shape, LANES))
    }

    fn unpack(&self, shape: &ConvShape, packed: &[u8], weight_bits: u8, out: &mut [u8]) {
        form(weight_bits).unpack(&panels(shape, LANES), packed, out);
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        let panels = panels(shape, LANES);
        let sink = IntSink::scratch_len(panels.padded_channels());
        depthwise::scratch_len::<Bytes>(shape) + bytes_of::<u8>(panels.block_len()) + sink
    }

    fn run(&self, shape: &ConvShape, weights: &[u8], input: &IntInput, scratch: &mut [u8], store: &mut I32Store) {
        let panels = panels(shape, LANES);
        let quads = Quads::new(&panels, weights);
        let mut scratch = Scratch::new(scratch);
        let flip = if D::SIGNED { 0x80 } else { 0 };
        let z = i32::from(input.zero_point) - i32::from(flip);
        let base = |block: &Block, n: usize| input.bias[block.channel + n].wrapping_add(quads.base(block, n, z, shape.row_len()));
        let mut sink = IntSink::new(panels.blocks(), base, store, shape.output[2], &mut scratch);
        let ones = ones(shape, &panels, &mut scratch);
        let zeros = |block: &Block| {
            let zeros = quads.zeros(block);
            let (zeros, _) = zeros.as_chunks();
            [load_i32(&zeros[0]), load_i32(&zeros[1])]
        };
        let correction = quads.any_zero().then_some(Correction { ones, zeros: &zeros });
        let factors = Factors { weights: quads.weights(), correction };
        let bytes = Bytes { flip: u8x16_splat(flip) };
        depthwise::run::<_, Full<D>>(shape, bytes, (input.image, input.zero_point), &factors, &mut sink, &mut scratch);
    }
}
