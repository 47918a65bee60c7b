//! Folds what scales and shifts channels into the weights and biases of the layer before.

use crate::graph::{Graph, Layout, Node};
use crate::op::{Activation, Conv, Linear, Op, Weights};
use crate::passes::uses::Uses;
use crate::passes::{fold_batch_norm, fold_binary_const};

/// `x * factor + offset`, per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// One per channel.
    pub factor: Vec<f64>,
    /// One per channel.
    pub offset: Vec<f64>,
}

/// Folds every such node whose only source is a convolution or linear layer that nothing else reads.
pub fn fold(graph: &mut Graph) {
    let mut uses = Uses::of(graph);
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for i in 0..graph.nodes.len() {
        kept.push(true);
        let node = &graph.nodes[i];
        let Some(into) = node.inputs.first().and_then(|&id| uses.sole_writer(id)) else { continue };
        let rank = graph.value(node.output).dims.len();
        let Some((axis, channels)) = channels(&graph.nodes[into], rank, graph.layout) else { continue };
        let affine =
            fold_batch_norm::affine(node, rank, axis, graph.layout).or_else(|| fold_binary_const::affine(node, rank, axis, channels));
        let (output, activation) = (node.output, node.activation);
        let Some(op) = affine.and_then(|affine| folded(&graph.nodes[into].op, &affine)) else { continue };
        let target = &mut graph.nodes[into];
        (target.op, target.output, target.activation) = (op, output, activation);
        uses.set_writer(output, Some(into));
        kept[i] = false;
    }
    let mut kept = kept.into_iter();
    graph.nodes.retain(|_| kept.next().unwrap_or(true));
}

/// Axis and number of the channels of a layer whose weights can be changed.
fn channels(layer: &Node, rank: usize, layout: Layout) -> Option<(usize, usize)> {
    if layer.activation != Activation::None || layer.dynamic.is_some() {
        return None;
    }
    match &layer.op {
        Op::Conv(Conv { weights: Weights::F32(_), out_channels, .. }) => Some((crate::infer::channel_axis(rank, layout), *out_channels)),
        Op::Linear(Linear { weights: Weights::F32(_), out_features, .. }) => Some((rank.checked_sub(1)?, *out_features)),
        _ => None,
    }
}

/// A layer with other weights and biases; `None` if they are no longer finite.
fn folded(op: &Op, affine: &Affine) -> Option<Op> {
    let scaled = |weights: &Weights, bias: &Option<Vec<f32>>| {
        let Weights::F32(weights) = weights else { return None };
        let row = (weights.len() / affine.factor.len().max(1)).max(1);
        let weights: Vec<f32> = weights.iter().enumerate().map(|(i, &w)| (f64::from(w) * affine.factor[i / row]) as f32).collect();
        let old = |c: usize| bias.as_ref().map_or(0.0, |b| f64::from(b[c]));
        let bias: Vec<f32> = (0..affine.factor.len()).map(|c| (old(c) * affine.factor[c] + affine.offset[c]) as f32).collect();
        let finite = weights.iter().chain(&bias).all(|x| x.is_finite());
        finite.then_some((Weights::F32(weights), Some(bias)))
    };
    match op {
        Op::Conv(conv) => {
            let (weights, bias) = scaled(&conv.weights, &conv.bias)?;
            Some(Op::Conv(Conv { weights, bias, ..*conv }))
        }
        Op::Linear(linear) => {
            let (weights, bias) = scaled(&linear.weights, &linear.bias)?;
            Some(Op::Linear(Linear { weights, bias, ..*linear }))
        }
        _ => None,
    }
}
