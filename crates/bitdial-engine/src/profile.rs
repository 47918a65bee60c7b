//! Times a model as a whole and layer by layer.

use bitdial_protocol::{LayerTime, Profile, Rooflines};

use crate::error::EngineError;
use crate::progress::Progress;
use crate::quantized::execution;
use crate::runner::Runnable;
use crate::timing::Race;

/// Counted runs of a layer.
const LAYER_RUNS: u32 = 5;

/// A profile that has begun: the whole model first, then layer after layer, each repeated until a clock can tell.
///
/// Input is one image of zeros: kernels take the same time for all values. A layer that is repeated finds its operands
/// in the cache, where in the whole model some have to come from further away.
#[derive(Debug)]
pub struct Profiling {
    input: Vec<f32>,
    whole: Race,
    /// The layer that is timed.
    part: Race,
    /// Times of the layers before it.
    layers: Vec<f64>,
    count: usize,
}

impl Profiling {
    /// A profile of `runs` counted runs of the whole, at least 1.
    ///
    /// # Errors
    /// [`EngineError::Inputs`] if the model has other than one input.
    pub fn new(runnable: &mut dyn Runnable, runs: u32) -> Result<Self, EngineError> {
        let input = vec![0.0; runnable.runner().input_len()?];
        let count = runnable.runner().steps().len();
        Ok(Self { input, whole: Race::new(1, runs), part: Race::part(LAYER_RUNS), layers: Vec::with_capacity(count), count })
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let whole = self.whole.progress();
        Progress { done: whole.done + self.layers.len(), total: whole.total + self.count }
    }

    /// One more run of what [`Self::new`] was given; `now` is a clock in milliseconds.
    ///
    /// # Errors
    /// [`EngineError::Runtime`] if it cannot run.
    pub fn step(&mut self, runnable: &mut dyn Runnable, now: &dyn Fn() -> f64) -> Result<Progress, EngineError> {
        if !self.whole.progress().is_done() {
            // The last run leaves everything in memory that layers need.
            self.whole.step(&mut |_| runnable.run(&self.input, 1).map(drop), now)?;
        } else if self.layers.len() < self.count {
            let (runner, layer) = (runnable.runner(), self.layers.len());
            if self.whole.median(0) <= 0.0 || !runner.computes(layer) {
                // A clock that stands still, or nothing to time.
                self.layers.push(0.0);
            } else if self.part.step(&mut |_| runner.repeat(layer), now)?.is_done() {
                self.layers.push(self.part.median(0));
                self.part = Race::part(LAYER_RUNS);
            }
        }
        Ok(self.progress())
    }

    /// What was found, and how it compares with what the device does at best.
    #[must_use]
    pub fn finish(self, runnable: &mut dyn Runnable, rooflines: Option<&Rooflines>) -> Profile {
        let runner = runnable.runner();
        let steps = runner.steps().iter().enumerate().zip(&self.layers);
        let layers = runner.layers().iter().zip(runner.bytes()).zip(steps).map(|((layer, &moved), ((index, step), &ms))| {
            let bytes = if runner.computes(index) { moved + step.weight_bytes as u64 } else { 0 };
            let limit = |at: &Rooflines| at.limit(step.macs, at.peak(&step.kernel, execution(step)), bytes);
            LayerTime {
                name: layer.name.clone(),
                op: layer.op.clone(),
                kernel: step.kernel.clone(),
                ms,
                macs: step.macs,
                bytes,
                limit: rooflines.filter(|_| ms > 0.0).map(limit),
                alternatives: runner.alternatives(step),
            }
        });
        Profile { layers: layers.collect(), total: self.whole.timing(0), rooflines: rooflines.cloned() }
    }
}
