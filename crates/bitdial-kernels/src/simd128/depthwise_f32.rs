//! f32 depthwise convolution: eight channels at a time, each sum in the reference's order.

use super::conv_f32::F32Step;
use super::depthwise_i8::{is_depthwise, layout};
use super::sink::F32Sink;
use super::tile::{MulAdd, Step, Sums};
use crate::api::{self, ConvShape, F32Store};
use crate::panels::Block;
use crate::scratch::Scratch;
use crate::walk::{Tiles, Walk, sweep};
use core::arch::wasm32::{f32x4_splat, v128, v128_load};
use std::marker::PhantomData;

/// Packed: panels of f32, the taps being the run of a step.
pub(crate) struct Conv<S>(PhantomData<S>);

impl<S> Conv<S> {
    pub const NEW: Self = Self(PhantomData);
}

/// What the depthwise kernel of a step is called.
pub(crate) trait DepthwiseStep: F32Step {
    const NAME: &'static str;
}

impl DepthwiseStep for MulAdd {
    const NAME: &'static str = "depthwise-f32-4x8-mul-add";
}

impl<S: DepthwiseStep> api::ConvF32 for Conv<S> {
    fn name(&self) -> &'static str {
        <S as DepthwiseStep>::NAME
    }

    fn strict(&self) -> bool {
        S::STRICT
    }

    fn supports(&self, shape: &ConvShape) -> bool {
        is_depthwise(shape)
    }

    fn packed_len(&self, shape: &ConvShape) -> usize {
        layout(shape, 1).len()
    }

    fn pack(&self, shape: &ConvShape, weights: &[f32], packed: &mut [f32]) {
        let panels = layout(shape, 1);
        panels.arrange(weights, |_| 0.0, |w| w, &mut packed[..panels.len()]);
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        let panels = layout(shape, 1);
        let bytes = Walk::<f32>::scratch_len(shape) + Walk::<f32>::runs_len(shape) + F32Sink::scratch_len(panels.padded_channels());
        bytes.div_ceil(size_of::<f32>())
    }

    fn run(&self, shape: &ConvShape, packed: &[f32], image: &[f32], scratch: &mut [f32], store: &mut F32Store) {
        let layout = layout(shape, 1);
        let packed = &packed[..layout.len()];
        let mut scratch = Scratch::new(scratch);
        let mut walk = Walk::<f32>::new(shape, &mut scratch);
        let taps = walk.runs(&mut scratch);
        let mut sink = F32Sink::new(layout.blocks(), store, shape.output[2], &mut scratch);
        walk.bands(
            image,
            0.0,
            |x| x,
            |band| {
                for block in layout.blocks() {
                    let image = band.copy[block.channel..].as_ptr();
                    let weights = packed[block.index * layout.block_len()..].as_ptr().cast();
                    let bias = sink.lanes(block);
                    let first = band.pixels.start;
                    sweep(
                        band.windows,
                        &mut BlockTiles::<S> { image, weights, taps, block, bias, sink: &mut sink, first, step: PhantomData },
                    );
                }
            },
        );
    }
}

/// The pixels of a band and a block of channels.
struct BlockTiles<'a, 'b, 'c, S> {
    image: *const f32,
    weights: *const u8,
    /// First element of each tap, from the start of a window.
    taps: &'a [usize],
    block: Block,
    bias: [v128; 2],
    sink: &'c mut F32Sink<'a, 'b>,
    first: usize,
    step: PhantomData<S>,
}

impl<S: Step> Tiles for BlockTiles<'_, '_, '_, S> {
    #[inline(always)]
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]) {
        let mut sums: Sums<M> = [[f32x4_splat(0.0); 2]; M];
        let mut weights = self.weights;
        for &tap in self.taps {
            // SAFETY: windows and taps are those of the band's copy, which has room for two vectors past its end; a
            // block has 32 bytes of weights for each tap.
            unsafe {
                let w = [v128_load(weights.cast()), v128_load(weights.add(16).cast())];
                weights = weights.add(32);
                for (&window, sums) in windows.iter().zip(&mut sums) {
                    let from = self.image.add(window).add(tap);
                    let a = [v128_load(from.cast()), v128_load(from.add(4).cast())];
                    *sums = [S::step(a[0], w[0], sums[0]), S::step(a[1], w[1], sums[1])];
                }
            }
        }
        self.sink.put(self.block, self.bias, self.first + first, sums);
    }
}
