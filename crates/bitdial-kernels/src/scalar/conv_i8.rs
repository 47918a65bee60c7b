//! u8 x i8 convolution in plain loops over blocks of output channels, shaped so that a compiler vectorizes them.

use crate::api::{self, ConvShape, I32Store, IntInput, IntWeights};
use crate::geometry::Geometry;
use bitdial_numerics::PackedInts;

/// Output channels of a block.
const N: usize = 16;

/// Packed: zero points (i8, one per output channel), then OHWI weights at their width. Panels: the weights less their
/// zero points as i16, `[group][block][tap][N]`.
pub(crate) struct Conv;

/// Blocks of a group.
fn blocks(g: &Geometry) -> usize {
    g.group_out.div_ceil(N)
}

impl api::ConvI8 for Conv {
    fn name(&self) -> &'static str {
        "conv-u8i8-1x16-scalar"
    }

    fn supports(&self, _: &ConvShape, weight_bits: u8, _: u8) -> bool {
        (2..=8).contains(&weight_bits)
    }

    fn pack(&self, shape: &ConvShape, weights: &IntWeights) -> Vec<u8> {
        let zero_points = (0..shape.output[2]).map(|c| weights.zero_points.get(c).map_or(0, |&z| z as u8));
        let values = PackedInts::pack(&weights.values[..shape.weight_len()], weights.bits);
        zero_points.chain(values.bytes().iter().copied()).collect()
    }

    fn panel_len(&self, shape: &ConvShape, _: u8) -> usize {
        let g = Geometry::new(shape);
        2 * N * shape.row_len() * blocks(&g) * shape.groups
    }

    fn unpack(&self, shape: &ConvShape, packed: &[u8], weight_bits: u8, panels: &mut [u8]) {
        let (g, row) = (Geometry::new(shape), shape.row_len());
        let (zero_points, values) = packed.split_at(shape.output[2]);
        let panels = &mut panels[..self.panel_len(shape, weight_bits)];
        panels.fill(0);
        for (i, value) in ints(values, weight_bits, shape.weight_len()).enumerate() {
            let (c, k) = (i / row, i % row);
            let (group, n) = (c / g.group_out, c % g.group_out);
            let at = ((group * blocks(&g) + n / N) * row + k) * N + n % N;
            panels[2 * at..2 * at + 2].copy_from_slice(&(i16::from(value) - i16::from(zero_points[c] as i8)).to_le_bytes());
        }
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        2 * Geometry::new(shape).bordered_len() + align_of::<i16>()
    }

    fn run(&self, shape: &ConvShape, panels: &[u8], input: &IntInput, scratch: &mut [u8], store: &mut I32Store) {
        let (g, row) = (Geometry::new(shape), shape.row_len());
        // SAFETY: every pair of bytes is an i16.
        let (_, image, _) = unsafe { scratch.align_to_mut::<i16>() };
        g.border(shape, input.image, 0, image, |q| i16::from(q) - i16::from(input.zero_point));
        let [rows, columns, channels] = shape.output;
        for group in 0..shape.groups {
            for block in 0..blocks(&g) {
                let first = group * g.group_out + block * N;
                let count = N.min(g.group_out - block * N);
                let panel = &panels[(group * blocks(&g) + block) * row * 2 * N..][..row * 2 * N];
                for pixel in 0..rows * columns {
                    let window = g.window(shape, pixel / columns, pixel % columns) + group * g.group_in;
                    let mut sums = [0i32; N];
                    for (i, weights) in panel.chunks_exact(g.run * 2 * N).enumerate() {
                        let from = &image[window + g.run_offset(shape, i)..][..g.run];
                        for (&a, weights) in from.iter().zip(weights.chunks_exact(2 * N)) {
                            for (sum, w) in sums.iter_mut().zip(weights.chunks_exact(2)) {
                                *sum = sum.wrapping_add(i32::from(a) * i32::from(i16::from_le_bytes([w[0], w[1]])));
                            }
                        }
                    }
                    for (n, sum) in sums.iter().enumerate().take(count) {
                        store.put(pixel * channels + first + n, first + n, sum.wrapping_add(input.bias[first + n]));
                    }
                }
            }
        }
    }
}

/// Integers of a packed stream, one by one.
pub(crate) fn ints(bytes: &[u8], bits: u8, len: usize) -> impl Iterator<Item = i8> + '_ {
    let width = usize::from(bits);
    (0..len).map(move |i| {
        let (byte, shift) = (i * width / 8, i * width % 8);
        let low = u16::from(bytes[byte]);
        let high = bytes.get(byte + 1).map_or(0, |&b| u16::from(b));
        let raw = ((low | high << 8) >> shift) as u8;
        ((raw << (8 - bits)) as i8) >> (8 - bits)
    })
}
