//! Runs a graph on WebGPU, in a browser's worker and natively, with the integers of the scalar reference.
//!
//! [`Gpu`] is the device with its compiled kernels, [`Plan`] a graph that was lowered to dispatches over one arena. One
//! command buffer is an inference; nothing is read back but the model's outputs. Kernels are WGSL files, each for a
//! family of shapes: what differs between layers is in uniforms, what a compiler must know is an `override`.

mod arena;
mod backend;
mod constants;
mod error;
mod gpu;
mod info;
mod kernel;
mod lower;
mod pack;
mod plan;
mod read;
mod rounding;
mod time;
mod tune;
mod work;

pub use backend::{WebGpu, WebGpuPlan};
pub use error::GpuError;
pub use gpu::Gpu;
pub use info::GpuInfo;
pub use plan::{Options, Plan};
pub use time::{Clock, Now, Profile, StepTime};
pub use tune::{Candidate, Choice, Dot, Tile};
pub use work::{Traffic, Work};
