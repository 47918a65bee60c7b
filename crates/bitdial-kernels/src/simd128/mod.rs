//! Kernels for wasm SIMD with 128-bit vectors.

mod conv_dot16;
mod conv_f32;
mod depthwise_f32;
mod depthwise_i8;
mod elementwise;
pub(crate) mod sink;
pub(crate) mod tile;
pub(crate) mod unpack;
pub(crate) mod vector;

pub(crate) use conv_dot16::Conv as ConvDot16;
pub(crate) use conv_f32::Conv as ConvF32;
pub(crate) use depthwise_f32::Conv as DepthwiseF32;
pub(crate) use depthwise_i8::Conv as DepthwiseI8;
pub(crate) use elementwise::Simd;
pub(crate) use tile::MulAdd;
