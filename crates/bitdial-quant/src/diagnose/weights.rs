//! What a grid does to the weights of a layer.

use bitdial_ir::{Graph, Node, Op, QuantizedWeights, Weights};
use bitdial_protocol::TensorDiagnosis;

use super::tensor::{Pair, Tensor};

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
    let Weights::Int(now) = now else { return None };
    let maxima = channel_maxima(real, channels);
    let finite = || real.iter().copied().filter(|w| w.is_finite());
    let mut tensor = Tensor::new(finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), w| (low.min(w), high.max(w))));
    for (i, (&real, grid)) in real.iter().zip(now.dequantize(channels)).enumerate() {
        tensor.add(Pair { real, grid, ends: ends(now, i, channels) });
    }
    let params = now.grid(largest(real, &maxima), channels);
    Some(tensor.finish(params.integers().map(|q| params.dequantize(q)).collect(), &maxima))
}

/// Where the grid of a weight begins and ends, half a step further. One of 1 bit has no ends: it knows two values only.
fn ends(weights: &QuantizedWeights, index: usize, channels: usize) -> (f32, f32) {
    let grid = weights.grid(index, channels);
    if grid.bits == 1 {
        return (f32::NEG_INFINITY, f32::INFINITY);
    }
    let (low, high) = grid.range();
    // A little more: what lies in the middle between two steps, as computed, is not clipped.
    let half = 0.5001 * grid.scale;
    (grid.dequantize(low) - half, grid.dequantize(high) + half)
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
