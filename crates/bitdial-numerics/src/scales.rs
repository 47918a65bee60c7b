//! Scales that are kept in a byte.

use crate::minifloat::{Minifloat, floor_log2, power_of_two};
use crate::rounding::Rounding;

/// The power of two that an E8M0 code stands for: `2^(code - 127)`; NaN for 255. OCP MX 1.0, section 5.4.1.
#[must_use]
pub fn decode_e8m0(code: u8) -> f32 {
    if code == u8::MAX { f32::NAN } else { power_of_two(i32::from(code) - 127) }
}

/// The E8M0 scale of a block whose largest magnitude is `max`, of elements whose largest exponent is `max_exponent`:
/// `floor(log2(max)) - max_exponent`, as far as there is such a code. A block of zeros has the smallest.
///
/// Source: OCP MX 1.0, section 6.3.
#[must_use]
pub fn block_e8m0(max: f32, max_exponent: i32) -> u8 {
    if max.is_nan() || max <= 0.0 {
        return 0;
    }
    (floor_log2(max.min(f32::MAX)) - max_exponent + 127).clamp(0, 254) as u8
}

/// The scale of a whole tensor of NVFP4 whose largest magnitude is `max`: with it the largest block's own scale is the
/// largest of E4M3.
#[must_use]
pub fn tensor_nvfp4(max: f32) -> f32 {
    let scale = max.min(0.999_999 * f32::MAX) / (Minifloat::E4M3.max() * Minifloat::E2M1.max());
    // A tensor of zeros, or of next to nothing.
    if scale > 1e-30 { scale } else { 1e-30 }
}

/// The E4M3 code of an NVFP4 block's scale, whose largest magnitude is `max`, and the scale of its elements: that code's
/// value times the tensor's scale. 0 where the block is next to nothing beside the tensor.
#[must_use]
pub fn block_nvfp4(max: f32, tensor: f32) -> (u8, f32) {
    let code = Minifloat::E4M3.encode(max / Minifloat::E2M1.max() / tensor, Rounding::Nearest) as u8;
    (code, decode_nvfp4(code, tensor))
}

/// The scale of an NVFP4 block's elements.
#[must_use]
pub fn decode_nvfp4(code: u8, tensor: f32) -> f32 {
    Minifloat::E4M3.decode(u16::from(code)) * tensor
}

/// The smallest power of two that is not less than a scale, within what f32 can say and divide by.
#[must_use]
pub fn power_of_two_above(scale: f32) -> f32 {
    let below = power_of_two(floor_log2(scale).clamp(-99, 126));
    if below < scale { 2.0 * below } else { below }
}
