//! Where the taps of a convolution lie: a copy of the image with its border, read in contiguous runs.
//!
//! With the border copied around the image no inner loop tests for padding, and the taps of a window row that are
//! neighbours in memory are one run: `kernel columns * channels` long where there is one group and no dilation.

use crate::api::ConvShape;

/// A convolution as sums over runs in a bordered image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    /// Rows of the bordered image: as many as the windows touch.
    pub rows: usize,
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
        let touched =
            |axis: usize| shape.output[axis].saturating_sub(1) * shape.stride[axis] + (shape.kernel[axis] - 1) * shape.dilation[axis] + 1;
        let joined = shape.groups == 1 && (shape.dilation[1] == 1 || shape.kernel[1] == 1);
        let (run_columns, run) = if joined { (1, shape.kernel[1] * channels) } else { (shape.kernel[1], group_in) };
        Self { rows: touched(0), columns: touched(1), channels, group_in, group_out, run_columns, run }
    }

    /// Elements of the bordered image.
    pub fn bordered_len(&self) -> usize {
        self.rows * self.columns * self.channels
    }

    /// Start of run `i`, relative to the first element of the window.
    pub fn run_offset(&self, shape: &ConvShape, i: usize) -> usize {
        let (y, x) = (i / self.run_columns, i % self.run_columns);
        (y * shape.dilation[0] * self.columns + x * shape.dilation[1]) * self.channels
    }

    /// First element of the window of an output pixel.
    pub fn window(&self, shape: &ConvShape, y: usize, x: usize) -> usize {
        (y * shape.stride[0] * self.columns + x * shape.stride[1]) * self.channels
    }

    /// Copies the image into its border, `convert`ing each element.
    pub fn border<S: Copy, T: Copy>(&self, shape: &ConvShape, image: &[S], border: T, out: &mut [T], convert: impl Fn(S) -> T) {
        let (pad_rows, pad_columns) = (shape.pad[0].min(self.rows), shape.pad[1].min(self.columns));
        let (in_row, out_row) = (shape.input[1] * self.channels, self.columns * self.channels);
        let rows = shape.input[0].min(self.rows - pad_rows);
        let copied = shape.input[1].min(self.columns - pad_columns) * self.channels;
        let left = pad_columns * self.channels;
        let out = &mut out[..self.rows * out_row];
        out[..pad_rows * out_row].fill(border);
        out[(pad_rows + rows) * out_row..].fill(border);
        for y in 0..rows {
            let to = &mut out[(pad_rows + y) * out_row..][..out_row];
            to[..left].fill(border);
            to[left + copied..].fill(border);
            for (to, &from) in to[left..left + copied].iter_mut().zip(&image[y * in_row..][..copied]) {
                *to = convert(from);
            }
        }
    }
}
