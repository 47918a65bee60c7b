//! Corrections: what is done so that quantization costs less.

use bitdial_protocol::Correction;

use crate::error::QuantError;
use crate::pipeline::{Calibrating, Quantizing, Stage, State, Work};

/// Begins a stage.
pub(crate) fn begin(stage: Stage, state: &mut State) -> Result<Box<dyn Work>, QuantError> {
    match stage {
        Stage::Calibrating => Calibrating::begin(state),
        Stage::Quantizing => Ok(Box::new(Quantizing)),
        Stage::Correcting(correction) => match correction {
            Correction::Cle | Correction::Smooth | Correction::Adaround | Correction::Gptq | Correction::Bias | Correction::Bn => {
                Err(QuantError::Scheme(format!("the correction '{}' does not exist yet", correction.name())))
            }
        },
    }
}
