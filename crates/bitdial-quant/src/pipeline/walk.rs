//! Runs an annotated graph over all calibration images node by node, so that a node can be changed before those after it
//! see what it puts out.

use bitdial_ir::{Activation, Graph, Node, ValueId};
use bitdial_kernels::Backend;
use bitdial_numerics::ActivationParams;
use bitdial_runtime::{Observed, Options, Plan};

use super::State;
use crate::error::QuantError;

/// A value of all images, as the runtime holds it.
#[derive(Debug)]
enum Held {
    F32(Vec<f32>),
    U8(Vec<u8>, ActivationParams),
}

/// A run of one node that is not finished.
#[derive(Debug)]
struct Run {
    plan: Plan,
    next: usize,
    output: Held,
}

/// Where a walk over a graph has come to. The graph may change from the next node on.
#[derive(Debug)]
pub(crate) struct Walk {
    backend: Backend,
    images: usize,
    /// Values that a node to come reads.
    held: Vec<Option<Held>>,
    /// The last node that reads each value.
    last: Vec<Option<usize>>,
    at: usize,
    run: Option<Run>,
}

impl Walk {
    /// Stands before the first node.
    pub fn new(graph: &Graph, state: &State) -> Result<Self, QuantError> {
        let &[input] = &graph.inputs[..] else { return Err(QuantError::Inputs(graph.inputs.len())) };
        let mut last = vec![None; graph.values.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|id| last[id.0] = Some(index));
        }
        let images = state.images();
        let mut held: Vec<Option<Held>> = graph.values.iter().map(|_| None).collect();
        held[input.0] = Some(Held::F32(state.batch(0, images)));
        Ok(Self { backend: state.backend, images, held, last, at: 0, run: None })
    }

    /// Index of the next node; as many as there are nodes at the end.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Runs the next node on up to `count` more images, without its activation and without a grid for its output, and
    /// shows the numbers, NHWC. How many images it has run on; all of them is the end.
    pub fn look(&mut self, graph: &Graph, count: usize, see: &mut dyn FnMut(&[f32])) -> Result<usize, QuantError> {
        let Some(node) = graph.nodes.get(self.at) else { return Ok(self.images) };
        let mut run = match self.run.take() {
            Some(run) => run,
            None => self.begin(graph, &Node { activation: Activation::None, ..node.clone() }, true)?,
        };
        let first = run.next;
        run.next = self.images.min(first + count);
        let inputs = self.inputs(graph, node, first, run.next);
        for output in run.plan.run(&slices(&inputs), run.next - first)? {
            see(&output);
        }
        let seen = run.next;
        self.run = Some(run).filter(|_| seen < self.images);
        Ok(seen)
    }

    /// Runs the next node on up to `count` more images and keeps what it puts out. How many images it has run on; with all
    /// of them it goes on to the node after it.
    pub fn advance(&mut self, graph: &Graph, count: usize) -> Result<usize, QuantError> {
        let Some(node) = graph.nodes.get(self.at) else { return Ok(self.images) };
        let mut run = match self.run.take() {
            Some(run) => run,
            None => self.begin(graph, node, false)?,
        };
        let first = run.next;
        run.next = self.images.min(first + count);
        let inputs = self.inputs(graph, node, first, run.next);
        let (output, into) = (ValueId(inputs.len()), &mut run.output);
        run.plan.observe(&slices(&inputs), run.next - first, &mut |value, observed| match (observed, &mut *into) {
            (Observed::F32(x), Held::F32(held)) if value == output => held.extend_from_slice(x),
            (Observed::U8(x), Held::U8(held, _)) if value == output => held.extend_from_slice(x),
            _ => {}
        })?;
        let seen = run.next;
        if seen < self.images {
            self.run = Some(run);
            return Ok(seen);
        }
        if self.last[node.output.0].is_some() {
            self.held[node.output.0] = Some(run.output);
        }
        for input in &node.inputs {
            if self.last[input.0] == Some(self.at) {
                self.held[input.0] = None;
            }
        }
        self.at += 1;
        Ok(seen)
    }

    /// A node as a graph of its own: its distinct inputs come first among the values, its output last. `open` leaves the
    /// output in f32.
    fn begin(&self, graph: &Graph, node: &Node, open: bool) -> Result<Run, QuantError> {
        let reads = distinct(node);
        let output = ValueId(reads.len());
        let mut values: Vec<_> = reads.iter().chain([&node.output]).map(|&id| graph.value(id).clone()).collect();
        // What is read went through its simulated format when it was written.
        values[..reads.len()].iter_mut().for_each(|value| value.simulated = None);
        if open {
            (values[output.0].quant, values[output.0].simulated) = (None, None);
        }
        let grid = values[output.0].quant;
        let inputs = node.inputs.iter().map(|id| ValueId(reads.iter().position(|r| r == id).unwrap_or(0))).collect();
        let alone = Graph {
            name: String::new(),
            values,
            nodes: vec![Node { inputs, output, ..node.clone() }],
            inputs: (0..reads.len()).map(ValueId).collect(),
            outputs: if open { vec![output] } else { Vec::new() },
            layout: graph.layout,
            accumulator: graph.accumulator,
        };
        let plan = Plan::compile_unfused(&alone, Options { backend: self.backend, strict: true })?;
        let output = grid.map_or_else(|| Held::F32(Vec::new()), |grid| Held::U8(Vec::new(), grid));
        Ok(Run { plan, next: 0, output })
    }

    /// The inputs of a node for some images. Integers become reals, which the plan takes back to the same integers.
    fn inputs(&self, graph: &Graph, node: &Node, first: usize, end: usize) -> Vec<Vec<f32>> {
        let read = |id: &ValueId| {
            let len = graph.value(*id).len();
            match &self.held[id.0] {
                Some(Held::F32(x)) => x[first * len..end * len].to_vec(),
                Some(Held::U8(x, grid)) => x[first * len..end * len].iter().map(|&q| grid.dequantize(q)).collect(),
                None => Vec::new(),
            }
        };
        distinct(node).iter().map(read).collect()
    }
}

/// What a node reads, each once.
fn distinct(node: &Node) -> Vec<ValueId> {
    let mut reads = node.inputs.clone();
    reads.sort_unstable();
    reads.dedup();
    reads
}

fn slices(inputs: &[Vec<f32>]) -> Vec<&[f32]> {
    inputs.iter().map(Vec::as_slice).collect()
}
