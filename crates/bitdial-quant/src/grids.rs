//! Grids of activations: which values share one, and what it is.

use bitdial_ir::{Activation, Graph, Node, Op, ValueId};
use bitdial_numerics::ActivationParams;
use bitdial_protocol::{ActivationScheme, Recipe};

use crate::calibrate::Ranges;
use crate::error::QuantError;

/// For each value, the value whose grid it shares: itself, unless it holds no other numbers than its source.
pub(crate) fn roots(graph: &Graph, recipe: &Recipe) -> Vec<ValueId> {
    let mut roots: Vec<ValueId> = (0..graph.values.len()).map(ValueId).collect();
    for node in &graph.nodes {
        if shares(node, recipe) {
            roots[node.output.0] = roots[node.inputs[0].0];
        }
    }
    roots
}

/// Whether the output of a node takes the grid of its input.
fn shares(node: &Node, recipe: &Recipe) -> bool {
    let keeps_numbers = match node.op {
        Op::Reshape(_) | Op::Transpose(_) | Op::MaxPool(_) => true,
        Op::Pad { value, .. } => value == 0.0,
        _ => false,
    };
    let own_width = recipe.layers.get(&node.name).and_then(|layer| layer.activations).is_some_and(|a| a.bits.is_some());
    keeps_numbers && node.activation == Activation::None && !own_width
}

/// The scheme of a value: that of the layer which puts it out, or the recipe's for inputs of the graph.
pub(crate) fn scheme(graph: &Graph, recipe: &Recipe, root: ValueId) -> Option<ActivationScheme> {
    match graph.producer(root) {
        Some(node) => recipe.activations_of(&node.name),
        None => recipe.activations,
    }
}

/// The grid of each value in static quantization. Outputs of the graph, and values that share with them, have none.
pub(crate) fn fixed(graph: &Graph, recipe: &Recipe, ranges: &Ranges) -> Result<Vec<Option<ActivationParams>>, QuantError> {
    if !ranges.serve(recipe.calibration.method) {
        return Err(QuantError::OtherCalibration);
    }
    let roots = roots(graph, recipe);
    let mut grids = vec![None; graph.values.len()];
    let written = graph.inputs.iter().copied().chain(graph.nodes.iter().map(|node| node.output));
    for root in written.filter(|id| roots[id.0] == *id) {
        if graph.outputs.iter().any(|o| roots[o.0] == root) {
            continue;
        }
        let Some(scheme) = scheme(graph, recipe, root) else { continue };
        let of = if scheme.symmetric { ActivationParams::symmetric } else { ActivationParams::affine };
        let grid = |min, max| of(min, max, scheme.bits.get());
        let (min, max) = ranges
            .choose(root, &recipe.calibration, scheme.symmetric, &|min, max| {
                let grid = grid(min, max);
                Box::new(move |x| grid.dequantize(grid.quantize(x)))
            })
            .ok_or_else(|| QuantError::NoRange { value: graph.value(root).name.clone() })?;
        grids[root.0] = Some(grid(min, max));
    }
    Ok(roots.iter().map(|root| grids[root.0]).collect())
}
