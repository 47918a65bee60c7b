//! u8 x i8 depthwise convolution: eight channels at a time, two taps a product.

use super::conv_dot16::{LANES, pack, unpack};
use super::sink::{IntLanes, IntSink};
use super::tile::Sums;
use crate::api::{self, ConvShape, I32Store, IntInput, IntWeights};
use crate::panels::Panels;
use crate::scratch::Scratch;
use crate::walk::{Tiles, Walk, sweep};
use core::arch::wasm32::{i16x8_shuffle, i32x4_add, i32x4_dot_i16x8, v128, v128_load};

/// Packed like [`super::conv_dot16`], the taps being the run of a step; panels of i16.
pub(crate) struct Conv;

/// Whether every channel has one output of its own. A single channel is left to the matrix kernels, whose runs are longer.
pub(super) fn is_depthwise(shape: &ConvShape) -> bool {
    shape.groups > 1 && shape.groups == shape.input[2] && shape.groups == shape.output[2]
}

/// The panels of a depthwise convolution: as of a single pixel with `taps` columns.
pub(super) fn layout(shape: &ConvShape, lanes: usize) -> Panels {
    let kernel = [1, shape.kernel[0] * shape.kernel[1]];
    let flat = ConvShape {
        input: [1, kernel[1], 1],
        output: [1, 1, shape.output[2]],
        kernel,
        stride: [1, 1],
        pad: [0, 0],
        dilation: [1, 1],
        groups: 1,
    };
    Panels::new(&flat, lanes)
}

impl api::ConvI8 for Conv {
    fn name(&self) -> &'static str {
        "depthwise-u8i8-4x8-dot16"
    }

    fn supports(&self, shape: &ConvShape, weight_bits: u8, _: u8) -> bool {
        is_depthwise(shape) && (1..=8).contains(&weight_bits)
    }

    fn pack(&self, shape: &ConvShape, weights: &IntWeights) -> Vec<u8> {
        pack(&layout(shape, LANES), weights)
    }

    fn panel_len(&self, shape: &ConvShape, _: u8) -> usize {
        2 * layout(shape, LANES).len()
    }

    fn unpack(&self, shape: &ConvShape, packed: &[u8], weight_bits: u8, panels: &mut [u8]) {
        unpack(&layout(shape, LANES), packed, weight_bits, panels);
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        let panels = layout(shape, LANES);
        Walk::<i16>::scratch_len(shape) + Walk::<i16>::runs_len(shape) + IntSink::scratch_len(panels.padded_channels())
    }

    fn run(&self, shape: &ConvShape, panels: &[u8], input: &IntInput, scratch: &mut [u8], store: &mut I32Store) {
        let layout = layout(shape, LANES);
        let panels = &panels[..2 * layout.len()];
        let mut scratch = Scratch::new(scratch);
        let mut walk = Walk::<i16>::new(shape, &mut scratch);
        let taps = walk.runs(&mut scratch);
        let mut sink = IntSink::new(layout.blocks(), |block, n| input.bias[block.channel + n], store, shape.output[2], &mut scratch);
        let zero_point = i16::from(input.zero_point);
        walk.bands(
            input.image,
            0,
            |q: u8| i16::from(q) - zero_point,
            |band| {
                for block in layout.blocks() {
                    let image = band.copy[block.channel..].as_ptr();
                    let weights = panels[2 * block.index * layout.block_len()..].as_ptr();
                    let lanes = sink.lanes(block);
                    sweep(band.windows, &mut BlockTiles { image, weights, taps, lanes, sink: &mut sink, first: band.pixels.start });
                }
            },
        );
    }
}

/// The pixels of a band and a block of channels.
struct BlockTiles<'a, 'b, 'c> {
    image: *const i16,
    weights: *const u8,
    /// First element of each tap, from the start of a window.
    taps: &'a [usize],
    lanes: IntLanes,
    sink: &'c mut IntSink<'a, 'b>,
    first: usize,
}

impl Tiles for BlockTiles<'_, '_, '_> {
    #[inline(always)]
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]) {
        let mut sums: Sums<M> = [self.lanes.base; M];
        let mut weights = self.weights;
        let mut add = |taps: [usize; 2]| {
            // SAFETY: windows and taps are those of the band's copy, which has room for a whole vector past its end;
            // a block has 32 bytes of weights for each pair.
            unsafe {
                let w = [v128_load(weights.cast()), v128_load(weights.add(16).cast())];
                weights = weights.add(32);
                for (&window, sums) in windows.iter().zip(&mut sums) {
                    let at = taps.map(|tap| v128_load(self.image.add(window).add(tap).cast()));
                    let [low, high] = interleave(at);
                    *sums = [i32x4_add(sums[0], i32x4_dot_i16x8(low, w[0])), i32x4_add(sums[1], i32x4_dot_i16x8(high, w[1]))];
                }
            }
        };
        let (pairs, last) = self.taps.as_chunks();
        for &pair in pairs {
            add(pair);
        }
        for &tap in last {
            // The second weight of its pair is 0.
            add([tap; 2]);
        }
        self.sink.put(&self.lanes, self.first + first, sums);
    }
}

/// The lanes of two vectors in turn.
#[inline(always)]
fn interleave([a, b]: [v128; 2]) -> [v128; 2] {
    [i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(a, b), i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(a, b)]
}
