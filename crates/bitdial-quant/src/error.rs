//! Why a graph cannot be quantized as a recipe says.

use bitdial_runtime::RuntimeError;
use thiserror::Error;

/// What went wrong, in a sentence for the person who wrote the recipe.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum QuantError {
    /// The recipe has exceptions for a layer that the model does not have.
    #[error("the recipe names a layer '{name}' that the model does not have; its layers are {known}")]
    UnknownLayer {
        /// The name in the recipe.
        name: String,
        /// A few names of the model.
        known: String,
    },
    /// The recipe has exceptions for weights that do not exist.
    #[error("the recipe says how to store the weights of layer '{name}', which has none; layers with weights are {known}")]
    NoWeights {
        /// The name in the recipe.
        name: String,
        /// A few names of layers that have weights.
        known: String,
    },
    /// Schemes that do not go together, or not with this model.
    #[error("{0}")]
    Scheme(String),
    /// The graph has integers already.
    #[error("'{name}' is quantized already: a recipe applies to an f32 model")]
    AlreadyQuantized {
        /// Name of the layer or value.
        name: String,
    },
    /// A static recipe without calibration.
    #[error("static quantization needs the ranges of activations: calibrate first, or choose dynamic")]
    NotCalibrated,
    /// No finite range was seen for a value.
    #[error("calibration found no finite range for '{value}'; check the calibration images")]
    NoRange {
        /// Name of the value.
        value: String,
    },
    /// Calibration with a model of several inputs.
    #[error("calibration takes models with one input, this one has {0}")]
    Inputs(usize),
    /// The graph cannot run.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}
