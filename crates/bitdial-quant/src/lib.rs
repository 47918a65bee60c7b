//! Turns a recipe and calibration images into a quantized graph.
//!
//! [`draw_samples`] picks the calibration images, [`Calibrator`] finds the range of every value on them, [`quantize`]
//! gives the graph its integers. [`Pipeline`] does all of it in small steps, with the recipe's corrections. All of it is the same on every machine: f32 in one order of operations, no fused
//! multiply-add.

mod activations;
mod advise;
mod allocate;
mod calibrate;
mod corrections;
mod diagnose;
mod error;
mod grids;
mod pipeline;
mod quantize;
mod sample;
mod search;
mod weights;

pub use advise::{Facts, advise};
pub use allocate::{Allocation, Choice, allocate, frontier};
pub use calibrate::{Calibrator, Ranges, Statistics};
pub use diagnose::{DIAGNOSIS_IMAGES, Diagnoser, isolate};
pub use error::QuantError;
pub use pipeline::{Entry, Outcome, Pipeline, Progress, Report, Samples, Setup, Stage};
pub use quantize::quantize;
pub use sample::draw_samples;
pub use search::{Measured, Refining, SCOUT_IMAGES, SENSITIVITY_IMAGES, Sensitivity, TRIAL_IMAGES, TrialImages, Trials, Variant};
pub use weights::{Chance, WeightGrids, quantize_weights, weight_sqnr};
