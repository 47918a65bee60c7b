//! The relaxed dot product of 8-bit integers, as each kind of machine computes it.

use crate::DotSemantics;
use core::arch::wasm32::{
    i8x16_splat, i16x8_extend_high_i8x16, i16x8_extend_low_i8x16, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane,
    i32x4_relaxed_dot_i8x16_i7x16_add, i32x4_shuffle, i32x4_splat, u16x8_extend_high_u8x16, u16x8_extend_low_u8x16, v128,
};
use std::hint::black_box;

/// What this machine does: found by multiplying.
pub(crate) fn probe() -> DotSemantics {
    // Four products of 100 and 255 or -1. Two of the former saturate.
    let (a, b) = (black_box(i8x16_splat(100)), black_box(i8x16_splat(-1)));
    match i32x4_extract_lane::<0>(i32x4_relaxed_dot_i8x16_i7x16_add(a, b, i32x4_splat(0))) {
        -400 => DotSemantics::Signed,
        102_000 => DotSemantics::Unsigned,
        _ => DotSemantics::Saturating,
    }
}

/// A dot product of i8 and 8-bit integers that is exact for all of them.
pub(crate) trait ExactDot {
    /// Whether the second operand is signed.
    const SIGNED: bool;
    /// What kernels with it are called.
    const NAME: &'static str;
    /// What depthwise kernels with it are called.
    const DEPTHWISE: &'static str;

    /// `sum + a * b`, four products a lane.
    fn dot(a: v128, b: v128, sum: v128) -> v128;
}

/// The instruction of a machine of which [`probe`] says `Signed`.
pub(crate) struct Signed;

impl ExactDot for Signed {
    const SIGNED: bool = true;
    const NAME: &'static str = "conv-u8i8-4x8-sdot";
    const DEPTHWISE: &'static str = "depthwise-u8i8-4x8-sdot";

    #[inline(always)]
    fn dot(a: v128, b: v128, sum: v128) -> v128 {
        i32x4_relaxed_dot_i8x16_i7x16_add(a, b, sum)
    }
}

/// The instruction of a machine of which [`probe`] says `Unsigned`.
pub(crate) struct Unsigned;

impl ExactDot for Unsigned {
    const SIGNED: bool = false;
    const NAME: &'static str = "conv-u8i8-4x8-usdot";
    const DEPTHWISE: &'static str = "depthwise-u8i8-4x8-usdot";

    #[inline(always)]
    fn dot(a: v128, b: v128, sum: v128) -> v128 {
        i32x4_relaxed_dot_i8x16_i7x16_add(a, b, sum)
    }
}

/// `Signed` on any machine, for tests.
pub(crate) struct EmulatedSigned;

impl ExactDot for EmulatedSigned {
    const SIGNED: bool = true;
    const NAME: &'static str = "conv-u8i8-4x8-sdot-emulated";
    const DEPTHWISE: &'static str = "depthwise-u8i8-4x8-sdot-emulated";

    #[inline(always)]
    fn dot(a: v128, b: v128, sum: v128) -> v128 {
        let low = i32x4_dot_i16x8(i16x8_extend_low_i8x16(a), i16x8_extend_low_i8x16(b));
        let high = i32x4_dot_i16x8(i16x8_extend_high_i8x16(a), i16x8_extend_high_i8x16(b));
        i32x4_add(sum, add_pairs(low, high))
    }
}

/// `Unsigned` on any machine, for tests.
pub(crate) struct EmulatedUnsigned;

impl ExactDot for EmulatedUnsigned {
    const SIGNED: bool = false;
    const NAME: &'static str = "conv-u8i8-4x8-usdot-emulated";
    const DEPTHWISE: &'static str = "depthwise-u8i8-4x8-usdot-emulated";

    #[inline(always)]
    fn dot(a: v128, b: v128, sum: v128) -> v128 {
        let low = i32x4_dot_i16x8(i16x8_extend_low_i8x16(a), u16x8_extend_low_u8x16(b));
        let high = i32x4_dot_i16x8(i16x8_extend_high_i8x16(a), u16x8_extend_high_u8x16(b));
        i32x4_add(sum, add_pairs(low, high))
    }
}

/// Sums of neighbouring lanes.
#[inline(always)]
fn add_pairs(low: v128, high: v128) -> v128 {
    i32x4_add(i32x4_shuffle::<0, 2, 4, 6>(low, high), i32x4_shuffle::<1, 3, 5, 7>(low, high))
}
