//! Names for nodes, each given once.

use std::collections::{HashMap, HashSet};

use crate::graph::Node;

/// The names of the nodes of a graph.
#[derive(Default)]
pub struct Names {
    taken: HashSet<String>,
    /// The next number to try for a name that was asked for before. Without it, a file that asks for one name again
    /// and again, having taken the numbers that follow, would cost the square of its length.
    next: HashMap<String, usize>,
}

impl Names {
    /// Those of these nodes.
    pub fn of(nodes: &[Node]) -> Self {
        Self { taken: nodes.iter().map(|n| n.name.clone()).collect(), next: HashMap::new() }
    }

    /// `base`, or `base#1`, `base#2` and so on if there is a node of that name.
    pub fn unique(&mut self, base: String) -> String {
        if self.taken.insert(base.clone()) {
            return base;
        }
        let next = self.next.entry(base.clone()).or_insert(1);
        loop {
            let name = format!("{base}#{next}");
            *next += 1;
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let mut names = Names::default();
        assert_eq!(["a", "a#1", "a", "a", "b"].map(|n| names.unique(n.into())), ["a", "a#1", "a#2", "a#3", "b"]);
    }

    #[test]
    fn names_chosen_to_collide_cost_no_more_than_others() {
        // With a search from the first number each time, this would be 2 * 10^10 steps.
        const MANY: usize = 200_000;
        let mut names = Names::default();
        for i in 1..=MANY {
            names.unique(format!("x#{i}"));
        }
        names.unique("x".into());
        let last = (0..MANY).map(|_| names.unique("x".into())).last();
        assert_eq!(last, Some(format!("x#{}", 2 * MANY)));
    }
}
