//! GPTQ: weights are rounded one after the other, and those that are left make up for the error so far.
//!
//! Source: Frantar et al. 2022, 'GPTQ: accurate post-training quantization for generative pre-trained transformers'.
//! Errors are not subtracted from all weights to the right at once but summed up when a weight's turn comes, with the
//! factors of `H = U D U^T`: the same numbers without an inverse (Chee et al. 2023, '2-bit quantization of large language models
//! with guarantees', theorem 6).

use super::rounding::grid::RowGrid;
use super::rounding::problem::Problem;
use super::rounding::windows::BATCH;
use bitdial_kernels::matrix::{dot, multiply, udu};

/// What is added to the diagonal of the Hessian, as a part of its mean.
const DAMPING: f32 = 0.01;

/// Rounds the weights of one group of a layer, in parts: each batch of inputs, the factors, each row.
#[derive(Clone, Debug)]
pub(crate) struct Sweep {
    problem: Problem,
    grids: Vec<RowGrid>,
    /// `X X^T` of the batches so far, `[len][padded]`; the factor of 2 changes nothing.
    hessian: Vec<f32>,
    batches: usize,
    factors: Option<Factors>,
    /// Rows that are rounded.
    rounded: Vec<f32>,
}

impl Sweep {
    /// With a grid for each row.
    pub fn new(problem: Problem, grids: Vec<RowGrid>) -> Self {
        let hessian = vec![0.0; problem.windows.len * problem.windows.padded];
        Self { problem, grids, hessian, batches: 0, factors: None, rounded: Vec::new() }
    }

    /// Whether every row is rounded.
    pub fn is_done(&self) -> bool {
        self.rounded.len() >= self.problem.weights.len()
    }

    /// The next part.
    pub fn advance(&mut self) {
        let windows = &self.problem.windows;
        if self.batches < windows.batches() {
            let (by_window, by_number) = windows.batch(self.batches);
            multiply(by_number, BATCH, by_window, BATCH, &mut self.hessian, windows.padded, true);
            self.batches += 1;
            return;
        }
        let Some(factors) = &self.factors else {
            let rows = self.hessian.chunks_exact(windows.padded.max(1));
            self.factors = Some(Factors::new(&rows.flat_map(|row| &row[..windows.len]).copied().collect::<Vec<_>>(), windows.len));
            self.hessian = Vec::new();
            return;
        };
        let row = self.rounded.len() / windows.len.max(1);
        let mut weights = self.problem.weights[row * windows.len..][..windows.len].to_vec();
        factors.round(&mut weights, &|k, x| self.grids[row].nearest(k, x));
        self.rounded.extend(weights);
    }

    /// What was to be solved, and the rounded weights: `[row][len]`.
    pub fn finish(self) -> (Problem, Vec<f32>) {
        (self.problem, self.rounded)
    }
}

/// In which order weights are rounded, and how an error is made up for.
#[derive(Clone, Debug)]
pub(crate) struct Factors {
    /// Columns, those with the largest input first.
    order: Vec<usize>,
    /// What of the error of each column before falls to a column: a row for each column, in that order.
    shares: Vec<f32>,
}

impl Factors {
    /// Of a Hessian, `[len][len]`.
    pub fn new(hessian: &[f32], len: usize) -> Self {
        let mut order: Vec<usize> = (0..len).collect();
        let diagonal = |i: usize| hessian[i * len + i];
        order.sort_by(|&a, &b| diagonal(b).total_cmp(&diagonal(a)).then(a.cmp(&b)));
        let mean = (0..len).map(diagonal).sum::<f32>() / len.max(1) as f32;
        let mut ordered = vec![0.0; len * len];
        for (i, &from) in order.iter().enumerate() {
            for (j, &other) in order.iter().enumerate() {
                ordered[i * len + j] = hessian[from * len + other];
            }
            ordered[i * len + i] += if mean > 0.0 { DAMPING * mean } else { 1.0 };
        }
        Self { order, shares: udu(&ordered, len) }
    }

    /// Rounds a row of weights in place; `round(k, x)` takes `x` to the grid of column `k`.
    pub fn round(&self, weights: &mut [f32], round: &dyn Fn(usize, f32) -> f32) {
        let len = self.order.len();
        let mut errors = vec![0.0; len];
        for (i, &k) in self.order.iter().enumerate() {
            let rounded = round(k, weights[k] + dot(&errors[..i], &self.shares[i * len..][..i]));
            errors[i] = weights[k] - rounded;
            weights[k] = rounded;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rounding::testing::{layer, nearest, windows};
    use super::*;

    const ALL: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

    /// The algorithm as the paper derives it (section 3, after Frantar and Alistarh 2022, equation 3): the inverse Hessian
    /// of the columns that are left, one column less at a time, in f64.
    fn textbook(weights: &[f32], hessian: &[f32], len: usize, round: &dyn Fn(usize, f32) -> f32) -> Vec<f32> {
        let mean: f64 = (0..len).map(|i| f64::from(hessian[i * len + i])).sum::<f64>() / len as f64;
        let mut left: Vec<f64> = hessian.iter().map(|&h| f64::from(h)).collect();
        (0..len).for_each(|i| left[i * len + i] += f64::from(DAMPING) * mean);
        let mut inverse = invert(left, len);
        let mut order: Vec<usize> = (0..len).collect();
        order.sort_by(|&a, &b| hessian[b * len + b].total_cmp(&hessian[a * len + a]).then(a.cmp(&b)));
        let mut w: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
        for &k in &order {
            let rounded = round(k, w[k] as f32);
            let error = (w[k] - f64::from(rounded)) / inverse[k * len + k];
            let (row, pivot) = (inverse[k * len..][..len].to_vec(), inverse[k * len + k]);
            for (w, h) in w.iter_mut().zip(&row) {
                *w -= error * h;
            }
            w[k] = f64::from(rounded);
            for i in 0..len {
                let factor = inverse[i * len + k] / pivot;
                (0..len).for_each(|j| inverse[i * len + j] -= factor * row[j]);
            }
            // What is rounded is not touched again.
            (0..len).for_each(|j| inverse[j * len + k] = 0.0);
        }
        w.into_iter().map(|w| w as f32).collect()
    }

    /// Gauss and Jordan.
    fn invert(mut a: Vec<f64>, n: usize) -> Vec<f64> {
        let mut inverse = vec![0.0; n * n];
        (0..n).for_each(|i| inverse[i * n + i] = 1.0);
        for p in 0..n {
            let pivot = a[p * n + p];
            for m in [&mut a, &mut inverse] {
                m[p * n..][..n].iter_mut().for_each(|x| *x /= pivot);
            }
            for i in (0..n).filter(|&i| i != p) {
                let factor = a[i * n + p];
                for m in [&mut a, &mut inverse] {
                    (0..n).for_each(|j| m[i * n + j] -= factor * m[p * n + j]);
                }
            }
        }
        inverse
    }

    fn hessian(len: usize, seed: u8) -> Vec<f32> {
        let windows = windows(len, 3, seed);
        let mut sums = vec![0.0; len * len];
        for window in windows.by_window.chunks_exact(windows.padded) {
            for i in 0..len {
                (0..len).for_each(|j| sums[i * len + j] += window[i] * window[j]);
            }
        }
        sums
    }

    #[test]
    fn it_rounds_as_the_paper_does() {
        for (len, seed) in [(1, 1), (2, 2), (9, 3), (24, 4), (40, 5)] {
            let hessian = hessian(len, seed);
            let factors = Factors::new(&hessian, len);
            for row in 0..10 {
                let mut weights = super::super::rounding::testing::numbers(len, seed + 16 * row);
                let round = |k: usize, x: f32| ((x * (4.0 + k as f32)).round_ties_even() / (4.0 + k as f32)).clamp(-0.9, 0.9);
                let expected = textbook(&weights, &hessian, len, &round);
                factors.round(&mut weights, &round);
                assert_eq!(weights, expected, "{len} weights, row {row}");
            }
        }
    }

    #[test]
    fn it_beats_the_nearest_value() {
        for (rows, len, bits) in [(12, 9, 3), (6, 24, 2), (6, 24, 4), (5, 72, 3), (3, 30, 8)] {
            let (problem, grids) = layer(rows, len, bits, ALL, len as u8);
            let plain = problem.noise(&nearest(&problem, &grids));
            let mut sweep = Sweep::new(problem, grids);
            while !sweep.is_done() {
                sweep.advance();
            }
            let (problem, rounded) = sweep.finish();
            let noise = problem.noise(&rounded);
            assert!(noise < 0.9 * plain, "{rows} rows of {len} weights of {bits} bits: {noise}, to the nearest {plain}");
        }
    }

    #[test]
    fn inputs_that_are_always_zero_leave_the_nearest_value() {
        for factors in [Factors::new(&[0.0; 9], 3), Factors::new(&[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0], 3)] {
            let mut weights = [0.4, 0.6, -1.2];
            factors.round(&mut weights, &|_, x| x.round_ties_even());
            assert_eq!(weights, [0.0, 1.0, -1.0]);
        }
    }
}
