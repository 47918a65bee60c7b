//! A quantized model: what it is, and what runs.

use std::sync::Arc;

use bitdial_ir::{Graph, Node, Weights, packed};
use bitdial_kernels::Backend;
use bitdial_numerics::ActivationParams;
use bitdial_protocol::{Execution, LayerDetail, QuantizedInfo, QuantizedLayer, Recipe};
use bitdial_runtime::{Options, Step};

use crate::describe;
use crate::detail;
use crate::energy::energy;
use crate::error::EngineError;
use crate::images::Images;
use crate::machine::Machine;
use crate::runner::{Runnable, Runner};
use crate::verify::Verification;

/// A model quantized by one recipe and compiled.
#[derive(Debug)]
pub struct Quantized {
    original: Arc<Graph>,
    graph: Arc<Graph>,
    runner: Runner,
    info: QuantizedInfo,
}

impl Quantized {
    pub(crate) fn new(original: Arc<Graph>, graph: Graph, recipe: &Recipe, machine: &Arc<Machine>) -> Result<Self, EngineError> {
        let runner = Runner::new(&graph, options(machine.backend()), machine)?;
        let layers = graph.nodes.iter().zip(runner.steps()).map(|(node, step)| QuantizedLayer {
            name: node.name.clone(),
            op: describe::operator(node),
            kernel: step.kernel.clone(),
            execution: execution(step),
            weight_bits: weight_bits(node),
            activation_bits: graph.value(node.output).quant.map(|grid| activation_bits(grid, recipe)),
            bytes: packed::node_bytes(node),
            weight_sqnr: weight_sqnr(&original, node),
        });
        let info =
            QuantizedInfo { layers: layers.collect(), size: packed::write(&graph).len(), energy: energy(&graph), memory: runner.memory() };
        Ok(Self { original, graph: Arc::new(graph), runner, info })
    }

    /// What it is.
    #[must_use]
    pub fn info(&self) -> &QuantizedInfo {
        &self.info
    }

    /// The annotated graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The packed model: the bytes that its size counts. The same recipe gives the same bytes on any machine.
    #[must_use]
    pub fn packed(&self) -> Vec<u8> {
        packed::write(&self.graph)
    }

    /// A closer look at one layer's weights.
    ///
    /// # Errors
    /// [`EngineError::NoLayer`] if there is no layer of that name, or it has no weights.
    pub fn layer_detail(&self, name: &str) -> Result<LayerDetail, EngineError> {
        let (Some((Weights::F32(weights), channels)), Some((now, _))) = (find(&self.original, name), find(&self.graph, name)) else {
            return Err(EngineError::NoLayer(name.to_owned()));
        };
        Ok(detail::layer(name, weights, channels, now))
    }

    /// Starts to compare the backends of this build on the first `count` images of a set.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the images do not fit the model, [`EngineError::Runtime`] if it cannot be compiled.
    pub fn verification(&self, images: Arc<Images>, count: usize) -> Result<Verification, EngineError> {
        self.runner.check_images(&images)?;
        Verification::new(&self.graph, self.runner.machine(), images, count)
    }
}

impl Runnable for Quantized {
    fn runner(&mut self) -> &mut Runner {
        &mut self.runner
    }

    fn tune(&mut self, now: &dyn Fn() -> f64) -> Result<(), EngineError> {
        self.runner.tune(&self.graph, now)?;
        for (layer, step) in self.info.layers.iter_mut().zip(self.runner.steps()) {
            layer.kernel.clone_from(&step.kernel);
        }
        Ok(())
    }
}

/// How every quantized model is compiled, to run and to be verified: strict, so that what it computes in f32 (all of
/// it, for weights only) is the same on every backend, as its integers are.
pub(crate) fn options(backend: Backend) -> Options {
    Options { backend, strict: true }
}

pub(crate) fn execution(step: &Step) -> Execution {
    match step.execution {
        bitdial_runtime::Execution::Float => Execution::Float,
        bitdial_runtime::Execution::WeightOnly => Execution::WeightOnly,
        bitdial_runtime::Execution::Simulated => Execution::Simulated,
        bitdial_runtime::Execution::Integer => Execution::Integer,
        bitdial_runtime::Execution::DynamicInteger => Execution::DynamicInteger,
        bitdial_runtime::Execution::Movement => Execution::Movement,
    }
}

/// The weights of a layer and its number of output channels, by the layer's name.
fn find<'a>(graph: &'a Graph, name: &str) -> Option<(&'a Weights, usize)> {
    graph.nodes.iter().find(|node| node.name == name).and_then(describe::weights)
}

fn weight_bits(node: &Node) -> Option<u8> {
    describe::weights(node)?.0.bits()
}

/// The width that the recipe gave a grid. A symmetric grid without negative values leaves the sign bit unused.
fn activation_bits(grid: ActivationParams, recipe: &Recipe) -> u8 {
    let unsigned = recipe.activations.is_some_and(|scheme| scheme.symmetric) && grid.low == 0;
    (u8::BITS - grid.high.leading_zeros()) as u8 + u8::from(unsigned)
}

fn weight_sqnr(original: &Graph, node: &Node) -> Option<f32> {
    let (quantized, channels) = describe::weights(node)?;
    let (Weights::F32(weights), _) = find(original, &node.name)? else { return None };
    bitdial_quant::weight_sqnr(weights, quantized, channels)
}
