//! Sums and products of two values, or of a value and a constant.

use bitdial_ir::{Activation, Binary, Graph, Node, Tensor, ValueId};
use bitdial_kernels::Elementwise;
use bitdial_numerics::ActivationParams;

use super::activation::{clamped, split};
use super::broadcast::{Cover, cover, spread};
use super::check::output_dims;
use super::integer::check_factors;
use super::{Held, Lowered, Lowering};
use crate::arena::Buf;
use crate::error::RuntimeError;
use crate::memory::{Element, each_image};
use crate::plan::Execution;

/// Two values.
pub(crate) fn values(l: &mut Lowering, node: &Node, op: Binary) -> Result<Lowered, RuntimeError> {
    let covers = covers(l.graph, node)?;
    let grid = l.graph.value(node.output).quant.and_then(|grid| clamped(grid, node.activation));
    if let (Held::U8(a, a_grid), Held::U8(b, b_grid), Some(grid)) = (l.input(node, 0), l.input(node, 1), grid) {
        check_factors(node, &factors(op, a_grid, b_grid, grid))?;
        let spread_a = operand(l, node, 0, a, covers[0]);
        let spread_b = operand(l, node, 1, b, covers[1]);
        let out = l.output_u8(node);
        let ([a, b], repeats) = in_order([(spread_a, a_grid), (spread_b, b_grid)], covers);
        emit_u8(l, op, a, b, repeats, out, grid);
        return Ok(Lowered::new(if op == Binary::Add { "add-u8" } else { "mul-u8" }, Execution::Integer));
    }
    let (a, b) = (l.float_input(node, 0), l.float_input(node, 1));
    let a = operand(l, node, 0, a, covers[0]);
    let b = operand(l, node, 1, b, covers[1]);
    let out = l.float_output(node);
    let ([a, b], repeats) = in_order([a, b], covers);
    let (kernels, activation, to) = (l.elementwise(), node.activation, out.buf);
    l.emit(move |m| {
        let (a_len, b_len) = (m.f32s.len(a), m.f32s.len(b));
        let (out, others) = m.f32s.write(to);
        if repeats {
            let images = others.get(a).chunks_exact(a_len).zip(others.get(b).chunks_exact(b_len));
            for ((a, b), out) in images.zip(out.chunks_exact_mut(a_len)) {
                float(kernels, op, activation, a, b, out);
            }
        } else {
            float(kernels, op, activation, others.get(a), others.get(b), out);
        }
    });
    l.emit_rest(node, &out);
    l.finish_float(&out);
    Ok(Lowered::new(name_f32(op), Execution::Float))
}

/// A value and a constant, which every image shares.
pub(crate) fn constant(l: &mut Lowering, node: &Node, op: Binary, constant: &Tensor) -> Result<Lowered, RuntimeError> {
    let dims = &l.graph.value(node.inputs[0]).dims;
    output_dims(l.graph, node, dims)?;
    let misfit = || RuntimeError::node(node, format!("a constant of {:?} does not fit {dims:?}", constant.dims));
    if constant.dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(constant.data.len()) {
        return Err(misfit());
    }
    let operand = match cover(&constant.dims, dims).ok_or_else(misfit)? {
        Cover::Full | Cover::Repeats => constant.data.clone(),
        Cover::Spread => {
            let mut full = vec![0.0; dims.iter().product()];
            spread(&constant.data, &constant.dims, dims, &mut full);
            full
        }
    };
    let weight_bytes = 4 * operand.len();
    let x = l.float_input(node, 0);
    let out = l.float_output(node);
    let (kernels, activation, to) = (l.elementwise(), node.activation, out.buf);
    l.emit(move |m| {
        let (out, others) = m.f32s.write(to);
        float(kernels, op, activation, others.get(x), &operand, out);
    });
    l.emit_rest(node, &out);
    l.finish_float(&out);
    Ok(Lowered { weight_bytes, ..Lowered::new(name_f32(op), Execution::Float) })
}

/// What a step of each operand (or of the product) is in steps of the result, and the farthest that a result can be.
#[must_use]
pub fn factors(op: Binary, a: ActivationParams, b: ActivationParams, to: ActivationParams) -> Vec<f32> {
    match op {
        Binary::Add => {
            let (a, b) = (a.scale / to.scale, b.scale / to.scale);
            vec![a, b, 255.0 * a + 255.0 * b]
        }
        Binary::Mul => vec![a.scale * b.scale / to.scale],
    }
}

fn name_f32(op: Binary) -> &'static str {
    match op {
        Binary::Add => "add-f32",
        Binary::Mul => "mul-f32",
    }
}

fn float(kernels: &dyn Elementwise, op: Binary, activation: Activation, a: &[f32], b: &[f32], out: &mut [f32]) {
    let (low, high, _) = split(activation);
    match op {
        Binary::Add => kernels.add_f32(a, b, low, high, out),
        Binary::Mul => kernels.mul_f32(a, b, low, high, out),
    }
}

/// How each operand covers the result, whose dimensions must be those that numpy gives.
///
/// # Errors
/// If they give other dimensions than the node's output has.
pub fn covers(graph: &Graph, node: &Node) -> Result<[Cover; 2], RuntimeError> {
    let dims = |value: ValueId| &graph.value(value).dims;
    let (a, b, to) = (dims(node.inputs[0]), dims(node.inputs[1]), dims(node.output));
    let from_end = |dims: &[usize], i: usize| dims.len().checked_sub(i + 1).map_or(1, |at| dims[at]);
    let tight = to.len() == a.len().max(b.len()) && (0..to.len()).all(|i| from_end(to, i) == from_end(a, i).max(from_end(b, i)));
    match (cover(a, to), cover(b, to)) {
        (Some(a), Some(b)) if tight => Ok([a, b]),
        _ => Err(RuntimeError::node(node, format!("operands of {a:?} and {b:?} do not give {to:?}"))),
    }
}

/// The operand as the kernels take it: spread out where it must be.
fn operand<T: Element>(l: &mut Lowering, node: &Node, i: usize, x: Buf<T>, covers: Cover) -> Buf<T> {
    if covers != Cover::Spread {
        return x;
    }
    let (from, to) = (l.graph.value(node.inputs[i]).dims.clone(), l.graph.value(node.output).dims.clone());
    let out = l.temporary(to.iter().product());
    l.emit(move |m| each_image(m, x, out, |x, out| spread(x, &from, &to, out)));
    out
}

/// The operands with the one that repeats last, and whether it does. One of the two always covers the result in full.
fn in_order<O>([a, b]: [O; 2], [a_cover, b_cover]: [Cover; 2]) -> ([O; 2], bool) {
    if a_cover == Cover::Repeats { ([b, a], true) } else { ([a, b], b_cover == Cover::Repeats) }
}

fn emit_u8(
    l: &mut Lowering,
    op: Binary,
    a: (Buf<u8>, ActivationParams),
    b: (Buf<u8>, ActivationParams),
    repeats: bool,
    out: Buf<u8>,
    grid: ActivationParams,
) {
    let kernels = l.elementwise();
    l.emit(move |m| {
        let (a_len, b_len) = (m.u8s.len(a.0), m.u8s.len(b.0));
        let (out, others) = m.u8s.write(out);
        let (x, y) = (others.get(a.0), others.get(b.0));
        let (x_len, y_len) = if repeats { (a_len, b_len) } else { (x.len(), y.len()) };
        for ((x, y), out) in x.chunks_exact(x_len).zip(y.chunks_exact(y_len)).zip(out.chunks_exact_mut(x_len)) {
            match op {
                Binary::Add => kernels.add_u8((x, &a.1), (y, &b.1), &grid, out),
                Binary::Mul => kernels.mul_u8((x, &a.1), (y, &b.1), &grid, out),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{Graph, Layout, Linear, Op, QuantizedWeights, Value, Weights};
    use bitdial_kernels::Backend;
    use bitdial_numerics::{PackedInts, WeightParams};

    use super::*;
    use crate::{Options, Plan};

    /// x -> fc -> y; x and y -> both -> z -> out, which is f32.
    fn graph(op: Binary, group: Option<usize>, weight_scale: f32, scales: [f32; 3]) -> Graph {
        let value = |name: &str, scale: Option<f32>| Value {
            name: name.into(),
            dims: vec![2],
            quant: scale.map(|scale| ActivationParams { scale, zero_point: 128, low: 0, high: 255 }),
            simulated: None,
        };
        let weights = |scale| {
            let params = vec![WeightParams { scale, zero_point: 0, bits: 8 }; 2];
            Weights::Int(QuantizedWeights { values: PackedInts::pack(&[1, -2, 3, 4], 8), params, group })
        };
        let linear = |scale| Op::Linear(Linear { out_features: 2, in_features: 2, weights: weights(scale), bias: None });
        let node = |name: &str, op, inputs: &[usize], output| Node {
            name: name.into(),
            op,
            inputs: inputs.iter().map(|&i| ValueId(i)).collect(),
            output: ValueId(output),
            activation: Activation::None,
            dynamic: None,
        };
        let [x, y, z] = scales;
        Graph {
            name: String::new(),
            values: vec![value("x", Some(x)), value("y", Some(y)), value("z", Some(z)), value("out", None)],
            nodes: vec![
                node("fc", linear(weight_scale), &[0], 1),
                node("both", Op::Binary(op), &[1, 0], 2),
                node("out", linear(1.0), &[2], 3),
            ],
            inputs: vec![ValueId(0)],
            outputs: vec![ValueId(3)],
            layout: Layout::Nhwc,
            accumulator: None,
        }
    }

    #[test]
    fn scales_that_f32_cannot_hold_are_refused() {
        let options = Options { backend: Backend::Scalar, strict: true };
        for (op, group, weight_scale, scales, at) in [
            (Binary::Add, None, 1.0, [1.0, 1.0, 1.0], None),
            (Binary::Mul, None, 1.0, [1.0, 1.0, 1.0], None),
            (Binary::Add, Some(16), 1.0, [1.0, 1.0, 1.0], None),
            // A weight in steps of the sum, a sum of products in f32, both of them.
            (Binary::Add, None, 1e-30, [1e-30, 1.0, 1.0], Some("fc")),
            (Binary::Add, Some(16), 1e-30, [1e-30, 1.0, 1.0], Some("fc")),
            (Binary::Add, Some(16), 3e38, [1.0, 1.0, 1.0], Some("fc")),
            (Binary::Add, Some(16), 1e30, [1e30, 1.0, 1.0], Some("fc")),
            // An operand in steps of the result: infinite, nothing, infinite for its largest integers alone.
            (Binary::Add, None, 1.0, [1e20, 1e20, 1e-20], Some("both")),
            (Binary::Add, None, 1.0, [1e-20, 1e-20, 1e30], Some("both")),
            (Binary::Add, None, 1.0, [1.0, 1.0, 4e-38], Some("both")),
            (Binary::Mul, None, 1.0, [1e20, 1e20, 1.0], Some("both")),
            (Binary::Mul, None, 1.0, [1e-30, 1e-30, 1.0], Some("both")),
        ] {
            let graph = graph(op, group, weight_scale, scales);
            for plan in [Plan::compile(&graph, options), Plan::compile_unfused(&graph, options)] {
                let error = plan.err().map(|error| error.to_string());
                let expected = at.map(|at| format!("layer '{at}' cannot run: its scales multiply to a number that f32 cannot hold"));
                assert_eq!(error, expected, "{op:?} {group:?} {weight_scale:e} {scales:?}");
            }
        }
    }
}
