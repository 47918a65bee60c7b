//! Maxima and means: of windows, and over whole axes.

use bitdial_ir::{Axis, Node, Pool};
use bitdial_kernels::{PoolShape, movement::Transpose};

use super::activation::{clamped, split, table_if_needed};
use super::check::output_dims;
use super::{Held, Lowered, Lowering, geometry};
use crate::arena::Buf;
use crate::error::RuntimeError;
use crate::memory::{Element, each_image};
use crate::plan::Execution;

/// Largest of each window, on the grid of the input.
pub(crate) fn max(l: &mut Lowering, node: &Node, pool: &Pool) -> Result<Lowered, RuntimeError> {
    let shape = geometry::pool(l.graph, node, pool)?;
    let kernels = l.elementwise();
    if let (Held::U8(x, from), Some(to)) = (l.input(node, 0), l.graph.value(node.output).quant) {
        let out = l.output_u8(node);
        let table = table_if_needed(&from, node.activation, &to);
        let pooled = if table.is_some() { l.temporary(shape.output_len()) } else { out };
        l.emit(move |m| each_image(m, x, pooled, |x, out| kernels.max_pool_u8(&shape, x, out)));
        if let Some(table) = table {
            l.emit_table(table, pooled, out);
        }
        return Ok(Lowered::new("max-pool-u8", Execution::Integer));
    }
    let x = l.float_input(node, 0);
    let out = l.float_output(node);
    let to = out.buf;
    l.emit(move |m| each_image(m, x, to, |x, out| kernels.max_pool_f32(&shape, x, out)));
    l.emit_in_place(node.activation, to);
    l.finish_float(&out);
    Ok(Lowered::new("max-pool-f32", Execution::Float))
}

/// Mean of each window.
pub(crate) fn average(l: &mut Lowering, node: &Node, pool: &Pool) -> Result<Lowered, RuntimeError> {
    let shape: PoolShape = geometry::pool(l.graph, node, pool)?;
    let kernels = l.elementwise();
    let grid = l.graph.value(node.output).quant.and_then(|grid| clamped(grid, node.activation));
    if let (Held::U8(x, from), Some(grid)) = (l.input(node, 0), grid) {
        let out = l.output_u8(node);
        l.emit(move |m| each_image(m, x, out, |x, out| kernels.average_pool_u8(&shape, x, &from, &grid, out)));
        return Ok(Lowered::new("average-pool-u8", Execution::Integer));
    }
    let x = l.float_input(node, 0);
    let out = l.float_output(node);
    let (to, (low, high, _)) = (out.buf, split(node.activation));
    l.emit(move |m| each_image(m, x, to, |x, out| kernels.average_pool_f32(&shape, x, low, high, out)));
    l.emit_rest(node, &out);
    l.finish_float(&out);
    Ok(Lowered::new("average-pool-f32", Execution::Float))
}

/// Mean over axes. The kernels take means over the rows of a matrix, so the axes go first.
pub(crate) fn mean(l: &mut Lowering, node: &Node, axes: &[Axis], keep: bool) -> Result<Lowered, RuntimeError> {
    let dims = &l.graph.value(node.inputs[0]).dims;
    if !axes.is_sorted_by(|a, b| a < b) || axes.last().is_some_and(|&a| a >= dims.len()) {
        return Err(RuntimeError::node(node, format!("{axes:?} are no axes of {dims:?}")));
    }
    let reduced = |axis: &usize| axes.contains(axis);
    let expected: Vec<usize> = match keep {
        true => (0..dims.len()).map(|a| if reduced(&a) { 1 } else { dims[a] }).collect(),
        false => (0..dims.len()).filter(|a| !reduced(a)).map(|a| dims[a]).collect(),
    };
    output_dims(l.graph, node, &expected)?;
    if axes.iter().map(|&a| dims[a]).product::<usize>() > 1 << 22 {
        return Err(RuntimeError::node(node, "a mean over more than 2^22 elements is not supported"));
    }
    let perm: Vec<usize> = axes.iter().copied().chain((0..dims.len()).filter(|a| !reduced(a))).collect();
    let kernels = l.elementwise();
    let grid = l.graph.value(node.output).quant.and_then(|grid| clamped(grid, node.activation));
    if let (Held::U8(x, from), Some(grid)) = (l.input(node, 0), grid) {
        let rows = axes_first(l, node, &perm, x);
        let out = l.output_u8(node);
        l.emit(move |m| each_image(m, rows, out, |x, out| kernels.mean_u8(x, &from, &grid, out)));
        return Ok(Lowered::new("mean-u8", Execution::Integer));
    }
    let x = l.float_input(node, 0);
    let rows = axes_first(l, node, &perm, x);
    let out = l.float_output(node);
    let (to, (low, high, _)) = (out.buf, split(node.activation));
    l.emit(move |m| each_image(m, rows, to, |x, out| kernels.mean_f32(x, low, high, out)));
    l.emit_rest(node, &out);
    l.finish_float(&out);
    Ok(Lowered::new("mean-f32", Execution::Float))
}

fn axes_first<T: Element>(l: &mut Lowering, node: &Node, perm: &[usize], x: Buf<T>) -> Buf<T> {
    if perm.is_sorted() {
        return x;
    }
    let dims = l.graph.value(node.inputs[0]).dims.clone();
    let out = l.temporary(dims.iter().product());
    let transpose = Transpose::new(&dims, perm);
    l.emit(move |m| each_image(m, x, out, |x, out| transpose.run(x, out)));
    out
}
