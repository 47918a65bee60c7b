//! The f32 step that may fuse its product and sum.

use crate::simd128::conv_f32::F32Step;
use crate::simd128::depthwise_f32::DepthwiseStep;
use crate::simd128::tile::Step;
use core::arch::wasm32::{f32x4_relaxed_madd, v128};

/// One f32 each; fused where the machine can.
pub(crate) struct RelaxedMulAdd;

impl Step for RelaxedMulAdd {
    #[inline(always)]
    fn step(a: v128, w: v128, sum: v128) -> v128 {
        f32x4_relaxed_madd(a, w, sum)
    }
}

impl F32Step for RelaxedMulAdd {
    const NAME: &'static str = "conv-f32-4x8-fma";
    const STRICT: bool = false;
}

impl DepthwiseStep for RelaxedMulAdd {
    const NAME: &'static str = "depthwise-f32-4x8-fma";
}
