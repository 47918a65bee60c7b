//! What a grid does to the weights of a layer.

use bitdial_ir::{Graph, Node, Op, Weights};
use bitdial_protocol::TensorDiagnosis;

use super::tensor::{Pair, Tensor, ends};

/// The weights of a layer and its number of output channels.
pub(crate) fn weights_of(node: &Node) -> Option<(&Weights, usize)> {
    match &node.op {
        Op::Conv(conv) => Some((&conv.weights, conv.out_channels)),
        Op::Linear(linear) => Some((&linear.weights, linear.out_features)),
        _ => None,
    }
}

/// The weights and biases of a layer, to be changed.
pub(crate) fn parts_of(node: &mut Node) -> Option<(&mut Weights, &mut Option<Vec<f32>>, usize)> {
    match &mut node.op {
        Op::Conv(conv) => Some((&mut conv.weights, &mut conv.bias, conv.out_channels)),
        Op::Linear(linear) => Some((&mut linear.weights, &mut linear.bias, linear.out_features)),
        _ => None,
    }
}

/// What quantization did to the weights of node `index`; `None` if it has none, or they stay in f32.
pub(crate) fn diagnose(original: &Graph, quantized: &Graph, index: usize) -> Option<TensorDiagnosis> {
    let (Weights::F32(real), channels) = weights_of(original.nodes.get(index)?)? else { return None };
    let (now, _) = weights_of(quantized.nodes.get(index)?)?;
    if matches!(now, Weights::F32(_)) {
        return None;
    }
    let maxima = channel_maxima(real, channels);
    let finite = || real.iter().copied().filter(|w| w.is_finite());
    let mut tensor = Tensor::new(finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), w| (low.min(w), high.max(w))));
    let row = (real.len() / channels.max(1)).max(1);
    let cell = cell(now).unwrap_or(row);
    for (c, (real, back)) in real.chunks(row).zip(now.dequantize(channels).chunks(row)).enumerate() {
        for (i, (real, back)) in real.chunks(cell).zip(back.chunks(cell)).enumerate() {
            let ends = ends(&now.grid(c * row + i * cell, channels));
            for (&real, &grid) in real.iter().zip(back) {
                tensor.add(Pair { real, grid, ends });
            }
        }
    }
    Some(tensor.finish(now.grid(largest(real, &maxima), channels), &maxima))
}

/// How many neighbours of a row have one grid; `None` for all.
fn cell(weights: &Weights) -> Option<usize> {
    match weights {
        Weights::F32(_) => None,
        Weights::Int(weights) => weights.group,
        Weights::Coded(weights) => weights.scales.block(),
    }
}

/// The largest absolute weight of each output channel.
pub(crate) fn channel_maxima(weights: &[f32], channels: usize) -> Vec<f32> {
    let row = (weights.len() / channels.max(1)).max(1);
    weights.chunks(row).map(|row| row.iter().fold(0.0, |max: f32, w| max.max(w.abs()))).collect()
}

/// The weight that is the largest of all.
fn largest(weights: &[f32], maxima: &[f32]) -> usize {
    let max = maxima.iter().copied().fold(0.0, f32::max);
    weights.iter().position(|w| w.abs() == max).unwrap_or(0)
}
