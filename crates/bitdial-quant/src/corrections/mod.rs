//! Corrections: what is done so that quantization costs less.

mod adaround;
mod chains;
mod cle;
mod equalize;
mod gptq;
pub(crate) mod layer;
mod matching;
mod rounding;
mod smooth;

use bitdial_protocol::Correction;

use crate::error::QuantError;
use crate::pipeline::{Calibrating, Quantizing, Stage, State, Work};
use rounding::{Method, Rounding};

/// Begins a stage.
pub(crate) fn begin(stage: Stage, state: &mut State) -> Result<Box<dyn Work>, QuantError> {
    match stage {
        Stage::Calibrating => Calibrating::begin(state),
        Stage::Quantizing => Ok(Box::new(Quantizing)),
        Stage::Correcting(correction) => match correction {
            Correction::Bias | Correction::Bn => matching::Matching::begin(correction, state),
            Correction::Cle | Correction::Smooth => equalize::Equalize::begin(correction, state),
            Correction::Adaround => Rounding::begin(Method::Adaround, state),
            Correction::Gptq => Rounding::begin(Method::Gptq, state),
        },
    }
}
