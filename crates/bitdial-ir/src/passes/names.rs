//! Names for nodes that a pass adds.

use std::collections::HashSet;

use crate::graph::Node;

/// The names of the nodes of a graph.
pub struct Names(HashSet<String>);

impl Names {
    /// Those of these nodes.
    pub fn of(nodes: &[Node]) -> Self {
        Self(nodes.iter().map(|n| n.name.clone()).collect())
    }

    /// `base`, or `base#1`, `base#2` and so on if there is a node of that name.
    pub fn unique(&mut self, base: String) -> String {
        let mut name = base.clone();
        let mut count = 0;
        while !self.0.insert(name.clone()) {
            count += 1;
            name = format!("{base}#{count}");
        }
        name
    }
}
