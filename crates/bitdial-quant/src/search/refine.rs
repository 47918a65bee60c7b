//! From a predicted allocation to one that was run: candidates are run, and widths near the best of them tried.
//!
//! The exact allocation adds losses that were measured layer by layer; what layers do to each other is left out, and at few
//! bits that is most of it. So the allocation is run, beside the widest uniform one. Then, round by round, every layer of
//! the best one is run with other widths, exchanges that look better by [`Superposition`] are run too, and the best of all
//! is where the next round starts. Of what was run, the one with the least loss is chosen: never a worse one than uniform.

use std::collections::VecDeque;
use std::sync::Arc;

use bitdial_protocol::{Budget, Frontier, FrontierPoint, LayerSensitivity};

use super::Measured;
use super::superpose::Superposition;
use super::trial::{Run, Trials};
use crate::error::QuantError;

/// Rounds at most.
const ROUNDS: usize = 3;
/// Multiply-accumulates of all rounds at most: of a large model nothing is tried beside the candidates.
const WORK: u64 = 1 << 38;
/// How much narrower and wider than its own the widths of a layer are that are tried, bits.
const REACH: (u8, u8) = (1, 2);
/// Exchanges, one after the other, that are run in a round.
const EXCHANGES: usize = 5;

/// What is done next.
#[derive(Debug)]
enum Task {
    /// Runs widths.
    Run(Vec<u8>),
    /// Narrows down, by runs, which points of the frontier keep a budget of accuracy: those from some index on.
    Bisect { low: usize, high: usize },
    /// Runs the best allocation so far for a round around it.
    Center,
    /// Runs it with another width of a layer.
    Vary { layer: usize, bits: u8 },
    /// Runs an exchange of widths that looks better than the last.
    Exchange { from: Vec<u8>, left: usize },
}

/// A round.
#[derive(Debug)]
struct Round {
    run: Run,
    around: Superposition,
}

/// A refinement that has begun. Dropping it gives it up.
#[derive(Debug)]
pub struct Refining {
    layers: Arc<Vec<LayerSensitivity>>,
    rest: usize,
    budget: Budget,
    /// What exchanges must keep: a budget of size.
    room: Budget,
    trials: Trials,
    /// The same on fewer images.
    scouts: Trials,
    points: Vec<FrontierPoint>,
    tasks: VecDeque<Task>,
    /// Allocations that were run.
    seen: Vec<FrontierPoint>,
    round: Option<Round>,
    /// Rounds that are left.
    rounds: usize,
    /// Where the latest round started.
    center: Vec<u8>,
    done: usize,
    total: usize,
}

impl Refining {
    /// Begins with sensitivities of layers; `rest` is what the packed model has beside them, bytes. `scouts` are trials of
    /// the same on fewer images: they say what to try.
    #[must_use]
    pub fn new(layers: Arc<Vec<LayerSensitivity>>, rest: usize, budget: Budget, trials: Trials, scouts: Trials) -> Self {
        let known = Measured { layers: &layers, rest };
        let points = known.frontier();
        let mut uniform: Vec<FrontierPoint> = (1..=8).filter_map(|bits| known.uniform(bits)).collect();
        let mut tasks = VecDeque::new();
        if let Budget::Drop(_) = budget {
            tasks.push_back(Task::Bisect { low: 0, high: points.len() });
        } else {
            uniform.retain(|point| known.fits(point, budget));
            uniform.drain(..uniform.len().saturating_sub(1));
            tasks.extend(known.allocate(budget).map(|point| Task::Run(point.widths)));
        }
        tasks.extend(uniform.into_iter().map(|point| Task::Run(point.widths)));
        tasks.push_back(Task::Center);
        let total = Self::most_steps(layers.len());
        // A variation begins half-way, on average.
        let variations = usize::from(REACH.0 + REACH.1) * layers.len() / 2;
        let work = scouts.macs().saturating_mul(variations as u64).saturating_add(trials.macs().saturating_mul(EXCHANGES as u64));
        let rounds = usize::try_from(WORK / work.max(1)).unwrap_or(ROUNDS).min(ROUNDS);
        let (seen, center) = (Vec::new(), Vec::new());
        Self { layers, rest, budget, room: budget, trials, scouts, points, tasks, seen, round: None, rounds, center, done: 0, total }
    }

    /// Steps that a model with so many layers may need.
    #[must_use]
    pub fn most_steps(layers: usize) -> usize {
        const CANDIDATES: usize = 18;
        CANDIDATES + ROUNDS * (1 + EXCHANGES + usize::from(REACH.0 + REACH.1) * layers)
    }

    /// Steps done and steps in all, of which it may need fewer.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        if self.tasks.is_empty() { (self.done, self.done) } else { (self.done, self.total.max(self.done + 1)) }
    }

    /// Does one more step. Gives whether something is left to do.
    ///
    /// # Errors
    /// If the model cannot run.
    pub fn step(&mut self) -> Result<bool, QuantError> {
        let Some(task) = self.tasks.pop_front() else { return Ok(false) };
        self.done += 1;
        match task {
            Task::Run(widths) => {
                self.run(&widths)?;
            }
            Task::Bisect { low, high } if low < high => {
                let middle = usize::midpoint(low, high);
                let widths = self.points[middle].widths.clone();
                let fits = self.run(&widths)?.is_some_and(|point| self.known().fits(&point, self.budget));
                let (low, high) = if fits { (low, middle) } else { (middle + 1, high) };
                self.tasks.push_front(Task::Bisect { low, high });
            }
            Task::Bisect { high, .. } => {
                // Exchanges may bring a smaller one within the budget.
                match high.checked_sub(1).and_then(|index| self.points.get(index)) {
                    Some(smaller) => self.room = Budget::Bytes(smaller.bytes),
                    None => self.rounds = 0,
                }
            }
            Task::Center => self.center()?,
            Task::Vary { layer, bits } => {
                if let Some(round) = &mut self.round {
                    let outputs = self.scouts.vary(&round.run, layer, bits)?;
                    round.around.add(layer, bits, &outputs);
                }
            }
            Task::Exchange { from, left } => self.exchange(&from, left)?,
        }
        Ok(!self.tasks.is_empty())
    }

    /// Does what is left to do. `images` says on how many sensitivity was measured.
    ///
    /// # Errors
    /// If the model cannot run.
    pub fn finish(mut self, images: usize) -> Result<Frontier, QuantError> {
        while self.step()? {}
        let is_uniform = |point: &&FrontierPoint| point.widths.windows(2).all(|pair| pair[0] == pair[1]);
        let known = self.known();
        let fitting = || self.seen.iter().filter(|point| known.fits(point, self.budget));
        // By size the smallest that loses little enough; else the one that loses least.
        let cost = |point: &FrontierPoint| match self.budget {
            Budget::Drop(_) => (point.bytes as f64, loss(point)),
            Budget::Bytes(_) | Budget::Bits(_) => (loss(point), point.bytes as f64),
        };
        let best = |a: &&FrontierPoint, b: &&FrontierPoint| {
            let (a, b) = (cost(a), cost(b));
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
        };
        let chosen = fitting().min_by(best).cloned();
        let uniform = match self.budget {
            Budget::Drop(_) => fitting().filter(is_uniform).min_by(best).cloned(),
            Budget::Bytes(_) | Budget::Bits(_) => fitting().filter(is_uniform).max_by_key(|point| point.bytes).cloned(),
        };
        let mut points = self.points.clone();
        for point in &mut points {
            point.measured = self.seen.iter().find(|seen| seen.widths == point.widths).and_then(|seen| seen.measured);
        }
        Ok(Frontier { images, run_images: self.trials.images(), layers: self.layers.to_vec(), points, uniform, chosen })
    }

    fn known(&self) -> Measured<'_> {
        Measured { layers: &self.layers, rest: self.rest }
    }

    /// Remembers what widths gave.
    fn note(&mut self, widths: &[u8], outputs: &[f32]) -> Option<FrontierPoint> {
        let mut point = self.known().widths(widths)?;
        point.measured = Some(self.trials.measure(outputs));
        self.seen.push(point.clone());
        Some(point)
    }

    /// Runs widths, unless they were run before.
    fn run(&mut self, widths: &[u8]) -> Result<Option<FrontierPoint>, QuantError> {
        if let Some(point) = self.seen.iter().find(|point| point.widths == widths) {
            return Ok(Some(point.clone()));
        }
        let outputs = self.trials.outputs(widths)?;
        Ok(self.note(widths, &outputs))
    }

    /// The best allocation so far that leaves room for no more.
    fn best(&self) -> Option<&FrontierPoint> {
        let fits = |point: &&FrontierPoint| self.known().fits(point, self.room);
        self.seen.iter().filter(fits).min_by(|a, b| loss(a).total_cmp(&loss(b)))
    }

    /// Begins another round, if the one before has found something.
    fn center(&mut self) -> Result<(), QuantError> {
        self.round = None;
        let Some(widths) = self.best().map(|point| point.widths.clone()) else { return Ok(()) };
        if self.rounds == 0 || widths == self.center {
            return Ok(());
        }
        let run = self.scouts.run(&widths)?;
        let around = self.scouts.around(&run);
        self.round = Some(Round { run, around });
        (self.rounds, self.center) = (self.rounds - 1, widths);
        for (layer, sensitivity) in self.layers.iter().enumerate() {
            let own = self.center[layer];
            let near = |bits: &u8| *bits != own && (own.saturating_sub(REACH.0)..=own.saturating_add(REACH.1)).contains(bits);
            let near = sensitivity.options.iter().map(|option| option.bits).filter(near);
            self.tasks.extend(near.map(|bits| Task::Vary { layer, bits }));
        }
        self.tasks.push_back(Task::Exchange { from: self.center.clone(), left: EXCHANGES });
        self.tasks.push_back(Task::Center);
        Ok(())
    }

    /// Runs the exchange of widths that looks best from some widths on, and goes on from there.
    fn exchange(&mut self, from: &[u8], left: usize) -> Result<(), QuantError> {
        let Some(round) = &self.round else { return Ok(()) };
        let known = self.known();
        let fits = |widths: &[u8]| known.widths(widths).is_some_and(|point| known.fits(&point, self.room));
        let Some(widths) = round.around.better(from, &fits) else { return Ok(()) };
        self.run(&widths)?;
        if left > 1 {
            self.tasks.push_front(Task::Exchange { from: widths, left: left - 1 });
        }
        Ok(())
    }
}

fn loss(point: &FrontierPoint) -> f64 {
    point.measured.map_or(f64::INFINITY, |measured| f64::from(measured.loss))
}
