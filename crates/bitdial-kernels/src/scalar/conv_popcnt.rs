//! 1-bit convolution in plain loops: `xor` and count, 64 products a word. See [`crate::signs`].

use crate::api::{self, ConvShape, I32Store, IntInput, IntWeights};
use crate::geometry::Geometry;
use crate::part::Part;
use crate::scratch::{Scratch, bytes_of};
use crate::signs;
use crate::walk::{Band, Tiles, Walk, sweep};

/// Bytes of a word.
const WORD: usize = size_of::<u64>();

/// Packed: the number of ones of each output channel as i32, then its sign bits, filled up to whole words.
pub(crate) struct Conv;

/// Words of an output channel.
fn words(shape: &ConvShape) -> usize {
    signs::bytes_shape(shape).row_len().div_ceil(WORD)
}

impl api::ConvI8 for Conv {
    fn name(&self) -> &'static str {
        "conv-u1i1-4x1-scalar"
    }

    fn supports(&self, _: &ConvShape, weight_bits: u8, activation_high: u8) -> bool {
        weight_bits == 1 && activation_high <= 1
    }

    fn pack(&self, shape: &ConvShape, weights: &IntWeights) -> Vec<u8> {
        let (row, len) = (signs::bytes_shape(shape).row_len().max(1), WORD * words(shape));
        let signs = signs::pack_weights(shape, weights);
        let ones = signs.chunks_exact(row).map(|row| row.iter().map(|byte| byte.count_ones()).sum::<u32>());
        let mut packed: Vec<u8> = ones.flat_map(u32::to_le_bytes).collect();
        for row in signs.chunks_exact(row) {
            let end = packed.len() + len;
            packed.extend(row);
            packed.resize(end, 0);
        }
        packed
    }

    fn panel_len(&self, _: &ConvShape, _: u8) -> usize {
        0
    }

    fn unpack(&self, _: &ConvShape, _: &[u8], _: u8, _: &mut [u8]) {}

    fn scratch_len(&self, shape: &ConvShape) -> usize {
        let bytes = signs::bytes_shape(shape);
        let rows = bytes_of::<u8>(4 * WORD * words(shape));
        Walk::<u8>::scratch_len(&bytes) + Walk::<u8>::runs_len(&bytes) + bytes_of::<u8>(signs::image_len(shape)) + rows
    }

    fn run(&self, shape: &ConvShape, panels: &[u8], input: &IntInput, scratch: &mut [u8], store: &mut I32Store) {
        let (bytes, words) = (signs::bytes_shape(shape), words(shape));
        let (ones, panels) = panels.split_at(4 * shape.output[2]);
        let ((ones, _), (panels, _)) = (ones.as_chunks(), panels.as_chunks());
        let mut scratch = Scratch::new(scratch);
        let image = scratch.take::<u8>(signs::image_len(shape));
        if Part::moves() {
            signs::pack_image(shape, input.image, input.zero_point, image, signs::octets);
        }
        let rows = scratch.take::<u8>(4 * WORD * words);
        rows.fill(0);
        let mut walk = Walk::<u8>::new(&bytes, &mut scratch);
        let runs = walk.runs(&mut scratch);
        let geometry = Geometry::new(&bytes);
        walk.bands(image, signs::border(input.zero_point), |byte| byte, &mut |band| {
            for group in 0..shape.groups {
                let tiles =
                    &mut GroupTiles { shape, geometry: &geometry, group, band: &band, runs, rows, ones, panels, words, input, store };
                sweep(band.windows, tiles);
            }
        });
    }
}

/// The pixels of a band times the channels of a group.
struct GroupTiles<'a, 'b, 's> {
    shape: &'a ConvShape,
    geometry: &'a Geometry,
    group: usize,
    band: &'a Band<'a, u8>,
    runs: &'a [usize],
    /// The windows of a tile, each in whole words; what fills them up is 0.
    rows: &'b mut [u8],
    ones: &'a [[u8; 4]],
    panels: &'a [[u8; WORD]],
    words: usize,
    input: &'a IntInput<'a>,
    store: &'b mut I32Store<'s>,
}

impl Tiles for GroupTiles<'_, '_, '_> {
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]) {
        let Geometry { run, group_in, group_out, .. } = *self.geometry;
        let image = &self.band.copy[self.group * group_in..];
        for (row, window) in self.rows.chunks_exact_mut(WORD * self.words).zip(windows) {
            for (to, from) in row.chunks_exact_mut(run).zip(self.runs) {
                to.copy_from_slice(&image[window + from..][..run]);
            }
        }
        let (rows, _) = self.rows.as_chunks::<WORD>();
        let channels = self.group * group_out..(self.group + 1) * group_out;
        for c in channels {
            let weights = &self.panels[c * self.words..][..self.words];
            let base = self.input.bias[c].wrapping_add(signs::base(self.shape, i32::from_le_bytes(self.ones[c]), self.input.zero_point));
            for m in 0..M {
                let row = &rows[m * self.words..][..self.words];
                let both = row.iter().zip(weights).map(|(&a, &w)| (u64::from_le_bytes(a) ^ u64::from_le_bytes(w)).count_ones());
                let at = (self.band.pixels.start + first + m) * self.shape.output[2];
                self.store.put(at + c, c, base.wrapping_add(both.sum::<u32>() as i32));
            }
        }
    }
}
