//! Runs a compiled model: on inputs, on sets of images, against the clock.

use std::sync::Arc;

use bitdial_ir::{Graph, Op, ValueId};
use bitdial_protocol::{LayerInfo, LayerOverflows};
use bitdial_runtime::Overflows;

use crate::backend::{Executable, Now};
use crate::classify::{Prediction, certainties, classify};
use crate::describe;
use crate::error::EngineError;
use crate::images::Images;

/// Most classes that a prediction can name.
const CLASSES: usize = 1 << 16;

/// What runs: a model, or a quantized one.
#[derive(Debug)]
pub struct Runner<P> {
    plan: P,
    graph: Arc<Graph>,
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

impl<P: Executable> Runner<P> {
    pub(crate) fn new(graph: Arc<Graph>, plan: P) -> Self {
        let dims = |ids: &[ValueId]| ids.iter().map(|&id| graph.value(id).dims.clone()).collect();
        let last = graph.outputs.first().and_then(|&id| graph.producer(id));
        Self {
            plan,
            inputs: dims(&graph.inputs),
            outputs: dims(&graph.outputs),
            layers: describe::layers(&graph),
            bytes: graph.nodes.iter().map(|node| describe::bytes_moved(&graph, node)).collect(),
            probabilities: last.is_some_and(|node| matches!(node.op, Op::Softmax(_))),
            input: Vec::new(),
            results: Vec::new(),
            graph,
        }
    }

    /// The compiled model.
    pub(crate) fn plan(&mut self) -> &mut P {
        &mut self.plan
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

    /// Images that are best run at a time.
    #[must_use]
    pub fn chunk(&self) -> usize {
        self.plan.chunk()
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
        let name = |step: usize| self.layers[step].name.clone();
        found.map(|Overflows { step, additions, overflows }| LayerOverflows { name: name(step), additions, overflows }).collect()
    }

    /// Bytes of the inputs and the output of each step, for one image.
    pub(crate) fn bytes(&self) -> &[u64] {
        &self.bytes
    }

    /// Whether the images of a set can be the model's input.
    pub(crate) fn check_images(&self, images: &Images) -> Result<(), EngineError> {
        images.check_fit(self.input_dims()?)
    }

    /// Tries out kernels between which this device decides, and goes on with the fastest ([`Executable::tune`]).
    ///
    /// # Errors
    /// [`EngineError::Runtime`] or [`EngineError::Device`] if it cannot be compiled again.
    pub async fn tune(&mut self, now: Now<'_>) -> Result<(), EngineError> {
        self.plan.tune(&self.graph, now).await
    }

    /// Runs `batch` inputs (f32, NCHW) and gives each output (f32, batch first). On the CPU nothing is allocated where a
    /// batch is no larger than one before.
    ///
    /// # Errors
    /// [`EngineError::Inputs`] if the model has several inputs, [`EngineError::EmptyBatch`] for no input,
    /// [`EngineError::Runtime`] if `input` has another length than `batch` inputs, [`EngineError::Device`] if the device
    /// cannot go on.
    pub async fn run(&mut self, input: &[f32], batch: usize) -> Result<&[Vec<f32>], EngineError> {
        self.input_dims()?;
        if batch == 0 {
            return Err(EngineError::EmptyBatch);
        }
        self.plan.run_into(input, batch, &mut self.results).await?;
        Ok(&self.results)
    }

    /// Classifies the images `first..first + count` of a set.
    ///
    /// # Errors
    /// [`EngineError::NoImage`] if the set ends before, [`EngineError::Shape`] if its images do not fit the model,
    /// [`EngineError::Classes`] if the model does not tell classes apart, [`EngineError::Device`] if the device cannot go
    /// on.
    pub async fn evaluate(&mut self, images: &Images, first: usize, count: usize) -> Result<Vec<Prediction>, EngineError> {
        let last = first.checked_add(count).ok_or(EngineError::NoImage { index: usize::MAX, count: images.count() })?;
        let range = first..last;
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
            self.plan.run_into(&self.input, count, &mut self.results).await?;
            let logits = self.results.first().map_or(&[][..], Vec::as_slice);
            predictions.extend(logits.chunks_exact(classes).map(|logits| classify(logits, self.probabilities)));
        }
        Ok(predictions)
    }

    /// How sure the model is of each class, for the first image of a set.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub async fn classify(&mut self, images: &Images) -> Result<Vec<f32>, EngineError> {
        self.check_images(images)?;
        images.check(&(0..1))?;
        images.inputs_into(0..1, &mut self.input)?;
        self.plan.run_into(&self.input, 1, &mut self.results).await?;
        Ok(certainties(self.results.first().map_or(&[][..], Vec::as_slice), self.probabilities))
    }

    fn input_dims(&self) -> Result<&[usize], EngineError> {
        match &self.inputs[..] {
            [dims] => Ok(dims),
            inputs => Err(EngineError::Inputs(inputs.len())),
        }
    }
}
