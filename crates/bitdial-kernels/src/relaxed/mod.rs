//! Kernels for wasm SIMD with the relaxed instructions.

mod conv_dot8;
mod dot;
mod fma;
mod quads;

pub(crate) use dot::probe;

use crate::simd128::tile::MulAdd;
use crate::simd128::{conv_dot16, conv_f32, depthwise_f32, depthwise_i8, elementwise};
use crate::{Backend, DotSemantics, Kernels};
use conv_dot8::{Conv, Full, Narrow};
use dot::{EmulatedSigned, EmulatedUnsigned, Signed, Unsigned};
use fma::RelaxedMulAdd;

/// The kernels for a machine whose dot product saturates. None of them needs more of it than all machines promise.
const SATURATING: Kernels = Kernels {
    backend: Backend::RelaxedSimd,
    conv_i8: &[&depthwise_i8::Conv, &Conv::<Narrow<4>>::NEW, &Conv::<Narrow<5>>::NEW, &conv_dot16::Conv],
    conv_f32: &[
        &depthwise_f32::Conv::<RelaxedMulAdd>::NEW,
        &depthwise_f32::Conv::<MulAdd>::NEW,
        &conv_f32::Conv::<RelaxedMulAdd>::NEW,
        &conv_f32::Conv::<MulAdd>::NEW,
    ],
    elementwise: &elementwise::Simd,
};

/// The kernels for a machine whose dot product is exact and reads its second operand as signed.
const SIGNED: Kernels = Kernels { conv_i8: &[&depthwise_i8::Conv, &Conv::<Full<Signed>>::NEW], ..SATURATING };

/// The kernels for a machine whose dot product is exact and reads its second operand as unsigned.
const UNSIGNED: Kernels = Kernels { conv_i8: &[&depthwise_i8::Conv, &Conv::<Full<Unsigned>>::NEW], ..SATURATING };

/// The kernels for a machine with this dot product.
pub(crate) fn kernels(dot: DotSemantics) -> Kernels {
    match dot {
        DotSemantics::Signed => SIGNED,
        DotSemantics::Unsigned => UNSIGNED,
        DotSemantics::Saturating => SATURATING,
    }
}

/// The same with the instruction emulated.
pub(crate) fn emulated(dot: DotSemantics) -> Kernels {
    match dot {
        DotSemantics::Signed => Kernels { conv_i8: &[&depthwise_i8::Conv, &Conv::<Full<EmulatedSigned>>::NEW], ..SIGNED },
        DotSemantics::Unsigned => Kernels { conv_i8: &[&depthwise_i8::Conv, &Conv::<Full<EmulatedUnsigned>>::NEW], ..UNSIGNED },
        DotSemantics::Saturating => SATURATING,
    }
}
