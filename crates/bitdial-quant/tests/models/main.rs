//! The models, quantized: the small ones on all their test images.

mod calibration;
mod efficientnet;
mod files;
mod formats;
mod onnxruntime;
mod pipeline;
mod residual;
mod rounding;
mod run;
mod search;
