//! Kernels for wasm SIMD with the relaxed instructions.

pub(crate) mod conv_dot8;
pub(crate) mod depthwise_dot8;
pub(crate) mod dot;
pub(crate) mod fma;
mod quads;

pub(crate) use dot::probe;
