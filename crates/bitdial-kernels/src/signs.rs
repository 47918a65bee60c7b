//! Weights of 1 bit on activations of 1 bit: both as strings of bits, eight channels a byte.
//!
//! A convolution of bits is one of bytes ([`bytes_shape`]), a byte being eight channels of a group; bits that fill a
//! byte up are those of a zero weight and of an activation that stands for 0. With activations `a` (0 or 1), their zero
//! point `z`, and weights `w = 1 - 2s` of sign bits `s`:
//! `sum (a - z) w = count(a ^ s) - count(s) - z * (K - 2 count(s))`, where `count` counts ones and `K` taps: an `xor`
//! and a count for each string, and a constant for each output channel.
//!
//! Source of counting instead of multiplying: Rastegari et al. 2016, 'XNOR-Net', section 3.2.

use crate::api::{ConvShape, IntWeights};

/// Bytes of a group's channels of one pixel.
fn group_bytes(shape: &ConvShape) -> usize {
    (shape.input[2] / shape.groups).div_ceil(8)
}

/// The convolution of bytes that a convolution of bits is.
pub(crate) fn bytes_shape(shape: &ConvShape) -> ConvShape {
    let [rows, columns, _] = shape.input;
    ConvShape { input: [rows, columns, shape.groups * group_bytes(shape)], ..*shape }
}

/// Bytes of an image.
pub(crate) fn image_len(shape: &ConvShape) -> usize {
    bytes_shape(shape).input.iter().product()
}

/// What padding holds.
pub(crate) fn border(zero_point: u8) -> u8 {
    if zero_point == 0 { 0 } else { u8::MAX }
}

/// Packs activations; `octets` packs whole bytes' worth of them.
pub(crate) fn pack_image(shape: &ConvShape, image: &[u8], zero_point: u8, out: &mut [u8], octets: impl Fn(&[u8], &mut [u8])) {
    let group = (shape.input[2] / shape.groups).max(1);
    let image = &image[..shape.input.iter().product()];
    if group.is_multiple_of(8) {
        // No bit is filled up: all is one string.
        return octets(image, out);
    }
    for (from, to) in image.chunks_exact(group).zip(out.chunks_exact_mut(group_bytes(shape))) {
        let (whole, rest) = (group / 8, group % 8);
        octets(&from[..8 * whole], &mut to[..whole]);
        let bits = from[8 * whole..].iter().enumerate().fold(0, |bits, (i, q)| bits | (q & 1) << i);
        to[whole] = bits | border(zero_point) << rest;
    }
}

/// [`pack_image`] of whole bytes in plain loops.
pub(crate) fn octets(from: &[u8], to: &mut [u8]) {
    for (to, &from) in to.iter_mut().zip(from.as_chunks::<8>().0) {
        // The product moves bit `8i` to bit `56 + i`, and nothing else into that byte.
        *to = ((u64::from_le_bytes(from) & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
    }
}

/// Sign bits of all weights in the order of [`bytes_shape`]'s.
pub(crate) fn pack_weights(shape: &ConvShape, weights: &IntWeights) -> Vec<u8> {
    let group = (shape.input[2] / shape.groups).max(1);
    let byte = |weights: &[i8]| weights.iter().enumerate().fold(0, |bits, (i, &w)| bits | u8::from(w < 0) << i);
    weights.values[..shape.weight_len()].chunks_exact(group).flat_map(|tap| tap.chunks(8).map(byte)).collect()
}

/// What an output channel whose weights have `signs` ones adds to its counts.
pub(crate) fn base(shape: &ConvShape, signs: i32, zero_point: u8) -> i32 {
    match zero_point {
        0 => -signs,
        // Taps, and the bits that fill up, whose activations are 1 too.
        _ => signs - 8 * bytes_shape(shape).row_len() as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_stand_in_the_order_of_channels() {
        let image: Vec<u8> = (0..88u32).map(|i| (i * i / 3 % 2) as u8).collect();
        let mut packed = vec![0; 11];
        octets(&image, &mut packed);
        for (i, &q) in image.iter().enumerate() {
            assert_eq!(packed[i / 8] >> (i % 8) & 1, q, "{i}");
        }
        // Two groups of 11 channels: two bytes each, filled up with the zero point.
        let shape =
            ConvShape { input: [2, 2, 22], output: [2, 2, 2], kernel: [1, 1], stride: [1, 1], pad: [0, 0], dilation: [1, 1], groups: 2 };
        for zero_point in [0, 1] {
            let mut packed = vec![0xAA; image_len(&shape)];
            pack_image(&shape, &image, zero_point, &mut packed, octets);
            for (group, bytes) in image.chunks_exact(11).zip(packed.chunks_exact(2)) {
                for i in 0..16 {
                    let expected = group.get(i).copied().unwrap_or(zero_point);
                    assert_eq!(bytes[i / 8] >> (i % 8) & 1, expected, "{i}");
                }
            }
        }
    }
}
