//! An ONNX file being written: its nodes, its constants, and which names are given.

use prost::Message;

use crate::graph::{Graph, ValueId};
use crate::names::Names;
use crate::onnx::proto::{
    AttributeProto, DimensionProto, GraphProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, WrittenModelProto, data_type, kind,
};
use crate::onnx::write::{About, grid};

/// The version of ONNX's operators, and of the format that has it. It is the first with INT4 and blocks of scales.
const OPSET: [i64; 2] = [21, 10];
/// The first that casts FLOAT8E8M0.
const OPSET_FLOAT8E8M0: [i64; 2] = [24, 12];
/// The first with INT2 and UINT2.
const OPSET_INT2: [i64; 2] = [25, 13];

/// A node that reads what the step before it writes.
pub struct Step {
    /// Operator.
    pub op: &'static str,
    /// What it reads before that.
    pub first: Option<String>,
    /// What it reads after that.
    pub more: Vec<String>,
    /// Attributes.
    pub attributes: Vec<AttributeProto>,
}

impl Step {
    /// A node with one operand and no attributes.
    pub fn new(op: &'static str) -> Self {
        Self { op, first: None, more: Vec::new(), attributes: Vec::new() }
    }

    /// With more operands.
    pub fn with(op: &'static str, more: Vec<String>) -> Self {
        Self { more, ..Self::new(op) }
    }

    /// With an attribute.
    pub fn set(mut self, attribute: AttributeProto) -> Self {
        self.attributes.push(attribute);
        self
    }
}

/// A file.
pub struct File {
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
    notes: Vec<(String, String)>,
    /// Names of tensors, and of nodes.
    names: Names,
    node_names: Names,
    /// For each value the name of its real numbers.
    values: Vec<String>,
    opset: [i64; 2],
    /// What layers that quantize their input on each run read: input, width, whether symmetric, name.
    pub dynamic: Vec<(ValueId, u8, bool, String)>,
}

impl File {
    /// An empty file for a graph. Inputs and outputs have their names first.
    pub fn new(graph: &Graph) -> Self {
        let mut names = Names::default();
        let mut values = vec![String::new(); graph.values.len()];
        let order = graph.inputs.iter().chain(&graph.outputs).map(|id| id.0).chain(0..graph.values.len());
        for i in order {
            if values[i].is_empty() {
                let name = &graph.values[i].name;
                values[i] = names.unique(if name.is_empty() { "value".to_owned() } else { name.clone() });
            }
        }
        Self {
            nodes: Vec::new(),
            initializers: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            notes: Vec::new(),
            names,
            node_names: Names::of(&graph.nodes),
            values,
            opset: OPSET,
            dynamic: Vec::new(),
        }
    }

    /// The name of a value's real numbers.
    pub fn value(&self, id: ValueId) -> String {
        self.values[id.0].clone()
    }

    /// A name for a tensor that no other has.
    pub fn name(&mut self, base: String) -> String {
        self.names.unique(base)
    }

    /// A name for a node that no other has.
    pub fn node_name(&mut self, base: String) -> String {
        self.node_names.unique(base)
    }

    /// A graph input, on its grid if it has one.
    pub fn input(&mut self, graph: &Graph, id: ValueId) {
        let name = self.value(id);
        self.inputs.push(end(name.clone(), &graph.value(id).dims));
        let steps = grid::of_value(self, graph.value(id), &name);
        if !steps.is_empty() {
            let to = self.name(format!("{name}/dequantized"));
            self.values[id.0].clone_from(&to);
            let node = self.node_name(format!("{name}/QuantizeLinear"));
            self.chain(name, steps, node, to);
        }
    }

    /// A graph output. One that is another's or an input's tensor as well is a copy.
    pub fn output(&mut self, graph: &Graph, id: ValueId) {
        let mut name = self.value(id);
        if self.outputs.iter().chain(&self.inputs).any(|end| end.name.as_ref() == Some(&name)) || graph.inputs.contains(&id) {
            let copy = self.name(format!("{}/out", graph.value(id).name));
            let node = self.node_name(copy.clone());
            self.chain(name, vec![Step::new("Identity")], node, copy.clone());
            name = copy;
        }
        self.outputs.push(end(name, &graph.value(id).dims));
    }

    /// Writes steps one after the other, from one tensor to another; none at all are a copy. `name` is that of the first
    /// node, and nobody else's.
    pub fn chain(&mut self, from: String, mut steps: Vec<Step>, name: String, to: String) {
        if steps.is_empty() {
            steps.push(Step::new("Identity"));
        }
        let mut from = from;
        let last = steps.len() - 1;
        for (i, Step { op, first, more, attributes }) in steps.into_iter().enumerate() {
            let output = if i == last { to.clone() } else { self.name(format!("{to}/{op}")) };
            let node = if i == 0 { name.clone() } else { self.node_name(format!("{name}/{op}")) };
            let inputs = first.into_iter().chain([from]).chain(more).collect();
            self.node(op, node, inputs, attributes, output.clone());
            from = output;
        }
    }

    /// Writes steps before those of a layer; gives the name of what the last writes.
    pub fn before(&mut self, layer: &str, what: &str, from: String, steps: Vec<Step>) -> String {
        let to = self.name(format!("{layer}/{what}"));
        let node = self.node_name(to.clone());
        self.chain(from, steps, node, to.clone());
        to
    }

    /// Writes a node whose name is nobody else's.
    fn node(&mut self, op: &str, name: String, input: Vec<String>, attribute: Vec<AttributeProto>, output: String) {
        self.nodes.push(NodeProto { input, output: vec![output], name: Some(name), op_type: Some(op.to_owned()), attribute, domain: None });
    }

    /// A constant of some type; gives its name.
    pub fn constant(&mut self, base: String, data_type: i32, dims: &[usize], raw: Vec<u8>) -> String {
        self.opset = self.opset.max(match data_type {
            data_type::INT2 | data_type::UINT2 => OPSET_INT2,
            data_type::FLOAT8E8M0 => OPSET_FLOAT8E8M0,
            _ => OPSET,
        });
        let name = self.name(base);
        let dims = dims.iter().map(|&d| d as i64).collect();
        let tensor = TensorProto { dims, data_type: Some(data_type), name: Some(name.clone()), raw_data: Some(raw), ..Default::default() };
        self.initializers.push(tensor);
        name
    }

    /// A constant of f32.
    pub fn floats(&mut self, base: String, dims: &[usize], data: &[f32]) -> String {
        let raw = data.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(base, data_type::FLOAT, dims, raw)
    }

    /// A list of integers.
    pub fn ints(&mut self, base: String, data: &[i64]) -> String {
        let raw = data.iter().flat_map(|i| i.to_le_bytes()).collect();
        self.constant(base, data_type::INT64, &[data.len()], raw)
    }

    /// Says something about the file.
    pub fn note(&mut self, key: String, text: String) {
        self.notes.push((key, text));
    }

    /// The bytes.
    pub fn finish(self, name: &str, about: About) -> Vec<u8> {
        let mut notes = self.notes;
        notes.extend(about.recipe.map(|recipe| ("bitdial.recipe".to_owned(), recipe.to_owned())));
        let entry = |(key, value)| StringStringEntryProto { key: Some(key), value: Some(value) };
        let name = if name.is_empty() { "model" } else { name };
        let graph = GraphProto {
            node: self.nodes,
            name: Some(name.to_owned()),
            initializer: self.initializers,
            input: self.inputs,
            output: self.outputs,
            sparse_initializer: Vec::new(),
        };
        let [opset, ir_version] = self.opset;
        let model = WrittenModelProto {
            ir_version: Some(ir_version),
            producer_name: Some("bitdial".to_owned()),
            producer_version: Some(about.version.to_owned()),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(opset) }],
            metadata_props: notes.into_iter().map(entry).collect(),
        };
        model.encode_to_vec()
    }
}

/// A graph input or output of f32 with a free batch.
fn end(name: String, dims: &[usize]) -> ValueInfoProto {
    let batch = DimensionProto { dim_param: Some("batch".to_owned()), dim_value: None };
    let known = dims.iter().map(|&d| DimensionProto { dim_value: Some(d as i64), dim_param: None });
    let shape = TensorShapeProto { dim: std::iter::once(batch).chain(known).collect() };
    let tensor = TensorTypeProto { elem_type: Some(data_type::FLOAT), shape: Some(shape) };
    ValueInfoProto { name: Some(name), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

/// An attribute with one integer.
pub fn int(name: &str, i: usize) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), i: Some(i as i64), r#type: Some(kind::INT), ..Default::default() }
}

/// An attribute with a number.
pub fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), f: Some(f), r#type: Some(kind::FLOAT), ..Default::default() }
}

/// An attribute with some integers.
pub fn ints(name: &str, ints: impl IntoIterator<Item = usize>) -> AttributeProto {
    let ints = ints.into_iter().map(|i| i as i64).collect();
    AttributeProto { name: Some(name.to_owned()), ints, r#type: Some(kind::INTS), ..Default::default() }
}
