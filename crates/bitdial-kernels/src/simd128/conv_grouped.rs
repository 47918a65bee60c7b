//! u8 x i8 convolution on weights in groups: 16-bit products, an f32 multiplication for each group.

use super::sink::F32Sink;
use super::tile::Sums;
use super::unpack;
use super::vector::{load_u8, store_u8};
use crate::api::{ConvShape, F32Store};
use crate::grouped::{ConvGrouped, GroupedInput, GroupedWeights, Segment, groups, segments};
use crate::panels::{Block, CHANNELS, Panels};
use crate::part::Part;
use crate::planes;
use crate::scratch::{Scratch, bytes_of};
use crate::walk::{Tiles, Walk, sweep};
use core::arch::wasm32::{
    f32x4_add, f32x4_convert_i32x4, f32x4_mul, f32x4_splat, i16x8_sub, i32x4_add, i32x4_dot_i16x8, i32x4_splat, u16x8_extend_high_u8x16,
    u16x8_extend_low_u8x16, v128, v128_load, v128_load32_splat,
};

/// Integers of a step that belong to one channel.
const LANES: usize = 2;
/// Codes of a step.
const STEP: usize = CHANNELS * LANES;

/// Packed: for each block and group eight scales (f32) and what stands for 0 (weights are counted from
/// `-2^(bits-1)`), then bit planes, `[block][segment][step][channel][lane]`. Panels: the scales, then the weights less
/// their zeros as i16.
pub(crate) struct Conv;

/// Steps of a block.
fn steps(shape: &ConvShape, group: usize) -> usize {
    segments(shape, group).map(|segment| segment.len.div_ceil(LANES)).sum()
}

/// Groups of all blocks.
fn all_groups(shape: &ConvShape, group: usize) -> usize {
    Panels::new(shape, LANES).all_blocks * groups(shape, group)
}

/// Which group each segment belongs to.
fn with_group(shape: &ConvShape, group: usize) -> impl Iterator<Item = (usize, Segment)> + use<> {
    segments(shape, group).map(move |segment| (segment.tap / group, segment))
}

impl ConvGrouped for Conv {
    fn name(&self) -> &'static str {
        "conv-u8i8-4x8-dot16-groups"
    }

    fn pack(&self, shape: &ConvShape, weights: &GroupedWeights) -> Vec<u8> {
        let (layout, row, group) = (Panels::new(shape, LANES), shape.row_len(), weights.group);
        let per_row = groups(shape, group);
        let bits = planes::width(weights.bits);
        let offset = 1u8 << (bits - 1);
        let (mut scales, mut zeros, mut codes) = (Vec::new(), Vec::new(), Vec::new());
        for block in layout.blocks() {
            let channel = |n: usize| (n < block.count).then_some(block.channel + n);
            for g in 0..per_row {
                for n in 0..CHANNELS {
                    let at = channel(n).map(|c| c * per_row + g);
                    scales.extend(at.map_or(0.0, |at| weights.scales[at]).to_le_bytes());
                    zeros.push(at.map_or(offset, |at| (weights.zero_point(at) as u8).wrapping_add(offset)));
                }
            }
            let zeros = &zeros[block.index * per_row * CHANNELS..];
            for (g, segment) in with_group(shape, group) {
                for tap in (0..segment.len).step_by(LANES) {
                    for (n, lane) in (0..STEP).map(|i| (i / LANES, i % LANES)) {
                        codes.push(match channel(n) {
                            Some(c) if tap + lane < segment.len => {
                                (weights.values[c * row + segment.tap + tap + lane] as u8).wrapping_add(offset)
                            }
                            _ => zeros[g * CHANNELS + n],
                        });
                    }
                }
            }
        }
        scales.extend(zeros);
        scales.extend(planes::pack(&codes, bits));
        scales
    }

    fn panel_len(&self, shape: &ConvShape, group: usize) -> usize {
        let blocks = Panels::new(shape, LANES).all_blocks;
        4 * CHANNELS * all_groups(shape, group) + 2 * STEP * blocks * steps(shape, group)
    }

    fn unpack(&self, shape: &ConvShape, packed: &[u8], weight_bits: u8, group: usize, panels: &mut [u8]) {
        let count = CHANNELS * all_groups(shape, group);
        let (scales, rest) = packed.split_at(4 * count);
        let (zeros, codes) = rest.split_at(count);
        let (head, panel) = panels.split_at_mut(4 * count);
        head.copy_from_slice(scales);
        let (out, _) = panel.as_chunks_mut::<16>();
        let (blocks, per_row) = (Panels::new(shape, LANES).all_blocks, groups(shape, group));
        let mut parts =
            (0..blocks).flat_map(|block| with_group(shape, group).map(move |(g, s)| (block * per_row + g, s.len.div_ceil(LANES))));
        let (mut left, mut zero) = (0, [i32x4_splat(0); 2]);
        unpack::vectors(codes, planes::width(weight_bits), blocks * steps(shape, group), |i, v| {
            if left == 0 {
                let (at, steps) = parts.next().unwrap_or((0, usize::MAX));
                // Each channel's zero, twice, as its weights are in a step.
                let bytes = load_u8(&std::array::from_fn(|lane| zeros[at * CHANNELS + lane / LANES]));
                (left, zero) = (steps, [u16x8_extend_low_u8x16(bytes), u16x8_extend_high_u8x16(bytes)]);
            }
            left -= 1;
            store_u8(&mut out[2 * i], i16x8_sub(u16x8_extend_low_u8x16(v), zero[0]));
            store_u8(&mut out[2 * i + 1], i16x8_sub(u16x8_extend_high_u8x16(v), zero[1]));
        });
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        let layout = Panels::new(shape, LANES);
        // A segment for each tap is more than there can be.
        let segments = bytes_of::<usize>(3 * shape.row_len());
        Walk::<i16>::scratch_len(shape) + segments + F32Sink::scratch_len(layout.padded_channels())
    }

    fn run(&self, shape: &ConvShape, panels: &[u8], group: usize, input: &GroupedInput, scratch: &mut [u8], store: &mut F32Store) {
        let layout = Panels::new(shape, LANES);
        let (scales, weights) = panels[..self.panel_len(shape, group)].split_at(4 * CHANNELS * all_groups(shape, group));
        let (block_groups, block_steps) = (groups(shape, group), steps(shape, group));
        let mut scratch = Scratch::new(scratch);
        let mut walk = Walk::<i16>::new(shape, &mut scratch);
        let parts = scratch.take::<usize>(if Part::multiplies() { 3 * segments(shape, group).count() } else { 0 });
        let (parts, _) = parts.as_chunks_mut::<3>();
        for (part, segment) in parts.iter_mut().zip(segments(shape, group)) {
            *part = [segment.start, segment.len.div_ceil(LANES), usize::from(segment.last)];
        }
        let mut sink = F32Sink::new(layout.blocks(), store, shape.output[2], &mut scratch);
        let zero_point = i16::from(input.zero_point);
        walk.bands(input.image, 0, |q: u8| i16::from(q) - zero_point, &mut |band| {
            for block in layout.blocks() {
                let tiles = &mut BlockTiles {
                    image: band.copy[block.group * layout.geometry.group_in..].as_ptr(),
                    parts,
                    weights: weights[block.index * block_steps * 2 * STEP..].as_ptr(),
                    scales: scales[block.index * block_groups * 4 * CHANNELS..].as_ptr(),
                    scale: f32x4_splat(input.scale),
                    block,
                    bias: sink.lanes(block),
                    sink: &mut sink,
                    first: band.pixels.start,
                };
                sweep(band.windows, tiles);
            }
        });
    }
}

/// The pixels of a band times a block of channels.
struct BlockTiles<'a, 'b, 'c> {
    image: *const i16,
    /// Start, steps and whether the group ends, of each segment.
    parts: &'c [[usize; 3]],
    weights: *const u8,
    scales: *const u8,
    scale: v128,
    block: Block,
    bias: [v128; 2],
    sink: &'c mut F32Sink<'a, 'b>,
    first: usize,
}

impl Tiles for BlockTiles<'_, '_, '_> {
    #[inline(always)]
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]) {
        let mut totals: Sums<M> = [[f32x4_splat(0.0); 2]; M];
        let mut sums: Sums<M> = [[i32x4_splat(0); 2]; M];
        let (mut weights, mut scales) = (self.weights, self.scales);
        for &[start, steps, last] in self.parts {
            // SAFETY: windows and segments are those of the band's copy, which has room for a segment's last step past its
            // end; weights and scales are those of a whole block.
            unsafe {
                let mut from = windows.map(|window| self.image.add(window + start));
                for _ in 0..steps {
                    let w = [v128_load(weights.cast()), v128_load(weights.add(16).cast())];
                    weights = weights.add(32);
                    for (from, sums) in from.iter_mut().zip(&mut sums) {
                        let a = v128_load32_splat(from.cast());
                        *from = from.add(LANES);
                        *sums = [0, 1].map(|i| i32x4_add(sums[i], i32x4_dot_i16x8(a, w[i])));
                    }
                }
                if last != 0 {
                    let scale = [v128_load(scales.cast()), v128_load(scales.add(16).cast())];
                    scales = scales.add(32);
                    for (totals, sums) in totals.iter_mut().zip(&mut sums) {
                        *totals = [0, 1].map(|i| f32x4_add(totals[i], f32x4_mul(f32x4_convert_i32x4(sums[i]), scale[i])));
                        *sums = [i32x4_splat(0); 2];
                    }
                }
            }
        }
        let scaled = totals.map(|totals| totals.map(|total| f32x4_mul(total, self.scale)));
        self.sink.put(self.block, self.bias, self.first + first, scaled);
    }
}
