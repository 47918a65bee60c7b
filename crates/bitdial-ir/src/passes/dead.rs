//! Drops nodes that no output needs, and numbers the values anew: inputs first, then in order of execution.

use crate::graph::{Graph, ValueId};

/// Removes what is not needed. Graph inputs stay.
pub fn remove(graph: &mut Graph) {
    let mut needed = vec![false; graph.values.len()];
    graph.outputs.iter().for_each(|id| needed[id.0] = true);
    for node in graph.nodes.iter().rev() {
        if needed[node.output.0] {
            node.inputs.iter().for_each(|id| needed[id.0] = true);
        }
    }
    graph.nodes.retain(|node| needed[node.output.0]);
    let order: Vec<_> = graph.inputs.iter().copied().chain(graph.nodes.iter().map(|n| n.output)).collect();
    let mut renumbered = vec![ValueId(0); graph.values.len()];
    for (new, old) in order.iter().enumerate() {
        renumbered[old.0] = ValueId(new);
    }
    let mut values: Vec<_> = std::mem::take(&mut graph.values).into_iter().map(Some).collect();
    graph.values = order.iter().filter_map(|old| values[old.0].take()).collect();
    let renumber = |id: &mut ValueId| *id = renumbered[id.0];
    graph.inputs.iter_mut().for_each(renumber);
    graph.outputs.iter_mut().for_each(renumber);
    for node in &mut graph.nodes {
        node.inputs.iter_mut().for_each(renumber);
        renumber(&mut node.output);
    }
}
