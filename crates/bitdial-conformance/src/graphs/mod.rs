//! Cases as graphs of a few nodes, for backends that are no set of kernels: every value must be what the scalar plan says.

mod convs;
mod others;
mod values;

use bitdial_ir::{Activation, Graph, Layout, Node, Op, Value, ValueId};
use bitdial_numerics::ActivationParams;

use crate::{Random, SHAPES, random_shape};

pub use values::Values;

/// A graph and what it is given.
#[derive(Clone, Debug)]
pub struct GraphCase {
    /// What is tried.
    pub name: String,
    /// A prepared graph.
    pub graph: Graph,
    /// Its input, image after image.
    pub input: Vec<f32>,
    /// Images.
    pub batch: usize,
}

/// All cases, with so many random shapes besides the fixed ones. Made one by one: together they are large.
pub fn graph_cases(random_shapes: usize) -> impl Iterator<Item = GraphCase> {
    let mut random = Random::new(7);
    let shapes: Vec<_> = SHAPES
        .iter()
        .map(|&(name, shape)| (name.to_owned(), shape))
        .chain((0..random_shapes).map(|i| (format!("random shape {i}"), random_shape(&mut random))))
        .collect();
    let convs = shapes.into_iter().flat_map(move |(name, shape)| convs::cases(&name, &shape, &mut random));
    convs.chain(others::cases(&mut Random::new(8)))
}

/// Makes a graph.
struct Builder {
    graph: Graph,
}

impl Builder {
    /// One whose input has these dimensions, and a grid or not.
    fn new(dims: &[usize], quant: Option<ActivationParams>) -> Self {
        let graph = Graph {
            name: String::new(),
            values: Vec::new(),
            nodes: Vec::new(),
            inputs: vec![ValueId(0)],
            outputs: Vec::new(),
            layout: Layout::Nhwc,
            accumulator: None,
        };
        let mut builder = Self { graph };
        builder.value(dims, quant);
        builder
    }

    fn value(&mut self, dims: &[usize], quant: Option<ActivationParams>) -> ValueId {
        let id = ValueId(self.graph.values.len());
        self.graph.values.push(Value { name: format!("v{}", id.0), dims: dims.to_vec(), quant, simulated: None });
        id
    }

    /// Adds a node and gives the value that it writes.
    fn node(&mut self, op: Op, inputs: &[ValueId], dims: &[usize], quant: Option<ActivationParams>, activation: Activation) -> ValueId {
        let output = self.value(dims, quant);
        let name = format!("n{}", self.graph.nodes.len());
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), output, activation, dynamic: None });
        output
    }

    /// The graph whose output is a value; one on a grid is taken to f32 first.
    fn finish(mut self, output: ValueId) -> Graph {
        let output = match self.graph.value(output).quant {
            None => output,
            Some(_) => {
                let dims = self.graph.value(output).dims.clone();
                self.node(Op::Activate, &[output], &dims, None, Activation::None)
            }
        };
        self.graph.outputs.push(output);
        self.graph
    }
}

/// What a graph's input on a grid is given so that it holds these integers.
fn real(integers: &[u8], grid: ActivationParams) -> Vec<f32> {
    integers.iter().map(|&q| grid.dequantize(q)).collect()
}

/// A grid whose integers some numbers of about this size spread over, ends cut off at random.
fn grid(random: &mut Random, size: f32) -> ActivationParams {
    let (low, high) = random.one_of(&[(0, 255), (0, 255), (0, 255), (20, 255), (0, 15), (100, 101)]);
    let zero_point = random.between(low, high) as u8;
    ActivationParams { scale: size / 100.0 * (1.1 + random.float()), zero_point, low: low as u8, high: high as u8 }
}
