//! What a grid does to the activations that a layer puts out, or takes where they are quantized on each run.

use bitdial_ir::{Graph, ValueId};
use bitdial_numerics::ActivationParams;
use bitdial_protocol::TensorDiagnosis;

use super::tensor::{Pair, Tensor};
use bitdial_ir::DynamicQuant;

/// From where the grid of a value comes.
#[derive(Clone, Copy, Debug)]
enum Grid {
    /// Known before.
    Fixed(ActivationParams),
    /// From the range of each image.
    Dynamic(DynamicQuant),
}

/// Statistics of the activations of a layer.
#[derive(Clone, Debug)]
pub(crate) struct Activations {
    value: ValueId,
    grid: Grid,
    /// Elements of an image, and of them in a row: one of each channel.
    image: usize,
    channels: usize,
    /// Smallest and largest value of all images, and the largest absolute value of each channel.
    range: (f32, f32),
    maxima: Vec<f32>,
    tensor: Option<Tensor>,
}

impl Activations {
    /// Of a node; `None` where none are quantized.
    pub(crate) fn of(quantized: &Graph, node: usize) -> Option<Self> {
        let node = quantized.nodes.get(node)?;
        let (value, grid) = match (node.dynamic, quantized.value(node.output).quant) {
            (Some(dynamic), _) => (node.inputs[0], Grid::Dynamic(dynamic)),
            (None, Some(grid)) => (node.output, Grid::Fixed(grid)),
            (None, None) => return None,
        };
        let dims = &quantized.value(value).dims;
        let channels = dims.last().copied().unwrap_or(1).max(1);
        let image = quantized.value(value).len().max(1);
        Some(Self { value, grid, image, channels, range: (f32::INFINITY, f32::NEG_INFINITY), maxima: vec![0.0; channels], tensor: None })
    }

    /// The value that is looked at.
    pub(crate) fn value(&self) -> ValueId {
        self.value
    }

    /// Takes the range of more images. All come before the first [`Activations::see`].
    pub(crate) fn see_range(&mut self, images: &[f32]) {
        for row in images.chunks(self.channels) {
            for (max, &x) in self.maxima.iter_mut().zip(row).filter(|(_, x)| x.is_finite()) {
                *max = max.max(x.abs());
                self.range = (self.range.0.min(x), self.range.1.max(x));
            }
        }
    }

    /// Takes the values of more images.
    pub(crate) fn see(&mut self, images: &[f32]) {
        let range = self.range;
        let tensor = self.tensor.get_or_insert_with(|| Tensor::new(range));
        for image in images.chunks(self.image) {
            let grid = match self.grid {
                Grid::Fixed(grid) => grid,
                Grid::Dynamic(dynamic) => of_image(dynamic, image),
            };
            // A little more than half: what lies in the middle between two steps, as computed, is not clipped.
            let half = 0.5001 * grid.scale;
            let ends = (grid.dequantize(grid.low) - half, grid.dequantize(grid.high) + half);
            for &real in image {
                tensor.add(Pair { real, grid: grid.dequantize(grid.quantize(real)), ends });
            }
        }
    }

    /// What was found.
    pub(crate) fn finish(self) -> TensorDiagnosis {
        let grid = match self.grid {
            Grid::Fixed(grid) => (grid.low..=grid.high).map(|q| grid.dequantize(q)).collect(),
            Grid::Dynamic(_) => Vec::new(),
        };
        self.tensor.unwrap_or_else(|| Tensor::new(self.range)).finish(grid, &self.maxima)
    }
}

/// The grid that an image's own range gives.
fn of_image(dynamic: DynamicQuant, image: &[f32]) -> ActivationParams {
    let (min, max) = image.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &x| (min.min(x), max.max(x)));
    let (min, max) = if min <= max { (min, max) } else { (0.0, 0.0) };
    let of = if dynamic.symmetric { ActivationParams::symmetric } else { ActivationParams::affine };
    of(min, max, dynamic.bits)
}
