//! Grids and simulated formats of activations: which values share one, and what it is.

use bitdial_ir::{Activation, DynamicQuant, Graph, Node, Op, ValueId};
use bitdial_protocol::{ActivationScheme, CalibrationMethod, Recipe};

use crate::activations::{Held, Kind};
use crate::calibrate::{Quantizer, Ranges};
use crate::error::QuantError;

/// Dimensions of an image.
const IMAGE_DIMS: usize = 3;

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

/// What a scheme asks of a value.
struct Asked {
    scheme: ActivationScheme,
    kind: Kind,
}

/// How each value is held: `None` for f32 as it is. Outputs of the graph, and values that share with them, are f32.
///
/// # Errors
/// If a scheme cannot be, or a range is needed that there is not.
pub(crate) fn held(graph: &Graph, recipe: &Recipe, ranges: Option<&Ranges>) -> Result<Vec<Option<Held>>, QuantError> {
    let roots = roots(graph, recipe);
    let mut held = vec![None; graph.values.len()];
    for root in written(graph).filter(|id| roots[id.0] == *id) {
        let Some(Asked { scheme, kind }) = asked(graph, recipe, &roots, root)? else { continue };
        let range = if kind.needs_range() { range(graph, recipe, ranges, root, &scheme, &kind)? } else { (0.0, 0.0) };
        held[root.0] = kind.held(&scheme, range);
        spread(graph, &roots, root, &kind, &mut held);
    }
    Ok(held)
}

/// How the layers that read a value quantize it on each run, if they do.
pub(crate) fn dynamic(graph: &Graph, recipe: &Recipe, roots: &[ValueId], value: ValueId) -> Result<Option<DynamicQuant>, QuantError> {
    Ok(match asked(graph, recipe, roots, roots[value.0])? {
        Some(Asked { kind: Kind::Dynamic(dynamic), .. }) => Some(dynamic),
        _ => None,
    })
}

fn written(graph: &Graph) -> impl Iterator<Item = ValueId> + '_ {
    graph.inputs.iter().copied().chain(graph.nodes.iter().map(|node| node.output))
}

/// What is asked of a value that shares with none before it.
fn asked(graph: &Graph, recipe: &Recipe, roots: &[ValueId], root: ValueId) -> Result<Option<Asked>, QuantError> {
    let Some(scheme) = scheme(graph, recipe, root) else { return Ok(None) };
    let kind = Kind::of(&scheme).map_err(|reason| match graph.producer(root) {
        Some(node) => QuantError::Scheme(format!("the activations of layer '{}' {reason}", node.name)),
        None => QuantError::Scheme(format!("activations {reason}")),
    })?;
    // What a dynamic layer quantizes is its own matter.
    let real = graph.outputs.iter().any(|o| roots[o.0] == root) && !matches!(kind, Kind::Dynamic(_));
    Ok((!real).then_some(Asked { scheme, kind }))
}

/// The range that calibration keeps of a value.
fn range(
    graph: &Graph,
    recipe: &Recipe,
    ranges: Option<&Ranges>,
    root: ValueId,
    scheme: &ActivationScheme,
    kind: &Kind,
) -> Result<(f32, f32), QuantError> {
    let ranges = ranges.ok_or(QuantError::NotCalibrated)?;
    if !ranges.serve(recipe.calibration.method) {
        return Err(QuantError::OtherCalibration);
    }
    // The error of a number in a block is not its own, so the whole range is kept.
    let whole = kind.has_neighbours() && recipe.calibration.method == CalibrationMethod::Mse;
    let chosen = if whole {
        ranges.get(root)
    } else {
        ranges.choose(root, &recipe.calibration, kind.is_symmetric(scheme), &|low, high| {
            kind.held(scheme, (low, high)).map_or_else(|| Box::new(|x| x) as Quantizer, Held::quantizer)
        })
    };
    chosen.ok_or_else(|| QuantError::NoRange { value: graph.value(root).name.clone() })
}

/// Gives the values that share with `root` what they need: the same grid, or nothing where simulated numbers only move.
/// Rows of channels are there only once an image of the graph's input has its channels last.
fn spread(graph: &Graph, roots: &[ValueId], root: ValueId, kind: &Kind, held: &mut [Option<Held>]) {
    match held[root.0] {
        Some(Held::Grid(grid)) => {
            let shared = (0..held.len()).filter(|&i| roots[i] == root);
            shared.for_each(|i| held[i] = Some(Held::Grid(grid)));
        }
        Some(Held::Simulated(format))
            if kind.has_neighbours() && graph.inputs.contains(&root) && graph.value(root).dims.len() == IMAGE_DIMS =>
        {
            let mut alone = true;
            for node in graph.consumers(root) {
                if roots[node.output.0] == root {
                    held[node.output.0] = Some(Held::Simulated(format));
                } else {
                    alone = false;
                }
            }
            if alone {
                held[root.0] = None;
            }
        }
        _ => {}
    }
}
