//! A loaded model, in f32.

use std::sync::Arc;

use bitdial_ir::{Graph, onnx, packed, passes};
use bitdial_protocol::{ModelInfo, Recipe};
use bitdial_runtime::Options;

use crate::calibration::{Inputs, RangeCache};
use crate::describe;
use crate::energy::energy;
use crate::error::EngineError;
use crate::images::Images;
use crate::machine::Machine;
use crate::quantizer::Quantizer;
use crate::runner::{Runnable, Runner};

/// A model as its ONNX file has it, prepared and compiled for f32.
#[derive(Debug)]
pub struct Model {
    graph: Arc<Graph>,
    machine: Arc<Machine>,
    runner: Runner,
    info: ModelInfo,
    ranges: Arc<RangeCache>,
}

impl Model {
    pub(crate) fn load(file: &[u8], machine: &Arc<Machine>) -> Result<Self, EngineError> {
        let graph = passes::prepare(onnx::read(file)?)?;
        machine.allow_tuning();
        // The baseline that quantized models are timed against: it may use the fastest kernels there are.
        let runner = Runner::new(&graph, Options { backend: machine.backend(), strict: false }, machine)?;
        let layers = runner.layers().to_vec();
        let info = ModelInfo {
            inputs: describe::tensors(&graph, &graph.inputs),
            outputs: describe::tensors(&graph, &graph.outputs),
            parameters: layers.iter().map(|layer| layer.parameters).sum(),
            macs: layers.iter().map(|layer| layer.macs).sum(),
            layers,
            size: packed::write(&graph).len(),
            energy: energy(&graph),
            memory: runner.memory(),
        };
        Ok(Self { graph: Arc::new(graph), machine: Arc::clone(machine), runner, info, ranges: Arc::default() })
    }

    /// What it is.
    #[must_use]
    pub fn info(&self) -> &ModelInfo {
        &self.info
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
    /// [`EngineError::NoCalibration`] if the recipe is static and there are no images; [`EngineError::Shape`] and
    /// [`EngineError::Inputs`] if the images do not fit the model.
    pub fn quantizer(&self, recipe: &Recipe, calibration: Option<Arc<Images>>) -> Result<Quantizer, EngineError> {
        let inputs = match calibration {
            Some(images) => {
                self.runner.check_images(&images)?;
                Some(Inputs::drawn(images, &recipe.calibration))
            }
            None => None,
        };
        Quantizer::new(&self.graph, &self.machine, recipe, inputs, &self.ranges)
    }

    /// As [`Self::quantizer`], with calibration inputs from the caller (f32, NCHW): the same recipe and inputs give
    /// the same bytes.
    ///
    /// # Errors
    /// Also [`EngineError::CalibrationLength`] if they are not a whole number of inputs.
    pub fn quantizer_with(&self, recipe: &Recipe, calibration: Vec<f32>) -> Result<Quantizer, EngineError> {
        let len = self.runner.input_len()?;
        if len == 0 || !calibration.len().is_multiple_of(len) {
            return Err(EngineError::CalibrationLength { expected: len, given: calibration.len() });
        }
        let inputs = (!calibration.is_empty()).then(|| Inputs::given(calibration, len, &recipe.calibration));
        Quantizer::new(&self.graph, &self.machine, recipe, inputs, &self.ranges)
    }
}

impl Runnable for Model {
    fn runner(&mut self) -> &mut Runner {
        &mut self.runner
    }

    fn tune(&mut self, now: &dyn Fn() -> f64) -> Result<(), EngineError> {
        self.runner.tune(&self.graph, now)
    }
}
