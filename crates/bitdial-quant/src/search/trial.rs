//! Allocations, run: what the whole model loses with each layer at the width that it was given.

use std::sync::Arc;

use bitdial_ir::Graph;
use bitdial_kernels::Backend;
use bitdial_protocol::MeasuredPoint;
use bitdial_runtime::Plan;

use super::Variant;
use super::sensitivity::take_back_shift;
use crate::diagnose::{Values, batch, divergence, options, weights_of};
use crate::error::QuantError;

/// Images that an allocation is run on, if there are as many.
pub const TRIAL_IMAGES: usize = 512;

/// The images of trials, and what the f32 model says of them.
#[derive(Debug)]
pub struct Trials {
    variants: Vec<Variant>,
    /// Nodes with weights, in order of execution.
    layers: Vec<usize>,
    backend: Backend,
    input: Vec<f32>,
    images: usize,
    /// Logits in f32, image after image.
    should: Vec<f32>,
    labels: Vec<u16>,
    /// How many images f32 classifies right.
    right: usize,
}

impl Trials {
    /// Runs the f32 model on `images` images, NCHW. There is a label for each image, or none: then the classes that f32
    /// finds are the right ones.
    ///
    /// # Errors
    /// If the graphs are not of one model, or cannot run.
    pub fn new(
        original: &Arc<Graph>,
        mut variants: Vec<Variant>,
        unbiased: bool,
        input: Vec<f32>,
        images: usize,
        labels: &[u16],
        backend: Backend,
    ) -> Result<Self, QuantError> {
        if variants.iter().any(|variant| variant.graph.nodes.len() != original.nodes.len()) {
            return Err(QuantError::OtherModel);
        }
        let layers: Vec<usize> = (0..original.nodes.len()).filter(|&node| weights_of(&original.nodes[node]).is_some()).collect();
        if unbiased {
            let count = batch(original).min(images);
            let mut plan = Plan::compile_unfused(original, options(backend))?;
            let values = Values::of(original, &mut plan, &input[..input.len() / images * count], count)?;
            for variant in &mut variants {
                for &layer in &layers {
                    take_back_shift(original, layer, &mut variant.graph.nodes[layer], &values, backend)?;
                }
            }
        }
        let should = Plan::compile(original, options(backend))?.run(&[&input], images)?.swap_remove(0);
        let classes = classes(&should, images);
        let labels = if labels.len() == images { labels.to_vec() } else { classes.clone() };
        let right = hits(&classes, &labels);
        Ok(Self { variants, layers, backend, input, images, should, labels, right })
    }

    /// Images of a trial.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// Runs the model with each layer at its width, in bits.
    ///
    /// # Errors
    /// If it cannot run.
    pub fn run(&self, widths: &[u8]) -> Result<MeasuredPoint, QuantError> {
        let mut graph = self.variants.first().ok_or(QuantError::OtherModel)?.graph.clone();
        for (&node, &bits) in self.layers.iter().zip(widths) {
            let variant = self.variants.iter().find(|variant| variant.bits == bits).ok_or(QuantError::OtherModel)?;
            graph.nodes[node].clone_from(&variant.graph.nodes[node]);
        }
        let are = Plan::compile(&graph, options(self.backend))?.run(&[&self.input], self.images)?.swap_remove(0);
        let len = (are.len() / self.images.max(1)).max(1);
        let loss: f64 = are.chunks(len).zip(self.should.chunks(len)).map(|(are, should)| divergence(should, are)).sum();
        let lost = self.right as f64 - hits(&classes(&are, self.images), &self.labels) as f64;
        let images = self.images.max(1) as f64;
        Ok(MeasuredPoint { loss: (loss / images) as f32, drop: (100.0 * lost / images) as f32 })
    }
}

/// The index of the largest output of each image; the first of several.
fn classes(outputs: &[f32], images: usize) -> Vec<u16> {
    let len = (outputs.len() / images.max(1)).max(1);
    let class = |output: &[f32]| (1..output.len()).fold(0, |best, i| if output[i] > output[best] { i } else { best });
    outputs.chunks(len).map(|output| u16::try_from(class(output)).unwrap_or(u16::MAX)).collect()
}

fn hits(classes: &[u16], labels: &[u16]) -> usize {
    classes.iter().zip(labels).filter(|(a, b)| a == b).count()
}
