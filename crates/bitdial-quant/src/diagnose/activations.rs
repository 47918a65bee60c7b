//! What a grid does to the activations that a layer puts out, or takes where they are quantized on each run.

use bitdial_ir::{DynamicQuant, Graph, ValueId};
use bitdial_numerics::{ActivationParams, Coder, FakeQuant};
use bitdial_protocol::TensorDiagnosis;

use super::tensor::{Pair, Tensor, ends};

/// From where the grid of a value comes.
#[derive(Clone, Copy, Debug)]
enum Grid {
    /// Known before.
    Fixed(ActivationParams),
    /// From the range of each image.
    Dynamic(DynamicQuant),
    /// As the format has it.
    Simulated(FakeQuant),
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
        let output = quantized.value(node.output);
        let (value, grid) = match (node.dynamic, output.quant, output.simulated) {
            (Some(dynamic), ..) => (node.inputs[0], Grid::Dynamic(dynamic)),
            (None, Some(grid), _) => (node.output, Grid::Fixed(grid)),
            (None, None, Some(format)) => (node.output, Grid::Simulated(format)),
            (None, None, None) => return None,
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
        let known = ends(&self.grid.values());
        let simulated = match self.grid {
            Grid::Simulated(format) => Some(format.prepare()),
            Grid::Fixed(_) | Grid::Dynamic(_) => None,
        };
        let mut back = Vec::new();
        for image in images.chunks(self.image) {
            back.clear();
            let mut ends = known;
            match self.grid {
                Grid::Fixed(grid) => back.extend(image.iter().map(|&x| grid.dequantize(grid.quantize(x)))),
                Grid::Dynamic(dynamic) => {
                    let grid = of_image(dynamic, image);
                    ends = super::tensor::ends(&all(grid));
                    back.extend(image.iter().map(|&x| grid.dequantize(grid.quantize(x))));
                }
                Grid::Simulated(_) => {
                    back.extend_from_slice(image);
                    if let Some(simulated) = &simulated {
                        simulated.apply(&mut back, self.channels);
                    }
                }
            }
            for (&real, &grid) in image.iter().zip(&back) {
                tensor.add(Pair { real, grid, ends });
            }
        }
    }

    /// What was found.
    pub(crate) fn finish(self) -> TensorDiagnosis {
        let grid = self.grid.values();
        self.tensor.unwrap_or_else(|| Tensor::new(self.range)).finish(grid, &self.maxima)
    }
}

impl Grid {
    /// The values of a grid that is known before, ascending.
    fn values(&self) -> Vec<f32> {
        match *self {
            Self::Fixed(grid) => all(grid),
            Self::Simulated(FakeQuant::Grid(grid)) => {
                (grid.low..=grid.high).map(|q| grid.scale * (i32::from(q) - i32::from(grid.zero_point)) as f32).collect()
            }
            Self::Simulated(FakeQuant::Scaled { numbers, scale }) if numbers.bits() <= 8 => {
                let coder = Coder::new(numbers);
                let mut values: Vec<f32> =
                    (0..1u16 << numbers.bits()).map(|code| coder.decode(code) * scale).filter(|x| x.is_finite()).collect();
                values.sort_by(f32::total_cmp);
                values.dedup();
                values
            }
            Self::Dynamic(_) | Self::Simulated(_) => Vec::new(),
        }
    }
}

/// All values of a grid, ascending.
fn all(grid: ActivationParams) -> Vec<f32> {
    (grid.low..=grid.high).map(|q| grid.dequantize(q)).collect()
}

/// The grid that an image's own range gives.
fn of_image(dynamic: DynamicQuant, image: &[f32]) -> ActivationParams {
    let (min, max) = image.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &x| (min.min(x), max.max(x)));
    let (min, max) = if min <= max { (min, max) } else { (0.0, 0.0) };
    let of = if dynamic.symmetric { ActivationParams::symmetric } else { ActivationParams::affine };
    of(min, max, dynamic.bits)
}
