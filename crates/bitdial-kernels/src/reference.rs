//! Convolution as its definition says, one tap after the other: what all kernels are compared with.

use crate::api::{ConvShape, F32Store, I32Store, IntInput, IntWeights};

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

/// What [`crate::ConvI8`] computes.
pub fn conv_i8(shape: &ConvShape, weights: &IntWeights, input: &IntInput, store: &mut I32Store) {
    let [rows, columns, channels] = shape.output;
    for (y, x, c) in outputs(rows, columns, channels) {
        let zero_point = weights.zero_points.get(c).map_or(0, |&z| i32::from(z));
        let mut sum = input.bias[c];
        taps(shape, y, x, c, |weight, image| {
            let a = image.map_or(input.zero_point, |i| input.image[i]);
            sum = sum.wrapping_add((i32::from(a) - i32::from(input.zero_point)) * (i32::from(weights.values[weight]) - zero_point));
        });
        store.put((y * columns + x) * channels + c, c, sum);
    }
}

/// What [`crate::ConvF32`] computes.
pub fn conv_f32(shape: &ConvShape, weights: &[f32], image: &[f32], store: &mut F32Store) {
    let [rows, columns, channels] = shape.output;
    for (y, x, c) in outputs(rows, columns, channels) {
        let mut sum = 0.0;
        taps(shape, y, x, c, |weight, i| sum += i.map_or(0.0, |i| image[i]) * weights[weight]);
        store.put((y * columns + x) * channels + c, c, sum);
    }
}

fn outputs(rows: usize, columns: usize, channels: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..rows).flat_map(move |y| (0..columns).flat_map(move |x| (0..channels).map(move |c| (y, x, c))))
}
