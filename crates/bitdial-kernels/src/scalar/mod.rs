//! The plain kernels: portable loops, which define every result but that of a convolution ([`crate::reference`]).

mod conv_f32;
mod conv_grouped;
pub(crate) mod conv_i8;
mod conv_popcnt;
mod depthwise;
pub(crate) mod elementwise;
mod pool;
mod store;

pub(crate) use elementwise::{add_f32, add_u8, affine_f32, clamp_f32, dequantize, lookup, mul_f32, mul_u8, quantize, range};
pub(crate) use pool::{average_pool_f32, average_pool_u8, max_pool_f32, max_pool_u8, mean_f32, mean_u8};

pub(crate) use conv_f32::Conv as ConvF32;
pub(crate) use conv_grouped::Conv as ConvGrouped;
pub(crate) use conv_i8::Conv as ConvI8;
pub(crate) use conv_popcnt::Conv as ConvPopcnt;
pub(crate) use depthwise::{DepthwiseF32, DepthwiseI8};

/// [`crate::Elementwise`] as its defaults are.
pub(crate) struct Plain;

impl crate::Elementwise for Plain {}
