//! The plain kernels: portable loops, which define every result but that of a convolution ([`crate::reference`]).

mod conv_f32;
pub(crate) mod conv_i8;
mod depthwise;
pub(crate) mod elementwise;
mod pool;
mod store;

pub(crate) use elementwise::{add_f32, add_u8, affine_f32, clamp_f32, decode, dequantize, lookup, mul_f32, mul_u8, quantize, range};
pub(crate) use pool::{average_pool_f32, average_pool_u8, max_pool_f32, max_pool_u8, mean_f32, mean_u8};

use crate::table::Row;
use crate::{Backend, Kernels};

/// [`crate::Elementwise`] as its defaults are.
struct Plain;

impl crate::Elementwise for Plain {}

/// The plain kernels.
pub(crate) const KERNELS: Kernels = Kernels {
    backend: Backend::Scalar,
    conv_i8: &[Row::always(&depthwise::DepthwiseI8), Row::always(&conv_i8::Conv)],
    conv_f32: &[Row::always(&depthwise::DepthwiseF32), Row::always(&conv_f32::Conv)],
    elementwise: &Plain,
};
