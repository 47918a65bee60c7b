//! Pools and means: each against its definition, computed here tap by tap.

use crate::{Random, Report};
use bitdial_kernels::{Kernels, PoolShape};
use bitdial_numerics::ActivationParams;

/// A pooling window; pads are above, left, below, right.
const fn pool(
    input: [usize; 3],
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 4],
    dilation: [usize; 2],
    count_include_pad: bool,
) -> PoolShape {
    let rows = (input[0] + pad[0] + pad[2] - (kernel[0] - 1) * dilation[0] - 1) / stride[0] + 1;
    let columns = (input[1] + pad[1] + pad[3] - (kernel[1] - 1) * dilation[1] - 1) / stride[1] + 1;
    PoolShape { input, output: [rows, columns], kernel, stride, pad: [pad[0], pad[1]], dilation, count_include_pad }
}

pub(crate) const SHAPES: &[PoolShape] = &[
    pool([4, 4, 16], [2, 2], [2, 2], [0; 4], [1, 1], false),
    pool([5, 7, 3], [3, 3], [2, 2], [1; 4], [1, 1], false),
    pool([5, 7, 35], [3, 3], [1, 1], [1; 4], [1, 1], true),
    pool([1, 1, 1], [1, 1], [1, 1], [0; 4], [1, 1], false),
    pool([6, 5, 17], [2, 3], [1, 2], [0, 1, 1, 0], [2, 1], true),
    pool([7, 7, 20], [7, 7], [1, 1], [0; 4], [1, 1], false),
    pool([3, 3, 4], [2, 2], [3, 3], [0, 0, 2, 2], [1, 1], false),
];

/// Indices of the taps of an output that lie on the image.
fn taps(shape: &PoolShape, out: usize) -> Vec<usize> {
    let (pixel, channel) = (out / shape.input[2], out % shape.input[2]);
    let at = [pixel / shape.output[1], pixel % shape.output[1]];
    let inside = |axis: usize, tap: usize| {
        let i = (at[axis] * shape.stride[axis] + tap * shape.dilation[axis]).checked_sub(shape.pad[axis])?;
        (i < shape.input[axis]).then_some(i)
    };
    let mut taps = Vec::new();
    for row in 0..shape.kernel[0] {
        for column in 0..shape.kernel[1] {
            if let (Some(row), Some(column)) = (inside(0, row), inside(1, column)) {
                taps.push((row * shape.input[1] + column) * shape.input[2] + channel);
            }
        }
    }
    taps
}

/// Compares pools and means with their definitions.
pub fn check(kernels: &Kernels, random: &mut Random, report: &mut Report) {
    for shape in SHAPES {
        integers(kernels, shape, random, report);
        floats(kernels, shape, random, report);
    }
}

fn average(x: &[u8], taps: &[usize], n: usize, x_grid: &ActivationParams, grid: &ActivationParams) -> u8 {
    let sum: i32 = taps.iter().map(|&i| i32::from(x[i]) - i32::from(x_grid.zero_point)).sum();
    let factor = if n == 0 { 0.0 } else { x_grid.scale / (grid.scale * n as f32) };
    let zero = f32::from(grid.zero_point);
    ((sum as f32 * factor).clamp(f32::from(grid.low) - zero, f32::from(grid.high) - zero).round_ties_even() + zero) as u8
}

fn divisor(shape: &PoolShape, taps: &[usize]) -> usize {
    if shape.count_include_pad { shape.kernel[0] * shape.kernel[1] } else { taps.len() }
}

fn integers(kernels: &Kernels, shape: &PoolShape, random: &mut Random, report: &mut Report) {
    let ops = kernels.elementwise();
    let x = random.many(shape.input.iter().product(), |random| random.between(0, 255) as u8);
    let mut out = vec![0xA5; shape.output_len()];
    ops.max_pool_u8(shape, &x, &mut out);
    let largest = |out| taps(shape, out).iter().map(|&i| x[i]).max().unwrap_or(0);
    report.compare("max-pool-u8", shape, &out, &(0..out.len()).map(largest).collect::<Vec<_>>());

    for x_grid in [ActivationParams::affine(-1.0, 2.0, 8), ActivationParams::affine(0.0, 1.0, 8)] {
        for grid in [ActivationParams::affine(-0.5, 1.5, 8), ActivationParams::symmetric(-1.0, 1.0, 4)] {
            ops.average_pool_u8(shape, &x, &x_grid, &grid, &mut out);
            let mean = |out| {
                let taps = taps(shape, out);
                average(&x, &taps, divisor(shape, &taps), &x_grid, &grid)
            };
            report.compare("average-pool-u8", &(shape, x_grid, grid), &out, &(0..out.len()).map(mean).collect::<Vec<_>>());

            let (rows, channels) = (shape.input[0] * shape.input[1], shape.input[2]);
            let mut out = vec![0xA5; channels];
            ops.mean_u8(&x, &x_grid, &grid, &mut out);
            let column = |c: usize| (0..rows).map(|row| row * channels + c).collect::<Vec<_>>();
            let means: Vec<u8> = (0..channels).map(|c| average(&x, &column(c), rows, &x_grid, &grid)).collect();
            report.compare("mean-u8", &(shape, x_grid, grid), &out, &means);
        }
    }
}

fn floats(kernels: &Kernels, shape: &PoolShape, random: &mut Random, report: &mut Report) {
    let ops = kernels.elementwise();
    let x = random.many(shape.input.iter().product(), Random::float);
    let mut out = vec![f32::NAN; shape.output_len()];
    ops.max_pool_f32(shape, &x, &mut out);
    let largest = |out| taps(shape, out).iter().map(|&i| x[i]).fold(f32::NEG_INFINITY, f32::max);
    report.compare("max-pool-f32", shape, &out, &(0..out.len()).map(largest).collect::<Vec<_>>());

    ops.average_pool_f32(shape, &x, -0.25, 0.5, &mut out);
    let sum = |taps: &[usize]| taps.iter().fold(0.0, |sum, &i| sum + x[i]);
    let mean = |out| {
        let taps = taps(shape, out);
        (sum(&taps) / divisor(shape, &taps).max(1) as f32).clamp(-0.25, 0.5)
    };
    report.compare("average-pool-f32", shape, &out, &(0..out.len()).map(mean).collect::<Vec<_>>());

    let (rows, channels) = (shape.input[0] * shape.input[1], shape.input[2]);
    let mut out = vec![f32::NAN; channels];
    ops.mean_f32(&x, -0.25, 0.5, &mut out);
    let column = |c: usize| (0..rows).map(|row| row * channels + c).collect::<Vec<_>>();
    let means: Vec<f32> = (0..channels).map(|c| (sum(&column(c)) / rows as f32).clamp(-0.25, 0.5)).collect();
    report.compare("mean-f32", shape, &out, &means);
}
