//! What a layer's rounding is judged by: the output of the f32 layer on inputs of the f32 model, against that of the
//! rounded one on inputs of the model quantized so far.
//!
//! Source: Nagel et al. 2020, 'Up or down?', section 3.4: asymmetric reconstruction, with the activation function.

use super::windows::{BATCH, Windows};
use bitdial_kernels::matrix::multiply;

/// One group of a layer. Rows are its output channels, `len` the weights of a row.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// What the rounded layer reads.
    pub windows: Windows,
    /// In f32: `[row][len]`.
    pub weights: Vec<f32>,
    /// One for each row.
    pub bias: Vec<f32>,
    /// The interval that the activation function clamps to, if it does no more.
    pub clamp: (f32, f32),
    /// What the f32 layer puts out: batch after batch, each `[row][BATCH]`.
    pub targets: Vec<f32>,
}

impl Problem {
    /// With the windows that the f32 layer reads and those that the rounded one reads.
    pub fn new(float: &Windows, windows: Windows, weights: Vec<f32>, bias: Vec<f32>, clamp: (f32, f32)) -> Self {
        let mut problem = Self { windows, weights, bias, clamp, targets: Vec::new() };
        let padded = problem.padded(&problem.weights);
        for batch in 0..float.batches() {
            let output = problem.output(&padded, float.batch(batch).1);
            problem.targets.extend(output);
        }
        problem
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.bias.len()
    }

    /// Rows of weights with zeros to a multiple of the lanes.
    pub fn padded(&self, weights: &[f32]) -> Vec<f32> {
        let Windows { len, padded, .. } = self.windows;
        let mut to = vec![0.0; self.rows() * padded];
        for (from, to) in weights.chunks_exact(len.max(1)).zip(to.chunks_exact_mut(padded.max(1))) {
            to[..len].copy_from_slice(from);
        }
        to
    }

    /// Targets of a batch.
    pub fn target(&self, batch: usize) -> &[f32] {
        let len = self.rows() * BATCH;
        &self.targets[batch * len..][..len]
    }

    /// What padded weights put out for a batch.
    fn output(&self, padded: &[f32], by_number: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; self.rows() * BATCH];
        multiply(padded, self.windows.padded, by_number, self.windows.len, &mut output, BATCH, false);
        let (low, high) = self.clamp;
        for (output, bias) in output.chunks_exact_mut(BATCH).zip(&self.bias) {
            output.iter_mut().for_each(|z| *z = (*z + bias).max(low).min(high));
        }
        output
    }

    /// The sum of the squares of the targets.
    pub fn signal(&self) -> f64 {
        self.targets.iter().map(|&y| f64::from(y) * f64::from(y)).sum()
    }

    /// The sum of the squared errors of these weights.
    pub fn noise(&self, weights: &[f32]) -> f64 {
        let padded = self.padded(weights);
        let error = |(y, t): (&f32, &f32)| f64::from(y - t) * f64::from(y - t);
        let batch = |i: usize| self.output(&padded, self.windows.batch(i).1).iter().zip(self.target(i)).map(error).sum::<f64>();
        (0..self.windows.batches()).map(batch).sum()
    }
}
