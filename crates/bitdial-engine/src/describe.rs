//! What a model is, for people: layers with their operator, parameters and multiply-accumulates.

use bitdial_ir::{Activation, Binary, Conv, Graph, Layout, Node, Op, ValueId, Weights, Window};
use bitdial_protocol::{LayerInfo, TensorInfo};

/// The layers of a prepared graph, in order of execution.
#[must_use]
pub fn layers(graph: &Graph) -> Vec<LayerInfo> {
    graph
        .nodes
        .iter()
        .map(|node| LayerInfo {
            name: node.name.clone(),
            op: operator(node),
            parameters: parameters(node),
            macs: macs(graph, node),
            output: nchw(graph, node.output),
        })
        .collect()
}

/// Inputs or outputs of a graph.
#[must_use]
pub fn tensors(graph: &Graph, ids: &[ValueId]) -> Vec<TensorInfo> {
    let tensor = |id: &ValueId| {
        let value = graph.value(*id);
        let shape = std::iter::once(None).chain(value.dims.iter().copied().map(Some)).collect();
        TensorInfo { name: value.name.clone(), shape }
    };
    ids.iter().map(tensor).collect()
}

/// The operator with its fused activation, e.g. `Conv 3x3 + ReLU6`.
#[must_use]
pub fn operator(node: &Node) -> String {
    let activation = activation(node.activation);
    match (&node.op, activation) {
        (Op::Activate, Some(activation)) => activation,
        (op, None) => operation(op),
        (op, Some(activation)) => format!("{} + {activation}", operation(op)),
    }
}

/// Weights and biases of a node.
#[must_use]
pub fn parameters(node: &Node) -> usize {
    let biases = |bias: &Option<Vec<f32>>| bias.as_ref().map_or(0, Vec::len);
    match &node.op {
        Op::Conv(conv) => conv.weights.len() + biases(&conv.bias),
        Op::Linear(linear) => linear.weights.len() + biases(&linear.bias),
        Op::BatchNorm { factor, offset } => factor.len() + offset.len(),
        Op::BinaryConst(_, tensor) => tensor.data.len(),
        _ => 0,
    }
}

/// Multiply-accumulates of a node for one image, those on padding included.
#[must_use]
pub fn macs(graph: &Graph, node: &Node) -> u64 {
    let Some((weights, channels)) = weights(node) else { return 0 };
    let positions = graph.value(node.output).len() / channels.max(1);
    positions as u64 * weights.len() as u64
}

/// Bytes of the inputs and the output of a node for one image, as they are held.
#[must_use]
pub fn bytes_moved(graph: &Graph, node: &Node) -> u64 {
    let bytes = |&id: &ValueId| {
        let value = graph.value(id);
        value.len() * if value.quant.is_some() { 1 } else { size_of::<f32>() }
    };
    node.inputs.iter().chain([&node.output]).map(bytes).sum::<usize>() as u64
}

/// The weights of a node and its number of output channels.
#[must_use]
pub fn weights(node: &Node) -> Option<(&Weights, usize)> {
    match &node.op {
        Op::Conv(conv) => Some((&conv.weights, conv.out_channels)),
        Op::Linear(linear) => Some((&linear.weights, linear.out_features)),
        _ => None,
    }
}

/// Dimensions of a value in ONNX's order.
fn nchw(graph: &Graph, id: ValueId) -> Vec<usize> {
    let dims = &graph.value(id).dims;
    let at_border = graph.inputs.contains(&id) || graph.outputs.contains(&id);
    match dims[..] {
        [rows, columns, channels] if graph.layout == Layout::Nhwc && !at_border => vec![channels, rows, columns],
        _ => dims.clone(),
    }
}

fn operation(op: &Op) -> String {
    match op {
        Op::Conv(conv) => convolution(conv),
        Op::Linear(_) => "Linear".into(),
        Op::BatchNorm { .. } => "BatchNorm".into(),
        Op::Activate => "Identity".into(),
        Op::Binary(binary) => self::binary(*binary).into(),
        Op::BinaryConst(binary, _) => format!("{} constant", self::binary(*binary)),
        Op::Concat(_) => "Concat".into(),
        Op::MaxPool(pool) => format!("MaxPool {}", window(&pool.window)),
        Op::AveragePool(pool) => format!("AveragePool {}", window(&pool.window)),
        Op::Mean { .. } => "Mean".into(),
        Op::Reshape(_) => "Reshape".into(),
        Op::Transpose(_) => "Transpose".into(),
        Op::Pad { .. } => "Pad".into(),
        Op::Softmax(_) => "Softmax".into(),
    }
}

fn convolution(conv: &Conv) -> String {
    let kind = match conv.groups {
        1 => "Conv".to_owned(),
        groups if groups == conv.in_channels => "Depthwise conv".to_owned(),
        groups => format!("Conv in {groups} groups"),
    };
    let dilation = if conv.window.dilation == [1, 1] { "" } else { " dilated" };
    format!("{kind} {}{dilation}", window(&conv.window))
}

/// Size, and the step where it is not 1: `3x3`, `3x3/2`.
fn window(window: &Window) -> String {
    let [rows, columns] = window.kernel;
    match window.stride {
        [1, 1] => format!("{rows}x{columns}"),
        [down, right] if down == right => format!("{rows}x{columns}/{down}"),
        [down, right] => format!("{rows}x{columns}/{down}x{right}"),
    }
}

fn binary(binary: Binary) -> &'static str {
    match binary {
        Binary::Add => "Add",
        Binary::Mul => "Mul",
    }
}

fn activation(activation: Activation) -> Option<String> {
    Some(match activation {
        Activation::None => return None,
        Activation::Relu => "ReLU".into(),
        Activation::Clip(0.0, 6.0) => "ReLU6".into(),
        Activation::Clip(low, high) => format!("Clip {low}..{high}"),
        Activation::LeakyRelu(_) => "LeakyReLU".into(),
        Activation::HardSigmoid(..) => "HardSigmoid".into(),
        Activation::HardSwish => "HardSwish".into(),
        Activation::Sigmoid => "Sigmoid".into(),
    })
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{Pool, Value};

    use super::*;

    fn conv(groups: usize, stride: [usize; 2], dilation: [usize; 2]) -> Op {
        let window = Window { kernel: [3, 3], stride, pad: [1; 4], dilation };
        let weights = Weights::F32(vec![0.0; 8 * 9 * (8 / groups)]);
        Op::Conv(Conv { out_channels: 8, in_channels: 8, groups, window, weights, bias: Some(vec![0.0; 8]) })
    }

    #[test]
    fn operators_are_named() {
        let pool = Pool { window: Window { kernel: [2, 2], stride: [2, 1], pad: [0; 4], dilation: [1, 1] }, count_include_pad: false };
        for (op, activation, name) in [
            (conv(1, [1, 1], [1, 1]), Activation::Clip(0.0, 6.0), "Conv 3x3 + ReLU6"),
            (conv(8, [2, 2], [1, 1]), Activation::None, "Depthwise conv 3x3/2"),
            (conv(2, [1, 1], [2, 2]), Activation::Clip(-1.0, 1.0), "Conv in 2 groups 3x3 dilated + Clip -1..1"),
            (Op::MaxPool(pool), Activation::None, "MaxPool 2x2/2x1"),
            (Op::Activate, Activation::HardSwish, "HardSwish"),
            (Op::Activate, Activation::None, "Identity"),
            (Op::Binary(Binary::Add), Activation::Relu, "Add + ReLU"),
        ] {
            let node = Node { name: String::new(), op, inputs: vec![], output: ValueId(0), activation, dynamic: None };
            assert_eq!(operator(&node), name);
        }
    }

    #[test]
    fn layers_are_counted_in_nchw() {
        let value = |dims: &[usize]| Value { name: String::new(), dims: dims.to_vec(), quant: None, simulated: None };
        let node = Node {
            name: "c".into(),
            op: conv(8, [1, 1], [1, 1]),
            inputs: vec![ValueId(0)],
            output: ValueId(1),
            activation: Activation::None,
            dynamic: None,
        };
        let graph = Graph {
            name: String::new(),
            values: vec![value(&[5, 7, 8]), value(&[5, 7, 8])],
            nodes: vec![node],
            inputs: vec![ValueId(0)],
            outputs: vec![],
            layout: Layout::Nhwc,
            accumulator: None,
        };
        let layer = layers(&graph).remove(0);
        assert_eq!((layer.parameters, layer.macs, layer.output), (80, 5 * 7 * 72, vec![8, 5, 7]));
    }
}
