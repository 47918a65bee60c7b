//! Integer convolution in a narrow accumulator, as hardware with few bits for its sums would do it: product after
//! product, each sum wrapped or saturated. Simulated: it shows what overflows do, and no SIMD kernel has to equal it.

use crate::api::{ConvShape, I32Store, IntInput, IntWeights};
use crate::geometry::Geometry;
use crate::scratch::Scratch;
use crate::walk::{Band, Tiles, Walk, sweep};

/// Output channels of a block.
const N: usize = 8;

/// A convolution whose sums have few bits.
///
/// A sum starts at the bias; then come the products `(a - zero_point) * (w - weight_zero_point)` in the order of the
/// weights: kernel row, kernel column, input channel. Padding adds zeros. The bias is taken to the accumulator as a sum is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NarrowConv {
    bits: u8,
    saturate: bool,
}

/// Two's complement numbers of some bits.
#[derive(Clone, Copy)]
struct Range<const SATURATE: bool> {
    low: i32,
    high: i32,
    spare: u32,
}

impl<const SATURATE: bool> Range<SATURATE> {
    fn new(bits: u8) -> Self {
        let spare = u32::from(32 - bits);
        Self { low: i32::MIN >> spare, high: i32::MAX >> spare, spare }
    }

    /// What a sum becomes, and whether that is another number: 1 or 0.
    #[inline(always)]
    fn hold(self, sum: i32) -> (i32, u32) {
        let held = if SATURATE { sum.clamp(self.low, self.high) } else { (sum << self.spare) >> self.spare };
        (held, u32::from(held != sum))
    }
}

impl NarrowConv {
    /// Sums of `bits` bits (taken into 8..=32) that saturate or wrap around.
    #[must_use]
    pub fn new(bits: u8, saturate: bool) -> Self {
        Self { bits: bits.clamp(8, 32), saturate }
    }

    /// Data types and what happens beyond the accumulator.
    #[must_use]
    pub fn name(&self) -> &'static str {
        if self.saturate { "conv-u8i8-4x8-saturating" } else { "conv-u8i8-4x8-wrapping" }
    }

    /// The weights less their zero points as i16: `[group][block][tap][N]`; of a depthwise convolution `[block][tap][N]`.
    #[must_use]
    pub fn pack(&self, shape: &ConvShape, weights: &IntWeights) -> Vec<u8> {
        let (row, group_out) = (shape.row_len(), group_out(shape));
        let mut panels = vec![0; blocks(shape) * row * 2 * N];
        for (c, values) in weights.values.chunks_exact(row.max(1)).enumerate() {
            let zero_point = weights.zero_points.get(c).map_or(0, |&z| i16::from(z));
            let (group, n) = (c / group_out, c % group_out);
            let start = (group * group_out.div_ceil(N) + n / N) * row * N + n % N;
            for (k, &value) in values.iter().enumerate() {
                let at = 2 * (start + k * N);
                panels[at..at + 2].copy_from_slice(&(i16::from(value) - zero_point).to_le_bytes());
            }
        }
        panels
    }

    /// Bytes of scratch that `run` needs.
    #[must_use]
    pub fn scratch_len(&self, shape: &ConvShape) -> usize {
        Walk::<i16>::scratch_len(shape) + Walk::<i16>::runs_len(shape)
    }

    /// Convolves one image with what `pack` gave. Returns how often a sum was another number after it was held.
    ///
    /// No sum may leave 32 bits: a row of weights and the bias must not be that large.
    ///
    /// # Panics
    /// If a slice is shorter than the shape says.
    pub fn run(&self, shape: &ConvShape, panels: &[u8], input: &IntInput, scratch: &mut [u8], store: &mut I32Store) -> u64 {
        if self.saturate {
            run(Range::<true>::new(self.bits), shape, panels, input, scratch, store)
        } else {
            run(Range::<false>::new(self.bits), shape, panels, input, scratch, store)
        }
    }
}

/// Output channels that share inputs and follow each other in blocks: all of a depthwise convolution.
fn group_out(shape: &ConvShape) -> usize {
    (if shape.is_depthwise() { shape.output[2] } else { shape.output[2] / shape.groups }).max(1)
}

/// Blocks of all groups.
fn blocks(shape: &ConvShape) -> usize {
    shape.output[2] / group_out(shape) * group_out(shape).div_ceil(N)
}

fn run<const SATURATE: bool>(
    range: Range<SATURATE>,
    shape: &ConvShape,
    panels: &[u8],
    input: &IntInput,
    scratch: &mut [u8],
    store: &mut I32Store,
) -> u64 {
    let (g, row, group_out) = (Geometry::new(shape), shape.row_len(), group_out(shape));
    let mut scratch = Scratch::new(scratch);
    let mut walk = Walk::<i16>::new(shape, &mut scratch);
    let runs = walk.runs(&mut scratch);
    let zero_point = i16::from(input.zero_point);
    let per_group = group_out.div_ceil(N);
    let mut overflows = 0;
    walk.bands(input.image, 0, |q: u8| i16::from(q) - zero_point, &mut |band| {
        for (block, panel) in panels.chunks_exact(row * 2 * N).enumerate() {
            let (group, first) = (block / per_group, block % per_group * N);
            let depthwise = shape.is_depthwise();
            let image = &band.copy[if depthwise { first } else { group * g.group_in }..];
            let (channel, count) = (group * group_out + first, N.min(group_out - first));
            let windows = band.windows;
            let layer = Layer { image, panel, runs, run: g.run, depthwise, channel, count, channels: shape.output[2] };
            sweep(windows, &mut Block { range, layer, band: &band, input, store, overflows: &mut overflows });
        }
    });
    overflows
}

/// A block of channels.
struct Layer<'a> {
    image: &'a [i16],
    panel: &'a [u8],
    runs: &'a [usize],
    run: usize,
    depthwise: bool,
    channel: usize,
    count: usize,
    channels: usize,
}

/// The pixels of a band times a block of channels.
struct Block<'a, 'b, 's, const SATURATE: bool> {
    range: Range<SATURATE>,
    layer: Layer<'a>,
    band: &'a Band<'a, i16>,
    input: &'a IntInput<'a>,
    store: &'b mut I32Store<'s>,
    overflows: &'b mut u64,
}

impl<const SATURATE: bool> Tiles for Block<'_, '_, '_, SATURATE> {
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]) {
        let Layer { image, panel, runs, run, depthwise, channel, count, channels } = self.layer;
        let (mut sums, mut beyond) = ([[0i32; N]; M], [[0u32; N]; M]);
        let bias: [i32; N] = std::array::from_fn(|n| if n < count { self.input.bias[channel + n] } else { 0 });
        for (sums, beyond) in sums.iter_mut().zip(&mut beyond) {
            for n in 0..N {
                (sums[n], beyond[n]) = self.range.hold(bias[n]);
            }
        }
        // Lanes beyond the last channel read other channels, or what follows the copy; their weights are 0.
        let lanes = if depthwise { N } else { 0 };
        for (&offset, weights) in runs.iter().zip(panel.chunks_exact(run * 2 * N)) {
            let from = windows.map(|window| &image[window + offset..][..run.max(lanes)]);
            for (k, weights) in weights.as_chunks::<{ 2 * N }>().0.iter().enumerate() {
                let weights: [i16; N] = std::array::from_fn(|n| i16::from_le_bytes([weights[2 * n], weights[2 * n + 1]]));
                for ((sums, beyond), from) in sums.iter_mut().zip(&mut beyond).zip(from) {
                    let inputs: [i16; N] = if depthwise { std::array::from_fn(|n| from[n]) } else { [from[k]; N] };
                    for n in 0..N {
                        let (held, over) = self.range.hold(sums[n].wrapping_add(i32::from(inputs[n]) * i32::from(weights[n])));
                        sums[n] = held;
                        beyond[n] += over;
                    }
                }
            }
        }
        for (i, (sums, beyond)) in sums.iter().zip(&beyond).enumerate() {
            let at = (self.band.pixels.start + first + i) * channels;
            for (c, sum) in (channel..).zip(&sums[..count]) {
                self.store.put(at + c, c, *sum);
            }
            *self.overflows += beyond[..count].iter().map(|&n| u64::from(n)).sum::<u64>();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::F32Tail;

    /// Sums and overflows, by the definition.
    fn expected(shape: &ConvShape, weights: &IntWeights, input: &IntInput, bits: u8, saturate: bool) -> (Vec<i64>, u64) {
        let (low, high) = (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1);
        let mut overflows = 0;
        let mut hold = |sum: i64| {
            overflows += u64::from(!(low..=high).contains(&sum));
            if saturate { sum.clamp(low, high) } else { (sum - low).rem_euclid(1 << bits) + low }
        };
        let (group_in, group_out) = (shape.input[2] / shape.groups, shape.output[2] / shape.groups);
        let mut sums = Vec::new();
        for (y, x) in (0..shape.output[0]).flat_map(|y| (0..shape.output[1]).map(move |x| (y, x))) {
            for c in 0..shape.output[2] {
                let mut sum = hold(i64::from(input.bias[c]));
                for (k, w) in weights.values[c * shape.row_len()..][..shape.row_len()].iter().enumerate() {
                    let (tap, i) = (k / group_in, c / group_out * group_in + k % group_in);
                    let place = |axis: usize, o: usize, t: usize| {
                        (o * shape.stride[axis] + t * shape.dilation[axis]).checked_sub(shape.pad[axis]).filter(|&p| p < shape.input[axis])
                    };
                    let (row, column) = (place(0, y, tap / shape.kernel[1]), place(1, x, tap % shape.kernel[1]));
                    let (Some(row), Some(column)) = (row, column) else { continue };
                    let a = i64::from(input.image[(row * shape.input[1] + column) * shape.input[2] + i]) - i64::from(input.zero_point);
                    let zero_point = weights.zero_points.get(c).map_or(0, |&z| i64::from(z));
                    sum = hold(sum + a * (i64::from(*w) - zero_point));
                }
                sums.push(sum);
            }
        }
        (sums, overflows)
    }

    proptest! {
        #[test]
        fn sums_are_held_one_by_one(
            (rows, columns, kernel, stride, dilation, pad) in (3usize..7, 3usize..7, 1usize..4, 1usize..3, 1usize..2, 0usize..2),
            (channels, outputs, groups) in prop_oneof![
                (1usize..5, 1usize..20).prop_map(|(i, o)| (i, o, 1)),
                (1usize..21).prop_map(|n| (n, n, n)),
                (1usize..3, 1usize..4).prop_map(|(i, o)| (2 * i, 2 * o, 2)),
            ],
            (bits, saturate, zero_point, seed) in (8u8..=32, any::<bool>(), any::<u8>(), any::<u64>()),
        ) {
            let pad = pad.min(kernel - 1);
            let size = |n: usize| (n + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
            let shape = ConvShape {
                input: [rows, columns, channels],
                output: [size(rows), size(columns), outputs],
                kernel: [kernel; 2],
                stride: [stride; 2],
                pad: [pad; 2],
                dilation: [dilation; 2],
                groups,
            };
            let mut dice = seed;
            let mut random = || {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (dice >> 33) as u32
            };
            let image: Vec<u8> = (0..rows * columns * channels).map(|_| random() as u8).collect();
            let values: Vec<i8> = (0..shape.weight_len()).map(|_| random() as i8).collect();
            let zero_points: Vec<i8> = (0..outputs).map(|_| random() as i8).collect();
            let bias: Vec<i32> = (0..outputs).map(|_| random() as i32 >> 18).collect();
            let weights = IntWeights { values: &values, bits: 8, zero_points: &zero_points };
            let input = IntInput { image: &image, zero_point, bias: &bias };
            let conv = NarrowConv::new(bits, saturate);
            let packed = conv.pack(&shape, &weights);
            let (ones, zeros) = (vec![1.0; outputs], vec![0.0; outputs]);
            let mut out = vec![0.0; shape.output.iter().product()];
            let (low, high) = (f32::NEG_INFINITY, f32::INFINITY);
            let mut store = I32Store::F32 { scales: &ones, bias: &zeros, low, high, tail: F32Tail::default(), out: &mut out };
            let overflows = conv.run(&shape, &packed, &input, &mut vec![0; conv.scratch_len(&shape)], &mut store);
            let (sums, expected_overflows) = expected(&shape, &weights, &input, bits, saturate);
            prop_assert_eq!(out, sums.into_iter().map(|sum| sum as f32).collect::<Vec<_>>());
            prop_assert_eq!(overflows, expected_overflows);
        }
    }
}
