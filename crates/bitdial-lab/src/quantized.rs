//! A quantized model as the lab made it.

use std::sync::Arc;

use bitdial_engine::describe;
use bitdial_ir::onnx::{self, About};
use bitdial_ir::{Graph, Node, Value, Weights, packed};
use bitdial_kernels::Backend;
use bitdial_numerics::FakeQuant;
use bitdial_protocol::{CorrectionReport, LayerDetail, MadeLayer, Making, Recipe};
use bitdial_quant::Ranges;

use crate::detail;
use crate::error::LabError;
use crate::search::Memory;

/// A model quantized by one recipe.
#[derive(Debug)]
pub struct Quantized {
    /// What its weights are rounded from.
    reference: Arc<Graph>,
    /// What computes the same in f32.
    float: Arc<Graph>,
    graph: Arc<Graph>,
    /// Static ranges of the values of `float`.
    ranges: Option<Arc<Ranges>>,
    recipe: Recipe,
    making: Making,
    backend: Backend,
    measured: Arc<Memory>,
}

/// What a quantized model keeps of where it comes from.
#[derive(Debug)]
pub(crate) struct Origin {
    pub reference: Arc<Graph>,
    pub float: Arc<Graph>,
    pub ranges: Option<Arc<Ranges>>,
    pub recipe: Recipe,
    pub backend: Backend,
    pub measured: Arc<Memory>,
}

impl Quantized {
    pub(crate) fn new(origin: Origin, graph: Graph, corrections: Vec<CorrectionReport>) -> Self {
        let Origin { reference, float, ranges, recipe, backend, measured } = origin;
        let layer = |node: &Node| MadeLayer {
            activation_bits: activation_bits(graph.value(node.output), &recipe),
            weight_sqnr: weight_sqnr(&reference, node),
        };
        let layers = graph.nodes.iter().map(layer).collect();
        Self { making: Making { layers, corrections }, reference, float, graph: Arc::new(graph), ranges, recipe, backend, measured }
    }

    /// How it came about.
    #[must_use]
    pub fn making(&self) -> &Making {
        &self.making
    }

    /// The annotated graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn shared_graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    pub(crate) fn float(&self) -> &Arc<Graph> {
        &self.float
    }

    pub(crate) fn ranges(&self) -> Option<&Ranges> {
        self.ranges.as_deref()
    }

    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }

    pub(crate) fn measured(&self) -> &Arc<Memory> {
        &self.measured
    }

    /// The packed model: what runners take, and the bytes that its size counts. The same recipe gives the same bytes on
    /// any machine.
    #[must_use]
    pub fn packed(&self) -> Vec<u8> {
        packed::write(&self.graph)
    }

    /// The model as an ONNX file with `QuantizeLinear` and `DequantizeLinear`, which says how it was made.
    ///
    /// # Errors
    /// [`LabError::Ir`] for what ONNX cannot say, with the layer and the reason.
    pub fn onnx(&self) -> Result<Vec<u8>, LabError> {
        let about = About { version: env!("CARGO_PKG_VERSION"), recipe: Some(&self.recipe.to_json()) };
        Ok(onnx::write(&self.graph, about)?)
    }

    /// A closer look at one layer's weights.
    ///
    /// # Errors
    /// [`LabError::NoLayer`] if there is no layer of that name, or it has no weights.
    pub fn layer_detail(&self, name: &str) -> Result<LayerDetail, LabError> {
        let (Some((Weights::F32(weights), channels)), Some((now, _))) = (find(&self.reference, name), find(&self.graph, name)) else {
            return Err(LabError::NoLayer(name.to_owned()));
        };
        Ok(detail::layer(name, weights, channels, now))
    }
}

/// The weights of a layer and its number of output channels, by the layer's name.
fn find<'a>(graph: &'a Graph, name: &str) -> Option<(&'a Weights, usize)> {
    graph.nodes.iter().find(|node| node.name == name).and_then(describe::weights)
}

/// The width that the recipe gave a value, if it is quantized. A symmetric grid without negative values leaves the sign bit
/// unused.
fn activation_bits(value: &Value, recipe: &Recipe) -> Option<u8> {
    let symmetric = recipe.activations.is_some_and(|scheme| scheme.symmetric);
    let unsigned = |low: u16| u8::from(symmetric && low == 0);
    match (value.quant, value.simulated) {
        (Some(grid), _) => Some((u8::BITS - grid.high.leading_zeros()) as u8 + unsigned(grid.low.into())),
        (None, Some(format)) => Some(format.bits() + if let FakeQuant::Grid(grid) = format { unsigned(grid.low) } else { 0 }),
        (None, None) => None,
    }
}

fn weight_sqnr(reference: &Graph, node: &Node) -> Option<f32> {
    let (quantized, channels) = describe::weights(node)?;
    let (Weights::F32(weights), _) = find(reference, &node.name)? else { return None };
    bitdial_quant::weight_sqnr(weights, quantized, channels)
}
