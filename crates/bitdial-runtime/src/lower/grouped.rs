//! Convolutions and linear layers whose weights have scales in groups: integer sums of groups, added in f32.

use bitdial_ir::{DynamicQuant, QuantizedWeights};
use bitdial_kernels::{ConvGrouped, ConvShape, F32Store, F32Tail, GroupedInput, GroupedWeights, Part};
use bitdial_numerics::ActivationParams;

use super::activation::split;
use super::conv::{Layer, images, len};
use super::integer::{PRODUCT, check_factors, grid_of};
use super::{FloatOutput, Lowered, Lowering};
use crate::arena::Buf;
use crate::error::RuntimeError;
use crate::memory::{Lens, Memory, Scratch, grown};
use crate::plan::Execution;

/// A kernel with its packed weights, bias and clamp.
struct Grouped {
    kernel: &'static dyn ConvGrouped,
    shape: ConvShape,
    bits: u8,
    group: usize,
    weights: Vec<u8>,
    panel_len: usize,
    bias: Vec<f32>,
    low: f32,
    high: f32,
}

impl Grouped {
    fn new(l: &Lowering, layer: &Layer, weights: &QuantizedWeights, group: usize) -> Result<Self, RuntimeError> {
        let (kernel, shape, bits) = (l.kernels.conv_grouped(), layer.shape, weights.values.bits());
        let scales: Vec<f32> = weights.params.iter().map(|p| p.scale).collect();
        // No total of a row may leave f32, or two of them could make a number that is none.
        let products = (layer.shape.row_len() as u64 * PRODUCT) as f32;
        check_factors(layer.node, &scales.iter().map(|s| s * products).collect::<Vec<_>>())?;
        let zero_points: Vec<i8> = weights.params.iter().map(|p| p.zero_point).collect();
        let values = weights.values.unpack();
        let weights = kernel.pack(&shape, &GroupedWeights { values: &values, bits, group, scales: &scales, zero_points: &zero_points });
        let (low, high, _) = split(layer.node.activation);
        let panel_len = kernel.panel_len(&shape, group);
        Ok(Self { kernel, shape, bits, group, weights, panel_len, bias: layer.float_bias(), low, high })
    }

    fn lowered(&self, execution: Execution) -> Lowered {
        Lowered { weight_bytes: self.weights.len(), ..Lowered::new(&format!("{}+unpack{}", self.kernel.name(), self.bits), execution) }
    }

    /// What it needs for a chunk that it takes image by image, or as [`images`] has it.
    fn need(&self, one_by_one: bool) -> impl Fn(usize) -> Lens + Send + Sync + use<> {
        let Self { kernel, shape, panel_len: panels, .. } = *self;
        move |chunk| Lens { panels, bytes: kernel.scratch_len(&images(&shape, if one_by_one { 1 } else { chunk }).0), ..Lens::default() }
    }

    /// Unpacks the weights.
    fn panels<'a>(&self, panels: &'a mut Vec<u8>) -> &'a [u8] {
        let panels = grown(panels, self.panel_len);
        if Part::unpacks() {
            self.kernel.unpack(&self.shape, &self.weights, self.bits, self.group, panels);
        }
        panels
    }

    fn run(&self, shape: &ConvShape, panels: &[u8], (image, grid): (&[u8], &ActivationParams), scratch: &mut [u8], out: &mut [f32]) {
        let input = GroupedInput { image, zero_point: grid.zero_point, scale: grid.scale };
        let mut store = F32Store { bias: &self.bias, low: self.low, high: self.high, tail: F32Tail::default(), out };
        self.kernel.run(shape, panels, self.group, &input, scratch, &mut store);
    }
}

/// Applies what is left of the activation, and quantizes the output if its value has a grid.
fn finish(l: &mut Lowering, layer: &Layer, out: &FloatOutput) {
    l.emit_rest(layer.node, out);
    l.finish_float(out);
}

/// An input on a grid.
pub(crate) fn fixed(
    l: &mut Lowering,
    layer: &Layer,
    weights: &QuantizedWeights,
    group: usize,
    (x, grid): (Buf<u8>, ActivationParams),
) -> Result<Lowered, RuntimeError> {
    let grouped = Grouped::new(l, layer, weights, group)?;
    check_factors(layer.node, &weights.params.iter().map(|p| p.scale * grid.scale).collect::<Vec<_>>())?;
    let lowered = grouped.lowered(Execution::Integer);
    l.need(grouped.need(false));
    let out = l.float_output(layer.node);
    let to = out.buf;
    l.emit(move |m| {
        let Memory { u8s, f32s, scratch: Scratch { panels, bytes, .. }, images: chunk, .. } = m;
        let (shape, count) = images(&grouped.shape, *chunk);
        let panels = grouped.panels(panels);
        let scratch = grown(bytes, grouped.kernel.scratch_len(&shape));
        let pairs = u8s.get(x).chunks_exact(len(shape.input)).zip(f32s.get_mut(to).chunks_exact_mut(len(shape.output)));
        for (image, out) in pairs.take(count) {
            grouped.run(&shape, panels, (image, &grid), scratch, out);
        }
    });
    finish(l, layer, &out);
    Ok(lowered)
}

/// An f32 input that is quantized image by image, on the grid of its own range.
pub(crate) fn dynamic(
    l: &mut Lowering,
    layer: &Layer,
    weights: &QuantizedWeights,
    group: usize,
    (x, dynamic): (Buf<f32>, DynamicQuant),
) -> Result<Lowered, RuntimeError> {
    let grouped = Grouped::new(l, layer, weights, group)?;
    let lowered = grouped.lowered(Execution::DynamicInteger);
    let (need, quantized) = (grouped.need(true), len(layer.shape.input));
    l.need(move |chunk| Lens { quantized, ..need(chunk) });
    let out = l.float_output(layer.node);
    let (kernels, to) = (l.elementwise(), out.buf);
    l.emit(move |m| {
        let Memory { f32s, scratch: Scratch { panels, bytes, quantized, .. }, .. } = m;
        let shape = &grouped.shape;
        let panels = grouped.panels(panels);
        let scratch = grown(bytes, grouped.kernel.scratch_len(shape));
        let quantized = grown(quantized, len(shape.input));
        let (out, others) = f32s.write(to);
        for (image, out) in others.get(x).chunks_exact(len(shape.input)).zip(out.chunks_exact_mut(len(shape.output))) {
            let (min, max) = kernels.range(image);
            let grid = grid_of(dynamic, min, max);
            kernels.quantize(image, &grid, quantized);
            grouped.run(shape, panels, (quantized, &grid), scratch, out);
        }
    });
    finish(l, layer, &out);
    Ok(lowered)
}
