//! Convolutions and linear layers in integers, with scales that are fixed or found on each run.

use bitdial_ir::{DynamicQuant, Node, QuantizedWeights};
use bitdial_kernels::{Arithmetic, ConvCase, ConvI8, ConvShape, I32Store, IntInput, IntWeights, NarrowConv, Part};
use bitdial_numerics::{ActivationParams, round_ties_even};

use super::activation::{clamped, split};
use super::conv::{Layer, images, len};
use super::{Lowered, Lowering};
use crate::arena::Buf;
use crate::error::RuntimeError;
use crate::memory::{Lens, Memory, Scratch, grown};
use crate::plan::Execution;

/// Largest magnitude of one product: both factors are differences of 8-bit integers.
pub(super) const PRODUCT: u64 = 255 * 255;

/// What multiplies.
#[derive(Clone, Copy)]
enum Kernel {
    Wide(&'static dyn ConvI8),
    /// In a narrow accumulator, and where its overflows are counted.
    Narrow(NarrowConv, usize),
}

impl Kernel {
    fn name(self) -> &'static str {
        match self {
            Self::Wide(kernel) => kernel.name(),
            Self::Narrow(kernel, _) => kernel.name(),
        }
    }

    fn scratch_len(self, shape: &ConvShape) -> usize {
        match self {
            Self::Wide(kernel) => kernel.scratch_len(shape),
            Self::Narrow(kernel, _) => kernel.scratch_len(shape),
        }
    }
}

/// An integer kernel with its packed weights.
struct Packed {
    kernel: Kernel,
    shape: ConvShape,
    bits: u8,
    activation_high: u8,
    weights: Vec<u8>,
    panel_len: usize,
    /// Scale of the weights of each output channel.
    scales: Vec<f32>,
}

impl Packed {
    fn new(l: &mut Lowering, layer: &Layer, weights: &QuantizedWeights, activation_high: u8) -> Result<Self, RuntimeError> {
        let shape = layer.shape;
        headroom(layer.node, &shape)?;
        let bits = weights.values.bits();
        let channels = shape.output[2];
        let zero_points: Vec<i8> = match weights.params.iter().any(|p| p.zero_point != 0) {
            true => (0..channels).map(|c| weights.params_of(c).zero_point).collect(),
            false => Vec::new(),
        };
        let values = weights.values.unpack();
        let weights_in = IntWeights { values: &values, bits, zero_points: &zero_points };
        let scales = (0..channels).map(|c| weights.params_of(c).scale).collect();
        if let Some(accumulator) = l.graph.accumulator {
            let kernel = NarrowConv::new(accumulator.bits, accumulator.saturate);
            let (kernel, weights) = (Kernel::Narrow(kernel, l.overflow_slot()), kernel.pack(&shape, &weights_in));
            return Ok(Self { kernel, shape, bits, activation_high, weights, panel_len: 0, scales });
        }
        let kernel = l.tuning.conv_i8(&l.kernels, &shape, bits, activation_high);
        let mut packed = kernel.pack(&shape, &weights_in);
        let mut panel_len = kernel.panel_len(&shape, bits);
        if bits == 8 && panel_len > 0 {
            // Nothing is saved by packing them: they are kept as the kernel reads them, wider if need be.
            let mut panels = vec![0; panel_len];
            kernel.unpack(&shape, &packed, bits, &mut panels);
            (packed, panel_len) = (panels, 0);
        }
        Ok(Self { kernel: Kernel::Wide(kernel), shape, bits, activation_high, weights: packed, panel_len, scales })
    }

    fn lowered(&self, execution: Execution) -> Lowered {
        let arithmetic = Arithmetic::Int { weight_bits: self.bits, activation_high: self.activation_high };
        // A narrow accumulator leaves no choice of kernels.
        let conv = matches!(self.kernel, Kernel::Wide(_)).then_some(ConvCase { shape: self.shape, arithmetic });
        let name = self.kernel.name();
        let name = if self.panel_len == 0 { name.to_owned() } else { format!("{name}+unpack{}", self.bits) };
        Lowered { weight_bytes: self.weights.len(), conv, ..Lowered::new(&name, execution) }
    }

    /// What it needs for a chunk that it takes image by image, or as `images` has it.
    fn need(&self, one_by_one: bool) -> impl Fn(usize) -> Lens + Send + Sync + use<> {
        let Self { kernel, shape, panel_len: panels, .. } = *self;
        move |chunk| Lens { panels, bytes: kernel.scratch_len(&images(&shape, if one_by_one { 1 } else { chunk }).0), ..Lens::default() }
    }

    /// The weights as the kernel reads them, unpacked if need be.
    fn panels<'a>(&'a self, panels: &'a mut Vec<u8>) -> &'a [u8] {
        if self.panel_len == 0 {
            return &self.weights;
        }
        let panels = grown(panels, self.panel_len);
        if let (Kernel::Wide(kernel), true) = (self.kernel, Part::unpacks()) {
            kernel.unpack(&self.shape, &self.weights, self.bits, panels);
        }
        panels
    }

    /// Convolves one image, of a shape that may be several in one. `narrow` is that of [`Memory`].
    fn run(&self, shape: &ConvShape, panels: &[u8], input: &IntInput, scratch: &mut [u8], narrow: &mut [(u64, u64)], store: &mut I32Store) {
        match self.kernel {
            Kernel::Wide(kernel) => kernel.run(shape, panels, input, scratch, store),
            Kernel::Narrow(kernel, slot) => {
                let overflows = kernel.run(shape, panels, input, scratch, store);
                if let Some((additions, all)) = narrow.get_mut(slot) {
                    *additions += shape.macs();
                    *all += overflows;
                }
            }
        }
    }
}

/// What is left of an i32 for the bias when every product is as large as it can be.
fn headroom(node: &Node, shape: &ConvShape) -> Result<u32, RuntimeError> {
    let products = (shape.row_len() as u64).saturating_mul(PRODUCT);
    i32::MAX
        .cast_unsigned()
        .checked_sub(u32::try_from(products).unwrap_or(u32::MAX))
        .ok_or_else(|| RuntimeError::node(node, format!("a sum of {} products could overflow 32 bits", shape.row_len())))
}

/// The bias in units of the accumulator: one number, and one scale, for each output channel.
///
/// # Errors
/// If a sum could overflow.
pub fn int_bias(node: &Node, shape: &ConvShape, bias: &[f32], scales: &[f32]) -> Result<Vec<i32>, RuntimeError> {
    let headroom = headroom(node, shape)?;
    let bias: Vec<i32> = bias.iter().zip(scales).map(|(&b, &s)| round_ties_even(b / s) as i32).collect();
    match bias.iter().position(|b| b.unsigned_abs() > headroom) {
        Some(c) => Err(RuntimeError::node(node, format!("the bias of channel {c} could overflow the 32-bit sum"))),
        None => Ok(bias),
    }
}

/// Fails unless every factor is a positive finite number.
///
/// # Errors
/// If one is not.
pub fn check_factors(node: &Node, factors: &[f32]) -> Result<(), RuntimeError> {
    if factors.iter().all(|f| f.is_finite() && *f > 0.0) {
        return Ok(());
    }
    Err(RuntimeError::node(node, "its scales multiply to a number that f32 cannot hold"))
}

/// An input on a grid. The output is stored as integers if its value has a grid and the activation only clamps.
pub(crate) fn fixed(
    l: &mut Lowering,
    layer: &Layer,
    weights: &QuantizedWeights,
    x: Buf<u8>,
    grid: ActivationParams,
) -> Result<Lowered, RuntimeError> {
    let packed = Packed::new(l, layer, weights, grid.high)?;
    let lowered = packed.lowered(Execution::Integer);
    let scales: Vec<f32> = packed.scales.iter().map(|s| grid.scale * s).collect();
    check_factors(layer.node, &scales)?;
    let to = l.graph.value(layer.node.output).quant.and_then(|to| clamped(to, layer.node.activation));
    let Some(to) = to else {
        fixed_to_float(l, layer, packed, scales, x, grid);
        return Ok(lowered);
    };
    let multipliers: Vec<f32> = scales.iter().map(|s| s / to.scale).collect();
    check_factors(layer.node, &multipliers)?;
    let bias = int_bias(layer.node, &layer.shape, &layer.float_bias(), &scales)?;
    l.need(packed.need(false));
    let sum = l.int_sum(layer.node, to);
    let out = sum.as_ref().map_or_else(|| l.output_u8(layer.node), |sum| sum.out);
    l.emit(move |m| {
        let Memory { u8s, scratch: Scratch { panels, bytes, .. }, images: chunk, sums, narrow, .. } = m;
        let sum = sum.as_ref().filter(|_| *sums);
        let (shape, count) = images(&packed.shape, *chunk);
        let panels = packed.panels(panels);
        let scratch = grown(bytes, packed.kernel.scratch_len(&shape));
        let (out, others) = u8s.write(out);
        let pairs = others.get(x).chunks_exact(len(shape.input)).zip(out.chunks_exact_mut(len(shape.output)));
        for (i, (image, out)) in pairs.take(count).enumerate() {
            let input = IntInput { image, zero_point: grid.zero_point, bias: &bias };
            let add = sum.map(|sum| sum.of(&others, i, out.len()));
            let mut store = I32Store::U8 { multipliers: &multipliers, zero_point: to.zero_point, low: to.low, high: to.high, add, out };
            packed.run(&shape, panels, &input, scratch, narrow, &mut store);
        }
    });
    Ok(lowered)
}

/// An input on a grid, sums stored in f32: for outputs of the model, and before activations that do more than clamp.
fn fixed_to_float(l: &mut Lowering, layer: &Layer, packed: Packed, scales: Vec<f32>, x: Buf<u8>, grid: ActivationParams) {
    let (bias, none) = (layer.float_bias(), vec![0; layer.shape.output[2]]);
    let (low, high, _) = split(layer.node.activation);
    l.need(packed.need(false));
    let output = l.conv_output(layer.node);
    let to = output.out;
    l.emit(move |m| {
        let Memory { u8s, f32s, scratch: Scratch { panels, bytes, .. }, images: chunk, sums, ranges, narrow, .. } = m;
        let (shape, count) = output.images(&packed.shape, *chunk);
        let panels = packed.panels(panels);
        let scratch = grown(bytes, packed.kernel.scratch_len(&shape));
        let (out, others) = f32s.write(to.buf);
        let pairs = u8s.get(x).chunks_exact(len(shape.input)).zip(out.chunks_exact_mut(len(shape.output)));
        for (i, (image, out)) in pairs.take(count).enumerate() {
            let input = IntInput { image, zero_point: grid.zero_point, bias: &none };
            let tail = output.tail(*sums, ranges, &others, i, out.len());
            let mut store = I32Store::F32 { scales: &scales, bias: &bias, low, high, tail, out };
            packed.run(&shape, panels, &input, scratch, narrow, &mut store);
        }
    });
    l.emit_rest(layer.node, &to);
    l.finish_float(&to);
}

/// An f32 input that is quantized image by image, on the grid of its own range.
pub(crate) fn dynamic(
    l: &mut Lowering,
    layer: &Layer,
    weights: &QuantizedWeights,
    dynamic: DynamicQuant,
    x: Buf<f32>,
) -> Result<Lowered, RuntimeError> {
    // The widest grid there can be: an affine one uses all its integers, a symmetric one of 8 bits ends at 255 too.
    let packed = Packed::new(l, layer, weights, u8::MAX >> (8 - dynamic.bits))?;
    let lowered = packed.lowered(Execution::DynamicInteger);
    let (bias, none) = (layer.float_bias(), vec![0; layer.shape.output[2]]);
    let (low, high, _) = split(layer.node.activation);
    let range = l.range_of(x);
    let (need, quantized, scales) = (packed.need(true), len(layer.shape.input), packed.scales.len());
    l.need(move |chunk| Lens { quantized, scales, ..need(chunk) });
    let output = l.conv_output(layer.node);
    let (kernels, to) = (l.elementwise(), output.out);
    l.emit(move |m| {
        let Memory { f32s, scratch: Scratch { panels, bytes, quantized, scales, .. }, sums, ranges, narrow, .. } = m;
        let shape = &packed.shape;
        let panels = packed.panels(panels);
        let scratch = grown(bytes, packed.kernel.scratch_len(shape));
        let quantized = grown(quantized, len(shape.input));
        let scales = grown(scales, packed.scales.len());
        let (out, others) = f32s.write(to.buf);
        let pairs = others.get(x).chunks_exact(len(shape.input)).zip(out.chunks_exact_mut(len(shape.output)));
        for (i, (image, out)) in pairs.enumerate() {
            let (min, max) = range.map_or_else(|| kernels.range(image), |slot| ranges.get(slot, i));
            let grid = grid_of(dynamic, min, max);
            kernels.quantize(image, &grid, quantized);
            for (scale, weight_scale) in scales.iter_mut().zip(&packed.scales) {
                *scale = grid.scale * weight_scale;
            }
            let input = IntInput { image: quantized, zero_point: grid.zero_point, bias: &none };
            let tail = output.tail(*sums, ranges, &others, i, out.len());
            let mut store = I32Store::F32 { scales, bias: &bias, low, high, tail, out };
            packed.run(shape, panels, &input, scratch, narrow, &mut store);
        }
    });
    l.emit_rest(layer.node, &to);
    l.finish_float(&to);
    Ok(lowered)
}

/// The grid of one image; an image of NaN alone has one too.
#[must_use]
pub fn grid_of(dynamic: DynamicQuant, min: f32, max: f32) -> ActivationParams {
    let (min, max) = if min <= max { (min, max) } else { (0.0, 0.0) };
    if dynamic.symmetric { ActivationParams::symmetric(min, max, dynamic.bits) } else { ActivationParams::affine(min, max, dynamic.bits) }
}
