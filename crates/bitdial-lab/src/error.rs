//! Why the lab cannot do what it was asked.

use bitdial_engine::EngineError;
use bitdial_ir::IrError;
use bitdial_quant::QuantError;
use bitdial_runtime::RuntimeError;
use thiserror::Error;

/// What went wrong, in a sentence for the person who gave the model, the images or the recipe.
#[derive(Debug, Error)]
pub enum LabError {
    /// The model file, or what follows from it.
    #[error(transparent)]
    Ir(#[from] IrError),
    /// The recipe cannot be applied to the model.
    #[error(transparent)]
    Quant(#[from] QuantError),
    /// The model cannot run.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The images cannot be used.
    #[error(transparent)]
    Images(#[from] EngineError),
    /// A recipe that looks at images, without any.
    #[error("this recipe looks at calibration inputs: give at least one, or choose dynamic and no correction")]
    NoCalibration,
    /// Calibration inputs that are not a whole number of inputs.
    #[error("calibration inputs come as whole inputs of {expected} numbers each; {given} numbers came")]
    CalibrationLength {
        /// Numbers of one input.
        expected: usize,
        /// Numbers given.
        given: usize,
    },
    /// A search for widths in a format that has but one.
    #[error("mixed precision chooses widths, and this recipe's format has but one: choose integers")]
    FixedWidth,
    /// A layer that is not there.
    #[error("the model has no layer '{0}'")]
    NoNode(String),
    /// A layer that is not there, or has no weights.
    #[error("the model has no layer '{0}' with weights")]
    NoLayer(String),
}
