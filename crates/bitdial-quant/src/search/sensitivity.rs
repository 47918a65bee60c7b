//! What each layer loses at each width, measured.
//!
//! The measure is the mean Kullback-Leibler divergence of the model's softmax from that of f32, with the weights of one
//! layer quantized and all else in f32: it needs no labels, is 0 without noise, and grows with the square of small noise,
//! so that losses of independent layers add up. That they do is an assumption; the allocation that follows from it is
//! verified by running it.

use std::sync::Arc;

use bitdial_ir::{Activation, Graph, Node, Weights, packed};
use bitdial_kernels::Backend;
use bitdial_protocol::{LayerSensitivity, WidthOption};
use bitdial_runtime::Plan;

use crate::diagnose::{Values, batch, divergence, options, parts_of, rest, weights_of};
use crate::error::QuantError;

/// Images on which sensitivity is measured, if there are as many.
pub const SENSITIVITY_IMAGES: usize = 64;

/// A model at one width.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The width.
    pub bits: u8,
    /// The graph with all weights at this width.
    pub graph: Graph,
}

/// A layer with weights.
#[derive(Debug)]
struct Layer {
    node: usize,
    /// Sum of the divergences of all images so far, for each variant; NaN if one is not finite.
    losses: Vec<f64>,
}

/// A measurement that has begun. Dropping it gives it up.
#[derive(Debug)]
pub struct Sensitivity {
    original: Arc<Graph>,
    variants: Vec<Variant>,
    /// Whether the shift of each channel's mean is taken back, as bias correction does.
    unbiased: bool,
    backend: Backend,
    input: Vec<f32>,
    images: usize,
    batch: usize,
    layers: Vec<Layer>,
    plan: Plan,
    now: Option<Values>,
    done: usize,
}

impl Sensitivity {
    /// Compares layers of `variants` with those of `original`, the f32 graph they were made from. If `unbiased`, the shift
    /// of the mean of each output channel is taken back first, as a recipe with bias correction does. `input` holds
    /// `images` images, NCHW.
    ///
    /// # Errors
    /// If the graphs are not of one model, it has several inputs, there are no images or they have the wrong length, or a
    /// graph cannot be compiled.
    pub fn new(
        original: Arc<Graph>,
        variants: Vec<Variant>,
        unbiased: bool,
        input: Vec<f32>,
        images: usize,
        backend: Backend,
    ) -> Result<Self, QuantError> {
        let &[port] = &original.inputs[..] else { return Err(QuantError::Inputs(original.inputs.len())) };
        let same = |variant: &Variant| {
            let nodes = &variant.graph.nodes;
            nodes.len() == original.nodes.len() && nodes.iter().zip(&original.nodes).all(|(a, b)| a.name == b.name && a.inputs == b.inputs)
        };
        if !variants.iter().all(same) {
            return Err(QuantError::OtherModel);
        }
        let plan = Plan::compile_unfused(&original, options(backend))?;
        let len = original.value(port).len();
        if images == 0 || len.checked_mul(images) != Some(input.len()) {
            return Err(QuantError::Images { images, len: input.len(), each: len });
        }
        let weighted = (0..original.nodes.len()).filter(|&node| weights_of(&original.nodes[node]).is_some());
        let layers = weighted.map(|node| Layer { node, losses: vec![0.0; variants.len()] }).collect();
        let batch = batch(&original).min(images);
        Ok(Self { original, variants, unbiased, backend, input, images, batch, layers, plan, now: None, done: 0 })
    }

    /// Steps done and steps in all: one for each layer, width and batch of images, and one for each batch.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.done, self.images.div_ceil(self.batch) * self.steps())
    }

    /// Steps of a batch.
    fn steps(&self) -> usize {
        1 + self.layers.len() * self.variants.len()
    }

    /// Does one more step. Gives whether something is left to do.
    ///
    /// # Errors
    /// If a graph cannot run.
    pub fn step(&mut self) -> Result<bool, QuantError> {
        let (done, total) = self.progress();
        if done >= total {
            return Ok(false);
        }
        let (batch, step) = (done / self.steps(), done % self.steps());
        match step.checked_sub(1) {
            None => {
                let first = batch * self.batch;
                let count = self.batch.min(self.images - first);
                let len = self.input.len() / self.images;
                let input = &self.input[first * len..][..count * len];
                self.now = Some(Values::of(&self.original, &mut self.plan, input, count)?);
            }
            Some(step) => self.measure(step / self.variants.len(), step % self.variants.len())?,
        }
        self.done += 1;
        Ok(self.done < total)
    }

    /// One layer at one width, on the current batch.
    fn measure(&mut self, layer: usize, variant: usize) -> Result<(), QuantError> {
        let Some(values) = &self.now else { return Ok(()) };
        let layer = &mut self.layers[layer];
        let mut node = self.variants[variant].graph.nodes[layer.node].clone();
        node.dynamic = None;
        if self.unbiased {
            take_back_shift(&self.original, layer.node, &mut node, values, self.backend)?;
        }
        let mut graph = rest(&self.original, layer.node);
        graph.nodes[0] = node;
        let (are, should) = (values.finish(&graph, self.backend)?, values.outputs(&self.original));
        for ((are, should), &output) in are.iter().zip(&should).zip(&graph.outputs) {
            let len = graph.value(output).len().max(1);
            layer.losses[variant] += are.chunks(len).zip(should.chunks(len)).map(|(are, should)| divergence(should, are)).sum::<f64>();
        }
        Ok(())
    }

    /// Does what is left to do, and gives the sensitivities of all layers with weights, in order of execution. A width at
    /// which the loss is not finite is left out.
    ///
    /// # Errors
    /// If a graph cannot run.
    pub fn finish(mut self) -> Result<Vec<LayerSensitivity>, QuantError> {
        while self.step()? {}
        let Self { original, variants, images, layers, .. } = self;
        let sensitivity = |layer: Layer| {
            let node = &original.nodes[layer.node];
            let option = |(variant, loss): (&Variant, &f64)| WidthOption {
                bits: variant.bits,
                bytes: packed::node_bytes(&variant.graph.nodes[layer.node]),
                loss: (loss / images as f64) as f32,
            };
            LayerSensitivity {
                name: node.name.clone(),
                weights: weights_of(node).map_or(0, |(weights, _)| weights.len()),
                options: variants.iter().zip(&layer.losses).map(option).filter(|option| option.loss.is_finite()).collect(),
            }
        };
        Ok(layers.into_iter().map(sensitivity).collect())
    }
}

/// Changes the bias of a quantized layer so that the mean of each output channel, before its activation, is that of f32
/// on the inputs at hand.
pub(super) fn take_back_shift(
    original: &Graph,
    index: usize,
    node: &mut Node,
    values: &Values,
    backend: Backend,
) -> Result<(), QuantError> {
    let before = &original.nodes[index];
    let mut difference = Node { activation: Activation::None, ..before.clone() };
    let (Some((Weights::F32(real), _)), Some((now, channels))) = (weights_of(before), weights_of(node)) else { return Ok(()) };
    let errors: Vec<f32> = now.dequantize(channels).iter().zip(real).map(|(now, real)| now - real).collect();
    if let Some((weights, bias, _)) = parts_of(&mut difference) {
        (*weights, *bias) = (Weights::F32(errors), None);
    }
    let mut graph = rest(original, index);
    graph.nodes = vec![difference];
    (graph.inputs, graph.outputs) = (before.inputs.clone(), vec![before.output]);
    let output = values.finish(&graph, backend)?.swap_remove(0);
    let mut shift = vec![0.0f64; channels];
    for row in output.chunks(channels) {
        shift.iter_mut().zip(row).for_each(|(sum, &error)| *sum += f64::from(error));
    }
    let rows = (output.len() / channels.max(1)).max(1) as f64;
    let Some((_, bias, _)) = parts_of(node) else { return Ok(()) };
    for (bias, shift) in bias.get_or_insert_with(|| vec![0.0; channels]).iter_mut().zip(shift) {
        *bias -= (shift / rows) as f32;
    }
    Ok(())
}
