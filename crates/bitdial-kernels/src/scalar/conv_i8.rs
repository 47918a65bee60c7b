//! u8 x i8 convolution in plain loops over tiles, shaped so that a compiler vectorizes them.

use crate::api::{self, ConvShape, I32Store, IntInput, IntWeights};
use crate::geometry::Geometry;
use crate::scratch::Scratch;
use crate::walk::{Band, Tiles, Walk, sweep};
use bitdial_numerics::PackedInts;

/// Output channels of a block (x86-64, SSE2, 3x3 of 14x14x32 to 32: 7.3 GMAC/s; with 8 channels 1.5, with 16 3.7).
const N: usize = 4;

/// Packed: zero points (i8, one per output channel), then OHWI weights at their width. Panels: the weights less their
/// zero points as i16, `[group][block][tap][N]`.
pub(crate) struct Conv;

/// Blocks of a group.
fn blocks(g: &Geometry) -> usize {
    g.group_out.div_ceil(N)
}

impl api::ConvI8 for Conv {
    fn name(&self) -> &'static str {
        "conv-u8i8-4x4-scalar"
    }

    fn supports(&self, _: &ConvShape, weight_bits: u8, _: u8) -> bool {
        (1..=8).contains(&weight_bits)
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
        let mut values = ints(values, weight_bits);
        for (c, &zero_point) in zero_points.iter().enumerate() {
            let (group, n) = (c / g.group_out, c % g.group_out);
            let start = (group * blocks(&g) + n / N) * row * N + n % N;
            for (k, value) in values.by_ref().take(row).enumerate() {
                let at = start + k * N;
                panels[2 * at..2 * at + 2].copy_from_slice(&(i16::from(value) - i16::from(zero_point as i8)).to_le_bytes());
            }
        }
    }

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        Walk::<i16>::scratch_len(shape) + Walk::<i16>::runs_len(shape)
    }

    fn run(&self, shape: &ConvShape, panels: &[u8], input: &IntInput, scratch: &mut [u8], store: &mut I32Store) {
        let (g, row) = (Geometry::new(shape), shape.row_len());
        let mut scratch = Scratch::new(scratch);
        let mut walk = Walk::<i16>::new(shape, &mut scratch);
        let runs = walk.runs(&mut scratch);
        let zero_point = i16::from(input.zero_point);
        let convert = |q: u8| i16::from(q) - zero_point;
        walk.bands(input.image, 0, convert, &mut |band| {
            for group in 0..shape.groups {
                for block in 0..blocks(&g) {
                    let panel = &panels[(group * blocks(&g) + block) * row * 2 * N..][..row * 2 * N];
                    let first = block * N;
                    let (channel, count) = (group * g.group_out + first, N.min(g.group_out - first));
                    let image = &band.copy[group * g.group_in..];
                    let windows = band.windows;
                    let tiles = &mut BlockTiles {
                        image,
                        panel,
                        runs,
                        run: g.run,
                        band: &band,
                        channel,
                        count,
                        channels: shape.output[2],
                        input,
                        store,
                    };
                    sweep(windows, tiles);
                }
            }
        });
    }
}

/// The pixels of a band times a block of channels.
struct BlockTiles<'a, 'b, 's> {
    image: &'a [i16],
    panel: &'a [u8],
    runs: &'a [usize],
    run: usize,
    band: &'a Band<'a, i16>,
    channel: usize,
    count: usize,
    channels: usize,
    input: &'a IntInput<'a>,
    store: &'b mut I32Store<'s>,
}

impl Tiles for BlockTiles<'_, '_, '_> {
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]) {
        let mut sums = [[0i32; N]; M];
        for (&run, weights) in self.runs.iter().zip(self.panel.chunks_exact(self.run * 2 * N)) {
            let from = windows.map(|window| &self.image[window + run..][..self.run]);
            for (k, weights) in weights.as_chunks::<{ 2 * N }>().0.iter().enumerate() {
                let weights: [i16; N] = std::array::from_fn(|n| i16::from_le_bytes([weights[2 * n], weights[2 * n + 1]]));
                for (sums, from) in sums.iter_mut().zip(from) {
                    for (sum, w) in sums.iter_mut().zip(weights) {
                        *sum = sum.wrapping_add(i32::from(from[k]) * i32::from(w));
                    }
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let at = (self.band.pixels.start + first + i) * self.channels;
            for (c, sum) in (self.channel..).zip(&sums[..self.count]) {
                self.store.put(at + c, c, sum.wrapping_add(self.input.bias[c]));
            }
        }
    }
}

/// Integers of a packed stream, one by one.
pub(crate) fn ints(bytes: &[u8], bits: u8) -> impl Iterator<Item = i8> + '_ {
    let (mut buffer, mut filled, mut bytes) = (0u32, 0, bytes.iter());
    // One bit is a sign.
    let odd = i8::from(bits == 1);
    std::iter::from_fn(move || {
        if filled < bits {
            buffer |= u32::from(*bytes.next()?) << filled;
            filled += 8;
        }
        let value = ((buffer << (8 - bits)) as u8 as i8) >> (8 - bits) | odd;
        buffer >>= bits;
        filled -= bits;
        Some(value)
    })
}
