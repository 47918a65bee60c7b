//! Turns a recipe and calibration images into a quantized graph.
//!
//! [`draw_samples`] picks the calibration images, [`Calibrator`] finds the range of every value on them, [`quantize`]
//! gives the graph its integers. All of it is the same on every machine: f32 in one order of operations, no fused
//! multiply-add.

mod allocate;
mod calibrate;
mod error;
mod grids;
mod quantize;
mod sample;
mod weights;

pub use allocate::{Allocation, Choice, allocate, frontier};
pub use calibrate::{Calibrator, Ranges};
pub use error::QuantError;
pub use quantize::quantize;
pub use sample::draw_samples;
pub use weights::{quantize_weights, weight_sqnr};
