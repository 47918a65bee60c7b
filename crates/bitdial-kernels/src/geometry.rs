//! Where the taps of a convolution lie: a copy of the image with its border, read in contiguous runs.
//!
//! With the border copied around the image no inner loop tests for padding, and the taps of a window row that are
//! neighbours in memory are one run: `kernel columns * channels` long where there is one group and no dilation.
//! The copy is made in bands of rows, so that it stays in the cache however large the image is.

use crate::api::ConvShape;
use std::ops::Range;

/// A convolution as sums over runs in a bordered image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    /// Columns of the bordered image.
    pub columns: usize,
    /// Channels of the image, all groups.
    pub channels: usize,
    /// Input channels of a group.
    pub group_in: usize,
    /// Output channels of a group.
    pub group_out: usize,
    /// Runs in a row of a window.
    pub run_columns: usize,
    /// Elements of a run.
    pub run: usize,
}

impl Geometry {
    /// Of a shape.
    pub fn new(shape: &ConvShape) -> Self {
        let channels = shape.input[2];
        let (group_in, group_out) = (channels / shape.groups, shape.output[2] / shape.groups);
        let joined = shape.groups == 1 && (shape.dilation[1] == 1 || shape.kernel[1] == 1);
        let (run_columns, run) = if joined { (1, shape.kernel[1] * channels) } else { (shape.kernel[1], group_in) };
        Self { columns: touched(shape, 1, shape.output[1]), channels, group_in, group_out, run_columns, run }
    }

    /// Runs of a window.
    pub fn runs(&self, shape: &ConvShape) -> usize {
        shape.kernel[0] * self.run_columns
    }

    /// Elements of `rows` rows of the bordered image.
    pub fn rows_len(&self, rows: usize) -> usize {
        rows * self.columns * self.channels
    }

    /// Start of run `i`, relative to the first element of the window.
    pub fn run_offset(&self, shape: &ConvShape, i: usize) -> usize {
        let (y, x) = (i / self.run_columns, i % self.run_columns);
        (y * shape.dilation[0] * self.columns + x * shape.dilation[1]) * self.channels
    }

    /// First element of the window of an output pixel, `y` counted from the first row of the band.
    pub fn window(&self, shape: &ConvShape, y: usize, x: usize) -> usize {
        (y * shape.stride[0] * self.columns + x * shape.stride[1]) * self.channels
    }

    /// Output rows of a band whose copy, of elements of `size` bytes, takes about `budget` bytes.
    pub fn band(&self, shape: &ConvShape, size: usize, budget: usize) -> usize {
        let fit = budget / (self.rows_len(1) * size).max(1);
        (fit.saturating_sub(touched(shape, 0, 1)) / shape.stride[0] + 1).min(shape.output[0]).max(1)
    }

    /// Rows of the bordered image that the output rows `band` read.
    pub fn band_rows(&self, shape: &ConvShape, band: &Range<usize>) -> Range<usize> {
        let first = band.start * shape.stride[0];
        first..first + touched(shape, 0, band.len())
    }

    /// Copies rows of the image into its border, `convert`ing each element.
    pub fn border<S: Copy, T: Copy>(
        &self,
        shape: &ConvShape,
        image: &[S],
        rows: Range<usize>,
        border: T,
        out: &mut [T],
        convert: impl Fn(S) -> T,
    ) {
        let (in_row, out_row) = (shape.input[1] * self.channels, self.columns * self.channels);
        let left = shape.pad[1].min(self.columns);
        let copied = shape.input[1].min(self.columns - left) * self.channels;
        let left = left * self.channels;
        for (row, to) in rows.zip(out.chunks_exact_mut(out_row.max(1))) {
            match row.checked_sub(shape.pad[0]).filter(|&row| row < shape.input[0]) {
                None => to.fill(border),
                Some(row) => {
                    to[..left].fill(border);
                    to[left + copied..].fill(border);
                    for (to, &from) in to[left..left + copied].iter_mut().zip(&image[row * in_row..][..copied]) {
                        *to = convert(from);
                    }
                }
            }
        }
    }
}

/// Elements along an axis that the windows of `outputs` neighbouring outputs touch.
fn touched(shape: &ConvShape, axis: usize, outputs: usize) -> usize {
    outputs.saturating_sub(1) * shape.stride[axis] + (shape.kernel[axis] - 1) * shape.dilation[axis] + 1
}
