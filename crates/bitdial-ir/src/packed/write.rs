//! A graph as bytes.

use prost::encoding::encode_varint;

use crate::coded::Scales;
use crate::graph::{Accumulator, Graph, Layout, Node, ValueId};
use crate::op::{Activation, Binary, Conv, Linear, Op, Pool, QuantizedWeights, Weights, Window};
use crate::packed::{ACCUMULATOR, MAGIC, SHARED, SYMMETRIC, activation, coded, form, held, simulated, tag};

/// The bytes of a model, from which [`crate::packed::read`] makes the same graph. Equal graphs give equal bytes.
///
/// The graph must pass [`Graph::check`].
#[must_use]
pub fn write(graph: &Graph) -> Vec<u8> {
    let mut to = Writer { bytes: MAGIC.to_vec(), last: String::new() };
    to.byte(u8::from(graph.layout == Layout::Nhwc) | if graph.accumulator.is_some() { ACCUMULATOR } else { 0 });
    if let Some(Accumulator { bits, saturate }) = graph.accumulator {
        to.bytes.extend([bits, u8::from(saturate)]);
    }
    to.text(&graph.name);
    to.number(graph.inputs.len());
    for &input in &graph.inputs {
        to.value(graph, input);
        to.numbers(&graph.value(input).dims);
    }
    to.number(graph.nodes.len());
    for node in &graph.nodes {
        to.node(graph, node);
    }
    to.ids(&graph.outputs);
    to.bytes
}

/// Bytes of a node's constants in the file: weights at their width, scales, zero points, biases.
#[must_use]
pub fn node_bytes(node: &Node) -> usize {
    let mut to = Writer { bytes: Vec::new(), last: String::new() };
    to.constants(&node.op);
    to.bytes.len()
}

pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    last: String,
}

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn number(&mut self, number: usize) {
        encode_varint(number as u64, &mut self.bytes);
    }

    fn numbers(&mut self, numbers: &[usize]) {
        self.number(numbers.len());
        numbers.iter().for_each(|&n| self.number(n));
    }

    fn ids(&mut self, ids: &[ValueId]) {
        self.number(ids.len());
        ids.iter().for_each(|id| self.number(id.0));
    }

    pub(super) fn float(&mut self, x: f32) {
        self.bytes.extend(x.to_le_bytes());
    }

    pub(super) fn floats(&mut self, data: &[f32]) {
        self.bytes.reserve(4 * data.len());
        data.iter().for_each(|&x| self.float(x));
    }

    fn text(&mut self, text: &str) {
        let shared = text.bytes().zip(self.last.bytes()).take(SHARED).take_while(|(a, b)| a == b).count();
        self.byte(shared as u8);
        self.number(text.len() - shared);
        self.bytes.extend(&text.as_bytes()[shared..]);
        text.clone_into(&mut self.last);
    }

    fn value(&mut self, graph: &Graph, id: ValueId) {
        let value = graph.value(id);
        self.number(id.0);
        self.text(&value.name);
        match (value.quant, value.simulated) {
            (Some(grid), _) => {
                self.byte(held::GRID);
                self.float(grid.scale);
                self.bytes.extend([grid.zero_point, grid.low, grid.high]);
            }
            (None, Some(format)) => simulated::write(format, &mut self.bytes),
            (None, None) => self.byte(held::FLOAT),
        }
    }

    fn node(&mut self, graph: &Graph, node: &Node) {
        self.text(&node.name);
        self.structure(&node.op);
        self.constants(&node.op);
        if let Op::Concat(_) = node.op {
            self.number(node.inputs.len());
        }
        node.inputs.iter().for_each(|id| self.number(id.0));
        self.value(graph, node.output);
        let (tag, parameters): (u8, &[f32]) = match &node.activation {
            Activation::None => (activation::NONE, &[]),
            Activation::Relu => (activation::RELU, &[]),
            Activation::Clip(low, high) => (activation::CLIP, &[*low, *high]),
            Activation::LeakyRelu(alpha) => (activation::LEAKY_RELU, &[*alpha]),
            Activation::HardSigmoid(alpha, beta) => (activation::HARD_SIGMOID, &[*alpha, *beta]),
            Activation::HardSwish => (activation::HARD_SWISH, &[]),
            Activation::Sigmoid => (activation::SIGMOID, &[]),
        };
        self.byte(tag);
        self.floats(parameters);
        self.byte(node.dynamic.map_or(0, |d| d.bits | if d.symmetric { SYMMETRIC } else { 0 }));
    }

    /// An operator, without the elements of its constants.
    fn structure(&mut self, op: &Op) {
        match op {
            Op::Conv(conv) => {
                self.byte(tag::CONV);
                [conv.out_channels, conv.in_channels, conv.groups].into_iter().for_each(|n| self.number(n));
                self.window(&conv.window);
                self.form(&conv.weights, conv.bias.is_some());
            }
            Op::Linear(linear) => {
                self.byte(tag::LINEAR);
                [linear.out_features, linear.in_features].into_iter().for_each(|n| self.number(n));
                self.form(&linear.weights, linear.bias.is_some());
            }
            Op::BatchNorm { factor, .. } => {
                self.byte(tag::BATCH_NORM);
                self.number(factor.len());
            }
            Op::Activate => self.byte(tag::ACTIVATE),
            Op::Binary(kind) => self.byte(if *kind == Binary::Add { tag::ADD } else { tag::MUL }),
            Op::BinaryConst(kind, tensor) => {
                self.byte(if *kind == Binary::Add { tag::ADD_CONST } else { tag::MUL_CONST });
                self.numbers(&tensor.dims);
            }
            Op::Concat(axis) => {
                self.byte(tag::CONCAT);
                self.number(*axis);
            }
            Op::MaxPool(pool) => self.pool(tag::MAX_POOL, pool),
            Op::AveragePool(pool) => self.pool(tag::AVERAGE_POOL, pool),
            Op::Mean { axes, keep } => {
                self.byte(tag::MEAN);
                self.byte(u8::from(*keep));
                self.numbers(axes);
            }
            Op::Reshape(dims) => {
                self.byte(tag::RESHAPE);
                self.numbers(dims);
            }
            Op::Transpose(perm) => {
                self.byte(tag::TRANSPOSE);
                self.numbers(perm);
            }
            Op::Pad { pads, value } => {
                self.byte(tag::PAD);
                self.float(*value);
                self.numbers(pads.as_flattened());
            }
            Op::Softmax(axis) => {
                self.byte(tag::SOFTMAX);
                self.number(*axis);
            }
        }
    }

    fn pool(&mut self, tag: u8, pool: &Pool) {
        self.byte(tag);
        self.byte(u8::from(pool.count_include_pad));
        self.window(&pool.window);
    }

    fn window(&mut self, window: &Window) {
        let Window { kernel, stride, pad, dilation } = window;
        kernel.iter().chain(stride).chain(pad).chain(dilation).for_each(|&n| self.number(n));
    }

    /// How weights are written.
    fn form(&mut self, weights: &Weights, bias: bool) {
        let bias = if bias { form::BIAS } else { 0 };
        let form = match weights {
            Weights::F32(_) => 0,
            Weights::Int(q) => {
                let channels = if q.params.len() == 1 { 0 } else { form::PER_CHANNEL };
                let zero_points = if q.params.iter().all(|p| p.zero_point == 0) { 0 } else { form::ZERO_POINTS };
                let groups = if q.group.is_some() { form::GROUPS } else { 0 };
                q.values.bits() & form::WIDTH | channels | zero_points | groups
            }
            Weights::Coded(q) => coded::form(q),
        };
        self.byte(form | bias);
        match weights {
            Weights::Int(QuantizedWeights { group: Some(group), .. }) => self.number(*group),
            Weights::Coded(q) => {
                if let Scales::F32(_, Some(group)) = q.scales {
                    self.number(group);
                }
                self.meaning(q);
            }
            _ => {}
        }
    }

    /// The elements of an operator's constants.
    fn constants(&mut self, op: &Op) {
        match op {
            Op::Conv(Conv { weights, bias, .. }) | Op::Linear(Linear { weights, bias, .. }) => {
                match weights {
                    Weights::F32(data) => self.floats(data),
                    Weights::Int(q) => {
                        self.bytes.extend(q.values.bytes());
                        q.params.iter().for_each(|p| self.float(p.scale));
                        if q.params.iter().any(|p| p.zero_point != 0) {
                            self.bytes.extend(q.params.iter().map(|p| p.zero_point as u8));
                        }
                    }
                    Weights::Coded(q) => self.coded(q),
                }
                if let Some(bias) = bias {
                    self.floats(bias);
                }
            }
            Op::BatchNorm { factor, offset } => {
                self.floats(factor);
                self.floats(offset);
            }
            Op::BinaryConst(_, tensor) => self.floats(&tensor.data),
            _ => {}
        }
    }
}
