//! Depthwise convolution over strips: along a row, four outputs times four channels at once.

use super::strip::{COLUMN, Layout, Pack, STRIP, Strip, TILE};
use super::tile::Step;
use crate::api::ConvShape;
use crate::panels::{Block, CHANNELS, Panels};
use crate::part::Part;
use crate::scratch::{Scratch, bytes_of};
use core::arch::wasm32::{i32x4_mul, i32x4_splat, i32x4_sub, v128, v128_load};

/// Bytes of the rows of the image that a band of outputs reads: all strips of it are computed while they are in the cache.
const BUDGET: usize = 256 << 10;

/// The panels of a depthwise convolution whose elements have `taps` taps: `[block][element][column][channel][tap]`.
pub(crate) fn panels(shape: &ConvShape, taps: usize) -> Panels {
    let kernel = [1, shape.kernel[0].div_ceil(taps) * shape.kernel[1] * taps];
    let flat = ConvShape {
        input: [1, kernel[1], 1],
        output: [1, 1, shape.output[2]],
        kernel,
        stride: [1, 1],
        pad: [0, 0],
        dilation: [1, 1],
        groups: 1,
    };
    Panels::new(&flat, taps)
}

/// Weights in the order of elements; `empty(channel)` where a window has no tap.
pub(crate) fn in_elements<W: Copy>(shape: &ConvShape, taps: usize, weights: &[W], empty: impl Fn(usize) -> W) -> Vec<W> {
    let [rows, columns] = shape.kernel;
    let mut elements = Vec::with_capacity(shape.output[2] * rows.next_multiple_of(taps) * columns);
    for (c, window) in weights.chunks_exact(rows * columns).enumerate() {
        for first in (0..rows).step_by(taps) {
            for column in 0..columns {
                elements.extend((first..first + taps).map(|row| window.get(row * columns + column).copied().unwrap_or_else(|| empty(c))));
            }
        }
    }
    elements
}

/// What a depthwise convolution multiplies with.
pub(crate) struct Factors<'a> {
    /// 32 bytes for each element of a block.
    pub weights: &'a [u8],
    /// What is to be subtracted because of the weights' zero points.
    pub correction: Option<Correction<'a>>,
}

/// `Z * sum A`: the sum is a product with weights of 1.
#[derive(Clone, Copy)]
pub(crate) struct Correction<'a> {
    /// As the weights of one block.
    pub ones: &'a [u8],
    /// `Z` of each channel of a block.
    pub zeros: &'a dyn Fn(&Block) -> [v128; 2],
}

/// Sums of eight channels at one pixel.
pub(crate) type Pixel = [v128; 2];

/// Where sums go.
pub(crate) trait Sink {
    /// What the sums of a block start from.
    fn start(&self, block: Block) -> Pixel;

    /// Stores the sums of neighbouring pixels.
    fn row(&mut self, block: Block, pixel: usize, sums: &[Pixel]);
}

/// Whether [`run`] is for a shape. What it is not for, the matrix kernels serve.
pub(crate) fn supports(shape: &ConvShape, taps: usize) -> bool {
    shape.is_depthwise() && Layout::new(shape, taps).is_small()
}

/// Bytes of scratch that [`run`] takes.
pub(crate) fn scratch_len<P: Pack>(shape: &ConvShape) -> usize {
    Layout::new(shape, P::TAPS).scratch_len::<P::Value>() + 2 * bytes_of::<Pixel>(shape.output[1].next_multiple_of(TILE))
}

/// Convolves an image.
pub(crate) fn run<'a, P: Pack, S: Step>(
    shape: &'a ConvShape,
    pack: P,
    (image, border): (&[P::Value], P::Value),
    factors: &Factors,
    sink: &mut dyn Sink,
    scratch: &mut Scratch<'a>,
) {
    let (layout, panels) = (Layout::new(shape, P::TAPS), panels(shape, P::TAPS));
    let [rows, columns, channels] = shape.output;
    let whole = columns.next_multiple_of(TILE);
    let (sums, ones) = (scratch.take::<Pixel>(whole), scratch.take::<Pixel>(whole));
    let mut strip = Strip::new(shape, layout, pack, border, scratch);
    let row_bytes = shape.input[1] * channels * size_of::<P::Value>() * shape.stride[0];
    let band = (BUDGET / row_bytes.max(1)).clamp(1, rows.max(1));
    let row = row_of::<S>(shape);
    let block_bytes = 4 * panels.block_len() / P::TAPS;
    for first in (0..rows).step_by(band) {
        for channel in (0..channels).step_by(STRIP) {
            strip.clear();
            for y in first..(first + band).min(rows) {
                let (elements, rows) = strip.fill(image, channel, y);
                let rows = if Part::multiplies() { rows } else { &[] };
                if !Part::requantizes() {
                    continue;
                }
                let first = channel / CHANNELS;
                for block in (first..panels.all_blocks.min(first + STRIP / CHANNELS)).map(|index| panels.block(index)) {
                    let window = Window { elements: elements[4 * (block.channel - channel)..].as_ptr(), rows, shape };
                    let weights = &factors.weights[block.index * block_bytes..][..block_bytes];
                    // SAFETY: kept rows reach as far as whole tiles do; the weights are those of all elements.
                    unsafe { row(&window, weights, sink.start(block), sums) };
                    if let Some(Correction { ones: weights, zeros }) = factors.correction {
                        // SAFETY: as above.
                        unsafe { row(&window, &weights[..block_bytes], [i32x4_splat(0); 2], ones) };
                        let zeros = zeros(&block);
                        for (sums, ones) in sums.iter_mut().zip(&*ones) {
                            *sums = [0, 1].map(|i| i32x4_sub(sums[i], i32x4_mul(ones[i], zeros[i])));
                        }
                    }
                    sink.row(block, y * columns, &sums[..columns]);
                }
            }
        }
    }
}

/// Where a row of outputs finds its elements.
struct Window<'a> {
    /// Those of a block, in the first kept row and column.
    elements: *const u8,
    /// First byte of each row of elements.
    rows: &'a [usize],
    shape: &'a ConvShape,
}

/// Sums up a row of outputs for eight channels.
///
/// Safety: kept rows must reach as far as whole tiles do, and there must be 32 bytes of weights for each element.
type Row = unsafe fn(&Window, &[u8], Pixel, &mut [Pixel]);

/// The row function of a shape.
fn row_of<S: Step>(shape: &ConvShape) -> Row {
    match (shape.kernel[1], shape.stride[1], shape.dilation[1]) {
        (3, 1, 1) => row::<S, 3, 1>,
        (3, 2, 1) => row::<S, 3, 2>,
        (5, 1, 1) => row::<S, 5, 1>,
        (5, 2, 1) => row::<S, 5, 2>,
        _ => any_row::<S>,
    }
}

/// For windows of `K` columns, `D` columns apart. The outputs of a tile share what they read.
unsafe fn row<S: Step, const K: usize, const D: usize>(window: &Window, weights: &[u8], start: Pixel, sums: &mut [Pixel]) {
    let (tiles, _) = sums.as_chunks_mut::<TILE>();
    for half in 0..2 {
        // SAFETY: the caller vouches for all of it; vectors need no alignment.
        unsafe {
            let mut elements = window.elements.add(16 * half);
            let weights = weights.as_ptr().add(16 * half);
            for tile in tiles.iter_mut() {
                let mut sums = [start[half]; TILE];
                let mut weights = weights;
                for &row in window.rows {
                    let from = elements.add(row);
                    let w: [v128; K] = std::array::from_fn(|k| v128_load(weights.add(32 * k).cast()));
                    for (m, sum) in sums.iter_mut().enumerate() {
                        for (k, &w) in w.iter().enumerate() {
                            *sum = S::step(v128_load(from.add((m * D + k) * COLUMN).cast()), w, *sum);
                        }
                    }
                    weights = weights.add(32 * K);
                }
                for (tile, sum) in tile.iter_mut().zip(sums) {
                    tile[half] = sum;
                }
                elements = elements.add(TILE * D * COLUMN);
            }
        }
    }
}

/// For any window.
unsafe fn any_row<S: Step>(window: &Window, weights: &[u8], start: Pixel, sums: &mut [Pixel]) {
    let shape = window.shape;
    sums.fill(start);
    let mut weights = weights.as_ptr();
    for &row in window.rows {
        for column in 0..shape.kernel[1] {
            // SAFETY: the caller vouches for all of it; vectors need no alignment.
            unsafe {
                let w = [v128_load(weights.cast()), v128_load(weights.add(16).cast())];
                weights = weights.add(32);
                let mut from = window.elements.add(row + column * shape.dilation[1] * COLUMN);
                for sums in sums.iter_mut() {
                    let a = [v128_load(from.cast()), v128_load(from.add(16).cast())];
                    *sums = [S::step(a[0], w[0], sums[0]), S::step(a[1], w[1], sums[1])];
                    from = from.add(shape.stride[1] * COLUMN);
                }
            }
        }
    }
}
