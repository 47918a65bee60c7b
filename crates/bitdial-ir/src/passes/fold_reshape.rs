//! Lets a mean drop the axes that a reshape behind it would drop.

use crate::graph::Graph;
use crate::op::{Activation, Op};
use crate::passes::uses::Uses;

/// Rewrites `Mean that keeps its axes, Reshape to what is left` as a mean that does not keep them.
pub fn fold(graph: &mut Graph) {
    let uses = Uses::of(graph);
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for i in 0..graph.nodes.len() {
        kept.push(true);
        let node = &graph.nodes[i];
        let (Op::Reshape(dims), Activation::None) = (&node.op, node.activation) else { continue };
        let Some(mean) = uses.sole_writer(node.inputs[0]) else { continue };
        let Op::Mean { axes, keep: true } = &graph.nodes[mean].op else { continue };
        let all = &graph.value(node.inputs[0]).dims;
        let left = all.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, d)| d);
        if left.eq(dims) {
            let output = node.output;
            if let Op::Mean { keep, .. } = &mut graph.nodes[mean].op {
                *keep = false;
            }
            graph.nodes[mean].output = output;
            kept[i] = false;
        }
    }
    let mut kept = kept.into_iter();
    graph.nodes.retain(|_| kept.next().unwrap_or(true));
}
