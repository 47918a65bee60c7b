//! The order of execution: every node after those whose results it reads.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::error::{IrError, shorten};
use crate::onnx::proto::NodeProto;

/// Indices of `nodes` in an order that runs, as near to the file's as possible.
///
/// # Errors
/// [`IrError::Duplicate`] if two nodes write the same name, [`IrError::Cycle`] if a node needs its own result.
pub fn order(nodes: &[NodeProto], name: impl Fn(usize) -> String) -> Result<Vec<usize>, IrError> {
    let mut writer = HashMap::new();
    for (i, node) in nodes.iter().enumerate() {
        for output in node.output.iter().filter(|o| !o.is_empty()) {
            if writer.insert(output.as_str(), i).is_some() {
                return Err(IrError::Duplicate(shorten(output)));
            }
        }
    }
    let mut waits = vec![0usize; nodes.len()];
    let mut readers = vec![Vec::new(); nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        for input in &node.input {
            if let Some(&from) = writer.get(input.as_str()) {
                waits[i] += 1;
                readers[from].push(i);
            }
        }
    }
    let mut ready: BinaryHeap<_> = (0..nodes.len()).filter(|&i| waits[i] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(i)) = ready.pop() {
        order.push(i);
        for &reader in &readers[i] {
            waits[reader] -= 1;
            if waits[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    let Some(mut waiting) = waits.iter().position(|&w| w > 0) else { return Ok(order) };
    // Every node that waits, waits for one that does; going back for long enough ends on the cycle.
    for _ in 0..nodes.len() {
        let source = nodes[waiting].input.iter().filter_map(|input| writer.get(input.as_str())).find(|&&i| waits[i] > 0);
        waiting = source.copied().unwrap_or(waiting);
    }
    Err(IrError::Cycle { node: name(waiting), op: shorten(nodes[waiting].op_type.as_deref().unwrap_or("")) })
}
