//! Simplifies nodes that move elements and change none: Reshape and Transpose. Of a quantized graph, those that take
//! elements from one grid to another change them and stay.

use crate::graph::{Graph, ValueId};
use crate::op::{Activation, Op};
use crate::passes::uses::Uses;

/// Merges neighbours, turns transpositions that move nothing into reshapes, and bypasses what does nothing.
/// What this leaves unread is removed later.
pub fn simplify(graph: &mut Graph) {
    let mut uses = Uses::of(graph);
    // What to read instead of a value.
    let mut instead: Vec<ValueId> = (0..graph.values.len()).map(ValueId).collect();
    for i in 0..graph.nodes.len() {
        for k in 0..graph.nodes[i].inputs.len() {
            let input = graph.nodes[i].inputs[k];
            graph.nodes[i].inputs[k] = instead[input.0];
        }
        loop {
            merge(graph, &uses, i);
            if !reshape_of_transpose(graph, i) {
                break;
            }
        }
        let node = &graph.nodes[i];
        let keeps = matches!(&node.op, Op::Reshape(dims) if *dims == graph.value(node.inputs[0]).dims);
        let (input, output) = (node.inputs.first().copied(), node.output);
        let alike = |input: ValueId| graph.value(input).quant == graph.value(output).quant && graph.value(output).simulated.is_none();
        if let Some(input) = input.filter(|&input| keeps && node.activation == Activation::None && alike(input)) {
            instead[output.0] = input;
        }
    }
    let mut kept = vec![true; graph.nodes.len()];
    for k in 0..graph.outputs.len() {
        let output = graph.outputs[k];
        let source = instead[output.0];
        // A graph input or another output stays what it is, and the node that copies it is kept.
        if source == output || graph.outputs.contains(&source) {
            continue;
        }
        // The writer of the source writes the output itself, so that the output keeps its name.
        let (Some(writer), Some(copy)) = (uses.writer(source), uses.writer(output)) else { continue };
        kept[copy] = false;
        graph.nodes[writer].output = output;
        uses.set_writer(output, Some(writer));
        uses.set_writer(source, None);
        for node in &mut graph.nodes {
            node.inputs.iter_mut().filter(|id| **id == source).for_each(|id| *id = output);
        }
    }
    let mut kept = kept.into_iter();
    graph.nodes.retain(|_| kept.next().unwrap_or(true));
}

/// Reads what a neighbour of the same kind reads, and does both in one.
fn merge(graph: &mut Graph, uses: &Uses, index: usize) {
    let Some(before) = graph.nodes[index].inputs.first().and_then(|&id| uses.writer(id)) else { return };
    let before = &graph.nodes[before];
    let (between, output) = (graph.value(before.output), graph.value(graph.nodes[index].output));
    let rounds = between.simulated.is_some() || between.quant.is_some() && between.quant != output.quant;
    if before.activation != Activation::None || rounds {
        return;
    }
    let source = before.inputs.first().copied();
    let merged = match (&before.op, &graph.nodes[index].op) {
        (Op::Reshape(_), Op::Reshape(dims)) => Op::Reshape(dims.clone()),
        (Op::Transpose(first), Op::Transpose(second)) => Op::Transpose(second.iter().map(|&i| first[i]).collect()),
        _ => return,
    };
    if let Some(source) = source {
        graph.nodes[index].op = merged;
        graph.nodes[index].inputs[0] = source;
    }
}

/// Turns a transposition into a reshape if it moves axes of size 1 only. Whether it did.
fn reshape_of_transpose(graph: &mut Graph, index: usize) -> bool {
    let node = &graph.nodes[index];
    let Op::Transpose(perm) = &node.op else { return false };
    let dims = &graph.value(node.inputs[0]).dims;
    let moved: Vec<_> = perm.iter().filter(|&&p| dims[p] != 1).collect();
    if moved.windows(2).any(|w| w[0] > w[1]) {
        return false;
    }
    let to = graph.value(node.output).dims.clone();
    graph.nodes[index].op = Op::Reshape(to);
    true
}
