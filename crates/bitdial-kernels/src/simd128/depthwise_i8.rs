//! u8 x i8 depthwise convolution, two taps a product: works on any machine.

use super::conv_dot16::{pack, panel_len, unpack};
use super::depthwise::{self, Factors, in_elements, panels};
use super::sink::IntSink;
use super::strip::{Column, Pack, store};
use super::tile::Dot16;
use crate::api::{self, ConvShape, I32Store, IntInput, IntWeights};
use crate::scratch::Scratch;
use core::arch::wasm32::{i16x8_shuffle, i16x8_splat, i16x8_sub, u16x8_extend_high_u8x16, u16x8_extend_low_u8x16, v128, v128_load};

/// Elements of two i16: values less their zero point.
struct Pairs {
    zero_point: v128,
}

impl Pack for Pairs {
    type Value = u8;
    const TAPS: usize = 2;

    #[inline(always)]
    unsafe fn pack(&self, [a, b, ..]: [*const u8; 4], column: &mut Column) {
        // SAFETY: the caller vouches for it; vectors need no alignment.
        let (a, b) = unsafe { (v128_load(a.cast()), v128_load(b.cast())) };
        let low = |v: v128| i16x8_sub(u16x8_extend_low_u8x16(v), self.zero_point);
        let high = |v: v128| i16x8_sub(u16x8_extend_high_u8x16(v), self.zero_point);
        store::<0>(column, i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(low(a), low(b)));
        store::<1>(column, i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(low(a), low(b)));
        store::<2>(column, i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(high(a), high(b)));
        store::<3>(column, i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(high(a), high(b)));
    }
}

/// Packed like [`super::conv_dot16`], with the taps of a window in the order of its elements; panels of i16.
pub(crate) struct Conv;

impl api::ConvI8 for Conv {
    fn name(&self) -> &'static str {
        "depthwise-u8i8-4x8-dot16"
    }

    fn supports(&self, shape: &ConvShape, weight_bits: u8, _: u8) -> bool {
        depthwise::supports(shape, Pairs::TAPS) && (1..=8).contains(&weight_bits)
    }

    fn pack(&self, shape: &ConvShape, weights: &IntWeights) -> Vec<u8> {
        let zero = |c: usize| weights.zero_points.get(c).copied().unwrap_or(0);
        let values = in_elements(shape, Pairs::TAPS, weights.values, zero);
        pack(&panels(shape, Pairs::TAPS), &IntWeights { values: &values, ..*weights })
    }

    fn panel_len(&self, shape: &ConvShape, weight_bits: u8) -> usize {
        panel_len(&panels(shape, Pairs::TAPS), weight_bits)
    }

    fn unpack(&self, shape: &ConvShape, packed: &[u8], weight_bits: u8, out: &mut [u8]) {
        unpack(&panels(shape, Pairs::TAPS), packed, weight_bits, out);
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        depthwise::scratch_len::<Pairs>(shape) + IntSink::scratch_len(panels(shape, Pairs::TAPS).padded_channels())
    }

    fn run(&self, shape: &ConvShape, weights: &[u8], input: &IntInput, scratch: &mut [u8], store: &mut I32Store) {
        let panels = panels(shape, Pairs::TAPS);
        let mut scratch = Scratch::new(scratch);
        let mut sink = IntSink::new(panels.blocks(), |block, n| input.bias[block.channel + n], store, shape.output[2], &mut scratch);
        let pairs = Pairs { zero_point: i16x8_splat(i16::from(input.zero_point)) };
        let factors = Factors { weights, correction: None };
        depthwise::run::<_, Dot16>(shape, pairs, (input.image, input.zero_point), &factors, &mut sink, &mut scratch);
    }
}
