//! Runs a compiled model: on inputs, on sets of images, against the clock.

use std::ops::Range;
use std::sync::Arc;

use bitdial_ir::{Graph, Op};
use bitdial_kernels::Part;
use bitdial_protocol::{KernelTime, LayerInfo, LayerOverflows, MemoryUse};
use bitdial_runtime::{Footprint, Options, Overflows, Plan, Step};

use crate::classify::{Prediction, classify};
use crate::describe;
use crate::error::EngineError;
use crate::images::Images;
use crate::machine::Machine;

/// Most classes that a prediction can name.
const CLASSES: usize = 1 << 16;

/// A compiled model.
#[derive(Debug)]
pub struct Runner {
    plan: Plan,
    options: Options,
    machine: Arc<Machine>,
    /// Dimensions of each input, NCHW without the batch.
    inputs: Vec<Vec<usize>>,
    /// Dimensions of each output, without the batch.
    outputs: Vec<Vec<usize>>,
    layers: Vec<LayerInfo>,
    bytes: Vec<u64>,
    /// Whether the first output went through a softmax.
    probabilities: bool,
    /// Inputs of a chunk of images, and the outputs of the last run: memory that is used again.
    input: Vec<f32>,
    results: Vec<Vec<f32>>,
}

/// What runs: a model, or a quantized one.
pub trait Runnable {
    /// The compiled model.
    fn runner(&mut self) -> &mut Runner;

    /// Tries out kernels between which this machine decides, for 100 ms at most of each model that is loaded, and goes on
    /// with the fastest. Results stay as they are; those of f32 models within rounding. `now` is a clock in
    /// milliseconds; one that is too coarse changes nothing.
    ///
    /// # Errors
    /// [`EngineError::Runtime`] if it cannot be compiled again.
    fn tune(&mut self, now: &dyn Fn() -> f64) -> Result<(), EngineError>;

    /// Runs `batch` inputs (f32, NCHW) and gives each output (f32, batch first). Nothing is allocated where a batch is
    /// no larger than one before.
    ///
    /// # Errors
    /// [`EngineError::Inputs`] if the model has several inputs, [`EngineError::EmptyBatch`] for no input,
    /// [`EngineError::Runtime`] if `input` has another length than `batch` inputs.
    fn run(&mut self, input: &[f32], batch: usize) -> Result<&[Vec<f32>], EngineError> {
        self.runner().run(input, batch)
    }

    /// Classifies the images `first..first + count` of a set.
    ///
    /// # Errors
    /// [`EngineError::NoImage`] if the set ends before, [`EngineError::Shape`] if its images do not fit the model,
    /// [`EngineError::Classes`] if the model does not tell classes apart.
    fn evaluate(&mut self, images: &Images, first: usize, count: usize) -> Result<Vec<Prediction>, EngineError> {
        let last = first.checked_add(count).ok_or(EngineError::NoImage { index: usize::MAX, count: images.count() })?;
        self.runner().evaluate(images, first..last)
    }
}

impl Runner {
    pub(crate) fn new(graph: &Graph, options: Options, machine: &Arc<Machine>) -> Result<Self, EngineError> {
        let plan = Plan::tuned(graph, options, &machine.tuning())?;
        let dims = |ids: &[bitdial_ir::ValueId]| ids.iter().map(|&id| graph.value(id).dims.clone()).collect();
        let last = graph.outputs.first().and_then(|&id| graph.producer(id));
        Ok(Self {
            plan,
            options,
            machine: Arc::clone(machine),
            inputs: dims(&graph.inputs),
            outputs: dims(&graph.outputs),
            layers: describe::layers(graph),
            bytes: graph.nodes.iter().map(|node| describe::bytes_moved(graph, node)).collect(),
            probabilities: last.is_some_and(|node| matches!(node.op, Op::Softmax(_))),
            input: Vec::new(),
            results: Vec::new(),
        })
    }

    /// Dimensions of each output for a batch, batch first.
    #[must_use]
    pub fn output_shapes(&self, batch: usize) -> Vec<Vec<usize>> {
        self.outputs.iter().map(|dims| [&[batch], &dims[..]].concat()).collect()
    }

    /// Numbers of one input.
    ///
    /// # Errors
    /// [`EngineError::Inputs`] if the model has other than one.
    pub fn input_len(&self) -> Result<usize, EngineError> {
        Ok(self.input_dims()?.iter().product())
    }

    /// The layers, in order of execution.
    #[must_use]
    pub fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    /// How many products each layer with an accumulator of its own has added since this was asked last, and how many of its
    /// sums overflowed.
    pub fn take_overflows(&mut self) -> Vec<LayerOverflows> {
        let found = self.plan.take_overflows().into_iter();
        let name = |step: usize| self.layers[self.plan.steps()[step].node].name.clone();
        found.map(|Overflows { step, additions, overflows }| LayerOverflows { name: name(step), additions, overflows }).collect()
    }

    /// What is run, one step for each layer.
    pub(crate) fn steps(&self) -> &[Step] {
        self.plan.steps()
    }

    /// Tries out kernels for the graph that this was compiled from, and compiles it again where others are faster.
    pub(crate) fn tune(&mut self, graph: &Graph, now: &dyn Fn() -> f64) -> Result<(), EngineError> {
        if self.machine.tune(self.plan.steps(), now) {
            self.plan = Plan::tuned(graph, self.options, &self.machine.tuning())?;
        }
        Ok(())
    }

    /// The memory that one inference takes.
    pub(crate) fn memory(&self) -> MemoryUse {
        let Footprint { activations, weights, unpacked, scratch } = self.plan.footprint(1);
        MemoryUse { activations, weights, scratch: unpacked + scratch }
    }

    /// What it runs on.
    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The kernels that a step had a choice of.
    pub(crate) fn alternatives(&self, step: &Step) -> Vec<KernelTime> {
        self.machine.alternatives(step.conv)
    }

    /// Whether a step has anything to do.
    pub(crate) fn computes(&self, step: usize) -> bool {
        self.plan.computes(step)
    }

    /// Runs a step, or a part of it, once more on what the last run left in memory.
    pub(crate) fn repeat(&mut self, step: usize, part: Part) {
        part.only(|| self.plan.repeat(step));
    }

    /// Bytes of the inputs and the output of each step, for one image.
    pub(crate) fn bytes(&self) -> &[u64] {
        &self.bytes
    }

    /// Whether the images of a set can be the model's input.
    pub(crate) fn check_images(&self, images: &Images) -> Result<(), EngineError> {
        images.check_fit(self.input_dims()?)
    }

    fn input_dims(&self) -> Result<&[usize], EngineError> {
        match &self.inputs[..] {
            [dims] => Ok(dims),
            inputs => Err(EngineError::Inputs(inputs.len())),
        }
    }

    fn run(&mut self, input: &[f32], batch: usize) -> Result<&[Vec<f32>], EngineError> {
        self.input_dims()?;
        if batch == 0 {
            return Err(EngineError::EmptyBatch);
        }
        self.plan.run_into(&[input], batch, &mut self.results)?;
        Ok(&self.results)
    }

    fn evaluate(&mut self, images: &Images, range: Range<usize>) -> Result<Vec<Prediction>, EngineError> {
        self.check_images(images)?;
        let classes = self.outputs.first().map_or(0, |dims| dims.iter().product());
        if !(1..=CLASSES).contains(&classes) {
            return Err(EngineError::Classes(classes));
        }
        let mut predictions = Vec::with_capacity(range.len());
        images.check(&range)?;
        // Chunk by chunk, so that the inputs of one are still in the cache when it runs.
        for first in range.clone().step_by(self.plan.chunk()) {
            let count = self.plan.chunk().min(range.end - first);
            images.inputs_into(first..first + count, &mut self.input)?;
            self.plan.run_into(&[&self.input], count, &mut self.results)?;
            let logits = self.results.first().map_or(&[][..], Vec::as_slice);
            predictions.extend(logits.chunks_exact(classes).map(|logits| classify(logits, self.probabilities)));
        }
        Ok(predictions)
    }
}
