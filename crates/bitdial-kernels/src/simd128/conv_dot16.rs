//! u8 x i8 convolution on 16-bit products: activations and weights widened less their zero points.
//!
//! `i32x4.dot_i16x8_s` is one instruction on x86 and exact for all of them. With both zero points subtracted before
//! the product there is nothing to correct afterwards.

use super::sink::{IntLanes, IntSink};
use super::tile::{Dot16, Operands, tile};
use super::unpack;
use super::vector::{load_u8, store_u8};
use crate::api::{self, ConvShape, I32Store, IntInput, IntWeights};
use crate::panels::{CHANNELS, Panels};
use crate::planes;
use crate::scratch::Scratch;
use crate::walk::{Tiles, Walk, sweep};
use core::arch::wasm32::{i16x8_splat, i16x8_sub, u16x8_extend_high_u8x16, u16x8_extend_low_u8x16};

/// Integers of a step that belong to one channel.
pub(super) const LANES: usize = 2;

/// Whole bytes: panels, since widening 8-bit weights on each run takes longer than reading them twice as wide. Fewer bits:
/// for each output channel of each block the integer that stands for 0 (weights are counted from `-2^(bits-1)`), then bit
/// planes in panel order.
pub(super) fn pack(layout: &Panels, weights: &IntWeights) -> Vec<u8> {
    let bits = planes::width(weights.bits);
    let offset = 1u8 << (bits - 1);
    let shifted: Vec<u8> = weights.values.iter().map(|&w| (w as u8).wrapping_add(offset)).collect();
    let zero = |c: usize| weights.zero_points.get(c).map_or(offset, |&z| (z as u8).wrapping_add(offset));
    let mut values = vec![0; layout.len()];
    layout.arrange(&shifted, |c| c.map_or(offset, zero), |w| w, &mut values);
    let mut packed = vec![offset; layout.padded_channels()];
    for block in layout.blocks() {
        for n in 0..block.count {
            packed[block.index * CHANNELS + n] = zero(block.channel + n);
        }
    }
    packed.extend(planes::pack(&values, bits));
    if bits == 8 {
        let mut panels = vec![0; 2 * layout.len()];
        widen(layout, &packed, bits, &mut panels);
        return panels;
    }
    packed
}

/// Bytes of panels that are apart from packed weights.
pub(super) fn panel_len(layout: &Panels, weight_bits: u8) -> usize {
    if weight_bits == 8 { 0 } else { 2 * layout.len() }
}

/// Fills panels.
pub(super) fn unpack(layout: &Panels, packed: &[u8], weight_bits: u8, panels: &mut [u8]) {
    if weight_bits < 8 {
        widen(layout, packed, planes::width(weight_bits), panels);
    }
}

/// Weights less their zero points as i16, in panel order.
fn widen(layout: &Panels, packed: &[u8], bits: u8, panels: &mut [u8]) {
    let (zeros, values) = packed.split_at(layout.padded_channels());
    let (out, _) = panels.as_chunks_mut::<16>();
    let per_block = layout.runs * layout.steps;
    let (mut block, mut next, mut zero) = (0, 0, [i16x8_splat(0); 2]);
    unpack::vectors(values, bits, layout.len() / 16, |i, v| {
        if i == next {
            // Each channel's zero, twice, as its weights are in a step.
            let bytes = load_u8(&std::array::from_fn(|lane| zeros[block * CHANNELS + lane / LANES]));
            zero = [u16x8_extend_low_u8x16(bytes), u16x8_extend_high_u8x16(bytes)];
            (block, next) = (block + 1, next + per_block);
        }
        store_u8(&mut out[2 * i], i16x8_sub(u16x8_extend_low_u8x16(v), zero[0]));
        store_u8(&mut out[2 * i + 1], i16x8_sub(u16x8_extend_high_u8x16(v), zero[1]));
    });
}

/// Packed as [`pack`] does it; panels of i16.
pub(crate) struct Conv;

impl api::ConvI8 for Conv {
    fn name(&self) -> &'static str {
        "conv-u8i8-4x8-dot16"
    }

    fn supports(&self, _: &ConvShape, weight_bits: u8, _: u8) -> bool {
        (1..=8).contains(&weight_bits)
    }

    fn pack(&self, shape: &ConvShape, weights: &IntWeights) -> Vec<u8> {
        pack(&Panels::new(shape, LANES), weights)
    }

    fn panel_len(&self, shape: &ConvShape, weight_bits: u8) -> usize {
        panel_len(&Panels::new(shape, LANES), weight_bits)
    }

    fn unpack(&self, shape: &ConvShape, packed: &[u8], weight_bits: u8, panels: &mut [u8]) {
        unpack(&Panels::new(shape, LANES), packed, weight_bits, panels);
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        let panels = Panels::new(shape, LANES);
        Walk::<i16>::scratch_len(shape) + Walk::<i16>::runs_len(shape) + IntSink::scratch_len(panels.padded_channels())
    }

    fn run(&self, shape: &ConvShape, panels: &[u8], input: &IntInput, scratch: &mut [u8], store: &mut I32Store) {
        let layout = Panels::new(shape, LANES);
        let panels = &panels[..2 * layout.len()];
        let mut scratch = Scratch::new(scratch);
        let mut walk = Walk::<i16>::new(shape, &mut scratch);
        let runs = walk.runs(&mut scratch);
        let mut sink = IntSink::new(layout.blocks(), |block, n| input.bias[block.channel + n], store, shape.output[2], &mut scratch);
        let zero_point = i16::from(input.zero_point);
        walk.bands(input.image, 0, |q: u8| i16::from(q) - zero_point, &mut |band| {
            for block in layout.blocks() {
                let operands = Operands {
                    image: band.copy[block.group * layout.geometry.group_in..].as_ptr(),
                    runs,
                    steps: layout.steps,
                    weights: panels[2 * block.index * layout.block_len()..].as_ptr(),
                };
                let lanes = sink.lanes(block);
                sweep(band.windows, &mut BlockTiles { operands, lanes, sink: &mut sink, first: band.pixels.start });
            }
        });
    }
}

/// The pixels of a band times a block of channels.
struct BlockTiles<'a, 'b, 'c> {
    operands: Operands<'a, i16>,
    lanes: IntLanes,
    sink: &'c mut IntSink<'a, 'b>,
    first: usize,
}

impl Tiles for BlockTiles<'_, '_, '_> {
    #[inline(always)]
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]) {
        // SAFETY: windows and runs are those of the band's copy, which has room for a run's last step past its end;
        // the weights are those of a whole block.
        let sums = unsafe { tile::<Dot16, i16, M>(&self.operands, windows, self.lanes.base) };
        self.sink.put(&self.lanes, self.first + first, sums);
    }
}
