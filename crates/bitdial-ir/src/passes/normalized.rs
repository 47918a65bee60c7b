//! Which layers have a BatchNorm, before it is folded away.

use crate::graph::Graph;
use crate::op::Op;
use crate::passes::uses::Uses;

/// Names of the convolutions and linear layers of a graph that was not prepared yet whose output goes to a BatchNorm and
/// nowhere else: those that [`super::prepare`] folds one into.
#[must_use]
pub fn normalized(graph: &Graph) -> Vec<String> {
    let uses = Uses::of(graph);
    let norms = graph.nodes.iter().filter(|node| matches!(node.op, Op::BatchNorm { .. }));
    let layers = norms.filter_map(|node| uses.sole_writer(*node.inputs.first()?)).map(|index| &graph.nodes[index]);
    layers.filter(|node| matches!(node.op, Op::Conv(_) | Op::Linear(_))).map(|node| node.name.clone()).collect()
}
