//! The order of weights in panels: blocks of eight output channels, as an inner loop reads them.
//!
//! A *step* of the inner loop multiplies 4 bytes of activations (one f32, two i16 or four 8-bit integers: `LANES`) with
//! the weights of eight channels. Panels are `[group][block][run][step][channel][lane]`; runs are those of
//! [`Geometry`], each filled up to a whole number of steps.

use crate::api::ConvShape;
use crate::geometry::Geometry;

/// Output channels of a block.
pub(crate) const CHANNELS: usize = 8;

/// Where each weight goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panels {
    pub geometry: Geometry,
    /// Elements of a step that belong to one channel.
    lanes: usize,
    row: usize,
    /// Blocks of a group.
    pub blocks: usize,
    /// Blocks of all groups.
    pub all_blocks: usize,
    /// Runs of a window.
    pub runs: usize,
    /// Steps of a run.
    pub steps: usize,
}

/// The output channels of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// Number of the block, over all groups.
    pub index: usize,
    /// Its group.
    pub group: usize,
    /// Its first channel.
    pub channel: usize,
    /// How many there are, at most [`CHANNELS`].
    pub count: usize,
}

impl Panels {
    /// For steps of `lanes` elements.
    pub fn new(shape: &ConvShape, lanes: usize) -> Self {
        let geometry = Geometry::new(shape);
        let blocks = geometry.group_out.div_ceil(CHANNELS);
        let (runs, steps) = (geometry.runs(shape), geometry.run.div_ceil(lanes));
        Self { geometry, lanes, row: shape.row_len(), blocks, all_blocks: blocks * shape.groups, runs, steps }
    }

    /// Elements of a block.
    pub fn block_len(&self) -> usize {
        self.runs * self.steps * CHANNELS * self.lanes
    }

    /// Elements of all blocks.
    pub fn len(&self) -> usize {
        self.all_blocks * self.block_len()
    }

    /// Output channels, those that fill up blocks included.
    pub fn padded_channels(&self) -> usize {
        self.all_blocks * CHANNELS
    }

    /// All blocks.
    pub fn blocks(self) -> impl ExactSizeIterator<Item = Block> {
        (0..self.all_blocks).map(move |index| self.block(index))
    }

    /// A block.
    pub fn block(&self, index: usize) -> Block {
        let (group, n) = (index / self.blocks, index % self.blocks * CHANNELS);
        let count = CHANNELS.min(self.geometry.group_out - n);
        Block { index, group, channel: group * self.geometry.group_out + n, count }
    }

    /// Copies OHWI weights into panel order. `padding(channel)` fills up runs, `padding(None)` blocks.
    pub fn arrange<T: Copy>(&self, weights: &[T], padding: impl Fn(Option<usize>) -> T, convert: impl Fn(T) -> T, out: &mut [T]) {
        for (block, panel) in self.blocks().zip(out.chunks_exact_mut(self.block_len().max(1))) {
            for n in 0..CHANNELS {
                let channel = (n < block.count).then_some(block.channel + n);
                let fill = padding(channel);
                for run in 0..self.runs {
                    for i in 0..self.steps * self.lanes {
                        let at = ((run * self.steps + i / self.lanes) * CHANNELS + n) * self.lanes + i % self.lanes;
                        panel[at] = match channel {
                            Some(c) if i < self.geometry.run => convert(weights[c * self.row + run * self.geometry.run + i]),
                            _ => fill,
                        };
                    }
                }
            }
        }
    }
}
