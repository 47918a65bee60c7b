//! Times a model as a whole, layer by layer, and the parts of each layer.

use bitdial_kernels::Part;
use bitdial_protocol::{LayerTime, Phases, Profile, Rooflines};

use crate::backend::{Executable, Now};
use crate::error::EngineError;
use crate::progress::Progress;
use crate::quantized::execution;
use crate::runner::Runner;
use crate::timing::Race;

/// What is timed of a layer, the whole first, and how many runs of each count.
const PARTS: [(Part, u32); 5] = [(Part::All, 5), (Part::Nothing, 3), (Part::Unpack, 3), (Part::Move, 3), (Part::Requantize, 3)];

/// A profile that has begun: the whole model first, then layer after layer, each repeated until a clock can tell.
///
/// Input is one image of zeros: kernels take the same time for all values. A layer that is repeated finds its operands
/// in the cache, where in the whole model some have to come from further away.
#[derive(Debug)]
pub struct Profiling {
    input: Vec<f32>,
    whole: Race,
    /// What is timed now.
    race: Race,
    /// Times of the parts of each layer, as far as they are known.
    layers: Vec<Vec<f64>>,
    /// How many parts are timed of each layer.
    parts: Vec<usize>,
}

impl Profiling {
    /// A profile of `runs` counted runs of the whole, at least 1.
    ///
    /// # Errors
    /// [`EngineError::Inputs`] if the model has other than one input.
    pub fn new<P: Executable>(runner: &mut Runner<P>, runs: u32) -> Result<Self, EngineError> {
        let input = vec![0.0; runner.input_len()?];
        let plan = runner.plan();
        // Whatever multiplies takes the time of its parts from its kernel.
        let parts = |(index, step): (usize, &bitdial_runtime::Step)| match plan.computes(index) {
            true if step.macs > 0 && plan.has_parts() => PARTS.len(),
            computes => usize::from(computes),
        };
        let parts: Vec<usize> = plan.steps().iter().enumerate().map(parts).collect();
        Ok(Self { input, whole: Race::new(1, runs), race: Race::part(PARTS[0].1), layers: vec![Vec::new(); parts.len()], parts })
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let whole = self.whole.progress();
        let done: usize = self.layers.iter().map(Vec::len).sum();
        Progress { done: whole.done + done, total: whole.total + self.parts.iter().sum::<usize>() }
    }

    /// One more run of what [`Self::new`] was given; `now` is a clock in milliseconds.
    ///
    /// # Errors
    /// [`EngineError::Runtime`] if it cannot run, [`EngineError::Device`] if the device cannot go on.
    pub async fn step<P: Executable>(&mut self, runner: &mut Runner<P>, now: Now<'_>) -> Result<Progress, EngineError> {
        if !self.whole.progress().is_done() {
            // The last run leaves everything in memory that layers need.
            let mut run = async |_, times| {
                for _ in 0..times {
                    runner.run(&self.input, 1).await?;
                }
                Ok::<_, EngineError>(None)
            };
            self.whole.step(&mut run, now).await?;
            return Ok(self.progress());
        }
        let next = self.layers.iter().zip(&self.parts).position(|(times, &parts)| times.len() < parts);
        if let Some((layer, times)) = next.map(|layer| (layer, &mut self.layers[layer])) {
            let (part, _) = PARTS[times.len()];
            let plan = runner.plan();
            let mut run = async |_, times| plan.repeat(layer, part, times).await;
            if self.whole.median(0) <= 0.0 {
                // A clock that stands still.
                times.push(0.0);
            } else if self.race.step(&mut run, now).await?.is_done() {
                // A part is subtracted from the whole: what held the machine up must not be.
                times.push(if part == Part::All { self.race.median(0) } else { self.race.shortest(0) });
                let next = if times.len() < self.parts[layer] { times.len() } else { 0 };
                self.race = Race::part(PARTS[next].1);
            }
        }
        Ok(self.progress())
    }

    /// What was found, and how it compares with what the device does at best.
    #[must_use]
    pub fn finish<P: Executable>(self, runner: &mut Runner<P>, rooflines: Option<&Rooflines>) -> Profile {
        let (described, moved) = (runner.layers().to_vec(), runner.bytes().to_vec());
        let plan = runner.plan();
        let steps = plan.steps().iter().enumerate().zip(&self.layers);
        let layers = described.into_iter().zip(moved).zip(steps).map(|((layer, moved), ((index, step), times))| {
            let ms = times.first().copied().unwrap_or(0.0);
            let bytes = if plan.computes(index) { moved + step.weight_bytes as u64 } else { 0 };
            let limit = |at: &Rooflines| at.limit(step.macs, at.peak(&step.kernel, execution(step)), bytes);
            LayerTime {
                name: layer.name,
                op: layer.op,
                kernel: step.kernel.clone(),
                ms,
                macs: step.macs,
                bytes,
                limit: rooflines.filter(|_| ms > 0.0).map(limit),
                phases: phases(times),
                alternatives: plan.alternatives(step),
            }
        });
        Profile { layers: layers.collect(), total: self.whole.timing(0), rooflines: rooflines.cloned() }
    }
}

/// The parts of a layer, from the times of [`PARTS`]. Preparation, which each of them has, counts once.
fn phases(times: &[f64]) -> Option<Phases> {
    let &[all, nothing, unpack, moving, requantize] = times else { return None };
    let mut left = all;
    let mut take = |ms: f64| {
        let part = ms.clamp(0.0, left);
        left -= part;
        part
    };
    let (unpack, moving, requantize) = (take(unpack - nothing), take(moving), take(requantize - nothing));
    Some(Phases { unpack, moving, multiply: left, requantize })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_make_up_the_whole() {
        for (times, [unpack, moving, multiply, requantize]) in [
            ([10.0, 1.0, 3.0, 2.0, 1.5], [2.0, 2.0, 5.5, 0.5]),
            // What is within the clock's error of nothing is nothing.
            ([10.0, 1.0, 0.9, 1.0, 0.9], [0.0, 1.0, 9.0, 0.0]),
            ([2.0, 0.5, 0.5, 1.5, 1.5], [0.0, 1.5, 0.0, 0.5]),
            ([0.0; 5], [0.0; 4]),
        ] {
            let found = phases(&times).unwrap();
            assert_eq!(found, Phases { unpack, moving, multiply, requantize }, "{times:?}");
        }
        assert_eq!(phases(&[1.0]), None);
    }
}
