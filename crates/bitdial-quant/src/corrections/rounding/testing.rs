//! Layers made up for tests.

use bitdial_ir::{QuantizedWeights, Weights};
use bitdial_numerics::{PackedInts, WeightParams};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::grid::RowGrid;
use super::problem::Problem;
use super::windows::{BATCH, Windows};

/// Numbers in -1..1.
pub(crate) fn numbers(count: usize, seed: u8) -> Vec<f32> {
    let mut random = ChaCha8Rng::from_seed([seed; 32]);
    (0..count).map(|_| (random.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// Windows whose numbers are correlated, as pixels are, and mostly positive.
pub(crate) fn windows(len: usize, batches: usize, seed: u8) -> Windows {
    let padded = len.next_multiple_of(bitdial_kernels::matrix::LANES);
    let mut by_window = vec![0.0; batches * BATCH * padded];
    for (i, window) in by_window.chunks_exact_mut(padded).enumerate() {
        let own = numbers(len + 1, seed ^ (i * 37) as u8);
        let (common, mut before) = (own[len] + i as f32 / (batches * BATCH) as f32, 0.0);
        for (x, own) in window.iter_mut().zip(&own[..len]) {
            before = 0.7 * before + 0.5 * own;
            *x = before + common;
        }
    }
    Windows::new(len, by_window)
}

/// A layer of some rows and a grid of `bits` bits for each.
pub(crate) fn layer(rows: usize, len: usize, bits: u8, clamp: (f32, f32), seed: u8) -> (Problem, Vec<RowGrid>) {
    let read = windows(len, 4, seed);
    let weights = numbers(rows * len, seed.wrapping_add(1));
    let grids = grids(&weights, rows, bits);
    let bias = numbers(rows, seed.wrapping_add(2));
    (Problem::new(&read.clone(), read, weights, bias, clamp), grids)
}

/// Grids that cover rows of weights.
pub(crate) fn grids(weights: &[f32], rows: usize, bits: u8) -> Vec<RowGrid> {
    let len = weights.len() / rows;
    let params: Vec<_> = weights.chunks_exact(len).map(|w| w.iter().fold((0.0f32, 0.0f32), |(a, b), &x| (a.min(x), b.max(x)))).collect();
    let params = params.into_iter().map(|(min, max)| WeightParams::symmetric(min, max, bits)).collect();
    let quantized = Weights::Int(QuantizedWeights { values: PackedInts::pack(&vec![0; rows * len], bits), params, group: None });
    (0..rows).map(|row| RowGrid::new(&quantized, row, rows, false)).collect()
}

/// Every weight to the nearest value of its grid.
pub(crate) fn nearest(problem: &Problem, grids: &[RowGrid]) -> Vec<f32> {
    let len = problem.windows.len;
    problem.weights.iter().enumerate().map(|(i, &w)| grids[i / len].nearest(i % len, w)).collect()
}
