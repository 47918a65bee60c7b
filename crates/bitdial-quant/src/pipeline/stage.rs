//! What a pipeline is at, and what each stage must be able to do.

use bitdial_protocol::Correction;

use super::{Report, State};
use crate::error::QuantError;

/// A part of the way from recipe to quantized graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Ranges of activations are found.
    Calibrating,
    /// Weights are rounded, activations get their grids.
    Quantizing,
    /// A correction is at work.
    Correcting(Correction),
}

impl Stage {
    /// "calibrating", "quantizing", or the correction's name in a recipe.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Calibrating => "calibrating",
            Self::Quantizing => "quantizing",
            Self::Correcting(correction) => correction.name(),
        }
    }
}

/// How far a pipeline is within a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which stage.
    pub stage: Stage,
    /// Units of work done: images, images of a layer, or iterations.
    pub done: usize,
    /// Units of work of the stage; at least 1.
    pub total: usize,
}

/// Units of work of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub done: usize,
    pub total: usize,
}

/// A stage that has begun.
pub(crate) trait Work: std::fmt::Debug {
    /// Does a part that takes about as long as `images` (at least 1) images; `done == total` if nothing is left.
    fn step(&mut self, state: &mut State, images: usize) -> Result<Count, QuantError>;

    /// Ends the stage once everything is done. A correction says what it did.
    fn finish(self: Box<Self>, state: &mut State) -> Result<Option<Report>, QuantError>;
}
