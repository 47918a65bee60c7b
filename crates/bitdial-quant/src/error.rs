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
    /// A correction without images.
    #[error("the correction '{correction}' needs calibration images, and there are none")]
    NoSamples {
        /// Its name.
        correction: &'static str,
    },
    /// A correction would undo one that comes before it.
    #[error("put '{first}' before '{then}' in the recipe's corrections: {reason}")]
    Order {
        /// Which must come first.
        first: &'static str,
        /// Which came first.
        then: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// A correction that is named twice.
    #[error("the correction '{correction}' stands twice in the recipe: once is enough")]
    Twice {
        /// Its name.
        correction: &'static str,
    },
    /// Two corrections that both decide how weights are rounded.
    #[error("choose one of '{one}' and '{other}': both decide how every weight is rounded")]
    RoundedTwice {
        /// The first.
        one: &'static str,
        /// The second.
        other: &'static str,
    },
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
