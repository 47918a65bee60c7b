//! Walks over an image in bands of output rows and over each band in tiles of pixels.

use crate::api::ConvShape;
use crate::geometry::Geometry;
use crate::scratch::{Bits, Scratch, bytes_of};
use std::ops::Range;

/// Bytes of a band's copy. It need not fit a first-level cache of 32 KiB, which a block of channels reads it through once;
/// weights are read again for each band. 16, 32, 64 and 128 KiB: `conv-f32-4x8-fma` of 1x1, 7x7, 320 to 1280 channels
/// 17, 22, 25 and 25 GMAC/s; depthwise 5x5 of 14x14x240 15.4, 15.5, 17.2 and 17.8; other shapes the same with each.
const BUDGET: usize = 64 << 10;
/// Pixels that an inner loop takes at once, at most.
const TILE: usize = 4;

/// Elements that may be read past the end of a band's copy.
const SLACK: usize = 16;

/// Scratch of a walk.
pub(crate) struct Walk<'a, A> {
    shape: &'a ConvShape,
    geometry: Geometry,
    band: usize,
    copy: &'a mut [A],
    windows: &'a mut [usize],
}

/// A band whose copy is made.
pub(crate) struct Band<'a, A> {
    /// The copied rows, and 16 more elements of any value.
    pub copy: &'a [A],
    /// Its pixels in the output.
    pub pixels: Range<usize>,
    /// First element of each pixel's window in the copy.
    pub windows: &'a [usize],
}

/// Something that is done to tiles of pixels.
pub(crate) trait Tiles {
    /// Does it to `M` pixels whose windows start at `windows`, the first of which is number `first` of the band.
    fn tile<const M: usize>(&mut self, first: usize, windows: &[usize; M]);
}

impl<'a, A: Bits> Walk<'a, A> {
    /// Bytes of scratch that `new` takes.
    pub fn scratch_len(shape: &ConvShape) -> usize {
        let g = Geometry::new(shape);
        let band = g.band(shape, size_of::<A>(), BUDGET);
        bytes_of::<A>(g.rows_len(g.band_rows(shape, &(0..band)).len()) + SLACK) + bytes_of::<usize>(band * shape.output[1])
    }

    /// A walk over all of the output.
    pub fn new(shape: &'a ConvShape, scratch: &mut Scratch<'a>) -> Self {
        let geometry = Geometry::new(shape);
        let band = geometry.band(shape, size_of::<A>(), BUDGET);
        let copy = scratch.take(geometry.rows_len(geometry.band_rows(shape, &(0..band)).len()) + SLACK);
        let windows = scratch.take(band * shape.output[1]);
        for (row, windows) in windows.chunks_exact_mut(shape.output[1].max(1)).enumerate() {
            for (column, window) in windows.iter_mut().enumerate() {
                *window = geometry.window(shape, row, column);
            }
        }
        Self { shape, geometry, band, copy, windows }
    }

    /// Pixels of a band, at most.
    #[cfg(target_feature = "relaxed-simd")]
    pub fn pixels(shape: &ConvShape) -> usize {
        Geometry::new(shape).band(shape, size_of::<A>(), BUDGET) * shape.output[1]
    }

    /// Bytes of scratch that `runs` takes.
    pub fn runs_len(shape: &ConvShape) -> usize {
        bytes_of::<usize>(Geometry::new(shape).runs(shape) + 1)
    }

    /// First element of each run, counted from the start of a window.
    pub fn runs(&self, scratch: &mut Scratch<'a>) -> &'a [usize] {
        let runs = scratch.take(self.geometry.runs(self.shape));
        for (i, run) in runs.iter_mut().enumerate() {
            *run = self.geometry.run_offset(self.shape, i);
        }
        runs
    }

    /// Copies band after band, `convert`ing each element, and shows it to `see`.
    pub fn bands<S: Copy>(&mut self, image: &[S], border: A, convert: impl Fn(S) -> A, mut see: impl FnMut(Band<A>)) {
        let [rows, columns, _] = self.shape.output;
        for first in (0..rows).step_by(self.band) {
            let band = first..(first + self.band).min(rows);
            let pixels = band.start * columns..band.end * columns;
            self.geometry.border(self.shape, image, self.geometry.band_rows(self.shape, &band), border, self.copy, &convert);
            let windows = &self.windows[..pixels.len()];
            see(Band { copy: self.copy, pixels, windows });
        }
    }
}

/// Shows all windows to `tiles`, as many at once as it can be.
#[inline(always)]
pub(crate) fn sweep(windows: &[usize], tiles: &mut impl Tiles) {
    let (fours, rest) = windows.as_chunks::<TILE>();
    for (i, windows) in fours.iter().enumerate() {
        tiles.tile(i * TILE, windows);
    }
    let first = fours.len() * TILE;
    match *rest {
        [] => (),
        [a] => tiles.tile(first, &[a]),
        [a, b] => tiles.tile(first, &[a, b]),
        [a, b, c] => {
            tiles.tile(first, &[a, b]);
            tiles.tile(first + 2, &[c]);
        }
        _ => unreachable!("a rest is shorter than a tile"),
    }
}
