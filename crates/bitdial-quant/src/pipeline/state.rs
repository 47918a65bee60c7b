//! What the stages of a pipeline hand on to each other.

use std::sync::Arc;

use bitdial_ir::Graph;
use bitdial_kernels::Backend;
use bitdial_protocol::Recipe;

use super::Samples;
use crate::calibrate::Ranges;
use crate::error::QuantError;

/// A model between f32 and integers.
#[derive(Debug)]
pub(crate) struct State {
    /// The recipe without its corrections: what [`crate::quantize`] does.
    pub recipe: Recipe,
    /// Whose kernels run.
    pub backend: Backend,
    /// The model in f32, with its weights as the corrections so far have rescaled them. It computes what the model
    /// computes; its biases are those of f32.
    pub float: Arc<Graph>,
    /// The same with the weights that those of `quantized` are rounded from. Differs from `float` where a correction
    /// rescales weights that are rounded already.
    pub reference: Arc<Graph>,
    /// Ranges of `float`.
    pub ranges: Option<Arc<Ranges>>,
    /// Whether `float` has other weights than the model that the pipeline began with.
    pub rescaled: bool,
    /// The annotated graph, from [`super::Stage::Quantizing`] on. Its nodes and values are those of `float`, in that
    /// order; corrections change weights and biases.
    pub quantized: Option<Graph>,
    /// Names of the layers that a BatchNorm was folded into.
    pub normalized: Vec<String>,
    samples: Option<Box<dyn Samples>>,
}

impl State {
    pub fn new(
        graph: &Arc<Graph>,
        recipe: &Recipe,
        backend: Backend,
        samples: Option<Box<dyn Samples>>,
        ranges: Option<Arc<Ranges>>,
        normalized: Vec<String>,
    ) -> Self {
        Self {
            recipe: Recipe { corrections: Vec::new(), ..recipe.clone() },
            backend,
            float: Arc::clone(graph),
            reference: Arc::clone(graph),
            ranges,
            rescaled: false,
            quantized: None,
            normalized,
            samples,
        }
    }

    /// How many calibration images there are.
    pub fn images(&self) -> usize {
        self.samples.as_ref().map_or(0, |samples| samples.count())
    }

    /// Some calibration images as one input: f32, NCHW.
    pub fn batch(&self, first: usize, count: usize) -> Vec<f32> {
        self.samples.as_ref().map_or_else(Vec::new, |samples| samples.batch(first, count))
    }

    /// Puts another f32 model in place of the one so far; ranges found before are those of another model then.
    pub fn rescale(&mut self, graph: Graph) {
        self.float = Arc::new(graph);
        self.reference = Arc::clone(&self.float);
        (self.ranges, self.rescaled) = (None, true);
    }

    /// The annotated graph.
    pub fn quantized(&self) -> Result<&Graph, QuantError> {
        self.quantized.as_ref().ok_or(QuantError::NotCalibrated)
    }

    /// The annotated graph, to change weights and biases in.
    pub fn quantized_mut(&mut self) -> Result<&mut Graph, QuantError> {
        self.quantized.as_mut().ok_or(QuantError::NotCalibrated)
    }
}
