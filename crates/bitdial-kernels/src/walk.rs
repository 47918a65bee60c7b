//! Walks over an image in bands of output rows and over each band in tiles of pixels.

use crate::api::ConvShape;
use crate::geometry::Geometry;
use crate::part::Part;
use crate::scratch::{Bits, Scratch, bytes_of};
use std::ops::Range;

/// Bytes of a band's copy. It need not fit a first-level cache of 32 KiB, which a block of channels reads it through once;
/// weights are read again for each band. 16, 32, 64 and 128 KiB: `conv-f32-4x8-fma` of 1x1, 7x7, 320 to 1280 channels
/// 17, 22, 25 and 25 GMAC/s; depthwise 5x5 of 14x14x240 15.4, 15.5, 17.2 and 17.8; other shapes the same with each.
const BUDGET: usize = 64 << 10;
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
    /// The rows from the first one of the band on; if copied, 16 more elements of any value.
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
        // Sums over no run are there at once.
        let runs = scratch.take(if Part::multiplies() { self.geometry.runs(self.shape) } else { 0 });
        for (i, run) in runs.iter_mut().enumerate() {
            *run = self.geometry.run_offset(self.shape, i);
        }
        runs
    }

    /// The output rows of each band, and their pixels.
    fn split(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + use<A> {
        let ([rows, columns, _], step) = (self.shape.output, self.band);
        (0..rows).step_by(step).map(move |first| {
            let band = first..(first + step).min(rows);
            (band.clone(), band.start * columns..band.end * columns)
        })
    }

    /// Copies band after band, `convert`ing each element, and shows it to `see`.
    pub fn bands<S: Copy>(&mut self, image: &[S], border: A, convert: impl Fn(S) -> A, see: &mut dyn FnMut(Band<A>)) {
        for (band, pixels) in self.split() {
            if Part::moves() {
                self.geometry.border(self.shape, image, self.geometry.band_rows(self.shape, &band), border, self.copy, &convert);
            }
            let windows = &self.windows[..pixels.len()];
            if Part::requantizes() {
                see(Band { copy: self.copy, pixels, windows });
            }
        }
    }

    /// Whether an image has no border, so that it can be read where it is.
    #[cfg(target_feature = "simd128")]
    pub fn is_borderless(&self) -> bool {
        let [rows, columns, _] = self.shape.input;
        let touched = self.geometry.band_rows(self.shape, &(0..self.shape.output[0])).end;
        self.shape.pad == [0, 0] && self.geometry.columns == columns && touched <= rows
    }

    /// Shows band after band of a borderless image to `see`, which reads nothing past the end of the last window.
    #[cfg(target_feature = "simd128")]
    pub fn in_place(&mut self, image: &[A], see: &mut dyn FnMut(Band<A>)) {
        for (band, pixels) in self.split() {
            let start = self.geometry.rows_len(self.geometry.band_rows(self.shape, &band).start);
            let windows = &self.windows[..pixels.len()];
            if Part::requantizes() {
                see(Band { copy: &image[start..], pixels, windows });
            }
        }
    }
}

/// Shows all windows to `tiles`, four at once; a single one, which is slow, only if there are no others.
///
/// Five and six at once are slower: of 16 registers there are too few (`conv-f32-4x8-fma` of 1x1, 14x14, 112 to 672 channels
/// with tiles of 4, 5 and 6: 20, 12 and 13 GMAC/s).
#[inline(always)]
pub(crate) fn sweep<T: Tiles>(windows: &[usize], tiles: &mut T) {
    let mut first = 0;
    while first < windows.len() {
        let left = &windows[first..];
        first += match left.len() {
            4 | 6.. => show::<_, 4>(first, left, tiles),
            3 | 5 => show::<_, 3>(first, left, tiles),
            2 => show::<_, 2>(first, left, tiles),
            _ => show::<_, 1>(first, left, tiles),
        };
    }
}

/// Shows the first `M` windows, which start at number `first`.
#[inline(always)]
fn show<T: Tiles, const M: usize>(first: usize, windows: &[usize], tiles: &mut T) -> usize {
    tiles.tile::<M>(first, windows.first_chunk().expect("there are as many"));
    M
}
