//! Why a graph cannot be quantized as a recipe says.

use bitdial_ir::{Graph, Node};
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
    /// A static recipe with the statistics of another calibration method.
    #[error("the ranges of activations are from another calibration method than the recipe's: calibrate again")]
    OtherCalibration,
    /// No finite range was seen for a value.
    #[error("calibration found no finite range for '{value}'; check the calibration images")]
    NoRange {
        /// Name of the value.
        value: String,
    },
    /// Calibration with a model of several inputs.
    #[error("calibration takes models with one input, this one has {0}")]
    Inputs(usize),
    /// Graphs that are compared are not of one model.
    #[error("only a model and what was quantized from it can be compared")]
    OtherModel,
    /// No images, or of another size than the model takes.
    #[error("{images} images of {each} numbers are needed, {len} numbers were given")]
    Images {
        /// How many.
        images: usize,
        /// Numbers in all.
        len: usize,
        /// Numbers of one image.
        each: usize,
    },
    /// The graph cannot run.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// Names that an error lists.
const LISTED: usize = 5;

impl QuantError {
    /// There is no layer of that name.
    pub(crate) fn unknown_layer(graph: &Graph, name: &str) -> Self {
        Self::UnknownLayer { name: name.to_owned(), known: list(graph.nodes.iter()) }
    }
}

/// A few names for an error.
pub(crate) fn list<'a>(nodes: impl Iterator<Item = &'a Node>) -> String {
    let mut names: Vec<String> = nodes.take(LISTED + 1).map(|n| format!("'{}'", n.name)).collect();
    if names.len() > LISTED {
        names[LISTED] = "...".to_owned();
    }
    names.join(", ")
}
