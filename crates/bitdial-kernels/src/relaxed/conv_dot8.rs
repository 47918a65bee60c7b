//! u8 x i8 convolution on 8-bit products.

use super::dot::ExactDot;
use super::quads::{Form, LANES, Quads};
use crate::api::{self, ConvShape, I32Store, IntInput, IntWeights};
use crate::panels::{Block, Panels};
use crate::planes;
use crate::scratch::{Scratch, bytes_of};
use crate::simd128::sink::{IntLanes, IntSink};
use crate::simd128::tile::{Operands, Step, Sums, tile};
use crate::simd128::vector::{load_i32, load_u8};
use crate::walk::{Band, Tiles, Walk, sweep};
use core::arch::wasm32::{
    i8x16_splat, i16x8_add, i16x8_relaxed_dot_i8x16_i7x16, i16x8_splat, i32x4_add, i32x4_extadd_pairwise_i16x8, i32x4_extract_lane,
    i32x4_mul, i32x4_relaxed_dot_i8x16_i7x16_add, i32x4_splat, i32x4_sub, v128, v128_and, v128_load, v128_load32_splat,
};
use std::marker::PhantomData;

/// A way to multiply quads of activations and weights.
pub(crate) trait Product: Sync {
    const NAME: &'static str;
    /// Whether activations are read as signed: less 128.
    const SIGNED: bool;

    /// Whether it is exact for weights of this width.
    fn supports(weight_bits: u8) -> bool;

    /// What is added to weights.
    fn offset(weight_bits: u8) -> u8;

    /// The sums of `M` pixels, counted from `start`.
    ///
    /// # Safety
    /// As for [`tile`].
    unsafe fn tile<const M: usize>(operands: &Operands<u8>, windows: &[usize; M], start: [v128; 2]) -> Sums<M>;

    /// `sum + a`, four activations a lane.
    fn add(a: v128, sum: v128) -> v128;
}

/// Weights of any width, on a dot product that is exact for 8 bits.
pub(crate) struct Full<D>(PhantomData<D>);

impl<D: ExactDot> Step for Full<D> {
    #[inline(always)]
    fn step(a: v128, w: v128, sum: v128) -> v128 {
        D::dot(w, a, sum)
    }
}

impl<D: ExactDot + Sync> Product for Full<D> {
    const NAME: &'static str = D::NAME;
    const SIGNED: bool = D::SIGNED;

    fn supports(weight_bits: u8) -> bool {
        (1..=8).contains(&weight_bits)
    }

    fn offset(_: u8) -> u8 {
        0
    }

    #[inline(always)]
    unsafe fn tile<const M: usize>(operands: &Operands<u8>, windows: &[usize; M], start: [v128; 2]) -> Sums<M> {
        // SAFETY: the caller vouches for it.
        unsafe { tile::<Self, u8, M>(operands, windows, start) }
    }

    #[inline(always)]
    fn add(a: v128, sum: v128) -> v128 {
        D::dot(i8x16_splat(1), a, sum)
    }
}

/// Weights of at most `BITS` (4 or 5) bits, summed in 16 bits for as long as it is safe: one multiplication and one
/// addition for 16 products on every x86.
///
/// Weights are the second operand, counted from 0, so no machine reads their highest bit differently.
pub(crate) struct Narrow<const BITS: u8>;

impl<const BITS: u8> Narrow<BITS> {
    /// Pairs of products that fit 16 bits together, each at most `2 * 128 * (2^BITS - 1)`: 8 and 4 for 4 and 5 bits.
    const BURST: usize = i16::MAX as usize / (256 * ((1 << BITS) - 1));
}

impl<const BITS: u8> Product for Narrow<BITS> {
    const NAME: &'static str = if BITS == 4 { "conv-u8i4-4x8-dot8x2" } else { "conv-u8i5-4x8-dot8x2" };
    const SIGNED: bool = true;

    fn supports(weight_bits: u8) -> bool {
        (1..=BITS).contains(&weight_bits)
    }

    fn offset(weight_bits: u8) -> u8 {
        1 << (weight_bits - 1)
    }

    #[inline(always)]
    unsafe fn tile<const M: usize>(operands: &Operands<u8>, windows: &[usize; M], start: [v128; 2]) -> Sums<M> {
        let mut sums = [start; M];
        let mut weights = operands.weights;
        for &run in operands.runs {
            // SAFETY: the caller vouches for all of it; vectors need no alignment.
            unsafe {
                let mut from = windows.map(|window| operands.image.add(window + run));
                let mut left = operands.steps;
                while left > 0 {
                    let steps = left.min(Self::BURST);
                    left -= steps;
                    let mut pairs = [[i16x8_splat(0); 2]; M];
                    for _ in 0..steps {
                        let w = [v128_load(weights.cast()), v128_load(weights.add(16).cast())];
                        weights = weights.add(32);
                        for (from, pairs) in from.iter_mut().zip(&mut pairs) {
                            let a = v128_load32_splat(from.cast());
                            *from = from.add(4);
                            *pairs = [0, 1].map(|i| i16x8_add(pairs[i], i16x8_relaxed_dot_i8x16_i7x16(a, w[i])));
                        }
                    }
                    for (sums, pairs) in sums.iter_mut().zip(pairs) {
                        *sums = [0, 1].map(|i| i32x4_add(sums[i], i32x4_extadd_pairwise_i16x8(pairs[i])));
                    }
                }
            }
        }
        sums
    }

    #[inline(always)]
    fn add(a: v128, sum: v128) -> v128 {
        i32x4_relaxed_dot_i8x16_i7x16_add(a, i8x16_splat(1), sum)
    }
}

/// Packed and unpacked as [`super::quads`] does it.
pub(crate) struct Conv<P>(PhantomData<P>);

impl<P: Product> Conv<P> {
    pub const NEW: Self = Self(PhantomData);

    fn form(weight_bits: u8) -> Form {
        let bits = planes::width(weight_bits);
        Form { bits, offset: P::offset(bits) }
    }
}

impl<P: Product> api::ConvI8 for Conv<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn supports(&self, _: &ConvShape, weight_bits: u8, _: u8) -> bool {
        P::supports(weight_bits)
    }

    fn pack(&self, shape: &ConvShape, weights: &IntWeights) -> Vec<u8> {
        Self::form(weights.bits).pack(&Panels::new(shape, LANES), weights, shape.row_len())
    }

    fn panel_len(&self, shape: &ConvShape, weight_bits: u8) -> usize {
        Self::form(weight_bits).panel_len(&Panels::new(shape, LANES))
    }

    fn unpack(&self, shape: &ConvShape, packed: &[u8], weight_bits: u8, panels: &mut [u8]) {
        Self::form(weight_bits).unpack(&Panels::new(shape, LANES), packed, panels);
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        let layout = Panels::new(shape, LANES);
        let sink = IntSink::scratch_len(layout.padded_channels());
        Walk::<u8>::scratch_len(shape) + Walk::<u8>::runs_len(shape) + bytes_of::<i32>(Walk::<u8>::pixels(shape)) + sink
    }

    fn run(&self, shape: &ConvShape, panels: &[u8], input: &IntInput, scratch: &mut [u8], store: &mut I32Store) {
        let layout = Panels::new(shape, LANES);
        let quads = Quads::new(&layout, panels);
        let mut scratch = Scratch::new(scratch);
        let mut walk = Walk::<u8>::new(shape, &mut scratch);
        let runs = walk.runs(&mut scratch);
        let window_sums = scratch.take::<i32>(Walk::<u8>::pixels(shape));
        let flip = if P::SIGNED { 0x80 } else { 0 };
        let z = i32::from(input.zero_point) - i32::from(flip);
        let base = |block: &Block, n: usize| input.bias[block.channel + n].wrapping_add(quads.base(block, n, z, shape.row_len()));
        let mut sink = IntSink::new(layout.blocks(), base, store, shape.output[2], &mut scratch);
        let corrected = quads.any_zero();
        let mut see = |band: Band<u8>| {
            for block in layout.blocks() {
                let image = &band.copy[block.group * layout.geometry.group_in..];
                if corrected && block.index % layout.blocks == 0 {
                    for (sum, &window) in window_sums.iter_mut().zip(band.windows) {
                        *sum = window_sum::<P>(image, window, runs, layout.geometry.run);
                    }
                }
                let weights = quads.block(&block).as_ptr();
                let operands = Operands { image: image.as_ptr(), runs, steps: layout.steps, weights };
                let (lanes, first) = (sink.lanes(block), band.pixels.start);
                let zeros = quads.zeros(&block);
                let (zeros, _) = zeros.as_chunks();
                let correction = corrected.then(|| Correction { zeros: [load_i32(&zeros[0]), load_i32(&zeros[1])], sums: window_sums });
                sweep(band.windows, &mut BlockTiles::<P> { operands, lanes, correction, sink: &mut sink, first, product: PhantomData });
            }
        };
        // Sums of windows read whole vectors, a run's last step whole quads: past the end of an image without a copy.
        if !P::SIGNED && !corrected && layout.geometry.run.is_multiple_of(LANES) && walk.is_borderless() {
            walk.in_place(input.image, &mut see);
        } else {
            walk.bands(input.image, input.zero_point ^ flip, |q: u8| q ^ flip, &mut see);
        }
    }
}

/// The sum of a window's activations.
#[inline(always)]
fn window_sum<P: Product>(image: &[u8], window: usize, runs: &[usize], run: usize) -> i32 {
    /// From byte `16 - n`: a mask of `n` bytes.
    static MASK: [u8; 32] = {
        let mut mask = [0; 32];
        let (first, _) = mask.split_at_mut(16);
        first.copy_from_slice(&[0xFF; 16]);
        mask
    };
    let (whole, rest) = (run / 16, run % 16);
    let mask = load_u8(MASK[16 - rest..].first_chunk().expect("16 bytes follow"));
    let mut sum = i32x4_splat(0);
    for &start in runs {
        // The copy of a band is long enough for a whole vector at its last element.
        let (vectors, last) = image[window + start..][..16 * whole + 16].as_chunks().0.split_at(whole);
        for a in vectors {
            sum = P::add(load_u8(a), sum);
        }
        sum = P::add(v128_and(load_u8(&last[0]), mask), sum);
    }
    i32x4_extract_lane::<0>(sum) + i32x4_extract_lane::<1>(sum) + i32x4_extract_lane::<2>(sum) + i32x4_extract_lane::<3>(sum)
}

/// `Z * sum A`, which is to be subtracted.
struct Correction<'a> {
    zeros: [v128; 2],
    /// Sums of the windows of the band.
    sums: &'a [i32],
}

/// The pixels of a band times a block of channels.
struct BlockTiles<'a, 'b, 'c, P> {
    operands: Operands<'a, u8>,
    lanes: IntLanes,
    correction: Option<Correction<'c>>,
    sink: &'c mut IntSink<'a, 'b>,
    first: usize,
    product: PhantomData<P>,
}

impl<P: Product> Tiles for BlockTiles<'_, '_, '_, P> {
    #[inline(always)]
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]) {
        // SAFETY: windows and runs are those of the band's copy, which has room for a run's last step past its end;
        // the weights are those of a whole block.
        let mut sums = unsafe { P::tile(&self.operands, windows, self.lanes.base) };
        if let Some(correction) = &self.correction {
            for (sums, &window) in sums.iter_mut().zip(&correction.sums[first..]) {
                *sums = [0, 1].map(|i| i32x4_sub(sums[i], i32x4_mul(i32x4_splat(window), correction.zeros[i])));
            }
        }
        self.sink.put(&self.lanes, self.first + first, sums);
    }
}
