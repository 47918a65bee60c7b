//! Convolutions and linear layers in f32: of real weights, and of integers that the kernel decodes.

use bitdial_ir::QuantizedWeights;

use super::conv::{ConvParams, Layer};
use super::conv_int::{FloatConv, bias_table};
use super::{Lowered, Lowering};
use crate::error::GpuError;
use crate::kernel::Kernel;
use crate::pack::Ints;

/// Real weights, which were codes of so many `bits` or were not.
pub(super) fn real(l: &mut Lowering, layer: &Layer, weights: &[f32], bits: Option<u8>) -> Result<Lowered, GpuError> {
    let (row, padded) = (layer.shape.row_len(), 4 * layer.panel());
    let mut packed = vec![0.0; row * padded];
    for (n, weights) in weights.chunks_exact(row).enumerate() {
        for (k, &w) in weights.iter().enumerate() {
            packed[k * padded + n] = w;
        }
    }
    let weights = l.constants.push_f32(&packed);
    let suffix = bits.map_or_else(String::new, |bits| format!("+decoded{bits}"));
    emit(l, layer, Kernels { weights, ..Kernels::default() }, &suffix)
}

/// Integer weights on real numbers.
pub(super) fn decoded(l: &mut Lowering, layer: &Layer, weights: &QuantizedWeights) -> Result<Lowered, GpuError> {
    if layer.shape.groups > 1 {
        return real(l, layer, &weights.dequantize(layer.channels()), Some(weights.values.bits()));
    }
    let (row, channels) = (layer.shape.row_len(), layer.channels());
    let ints = Ints::new(weights, channels, layer.shape.input[2], true);
    let group = weights.group.unwrap_or(row);
    let padded = 4 * layer.panel();
    let (mut scales, mut zeros) = (Vec::new(), Vec::new());
    for first in (0..row).step_by(group) {
        let grid = |n: usize| (n < channels).then(|| weights.grid(n * row + first, channels));
        scales.extend((0..padded).map(|n| grid(n).map_or(0.0, |grid| grid.scale)));
        zeros.extend((0..padded).map(|n| grid(n).map_or(0, |grid| i32::from(grid.zero_point).cast_unsigned())));
    }
    let packed = l.constants.push(&ints.pack(|_, _| 0));
    let kernels =
        Kernels { weights: packed, scales: l.constants.push_f32(&scales), zeros: l.constants.push(&zeros), group, bits: Some(ints.bits) };
    emit(l, layer, kernels, &format!("+decode{}", ints.bits))
}

/// Where the weights of a layer are.
#[derive(Clone, Copy, Default)]
struct Kernels {
    weights: u32,
    scales: u32,
    zeros: u32,
    group: usize,
    bits: Option<u8>,
}

fn emit(l: &mut Lowering, layer: &Layer, weights: Kernels, suffix: &str) -> Result<Lowered, GpuError> {
    let table = l.constants.push(&bias_table(&layer.bias));
    let x = l.float_input(layer.node, 0);
    let FloatConv { y, other, store, float } = l.float_conv(layer.node, true);
    let params = ConvParams {
        x,
        y,
        other,
        grids: None,
        weights: weights.weights,
        table,
        scales: weights.scales,
        zeros: weights.zeros,
        in_words: layer.shape.input[2],
        row: layer.shape.row_len(),
        group: weights.group.max(1),
        zero_point: 0,
        scale: 1.0,
        store,
    };
    let relaxed = |kernel: Kernel| if l.mode.strict { kernel } else { kernel.with("STRICT", 0u32) };
    let lowered = if layer.shape.groups > 1 {
        l.emit_conv(layer, relaxed(Kernel::new("direct-f32")), &params, layer.quads());
        Lowered::new(&format!("direct-f32-1x4{suffix}"))
    } else {
        let name = if l.mode.half { "conv-f16" } else { "conv-f32" };
        let kernel = relaxed(layer.tiled(name, 16));
        let kernel = weights.bits.map_or(kernel.clone(), |bits| kernel.with("BITS", u32::from(bits)));
        l.emit_conv(layer, kernel, &params, layer.tiles(layer.candidate.tile));
        Lowered { kernel: format!("{name}-{}{suffix}", layer.candidate.tile.name()), rivals: true, done_by: None }
    };
    l.finish_float(layer.node, float)?;
    Ok(lowered)
}
