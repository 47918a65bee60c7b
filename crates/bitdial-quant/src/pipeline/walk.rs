//! Runs an annotated graph over all calibration images node by node, so that a node can be changed before those after it
//! see what it puts out.

use std::ops::Range;
use std::sync::Arc;

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
    /// Values that a node to come reads, and outputs of the graph.
    held: Vec<Option<Arc<Held>>>,
    /// The last node that reads each value; one beyond the last for outputs of the graph.
    last: Vec<Option<usize>>,
    at: usize,
    run: Option<Run>,
}

impl Walk {
    /// Stands before the first node.
    pub fn new(graph: &Graph, state: &State) -> Result<Self, QuantError> {
        let images = state.images();
        Self::on(graph, state.batch(0, images), images, state.backend)
    }

    /// The same on images that need not be those of a calibration: NCHW.
    pub fn on(graph: &Graph, images: Vec<f32>, count: usize, backend: Backend) -> Result<Self, QuantError> {
        let &[input] = &graph.inputs[..] else { return Err(QuantError::Inputs(graph.inputs.len())) };
        let mut last = vec![None; graph.values.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|id| last[id.0] = Some(index));
        }
        graph.outputs.iter().for_each(|id| last[id.0] = Some(graph.nodes.len()));
        let mut held = vec![None; graph.values.len()];
        held[input.0] = Some(Arc::new(Held::F32(images)));
        Ok(Self { backend, images: count, held, last, at: 0, run: None })
    }

    /// Another walk that stands before the same node.
    pub fn fork(&self) -> Self {
        Self { backend: self.backend, images: self.images, held: self.held.clone(), last: self.last.clone(), at: self.at, run: None }
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
        let inputs = self.inputs(graph, &distinct(node), first..run.next);
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
        let inputs = self.inputs(graph, &distinct(node), first..run.next);
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
            self.held[node.output.0] = Some(Arc::new(run.output));
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

    /// Runs what is left, on all images; the first output of the graph.
    pub fn finish(mut self, graph: &Graph) -> Result<Vec<f32>, QuantError> {
        let output = graph.outputs.first().ok_or(QuantError::OtherModel)?;
        let nodes = graph.nodes[self.at.min(graph.nodes.len())..].to_vec();
        let mut reads: Vec<ValueId> = nodes.iter().flat_map(|node| &node.inputs).copied().filter(|id| self.held[id.0].is_some()).collect();
        reads.sort_unstable();
        reads.dedup();
        if self.held[output.0].is_some() {
            return Ok(self.inputs(graph, &[*output], 0..self.images).remove(0));
        }
        let mut values = graph.values.clone();
        reads.iter().for_each(|id| values[id.0].simulated = None);
        let inputs = self.inputs(graph, &reads, 0..self.images);
        // What is held twice needs half.
        self.held.clear();
        let rest = Graph {
            name: String::new(),
            values,
            nodes,
            inputs: reads,
            outputs: vec![*output],
            layout: graph.layout,
            accumulator: graph.accumulator,
        };
        let mut plan = Plan::compile(&rest, Options { backend: self.backend, strict: true })?;
        Ok(plan.run(&slices(&inputs), self.images)?.remove(0))
    }

    /// Values of some images. Integers become reals, which a plan takes back to the same integers.
    fn inputs(&self, graph: &Graph, reads: &[ValueId], images: Range<usize>) -> Vec<Vec<f32>> {
        let read = |id: &ValueId| {
            let len = graph.value(*id).len();
            let of = len * images.start..len * images.end;
            match self.held[id.0].as_deref() {
                Some(Held::F32(x)) => x[of].to_vec(),
                Some(Held::U8(x, grid)) => x[of].iter().map(|&q| grid.dequantize(q)).collect(),
                None => Vec::new(),
            }
        };
        reads.iter().map(read).collect()
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
