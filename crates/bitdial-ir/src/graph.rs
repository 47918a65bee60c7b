//! The graph: values and the nodes that compute them, in order of execution.

use bitdial_numerics::{ActivationParams, FakeQuant};

use crate::op::{Activation, DynamicQuant, Op};

/// Dimensions of a value, without the batch, which is always first and may be any number.
pub type Dims = Vec<usize>;

/// Names a value of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub usize);

/// What flows between nodes: one tensor per image.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Name in the ONNX file, or one derived from it.
    pub name: String,
    /// Dimensions without the batch. What convolutions and pools read and write is an image of three, in the order of
    /// the graph's [`Layout`]; other operators name the axes they work on and take any order.
    pub dims: Dims,
    /// The grid, if the value is held as u8 integers; `None` for f32.
    pub quant: Option<ActivationParams>,
    /// How its numbers are taken to a format and back when it has been written, if it is f32 and that is simulated. Rows
    /// are the last dimension.
    pub simulated: Option<FakeQuant>,
}

impl Value {
    /// Elements of one image's tensor.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name in the ONNX file, or one derived from its operator and position; unique in the graph.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// Values it reads, in the operator's order. Constants are part of the [`Op`].
    pub inputs: Vec<ValueId>,
    /// The value it writes.
    pub output: ValueId,
    /// What is applied to the result, element by element.
    pub activation: Activation,
    /// Set on a convolution or linear layer that quantizes its f32 input on each run; its output is f32.
    pub dynamic: Option<DynamicQuant>,
}

/// A narrow accumulator, simulated: integer layers whose sums are not in groups add product after product in the order of
/// their weights, and every sum may overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accumulator {
    /// Width, 8..=32.
    pub bits: u8,
    /// Whether a sum stays at the end of what it can hold, or goes on at the other.
    pub saturate: bool,
}

/// The order of an image's dimensions, in memory and in [`Value::dims`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Channels, rows, columns: as ONNX has it.
    Nchw,
    /// Rows, columns, channels: as the kernels want it.
    Nhwc,
}

/// A model.
///
/// Invariants: nodes stand in an order in which every value is written before it is read; every value is a graph
/// input or written by exactly one node; ids are indices into `values`.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Name in the ONNX file.
    pub name: String,
    /// Every value.
    pub values: Vec<Value>,
    /// Every node, in order of execution.
    pub nodes: Vec<Node>,
    /// Values the caller gives. Always in ONNX's own order (NCHW), whatever the layout.
    pub inputs: Vec<ValueId>,
    /// Values the caller gets. Always in ONNX's own order (NCHW), whatever the layout.
    pub outputs: Vec<ValueId>,
    /// Order of the dimensions of images.
    pub layout: Layout,
    /// What integer sums are held in, if not in 32 bits.
    pub accumulator: Option<Accumulator>,
}

impl Graph {
    /// The value with this id.
    #[must_use]
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0]
    }

    /// The node that writes a value; `None` for a graph input.
    #[must_use]
    pub fn producer(&self, id: ValueId) -> Option<&Node> {
        self.nodes.iter().find(|n| n.output == id)
    }

    /// The nodes that read a value.
    pub fn consumers(&self, id: ValueId) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |n| n.inputs.contains(&id))
    }
}
