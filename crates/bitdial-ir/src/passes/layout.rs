//! Moves images from NCHW to NHWC, and back.
//!
//! Each value of three dimensions can exist in two orders: the graph's own, and turned: channels last on the way to
//! NHWC, first on the way back. Convolutions and pools, which the layout is about, read and write the turned order;
//! operators that work element by element follow what they are given; reshapes and matrix products, which depend on the
//! order, read and write their own. Where an order is missing, a transposition makes it. Graph inputs and outputs stay
//! in ONNX's order.

use crate::graph::{Graph, Layout, Node, Value, ValueId};
use crate::names::Names;
use crate::op::{Activation, Binary, Op, Tensor};
use crate::permute::permute;

/// `CHANNELS_LAST[i]` is the axis (without the batch) of a NCHW image that lies at place `i` of a NHWC image.
const CHANNELS_LAST: [usize; 3] = [1, 2, 0];
/// The way back.
const CHANNELS_FIRST: [usize; 3] = [2, 0, 1];

/// An order of the dimensions of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Own,
    Turned,
}

/// A value in the orders that exist so far.
#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    own: Option<ValueId>,
    turned: Option<ValueId>,
}

/// The graph, which has its images in NCHW, with images in NHWC.
pub fn to_nhwc(graph: &Graph) -> Graph {
    turn(graph, Layout::Nhwc)
}

/// The graph, which has its images in NHWC, with images in NCHW. Weights keep their order.
pub fn to_nchw(graph: &Graph) -> Graph {
    turn(graph, Layout::Nchw)
}

fn turn(graph: &Graph, layout: Layout) -> Graph {
    let (values, nodes) = (Vec::new(), Vec::new());
    let orders = vec![Orders::default(); graph.values.len()];
    let mut to = Mover { from: graph, layout, orders, names: Names::of(&graph.nodes), values, nodes };
    let inputs: Vec<_> = graph.inputs.iter().map(|&old| to.define(old, Order::Own)).collect();
    for node in &graph.nodes {
        to.node(node);
    }
    let outputs: Vec<_> = graph.outputs.iter().map(|&old| to.read(old, Order::Own)).collect();
    for &old in &graph.outputs {
        // What the caller gets keeps its name.
        if let Orders { own: Some(own), turned: Some(turned) } = to.orders[old.0] {
            let name = &graph.value(old).name;
            to.values[own.0].name.clone_from(name);
            to.values[turned.0].name = format!("{name}{}", to.suffix(Order::Turned));
        }
    }
    Graph { name: graph.name.clone(), values: to.values, nodes: to.nodes, inputs, outputs, layout, accumulator: graph.accumulator }
}

struct Mover<'a> {
    from: &'a Graph,
    /// Where to.
    layout: Layout,
    orders: Vec<Orders>,
    names: Names,
    values: Vec<Value>,
    nodes: Vec<Node>,
}

impl Mover<'_> {
    fn dims(&self, old: ValueId) -> &[usize] {
        &self.from.value(old).dims
    }

    /// `turn[i]` is the axis that lies at place `i` of a turned image.
    fn turn(&self) -> [usize; 3] {
        if self.layout == Layout::Nhwc { CHANNELS_LAST } else { CHANNELS_FIRST }
    }

    /// The place in a turned image of each axis.
    fn back(&self) -> [usize; 3] {
        if self.layout == Layout::Nhwc { CHANNELS_FIRST } else { CHANNELS_LAST }
    }

    /// What the name of a value in this order ends in, where it exists in both.
    fn suffix(&self, order: Order) -> &'static str {
        if (order == Order::Turned) == (self.layout == Layout::Nhwc) { "/nhwc" } else { "/nchw" }
    }

    /// Makes a value in one order.
    fn define(&mut self, old: ValueId, order: Order) -> ValueId {
        let value = self.from.value(old);
        let known = self.orders[old.0];
        let first = known.own.is_none() && known.turned.is_none();
        let suffix = if first { "" } else { self.suffix(order) };
        let dims = if order == Order::Turned { self.turn().map(|i| value.dims[i]).to_vec() } else { value.dims.clone() };
        let id = ValueId(self.values.len());
        // What is simulated has happened to the first.
        let simulated = value.simulated.filter(|_| first);
        self.values.push(Value { name: format!("{}{suffix}", value.name), dims, quant: value.quant, simulated });
        match order {
            Order::Own => self.orders[old.0].own = Some(id),
            Order::Turned => self.orders[old.0].turned = Some(id),
        }
        id
    }

    /// A value in the order that is needed, transposed if it does not exist yet.
    fn read(&mut self, old: ValueId, order: Order) -> ValueId {
        let Orders { own, turned } = self.orders[old.0];
        let (found, other, perm) = match order {
            Order::Own => (own, turned, self.back()),
            Order::Turned => (turned, own, self.turn()),
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
        let follow = if images && node.inputs.iter().any(|id| self.orders[id.0].turned.is_some()) { Order::Turned } else { Order::Own };
        let (turn, back) = (self.turn(), self.back());
        let moved = |axis: usize| if follow == Order::Turned { back[axis] } else { axis };
        match &node.op {
            Op::Conv(_) | Op::MaxPool(_) | Op::AveragePool(_) => self.put(node, node.op.clone(), Order::Turned, Order::Turned),
            Op::BatchNorm { .. } if images => self.put(node, node.op.clone(), Order::Turned, Order::Turned),
            Op::BatchNorm { factor, offset } if rank > 1 => self.batch_norm(node, factor, offset, rank),
            Op::BatchNorm { .. } | Op::Linear(_) | Op::Reshape(_) => self.put(node, node.op.clone(), Order::Own, Order::Own),
            Op::Activate | Op::Binary(_) => self.put(node, node.op.clone(), follow, follow),
            Op::BinaryConst(kind, tensor) => {
                let tensor = if follow == Order::Turned { turned(tensor, turn) } else { tensor.clone() };
                self.put(node, Op::BinaryConst(*kind, tensor), follow, follow);
            }
            Op::Concat(axis) => self.put(node, Op::Concat(moved(*axis)), follow, follow),
            Op::Softmax(axis) => self.put(node, Op::Softmax(moved(*axis)), follow, follow),
            Op::Pad { pads, value } => {
                let pads = if follow == Order::Turned { turn.map(|i| pads[i]).to_vec() } else { pads.clone() };
                self.put(node, Op::Pad { pads, value: *value }, follow, follow);
            }
            Op::Mean { axes, keep } => self.mean(node, axes, *keep, follow),
            Op::Transpose(perm) => {
                // The transposition starts from whatever order there is.
                let perm = perm.iter().map(|&axis| moved(axis)).collect();
                self.put(node, Op::Transpose(perm), follow, Order::Own);
            }
        }
    }

    fn mean(&mut self, node: &Node, axes: &[usize], keep: bool, follow: Order) {
        // Channels would change places with the rows or columns that are left with them.
        let channels = if self.layout == Layout::Nhwc { 0 } else { 2 };
        let disordered = !keep && axes.len() == 1 && axes[0] != channels;
        if follow == Order::Own || disordered {
            return self.put(node, node.op.clone(), Order::Own, Order::Own);
        }
        let back = self.back();
        let mut axes: Vec<_> = axes.iter().map(|&axis| back[axis]).collect();
        axes.sort_unstable();
        let write = if keep || axes.is_empty() { Order::Turned } else { Order::Own };
        self.put(node, Op::Mean { axes, keep }, Order::Turned, write);
    }

    /// A BatchNorm of something that is neither an image nor a list of features: two operations with a constant.
    fn batch_norm(&mut self, node: &Node, factor: &[f32], offset: &[f32], rank: usize) {
        let constant = |data: &[f32]| {
            let mut dims = vec![1; rank];
            dims[0] = data.len();
            Tensor { dims, data: data.to_vec() }
        };
        let input = self.read(node.inputs[0], Order::Own);
        let scaled = ValueId(self.values.len());
        let dims = self.values[input.0].dims.clone();
        let value = Value { name: format!("{}/scaled", self.from.value(node.output).name), dims, quant: None, simulated: None };
        self.values.push(value);
        let name = self.names.unique(format!("{}/scale", node.name));
        self.push(name, Op::BinaryConst(Binary::Mul, constant(factor)), vec![input], scaled, Activation::None);
        let output = self.define(node.output, Order::Own);
        self.push(node.name.clone(), Op::BinaryConst(Binary::Add, constant(offset)), vec![scaled], output, node.activation);
    }
}

/// A constant that is broadcast to an image, with its axes in the order of the turned image.
fn turned(tensor: &Tensor, turn: [usize; 3]) -> Tensor {
    if tensor.data.len() == 1 {
        return Tensor { dims: Vec::new(), data: tensor.data.clone() };
    }
    let mut dims = vec![1; 3 - tensor.dims.len()];
    dims.extend(&tensor.dims);
    Tensor { data: permute(&tensor.data, &dims, &turn), dims: turn.map(|i| dims[i]).to_vec() }
}
