//! Convolutions and linear layers in integers, with scales that are fixed or found on each run, for each channel or for
//! groups of weights.

use bitdial_ir::{Binary, DynamicQuant, Node, QuantizedWeights};
use bitdial_numerics::ActivationParams;
use bitdial_runtime::shared::{check_factors, clamped, factors, int_bias, split};

use super::conv::{ConvParams, Layer, Store};
use super::{Grid, Held, Lowered, Lowering, Params, quantize_params};
use crate::arena::{Buf, Rows};
use crate::error::GpuError;
use crate::kernel::Kernel;
use crate::pack::{Ints, Term};

/// Channels up to which it is better to gather the bytes of a window than to fill words up.
const GATHERED: usize = 3;

/// What is multiplied with the weights.
struct Input {
    x: Buf,
    zero_point: i32,
    /// Largest integer.
    high: u8,
    /// 1 where that is part of the scales of the table.
    scale: f32,
    /// Where scale and zero point of each image are, if they are found on each run.
    grids: Option<Buf>,
}

/// Where the results go.
struct Output {
    y: Buf,
    other: Option<Buf>,
    store: Store,
    /// For each output channel: the bias, as an integer or as the bits of an f32.
    bias: Vec<u32>,
    /// For each output channel what a step of the sum is in steps of the result.
    scales: Vec<f32>,
}

fn bits_of(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

fn limits(grid: ActivationParams) -> [i32; 3] {
    [grid.zero_point, grid.low, grid.high].map(i32::from)
}

/// An input on a grid.
pub(super) fn fixed(
    l: &mut Lowering,
    layer: &Layer,
    weights: &QuantizedWeights,
    x: Buf,
    grid: ActivationParams,
) -> Result<Lowered, GpuError> {
    let zero_point = i32::from(grid.zero_point);
    if weights.group.is_some() {
        let input = Input { x, zero_point, high: grid.high, scale: grid.scale, grids: None };
        return to_float(l, layer, weights, input, Vec::new());
    }
    let scales: Vec<f32> = (0..layer.channels()).map(|c| grid.scale * weights.params_of(c).scale).collect();
    let input = Input { x, zero_point, high: grid.high, scale: 1.0, grids: None };
    let Some(to) = l.graph.value(layer.node.output).quant.and_then(|to| clamped(to, layer.node.activation)) else {
        return to_float(l, layer, weights, input, scales);
    };
    let bias = int_bias(layer.node, &layer.shape, &layer.bias, &scales)?;
    let multipliers: Vec<f32> = scales.iter().map(|s| s / to.scale).collect();
    let store = Store { to: limits(to), ..Store::default() };
    let (y, other, store) = match int_sum(l, layer.node, to, store) {
        Some((y, other, store)) => (y, Some(other), store),
        None => match l.hold(layer.node.output) {
            Held::U8(y, _) | Held::F32(y) => (y, None, store),
        },
    };
    let bias = bias.into_iter().map(i32::cast_unsigned).collect();
    emit(l, layer, weights, &input, &Output { y, other, store, bias, scales: multipliers })
}

/// The sum that a convolution to the grid `own` computes, if any: where it goes, the other operand, its numbers.
fn int_sum(l: &mut Lowering, node: &Node, own: ActivationParams, store: Store) -> Option<(Buf, Buf, Store)> {
    let (sum, other) = l.candidate(node)?;
    let grid = l.graph.value(sum.output).quant.and_then(|grid| clamped(grid, sum.activation))?;
    let Held::U8(_, other_grid) = l.held[other.0]? else { return None };
    let factors = factors(Binary::Add, own, other_grid, grid);
    check_factors(sum, &factors).ok()?;
    let Held::U8(other, _) = l.use_value(other) else { return None };
    let Held::U8(y, _) = l.hold(sum.output) else { return None };
    l.fuse(node, sum, Held::U8(y, own));
    let other_zero = i32::from(other_grid.zero_point);
    Some((y, other, Store { sum: true, other_zero, sum_to: limits(grid), factors: [factors[0], factors[1]], ..store }))
}

/// Sums stored in f32. `scales` are empty where they are in groups.
fn to_float(l: &mut Lowering, layer: &Layer, weights: &QuantizedWeights, input: Input, scales: Vec<f32>) -> Result<Lowered, GpuError> {
    let out = l.float_conv(layer.node, weights.group.is_none());
    let bias = bits_of(&layer.bias);
    let lowered = emit(l, layer, weights, &input, &Output { y: out.y, other: out.other, store: out.store, bias, scales })?;
    l.finish_float(layer.node, out.float)?;
    Ok(lowered)
}

/// An f32 input that is quantized image by image, on the grid of its own range.
pub(super) fn dynamic(
    l: &mut Lowering,
    layer: &Layer,
    weights: &QuantizedWeights,
    dynamic: DynamicQuant,
    x: Buf,
) -> Result<Lowered, GpuError> {
    let rows = l.rows(layer.node.inputs[0]);
    let (grids, quantized) = (l.temporary(2), l.temporary(rows.words()));
    let top = |bits: u8| i32::from(u8::MAX >> (8 - bits));
    // Two integers have no middle.
    let symmetric = dynamic.symmetric && dynamic.bits > 1;
    let (most, low, high) = match symmetric {
        true => (top(dynamic.bits - 1), 1, 2 * top(dynamic.bits - 1) + 1),
        false => (top(dynamic.bits), 0, top(dynamic.bits)),
    };
    range(l, x, grids, rows, symmetric, most as f32);
    let params = quantize_params(x, quantized, rows).at(grids).i(&[0, low, high]).f(&[1.0]);
    l.emit(Kernel::new("quantize").with("DYNAMIC", 1u32), params, Grid::Items(rows.words()));
    let scales = match weights.group {
        Some(_) => Vec::new(),
        None => (0..layer.channels()).map(|c| weights.params_of(c).scale).collect(),
    };
    to_float(l, layer, weights, Input { x: quantized, zero_point: 0, high: u8::MAX, scale: 1.0, grids: Some(grids) }, scales)
}

fn range(l: &mut Lowering, x: Buf, grids: Buf, rows: Rows, symmetric: bool, top: f32) {
    /// The smallest scale that can be divided by.
    const SMALLEST: f32 = 1e-30;
    let params = Params::default().at(x).at(grids).u(&[rows.len(), usize::from(symmetric)]).f(&[top, SMALLEST]);
    l.emit(Kernel::new("range"), params, Grid::Images);
}

/// Emits the kernel that suits the groups of the convolution.
fn emit(l: &mut Lowering, layer: &Layer, weights: &QuantizedWeights, input: &Input, output: &Output) -> Result<Lowered, GpuError> {
    let shape = &layer.shape;
    let params = ConvParams {
        x: input.x,
        y: output.y,
        other: output.other,
        grids: input.grids,
        weights: 0,
        table: 0,
        scales: 0,
        zeros: 0,
        in_words: shape.input[2].div_ceil(4),
        row: 0,
        group: 1,
        zero_point: input.zero_point,
        scale: input.scale,
        store: output.store,
    };
    if shape.groups > 1 {
        if weights.group.is_some() {
            return Err(GpuError::unsupported(layer.node, "it has groups of channels and scales in groups of weights"));
        }
        return Ok(in_groups(l, layer, weights, params, output));
    }
    let channels = shape.input[2];
    if weights.values.bits() == 1 && input.high <= 1 && weights.group.is_none() && channels.is_multiple_of(4) {
        return Ok(of_bits(l, layer, weights, params, output));
    }
    let gather = if weights.group.is_some() { !channels.is_multiple_of(4) } else { channels <= GATHERED && shape.kernel != [1, 1] };
    let ints = Ints::new(weights, layer.channels(), channels, gather);
    let (row, name) = (ints.words(), layer.candidate.dot.kernel());
    let affine = weights.params.iter().any(|p| p.zero_point != 0);
    let group = weights.group.map(|group| group / 4);
    let mut kernel = layer.tiled(name, if group.is_some_and(|group| group < 8) { 4 } else { 8 });
    for (constant, set) in
        [("GATHER", gather), ("AFFINE", affine), ("GROUPED", group.is_some()), ("DYNAMIC", input.grids.is_some()), ("EXACT", l.mode.exact)]
    {
        if set {
            kernel = kernel.with(constant, 1u32);
        }
    }
    let kernel = kernel.with("BITS", u32::from(ints.bits));
    let grid = |n: usize, k: usize| match weights.group {
        None => weights.params_of(n),
        Some(group) => weights.params[n * shape.row_len().div_ceil(group) + 4 * k / group],
    };
    let packed = l.constants.push(&ints.pack(|n, k| grid(n, k).zero_point));
    let (table, scales) = match group {
        None => {
            let term = |n: usize| ints.term(n, 0..row, output.scales[n], weights.params_of(n).zero_point);
            let terms: Vec<Term> = (0..layer.channels()).map(term).collect();
            (l.constants.push(&table(&output.bias, &terms)), 0)
        }
        Some(group) => {
            let bias = l.constants.push(&table(&output.bias, &vec![Term::default(); layer.channels()]));
            let mut all = Vec::new();
            for first in (0..row).step_by(group) {
                let term = |n: usize| {
                    let grid = grid(n, first);
                    ints.term(n, first..row.min(first + group), grid.scale, grid.zero_point)
                };
                all.extend(table(&[], &(0..layer.channels()).map(term).collect::<Vec<_>>()));
            }
            (bias, l.constants.push(&all))
        }
    };
    let params = ConvParams { weights: packed, table, scales, row, group: group.unwrap_or(1), ..params };
    l.emit_conv(layer, kernel, &params, layer.tiles(layer.candidate.tile));
    let Layer { candidate, .. } = layer;
    let groups = if group.is_some() { "-groups" } else { "" };
    Ok(Lowered {
        kernel: format!("conv-u8i{}-{}-{}{groups}", ints.bits, candidate.tile.name(), candidate.dot.name()),
        rivals: true,
        done_by: None,
    })
}

/// 1-bit weights on 1-bit activations, whose channels fill words.
fn of_bits(l: &mut Lowering, layer: &Layer, weights: &QuantizedWeights, params: ConvParams, output: &Output) -> Lowered {
    let ints = Ints::new(weights, layer.channels(), layer.shape.input[2], true);
    let (packed, mut terms) = ints.signs(params.zero_point);
    for (term, &scale) in terms.iter_mut().zip(&output.scales) {
        term.scale = scale;
    }
    let [wx, wy] = layer.candidate.tile.threads().map(|n| n as u32);
    let kernel = Kernel::new("conv-bits").with("WX", wx).with("WY", wy);
    let kernel = if l.mode.exact { kernel.with("EXACT", 1u32) } else { kernel };
    let (weights, table) = (l.constants.push(&packed), l.constants.push(&table(&output.bias, &terms)));
    // The row in words of four activations, and in words of bits.
    let (row, group) = (layer.shape.row_len() / 4, layer.shape.row_len().div_ceil(32));
    l.emit_conv(layer, kernel, &ConvParams { weights, table, row, group, ..params }, layer.tiles(layer.candidate.tile));
    Lowered { kernel: format!("conv-u1i1-{}-popcount", layer.candidate.tile.name()), rivals: true, done_by: None }
}

/// A convolution in several groups of channels.
fn in_groups(l: &mut Lowering, layer: &Layer, weights: &QuantizedWeights, params: ConvParams, output: &Output) -> Lowered {
    let (shape, panel, channels) = (&layer.shape, layer.panel(), layer.channels());
    let row = shape.row_len();
    let ints = Ints::new(weights, channels, shape.input[2] / shape.groups, true);
    let terms: Vec<Term> =
        (0..channels).map(|n| Term { scale: output.scales[n], zero: i32::from(weights.params_of(n).zero_point), correction: 0 }).collect();
    let mut packed = vec![0u32; row * panel * if shape.is_depthwise() { 1 } else { 4 }];
    for n in 0..channels {
        for k in 0..row {
            let value = ints.value(n, k);
            if shape.is_depthwise() {
                packed[k * panel + n / 4] |= u32::from(value.cast_unsigned()) << (8 * (n % 4));
            } else {
                packed[k * 4 * panel + n] = (i32::from(value) - terms[n].zero).cast_unsigned();
            }
        }
    }
    let name = if shape.is_depthwise() { "depthwise-int" } else { "direct-int" };
    let mut kernel = Kernel::new(name);
    for (constant, set) in [("DYNAMIC", params.grids.is_some()), ("EXACT", l.mode.exact)] {
        if set {
            kernel = kernel.with(constant, 1u32);
        }
    }
    let (weights, table) = (l.constants.push(&packed), l.constants.push(&table(&output.bias, &terms)));
    l.emit_conv(layer, kernel, &ConvParams { weights, table, row, ..params }, layer.quads());
    Lowered::new(if shape.is_depthwise() { "depthwise-u8i8-1x4" } else { "direct-u8i8-1x4" })
}

/// Four vectors for each four output channels: bias, correction, zero point, scale.
fn table(bias: &[u32], terms: &[Term]) -> Vec<u32> {
    let mut all = Vec::with_capacity(4 * terms.len().next_multiple_of(4));
    for first in (0..terms.len()).step_by(4) {
        let lane = |i: usize| terms.get(first + i).copied().unwrap_or_default();
        all.extend((0..4).map(|i| bias.get(first + i).copied().unwrap_or(0)));
        all.extend((0..4).map(|i| lane(i).correction.cast_unsigned()));
        all.extend((0..4).map(|i| lane(i).zero.cast_unsigned()));
        all.extend((0..4).map(|i| lane(i).scale.to_bits()));
    }
    all
}

/// The bias alone, as the kernels of real numbers have it.
pub(super) fn bias_table(bias: &[f32]) -> Vec<u32> {
    table(&bits_of(bias), &vec![Term::default(); bias.len()])
}

/// Where the f32 results of a convolution go.
pub(super) struct FloatConv {
    pub y: Buf,
    pub other: Option<Buf>,
    pub store: Store,
    pub float: super::FloatOutput,
}

impl Lowering<'_> {
    /// Where the f32 results of a convolution go, with the sum that it computes, if any and if it `may`; to be followed by
    /// [`Lowering::finish_float`].
    pub(super) fn float_conv(&mut self, node: &Node, may: bool) -> FloatConv {
        let (low, high, _) = split(node.activation);
        let store = Store { real: true, clamp: [low, high], ..Store::default() };
        if let Some(found) = may.then(|| self.float_sum(node, store)).flatten() {
            return found;
        }
        let float = self.float_output(node);
        FloatConv { y: float.buf, other: None, store, float }
    }

    fn float_sum(&mut self, node: &Node, store: Store) -> Option<FloatConv> {
        let (sum, other) = self.candidate(node)?;
        let (low, high, rest) = split(sum.activation);
        let as_it_is = |id: bitdial_ir::ValueId| self.graph.value(id).quant.is_none() && self.graph.value(id).simulated.is_none();
        if rest || !as_it_is(node.output) || !as_it_is(sum.output) {
            return None;
        }
        let Held::F32(_) = self.held[other.0]? else { return None };
        let Held::F32(other) = self.use_value(other) else { return None };
        let Held::F32(y) = self.hold(sum.output) else { return None };
        self.fuse(node, sum, Held::F32(y));
        let store = Store { sum: true, sum_clamp: [low, high], ..store };
        Some(FloatConv { y, other: Some(other), store, float: super::FloatOutput { buf: y, quantized: None } })
    }
}
