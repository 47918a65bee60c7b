//! The facade of the lab: reads ONNX files, quantizes them by recipes, packs what runners run.
//!
//! A [`Model`] is what an ONNX file holds, prepared; a [`Quantizer`] makes a [`Quantized`] model of it. Both have the
//! bytes that a runner (`bitdial-engine`) takes. Whatever may take long goes in steps, so that a caller can report
//! [`Progress`] and give up. The lab uses f32 kernels that give the same bits everywhere: the same recipe gives the same
//! bytes on any machine. Nothing here knows a browser, and clocks are the caller's.

mod calibration;
mod detail;
mod diagnosis;
mod error;
mod maps;
mod model;
mod quantized;
mod quantizer;
mod search;

pub use bitdial_engine::{Images, Progress};
pub use diagnosis::Diagnosing;
pub use error::LabError;
pub use model::Model;
pub use quantized::Quantized;
pub use quantizer::Quantizer;
pub use search::Searching;
