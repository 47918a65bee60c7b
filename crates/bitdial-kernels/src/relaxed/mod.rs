//! Kernels for wasm SIMD with the relaxed instructions.

mod conv_dot8;
mod dot;
mod fma;
mod quads;

pub(crate) use dot::probe;

use crate::simd128::tile::MulAdd;
use crate::simd128::{conv_dot16, conv_f32, depthwise_f32, depthwise_i8, elementwise};
use crate::table::Row;
use crate::{Backend, DotSemantics, Kernels};
use conv_dot8::{Conv, Full, Narrow};
use dot::{EmulatedSigned, EmulatedUnsigned, Signed, Unsigned};
use fma::RelaxedMulAdd;

/// The kernels for a machine whose dot product saturates. None of them needs more of it than all machines promise.
///
/// GMAC/s in Chromium 156 on Zen 4, one thread, of `Narrow<4>` / `Narrow<5>` / `conv_dot16`, by run and output channels:
/// 320 to 1280: 62 / 51 / 42; 3 rows of 192 to 64: 61 / 51 / 43; 3 of 96 to 32: 56 / 47 / 42; 128 to 128: 53 / 46 / 39;
/// 64 to 64: 46 / 40 / 36; 144 to 24: 49 / 43 / 38; 32 to 64: 35 / 32 / 31; 3 of 48 to 16: 42 / 38 / 40; 64 to 16:
/// 37 / 33 / 34; 24 to 64: 30 / 27 / 28. Below that `conv_dot16` wins: 32 to 16: 27 / 26 / 28; 3 of 36 to 16:
/// 36 / 33 / 38; 16 to 16: 17 / 17 / 22; 3 of 3 to 16: 8 / 8 / 13.
/// With `RelaxedMulAdd` / `MulAdd`: 3 of 96 to 32: 27 / 22; 320 to 1280: 25 / 22; depthwise 3x3 of
/// 14x14x64: 12 / 11; a single pixel of 1280 to 1000, where one sum waits for the other: 7 / 10.
const SATURATING: Kernels = Kernels {
    backend: Backend::RelaxedSimd,
    conv_i8: &[
        Row::always(&depthwise_i8::Conv),
        Row { run: 24, products: 768, ..Row::always(&Conv::<Narrow<4>>::NEW) },
        Row { run: 32, products: 2048, ..Row::always(&Conv::<Narrow<5>>::NEW) },
        Row::always(&conv_dot16::Conv),
    ],
    conv_f32: &[
        Row::always(&depthwise_f32::Conv::<RelaxedMulAdd>::NEW),
        Row::always(&depthwise_f32::Conv::<MulAdd>::NEW),
        Row::always(&conv_f32::Conv::<RelaxedMulAdd>::NEW),
        Row::always(&conv_f32::Conv::<MulAdd>::NEW),
    ],
    elementwise: &elementwise::Simd,
};

/// The kernels for a machine whose dot product is exact and reads its second operand as signed.
const SIGNED: Kernels = Kernels { conv_i8: &[Row::always(&depthwise_i8::Conv), Row::always(&Conv::<Full<Signed>>::NEW)], ..SATURATING };

/// The kernels for a machine whose dot product is exact and reads its second operand as unsigned.
const UNSIGNED: Kernels = Kernels { conv_i8: &[Row::always(&depthwise_i8::Conv), Row::always(&Conv::<Full<Unsigned>>::NEW)], ..SATURATING };

/// The kernels for a machine with this dot product.
pub(crate) fn kernels(dot: DotSemantics) -> Kernels {
    match dot {
        DotSemantics::Signed => SIGNED,
        DotSemantics::Unsigned => UNSIGNED,
        DotSemantics::Saturating => SATURATING,
    }
}

/// [`SIGNED`] with the instruction emulated.
const EMULATED_SIGNED: Kernels =
    Kernels { conv_i8: &[Row::always(&depthwise_i8::Conv), Row::always(&Conv::<Full<EmulatedSigned>>::NEW)], ..SIGNED };

/// [`UNSIGNED`] with the instruction emulated.
const EMULATED_UNSIGNED: Kernels =
    Kernels { conv_i8: &[Row::always(&depthwise_i8::Conv), Row::always(&Conv::<Full<EmulatedUnsigned>>::NEW)], ..UNSIGNED };

/// The kernels for a machine with this dot product, for any machine.
pub(crate) fn emulated(dot: DotSemantics) -> Kernels {
    match dot {
        DotSemantics::Signed => EMULATED_SIGNED,
        DotSemantics::Unsigned => EMULATED_UNSIGNED,
        DotSemantics::Saturating => SATURATING,
    }
}
