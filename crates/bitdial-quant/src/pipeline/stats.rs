//! Statistics of the channels of a layer's output before its activation.

use bitdial_ir::{Activation, Graph, Node, Op, Value, ValueId};
use bitdial_runtime::{Observed, Options, Plan};

use super::State;
use crate::error::QuantError;

/// Mean, deviation and range of each channel over positions and images. Sums are f64, in one order.
#[derive(Clone, Debug)]
pub(crate) struct Channels {
    sums: Vec<f64>,
    squares: Vec<f64>,
    ranges: Vec<(f32, f32)>,
    count: usize,
}

impl Channels {
    /// Of nothing yet.
    pub fn new(channels: usize) -> Self {
        Self {
            sums: vec![0.0; channels],
            squares: vec![0.0; channels],
            ranges: vec![(f32::INFINITY, f32::NEG_INFINITY); channels],
            count: 0,
        }
    }

    /// Takes more positions, channels last.
    pub fn add(&mut self, x: &[f32]) {
        for position in x.chunks_exact(self.sums.len().max(1)) {
            let all = self.sums.iter_mut().zip(&mut self.squares).zip(&mut self.ranges);
            for (((sum, square), range), &x) in all.zip(position) {
                let wide = f64::from(x);
                *sum += wide;
                *square += wide * wide;
                *range = (range.0.min(x), range.1.max(x));
            }
            self.count += 1;
        }
    }

    /// Channels.
    pub fn len(&self) -> usize {
        self.sums.len()
    }

    /// Mean of a channel.
    pub fn mean(&self, c: usize) -> f64 {
        self.sums[c] / self.count.max(1) as f64
    }

    /// Standard deviation of a channel.
    pub fn deviation(&self, c: usize) -> f64 {
        let mean = self.mean(c);
        (self.squares[c] / self.count.max(1) as f64 - mean * mean).max(0.0).sqrt()
    }

    /// Smallest and largest number of a channel.
    pub fn range(&self, c: usize) -> (f32, f32) {
        self.ranges[c]
    }
}

/// A measurement of all convolutions and linear layers of the f32 model that is not finished.
#[derive(Debug)]
pub(crate) struct Measuring {
    plan: Plan,
    /// For each value of the plan's graph, the node of the model whose output before the activation it is.
    of: Vec<Option<usize>>,
    channels: Vec<Option<Channels>>,
    next: usize,
}

impl Measuring {
    /// Of the f32 model as it is now.
    pub fn new(state: &State) -> Result<Self, QuantError> {
        let (graph, of) = opened(&state.float);
        let plan = Plan::compile_unfused(&graph, Options { backend: state.backend, strict: true })?;
        let channels = |node: &Node| crate::corrections::layer::parts(node).map(|(_, channels)| Channels::new(channels));
        Ok(Self { plan, of, channels: state.float.nodes.iter().map(channels).collect(), next: 0 })
    }

    /// Looks at up to `count` more images and appends its first output for them; how many it has seen.
    pub fn step(&mut self, state: &State, count: usize, outputs: &mut Vec<f32>) -> Result<usize, QuantError> {
        let count = count.min(state.images() - self.next);
        let (of, channels) = (&self.of, &mut self.channels);
        let found = self.plan.observe(&[&state.batch(self.next, count)], count, &mut |value, observed| {
            if let (Some(node), Observed::F32(x)) = (of[value.0], observed)
                && let Some(channels) = &mut channels[node]
            {
                channels.add(x);
            }
        })?;
        outputs.extend(found.into_iter().next().unwrap_or_default());
        self.next += count;
        Ok(self.next)
    }

    /// The channels of each layer, by the index of its node.
    pub fn finish(self) -> Vec<Option<Channels>> {
        self.channels
    }
}

/// The graph with activations of convolutions and linear layers as nodes of their own; and for each of its values the
/// layer that it is the result of, by the index in `graph`.
fn opened(graph: &Graph) -> (Graph, Vec<Option<usize>>) {
    let mut open = Graph { nodes: Vec::with_capacity(2 * graph.nodes.len()), ..graph.clone() };
    let mut of = vec![None; graph.values.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        let mut node = node.clone();
        if !matches!(node.op, Op::Conv(_) | Op::Linear(_)) {
            open.nodes.push(node);
            continue;
        }
        if node.activation == Activation::None {
            of[node.output.0] = Some(index);
            open.nodes.push(node);
            continue;
        }
        let before = ValueId(open.values.len());
        let about = graph.value(node.output);
        open.values.push(Value { name: format!("{}/before", about.name), ..about.clone() });
        of.push(Some(index));
        let activate = Node { name: format!("{}/activation", node.name), op: Op::Activate, inputs: vec![before], ..node.clone() };
        (node.output, node.activation) = (before, Activation::None);
        open.nodes.extend([node, activate]);
    }
    (open, of)
}
