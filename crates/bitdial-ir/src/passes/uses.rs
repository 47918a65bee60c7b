//! Who writes and who reads each value.

use crate::graph::{Graph, ValueId};

/// Writers and numbers of readers of the values of a graph, as it was when they were counted.
pub struct Uses {
    writer: Vec<Option<usize>>,
    readers: Vec<usize>,
}

impl Uses {
    /// Counts.
    pub fn of(graph: &Graph) -> Self {
        let mut writer = vec![None; graph.values.len()];
        let mut readers = vec![0; graph.values.len()];
        for (i, node) in graph.nodes.iter().enumerate() {
            writer[node.output.0] = Some(i);
            node.inputs.iter().for_each(|id| readers[id.0] += 1);
        }
        graph.outputs.iter().for_each(|id| readers[id.0] += 1);
        Self { writer, readers }
    }

    /// Index of the node that writes a value, if it is read once only: by one node, one time, or as one graph output.
    pub fn sole_writer(&self, id: ValueId) -> Option<usize> {
        if self.readers[id.0] == 1 { self.writer[id.0] } else { None }
    }

    /// Index of the node that writes a value.
    pub fn writer(&self, id: ValueId) -> Option<usize> {
        self.writer[id.0]
    }

    /// Lets the node `index` write `id` from now on, or none.
    pub fn set_writer(&mut self, id: ValueId, index: Option<usize>) {
        self.writer[id.0] = index;
    }
}
