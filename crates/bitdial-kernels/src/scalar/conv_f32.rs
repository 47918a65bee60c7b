//! f32 convolution in plain loops over tiles, shaped so that a compiler vectorizes them.

use crate::api::{self, ConvShape, F32Store};
use crate::geometry::Geometry;
use crate::scratch::Scratch;
use crate::walk::{Band, Tiles, Walk, sweep};

/// Output channels of a block. With 4 the sums of a tile fit 16 registers of 4 lanes and LLVM keeps them there
/// (x86-64, SSE2, 3x3 of 14x14x32 to 32: 11.3 GMAC/s; with 8 and 16 channels 0.8).
const N: usize = 4;

/// Packed: `[group][block][tap][N]`.
pub(crate) struct Conv;

/// Blocks of a group.
fn blocks(g: &Geometry) -> usize {
    g.group_out.div_ceil(N)
}

impl api::ConvF32 for Conv {
    fn name(&self) -> &'static str {
        "conv-f32-4x4-scalar"
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
        for (c, weights) in weights.chunks_exact(row).enumerate().take(shape.output[2]) {
            let (group, n) = (c / g.group_out, c % g.group_out);
            let start = (group * blocks(&g) + n / N) * row * N + n % N;
            for (k, &w) in weights.iter().enumerate() {
                packed[start + k * N] = w;
            }
        }
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        (Walk::<f32>::scratch_len(shape) + Walk::<f32>::runs_len(shape)).div_ceil(size_of::<f32>())
    }

    fn run(&self, shape: &ConvShape, packed: &[f32], image: &[f32], scratch: &mut [f32], store: &mut F32Store) {
        let (g, row) = (Geometry::new(shape), shape.row_len());
        let mut scratch = Scratch::new(scratch);
        let mut walk = Walk::<f32>::new(shape, &mut scratch);
        let runs = walk.runs(&mut scratch);
        let convert = |x: f32| x;
        walk.bands(image, 0.0, convert, &mut |band| {
            for group in 0..shape.groups {
                for block in 0..blocks(&g) {
                    let panel = &packed[(group * blocks(&g) + block) * row * N..][..row * N];
                    let first = block * N;
                    let (channel, count) = (group * g.group_out + first, N.min(g.group_out - first));
                    let image = &band.copy[group * g.group_in..];
                    let windows = band.windows;
                    sweep(
                        windows,
                        &mut BlockTiles { image, panel, runs, run: g.run, band: &band, channel, count, channels: shape.output[2], store },
                    );
                }
            }
        });
    }
}

/// The pixels of a band times a block of channels.
struct BlockTiles<'a, 'b, 's> {
    image: &'a [f32],
    panel: &'a [f32],
    runs: &'a [usize],
    run: usize,
    band: &'a Band<'a, f32>,
    channel: usize,
    count: usize,
    channels: usize,
    store: &'b mut F32Store<'s>,
}

impl Tiles for BlockTiles<'_, '_, '_> {
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]) {
        let mut sums = [[0.0; N]; M];
        for (&run, weights) in self.runs.iter().zip(self.panel.chunks_exact(self.run * N)) {
            let from = windows.map(|window| &self.image[window + run..][..self.run]);
            for (k, weights) in weights.as_chunks::<N>().0.iter().enumerate() {
                for (sums, from) in sums.iter_mut().zip(from) {
                    for (sum, w) in sums.iter_mut().zip(weights) {
                        *sum += from[k] * w;
                    }
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let at = (self.band.pixels.start + first + i) * self.channels;
            for (c, &sum) in (self.channel..).zip(&sums[..self.count]) {
                self.store.put(at + c, c, sum);
            }
        }
    }
}
