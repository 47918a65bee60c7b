//! A quantized model in which some layers are in f32 again.

use bitdial_ir::{Activation, Conv, Graph, Linear, Node, Op, ValueId};
use bitdial_protocol::Isolation;

use super::weights::parts_of;
use crate::error::QuantError;

/// The quantized graph with one layer set apart: for packing it, and running it elsewhere.
///
/// `original` is the f32 graph that computes the same: after corrections that change it (as equalization does), and with
/// the same nodes.
///
/// # Errors
/// [`QuantError::UnknownLayer`] if there is no layer of that name.
pub fn isolate(original: &Graph, quantized: &Graph, layer: &str, isolation: Isolation) -> Result<Graph, QuantError> {
    let position = quantized.nodes.iter().position(|node| node.name == layer);
    let own = position.ok_or_else(|| QuantError::unknown_layer(original, layer))?;
    Ok(match isolation {
        Isolation::Only => {
            let mut graph = keep(original, quantized, false, |node| node == own);
            graph.nodes[own] = alone(&original.nodes[own], &quantized.nodes[own]);
            graph
        }
        Isolation::UpTo => keep(original, quantized, true, |node| node <= own),
        Isolation::Except => keep(original, quantized, true, |node| node != own),
    })
}

/// A quantized node for a graph that is f32 else. Its bias is that of f32: a corrected one makes up for what the layers
/// before it have lost too.
pub(crate) fn alone(original: &Node, quantized: &Node) -> Node {
    let mut node = quantized.clone();
    let before = match &original.op {
        Op::Conv(Conv { bias, .. }) | Op::Linear(Linear { bias, .. }) => bias,
        _ => return node,
    };
    if let Some((_, bias, _)) = parts_of(&mut node) {
        bias.clone_from(before);
    }
    node
}

/// The quantized graph with only some nodes quantized, by their index: their weights, and the activations that they put
/// out. `inputs` says whether the inputs of the graph stay on their grids.
pub(crate) fn keep(original: &Graph, quantized: &Graph, inputs: bool, kept: impl Fn(usize) -> bool) -> Graph {
    let mut graph = quantized.clone();
    if !inputs {
        for input in &original.inputs {
            graph.values[input.0].clone_from(original.value(*input));
        }
    }
    let mut stays = vec![inputs; graph.values.len()];
    for (index, (node, before)) in graph.nodes.iter_mut().zip(&original.nodes).enumerate() {
        let output = node.output;
        // What holds the same numbers as its source is on a grid if that one is.
        stays[output.0] = if shares_grid(quantized, node) { stays[node.inputs[0].0] } else { kept(index) };
        if !kept(index) {
            node.clone_from(before);
        }
        if !stays[output.0] {
            graph.values[output.0].clone_from(original.value(output));
        }
    }
    graph
}

/// Whether the output of a node holds no other numbers than its input, on the same grid.
pub(crate) fn shares_grid(graph: &Graph, node: &Node) -> bool {
    let keeps_numbers = match node.op {
        Op::Reshape(_) | Op::Transpose(_) | Op::MaxPool(_) => true,
        Op::Pad { value, .. } => value == 0.0,
        _ => false,
    };
    let grid = |id: ValueId| (graph.value(id).quant, graph.value(id).simulated);
    keeps_numbers && node.activation == Activation::None && node.inputs.first().is_some_and(|&input| grid(input) == grid(node.output))
}
