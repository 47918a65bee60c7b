//! A model as its ONNX file has it, prepared to be quantized.

use std::sync::Arc;

use bitdial_engine::EngineError;
use bitdial_ir::{Graph, onnx, packed, passes};
use bitdial_kernels::Backend;
use bitdial_protocol::Recipe;

use crate::Images;
use crate::calibration::{Inputs, RangeCache};
use crate::error::LabError;
use crate::quantizer::{Quantizer, Source};
use crate::search::Memory;

/// A prepared f32 model.
#[derive(Debug)]
pub struct Model {
    graph: Arc<Graph>,
    /// Layers that had a BatchNorm.
    normalized: Vec<String>,
    backend: Backend,
    ranges: Arc<RangeCache>,
    measured: Arc<Memory>,
}

impl Model {
    /// Reads an ONNX file. `backend` says whose kernels look at calibration inputs; what comes out does not depend on it.
    ///
    /// # Errors
    /// [`LabError::Ir`] for a file that is damaged or holds what cannot run here, [`LabError::Runtime`] if the model
    /// would need too much memory.
    pub fn load(file: &[u8], backend: Backend) -> Result<Self, LabError> {
        let graph = onnx::read(file)?;
        let normalized = passes::normalized(&graph);
        let graph = passes::prepare(graph)?;
        bitdial_runtime::check(&graph)?;
        Ok(Self { graph: Arc::new(graph), normalized, backend, ranges: Arc::default(), measured: Arc::default() })
    }

    /// The model for a runner, in f32.
    #[must_use]
    pub fn packed(&self) -> Vec<u8> {
        packed::write(&self.graph)
    }

    /// The prepared graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Starts to quantize, with calibration images drawn from a set as the recipe says. Ranges that were found
    /// before with the same images are used again.
    ///
    /// # Errors
    /// [`LabError::NoCalibration`] if the recipe looks at images and there are none; [`LabError::Images`] if the images
    /// do not fit the model.
    pub fn quantizer(&self, recipe: &Recipe, calibration: Option<Arc<Images>>) -> Result<Quantizer, LabError> {
        let inputs = match calibration {
            Some(images) => {
                images.check_fit(self.input_dims()?)?;
                Some(Inputs::drawn(images, &recipe.calibration))
            }
            None => None,
        };
        Quantizer::new(self.source(), recipe, inputs)
    }

    /// As [`Self::quantizer`], with calibration inputs from the caller (f32, NCHW): the same recipe and inputs give
    /// the same bytes.
    ///
    /// # Errors
    /// Also [`LabError::CalibrationLength`] if they are not a whole number of inputs.
    pub fn quantizer_with(&self, recipe: &Recipe, calibration: Vec<f32>) -> Result<Quantizer, LabError> {
        let len = self.input_dims()?.iter().product();
        if len == 0 || !calibration.len().is_multiple_of(len) {
            return Err(LabError::CalibrationLength { expected: len, given: calibration.len() });
        }
        let inputs = (!calibration.is_empty()).then(|| Inputs::given(calibration, len, &recipe.calibration));
        Quantizer::new(self.source(), recipe, inputs)
    }

    fn source(&self) -> Source<'_> {
        let Self { graph, normalized, backend, ranges, measured } = self;
        Source { graph, normalized, backend: *backend, ranges, measured }
    }

    /// Dimensions of the model's one input, NCHW without the batch.
    fn input_dims(&self) -> Result<&[usize], EngineError> {
        match self.graph.inputs[..] {
            [input] => Ok(&self.graph.value(input).dims),
            ref inputs => Err(EngineError::Inputs(inputs.len())),
        }
    }
}
