//! f32 convolution in plain loops over blocks of output channels, shaped so that a compiler vectorizes them.

use crate::api::{self, ConvShape, F32Store};
use crate::geometry::Geometry;

/// Output channels of a block.
const N: usize = 16;

/// Packed: `[group][block][tap][N]`.
pub(crate) struct Conv;

/// Blocks of a group.
fn blocks(g: &Geometry) -> usize {
    g.group_out.div_ceil(N)
}

impl api::ConvF32 for Conv {
    fn name(&self) -> &'static str {
        "conv-f32-1x16-scalar"
    }

    fn strict(&self) -> bool {
        true
    }

    fn supports(&self, _: &ConvShape) -> bool {
        true
    }

    fn packed_len(&self, shape: &ConvShape) -> usize {
        N * shape.row_len() * blocks(&Geometry::new(shape)) * shape.groups
    }

    fn pack(&self, shape: &ConvShape, weights: &[f32], packed: &mut [f32]) {
        let (g, row) = (Geometry::new(shape), shape.row_len());
        packed[..self.packed_len(shape)].fill(0.0);
        for (i, &w) in weights[..shape.weight_len()].iter().enumerate() {
            let (c, k) = (i / row, i % row);
            let (group, n) = (c / g.group_out, c % g.group_out);
            packed[((group * blocks(&g) + n / N) * row + k) * N + n % N] = w;
        }
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        Geometry::new(shape).bordered_len()
    }

    fn run(&self, shape: &ConvShape, packed: &[f32], image: &[f32], scratch: &mut [f32], store: &mut F32Store) {
        let (g, row) = (Geometry::new(shape), shape.row_len());
        g.border(shape, image, 0.0, scratch, |x| x);
        let [rows, columns, channels] = shape.output;
        for group in 0..shape.groups {
            for block in 0..blocks(&g) {
                let first = group * g.group_out + block * N;
                let count = N.min(g.group_out - block * N);
                let panel = &packed[(group * blocks(&g) + block) * row * N..][..row * N];
                for pixel in 0..rows * columns {
                    let window = g.window(shape, pixel / columns, pixel % columns) + group * g.group_in;
                    let mut sums = [0.0; N];
                    for (i, weights) in panel.chunks_exact(g.run * N).enumerate() {
                        let from = &scratch[window + g.run_offset(shape, i)..][..g.run];
                        for (&a, weights) in from.iter().zip(weights.chunks_exact(N)) {
                            for (sum, w) in sums.iter_mut().zip(weights) {
                                *sum += a * w;
                            }
                        }
                    }
                    for (n, &sum) in sums.iter().enumerate().take(count) {
                        store.put(pixel * channels + first + n, first + n, sum);
                    }
                }
            }
        }
    }
}
