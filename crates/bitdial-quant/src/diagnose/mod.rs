//! What quantization broke, layer by layer: noise of weights and activations, and what each layer costs at the output.
//!
//! Source of the two measures at the output, one layer quantized by itself and all layers up to it: Nagel et al. 2021, 'A
//! white paper on neural network quantization', section 3.6 (debugging workflow).

mod activations;
mod isolate;
mod noise;
mod tensor;
mod values;
mod weights;

use std::sync::Arc;

use bitdial_ir::Graph;
use bitdial_kernels::Backend;
use bitdial_protocol::{Diagnosis, LayerDiagnosis};
use bitdial_runtime::Plan;

use crate::error::QuantError;
use activations::Activations;
use noise::{Noise, Shift};

pub use isolate::isolate;
pub(crate) use noise::divergence;
pub(crate) use values::{Values, batch, options, rest};
pub(crate) use weights::{parts_of, weights_of};

/// Images on which a model is diagnosed, if there are as many. The ratios of fashion-mobilenet's layers at W4A8 from 64
/// images differ from those of 512 by 0.6 dB at most.
pub const DIAGNOSIS_IMAGES: usize = 64;

/// A layer that is quantized.
#[derive(Debug)]
struct Layer {
    /// Index of its node.
    node: usize,
    only: Noise,
    up_to: Noise,
    activations: Option<Activations>,
}

/// Values of a batch of images, in f32 and quantized.
#[derive(Debug)]
struct Batch {
    real: Values,
    quantized: Values,
}

/// A diagnosis that has begun. Dropping it gives it up.
#[derive(Debug)]
pub struct Diagnoser {
    original: Arc<Graph>,
    quantized: Arc<Graph>,
    backend: Backend,
    input: Vec<f32>,
    images: usize,
    /// Images of a batch.
    batch: usize,
    layers: Vec<Layer>,
    output: Noise,
    shift: Shift,
    /// Both models, one step for each node.
    plans: [Plan; 2],
    /// The batch that is looked at.
    now: Option<Batch>,
    done: usize,
}

impl Diagnoser {
    /// Compares a quantized graph with `original`, the f32 graph that computes the same: after corrections that change it
    /// (as equalization does), and with the same nodes. `input` holds `images` images, NCHW.
    ///
    /// # Errors
    /// If the graphs are not of one model, it has several inputs, there are no images or they have the wrong length, or
    /// a graph cannot be compiled.
    pub fn new(original: Arc<Graph>, quantized: Arc<Graph>, input: Vec<f32>, images: usize, backend: Backend) -> Result<Self, QuantError> {
        let &[port] = &original.inputs[..] else { return Err(QuantError::Inputs(original.inputs.len())) };
        let same = original.nodes.len() == quantized.nodes.len()
            && original.values.len() == quantized.values.len()
            && original.nodes.iter().zip(&quantized.nodes).all(|(a, b)| a.name == b.name && a.inputs == b.inputs && a.output == b.output);
        if !same {
            return Err(QuantError::OtherModel);
        }
        let plans = [Plan::compile_unfused(&original, options(backend))?, Plan::compile_unfused(&quantized, options(backend))?];
        let len = original.value(port).len();
        if images == 0 || len.checked_mul(images) != Some(input.len()) {
            return Err(QuantError::Images { images, len: input.len(), each: len });
        }
        let changed = |node: usize| {
            let (before, after) = (&original.nodes[node], &quantized.nodes[node]);
            let output = quantized.value(after.output);
            let own_grid = (output.quant.is_some() || output.simulated.is_some()) && !isolate::shares_grid(&quantized, after);
            own_grid || after.dynamic.is_some() || before.op != after.op
        };
        let layer = |node| Layer { node, only: Noise::default(), up_to: Noise::default(), activations: None };
        let layers = (0..quantized.nodes.len()).filter(|&node| changed(node)).map(layer).collect();
        let batch = batch(&original).min(images);
        Ok(Self {
            original,
            quantized,
            backend,
            input,
            images,
            batch,
            layers,
            output: Noise::default(),
            shift: Shift::default(),
            plans,
            now: None,
            done: 0,
        })
    }

    /// Steps done and steps in all: one for each layer and batch of images, and two for each batch.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.done, self.images.div_ceil(self.batch) * (self.layers.len() + 2))
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
        // First the ranges of all images, then batch by batch: all values, and each layer.
        let batches = self.images.div_ceil(self.batch);
        match done.checked_sub(batches) {
            None => self.ranges(done)?,
            Some(step) => {
                let (batch, step) = (step / (self.layers.len() + 1), step % (self.layers.len() + 1));
                match step.checked_sub(1) {
                    None => self.values(batch)?,
                    Some(layer) => self.layer(layer)?,
                }
            }
        }
        self.done += 1;
        Ok(self.done < total)
    }

    /// How many images a batch has.
    fn images(&self, batch: usize) -> usize {
        self.batch.min(self.images - batch * self.batch)
    }

    /// The images of a batch.
    fn input(&self, batch: usize) -> (&[f32], usize) {
        let count = self.images(batch);
        let len = self.input.len() / self.images;
        (&self.input[batch * self.batch * len..][..count * len], count)
    }

    fn ranges(&mut self, batch: usize) -> Result<(), QuantError> {
        let (input, count) = self.input(batch);
        let input = input.to_vec();
        let real = Values::of(&self.original, &mut self.plans[0], &input, count)?;
        for layer in &mut self.layers {
            if batch == 0 {
                layer.activations = Activations::of(&self.quantized, layer.node);
            }
            if let Some(activations) = &mut layer.activations {
                activations.see_range(real.get(activations.value()));
            }
        }
        if batch == 0 && self.batch == self.images {
            // They are the values of the only batch.
            let quantized = Values::of(&self.quantized, &mut self.plans[1], &input, count)?;
            self.now = Some(Batch { real, quantized });
        }
        Ok(())
    }

    fn values(&mut self, batch: usize) -> Result<(), QuantError> {
        if self.now.is_none() || self.batch < self.images {
            let (input, count) = self.input(batch);
            let input = input.to_vec();
            let real = Values::of(&self.original, &mut self.plans[0], &input, count)?;
            let quantized = Values::of(&self.quantized, &mut self.plans[1], &input, count)?;
            self.now = Some(Batch { real, quantized });
        }
        let Some(Batch { real, quantized }) = &self.now else { return Ok(()) };
        let (are, should) = (quantized.outputs(&self.quantized), real.outputs(&self.original));
        for (is, should) in are.iter().zip(&should) {
            self.output.add_all(is, should);
        }
        self.shift.add_all(&are, &should, self.images(batch));
        for activations in self.layers.iter_mut().filter_map(|layer| layer.activations.as_mut()) {
            activations.see(real.get(activations.value()));
        }
        Ok(())
    }

    fn layer(&mut self, layer: usize) -> Result<(), QuantError> {
        let Some(Batch { real, quantized }) = &self.now else { return Ok(()) };
        let layer = &mut self.layers[layer];
        let should = real.outputs(&self.original);
        // In f32 up to this layer: the values are there.
        let mut only = rest(&self.original, layer.node);
        only.nodes[0] = isolate::alone(&self.original.nodes[layer.node], &self.quantized.nodes[layer.node]);
        let output = only.nodes[0].output;
        only.values[output.0].clone_from(self.quantized.value(output));
        only.accumulator = self.quantized.accumulator;
        let only = real.finish(&only, self.backend)?;
        // Quantized up to this layer: the values are there too.
        let up_to = quantized.finish(&rest(&self.original, layer.node + 1), self.backend)?;
        for ((only, up_to), should) in only.iter().zip(&up_to).zip(&should) {
            layer.only.add_all(only, should);
            layer.up_to.add_all(up_to, should);
        }
        Ok(())
    }

    /// Does what is left to do, and gives the diagnosis.
    ///
    /// # Errors
    /// If a graph cannot run.
    pub fn finish(mut self) -> Result<Diagnosis, QuantError> {
        while self.step()? {}
        let layers = self.layers.into_iter().map(|layer| LayerDiagnosis {
            name: self.quantized.nodes[layer.node].name.clone(),
            weights: weights::diagnose(&self.original, &self.quantized, layer.node),
            activations: layer.activations.map(Activations::finish),
            only: layer.only.db(),
            up_to: layer.up_to.db(),
        });
        Ok(Diagnosis { images: self.images, output: self.output.db(), shift: self.shift.share(), layers: layers.collect() })
    }
}
