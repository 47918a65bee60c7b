//! f32 convolution; each product is rounded and each sum in the reference's order.

use super::sink::F32Sink;
use super::tile::{MulAdd, Operands, Step, tile};
use crate::api::{self, ConvShape, F32Store};
use crate::panels::{Block, Panels};
use crate::scratch::Scratch;
use crate::walk::{Band, Tiles, Walk, sweep};
use core::arch::wasm32::{f32x4_splat, v128};
use std::marker::PhantomData;

/// Packed: panels of f32.
pub(crate) struct Conv<S>(PhantomData<S>);

impl<S> Conv<S> {
    pub const NEW: Self = Self(PhantomData);
}

/// A way to multiply and add, and what its kernel is called.
pub(crate) trait F32Step: Step + Sync {
    const NAME: &'static str;
    const STRICT: bool;
}

impl F32Step for MulAdd {
    const NAME: &'static str = "conv-f32-4x8-mul-add";
    const STRICT: bool = true;
}

impl<S: F32Step> api::ConvF32 for Conv<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn strict(&self) -> bool {
        S::STRICT
    }

    fn supports(&self, _: &ConvShape) -> bool {
        true
    }

    fn packed_len(&self, shape: &ConvShape) -> usize {
        Panels::new(shape, 1).len()
    }

    fn pack(&self, shape: &ConvShape, weights: &[f32], packed: &mut [f32]) {
        let panels = Panels::new(shape, 1);
        panels.arrange(weights, |_| 0.0, |w| w, &mut packed[..panels.len()]);
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        let panels = Panels::new(shape, 1);
        let bytes = Walk::<f32>::scratch_len(shape) + Walk::<f32>::runs_len(shape) + F32Sink::scratch_len(panels.padded_channels());
        bytes.div_ceil(size_of::<f32>())
    }

    fn run(&self, shape: &ConvShape, packed: &[f32], image: &[f32], scratch: &mut [f32], store: &mut F32Store) {
        let layout = Panels::new(shape, 1);
        let packed = &packed[..layout.len()];
        let mut scratch = Scratch::new(scratch);
        let mut walk = Walk::<f32>::new(shape, &mut scratch);
        let runs = walk.runs(&mut scratch);
        let mut sink = F32Sink::new(layout.blocks(), store, shape.output[2], &mut scratch);
        let mut see = |band: Band<f32>| {
            for block in layout.blocks() {
                let operands = Operands {
                    image: band.copy[block.group * layout.geometry.group_in..].as_ptr(),
                    runs,
                    steps: layout.steps,
                    weights: packed[block.index * layout.block_len()..].as_ptr().cast(),
                };
                let bias = sink.lanes(block);
                let mut tiles = BlockTiles::<S> { operands, block, bias, sink: &mut sink, first: band.pixels.start, step: PhantomData };
                sweep(band.windows, &mut tiles);
            }
        };
        if walk.is_borderless() { walk.in_place(image, &mut see) } else { walk.bands(image, 0.0, |x| x, &mut see) }
    }
}

/// The pixels of a band times a block of channels.
struct BlockTiles<'a, 'b, 'c, S> {
    operands: Operands<'a, f32>,
    block: Block,
    bias: [v128; 2],
    sink: &'c mut F32Sink<'a, 'b>,
    first: usize,
    step: PhantomData<S>,
}

impl<S: F32Step> Tiles for BlockTiles<'_, '_, '_, S> {
    #[inline(always)]
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]) {
        // SAFETY: windows and runs are those of the band's copy; the weights are those of a whole block.
        let sums = unsafe { tile::<S, f32, M>(&self.operands, windows, [f32x4_splat(0.0); 2]) };
        self.sink.put(self.block, self.bias, self.first + first, sums);
    }
}
