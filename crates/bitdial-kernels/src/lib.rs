//! Compute kernels: f32 and integer, scalar and SIMD. Knows no graph. The only crate with unsafe code.
//!
//! One file per operation and instruction set; the reference of each operation is the simplest loop that is right,
//! and every other kernel of it gives the same integers. Which kernel runs is read from one table: `rows.rs`.

pub mod adaround;
mod api;
mod dot;
pub mod elementary;
mod elementwise;
mod geometry;
mod grouped;
pub mod matrix;
pub mod movement;
mod narrow;
mod packed_f32;
#[cfg(target_feature = "simd128")]
mod panels;
mod part;
mod peak;
mod planes;
mod race;
pub mod reference;
#[cfg(target_feature = "relaxed-simd")]
mod relaxed;
mod rows;
mod scalar;
mod scratch;
mod signs;
#[cfg(target_feature = "simd128")]
mod simd128;
mod sums;
mod table;
mod tune;
mod walk;

pub use api::{Backend, ConvF32, ConvI8, ConvShape, F32Store, I32Store, IntInput, IntWeights, PoolShape};
pub use dot::{DotSemantics, dot_semantics};
pub use elementwise::Elementwise;
pub use grouped::{ConvGrouped, GroupedInput, GroupedWeights, LARGEST_GROUP};
pub use narrow::NarrowConv;
pub use packed_f32::PackedForF32;
pub use part::Part;
pub use peak::{Bandwidth, Peaks, peaks};
pub use sums::{Extremes, F32Sum, F32Tail, U8Sum};
pub use table::{Capability, Kernels};
pub use tune::{Arithmetic, Choice, ConvCase, Tuning};
