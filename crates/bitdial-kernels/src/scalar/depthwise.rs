//! Depthwise convolution in plain loops over blocks of channels, u8 x i8 and f32: a block of the general kernels'
//! shape would hold one channel and 15 zeros.

use super::conv_i8::ints;
use crate::api::{self, ConvShape, F32Store, I32Store, IntInput, IntWeights};
use crate::scratch::{Scratch, bytes_of};
use crate::walk::{Band, Walk};

/// Channels of a block.
const N: usize = 16;

/// Packed as [`super::conv_i8::Conv`] has it. Panels: the weights less their zero points as i16, `[tap][channel]`,
/// channels filled up to whole blocks.
pub(crate) struct DepthwiseI8;

/// Packed: `[tap][channel]`, channels filled up to whole blocks.
pub(crate) struct DepthwiseF32;

/// Elements of a tap's row.
fn row(shape: &ConvShape) -> usize {
    shape.groups.next_multiple_of(N)
}

/// Sums every channel of every pixel of a band, one tap after the other, and `put`s it: output index, channel, sum.
fn sums<A: Copy, S: Copy + Default>(
    band: &Band<A>,
    runs: &[usize],
    panel: &[A],
    channels: usize,
    add: impl Fn(S, A, A) -> S,
    mut put: impl FnMut(usize, usize, S),
) {
    for (pixel, window) in band.pixels.clone().zip(band.windows) {
        for first in (0..channels).step_by(N) {
            let mut sums = [S::default(); N];
            for (run, weights) in runs.iter().zip(panel.chunks_exact(channels.next_multiple_of(N))) {
                // The copy has room for a whole block behind its last channel.
                let taps = band.copy[window + run + first..][..N].iter().zip(&weights[first..first + N]);
                for (sum, (&x, &w)) in sums.iter_mut().zip(taps) {
                    *sum = add(*sum, x, w);
                }
            }
            for (c, &sum) in (first..channels).zip(&sums) {
                put(pixel * channels + c, c, sum);
            }
        }
    }
}

impl api::ConvI8 for DepthwiseI8 {
    fn name(&self) -> &'static str {
        "depthwise-u8i8-1x16-scalar"
    }

    fn supports(&self, shape: &ConvShape, weight_bits: u8, _: u8) -> bool {
        shape.is_depthwise() && (1..=8).contains(&weight_bits)
    }

    fn pack(&self, shape: &ConvShape, weights: &IntWeights) -> Vec<u8> {
        super::conv_i8::Conv.pack(shape, weights)
    }

    fn panel_len(&self, shape: &ConvShape, _: u8) -> usize {
        2 * shape.row_len() * row(shape)
    }

    fn unpack(&self, shape: &ConvShape, packed: &[u8], weight_bits: u8, panels: &mut [u8]) {
        let (zero_points, values) = packed.split_at(shape.output[2]);
        panels[..self.panel_len(shape, weight_bits)].fill(0);
        let mut values = ints(values, weight_bits);
        for (c, &zero_point) in zero_points.iter().enumerate() {
            for (tap, value) in values.by_ref().take(shape.row_len()).enumerate() {
                let at = 2 * (tap * row(shape) + c);
                panels[at..at + 2].copy_from_slice(&(i16::from(value) - i16::from(zero_point as i8)).to_le_bytes());
            }
        }
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        Walk::<i16>::scratch_len(shape) + Walk::<i16>::runs_len(shape) + bytes_of::<i16>(shape.row_len() * row(shape))
    }

    fn run(&self, shape: &ConvShape, panels: &[u8], input: &IntInput, scratch: &mut [u8], store: &mut I32Store) {
        let mut scratch = Scratch::new(scratch);
        let mut walk = Walk::<i16>::new(shape, &mut scratch);
        let runs = walk.runs(&mut scratch);
        let panel = scratch.take::<i16>(shape.row_len() * row(shape));
        for (w, &bytes) in panel.iter_mut().zip(panels.as_chunks::<2>().0) {
            *w = i16::from_le_bytes(bytes);
        }
        let zero_point = i16::from(input.zero_point);
        let add = |sum: i32, x: i16, w: i16| sum.wrapping_add(i32::from(x) * i32::from(w));
        let convert = |q: u8| i16::from(q) - zero_point;
        walk.bands(input.image, 0, convert, &mut |band| {
            sums(&band, runs, panel, shape.groups, add, |at, c, sum| store.put(at, c, sum.wrapping_add(input.bias[c])));
        });
    }
}

impl api::ConvF32 for DepthwiseF32 {
    fn name(&self) -> &'static str {
        "depthwise-f32-1x16-scalar"
    }

    fn strict(&self) -> bool {
        true
    }

    fn supports(&self, shape: &ConvShape) -> bool {
        shape.is_depthwise()
    }

    fn packed_len(&self, shape: &ConvShape) -> usize {
        shape.row_len() * row(shape)
    }

    fn pack(&self, shape: &ConvShape, weights: &[f32], packed: &mut [f32]) {
        packed[..self.packed_len(shape)].fill(0.0);
        for (c, weights) in weights.chunks_exact(shape.row_len()).enumerate().take(shape.groups) {
            for (tap, &w) in weights.iter().enumerate() {
                packed[tap * row(shape) + c] = w;
            }
        }
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        (Walk::<f32>::scratch_len(shape) + Walk::<f32>::runs_len(shape)).div_ceil(size_of::<f32>())
    }

    fn run(&self, shape: &ConvShape, packed: &[f32], image: &[f32], scratch: &mut [f32], store: &mut F32Store) {
        let mut scratch = Scratch::new(scratch);
        let mut walk = Walk::<f32>::new(shape, &mut scratch);
        let runs = walk.runs(&mut scratch);
        let add = |sum: f32, x: f32, w: f32| sum + x * w;
        let convert = |x: f32| x;
        walk.bands(image, 0.0, convert, &mut |band| {
            sums(&band, runs, packed, shape.groups, add, |at, c, sum| store.put(at, c, sum));
        });
    }
}
