//! Reshape, Transpose, Pad: the same elements in other places.

use bitdial_ir::{Activation, Node};
use bitdial_kernels::movement::{self, Transpose};

use super::activation::{apply, table_if_needed};
use super::check::output_dims;
use super::{Held, Lowered, Lowering};
use crate::arena::Buf;
use crate::error::RuntimeError;
use crate::memory::each_image;
use crate::plan::Execution;

/// How the elements move.
#[derive(Clone)]
enum Move {
    /// Not at all: the result is the input under another name.
    Stay,
    Transpose(Transpose),
    Pad {
        dims: Vec<usize>,
        pads: Vec<[usize; 2]>,
    },
}

impl Move {
    fn run<T: Copy>(&self, x: &[T], border: T, out: &mut [T]) {
        match self {
            Self::Stay => out.copy_from_slice(x),
            Self::Transpose(transpose) => transpose.run(x, out),
            Self::Pad { dims, pads } => movement::pad(x, dims, pads, border, out),
        }
    }
}

/// Other dimensions for the same elements.
pub(crate) fn reshape(l: &mut Lowering, node: &Node, dims: &[usize]) -> Result<Lowered, RuntimeError> {
    output_dims(l.graph, node, dims)?;
    let from = l.graph.value(node.inputs[0]);
    if from.len() != l.len(node.output) {
        return Err(RuntimeError::node(node, format!("{:?} and {dims:?} are not as many elements", from.dims)));
    }
    Ok(lower(l, node, Move::Stay, 0.0, "reshape"))
}

/// Output axis `i` is input axis `perm[i]`.
pub(crate) fn transpose(l: &mut Lowering, node: &Node, perm: &[usize]) -> Result<Lowered, RuntimeError> {
    let dims = l.graph.value(node.inputs[0]).dims.clone();
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..dims.len()) {
        return Err(RuntimeError::node(node, format!("{perm:?} is no order of the axes of {dims:?}")));
    }
    output_dims(l.graph, node, &perm.iter().map(|&p| dims[p]).collect::<Vec<_>>())?;
    // Axes of size 1 move for free.
    let stays = perm.iter().filter(|&&p| dims[p] != 1).is_sorted();
    let how = if stays { Move::Stay } else { Move::Transpose(Transpose::new(&dims, perm)) };
    Ok(lower(l, node, how, 0.0, "transpose"))
}

/// A border of `value`.
pub(crate) fn pad(l: &mut Lowering, node: &Node, pads: &[[usize; 2]], value: f32) -> Result<Lowered, RuntimeError> {
    let dims = l.graph.value(node.inputs[0]).dims.clone();
    let padded = |(d, p): (&usize, &[usize; 2])| d.checked_add(p[0])?.checked_add(p[1]);
    let expected: Option<Vec<usize>> = dims.iter().zip(pads).map(padded).collect();
    match expected {
        Some(expected) if pads.len() == dims.len() => output_dims(l.graph, node, &expected)?,
        _ => return Err(RuntimeError::node(node, format!("padding of {pads:?} does not fit {dims:?}"))),
    }
    let how = if pads.as_flattened().iter().all(|&p| p == 0) { Move::Stay } else { Move::Pad { dims, pads: pads.to_vec() } };
    Ok(lower(l, node, how, value, "pad"))
}

/// Moves integers as integers, on the grid of the output, and real numbers as real numbers.
fn lower(l: &mut Lowering, node: &Node, how: Move, border: f32, name: &str) -> Lowered {
    let held = l.input(node, 0);
    let step = |element: &str| Lowered::new(&format!("{name}-{element}"), Execution::Movement);
    match (held, l.graph.value(node.output).quant) {
        (Held::U8(x, from), Some(to)) => {
            let table = table_if_needed(&from, node.activation, &to);
            if let (Move::Stay, None) = (&how, &table) {
                l.output_is(node, held);
                return Lowered::new("view", Execution::Movement);
            }
            let out = l.output_u8(node);
            match (table, how) {
                (Some(table), Move::Stay) => l.emit_table(table, x, out),
                (Some(table), how) => {
                    let mapped = l.temporary(l.len(node.inputs[0]));
                    l.emit_table(table, x, mapped);
                    emit_u8(l, how, mapped, to.quantize(apply(node.activation, border)), out);
                }
                (None, how) => emit_u8(l, how, x, to.quantize(border), out),
            }
            step("u8")
        }
        (Held::F32(_), None)
            if matches!(how, Move::Stay) && node.activation == Activation::None && l.graph.value(node.output).simulated.is_none() =>
        {
            l.output_is(node, held);
            Lowered::new("view", Execution::Movement)
        }
        _ => {
            let x = l.float_input(node, 0);
            let out = l.float_output(node);
            let to = out.buf;
            l.emit(move |m| each_image(m, x, to, |x, out| how.run(x, border, out)));
            l.emit_in_place(node.activation, to);
            l.finish_float(&out);
            step("f32")
        }
    }
}

fn emit_u8(l: &mut Lowering, how: Move, x: Buf<u8>, border: u8, out: Buf<u8>) {
    l.emit(move |m| each_image(m, x, out, |x, out| how.run(x, border, out)));
}
