//! Why a graph cannot become a plan, or a plan cannot run.

use thiserror::Error;

/// What went wrong, in a sentence for the person who gave the model or the data.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuntimeError {
    /// The graph did not go through `bitdial_ir::passes::prepare`.
    #[error("the model is still in ONNX's order of dimensions (NCHW); prepare it first")]
    Layout,
    /// A backend that this build was compiled without.
    #[error("this build has no {0} kernels")]
    Backend(&'static str),
    /// A node that cannot be compiled.
    #[error("layer '{node}' cannot run: {reason}")]
    Node {
        /// Name of the node.
        node: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value that cannot be held.
    #[error("the tensor '{value}' cannot be held: {reason}")]
    Value {
        /// Name of the value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An accumulator that is too narrow or too wide.
    #[error("the sums of a model have 8 to 32 bits")]
    Accumulator,
    /// One image would need too much memory.
    #[error("the model needs {needed} MiB of memory for one image; {limit} MiB is the limit here")]
    Memory {
        /// MiB needed for one image's activations.
        needed: usize,
        /// MiB allowed.
        limit: usize,
    },
    /// Not as many inputs as the model has.
    #[error("the model has {expected} inputs, not {given}")]
    Inputs {
        /// How many it has.
        expected: usize,
        /// How many were given.
        given: usize,
    },
    /// An input that is too short or too long.
    #[error("the input '{input}' takes {expected} numbers for {batch} images, not {given}")]
    InputLength {
        /// Name of the input.
        input: String,
        /// Images of the run.
        batch: usize,
        /// Floats that makes.
        expected: usize,
        /// Floats given.
        given: usize,
    },
}

impl RuntimeError {
    /// An error about a node.
    pub(crate) fn node(node: &bitdial_ir::Node, reason: impl Into<String>) -> Self {
        Self::Node { node: node.name.clone(), reason: reason.into() }
    }

    /// An error about a value.
    pub(crate) fn value(value: &bitdial_ir::Value, reason: impl Into<String>) -> Self {
        Self::Value { value: value.name.clone(), reason: reason.into() }
    }
}
