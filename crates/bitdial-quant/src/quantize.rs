//! From a recipe to a graph with integers.

use bitdial_ir::{Accumulator, Conv, DynamicQuant, Graph, Linear, Node, Op, ValueId, Weights};
use bitdial_numerics::{ActivationParams, FakeQuant, Over};
use bitdial_protocol::{Overflow, Recipe};

use crate::activations::Held;
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
    let roots = grids::roots(graph, recipe);
    for (value, held) in quantized.values.iter_mut().zip(grids::held(graph, recipe, ranges)?) {
        match held {
            Some(Held::Grid(grid)) => value.quant = Some(grid),
            Some(Held::Simulated(format)) => value.simulated = Some(format),
            None => {}
        }
    }
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
    }
    quantize_on_the_run(graph, recipe, &roots, &mut quantized)?;
    if let Some(accumulator) = recipe.accumulator {
        check_sums(&quantized, recipe, &roots)?;
        quantized.accumulator = Some(Accumulator { bits: accumulator.bits(), saturate: accumulator.overflow() == Overflow::Saturate });
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
    let value = graph.values.iter().find(|v| v.quant.is_some() || v.simulated.is_some()).map(|v| &v.name);
    match graph.nodes.iter().find(node).map(|n| &n.name).or(value) {
        Some(name) => Err(QuantError::AlreadyQuantized { name: name.clone() }),
        None => Ok(()),
    }
}

/// Layers whose activations have scales that are found on each run: those with integer weights quantize what they read.
/// Where weights of another format read it too, the value is taken to its integers and back as soon as it is written.
fn quantize_on_the_run(graph: &Graph, recipe: &Recipe, roots: &[ValueId], quantized: &mut Graph) -> Result<(), QuantError> {
    let coded = |node: &Node| {
        matches!(&node.op, Op::Conv(Conv { weights: Weights::Coded(_), .. }) | Op::Linear(Linear { weights: Weights::Coded(_), .. }))
    };
    let integers = |node: &Node| {
        matches!(&node.op, Op::Conv(Conv { weights: Weights::Int(_), .. }) | Op::Linear(Linear { weights: Weights::Int(_), .. }))
    };
    let real: Vec<ValueId> = graph.outputs.iter().map(|o| roots[o.0]).collect();
    let read: Vec<ValueId> = quantized.nodes.iter().filter(|node| coded(node)).map(|node| roots[node.inputs[0].0]).collect();
    for root in read.into_iter().filter(|root| !real.contains(root)) {
        if let Some(DynamicQuant { bits, symmetric }) = grids::dynamic(graph, recipe, roots, root)? {
            quantized.values[root.0].simulated = Some(FakeQuant::DynamicGrid { bits, symmetric, over: Over::Tensor });
        }
    }
    for node in &mut quantized.nodes {
        let root = roots[node.inputs[0].0];
        if integers(node) && quantized.values[root.0].simulated.is_none() {
            node.dynamic = grids::dynamic(graph, recipe, roots, root)?;
        }
    }
    Ok(())
}

/// Whether every layer with quantized weights has integer sums, each of which is one: what an accumulator holds. Layers
/// that the recipe, or an output of the model, leaves in f32 have none.
fn check_sums(graph: &Graph, recipe: &Recipe, roots: &[ValueId]) -> Result<(), QuantError> {
    let refused = |reason: &str| QuantError::Scheme(format!("an accumulator of few bits holds sums of integers: {reason}"));
    if recipe.activations.is_none() {
        return Err(refused("choose integer activations too"));
    }
    for node in &graph.nodes {
        let (Op::Conv(Conv { weights, .. }) | Op::Linear(Linear { weights, .. })) = &node.op else { continue };
        let simulated = graph.value(node.inputs[0]).simulated.is_some() || graph.value(roots[node.inputs[0].0]).simulated.is_some();
        let reason = match weights {
            Weights::Int(weights) if weights.group.is_some() => "have scales in groups, so that there is a sum for each group",
            Weights::Int(_) if simulated => "are multiplied with activations that are simulated in f32",
            Weights::Coded(_) => "have a format without integer kernels",
            Weights::Int(_) | Weights::F32(_) => continue,
        };
        return Err(refused(&format!("the weights of layer '{}' {reason}", node.name)));
    }
    Ok(())
}

/// What is said but not done here must not look as if it were.
fn check_schemes(graph: &Graph, recipe: &Recipe) -> Result<(), QuantError> {
    for node in graph.nodes.iter().filter(|node| matches!(node.op, Op::Conv(_) | Op::Linear(_))) {
        let refused = |reason: String| QuantError::Scheme(format!("the weights of layer '{}': {reason}", node.name));
        weights::check(&recipe.weights_of(&node.name)).map_err(refused)?;
    }
    if recipe.corrections.is_empty() { Ok(()) } else { Err(QuantError::Scheme("there is no such correction".to_owned())) }
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
