//! Concatenation; integers on other grids are taken to that of the output.

use bitdial_ir::{Axis, Node};
use bitdial_kernels::movement::concat_part;

use super::activation::table_if_needed;
use super::check::output_dims;
use super::{Held, Lowered, Lowering};
use crate::arena::Buf;
use crate::error::RuntimeError;
use crate::memory::Element;
use crate::plan::Execution;

/// Where one input goes: rows of `part` elements at `offset` in rows of `whole`.
#[derive(Clone, Copy)]
struct Part {
    part: usize,
    whole: usize,
    offset: usize,
}

/// Along one axis.
pub(crate) fn lower(l: &mut Lowering, node: &Node, axis: Axis) -> Result<Lowered, RuntimeError> {
    let parts = parts(l, node, axis)?;
    let held: Vec<Held> = (0..parts.len()).map(|i| l.input(node, i)).collect();
    let integers: Option<Vec<_>> = held.iter().map(|h| if let Held::U8(x, grid) = *h { Some((x, grid)) } else { None }).collect();
    if let (Some(inputs), Some(to)) = (integers, l.graph.value(node.output).quant) {
        let out = l.output_u8(node);
        for (i, ((mut x, from), part)) in inputs.into_iter().zip(parts).enumerate() {
            if let Some(table) = table_if_needed(&from, node.activation, &to) {
                let mapped = l.temporary(l.len(node.inputs[i]));
                l.emit_table(table, x, mapped);
                x = mapped;
            }
            emit(l, x, part, out);
        }
        return Ok(Lowered::new("concat-u8", Execution::Integer));
    }
    let inputs: Vec<Buf<f32>> = (0..parts.len()).map(|i| l.float_input(node, i)).collect();
    let out = l.float_output(node);
    for (x, part) in inputs.into_iter().zip(parts) {
        emit(l, x, part, out.buf);
    }
    l.emit_in_place(node.activation, out.buf);
    l.finish_float(&out);
    Ok(Lowered::new("concat-f32", Execution::Float))
}

fn emit<T: Element>(l: &mut Lowering, x: Buf<T>, Part { part, whole, offset }: Part, out: Buf<T>) {
    // Rows of all images follow each other, so a chunk is one call.
    l.emit(move |m| {
        let (out, others) = T::arena(m).write(out);
        concat_part(others.get(x), part, whole, offset, out);
    });
}

fn parts(l: &Lowering, node: &Node, axis: Axis) -> Result<Vec<Part>, RuntimeError> {
    let dims = |id| &l.graph.value(id).dims;
    let first = dims(node.inputs[0]);
    let misfit = || RuntimeError::node(node, format!("its inputs cannot be joined along axis {axis}"));
    if axis >= first.len() {
        return Err(misfit());
    }
    let mut expected = first.clone();
    expected[axis] = 0;
    for &input in &node.inputs {
        let dims = dims(input);
        let same = dims.len() == first.len() && (0..dims.len()).all(|i| i == axis || dims[i] == first[i]);
        expected[axis] = if same { expected[axis].checked_add(dims[axis]).ok_or_else(misfit)? } else { return Err(misfit()) };
    }
    output_dims(l.graph, node, &expected)?;
    let inner: usize = first[axis + 1..].iter().product();
    let mut offset = 0;
    let part = |&id: &bitdial_ir::ValueId| {
        let part = Part { part: dims(id)[axis] * inner, whole: expected[axis] * inner, offset };
        offset += part.part;
        part
    };
    Ok(node.inputs.iter().map(part).collect())
}
