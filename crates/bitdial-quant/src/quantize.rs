//! From a recipe to a graph with integers.

use bitdial_ir::{DynamicQuant, Graph, Node, Op, Weights};
use bitdial_numerics::ActivationParams;
use bitdial_protocol::{ActivationGranularity, ActivationMode, ActivationScheme, Bits, Format, Recipe};

use crate::calibrate::Ranges;
use crate::error::{QuantError, list};
use crate::grids;
use crate::weights::{self, Chance, quantize_weights};

/// Annotates a prepared f32 graph with integer or coded weights and, as the recipe says, grids of activations. `ranges` are
/// needed for static quantization only.
///
/// # Errors
/// If the recipe names layers that do not exist, ranges are missing, or the graph is quantized already.
pub fn quantize(graph: &Graph, recipe: &Recipe, ranges: Option<&Ranges>) -> Result<Graph, QuantError> {
    bitdial_runtime::check(graph)?;
    check_recipe(graph, recipe)?;
    check_schemes(graph, recipe)?;
    check_graph(graph)?;
    let mut quantized = graph.clone();
    let mode = recipe.activations.map(|a| a.mode);
    if mode == Some(ActivationMode::Static) {
        let fixed = grids::fixed(graph, recipe, ranges.ok_or(QuantError::NotCalibrated)?)?;
        for (value, grid) in quantized.values.iter_mut().zip(fixed) {
            value.quant = grid;
        }
    }
    let roots = grids::roots(graph, recipe);
    let grids: Vec<Option<ActivationParams>> = quantized.values.iter().map(|v| v.quant).collect();
    for (index, node) in quantized.nodes.iter_mut().enumerate() {
        let (input, output) = (node.inputs[0], node.output);
        let between = grids[input.0].zip(grids[output.0]);
        let name = node.name.clone();
        let Some((weights, bias, channels)) = layer(node) else { continue };
        let Weights::F32(values) = &*weights else { continue };
        let scheme = recipe.weights_of(&name);
        let row = values.len() / channels.max(1);
        let floors: Vec<f32> = match (between, bias) {
            (Some((grid, _)), Some(bias)) => bias.iter().map(|&b| smallest_scale(b, grid.scale, row)).collect(),
            _ => vec![0.0; channels],
        };
        *weights = quantize_weights(values, channels, &scheme, &floors, &mut Chance::new(recipe.calibration.seed, index));
        if mode == Some(ActivationMode::Dynamic) && matches!(weights, Weights::Int(_)) {
            let scheme = grids::scheme(graph, recipe, roots[input.0]);
            node.dynamic = scheme.map(|s| DynamicQuant { bits: s.bits.get(), symmetric: s.symmetric });
        }
    }
    Ok(quantized)
}

/// The weights, bias and output channels of a layer that has weights.
fn layer(node: &mut Node) -> Option<(&mut Weights, Option<&[f32]>, usize)> {
    match &mut node.op {
        Op::Conv(conv) => Some((&mut conv.weights, conv.bias.as_deref(), conv.out_channels)),
        Op::Linear(linear) => Some((&mut linear.weights, linear.bias.as_deref(), linear.out_features)),
        _ => None,
    }
}

/// The smallest weight scale with which the integer bias and `row` products cannot overflow 32 bits.
fn smallest_scale(bias: f32, input_scale: f32, row: usize) -> f32 {
    /// Room for the rounding of this computation.
    const MARGIN: f32 = 1.001;
    /// Where scales end: products of two of them must stay far from 0.
    const SMALLEST: f32 = 1e-18;
    if bias == 0.0 || !bias.is_finite() {
        return 0.0;
    }
    let products = (row as u64).saturating_mul(255 * 255);
    let room = (i32::MAX as u64).saturating_sub(products).max(1) as f32;
    (bias.abs() / (input_scale * room) * MARGIN).max(SMALLEST)
}

fn check_graph(graph: &Graph) -> Result<(), QuantError> {
    let node = |node: &&Node| {
        let weights = match &node.op {
            Op::Conv(conv) => Some(&conv.weights),
            Op::Linear(linear) => Some(&linear.weights),
            _ => None,
        };
        node.dynamic.is_some() || weights.is_some_and(|weights| weights.bits().is_some())
    };
    let value = graph.values.iter().find(|v| v.quant.is_some()).map(|v| &v.name);
    match graph.nodes.iter().find(node).map(|n| &n.name).or(value) {
        Some(name) => Err(QuantError::AlreadyQuantized { name: name.clone() }),
        None => Ok(()),
    }
}

/// What is said but not done here must not look as if it were.
fn check_schemes(graph: &Graph, recipe: &Recipe) -> Result<(), QuantError> {
    let plain = |name: &str| {
        let a = recipe.activations_of(name);
        let tensor = |a: ActivationScheme| a.granularity == ActivationGranularity::Tensor;
        a.is_none_or(|a| a.format == Format::Int && a.bits <= Bits::MAX && tensor(a))
    };
    let dynamic = recipe.activations.is_some_and(|a| a.mode == ActivationMode::Dynamic);
    for node in graph.nodes.iter().filter(|node| matches!(node.op, Op::Conv(_) | Op::Linear(_))) {
        let scheme = recipe.weights_of(&node.name);
        let refused = |reason: &str| QuantError::Scheme(format!("the weights of layer '{}': {reason}", node.name));
        weights::check(&scheme).map_err(|reason| refused(&reason))?;
        let integers = scheme.format.is_integer() && scheme.width() <= Bits::MAX.get() || scheme.width() == Bits::FLOAT.get();
        if dynamic && !integers {
            return Err(refused("they have no integer kernel, which dynamic activations need here: choose static ones or none"));
        }
    }
    let whole = recipe.corrections.is_empty() && recipe.accumulator.is_none();
    match graph.nodes.iter().find(|node| !plain(&node.name)) {
        Some(node) => Err(QuantError::Scheme(format!("there are no kernels for the scheme of layer '{}'", node.name))),
        None if !whole => Err(QuantError::Scheme("there is no such correction or accumulator".to_owned())),
        None => Ok(()),
    }
}

fn check_recipe(graph: &Graph, recipe: &Recipe) -> Result<(), QuantError> {
    let has_weights = |node: &Node| matches!(node.op, Op::Conv(_) | Op::Linear(_));
    for (name, exceptions) in &recipe.layers {
        match graph.nodes.iter().find(|node| node.name == *name) {
            None => return Err(QuantError::unknown_layer(graph, name)),
            Some(node) if exceptions.weights.is_some() && !has_weights(node) => {
                let known = list(graph.nodes.iter().filter(|n| has_weights(n)));
                return Err(QuantError::NoWeights { name: name.clone(), known });
            }
            Some(_) => {}
        }
    }
    Ok(())
}
