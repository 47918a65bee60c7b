//! Kernels for wasm SIMD with 128-bit vectors.

mod adder;
pub(crate) mod conv_dot16;
pub(crate) mod conv_f32;
pub(crate) mod conv_grouped;
pub(crate) mod conv_popcnt;
mod decode;
pub(crate) mod depthwise;
pub(crate) mod depthwise_f32;
pub(crate) mod depthwise_i8;
pub(crate) mod elementwise;
mod place;
pub(crate) mod sink;
pub(crate) mod strip;
pub(crate) mod tile;
pub(crate) mod unpack;
pub(crate) mod vector;
