//! Compiles a graph to a plan and runs it on the kernels.
//!
//! [`Plan::compile`] looks at every node once: it picks kernels, packs weights, computes multipliers, biases and
//! tables, and gives every value its place in one arena. Running is a loop over prepared code, in chunks of images so
//! that weights are unpacked once per chunk and the activations of a chunk stay in cache. Results depend on neither
//! the batch nor the chunk.

mod arena;
mod error;
mod footprint;
mod lower;
mod memory;
mod plan;
mod ranges;

pub use error::RuntimeError;
pub use footprint::Footprint;
pub use lower::{check, shared};
pub use plan::{Execution, Observed, Options, Overflows, Plan, See, Step};
