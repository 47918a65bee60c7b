//! Corrections: what is done so that quantization costs less.

mod chains;
mod cle;
mod equalize;
pub(crate) mod layer;
mod matching;
mod smooth;

use bitdial_protocol::Correction;

use crate::error::QuantError;
use crate::pipeline::{Calibrating, Quantizing, Stage, State, Work};

/// Begins a stage.
pub(crate) fn begin(stage: Stage, state: &mut State) -> Result<Box<dyn Work>, QuantError> {
    match stage {
        Stage::Calibrating => Calibrating::begin(state),
        Stage::Quantizing => Ok(Box::new(Quantizing)),
        Stage::Correcting(correction) => match correction {
            Correction::Bias | Correction::Bn => matching::Matching::begin(correction, state),
            Correction::Cle | Correction::Smooth => equalize::Equalize::begin(correction, state),
            Correction::Adaround | Correction::Gptq => {
                Err(QuantError::Scheme(format!("the correction '{}' does not exist yet", correction.name())))
            }
        },
    }
}
