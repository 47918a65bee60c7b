//! Packing and correction for kernels that multiply 8-bit integers with zero points still in them.
//!
//! With activations `A = q - shift` and weights `W = w + offset` in the inner loop, `z = zero_point - shift` and
//! `Z = weight_zero_point + offset`:
//! `sum (A - z)(W - Z) = sum A*W - z * sum W - Z * sum A + K*z*Z`.
//! The second and the last term are known before the first pixel; the third needs the sum of a window, and is left out
//! where all `Z` are 0.

use crate::api::IntWeights;
use crate::panels::{Block, CHANNELS, Panels};
use crate::planes;
use crate::simd128::unpack;
use crate::simd128::vector::store_u8;
use core::arch::wasm32::{u8x16_splat, u8x16_sub};

/// Integers of a step that belong to one channel.
pub(crate) const LANES: usize = 4;

/// Bytes of the head: `sum W` and `Z` of each channel of each block, as i32.
fn head_len(layout: &Panels) -> usize {
    8 * layout.padded_channels()
}

/// How weights are kept.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// Width.
    pub bits: u8,
    /// What the inner loop adds to weights.
    pub offset: u8,
}

impl Form {
    /// What packed weights have added, so that none is negative. Whole bytes stay as the inner loop reads them.
    fn packed_offset(self) -> u8 {
        if self.bits == 8 { self.offset } else { 1 << (self.bits - 1) }
    }

    /// Head and weights as the inner loop reads them.
    pub fn panel_len(self, layout: &Panels) -> usize {
        if self.bits == 8 { 0 } else { head_len(layout) + layout.len() }
    }

    /// Head and weights in bit planes.
    pub fn pack(self, layout: &Panels, weights: &IntWeights, row: usize) -> Vec<u8> {
        let (offset, packed_offset) = (i32::from(self.offset), self.packed_offset());
        let mut packed = Vec::with_capacity(head_len(layout) + planes::packed_len(layout.len(), self.bits));
        for block in layout.blocks() {
            for n in 0..CHANNELS {
                let channel = (n < block.count).then_some(block.channel + n);
                let sum = channel.map_or(0, |c| weights.values[c * row..][..row].iter().map(|&w| i32::from(w) + offset).sum());
                let zero = channel.map_or(0, |c| weights.zero_points.get(c).map_or(0, |&z| i32::from(z)) + offset);
                packed.extend(sum.to_le_bytes());
                packed.extend(zero.to_le_bytes());
            }
        }
        let shifted: Vec<u8> = weights.values.iter().map(|&w| (w as u8).wrapping_add(packed_offset)).collect();
        let mut values = vec![0; layout.len()];
        // What fills up a run is 0 in the inner loop, whatever activation it meets.
        layout.arrange(&shifted, |_| packed_offset.wrapping_sub(self.offset), |w| w, &mut values);
        packed.extend(planes::pack(&values, self.bits));
        packed
    }

    /// Fills panels.
    pub fn unpack(self, layout: &Panels, packed: &[u8], panels: &mut [u8]) {
        if self.bits == 8 {
            return;
        }
        let (head, values) = packed.split_at(head_len(layout));
        let (panel_head, panel) = panels.split_at_mut(head_len(layout));
        panel_head.copy_from_slice(head);
        let (panel, _) = panel[..layout.len()].as_chunks_mut();
        let offset = u8x16_splat(self.packed_offset().wrapping_sub(self.offset));
        unpack::vectors(values, self.bits, panel.len(), |i, v| store_u8(&mut panel[i], u8x16_sub(v, offset)));
    }
}

/// Panels, as `run` gets them.
pub(crate) struct Quads<'a> {
    head: &'a [[u8; 8]],
    weights: &'a [u8],
    layout: &'a Panels,
}

impl<'a> Quads<'a> {
    pub fn new(layout: &'a Panels, panels: &'a [u8]) -> Self {
        let (head, weights) = panels.split_at(head_len(layout));
        Self { head: head.as_chunks().0, weights: &weights[..layout.len()], layout }
    }

    /// `sum W` and `Z` of a channel of a block.
    fn head(&self, block: usize, n: usize) -> (i32, i32) {
        let [a, b, c, d, e, f, g, h] = self.head[block * CHANNELS + n];
        (i32::from_le_bytes([a, b, c, d]), i32::from_le_bytes([e, f, g, h]))
    }

    /// `-z * sum W + K*z*Z` of a channel, with `k` taps.
    pub fn base(&self, block: &Block, n: usize, z: i32, k: usize) -> i32 {
        let (sum, zero) = self.head(block.index, n);
        (z.wrapping_mul(k as i32).wrapping_mul(zero)).wrapping_sub(z.wrapping_mul(sum))
    }

    /// `Z` of each channel of a block.
    pub fn zeros(&self, block: &Block) -> [i32; CHANNELS] {
        std::array::from_fn(|n| self.head(block.index, n).1)
    }

    /// The weights of all blocks.
    pub fn weights(&self) -> &'a [u8] {
        self.weights
    }

    /// Whether some `Z` is not 0.
    pub fn any_zero(&self) -> bool {
        self.head.iter().any(|head| head[4..] != [0; 4])
    }

    /// The weights of a block.
    pub fn block(&self, block: &Block) -> &'a [u8] {
        &self.weights[block.index * self.layout.block_len()..][..self.layout.block_len()]
    }
}
