//! Number formats, quantization parameters and bit packing. No dependencies.
//!
//! Everything here is exact or correctly rounded f32 arithmetic in a fixed order, so that every build and every
//! browser quantizes to the same integers.

mod affine;
mod fake_quant;
mod levels;
mod minifloat;
mod numbers;
mod pack;
mod rounding;
mod scales;

pub use affine::{ActivationParams, WeightParams, round_ties_even};
pub use fake_quant::{FakeQuant, FakeQuantizer, MX_BLOCK, NVFP4_BLOCK, Over, WideGrid, magnitude, max_exponent};
pub use levels::Levels;
pub use minifloat::{Ending, Minifloat};
pub use numbers::{Coder, Numbers};
pub use pack::{PackedCodes, PackedInts};
pub use rounding::Rounding;
pub use scales::{block_e8m0, block_nvfp4, decode_e8m0, decode_nvfp4, power_of_two_above, tensor_nvfp4};
