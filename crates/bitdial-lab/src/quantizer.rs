//! Quantizes a model in steps, so that a caller can report progress and give up between them.

use std::sync::Arc;

use bitdial_ir::Graph;
use bitdial_kernels::Backend;
use bitdial_protocol::{ActivationMode, Recipe};
use bitdial_quant::{Calibrator, Ranges, quantize};

use crate::Progress;
use crate::calibration::{Inputs, Key, RangeCache};
use crate::error::LabError;
use crate::quantized::Quantized;

/// Inputs per step where nobody watches.
const BATCH: usize = 32;

/// A quantization that has begun. Dropping it gives it up.
#[derive(Debug)]
pub struct Quantizer {
    graph: Arc<Graph>,
    recipe: Recipe,
    ranges: Option<Arc<Ranges>>,
    calibration: Option<Running>,
    cache: Arc<RangeCache>,
}

/// A calibration that is not finished.
#[derive(Debug)]
struct Running {
    calibrator: Calibrator,
    inputs: Inputs,
    key: Key,
    next: usize,
}

impl Quantizer {
    pub(crate) fn new(
        graph: &Arc<Graph>,
        backend: Backend,
        recipe: &Recipe,
        inputs: Option<Inputs>,
        cache: &Arc<RangeCache>,
    ) -> Result<Self, LabError> {
        let mut quantizer =
            Self { graph: Arc::clone(graph), recipe: recipe.clone(), ranges: None, calibration: None, cache: Arc::clone(cache) };
        if recipe.activations.is_some_and(|scheme| scheme.mode == ActivationMode::Static) {
            let inputs = inputs.filter(|inputs| inputs.count() > 0).ok_or(LabError::NoCalibration)?;
            let key = Key::new(&recipe.calibration, &inputs);
            quantizer.ranges = cache.get(key);
            if quantizer.ranges.is_none() {
                let calibrator = Calibrator::for_method(graph, backend, recipe.calibration.method)?;
                quantizer.calibration = Some(Running { calibrator, inputs, key, next: 0 });
            }
        }
        Ok(quantizer)
    }

    /// Calibration inputs looked at, and how many there are: none if the recipe needs none, or the ranges are known.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.calibration.as_ref().map_or(Progress { done: 0, total: 0 }, Running::progress)
    }

    /// Looks at up to `count` more calibration inputs.
    ///
    /// # Errors
    /// [`LabError::Quant`] if the model cannot run on them.
    pub fn step(&mut self, count: usize) -> Result<Progress, LabError> {
        let Some(running) = &mut self.calibration else { return Ok(self.progress()) };
        running.step(count)?;
        Ok(running.progress())
    }

    /// Finishes what is left of the calibration and quantizes.
    ///
    /// # Errors
    /// [`LabError::Quant`] if the recipe cannot be applied.
    pub fn finish(mut self) -> Result<Quantized, LabError> {
        if let Some(mut running) = self.calibration.take() {
            while !running.progress().is_done() {
                running.step(BATCH)?;
            }
            let ranges = Arc::new(running.calibrator.finish());
            self.cache.put(running.key, Arc::clone(&ranges));
            self.ranges = Some(ranges);
        }
        let graph = quantize(&self.graph, &self.recipe, self.ranges.as_deref())?;
        Ok(Quantized::new(self.graph, graph, &self.recipe))
    }
}

impl Running {
    fn progress(&self) -> Progress {
        Progress { done: self.next, total: self.inputs.count() }
    }

    fn step(&mut self, count: usize) -> Result<(), LabError> {
        let count = count.max(1).min(self.inputs.count() - self.next);
        if count > 0 {
            self.calibrator.feed(&self.inputs.batch(self.next, count)?, count)?;
            self.next += count;
        }
        Ok(())
    }
}
