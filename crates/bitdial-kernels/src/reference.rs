//! Convolution as its definition says, one tap after the other: what all kernels are compared with.

use crate::api::{ConvShape, IntInput, IntWeights};
use crate::grouped::GroupedWeights;

/// The index in the image of a tap, `None` on padding.
fn tap(shape: &ConvShape, pixel: [usize; 2], window: [usize; 2], channel: usize) -> Option<usize> {
    let at = |axis: usize| {
        let i = (pixel[axis] * shape.stride[axis] + window[axis] * shape.dilation[axis]).checked_sub(shape.pad[axis])?;
        (i < shape.input[axis]).then_some(i)
    };
    Some((at(0)? * shape.input[1] + at(1)?) * shape.input[2] + channel)
}

/// Calls `see(weight index, image index)` for each tap of an output, in the order of the weights.
fn taps(shape: &ConvShape, y: usize, x: usize, channel: usize, mut see: impl FnMut(usize, Option<usize>)) {
    let (group_in, group_out) = (shape.input[2] / shape.groups, shape.output[2] / shape.groups);
    let mut weight = channel * shape.row_len();
    for row in 0..shape.kernel[0] {
        for column in 0..shape.kernel[1] {
            for i in 0..group_in {
                see(weight, tap(shape, [y, x], [row, column], channel / group_out * group_in + i));
                weight += 1;
            }
        }
    }
}

/// The sums of an integer convolution, rows x columns x channels: `sum_k (a_k - zero_point) * (w_k - weight_zero_point) +
/// bias`.
#[must_use]
pub fn conv_i8(shape: &ConvShape, weights: &IntWeights, input: &IntInput) -> Vec<i32> {
    let sum = |(y, x, c): (usize, usize, usize)| {
        let zero_point = weights.zero_points.get(c).map_or(0, |&z| i32::from(z));
        let mut sum = input.bias[c];
        taps(shape, y, x, c, |weight, image| {
            let a = image.map_or(input.zero_point, |i| input.image[i]);
            sum = sum.wrapping_add((i32::from(a) - i32::from(input.zero_point)) * (i32::from(weights.values[weight]) - zero_point));
        });
        sum
    };
    outputs(shape).map(sum).collect()
}

/// The sums of a convolution on weights in groups, rows x columns x channels, before the scale of the input and the bias:
/// `((0.0 + sum_0 * s_0) + sum_1 * s_1) + ...` in f32.
#[must_use]
pub fn conv_grouped(shape: &ConvShape, weights: &GroupedWeights, image: &[u8], zero_point: u8) -> Vec<f32> {
    let (row, group) = (shape.row_len(), weights.group);
    let per_row = row.div_ceil(group);
    let sum = |(y, x, c): (usize, usize, usize)| {
        let mut sums = vec![0i32; per_row];
        taps(shape, y, x, c, |weight, i| {
            let g = weight % row / group;
            let w = i32::from(weights.values[weight]) - i32::from(weights.zero_point(c * per_row + g));
            sums[g] += (i32::from(i.map_or(zero_point, |i| image[i])) - i32::from(zero_point)) * w;
        });
        sums.iter().zip(&weights.scales[c * per_row..]).fold(0.0, |total, (&sum, &scale)| total + sum as f32 * scale)
    };
    outputs(shape).map(sum).collect()
}

/// The sums of an f32 convolution, rows x columns x channels, without a bias.
#[must_use]
pub fn conv_f32(shape: &ConvShape, weights: &[f32], image: &[f32]) -> Vec<f32> {
    let sum = |(y, x, c): (usize, usize, usize)| {
        let mut sum = 0.0;
        taps(shape, y, x, c, |weight, i| sum += i.map_or(0.0, |i| image[i]) * weights[weight]);
        sum
    };
    outputs(shape).map(sum).collect()
}

/// Row, column and channel of each output.
fn outputs(shape: &ConvShape) -> impl Iterator<Item = (usize, usize, usize)> {
    let [rows, columns, channels] = shape.output;
    (0..rows).flat_map(move |y| (0..columns).flat_map(move |x| (0..channels).map(move |c| (y, x, c))))
}
