//! Number formats, quantization parameters and bit packing. No dependencies.
//!
//! Everything here is exact or correctly rounded f32 arithmetic in a fixed order, so that every build and every
//! browser quantizes to the same integers.

mod affine;
mod pack;

pub use affine::{ActivationParams, WeightParams, round_ties_even};
pub use pack::PackedInts;
