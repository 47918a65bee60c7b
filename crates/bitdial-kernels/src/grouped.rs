//! Convolution on weights of which several in a row share a scale.
//!
//! The row of an output channel, over kernel row, kernel column and input channel, is cut into groups. Each group is
//! summed in integers; its sum times its scale is added in f32, group after group.

use crate::api::{ConvShape, F32Store};
use crate::geometry::Geometry;

/// Largest group: its sum, of products of at most `255 * 255`, is exact in f32.
pub const LARGEST_GROUP: usize = 128;

/// Integer weights before packing, with their grids.
#[derive(Clone, Copy, Debug)]
pub struct GroupedWeights<'a> {
    /// OHWI, each within `bits` bits.
    pub values: &'a [i8],
    /// Width, 1..=8.
    pub bits: u8,
    /// Weights of a group, 1..=[`LARGEST_GROUP`]; the last group of a row may have fewer.
    pub group: usize,
    /// Scales, for each output channel one per group.
    pub scales: &'a [f32],
    /// Zero points: empty if all are 0, else as many as scales.
    pub zero_points: &'a [i8],
}

impl GroupedWeights<'_> {
    /// What stands for 0 in a group of an output channel.
    pub(crate) fn zero_point(&self, index: usize) -> i8 {
        self.zero_points.get(index).copied().unwrap_or(0)
    }
}

/// The operands of one image's convolution.
#[derive(Clone, Copy, Debug)]
pub struct GroupedInput<'a> {
    /// `input` rows x columns x channels.
    pub image: &'a [u8],
    /// The integer that stands for 0.0, and what padding holds.
    pub zero_point: u8,
    /// Distance of two neighbouring integers.
    pub scale: f32,
}

/// A convolution kernel for weights in groups.
///
/// With `sum_g` the integer sum of a group and `s_g` its scale, every output is
/// `clamp((((0.0 + sum_0 * s_0) + sum_1 * s_1) + ...) * scale + bias[c], low, high)`: each step one correctly rounded
/// f32 operation, never fused, so that all backends agree in the last bit.
pub trait ConvGrouped: Sync {
    /// Data types, tile and instruction, e.g. `conv-u8i8-4x8-dot16-groups`.
    fn name(&self) -> &'static str;

    /// Packs weights at their width (1-bit ones at 2).
    fn pack(&self, shape: &ConvShape, weights: &GroupedWeights) -> Vec<u8>;

    /// Bytes of scratch that `unpack` fills and `run` reads.
    fn panel_len(&self, shape: &ConvShape, group: usize) -> usize;

    /// Fills the panels, once for any number of images.
    fn unpack(&self, shape: &ConvShape, packed: &[u8], weight_bits: u8, group: usize, panels: &mut [u8]);

    /// Bytes of scratch that `run` needs for itself. Their contents do not matter, before or after.
    fn scratch_len(&self, shape: &ConvShape) -> usize;

    /// Convolves one image with the panels that `unpack` filled.
    ///
    /// # Panics
    /// If a slice is shorter than the shape says.
    fn run(&self, shape: &ConvShape, panels: &[u8], group: usize, input: &GroupedInput, scratch: &mut [u8], store: &mut F32Store);
}

/// Groups of an output channel.
pub(crate) fn groups(shape: &ConvShape, group: usize) -> usize {
    shape.row_len().div_ceil(group)
}

/// Neighbouring taps of one group that are neighbours in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// First tap, in the order of the weights.
    pub tap: usize,
    /// First element, from the start of a window.
    pub start: usize,
    /// How many.
    pub len: usize,
    /// Whether its group ends with it.
    pub last: bool,
}

/// The segments of a window, in order.
pub(crate) fn segments(shape: &ConvShape, group: usize) -> impl Iterator<Item = Segment> + use<> {
    let (shape, geometry) = (*shape, Geometry::new(shape));
    let (row, mut tap) = (shape.row_len(), 0);
    std::iter::from_fn(move || {
        let (run, within) = (tap / geometry.run, tap % geometry.run);
        let end = ((tap / group + 1) * group).min((run + 1) * geometry.run).min(row);
        let start = geometry.run_offset(&shape, run) + within;
        let segment = Segment { tap, start, len: end - tap, last: end % group == 0 || end == row };
        (tap < row).then(|| {
            tap = end;
            segment
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_end_with_their_group_or_run() {
        let shape =
            ConvShape { input: [5, 7, 6], output: [3, 5, 4], kernel: [3, 3], stride: [1, 1], pad: [0, 0], dilation: [1, 1], groups: 1 };
        let found: Vec<_> = segments(&shape, 16).map(|s| (s.tap, s.start, s.len, s.last)).collect();
        let expected =
            [(0, 0, 16, true), (16, 16, 2, false), (18, 42, 14, true), (32, 56, 4, false), (36, 84, 12, true), (48, 96, 6, true)];
        assert_eq!(found, expected);
        assert_eq!(segments(&shape, 128).map(|s| s.last).collect::<Vec<_>>(), [false, false, true]);
    }
}
