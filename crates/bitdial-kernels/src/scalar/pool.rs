//! Pooling windows and means, channels innermost.

use super::store::{clamp, requantize};
use crate::api::PoolShape;
use bitdial_numerics::ActivationParams;
use std::ops::Range;

/// The part of a window that lies on the image: first tap, one past the last tap, for one axis.
pub(crate) fn taps(shape: &PoolShape, axis: usize, at: usize) -> Range<usize> {
    let (start, step) = (at * shape.stride[axis], shape.dilation[axis]);
    let first = shape.pad[axis].saturating_sub(start).div_ceil(step);
    let last = (shape.input[axis] + shape.pad[axis]).saturating_sub(start).div_ceil(step).min(shape.kernel[axis]);
    first.min(last)..last
}

/// Calls `see(output pixel, taps on the image, their starts in the image)` for each output pixel in order.
pub(crate) fn windows(shape: &PoolShape, mut see: impl FnMut(usize, usize, &mut dyn FnMut(&mut dyn FnMut(usize)))) {
    let [rows, columns] = shape.output;
    for y in 0..rows {
        let down = taps(shape, 0, y);
        for x in 0..columns {
            let along = taps(shape, 1, x);
            see(y * columns + x, down.len() * along.len(), &mut |visit| {
                for row in down.clone() {
                    let row = y * shape.stride[0] + row * shape.dilation[0] - shape.pad[0];
                    for column in along.clone() {
                        let column = x * shape.stride[1] + column * shape.dilation[1] - shape.pad[1];
                        visit((row * shape.input[1] + column) * shape.input[2]);
                    }
                }
            });
        }
    }
}

/// By what an average divides.
pub(crate) fn divisor(shape: &PoolShape, taps: usize) -> usize {
    if shape.count_include_pad { shape.kernel[0] * shape.kernel[1] } else { taps }
}

/// See [`crate::Elementwise::max_pool_u8`].
pub(crate) fn max_pool_u8(shape: &PoolShape, x: &[u8], out: &mut [u8]) {
    max_pool(shape, x, out, 0, u8::max);
}

/// See [`crate::Elementwise::max_pool_f32`].
pub(crate) fn max_pool_f32(shape: &PoolShape, x: &[f32], out: &mut [f32]) {
    max_pool(shape, x, out, f32::NEG_INFINITY, |best, x| if x > best { x } else { best });
}

fn max_pool<T: Copy>(shape: &PoolShape, x: &[T], out: &mut [T], least: T, max: impl Fn(T, T) -> T) {
    let channels = shape.input[2];
    windows(shape, |pixel, _, taps| {
        let out = &mut out[pixel * channels..][..channels];
        out.fill(least);
        taps(&mut |at| {
            for (best, &x) in out.iter_mut().zip(&x[at..at + channels]) {
                *best = max(*best, x);
            }
        });
    });
}

/// Channels that are summed at once.
const BLOCK: usize = 64;

/// Blocks of channels, and room for their sums.
fn blocks(channels: usize) -> impl Iterator<Item = (Range<usize>, [i32; BLOCK])> {
    (0..channels).step_by(BLOCK).map(move |first| (first..channels.min(first + BLOCK), [0; BLOCK]))
}

/// See [`crate::Elementwise::average_pool_u8`].
pub(crate) fn average_pool_u8(shape: &PoolShape, x: &[u8], x_grid: &ActivationParams, grid: &ActivationParams, out: &mut [u8]) {
    let channels = shape.input[2];
    windows(shape, |pixel, count, taps| {
        let out = &mut out[pixel * channels..][..channels];
        for (block, mut sums) in blocks(channels) {
            let sums = &mut sums[..block.len()];
            taps(&mut |at| add_rows(sums, &x[at..][block.clone()]));
            store_means(sums, count, divisor(shape, count), x_grid, grid, &mut out[block.clone()]);
        }
    });
}

/// Adds a row to the sums.
pub(crate) fn add_rows(sums: &mut [i32], row: &[u8]) {
    for (sum, &q) in sums.iter_mut().zip(row) {
        *sum += i32::from(q);
    }
}

/// Requantizes sums of `count` integers each, divided by `n`.
pub(crate) fn store_means(sums: &[i32], count: usize, n: usize, x_grid: &ActivationParams, grid: &ActivationParams, out: &mut [u8]) {
    let zero = count as i32 * i32::from(x_grid.zero_point);
    let factor = mean_factor(n, x_grid, grid);
    for (q, &sum) in out.iter_mut().zip(sums) {
        *q = requantize((sum - zero) as f32 * factor, grid.zero_point, grid.low, grid.high);
    }
}

/// `s_in / (s_out * n)`; 0 for an empty window.
pub(crate) fn mean_factor(n: usize, x_grid: &ActivationParams, grid: &ActivationParams) -> f32 {
    if n == 0 { 0.0 } else { x_grid.scale / (grid.scale * n as f32) }
}

/// See [`crate::Elementwise::average_pool_f32`].
pub(crate) fn average_pool_f32(shape: &PoolShape, x: &[f32], low: f32, high: f32, out: &mut [f32]) {
    let channels = shape.input[2];
    windows(shape, |pixel, count, taps| {
        let out = &mut out[pixel * channels..][..channels];
        out.fill(0.0);
        taps(&mut |at| {
            for (sum, &x) in out.iter_mut().zip(&x[at..at + channels]) {
                *sum += x;
            }
        });
        let n = divisor(shape, count).max(1) as f32;
        for y in out {
            *y = clamp(*y / n, low, high);
        }
    });
}

/// See [`crate::Elementwise::mean_u8`].
pub(crate) fn mean_u8(x: &[u8], x_grid: &ActivationParams, grid: &ActivationParams, out: &mut [u8]) {
    let channels = out.len().max(1);
    let count = x.len() / channels;
    for (block, mut sums) in blocks(out.len()) {
        let sums = &mut sums[..block.len()];
        for row in x.chunks_exact(channels) {
            add_rows(sums, &row[block.clone()]);
        }
        store_means(sums, count, count, x_grid, grid, &mut out[block]);
    }
}

/// See [`crate::Elementwise::mean_f32`].
pub(crate) fn mean_f32(x: &[f32], low: f32, high: f32, out: &mut [f32]) {
    let channels = out.len().max(1);
    out.fill(0.0);
    for row in x.chunks_exact(channels) {
        for (sum, &x) in out.iter_mut().zip(row) {
            *sum += x;
        }
    }
    let n = (x.len() / channels).max(1) as f32;
    for y in out {
        *y = clamp(*y / n, low, high);
    }
}
