//! The graph: ONNX in, shape inference, passes.
//!
//! [`onnx::read`] gives a [`Graph`] in ONNX's NCHW order with its operators as they stand in the file;
//! [`passes::prepare`] folds BatchNorm, fuses activations and moves to NHWC, which is what quantization and the
//! runtime take. [`packed`] is the file in which a model's size is counted.

mod check;
mod coded;
mod error;
mod graph;
mod infer;
mod limits;
mod names;
pub mod onnx;
mod op;
pub mod packed;
pub mod passes;
mod permute;

pub use coded::{CodedWeights, Meaning, Scales};
pub use error::IrError;
pub use graph::{Accumulator, Dims, Graph, Layout, Node, Value, ValueId};
pub use infer::{infer, work};
pub use op::{Activation, Axis, Binary, Conv, DynamicQuant, GROUPS, Linear, Op, Pool, QuantizedWeights, Tensor, Weights, Window};
