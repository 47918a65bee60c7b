//! 1-bit convolution: `xor` and count, 32 products of four channels a vector. See [`crate::signs`].

use super::sink::{IntLanes, IntSink};
use super::tile::{Operands, Sums};
use super::vector::load_u8;
use crate::api::{self, ConvShape, I32Store, IntInput, IntWeights};
use crate::panels::{Block, Panels};
use crate::part::Part;
use crate::scratch::{Scratch, bytes_of};
use crate::signs;
use crate::walk::{Tiles, Walk, sweep};
use core::arch::wasm32::{
    i8x16_add, i8x16_bitmask, i8x16_popcnt, i32x4_add, u8x16_splat, u16x8_extadd_pairwise_u8x16, u16x8_shl, u32x4_extadd_pairwise_u16x8,
    v128, v128_and, v128_load, v128_load32_splat, v128_xor,
};

/// Bytes of a step that belong to one channel.
const LANES: usize = 4;
/// Steps whose counts, at most 8 each, fit 8 bits.
const BURST: usize = 31;

/// Packed: the number of ones of each output channel as i32, then sign bits in panel order, which are the panels.
pub(crate) struct Conv;

/// The order of weights.
fn layout(shape: &ConvShape) -> Panels {
    Panels::new(&signs::bytes_shape(shape), LANES)
}

impl api::ConvI8 for Conv {
    fn name(&self) -> &'static str {
        "conv-u1i1-4x8-popcnt"
    }

    fn supports(&self, _: &ConvShape, weight_bits: u8, activation_high: u8) -> bool {
        weight_bits == 1 && activation_high <= 1
    }

    fn pack(&self, shape: &ConvShape, weights: &IntWeights) -> Vec<u8> {
        let (layout, signs) = (layout(shape), signs::pack_weights(shape, weights));
        let row = signs::bytes_shape(shape).row_len().max(1);
        let mut packed = Vec::with_capacity(4 * shape.output[2] + layout.len());
        for row in signs.chunks_exact(row) {
            packed.extend(row.iter().map(|byte| byte.count_ones()).sum::<u32>().to_le_bytes());
        }
        let head = packed.len();
        packed.resize(head + layout.len(), 0);
        layout.arrange(&signs, |_| 0, |byte| byte, &mut packed[head..]);
        packed
    }

    fn panel_len(&self, _: &ConvShape, _: u8) -> usize {
        0
    }

    fn unpack(&self, _: &ConvShape, _: &[u8], _: u8, _: &mut [u8]) {}

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        let bytes = signs::bytes_shape(shape);
        let sink = IntSink::scratch_len(layout(shape).padded_channels());
        Walk::<u8>::scratch_len(&bytes) + Walk::<u8>::runs_len(&bytes) + bytes_of::<u8>(signs::image_len(shape)) + sink
    }

    fn run(&self, shape: &ConvShape, panels: &[u8], input: &IntInput, scratch: &mut [u8], store: &mut I32Store) {
        let (bytes, layout) = (signs::bytes_shape(shape), layout(shape));
        let (head, weights) = panels.split_at(4 * shape.output[2]);
        let weights = &weights[..layout.len()];
        let mut scratch = Scratch::new(scratch);
        let image = scratch.take::<u8>(signs::image_len(shape));
        if Part::moves() {
            signs::pack_image(shape, input.image, input.zero_point, image, octets);
        }
        let mut walk = Walk::<u8>::new(&bytes, &mut scratch);
        let runs = walk.runs(&mut scratch);
        let (ones, _) = head.as_chunks::<4>();
        let base = |block: &Block, n: usize| {
            let c = block.channel + n;
            input.bias[c].wrapping_add(signs::base(shape, i32::from_le_bytes(ones[c]), input.zero_point))
        };
        let mut sink = IntSink::new(layout.blocks(), base, store, shape.output[2], &mut scratch);
        let last = last_mask(layout.geometry.run);
        walk.bands(image, signs::border(input.zero_point), |byte| byte, &mut |band| {
            for block in layout.blocks() {
                let operands = Operands {
                    image: band.copy[block.group * layout.geometry.group_in..].as_ptr(),
                    runs,
                    steps: layout.steps,
                    weights: weights[block.index * layout.block_len()..].as_ptr(),
                };
                let lanes = sink.lanes(block);
                sweep(band.windows, &mut BlockTiles { operands, last, lanes, sink: &mut sink, first: band.pixels.start });
            }
        });
    }
}

/// A mask for the last step of a run of so many bytes: what follows them is not the run's.
fn last_mask(run: usize) -> v128 {
    let rest = (run + LANES - 1) % LANES;
    load_u8(&std::array::from_fn(|i| if i % LANES <= rest { u8::MAX } else { 0 }))
}

/// See [`signs::octets`].
fn octets(from: &[u8], to: &mut [u8]) {
    let (pairs, _) = to.as_chunks_mut::<2>();
    let vectors = pairs.len();
    for (to, from) in pairs.iter_mut().zip(from.as_chunks().0) {
        // Of each byte the lowest bit becomes the highest one, whatever lies between.
        *to = i8x16_bitmask(u16x8_shl(load_u8(from), 7)).to_le_bytes();
    }
    signs::octets(&from[16 * vectors..], &mut to[2 * vectors..]);
}

/// The pixels of a band times a block of channels.
struct BlockTiles<'a, 'b, 'c> {
    operands: Operands<'a, u8>,
    last: v128,
    lanes: IntLanes,
    sink: &'c mut IntSink<'a, 'b>,
    first: usize,
}

impl Tiles for BlockTiles<'_, '_, '_> {
    #[inline(always)]
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]) {
        // SAFETY: windows and runs are those of the band's copy, which has room for a run's last step past its end;
        // the weights are those of a whole block.
        let sums = unsafe { tile(&self.operands, self.last, windows, self.lanes.base) };
        self.sink.put(&self.lanes, self.first + first, sums);
    }
}

/// Counts of `M` pixels, counted from `start`.
///
/// # Safety
/// As for [`super::tile::tile`].
#[inline(always)]
unsafe fn tile<const M: usize>(operands: &Operands<u8>, last: v128, windows: &[usize; M], start: [v128; 2]) -> Sums<M> {
    let mut sums = [start; M];
    let mut weights = operands.weights;
    for &run in operands.runs {
        // SAFETY: the caller vouches for all of it; vectors need no alignment.
        unsafe {
            let mut from = windows.map(|window| operands.image.add(window + run));
            let mut left = operands.steps;
            while left > 0 {
                let steps = left.min(BURST);
                left -= steps;
                let mut counts = [[u8x16_splat(0); 2]; M];
                let mut step = |mask: Option<v128>| {
                    let w = [v128_load(weights.cast()), v128_load(weights.add(16).cast())];
                    weights = weights.add(32);
                    for (from, counts) in from.iter_mut().zip(&mut counts) {
                        let a = v128_load32_splat(from.cast());
                        let a = mask.map_or(a, |mask| v128_and(a, mask));
                        *from = from.add(LANES);
                        *counts = [0, 1].map(|i| i8x16_add(counts[i], i8x16_popcnt(v128_xor(a, w[i]))));
                    }
                };
                for _ in 1..steps {
                    step(None);
                }
                step((left == 0).then_some(last));
                for (sums, counts) in sums.iter_mut().zip(counts) {
                    let wide = counts.map(|counts| u32x4_extadd_pairwise_u16x8(u16x8_extadd_pairwise_u8x16(counts)));
                    *sums = [0, 1].map(|i| i32x4_add(sums[i], wide[i]));
                }
            }
        }
    }
    sums
}
