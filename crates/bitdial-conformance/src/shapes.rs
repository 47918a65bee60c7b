//! Shapes of convolutions.

use crate::Random;
use bitdial_kernels::ConvShape;

/// A shape from its input, output channels, window, and what is unusual about it.
const fn conv(
    input: [usize; 3],
    channels: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [usize; 4],
    dilation: [usize; 2],
    groups: usize,
) -> ConvShape {
    assert!(input[2].is_multiple_of(groups) && channels.is_multiple_of(groups), "channels come in groups");
    let rows = (input[0] + pad[0] + pad[2] - (kernel[0] - 1) * dilation[0] - 1) / stride[0] + 1;
    let columns = (input[1] + pad[1] + pad[3] - (kernel[1] - 1) * dilation[1] - 1) / stride[1] + 1;
    ConvShape { input, output: [rows, columns, channels], kernel, stride, pad: [pad[0], pad[1]], dilation, groups }
}

/// Shapes by name; pads are above, left, below, right.
pub const SHAPES: &[(&str, ConvShape)] = &[
    ("one weight", conv([1, 1, 1], 1, [1, 1], [1, 1], [0; 4], [1, 1], 1)),
    ("fully connected", conv([1, 1, 64], 10, [1, 1], [1, 1], [0; 4], [1, 1], 1)),
    ("fully connected, odd", conv([1, 1, 131], 17, [1, 1], [1, 1], [0; 4], [1, 1], 1)),
    ("fully connected, a batch", conv([7, 1, 48], 10, [1, 1], [1, 1], [0; 4], [1, 1], 1)),
    ("1x1", conv([6, 5, 32], 24, [1, 1], [1, 1], [0; 4], [1, 1], 1)),
    ("1x1, wide", conv([3, 3, 64], 64, [1, 1], [1, 1], [0; 4], [1, 1], 1)),
    ("1x1, odd channels", conv([3, 3, 13], 9, [1, 1], [1, 1], [0; 4], [1, 1], 1)),
    ("1x1, stride 2", conv([7, 7, 16], 32, [1, 1], [2, 2], [0; 4], [1, 1], 1)),
    ("1x1, padded", conv([4, 4, 8], 8, [1, 1], [1, 1], [1; 4], [1, 1], 1)),
    ("1x1, several bands", conv([65, 40, 32], 3, [1, 1], [1, 1], [0; 4], [1, 1], 1)),
    ("grey stem", conv([12, 12, 1], 16, [3, 3], [1, 1], [1; 4], [1, 1], 1)),
    ("grey stem 5x5", conv([12, 12, 1], 8, [5, 5], [1, 1], [2; 4], [1, 1], 1)),
    ("RGB stem, 'SAME' on even size", conv([16, 16, 3], 32, [3, 3], [2, 2], [0, 0, 1, 1], [1, 1], 1)),
    ("3x3", conv([8, 8, 16], 16, [3, 3], [1, 1], [1; 4], [1, 1], 1)),
    ("3x3, several bands", conv([50, 50, 32], 2, [3, 3], [1, 1], [1; 4], [1, 1], 1)),
    ("3x3, stride 2, several bands", conv([81, 50, 21], 2, [3, 3], [2, 2], [1; 4], [1, 1], 1)),
    ("3x3, one pixel", conv([1, 1, 8], 8, [3, 3], [1, 1], [1; 4], [1, 1], 1)),
    ("3x3, dilated", conv([9, 9, 8], 8, [3, 3], [1, 1], [2; 4], [2, 2], 1)),
    ("3x3, dilated columns", conv([5, 9, 5], 3, [2, 3], [1, 1], [0; 4], [1, 3], 1)),
    ("3x3, all padding on one side", conv([5, 5, 4], 4, [3, 3], [1, 1], [0, 2, 2, 0], [1, 1], 1)),
    ("1x7", conv([3, 9, 6], 5, [1, 7], [1, 1], [0, 3, 0, 3], [1, 1], 1)),
    ("7x1", conv([9, 3, 6], 5, [7, 1], [1, 1], [3, 0, 3, 0], [1, 1], 1)),
    ("rows left over", conv([10, 10, 3], 4, [3, 3], [3, 3], [0; 4], [1, 1], 1)),
    ("two groups", conv([5, 5, 16], 16, [3, 3], [1, 1], [1; 4], [1, 1], 2)),
    ("three odd groups", conv([5, 5, 9], 21, [3, 3], [1, 1], [1; 4], [1, 1], 3)),
    ("1x1 in groups", conv([4, 4, 24], 40, [1, 1], [1, 1], [0; 4], [1, 1], 4)),
    ("depthwise 3x3", conv([8, 8, 16], 16, [3, 3], [1, 1], [1; 4], [1, 1], 16)),
    ("depthwise 3x3, stride 2", conv([9, 9, 24], 24, [3, 3], [2, 2], [1; 4], [1, 1], 24)),
    ("depthwise 3x3, odd channels", conv([5, 5, 13], 13, [3, 3], [1, 1], [1; 4], [1, 1], 13)),
    ("depthwise 3x3, several bands", conv([60, 50, 28], 28, [3, 3], [1, 1], [1; 4], [1, 1], 28)),
    ("depthwise 5x5", conv([7, 7, 8], 8, [5, 5], [1, 1], [2; 4], [1, 1], 8)),
    ("depthwise 5x5, stride 2, asymmetric", conv([14, 14, 16], 16, [5, 5], [2, 2], [1, 1, 2, 2], [1, 1], 16)),
    ("depthwise, dilated", conv([9, 9, 8], 8, [3, 3], [1, 1], [2; 4], [2, 2], 8)),
    ("depthwise 7x7, one pixel", conv([7, 7, 10], 10, [7, 7], [1, 1], [0; 4], [1, 1], 10)),
    ("depthwise 1x1", conv([3, 3, 9], 9, [1, 1], [1, 1], [0; 4], [1, 1], 9)),
    ("depthwise, one channel", conv([6, 6, 1], 1, [3, 3], [1, 1], [1; 4], [1, 1], 1)),
    ("depthwise, too far apart to keep its rows", conv([2001, 3, 2], 2, [3, 3], [1, 1 << 15], [1; 4], [1000, 1], 2)),
    ("depth multiplier", conv([5, 5, 6], 12, [3, 3], [1, 1], [1; 4], [1, 1], 6)),
    ("longer sums", conv([3, 4, 300], 9, [3, 3], [1, 1], [1; 4], [1, 1], 1)),
    ("long sums", conv([3, 3, 128], 8, [3, 3], [1, 1], [0; 4], [1, 1], 1)),
];

/// The shape of a name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn named(name: &str) -> ConvShape {
    SHAPES.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("there is no shape '{name}'")).1
}

/// A small shape with anything in it.
pub fn random(random: &mut Random) -> ConvShape {
    loop {
        let depthwise = random.size(0, 3) == 0;
        let groups = if depthwise { random.size(2, 36) } else { random.one_of(&[1, 1, 1, 2, 3, 8]) };
        let (group_in, group_out) = match depthwise {
            true => (1, 1),
            false => (random.size(1, 9), random.one_of(&[1, 1, 2, 7, 8, 9, 16, 20])),
        };
        let input = [random.size(1, 9), random.size(1, 9), groups * group_in];
        let mut pair = |low, high| [random.size(low, high), random.size(low, high)];
        let (kernel, stride, dilation) = (pair(1, 5), pair(1, 4), pair(1, 3));
        let ([above, left], [below, right]) = (pair(0, 3), pair(0, 3));
        let fits = |axis: usize, pad: usize| input[axis] + pad > (kernel[axis] - 1) * dilation[axis];
        if fits(0, above + below) && fits(1, left + right) {
            return conv(input, groups * group_out, kernel, stride, [above, left, below, right], dilation, groups);
        }
    }
}
