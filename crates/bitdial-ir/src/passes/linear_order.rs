//! Puts the weights of a linear layer into the order of the image it reads, so that nothing has to be transposed.

use crate::graph::{Graph, ValueId};
use crate::op::{Activation, Linear, Op, Weights};
use crate::passes::uses::Uses;
use crate::permute::permute;

/// Rewrites `Transpose, Reshape to one dimension, Linear` as `Reshape, Linear`. What this leaves unread is removed
/// later.
pub fn fold(graph: &mut Graph) {
    let uses = Uses::of(graph);
    for i in 0..graph.nodes.len() {
        let Some((reshape, source, weights)) = reordered(graph, &uses, i) else { continue };
        graph.nodes[reshape].inputs[0] = source;
        if let Op::Linear(linear) = &mut graph.nodes[i].op {
            linear.weights = weights;
        }
    }
}

/// The reshape before a linear layer, what it may read instead, and the weights for that.
fn reordered(graph: &Graph, uses: &Uses, index: usize) -> Option<(usize, ValueId, Weights)> {
    let Op::Linear(Linear { weights: Weights::F32(weights), out_features, in_features, .. }) = &graph.nodes[index].op else { return None };
    let reshape = uses.sole_writer(graph.nodes[index].inputs[0])?;
    let (Op::Reshape(dims), Activation::None) = (&graph.nodes[reshape].op, graph.nodes[reshape].activation) else { return None };
    let transpose = &graph.nodes[uses.writer(graph.nodes[reshape].inputs[0])?];
    let (Op::Transpose(perm), Activation::None) = (&transpose.op, transpose.activation) else { return None };
    if dims.len() != 1 {
        return None;
    }
    let source = transpose.inputs[0];
    // Columns stand in the order of the transposed image; the way back is the inverse.
    let turned = &graph.value(transpose.output).dims;
    let mut back = vec![0; perm.len()];
    perm.iter().enumerate().for_each(|(to, &from)| back[from] = to);
    let rows = weights.chunks_exact((*in_features).max(1)).take(*out_features);
    let weights = rows.flat_map(|row| permute(row, turned, &back)).collect();
    Some((reshape, source, Weights::F32(weights)))
}
