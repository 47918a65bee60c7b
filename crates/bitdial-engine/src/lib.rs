//! The facade of a runner: load, run, evaluate, time, verify.
//!
//! An [`Engine`] holds a [`Backend`] and loads a [`Model`] that the lab (`bitdial-lab`) has packed; a model adopts
//! [`Quantized`] ones that were made from it; both have a [`Runner`]. Whatever may take long goes in steps ([`Race`],
//! [`Profiling`], [`Verification`]), so that a caller can report [`Progress`] and give up. Nothing here knows a
//! browser, and clocks are the caller's.

mod backend;
mod classify;
mod cpu;
pub mod describe;
mod energy;
mod engine;
mod error;
mod idx;
mod images;
mod machine;
mod model;
mod profile;
mod progress;
mod quantized;
mod runner;
mod timing;
mod verify;

pub use backend::{Backend, Executable, Now, Purpose};
pub use classify::Prediction;
pub use cpu::{Cpu, CpuPlan};
pub use engine::Engine;
pub use error::EngineError;
pub use images::Images;
pub use model::Model;
pub use profile::Profiling;
pub use progress::Progress;
pub use quantized::Quantized;
pub use runner::Runner;
pub use timing::Race;
pub use verify::Verification;
