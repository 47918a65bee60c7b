//! Weights and biases: f32 initializers, integers behind a `DequantizeLinear`, or codes.

use bitdial_numerics::{ActivationParams, PackedInts, round_ties_even};

use crate::graph::{Graph, Node};
use crate::onnx::proto::data_type;
use crate::onnx::write::coded;
use crate::onnx::write::file::{File, Step, int, ints};
use crate::op::{QuantizedWeights, Weights};
use crate::permute::permute;

/// How an operator wants its weights.
#[derive(Clone, Copy)]
pub enum Form {
    /// Conv: output channel, input channel, row, column. These are the sizes of what the graph has: output channel, row,
    /// column, input channel.
    Filters([usize; 4]),
    /// Gemm with `transB`: `[output, input]`, as the graph has them.
    Rows([usize; 2]),
    /// `MatMul`: `[input, output]`. These are the sizes of the other order.
    Columns([usize; 2]),
}

impl Form {
    /// Output channels.
    fn channels(self) -> usize {
        match self {
            Self::Filters([channels, ..]) | Self::Rows([channels, _]) | Self::Columns([channels, _]) => channels,
        }
    }

    /// The sizes of the graph's order, and the places of its axes in ONNX's.
    fn order(&self) -> (&[usize], &'static [usize]) {
        match self {
            Self::Filters(dims) => (dims, &[0, 3, 1, 2]),
            Self::Rows(dims) => (dims, &[0, 1]),
            Self::Columns(dims) => (dims, &[1, 0]),
        }
    }
}

/// Writes the weights and the bias, if there is one, in the form of the operator; gives their names.
///
/// # Errors
/// A sentence about what ONNX cannot say.
pub fn operands(
    file: &mut File,
    graph: &Graph,
    node: &Node,
    (weights, bias): (&Weights, Option<&[f32]>),
    form: Form,
) -> Result<Vec<String>, String> {
    let name = |what: &str| format!("{}/{what}", node.name);
    let floats = |file: &mut File, bias: &[f32]| file.floats(name("bias"), &[bias.len()], bias);
    let (weights, bias) = match weights {
        Weights::F32(data) => {
            let (dims, perm) = form.order();
            let turned: Vec<usize> = perm.iter().map(|&p| dims[p]).collect();
            (file.floats(name("weights"), &turned, &permute(data, dims, perm)), bias.map(|bias| floats(file, bias)))
        }
        Weights::Int(weights) => {
            let written = integers(file, node, weights, form);
            let grid = input_grid(graph, node, weights);
            let bias = bias.map(|bias| match grid {
                Some(grid) => integer_bias(file, &name("bias"), bias, weights, grid, form),
                None => floats(file, bias),
            });
            (written, bias)
        }
        Weights::Coded(weights) => {
            let (from, mut steps) = coded::rows(file, &node.name, weights, form.channels())?;
            steps.extend(from_rows(file, &node.name, form));
            (file.before(&node.name, "weights", from, steps), bias.map(|bias| floats(file, bias)))
        }
    };
    Ok(std::iter::once(weights).chain(bias).collect())
}

/// ONNX's type for integers of some bits, and how many bits that has.
fn container(bits: u8) -> (i32, u8, &'static str) {
    match bits {
        1 | 2 => (data_type::INT2, 2, "INT2"),
        3 | 4 => (data_type::INT4, 4, "INT4"),
        _ => (data_type::INT8, 8, "INT8"),
    }
}

/// Writes integer weights; gives the name of the real numbers that they stand for.
fn integers(file: &mut File, node: &Node, weights: &QuantizedWeights, form: Form) -> String {
    let (name, channels) = (&node.name, form.channels());
    let bits = weights.values.bits();
    let (kind, width, container) = container(bits);
    let values = weights.values.unpack();
    let scales: Vec<f32> = weights.params.iter().map(|p| p.scale).collect();
    let zero_points: Vec<i8> = weights.params.iter().map(|p| p.zero_point).collect();
    let (dims, perm) = form.order();

    let shared = match (weights.group, scales.len()) {
        (Some(group), _) => format!("a scale for each {group} of a row"),
        (None, 1) => "one scale".to_owned(),
        (None, _) => "a scale for each output channel".to_owned(),
    };
    file.note(format!("bitdial.weights.{name}"), format!("integers of {bits} bits, {shared}, in {container}"));

    let row = values.len() / channels;
    let scale_dims = match weights.group {
        Some(group) => vec![channels, row.div_ceil(group)],
        None if scales.len() == 1 => Vec::new(),
        None => vec![channels],
    };
    // Groups run along rows, which one axis must be. Products over the last of several axes keep their rows as well, or
    // onnxruntime would make a MatMulNBits of them, which rounds what they multiply.
    let rows = weights.group.is_some() || matches!(form, Form::Columns(_));
    let (stored, values) =
        if rows { (vec![channels, row], values) } else { (perm.iter().map(|&p| dims[p]).collect(), permute(&values, dims, perm)) };
    let from = file.constant(format!("{name}/integers"), kind, &stored, PackedInts::pack(&values, width).bytes().to_vec());
    // onnxruntime's integer kernels are tried with INT2 and do not take it. It widens constants when it loads them.
    let mut steps = Vec::new();
    let (mut kind, mut width) = (kind, width);
    if kind == data_type::INT2 {
        (kind, width) = (data_type::INT8, 8);
        steps.push(Step::new("Cast").set(int("to", data_type::INT8 as usize)));
    }
    let mut more = vec![file.floats(format!("{name}/scales"), &scale_dims, &scales)];
    // Where they are left out of INT8, onnxruntime puts in a single one, and then misses the others.
    if kind == data_type::INT8 || zero_points.iter().any(|&z| z != 0) {
        let raw = PackedInts::pack(&zero_points, width).bytes().to_vec();
        more.push(file.constant(format!("{name}/zero_points"), kind, &scale_dims, raw));
    }
    let mut dequantize = Step::with("DequantizeLinear", more).set(int("axis", usize::from(weights.group.is_some())));
    dequantize.attributes.extend(weights.group.map(|group| int("block_size", group)));
    steps.push(dequantize);
    if rows {
        steps.extend(from_rows(file, name, form));
    }
    file.before(name, "weights", from, steps)
}

/// What makes the operator's order of rows.
fn from_rows(file: &mut File, name: &str, form: Form) -> Vec<Step> {
    let (dims, perm) = form.order();
    let mut steps = Vec::new();
    if dims.len() != 2 {
        let shape: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
        steps.push(Step::with("Reshape", vec![file.ints(format!("{name}/filters"), &shape)]));
    }
    if !perm.is_sorted() {
        steps.push(Step::new("Transpose").set(ints("perm", perm.iter().copied())));
    }
    steps
}

/// The grid of the input, where the bias is an integer too: where integers are stored and each channel has one scale.
fn input_grid(graph: &Graph, node: &Node, weights: &QuantizedWeights) -> Option<ActivationParams> {
    let stored = graph.value(node.output).quant.is_some() && node.activation.clamp().is_some();
    graph.value(node.inputs[0]).quant.filter(|_| stored && weights.group.is_none())
}

/// A bias in units of the sums, as integers if there are kernels for that.
fn integer_bias(file: &mut File, name: &str, bias: &[f32], weights: &QuantizedWeights, grid: ActivationParams, form: Form) -> String {
    let scales: Vec<f32> = weights.params.iter().map(|p| grid.scale * p.scale).collect();
    let scale = |channel: usize| scales[if scales.len() == 1 { 0 } else { channel }];
    let integers: Vec<i32> = bias.iter().enumerate().map(|(c, b)| round_ties_even(b / scale(c)) as i32).collect();
    if matches!(form, Form::Columns(_)) {
        let real: Vec<f32> = integers.iter().enumerate().map(|(c, &b)| b as f32 * scale(c)).collect();
        return file.floats(name.to_owned(), &[real.len()], &real);
    }
    let raw = integers.iter().flat_map(|b| b.to_le_bytes()).collect();
    let from = file.constant(format!("{name}/integers"), data_type::INT32, &[integers.len()], raw);
    let dims: &[usize] = if scales.len() == 1 { &[] } else { &[scales.len()] };
    let scales = file.floats(format!("{name}/scales"), dims, &scales);
    file.before(name, "real", from, vec![Step::with("DequantizeLinear", vec![scales]).set(int("axis", 0))])
}
