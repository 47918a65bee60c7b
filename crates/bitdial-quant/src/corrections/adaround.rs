//! AdaRound: whether each weight is rounded up or down is learned, so that the layer's output changes least.
//!
//! Source: Nagel et al. 2020, 'Up or down? Adaptive rounding for post-training quantization', equations 21 to 25.

use super::rounding::grid::RowGrid;
use super::rounding::problem::Problem;
use super::rounding::windows::BATCH;
use bitdial_kernels::adaround::{Adam, DECAYS, Descent, GAMMA, ZETA, descend, slopes, soften};
use bitdial_kernels::elementary::log2;
use bitdial_kernels::matrix::multiply;

/// Iterations: at least and at most, and in between so that iterations times weights is this.
const FEWEST: usize = 600;
const MOST: usize = 2500;
const WORK: usize = 1 << 28;

/// How to learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Steps of Adam, each on one batch of windows.
    pub iterations: usize,
    /// Length of a step.
    pub rate: f32,
    /// Weight of the regularizer, which presses weights to one side, where the error to the nearest would be 1 a weight.
    pub lambda: f32,
    /// The part of the iterations that go without it.
    pub free: f32,
    /// Its exponent at first and at last.
    pub beta: (f32, f32),
}

impl Settings {
    /// For a layer of so many weights.
    pub fn of(weights: usize) -> Self {
        let iterations = (WORK / weights.max(1)).clamp(FEWEST, MOST);
        Self { iterations, rate: 0.1, lambda: 3.0, free: 0.2, beta: (20.0, 2.0) }
    }
}

/// Learns the rounding of the weights of one group of a layer.
#[derive(Clone, Debug)]
pub(crate) struct Learner {
    problem: Problem,
    settings: Settings,
    /// What each weight is when rounded down, and what rounding up adds: `[row][padded]`, as all that follows.
    low: Vec<f32>,
    step: Vec<f32>,
    /// V of the paper, and Adam's means of its gradient and of the square.
    v: Vec<f32>,
    mean: Vec<f32>,
    square: Vec<f32>,
    /// Powers of the decays.
    powers: (f32, f32),
    done: usize,
    /// The error to the nearest, a weight: the unit of the regularizer, so that it does not depend on the size of numbers.
    unit: f32,
    /// Weights as V has them now, and the gradient of the error by them.
    weights: Vec<f32>,
    gradient: Vec<f32>,
}

impl Learner {
    /// Begins where each weight is as it is in f32. There is a grid for each row.
    pub fn new(problem: Problem, grids: &[RowGrid], settings: Settings) -> Self {
        let (len, padded) = (problem.windows.len, problem.windows.padded);
        let size = problem.rows() * padded;
        let (mut low, mut step, mut v) = (vec![0.0; size], vec![0.0; size], vec![0.0; size]);
        for (row, (grid, weights)) in grids.iter().zip(problem.weights.chunks_exact(len.max(1))).enumerate() {
            for (k, &w) in weights.iter().enumerate() {
                let (down, up) = grid.sides(k, w);
                let at = row * padded + k;
                (low[at], step[at]) = (down, up - down);
                v[at] = start(if up > down { (w - down) / (up - down) } else { 0.0 });
            }
        }
        let nearest = |i: usize| grids[i / len].nearest(i % len, problem.weights[i]);
        let noise = problem.noise(&(0..problem.weights.len()).map(nearest).collect::<Vec<_>>());
        let unit = (noise / (problem.windows.batches() * BATCH * problem.weights.len()).max(1) as f64) as f32;
        let zeros = vec![0.0; size];
        let (mean, square, weights) = (zeros.clone(), zeros.clone(), zeros.clone());
        Self { problem, settings, low, step, v, mean, square, powers: (1.0, 1.0), done: 0, unit, weights, gradient: zeros }
    }

    /// Whether all iterations are done.
    pub fn is_done(&self) -> bool {
        self.done >= self.settings.iterations
    }

    /// One iteration, on the next batch.
    pub fn iterate(&mut self) {
        let Self { problem, weights, gradient, .. } = self;
        soften(weights, &self.v, &self.low, &self.step);
        let windows = &problem.windows;
        let batch = self.done % windows.batches().max(1);
        let (by_window, by_number) = windows.batch(batch);
        let mut outputs = vec![0.0; problem.rows() * BATCH];
        multiply(weights, windows.padded, by_number, windows.len, &mut outputs, BATCH, false);
        let rows = outputs.chunks_exact_mut(BATCH).zip(problem.target(batch).chunks_exact(BATCH));
        for ((outputs, targets), &bias) in rows.zip(&problem.bias) {
            slopes(outputs, targets, bias, problem.clamp, 2.0 / BATCH as f32);
        }
        multiply(&outputs, BATCH, by_window, BATCH, gradient, windows.padded, false);
        self.descend();
        self.done += 1;
    }

    /// Adam's step, with the regularizer `lambda * (1 - |2 h - 1|^beta)`.
    fn descend(&mut self) {
        let Settings { iterations, rate, lambda, free, beta } = self.settings;
        self.powers = (self.powers.0 * DECAYS.0, self.powers.1 * DECAYS.1);
        let (rate, correction) = (rate / (1.0 - self.powers.0), 1.0 / (1.0 - self.powers.1));
        let at = (self.done as f32 / iterations as f32 - free) / (1.0 - free);
        let exponent = beta.0 + (beta.1 - beta.0) * at.clamp(0.0, 1.0);
        let press = if at < 0.0 { 0.0 } else { 2.0 * lambda * self.unit * exponent };
        let adam = Adam { v: &mut self.v, mean: &mut self.mean, square: &mut self.square };
        descend(adam, &self.gradient, &self.step, Descent { rate, correction, press, exponent });
    }

    /// What was to be solved, and each weight rounded to the side where it is: `[row][len]`.
    pub fn finish(self) -> (Problem, Vec<f32>) {
        let (len, padded) = (self.problem.windows.len, self.problem.windows.padded);
        let of = |i: usize| if self.v[i] >= 0.0 { self.low[i] + self.step[i] } else { self.low[i] };
        let rounded = (0..self.problem.rows()).flat_map(|row| (0..len).map(move |k| row * padded + k)).map(of).collect();
        (self.problem, rounded)
    }
}

/// The V for which the stretched sigmoid is `fraction`.
fn start(fraction: f32) -> f32 {
    let s = (fraction.clamp(0.0, 1.0) - GAMMA) / (ZETA - GAMMA);
    log2(s / (1.0 - s)) * std::f32::consts::LN_2
}

#[cfg(test)]
mod tests {
    use bitdial_kernels::elementary::sigmoid;

    use super::super::rounding::testing::{layer, nearest};
    use super::*;

    const ALL: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

    fn learned(problem: Problem, grids: &[RowGrid], iterations: usize) -> (Problem, Vec<f32>) {
        let mut learner = Learner::new(problem, grids, Settings { iterations, ..Settings::of(1) });
        while !learner.is_done() {
            learner.iterate();
        }
        learner.finish()
    }

    /// The least error of all ways to round up or down, row by row.
    fn least(problem: &Problem, grids: &[RowGrid]) -> f64 {
        let len = problem.windows.len;
        let row = |row: usize| {
            let sides: Vec<(f32, f32)> = (0..len).map(|k| grids[row].sides(k, problem.weights[row * len + k])).collect();
            let way = |way: u32| {
                let mut weights = problem.weights.clone();
                for (k, (low, high)) in sides.iter().enumerate() {
                    weights[row * len + k] = if way >> k & 1 == 1 { *high } else { *low };
                }
                // Rows that are left in f32 have no error.
                problem.noise(&weights)
            };
            (0..1 << len).map(way).fold(f64::INFINITY, f64::min)
        };
        (0..problem.rows()).map(row).sum()
    }

    #[test]
    fn it_comes_close_to_the_best_of_all_ways_to_round() {
        for (bits, clamp) in [(2, ALL), (3, ALL), (3, (0.0, f32::INFINITY)), (4, (0.0, 1.0))] {
            let (mut best, mut plain, mut noise) = (0.0, 0.0, 0.0);
            for seed in 0..5 {
                let (problem, grids) = layer(3, 7, bits, clamp, seed);
                best += least(&problem, &grids);
                plain += problem.noise(&nearest(&problem, &grids));
                let (problem, rounded) = learned(problem, &grids, 1500);
                noise += problem.noise(&rounded);
            }
            assert!(
                noise <= 1.6 * best && noise < 0.4 * plain,
                "{bits} bits, {clamp:?}: {noise} of {best} at best, {plain} to the nearest"
            );
        }
    }

    #[test]
    fn every_weight_goes_up_or_down() {
        let (problem, grids) = layer(5, 12, 3, (0.0, 6.0), 9);
        let (problem, rounded) = learned(problem, &grids, 60);
        for (i, (&w, &r)) in problem.weights.iter().zip(&rounded).enumerate() {
            let (low, high) = grids[i / 12].sides(i % 12, w);
            assert!(r == low || r == high, "{w} became {r}, between {low} and {high}");
        }
    }

    #[test]
    fn it_begins_at_the_weights_themselves() {
        for fraction in [0.0, 0.1, 0.5, 0.93, 1.0] {
            let h = sigmoid(start(fraction)) * (ZETA - GAMMA) + GAMMA;
            assert!((h - fraction).abs() < 1e-5, "{h} {fraction}");
        }
    }
}
