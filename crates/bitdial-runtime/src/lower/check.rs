//! What must hold before anything is compiled, so that no later step can go out of bounds.

use bitdial_ir::{Conv, Graph, Layout, Linear, Node, Op, Value};

use crate::error::RuntimeError;

/// Elements that one value may have: a quarter of what 32-bit addresses reach in f32.
const MAX_ELEMENTS: usize = 1 << 28;

/// Checks a prepared graph, quantized or not: ids, order of execution, arity, sizes, grids, numbers of weights.
///
/// # Errors
/// The first thing that is wrong, with the name of the node or value.
pub fn check(graph: &Graph) -> Result<(), RuntimeError> {
    if graph.layout != Layout::Nhwc {
        return Err(RuntimeError::Layout);
    }
    graph.values.iter().try_for_each(value)?;
    if graph.accumulator.is_some_and(|accumulator| !(8..=32).contains(&accumulator.bits)) {
        return Err(RuntimeError::Accumulator);
    }
    let mut written = vec![false; graph.values.len()];
    for &input in &graph.inputs {
        let known = written.get_mut(input.0).ok_or_else(|| unknown("graph input"))?;
        *known = true;
    }
    for node in &graph.nodes {
        arity(node)?;
        weights(node)?;
        for &input in &node.inputs {
            if !written.get(input.0).is_some_and(|&w| w) {
                return Err(RuntimeError::node(node, "it reads a value that nothing before it writes"));
            }
        }
        match written.get_mut(node.output.0) {
            Some(written @ false) => *written = true,
            _ => return Err(RuntimeError::node(node, "its output is no value of the graph, or written twice")),
        }
        if node.dynamic.is_some() && !matches!(node.op, Op::Conv(_) | Op::Linear(_)) {
            return Err(RuntimeError::node(node, "only convolutions and linear layers can quantize their input on each run"));
        }
        if node.dynamic.is_some_and(|d| !(1..=8).contains(&d.bits)) {
            return Err(RuntimeError::node(node, "activations have 1 to 8 bits"));
        }
    }
    for &output in &graph.outputs {
        if !written.get(output.0).is_some_and(|&w| w) {
            return Err(unknown("graph output"));
        }
        if graph.value(output).quant.is_some() || graph.value(output).simulated.is_some() {
            return Err(RuntimeError::value(graph.value(output), "an output of the model is always f32"));
        }
    }
    Ok(())
}

fn unknown(what: &str) -> RuntimeError {
    RuntimeError::Value { value: what.to_owned(), reason: "nothing writes it".to_owned() }
}

fn value(value: &Value) -> Result<(), RuntimeError> {
    let elements = value.dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).filter(|&n| n <= MAX_ELEMENTS);
    match elements {
        None => return Err(RuntimeError::value(value, format!("{:?} is too large", value.dims))),
        Some(0) => return Err(RuntimeError::value(value, "it has no elements")),
        Some(_) => {}
    }
    if value.simulated.is_some_and(|format| value.quant.is_some() || !format.is_sound()) {
        return Err(RuntimeError::value(value, "its simulated format is none, or it is held as integers"));
    }
    let Some(grid) = value.quant else { return Ok(()) };
    let sound = grid.scale.is_finite() && grid.scale > 0.0 && (grid.low..=grid.high).contains(&grid.zero_point);
    if sound { Ok(()) } else { Err(RuntimeError::value(value, "its scale or zero point is out of range")) }
}

fn arity(node: &Node) -> Result<(), RuntimeError> {
    let given = node.inputs.len();
    let fits = match node.op {
        Op::Binary(_) => given == 2,
        Op::Concat(_) => given >= 1,
        _ => given == 1,
    };
    if fits { Ok(()) } else { Err(RuntimeError::node(node, format!("it has {given} inputs, which is not what it takes"))) }
}

/// Checks that a convolution or linear layer has as many weights and biases as its channels ask for.
fn weights(node: &Node) -> Result<(), RuntimeError> {
    let (weights, bias, sizes, groups) = match &node.op {
        Op::Conv(Conv { weights, bias, out_channels, in_channels, groups, window }) => {
            let [rows, columns] = window.kernel;
            (weights, bias, [*out_channels, rows, columns, *in_channels], *groups)
        }
        Op::Linear(Linear { weights, bias, out_features, in_features }) => (weights, bias, [*out_features, 1, 1, *in_features], 1),
        _ => return Ok(()),
    };
    let [channels, .., in_channels] = sizes;
    if groups == 0 || !channels.is_multiple_of(groups) || !in_channels.is_multiple_of(groups) {
        return Err(RuntimeError::node(node, format!("{in_channels} to {channels} channels do not divide into {groups} groups")));
    }
    let expected = sizes.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).map(|n| n / groups);
    if weights.is_empty() || expected != Some(weights.len()) {
        return Err(RuntimeError::node(node, format!("it has {} weights, which does not fit its shape", weights.len())));
    }
    if bias.as_ref().is_some_and(|b| b.len() != channels) {
        return Err(RuntimeError::node(node, "it does not have one bias for each output channel"));
    }
    Ok(())
}

/// Fails unless the node's output has these dimensions.
pub(crate) fn output_dims(graph: &Graph, node: &Node, expected: &[usize]) -> Result<(), RuntimeError> {
    let dims = &graph.value(node.output).dims;
    if dims == expected {
        return Ok(());
    }
    Err(RuntimeError::node(node, format!("its output is {dims:?} where the operator gives {expected:?}")))
}
