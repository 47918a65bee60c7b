//! u8 x i8 convolution on weights in groups, in plain loops.

use super::conv_i8::ints;
use crate::api::{ConvShape, F32Store};
use crate::geometry::Geometry;
use crate::grouped::{ConvGrouped, GroupedInput, GroupedWeights, groups, segments};
use crate::part::Part;
use crate::scratch::Scratch;
use crate::walk::{Band, Tiles, Walk, sweep};
use bitdial_numerics::PackedInts;

/// Packed: scales of all groups (f32), their zero points (i8), then OHWI weights at their width. Panels: the scales, then
/// the weights less their zero points as i16.
pub(crate) struct Conv;

/// All groups of all output channels.
fn all_groups(shape: &ConvShape, group: usize) -> usize {
    shape.output[2] * groups(shape, group)
}

impl ConvGrouped for Conv {
    fn name(&self) -> &'static str {
        "conv-u8i8-4x1-scalar-groups"
    }

    fn pack(&self, shape: &ConvShape, weights: &GroupedWeights) -> Vec<u8> {
        let count = all_groups(shape, weights.group);
        let mut packed: Vec<u8> = weights.scales[..count].iter().flat_map(|scale| scale.to_le_bytes()).collect();
        packed.extend((0..count).map(|i| weights.zero_point(i) as u8));
        packed.extend(PackedInts::pack(&weights.values[..shape.weight_len()], weights.bits).bytes());
        packed
    }

    fn panel_len(&self, shape: &ConvShape, group: usize) -> usize {
        4 * all_groups(shape, group) + 2 * shape.weight_len()
    }

    fn unpack(&self, shape: &ConvShape, packed: &[u8], weight_bits: u8, group: usize, panels: &mut [u8]) {
        let (count, row) = (all_groups(shape, group), shape.row_len().max(1));
        let (scales, rest) = packed.split_at(4 * count);
        let (zero_points, values) = rest.split_at(count);
        let (head, panel) = panels.split_at_mut(4 * count);
        head.copy_from_slice(scales);
        let zero = |i: usize| zero_points[i / row * groups(shape, group) + i % row / group] as i8;
        for (i, (to, value)) in panel.as_chunks_mut::<2>().0.iter_mut().zip(ints(values, weight_bits)).take(shape.weight_len()).enumerate()
        {
            *to = (i16::from(value) - i16::from(zero(i))).to_le_bytes();
        }
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        Walk::<i16>::scratch_len(shape)
    }

    fn run(&self, shape: &ConvShape, panels: &[u8], group: usize, input: &GroupedInput, scratch: &mut [u8], store: &mut F32Store) {
        let (scales, weights) = panels.split_at(4 * all_groups(shape, group));
        let mut scratch = Scratch::new(scratch);
        let mut walk = Walk::<i16>::new(shape, &mut scratch);
        let zero_point = i16::from(input.zero_point);
        let segments = if Part::multiplies() { shape.row_len() } else { 0 };
        walk.bands(input.image, 0, |q: u8| i16::from(q) - zero_point, &mut |band| {
            let (scales, weights) = (scales.as_chunks().0, weights.as_chunks().0);
            sweep(band.windows, &mut BandTiles { shape, group, scales, weights, band: &band, scale: input.scale, segments, store });
        });
    }
}

/// The pixels of a band times all channels.
struct BandTiles<'a, 'b, 's> {
    shape: &'a ConvShape,
    group: usize,
    scales: &'a [[u8; 4]],
    weights: &'a [[u8; 2]],
    band: &'a Band<'a, i16>,
    scale: f32,
    /// How many at most.
    segments: usize,
    store: &'b mut F32Store<'s>,
}

impl Tiles for BandTiles<'_, '_, '_> {
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]) {
        let (row, per_row) = (self.shape.row_len(), groups(self.shape, self.group));
        let g = Geometry::new(self.shape);
        for c in 0..self.shape.output[2] {
            let image = &self.band.copy[c / g.group_out * g.group_in..];
            let mut scales = self.scales[c * per_row..][..per_row].iter();
            let (mut totals, mut sums) = ([0.0; M], [0i32; M]);
            for segment in segments(self.shape, self.group).take(self.segments) {
                let weights = &self.weights[c * row + segment.tap..][..segment.len];
                for (sum, window) in sums.iter_mut().zip(windows) {
                    for (&x, &w) in image[window + segment.start..][..segment.len].iter().zip(weights) {
                        *sum += i32::from(x) * i32::from(i16::from_le_bytes(w));
                    }
                }
                if segment.last {
                    let scale = scales.next().map_or(0.0, |&scale| f32::from_le_bytes(scale));
                    for (total, sum) in totals.iter_mut().zip(&mut sums) {
                        *total += std::mem::take(sum) as f32 * scale;
                    }
                }
            }
            for (i, total) in totals.into_iter().enumerate() {
                let at = (self.band.pixels.start + first + i) * self.shape.output[2];
                self.store.put(at + c, c, total * self.scale);
            }
        }
    }
}
