//! Activation equalization: what makes activations hard to quantize is moved into the weights that read them. Xiao et al.
//! 2023, 'SmoothQuant', section 4.
//!
//! Input channel `j` of a layer is divided by `s = max|X_j|^a / max|W_j|^(1 - a)` (equation 4) with `a = 0.5`, the strength
//! that the paper takes, and the layer's weights for it are multiplied by `s`. The division is done by the layer before,
//! whose output channel it is. `max|X_j|` is over the calibration images, after the activation of that layer (and before a
//! pool between them).

use bitdial_ir::{Activation, Graph};

use super::chains::{Magnitudes, Pair, rescale};
use crate::pipeline::stats::Channels;

/// A channel's factor stays within this and its reciprocal.
const MOST: f64 = 1e4;

/// Migrates in all pairs. `channels` are those of the graph as it is.
pub(super) fn apply(graph: &mut Graph, pairs: &[Pair], channels: &[Option<Channels>]) {
    for pair in pairs {
        let (Some(found), Some(second)) = (&channels[pair.first], Magnitudes::of(&graph.nodes[pair.second])) else { continue };
        let activation = graph.nodes[pair.first].activation;
        // The rows of the first layer may have columns that an earlier pair has changed: what comes out is the same.
        let factor = |(c, weights): (usize, f64)| factor(largest(activation, found.range(c)), weights);
        let factors: Vec<f64> = second.inputs().into_iter().enumerate().map(factor).collect();
        rescale(graph, pair, &factors);
    }
}

/// Largest magnitude behind an activation that clamps or is as good as the identity for positive numbers.
fn largest(activation: Activation, (low, high): (f32, f32)) -> f64 {
    let (low, high) = match activation.clamp() {
        Some((least, most)) => (low.max(least).min(most), high.max(least).min(most)),
        None => (low, high),
    };
    f64::from(low.abs().max(high.abs()))
}

/// `sqrt(x / w)`; 1 where a channel is always 0, or nothing reads it.
fn factor(activations: f64, weights: f64) -> f64 {
    let factor = (activations / weights).sqrt();
    if factor.is_finite() && factor > 0.0 { factor.clamp(1.0 / MOST, MOST) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_of_known_ranges() {
        for (x, w, expected) in
            [(4.0, 1.0, 2.0), (1.0, 4.0, 0.5), (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (f64::NAN, 1.0, 1.0), (1e30, 1.0, MOST)]
        {
            assert_eq!(factor(x, w), expected, "{x} {w}");
        }
        for (activation, range, expected) in [
            (Activation::Relu, (-3.0, 2.0), 2.0),
            (Activation::Clip(0.0, 6.0), (-3.0, 8.0), 6.0),
            (Activation::Relu, (-3.0, -1.0), 0.0),
            (Activation::None, (-3.0, 2.0), 3.0),
        ] {
            assert_eq!(largest(activation, range), expected, "{activation:?} {range:?}");
        }
    }
}
