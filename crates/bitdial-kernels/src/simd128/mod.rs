//! Kernels for wasm SIMD with 128-bit vectors.

pub(crate) mod conv_dot16;
pub(crate) mod conv_f32;
pub(crate) mod depthwise_f32;
pub(crate) mod depthwise_i8;
pub(crate) mod elementwise;
pub(crate) mod sink;
pub(crate) mod tile;
pub(crate) mod unpack;
pub(crate) mod vector;

use crate::{Backend, Kernels};
use tile::MulAdd;

/// The kernels of any build with SIMD.
pub(crate) const KERNELS: Kernels = Kernels {
    backend: Backend::Simd128,
    conv_i8: &[&depthwise_i8::Conv, &conv_dot16::Conv],
    conv_f32: &[&depthwise_f32::Conv::<MulAdd>::NEW, &conv_f32::Conv::<MulAdd>::NEW],
    elementwise: &elementwise::Simd,
};
