//! Layers with weights: their rows, biases and scales, and how much a bias may grow.

use bitdial_ir::{Graph, Meaning, Node, Op, Scales, Weights};

/// What a correction changes in a layer.
pub(crate) struct Parts<'a> {
    pub weights: &'a mut Weights,
    pub bias: &'a mut Option<Vec<f32>>,
    pub channels: usize,
}

/// The weights of a convolution or linear layer and its number of output channels.
pub(crate) fn parts(node: &Node) -> Option<(&Weights, usize)> {
    match &node.op {
        Op::Conv(conv) => Some((&conv.weights, conv.out_channels)),
        Op::Linear(linear) => Some((&linear.weights, linear.out_features)),
        _ => None,
    }
}

/// The same and the bias, to change.
pub(crate) fn parts_mut(node: &mut Node) -> Option<Parts<'_>> {
    match &mut node.op {
        Op::Conv(conv) => Some(Parts { weights: &mut conv.weights, bias: &mut conv.bias, channels: conv.out_channels }),
        Op::Linear(linear) => Some(Parts { weights: &mut linear.weights, bias: &mut linear.bias, channels: linear.out_features }),
        _ => None,
    }
}

/// Multiplies each row of weights by its factor (positive). Integers stay what they are where each row has scales of its
/// own (or codebooks), which take the factor; `false`, and nothing done, where they have not.
pub(crate) fn scale_rows(weights: &mut Weights, factors: &[f32]) -> bool {
    match weights {
        Weights::F32(weights) => {
            let row = (weights.len() / factors.len().max(1)).max(1);
            weights.iter_mut().enumerate().for_each(|(i, w)| *w *= factors[i / row]);
            true
        }
        Weights::Int(weights) if weights.params.len() >= factors.len() => {
            let each = weights.params.len() / factors.len().max(1);
            for (i, params) in weights.params.iter_mut().enumerate() {
                params.scale = (params.scale * factors[i / each]).clamp(f32::MIN_POSITIVE, f32::MAX);
            }
            true
        }
        Weights::Coded(weights) => {
            let books = weights.codebooks();
            let of = match (&mut weights.meaning, &mut weights.scales) {
                // One for all is not one for each.
                (Meaning::Codebook(values), Scales::One) if books >= factors.len() => values,
                (_, Scales::F32(scales, _)) => scales,
                _ => return false,
            };
            let each = of.len() / factors.len().max(1);
            of.iter_mut().enumerate().filter(|_| each > 0).for_each(|(i, x)| *x *= factors[i / each]);
            each > 0
        }
        Weights::Int(_) => false,
    }
}

/// The largest bias of each channel that fits the 32-bit sums of a layer of an annotated graph; infinite where the bias is
/// added in f32.
pub(crate) fn bias_limits(graph: &Graph, node: &Node) -> Option<Vec<f32>> {
    /// Room for rounding.
    const MARGIN: f64 = 0.999;
    let (weights, channels) = parts(node)?;
    let grid = node.inputs.first().and_then(|&id| graph.value(id).quant);
    let (Weights::Int(weights), Some(grid), Some(_)) = (weights, grid, graph.value(node.output).quant) else {
        return Some(vec![f32::INFINITY; channels]);
    };
    if weights.group.is_some() {
        return Some(vec![f32::INFINITY; channels]);
    }
    let products = (weights.values.len() / channels.max(1)) as f64 * (255.0 * 255.0);
    let room = (f64::from(i32::MAX) - products).max(0.0) * MARGIN;
    let limit = |c| (room * f64::from(grid.scale) * f64::from(weights.params_of(c).scale)) as f32;
    Some((0..channels).map(limit).collect())
}
