//! The three small models, quantized, on all their test images.

mod files;
mod onnxruntime;
mod run;
