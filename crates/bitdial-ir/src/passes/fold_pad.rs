//! Folds borders of zeros into the convolutions behind them.

use crate::graph::{Graph, Layout, ValueId};
use crate::limits::WINDOW;
use crate::op::{Activation, Op};
use crate::passes::uses::Uses;

/// Lets convolutions pad themselves. What this leaves unread is removed later.
pub fn fold(graph: &mut Graph) {
    let uses = Uses::of(graph);
    for i in 0..graph.nodes.len() {
        let border = graph.nodes[i].inputs.first().and_then(|&id| border(graph, uses.writer(id)?));
        let (Some((source, border)), Op::Conv(conv)) = (border, &mut graph.nodes[i].op) else { continue };
        let mut total = conv.window.pad;
        total.iter_mut().zip(border).for_each(|(pad, more)| *pad += more);
        if total.iter().all(|&n| n <= WINDOW) {
            conv.window.pad = total;
            graph.nodes[i].inputs[0] = source;
        }
    }
}

/// What a node pads with zeros, and by how much: above, left, below, right.
fn border(graph: &Graph, index: usize) -> Option<(ValueId, [usize; 4])> {
    let node = &graph.nodes[index];
    match (&node.op, node.activation, graph.layout) {
        (Op::Pad { pads, value: 0.0 }, Activation::None, Layout::Nchw) => match *pads.as_slice() {
            [[0, 0], rows, columns] => Some((node.inputs[0], [rows[0], columns[0], rows[1], columns[1]])),
            _ => None,
        },
        _ => None,
    }
}
