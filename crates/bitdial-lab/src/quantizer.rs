//! Quantizes a model in steps, so that a caller can report progress and give up between them.

use std::sync::Arc;

use bitdial_ir::Graph;
use bitdial_kernels::Backend;
use bitdial_protocol::{ActivationMode, CorrectionReport, LayerChange, Recipe};
use bitdial_quant::{Outcome, Pipeline, Report, Samples, Setup, Stage};

use crate::Progress;
use crate::calibration::{Inputs, Key, RangeCache};
use crate::error::LabError;
use crate::quantized::{Origin, Quantized};
use crate::search::Memory;

/// Inputs per step where nobody watches.
const BATCH: usize = 32;

/// A quantization that has begun. Dropping it gives it up.
#[derive(Debug)]
pub struct Quantizer {
    pipeline: Pipeline,
    recipe: Recipe,
    cache: Arc<RangeCache>,
    measured: Arc<Memory>,
    backend: Backend,
    /// What the ranges are remembered by, if they are to be found.
    key: Option<Key>,
    /// Milliseconds of each stage.
    times: Vec<(Stage, f64)>,
}

/// What a model gives to those that are quantized from it.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub graph: &'a Arc<Graph>,
    pub normalized: &'a [String],
    pub backend: Backend,
    pub ranges: &'a Arc<RangeCache>,
    pub measured: &'a Arc<Memory>,
}

impl Quantizer {
    pub(crate) fn new(source: Source<'_>, recipe: &Recipe, inputs: Option<Inputs>) -> Result<Self, LabError> {
        let Source { graph, normalized, backend, ranges: cache, measured } = source;
        let inputs = inputs.filter(|inputs| inputs.count() > 0);
        let is_static = recipe.activations.is_some_and(|scheme| scheme.mode == ActivationMode::Static);
        if inputs.is_none() && (is_static || !recipe.corrections.is_empty()) {
            return Err(LabError::NoCalibration);
        }
        let key = inputs.as_ref().filter(|_| is_static).map(|inputs| Key::new(&recipe.calibration, inputs));
        let ranges = key.and_then(|key| cache.get(key));
        let samples = inputs.map(|inputs| Box::new(inputs) as Box<dyn Samples>);
        let setup = Setup { backend, samples, ranges, normalized: normalized.to_vec() };
        let pipeline = Pipeline::new(graph, recipe, setup)?;
        let (cache, measured) = (Arc::clone(cache), Arc::clone(measured));
        Ok(Self { pipeline, recipe: recipe.clone(), cache, measured, backend, key, times: Vec::new() })
    }

    /// What is being done: "calibrating", "quantizing", or a correction's name.
    #[must_use]
    pub fn stage(&self) -> &'static str {
        self.pipeline.progress().stage.name()
    }

    /// How far the stage is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let progress = self.pipeline.progress();
        Progress { done: progress.done, total: progress.total }
    }

    /// Whether nothing is left but to [`Self::finish`].
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.pipeline.is_done()
    }

    /// Goes on by as much as takes about as long as `count` calibration inputs; `now` is a clock in milliseconds.
    ///
    /// # Errors
    /// [`LabError::Quant`] if the recipe cannot be applied.
    pub fn step(&mut self, count: usize, now: &dyn Fn() -> f64) -> Result<(), LabError> {
        let start = now();
        let stage = self.pipeline.step(count.max(1))?.stage;
        let took = now() - start;
        match self.times.last_mut() {
            Some((last, ms)) if *last == stage => *ms += took,
            _ => self.times.push((stage, took)),
        }
        Ok(())
    }

    /// Finishes what is left. Corrections take no time on a clock that stands still.
    ///
    /// # Errors
    /// [`LabError::Quant`] if the recipe cannot be applied.
    pub fn finish(mut self) -> Result<Quantized, LabError> {
        while !self.is_done() {
            self.step(BATCH, &|| 0.0)?;
        }
        let Outcome { graph, reference, float, ranges, rescaled, reports } = self.pipeline.finish()?;
        if let (Some(key), Some(ranges), false) = (self.key, &ranges, rescaled) {
            self.cache.put(key, Arc::clone(ranges));
        }
        let time = |report: &Report| {
            let of = |(stage, _): &&(Stage, f64)| *stage == Stage::Correcting(report.correction);
            self.times.iter().filter(of).map(|(_, ms)| ms).sum()
        };
        let reports = reports.into_iter().map(|report| CorrectionReport {
            ms: time(&report),
            correction: report.correction,
            layers: report.entries.into_iter().map(change).collect(),
            summary: report.summary,
        });
        let corrections = reports.collect();
        let origin = Origin { reference, float, ranges, recipe: self.recipe, backend: self.backend, measured: self.measured };
        Ok(Quantized::new(origin, graph, corrections))
    }
}

fn change(entry: bitdial_quant::Entry) -> LayerChange {
    LayerChange { name: entry.layer, figure: entry.figure.to_owned(), before: entry.before, after: entry.after }
}
