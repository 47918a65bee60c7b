//! Operators without an integer form: BatchNorm that could not be folded, Softmax. Between integers they are islands:
//! inputs dequantized, output quantized.

use bitdial_ir::{Axis, Node};

use super::activation::split;
use super::broadcast::spread;
use super::check::output_dims;
use super::{Lowered, Lowering};
use crate::error::RuntimeError;
use crate::memory::each_image;
use crate::plan::Execution;

/// `x * factor + offset` per channel: the last axis of an image, the first of anything else.
pub(crate) fn batch_norm(l: &mut Lowering, node: &Node, factor: &[f32], offset: &[f32]) -> Result<Lowered, RuntimeError> {
    let dims = l.graph.value(node.inputs[0]).dims.clone();
    output_dims(l.graph, node, &dims)?;
    let image = dims.len() == 3;
    let channels = if image { dims.last() } else { dims.first() };
    if channels != Some(&factor.len()) || factor.len() != offset.len() {
        return Err(RuntimeError::node(node, format!("{} channels do not fit {dims:?}", factor.len())));
    }
    // The kernel wants channels innermost.
    let innermost = |per_channel: &[f32]| {
        if image || dims.len() == 1 {
            return per_channel.to_vec();
        }
        let mut from = vec![1; dims.len()];
        from[0] = per_channel.len();
        let mut all = vec![0.0; dims.iter().product()];
        spread(per_channel, &from, &dims, &mut all);
        all
    };
    let (factor, offset) = (innermost(factor), innermost(offset));
    let weight_bytes = 4 * (factor.len() + offset.len());
    let x = l.float_input(node, 0);
    let out = l.float_output(node);
    let (kernels, to, (low, high, _)) = (l.elementwise(), out.buf, split(node.activation));
    l.emit(move |m| {
        let (out, others) = m.f32s.write(to);
        kernels.affine_f32(others.get(x), &factor, &offset, low, high, out);
    });
    l.emit_rest(node, &out);
    l.finish_float(&out);
    Ok(Lowered { weight_bytes, ..Lowered::new("batch-norm-f32", Execution::Float) })
}

/// `exp(x - max) / sum` along one axis.
pub(crate) fn softmax(l: &mut Lowering, node: &Node, axis: Axis) -> Result<Lowered, RuntimeError> {
    let dims = l.graph.value(node.inputs[0]).dims.clone();
    output_dims(l.graph, node, &dims)?;
    if axis >= dims.len() {
        return Err(RuntimeError::node(node, format!("{dims:?} has no axis {axis}")));
    }
    let (n, inner): (usize, usize) = (dims[axis], dims[axis + 1..].iter().product());
    let x = l.float_input(node, 0);
    let out = l.float_output(node);
    let to = out.buf;
    l.emit(move |m| each_image(m, x, to, |x, out| exponentials(x, n, inner, out)));
    l.emit_in_place(node.activation, to);
    l.finish_float(&out);
    Ok(Lowered::new("softmax-f32", Execution::Float))
}

/// Softmax along `n` elements that lie `inner` apart.
fn exponentials(x: &[f32], n: usize, inner: usize, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(n * inner).zip(out.chunks_exact_mut(n * inner)) {
        for i in 0..inner {
            let line = || (0..n).map(|k| k * inner + i);
            let max = line().map(|k| x[k]).fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for k in line() {
                out[k] = libm::expf(x[k] - max);
                sum += out[k];
            }
            line().for_each(|k| out[k] /= sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_of_known_numbers() {
        let ln = |x: f32| libm::logf(x);
        // Two lines of three, interleaved.
        let x = [ln(1.0), ln(3.0), ln(2.0), ln(3.0), ln(5.0), ln(2.0)];
        let mut out = [0.0; 6];
        exponentials(&x, 3, 2, &mut out);
        for (y, expected) in out.iter().zip([0.125, 0.375, 0.25, 0.375, 0.625, 0.25]) {
            assert!((y - expected).abs() < 1e-6, "{out:?}");
        }
        // Large numbers do not overflow.
        exponentials(&[1000.0, 1000.0], 2, 1, &mut out[..2]);
        assert_eq!(out[..2], [0.5, 0.5]);
    }
}
