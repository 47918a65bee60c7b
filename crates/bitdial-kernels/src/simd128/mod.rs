//! Kernels for wasm SIMD with 128-bit vectors.

pub(crate) mod conv_dot16;
pub(crate) mod conv_f32;
mod decode;
pub(crate) mod depthwise_f32;
pub(crate) mod depthwise_i8;
pub(crate) mod elementwise;
pub(crate) mod sink;
pub(crate) mod tile;
pub(crate) mod unpack;
pub(crate) mod vector;

use crate::table::Row;
use crate::{Backend, Kernels};
use tile::MulAdd;

/// The kernels of any build with SIMD.
///
/// GMAC/s in Chromium 156 on Zen 4, one thread, 8-bit weights / f32: 1x1 of 64 to 64 channels 36 / 21, of 320 to 1280
/// 42 / 22, of 16 to 64 24 / 17; 3x3 of 16 to 16 40 / 22, of 32 to 32 42 / 22, of 64 to 64 43 / 21; RGB stem 25 / 18; grey
/// stem 13 / 13; depthwise 3x3 of 14x14x64 13 / 10, 5x5 of 14x14x240 17 / 11, where the matrix kernels make less than 1.
pub(crate) const KERNELS: Kernels = Kernels {
    backend: Backend::Simd128,
    conv_i8: &[Row::always(&depthwise_i8::Conv), Row::always(&conv_dot16::Conv)],
    conv_f32: &[Row::always(&depthwise_f32::Conv::<MulAdd>::NEW), Row::always(&conv_f32::Conv::<MulAdd>::NEW)],
    elementwise: &elementwise::Simd,
};
