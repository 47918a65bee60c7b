//! Times a model as a whole and layer by layer.

use bitdial_protocol::{LayerTime, Profile};

use crate::error::EngineError;
use crate::progress::Progress;
use crate::runner::Runnable;
use crate::timing::{Race, median, spread};

/// A profile that has begun: the whole model first, then layer by layer, with a clock read between.
///
/// Input is one image of zeros: kernels take the same time for all values.
#[derive(Debug)]
pub struct Profiling {
    input: Vec<f32>,
    runs: usize,
    whole: Race,
    /// For each counted run the time of each step.
    rows: Vec<Vec<f64>>,
}

impl Profiling {
    /// A profile of `runs` counted runs, at least 1.
    ///
    /// # Errors
    /// [`EngineError::Inputs`] if the model has other than one input.
    pub fn new(runnable: &mut dyn Runnable, runs: u32) -> Result<Self, EngineError> {
        let input = vec![0.0; runnable.runner().input_len()?];
        Ok(Self { input, runs: runs.max(1) as usize, whole: Race::new(1, runs), rows: Vec::new() })
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { done: self.whole.progress().done + self.rows.len(), total: 2 * self.runs }
    }

    /// One more run of what [`Self::new`] was given; `now` is a clock in milliseconds.
    ///
    /// # Errors
    /// [`EngineError::Runtime`] if it cannot run.
    pub fn step(&mut self, runnable: &mut dyn Runnable, now: &dyn Fn() -> f64) -> Result<Progress, EngineError> {
        let Self { input, whole, rows, .. } = self;
        if !whole.progress().is_done() {
            whole.step(&mut |_| runnable.run(input, 1).map(drop), now)?;
        } else if rows.len() < self.runs {
            // Repeated as often as the whole: a layer is far shorter than a tick of a browser's clock.
            rows.push(mean(&runnable.runner().profile(input, whole.repetitions(0), now)?));
        }
        Ok(self.progress())
    }

    /// The times of as many runs as there were.
    #[must_use]
    pub fn finish(self, runnable: &mut dyn Runnable) -> Profile {
        let runner = runnable.runner();
        let layers = runner.layers().iter().zip(runner.steps()).enumerate().map(|(i, (layer, step))| {
            let times: Vec<f64> = self.rows.iter().filter_map(|row| row.get(i).copied()).collect();
            LayerTime {
                name: layer.name.clone(),
                op: layer.op.clone(),
                kernel: step.kernel.clone(),
                ms: median(&times),
                macs: layer.macs,
                alternatives: runner.alternatives(step),
            }
        });
        let layers = layers.collect();
        Profile { total: self.whole.finish().pop().unwrap_or_else(|| spread(&[])), layers }
    }
}

/// The mean of each column.
fn mean(rows: &[Vec<f64>]) -> Vec<f64> {
    let columns = rows.first().map_or(0, Vec::len);
    (0..columns).map(|i| rows.iter().map(|row| row[i]).sum::<f64>() / rows.len() as f64).collect()
}
