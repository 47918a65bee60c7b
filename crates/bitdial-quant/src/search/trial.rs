//! Allocations, run: what the whole model loses with each layer at the width that it was given.
//!
//! Where a recipe has corrections that shift the means of channels back, so has a run: node by node, as bias correction
//! does it, on what the narrow layers before have made of the images. Without that a run says little about such a recipe:
//! of fashion-mobilenet at 3 bits, biases that are corrected on f32 inputs leave three times the divergence. Rounding that
//! is learned is not repeated: it takes seconds, and gains most where plain rounding loses most.

use std::sync::Arc;

use bitdial_ir::{Graph, Node};
use bitdial_kernels::Backend;
use bitdial_protocol::MeasuredPoint;

use super::Variant;
use super::superpose::Superposition;
use crate::corrections::layer::{bias_limits, parts_mut};
use crate::diagnose::{divergence, weights_of};
use crate::error::QuantError;
use crate::pipeline::stats::Channels;
use crate::pipeline::walk::Walk;

/// Images that an allocation is run on, if there are as many.
pub const TRIAL_IMAGES: usize = 256;
/// Images on which widths of single layers are tried.
pub const SCOUT_IMAGES: usize = 128;
/// Images that means of channels are taken from: of the error of a mean they leave an eighth of its deviation.
const MEAN_IMAGES: usize = 64;

/// What trials run on.
#[derive(Clone, Debug)]
pub struct TrialImages {
    /// NCHW, image after image.
    pub input: Vec<f32>,
    /// How many.
    pub count: usize,
    /// A label for each, or none: then the classes that f32 finds are the right ones.
    pub labels: Vec<u16>,
}

impl TrialImages {
    /// The first of them.
    #[must_use]
    pub fn first(&self, most: usize) -> Self {
        let count = self.count.min(most);
        let input = self.input[..self.input.len() / self.count.max(1) * count].to_vec();
        Self { input, count, labels: self.labels.iter().take(count).copied().collect() }
    }
}

/// Models to run with any widths, and what the f32 model says of the images.
#[derive(Debug)]
pub struct Trials {
    variants: Vec<Variant>,
    /// Nodes with weights, in order of execution.
    layers: Vec<usize>,
    /// Means of the channels of each node in f32, where they are given back.
    means: Vec<Option<Channels>>,
    start: Walk,
    images: usize,
    /// Logits in f32, image after image.
    should: Vec<f32>,
    labels: Vec<u16>,
    /// How many images f32 classifies right.
    right: usize,
}

/// A run with some widths, and where it stood before each layer.
#[derive(Debug)]
pub struct Run {
    widths: Vec<u8>,
    /// The graph, corrected.
    graph: Graph,
    before: Vec<Walk>,
    /// Outputs, image after image.
    pub logits: Vec<f32>,
}

impl Trials {
    /// Runs the f32 model. `unbiased` says that runs give channels their means back.
    ///
    /// # Errors
    /// If the graphs are not of one model, or cannot run.
    pub fn new(
        original: &Arc<Graph>,
        variants: Vec<Variant>,
        unbiased: bool,
        images: TrialImages,
        backend: Backend,
    ) -> Result<Self, QuantError> {
        if variants.iter().any(|variant| variant.graph.nodes.len() != original.nodes.len()) {
            return Err(QuantError::OtherModel);
        }
        let TrialImages { input, count, labels } = images;
        let start = Walk::on(original, input, count, backend)?;
        let mut walk = start.fork();
        let mut means = Vec::new();
        while unbiased && walk.at() < original.nodes.len() {
            means.push(means_of(&walk, original)?);
            walk.advance(original, count)?;
        }
        let should = walk.finish(original)?;
        let classes = classes(&should, count);
        let labels = if labels.len() == count { labels } else { classes.clone() };
        let right = hits(&classes, &labels);
        let layers = (0..original.nodes.len()).filter(|&node| weights_of(&original.nodes[node]).is_some()).collect();
        Ok(Self { variants, layers, means, start, images: count, should, labels, right })
    }

    /// Images of a trial.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// Multiply-accumulates of a run.
    pub(super) fn macs(&self) -> u64 {
        let Some(Variant { graph, .. }) = self.variants.first() else { return 0 };
        let node = |&node: &usize| {
            let node = &graph.nodes[node];
            let (weights, positions) = weights_of(node).map_or((0, 0), |(weights, channels)| {
                (weights.len() as u64, graph.value(node.output).len() as u64 / (channels as u64).max(1))
            });
            weights.saturating_mul(positions)
        };
        // Where means are looked at first, every layer runs twice on some.
        let runs = (self.images + if self.means.is_empty() { 0 } else { self.images.min(MEAN_IMAGES) }) as u64;
        self.layers.iter().map(node).fold(0, u64::saturating_add).saturating_mul(runs)
    }

    /// Runs the model with each layer at its width, in bits, and remembers where it stood before each.
    ///
    /// # Errors
    /// If it cannot run.
    pub fn run(&self, widths: &[u8]) -> Result<Run, QuantError> {
        let mut graph = self.variants.first().ok_or(QuantError::OtherModel)?.graph.clone();
        for (layer, &bits) in widths.iter().enumerate() {
            self.set(&mut graph, layer, bits)?;
        }
        let mut walk = self.start.fork();
        let mut before = Vec::with_capacity(widths.len());
        while walk.at() < graph.nodes.len() {
            if self.layers.get(before.len()) == Some(&walk.at()) {
                before.push(walk.fork());
            }
            self.correct(&walk, &mut graph)?;
            walk.advance(&graph, self.images)?;
        }
        let logits = walk.finish(&graph)?;
        Ok(Run { widths: widths.to_vec(), graph, before, logits })
    }

    /// The same, but for the outputs nothing is remembered.
    ///
    /// # Errors
    /// If it cannot run.
    pub fn outputs(&self, widths: &[u8]) -> Result<Vec<f32>, QuantError> {
        Ok(self.run(widths)?.logits)
    }

    /// What changes of single widths are added to.
    pub(super) fn around(&self, run: &Run) -> Superposition {
        let len = self.should.len() / self.images.max(1);
        Superposition::new(&run.widths, &run.logits, &self.should, len)
    }

    /// What another width of one layer makes of a run: the outputs.
    ///
    /// # Errors
    /// If it cannot run.
    pub fn vary(&self, run: &Run, layer: usize, bits: u8) -> Result<Vec<f32>, QuantError> {
        let mut graph = run.graph.clone();
        let mut walk = run.before.get(layer).ok_or(QuantError::OtherModel)?.fork();
        // Corrections begin anew where the runs part.
        for (later, &width) in run.widths.iter().enumerate().skip(layer) {
            self.set(&mut graph, later, if later == layer { bits } else { width })?;
        }
        while !self.means.is_empty() && walk.at() < graph.nodes.len() {
            self.correct(&walk, &mut graph)?;
            walk.advance(&graph, self.images)?;
        }
        walk.finish(&graph)
    }

    /// What such outputs have lost.
    #[must_use]
    pub fn measure(&self, are: &[f32]) -> MeasuredPoint {
        let lost = self.right as f64 - hits(&classes(are, self.images), &self.labels) as f64;
        MeasuredPoint { loss: self.loss(are) as f32, drop: (100.0 * lost / self.images.max(1) as f64) as f32 }
    }

    /// The mean divergence of such outputs from those in f32, nats.
    #[must_use]
    pub fn loss(&self, are: &[f32]) -> f64 {
        let len = (are.len() / self.images.max(1)).max(1);
        let loss: f64 = are.chunks(len).zip(self.should.chunks(len)).map(|(are, should)| divergence(should, are)).sum();
        // What is no number is no result.
        if loss.is_nan() { f64::INFINITY } else { loss / self.images.max(1) as f64 }
    }

    /// Gives a layer its width.
    fn set(&self, graph: &mut Graph, layer: usize, bits: u8) -> Result<(), QuantError> {
        let variant = self.variants.iter().find(|variant| variant.bits == bits).ok_or(QuantError::OtherModel)?;
        let &node = self.layers.get(layer).ok_or(QuantError::OtherModel)?;
        graph.nodes[node].clone_from(&variant.graph.nodes[node]);
        Ok(())
    }

    /// Gives the channels of the next node their means in f32 back.
    fn correct(&self, walk: &Walk, graph: &mut Graph) -> Result<(), QuantError> {
        let at = walk.at();
        let Some(Some(float)) = self.means.get(at) else { return Ok(()) };
        let Some(found) = means_of(walk, graph)? else { return Ok(()) };
        let limits = bias_limits(graph, &graph.nodes[at]).unwrap_or_default();
        let Some(layer) = parts_mut(&mut graph.nodes[at]) else { return Ok(()) };
        let bias = layer.bias.get_or_insert_with(|| vec![0.0; layer.channels]);
        for (c, (bias, limit)) in bias.iter_mut().zip(limits).enumerate() {
            let wanted = f64::from(*bias) + float.mean(c) - found.mean(c);
            if wanted.is_finite() {
                *bias = (wanted as f32).clamp(-limit, limit);
            }
        }
        Ok(())
    }
}

/// The channels of the next node before its activation, on the first images; `None` if it has no weights.
fn means_of(walk: &Walk, graph: &Graph) -> Result<Option<Channels>, QuantError> {
    let channels = |node: &Node| weights_of(node).map(|(_, channels)| Channels::new(channels));
    let Some(mut channels) = graph.nodes.get(walk.at()).and_then(channels) else { return Ok(None) };
    walk.fork().look(graph, MEAN_IMAGES, &mut |x| channels.add(x))?;
    Ok(Some(channels))
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
