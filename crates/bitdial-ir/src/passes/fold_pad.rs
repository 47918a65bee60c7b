//! Folds borders of zeros into the convolutions behind them.

use crate::graph::{Graph, Layout, ValueId};
use crate::limits::WINDOW;
use crate::op::{Activation, Op};
use crate::passes::uses::Uses;

/// Lets convolutions pad themselves. What this leaves unread is removed later.
pub fn fold(graph: &mut Graph) {
    let uses = Uses::of(graph);
    for i in 0..graph.nodes.len() {
        let Some((source, pad)) = border(graph, &uses, i) else { continue };
        let node = &mut graph.nodes[i];
        if let Op::Conv(conv) = &mut node.op {
            conv.window.pad = pad;
            node.inputs[0] = source;
        }
    }
}

/// What the convolution `index` may read instead, and with which pads.
fn border(graph: &Graph, uses: &Uses, index: usize) -> Option<(ValueId, [usize; 4])> {
    let Op::Conv(conv) = &graph.nodes[index].op else { return None };
    let pad = &graph.nodes[uses.writer(graph.nodes[index].inputs[0])?];
    let (Op::Pad { pads, value: 0.0 }, Activation::None) = (&pad.op, pad.activation) else { return None };
    let (&[channels, rows, columns], Layout::Nchw) = (pads.as_slice(), graph.layout) else { return None };
    if channels != [0, 0] {
        return None;
    }
    let own = conv.window.pad;
    let total = [rows[0] + own[0], columns[0] + own[1], rows[1] + own[2], columns[1] + own[3]];
    total.iter().all(|&n| n <= WINDOW).then_some((graph.nodes[uses.writer(graph.nodes[index].inputs[0])?].inputs[0], total))
}
