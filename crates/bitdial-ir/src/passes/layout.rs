//! Moves images from NCHW to NHWC.
//!
//! Each value of three dimensions can exist in two orders: ONNX's, and rows, columns, channels. Convolutions and
//! pools read and write the second; operators that work element by element follow what they are given; reshapes and
//! matrix products, which depend on the order, read and write the first. Where an order is missing, a transposition
//! makes it. Graph inputs and outputs stay in ONNX's order.

use crate::graph::{Graph, Layout, Node, Value, ValueId};
use crate::names::Names;
use crate::op::{Activation, Binary, Op, Tensor};
use crate::permute::permute;

/// `TO_IMAGE[i]` is the ONNX axis (without the batch) that lies at place `i` of an image.
const TO_IMAGE: [usize; 3] = [1, 2, 0];
/// `TO_ONNX[i]` is the place in an image of ONNX axis `i`.
const TO_ONNX: [usize; 3] = [2, 0, 1];

/// An order of the dimensions of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Onnx,
    Image,
}

/// A value in the orders that exist so far.
#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    onnx: Option<ValueId>,
    image: Option<ValueId>,
}

/// The graph, which has its images in NCHW, with images in NHWC.
pub fn to_nhwc(graph: &Graph) -> Graph {
    let (values, nodes) = (Vec::new(), Vec::new());
    let orders = vec![Orders::default(); graph.values.len()];
    let mut to = Mover { from: graph, orders, names: Names::of(&graph.nodes), values, nodes };
    let inputs: Vec<_> = graph.inputs.iter().map(|&old| to.define(old, Order::Onnx)).collect();
    for node in &graph.nodes {
        to.node(node);
    }
    let outputs: Vec<_> = graph.outputs.iter().map(|&old| to.read(old, Order::Onnx)).collect();
    for &old in &graph.outputs {
        // What the caller gets keeps its name.
        if let Orders { onnx: Some(onnx), image: Some(image) } = to.orders[old.0] {
            let name = &graph.value(old).name;
            to.values[onnx.0].name.clone_from(name);
            to.values[image.0].name = format!("{name}/nhwc");
        }
    }
    Graph {
        name: graph.name.clone(),
        values: to.values,
        nodes: to.nodes,
        inputs,
        outputs,
        layout: Layout::Nhwc,
        accumulator: graph.accumulator,
    }
}

struct Mover<'a> {
    from: &'a Graph,
    orders: Vec<Orders>,
    names: Names,
    values: Vec<Value>,
    nodes: Vec<Node>,
}

impl Mover<'_> {
    fn dims(&self, old: ValueId) -> &[usize] {
        &self.from.value(old).dims
    }

    /// Makes a value in one order.
    fn define(&mut self, old: ValueId, order: Order) -> ValueId {
        let value = self.from.value(old);
        let known = self.orders[old.0];
        let suffix = match order {
            _ if known.onnx.is_none() && known.image.is_none() => "",
            Order::Onnx => "/nchw",
            Order::Image => "/nhwc",
        };
        let dims = if order == Order::Image { TO_IMAGE.map(|i| value.dims[i]).to_vec() } else { value.dims.clone() };
        let id = ValueId(self.values.len());
        self.values.push(Value { name: format!("{}{suffix}", value.name), dims, quant: value.quant, simulated: value.simulated });
        match order {
            Order::Onnx => self.orders[old.0].onnx = Some(id),
            Order::Image => self.orders[old.0].image = Some(id),
        }
        id
    }

    /// A value in the order that is needed, transposed if it does not exist yet.
    fn read(&mut self, old: ValueId, order: Order) -> ValueId {
        let Orders { onnx, image } = self.orders[old.0];
        let (found, other, perm) = match order {
            Order::Onnx => (onnx, image, TO_ONNX),
            Order::Image => (image, onnx, TO_IMAGE),
        };
        if let Some(found) = found {
            return found;
        }
        let output = self.define(old, order);
        let name = self.names.unique(self.values[output.0].name.clone());
        // A graph writes its values before it reads them, so that one order is there.
        if let Some(other) = other {
            self.push(name, Op::Transpose(perm.to_vec()), vec![other], output, Activation::None);
        }
        output
    }

    fn push(&mut self, name: String, op: Op, inputs: Vec<ValueId>, output: ValueId, activation: Activation) {
        self.nodes.push(Node { name, op, inputs, output, activation, dynamic: None });
    }

    /// Adds a node whose operands and result are in these orders.
    fn put(&mut self, node: &Node, op: Op, read: Order, write: Order) {
        let inputs = node.inputs.iter().map(|&id| self.read(id, read)).collect();
        let output = self.define(node.output, write);
        let Node { name, activation, dynamic, .. } = node;
        self.nodes.push(Node { name: name.clone(), op, inputs, output, activation: *activation, dynamic: *dynamic });
    }

    fn node(&mut self, node: &Node) {
        let rank = node.inputs.first().map_or(0, |&id| self.dims(id).len());
        let images = rank == 3;
        // An operator that does not care follows its operands.
        let follow = if images && node.inputs.iter().any(|id| self.orders[id.0].image.is_some()) { Order::Image } else { Order::Onnx };
        let moved = |axis: usize| if follow == Order::Image { TO_ONNX[axis] } else { axis };
        match &node.op {
            Op::Conv(_) | Op::MaxPool(_) | Op::AveragePool(_) => self.put(node, node.op.clone(), Order::Image, Order::Image),
            Op::BatchNorm { .. } if images => self.put(node, node.op.clone(), Order::Image, Order::Image),
            Op::BatchNorm { factor, offset } if rank > 1 => self.batch_norm(node, factor, offset, rank),
            Op::BatchNorm { .. } | Op::Linear(_) | Op::Reshape(_) => self.put(node, node.op.clone(), Order::Onnx, Order::Onnx),
            Op::Activate | Op::Binary(_) => self.put(node, node.op.clone(), follow, follow),
            Op::BinaryConst(kind, tensor) => {
                let tensor = if follow == Order::Image { image_tensor(tensor) } else { tensor.clone() };
                self.put(node, Op::BinaryConst(*kind, tensor), follow, follow);
            }
            Op::Concat(axis) => self.put(node, Op::Concat(moved(*axis)), follow, follow),
            Op::Softmax(axis) => self.put(node, Op::Softmax(moved(*axis)), follow, follow),
            Op::Pad { pads, value } => {
                let pads = if follow == Order::Image { TO_IMAGE.map(|i| pads[i]).to_vec() } else { pads.clone() };
                self.put(node, Op::Pad { pads, value: *value }, follow, follow);
            }
            Op::Mean { axes, keep } => self.mean(node, axes, *keep, follow),
            Op::Transpose(perm) => {
                // The transposition starts from whatever order there is.
                let perm = perm.iter().map(|&axis| moved(axis)).collect();
                self.put(node, Op::Transpose(perm), follow, Order::Onnx);
            }
        }
    }

    fn mean(&mut self, node: &Node, axes: &[usize], keep: bool, follow: Order) {
        // Channels would come last where rows or columns are left with them and lose their order with the third.
        let disordered = !keep && axes.len() == 1 && axes[0] != 0;
        if follow == Order::Onnx || disordered {
            return self.put(node, node.op.clone(), Order::Onnx, Order::Onnx);
        }
        let mut axes: Vec<_> = axes.iter().map(|&axis| TO_ONNX[axis]).collect();
        axes.sort_unstable();
        let write = if keep || axes.is_empty() { Order::Image } else { Order::Onnx };
        self.put(node, Op::Mean { axes, keep }, Order::Image, write);
    }

    /// A BatchNorm of something that is neither an image nor a list of features: two operations with a constant.
    fn batch_norm(&mut self, node: &Node, factor: &[f32], offset: &[f32], rank: usize) {
        let constant = |data: &[f32]| {
            let mut dims = vec![1; rank];
            dims[0] = data.len();
            Tensor { dims, data: data.to_vec() }
        };
        let input = self.read(node.inputs[0], Order::Onnx);
        let scaled = ValueId(self.values.len());
        let value = Value { name: format!("{}/scaled", self.from.value(node.output).name), ..self.values[input.0].clone() };
        self.values.push(value);
        let name = self.names.unique(format!("{}/scale", node.name));
        self.push(name, Op::BinaryConst(Binary::Mul, constant(factor)), vec![input], scaled, Activation::None);
        let output = self.define(node.output, Order::Onnx);
        self.push(node.name.clone(), Op::BinaryConst(Binary::Add, constant(offset)), vec![scaled], output, node.activation);
    }
}

/// A constant that is broadcast to an image, with its axes in the image's order.
fn image_tensor(tensor: &Tensor) -> Tensor {
    if tensor.data.len() == 1 {
        return Tensor { dims: Vec::new(), data: tensor.data.clone() };
    }
    let mut dims = vec![1; 3 - tensor.dims.len()];
    dims.extend(&tensor.dims);
    Tensor { data: permute(&tensor.data, &dims, &TO_IMAGE), dims: TO_IMAGE.map(|i| dims[i]).to_vec() }
}
