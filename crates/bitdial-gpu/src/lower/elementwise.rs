//! Sums, products, activations: element by element.

use bitdial_ir::{Binary, Node, Tensor};
use bitdial_runtime::shared::{Cover, clamped, cover, covers, factors, split, spread, table};

use super::movement::Source;
use super::{Grid, Held, Lowered, Lowering, Params};
use crate::arena::Buf;
use crate::error::GpuError;
use crate::kernel::Kernel;

/// Two values.
pub(super) fn values(l: &mut Lowering, node: &Node, op: Binary) -> Result<Lowered, GpuError> {
    let covers = covers(l.graph, node)?;
    let to = l.rows(node.output);
    let grid = l.graph.value(node.output).quant.and_then(|grid| clamped(grid, node.activation));
    if let (Held::U8(a, a_grid), Held::U8(b, b_grid), Some(grid)) = (l.input(node, 0), l.input(node, 1), grid) {
        let a = (operand(l, node, 0, a, covers[0], true)?, a_grid);
        let b = (operand(l, node, 1, b, covers[1], true)?, b_grid);
        let ([(a, a_grid), (b, b_grid)], repeats) = in_order([a, b], covers);
        // How often the second operand repeats; one number alone lies in a word of its own.
        let second = if repeats { l.rows(node.inputs[usize::from(covers[1] == Cover::Repeats)]) } else { to };
        let other_words = if second.len() == 1 && to.last != 1 { 0 } else { second.words() };
        let factors = factors(op, a_grid, b_grid, grid);
        let factor = |i: usize| factors.get(i).copied().unwrap_or(0.0);
        let Held::U8(y, _) = l.hold(node.output) else { return Err(GpuError::unsupported(node, "its output has no grid")) };
        let params = Params::default()
            .at(a)
            .at(b)
            .at(y)
            .u(&[to.words(), other_words, usize::from(op == Binary::Mul)])
            .i(&[a_grid.zero_point, b_grid.zero_point, grid.zero_point, grid.low, grid.high].map(i32::from))
            .f(&[factor(0), factor(1)]);
        let kernel = Kernel::new("binary-u8");
        let kernel = if l.mode.exact { kernel.with("EXACT", 1u32) } else { kernel };
        l.emit(kernel, params, Grid::Items(to.words()));
        return Ok(Lowered::new(if op == Binary::Add { "add-u8" } else { "mul-u8" }));
    }
    let (a, b) = (l.float_input(node, 0), l.float_input(node, 1));
    let a = operand(l, node, 0, a, covers[0], false)?;
    let b = operand(l, node, 1, b, covers[1], false)?;
    let ([a, b], repeats) = in_order([a, b], covers);
    let len = if repeats { l.rows(node.inputs[usize::from(covers[1] == Cover::Repeats)]).len() } else { to.len() };
    real(l, node, a, Other::Value(b), len, op_number(op))?;
    Ok(Lowered::new(name(op)))
}

fn op_number(op: Binary) -> usize {
    usize::from(op == Binary::Mul)
}

fn name(op: Binary) -> &'static str {
    if op == Binary::Add { "add-f32" } else { "mul-f32" }
}

/// A second operand in f32.
enum Other {
    Value(Buf),
    /// Vectors of the constants: the operand, and the offset that comes after it.
    Constants(u32, u32),
}

fn real(l: &mut Lowering, node: &Node, x: Buf, other: Other, len: usize, op: usize) -> Result<(), GpuError> {
    let rows = l.rows(node.output);
    let out = l.float_output(node);
    let (low, high, _) = split(node.activation);
    let params = Params::default().at(x);
    let (params, constant) = match other {
        Other::Value(buf) => (params.at(buf).u(&[0]), 0),
        Other::Constants(start, offset) => (params.u(&[start as usize, offset as usize]), 1),
    };
    let params = params.at(out.buf).u(&[rows.len(), len, op, constant]).f(&[low, high]);
    l.emit(Kernel::new("binary-f32"), params, Grid::Items(rows.len()));
    l.finish_float(node, out)
}

/// A value and a constant.
pub(super) fn constant(l: &mut Lowering, node: &Node, op: Binary, constant: &Tensor) -> Result<Lowered, GpuError> {
    let dims = &l.graph.value(node.inputs[0]).dims;
    let operand = match cover(&constant.dims, dims) {
        Some(Cover::Full | Cover::Repeats) => constant.data.clone(),
        _ => {
            let mut full = vec![0.0; dims.iter().product()];
            spread(&constant.data, &constant.dims, dims, &mut full);
            full
        }
    };
    let start = l.constants.push_f32(&operand);
    let x = l.float_input(node, 0);
    real(l, node, x, Other::Constants(start, 0), operand.len(), op_number(op))?;
    Ok(Lowered::new(name(op)))
}

/// `x * factor + offset` per channel: the last axis of an image, the first of anything else.
pub(super) fn batch_norm(l: &mut Lowering, node: &Node, factor: &[f32], offset: &[f32]) -> Result<Lowered, GpuError> {
    let dims = l.graph.value(node.inputs[0]).dims.clone();
    let innermost = |channels: &[f32]| {
        if dims.len() == 3 || dims.len() == 1 {
            return channels.to_vec();
        }
        let mut from = vec![1; dims.len()];
        if let Some(first) = from.first_mut() {
            *first = channels.len();
        }
        let mut all = vec![0.0; dims.iter().product()];
        spread(channels, &from, &dims, &mut all);
        all
    };
    let (factor, offset) = (innermost(factor), innermost(offset));
    let (start, after) = (l.constants.push_f32(&factor), l.constants.push_f32(&offset));
    let x = l.float_input(node, 0);
    real(l, node, x, Other::Constants(start, after), factor.len(), 2)?;
    Ok(Lowered::new("batch-norm-f32"))
}

/// A node that is its activation and nothing else.
pub(super) fn activate(l: &mut Lowering, node: &Node) -> Result<Lowered, GpuError> {
    if let (Held::U8(x, from), Some(to)) = (l.input(node, 0), l.graph.value(node.output).quant) {
        let rows = l.rows(node.output);
        let Held::U8(y, _) = l.hold(node.output) else { return Err(GpuError::unsupported(node, "its output has no grid")) };
        let table = l.constants.push_bytes(&table(&from, node.activation, &to));
        l.move_u8(node, &Source::whole(rows), (x, rows), (y, rows), Some(table))?;
        return Ok(Lowered::new("table-u8"));
    }
    let x = l.float_input(node, 0);
    let out = l.float_output(node);
    l.activation(node, x, out.buf)?;
    // It is done; what is left is the grid.
    l.finish_plain(node, out);
    Ok(Lowered::new("activation-f32"))
}

/// The operand as the kernels take it: spread out where it must be.
fn operand(l: &mut Lowering, node: &Node, i: usize, x: Buf, covers: Cover, bytes: bool) -> Result<Buf, GpuError> {
    let (from, to) = (l.rows(node.inputs[i]), l.rows(node.output));
    if covers != Cover::Spread {
        return Ok(x);
    }
    let source = Source::spread(&l.graph.value(node.inputs[i]).dims, &l.graph.value(node.output).dims);
    let out = l.temporary(if bytes { to.words() } else { to.len() });
    match bytes {
        true => l.move_u8(node, &source, (x, from), (out, to), None)?,
        false => l.move_f32(node, &source, (x, from), (out, to))?,
    }
    Ok(out)
}

/// The operands with the one that repeats last, and whether it does.
fn in_order<O>([a, b]: [O; 2], [a_cover, b_cover]: [Cover; 2]) -> ([O; 2], bool) {
    if a_cover == Cover::Repeats { ([b, a], true) } else { ([a, b], b_cover == Cover::Repeats) }
}
