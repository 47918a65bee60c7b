//! Corrections: what is done so that quantization costs less.

pub(crate) mod layer;
mod matching;

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
            Correction::Cle | Correction::Smooth | Correction::Adaround | Correction::Gptq => {
                Err(QuantError::Scheme(format!("the correction '{}' does not exist yet", correction.name())))
            }
        },
    }
}
