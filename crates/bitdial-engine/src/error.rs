//! Why the engine cannot do what it was asked.

use bitdial_ir::IrError;
use bitdial_runtime::RuntimeError;
use thiserror::Error;

/// What went wrong, in a sentence for the person who gave the model or the images.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The packed model.
    #[error(transparent)]
    Ir(#[from] IrError),
    /// The model cannot run, or not with this input.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Kernels that this build does not have.
    #[error("this build of the engine has no {wanted} kernels; it has {available}")]
    Backend {
        /// What was asked for.
        wanted: &'static str,
        /// What there is.
        available: String,
    },
    /// A device other than the processor that cannot do it, or cannot go on: a sentence.
    #[error("{0}")]
    Device(String),
    /// A file that is not the IDX file it should be.
    #[error("the {what} file is not an IDX file that can be used: {reason}")]
    Idx {
        /// `images` or `labels`.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A gzip stream that cannot be unpacked.
    #[error("the {what} file is damaged: {reason}")]
    Gzip {
        /// `images` or `labels`.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Images that make no set.
    #[error("these images cannot be used: {0}")]
    Images(String),
    /// An index past the end of a set.
    #[error("there is no image {index}: the set has {count} images, counted from 0")]
    NoImage {
        /// The index.
        index: usize,
        /// Images in the set.
        count: usize,
    },
    /// Images of another size than the model takes.
    #[error("the model takes inputs of {expected} (NCHW without the batch), and the images are {found}")]
    Shape {
        /// Dimensions of the model's input.
        expected: String,
        /// Dimensions of an image.
        found: String,
    },
    /// A model with other than one input.
    #[error("the model has {0} inputs; only models with one can run here")]
    Inputs(usize),
    /// A model whose output names no classes.
    #[error("the model's first output has {0} numbers for an image; from 1 to 65536 classes can be told apart")]
    Classes(usize),
    /// A run of no images.
    #[error("a run takes at least one input")]
    EmptyBatch,
}
