//! f32 plans against onnxruntime, from its recorded outputs.

mod models;
mod ops;
mod support;
