//! The loops over numbers that AdaRound takes its time with, beside the products of [`crate::matrix`]: each number by
//! itself, so that they vectorize, and the same on every machine. What they are for is told where they are called, in
//! `bitdial-quant`.

use crate::elementary::{exp2, log2, sigmoid};

/// Ends of the stretched sigmoid.
pub const ZETA: f32 = 1.1;
/// The lower one.
pub const GAMMA: f32 = -0.1;
/// Adam's decay of means and squares, and what it adds to roots.
pub const DECAYS: (f32, f32) = (0.9, 0.999);
const EPSILON: f32 = 1e-8;

/// Weights between their two sides, as `v` has them: `low + step * h(v)`, `h` the stretched sigmoid, clipped. All are
/// equally long.
pub fn soften(weights: &mut [f32], v: &[f32], low: &[f32], step: &[f32]) {
    for (((w, v), low), step) in weights.iter_mut().zip(v).zip(low).zip(step) {
        *w = low + step * (sigmoid(*v) * (ZETA - GAMMA) + GAMMA).clamp(0.0, 1.0);
    }
}

/// What each output `z = output + bias` gives to the gradient of the mean squared error, in its place: `(clip(z) - target) *
/// factor` within the clipping range, 0 outside.
pub fn slopes(outputs: &mut [f32], targets: &[f32], bias: f32, (low, high): (f32, f32), factor: f32) {
    for (output, target) in outputs.iter_mut().zip(targets) {
        let z = *output + bias;
        let error = (z.max(low).min(high) - target) * factor;
        *output = if z > low && z < high { error } else { 0.0 };
    }
}

/// What Adam keeps of each number, all equally long.
#[derive(Debug)]
pub struct Adam<'a> {
    /// What is learned.
    pub v: &'a mut [f32],
    /// Mean of the gradient.
    pub mean: &'a mut [f32],
    /// Mean of its square.
    pub square: &'a mut [f32],
}

/// A step of [`Adam`].
#[derive(Clone, Copy, Debug)]
pub struct Descent {
    /// Length of the step, by the bias of the mean.
    pub rate: f32,
    /// What the bias of the square asks for.
    pub correction: f32,
    /// Weight of the regularizer `1 - |2 h - 1|^exponent`, times the exponent and 2.
    pub press: f32,
    /// Its exponent.
    pub exponent: f32,
}

/// Adam's step on the error, whose gradient by the weights is given, and the regularizer.
pub fn descend(adam: Adam<'_>, gradient: &[f32], step: &[f32], by: Descent) {
    let Descent { rate, correction, press, exponent } = by;
    let numbers = adam.v.iter_mut().zip(adam.mean).zip(adam.square);
    for (((v, mean), square), (gradient, step)) in numbers.zip(gradient.iter().zip(step)) {
        let s = sigmoid(*v);
        let h = s * (ZETA - GAMMA) + GAMMA;
        let slope = if h > 0.0 && h < 1.0 { (ZETA - GAMMA) * s * (1.0 - s) } else { 0.0 };
        let side = 2.0 * h.clamp(0.0, 1.0) - 1.0;
        let pressure = press * exp2((exponent - 1.0) * log2(side.abs().max(1e-6)));
        let gradient = (gradient * step - if side < 0.0 { -pressure } else { pressure }) * slope;
        *mean = DECAYS.0 * *mean + (1.0 - DECAYS.0) * gradient;
        *square = DECAYS.1 * *square + (1.0 - DECAYS.1) * gradient * gradient;
        *v -= rate * *mean / ((*square * correction).sqrt() + EPSILON);
    }
}
