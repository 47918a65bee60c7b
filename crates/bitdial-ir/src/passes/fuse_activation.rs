//! Fuses activations that clamp into the node whose result they clamp.

use crate::graph::Graph;
use crate::op::{Activation, Op};
use crate::passes::uses::Uses;

/// Fuses every such activation whose source computes something that nothing else reads.
pub fn fuse(graph: &mut Graph) {
    let mut uses = Uses::of(graph);
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for i in 0..graph.nodes.len() {
        kept.push(true);
        let node = &graph.nodes[i];
        if node.op != Op::Activate || node.activation.clamp().is_none() {
            continue;
        }
        let Some(into) = uses.sole_writer(node.inputs[0]) else { continue };
        let (output, activation) = (node.output, node.activation);
        let target = &mut graph.nodes[into];
        if !takes_activation(&target.op) || target.activation != Activation::None {
            continue;
        }
        (target.output, target.activation) = (output, activation);
        uses.set_writer(output, Some(into));
        kept[i] = false;
    }
    let mut kept = kept.into_iter();
    graph.nodes.retain(|_| kept.next().unwrap_or(true));
}

/// Whether an operator computes new numbers, which can be clamped as they are stored.
fn takes_activation(op: &Op) -> bool {
    matches!(
        op,
        Op::Conv(_) | Op::Linear(_) | Op::BatchNorm { .. } | Op::Binary(_) | Op::BinaryConst(..) | Op::AveragePool(_) | Op::Mean { .. }
    )
}
