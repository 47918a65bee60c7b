//! A node of the graph: its operator, its activation, the grid of its result.

use crate::error::{IrError, shorten};
use crate::graph::{Graph, Node};
use crate::onnx::write::file::{File, Step, float};
use crate::onnx::write::{grid, op};
use crate::op::Activation;

/// Writes a node.
///
/// # Errors
/// [`IrError::Export`] if ONNX has no form for it.
pub fn write(file: &mut File, graph: &Graph, node: &Node) -> Result<(), IrError> {
    let fail = |reason| IrError::Export { layer: shorten(&node.name), reason };
    let (from, mut steps) = op::steps(file, graph, node).map_err(fail)?;
    let value = file.value(node.output);
    match (graph.value(node.output).quant, node.activation.clamp()) {
        // Rounding does not change an order, so a clamp may come after it, where it is one of integers.
        (Some(params), Some((low, high))) => {
            steps.extend(grid::steps(file, &value, &params, (params.quantize(low), params.quantize(high))));
        }
        _ => {
            steps.extend(activation(file, node));
            steps.extend(grid::of_value(file, graph.value(node.output), &value));
        }
    }
    file.chain(from, steps, node.name.clone(), value);
    Ok(())
}

/// The node of an activation.
fn activation(file: &mut File, node: &Node) -> Option<Step> {
    Some(match node.activation {
        Activation::None => return None,
        Activation::Relu => Step::new("Relu"),
        Activation::Clip(low, high) => {
            // A bound that bounds nothing is left out.
            let mut bound = |what: &str, x: f32| {
                if x.is_finite() { file.floats(format!("{}/{what}", node.name), &[], &[x]) } else { String::new() }
            };
            Step::with("Clip", vec![bound("min", low), bound("max", high)])
        }
        Activation::LeakyRelu(alpha) => Step::new("LeakyRelu").set(float("alpha", alpha)),
        Activation::HardSigmoid(alpha, beta) => Step::new("HardSigmoid").set(float("alpha", alpha)).set(float("beta", beta)),
        Activation::HardSwish => Step::new("HardSwish"),
        Activation::Sigmoid => Step::new("Sigmoid"),
    })
}
