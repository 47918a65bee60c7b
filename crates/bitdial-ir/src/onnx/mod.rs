//! ONNX in: protobuf bytes to a [`Graph`] with every dimension inferred and every constant checked; and out.

mod attributes;
mod call;
mod constant;
mod convert;
#[cfg(test)]
mod hostile;
mod proto;
mod scan;
mod sort;
mod write;

use std::collections::HashMap;
use std::rc::Rc;

use prost::Message;

use crate::error::{IrError, shorten};
use crate::graph::{Graph, Layout, Node, Value, ValueId};
use crate::infer::infer;
use crate::limits::{self, Budget};
use crate::names::Names;
use crate::op::{Activation, Op};
use call::{Call, Made, Operand};
use constant::Constant;
pub use write::{About, write};

use proto::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, data_type};

/// Versions of ONNX's operators that are understood. Operators of version 6 are read where they say that they run for
/// inference and do not use its own way of broadcasting.
const OPSETS: std::ops::RangeInclusive<i64> = 6..=25;

/// Reads an ONNX file.
///
/// The first dimension of each graph input is the batch, whatever the file says about it; no operator may move it or
/// mix it with others. The result is in ONNX's own order (NCHW), with the file's operators one by one.
///
/// # Errors
/// Every file that is no model, is damaged, asks for more memory or time than a browser has, or needs what is not
/// supported gives the [`IrError`] that says so.
pub fn read(bytes: &[u8]) -> Result<Graph, IrError> {
    scan::check_counts(bytes)?;
    let model = ModelProto::decode(bytes).map_err(|e| IrError::Protobuf(e.to_string()))?;
    let opset = opset(&model)?;
    let graph = model.graph.ok_or_else(|| IrError::Model("it has no graph".to_owned()))?;
    if !graph.sparse_initializer.is_empty() {
        return Err(IrError::Model("it has sparse initializers, which are not supported".to_owned()));
    }
    Reader::new(opset).read(graph)
}

/// The version of ONNX's operators.
fn opset(model: &ModelProto) -> Result<i64, IrError> {
    let own = |domain: Option<&str>| matches!(domain, None | Some("" | "ai.onnx"));
    let version = model.opset_import.iter().find(|o| own(o.domain.as_deref())).map(|o| o.version.unwrap_or(0));
    match version {
        Some(version) if OPSETS.contains(&version) => Ok(version),
        Some(version) => {
            let (first, last) = OPSETS.into_inner();
            Err(IrError::Model(format!("it needs version {version} of ONNX's operators, and {first} to {last} are supported")))
        }
        None if model.graph.is_none() => Err(IrError::Protobuf("it holds neither a graph nor versions".to_owned())),
        None => Err(IrError::Model("it does not say which version of ONNX's operators it needs".to_owned())),
    }
}

/// The graph so far, and what the names of the file stand for.
pub(crate) struct Reader {
    opset: i64,
    values: Vec<Value>,
    nodes: Vec<Node>,
    names: HashMap<String, Operand>,
    node_names: Names,
    constants: Budget,
    activations: Budget,
    /// The batch as the file has it, if it is a number.
    batch: Option<i64>,
}

impl Reader {
    fn new(opset: i64) -> Self {
        Self {
            opset,
            values: Vec::new(),
            nodes: Vec::new(),
            names: HashMap::new(),
            node_names: Names::default(),
            constants: Budget::constants(),
            activations: Budget::values(),
            batch: None,
        }
    }

    fn read(mut self, graph: GraphProto) -> Result<Graph, IrError> {
        for tensor in &graph.initializer {
            self.initializer(tensor)?;
        }
        let mut inputs = Vec::new();
        for input in &graph.input {
            inputs.extend(self.input(input)?);
        }
        if let Some(twice) = graph.node.iter().flat_map(|n| &n.output).find(|&o| self.names.contains_key(o)) {
            return Err(IrError::Duplicate(shorten(twice)));
        }
        // Names are given in the order of the file, so that they do not depend on how it is sorted.
        let names: Vec<_> = graph.node.iter().enumerate().map(|(i, node)| self.node_name(node, i)).collect();
        for i in sort::order(&graph.node, |i| shorten(&names[i]))? {
            self.node(&graph.node[i], &names[i])?;
        }
        let outputs = graph.output.iter().map(|output| self.output(output)).collect::<Result<Vec<_>, _>>()?;
        if outputs.is_empty() {
            return Err(IrError::Model("its graph has no output".to_owned()));
        }
        let name = graph.name.unwrap_or_default();
        let graph = Graph { name, values: self.values, nodes: self.nodes, inputs, outputs, layout: Layout::Nchw, accumulator: None };
        graph.check()?;
        Ok(graph)
    }

    fn define(&mut self, name: &str, operand: Operand) -> Result<(), IrError> {
        match self.names.insert(name.to_owned(), operand) {
            None => Ok(()),
            Some(_) => Err(IrError::Duplicate(shorten(name))),
        }
    }

    fn initializer(&mut self, tensor: &TensorProto) -> Result<(), IrError> {
        let name = tensor.name.as_deref().unwrap_or("");
        let fail = |reason| IrError::Initializer { name: shorten(name), reason };
        if name.is_empty() {
            return Err(fail("it has no name".to_owned()));
        }
        let constant = constant::read(tensor).map_err(fail)?;
        self.define(name, Operand::Constant(Rc::new(constant)))
    }

    /// A graph input; none if it is the declaration of an initializer, as files of the first versions have them.
    fn input(&mut self, info: &ValueInfoProto) -> Result<Option<ValueId>, IrError> {
        let name = info.name.as_deref().unwrap_or("");
        let fail = |reason: String| IrError::Input { name: shorten(name), reason };
        if matches!(self.names.get(name), Some(Operand::Constant(_))) {
            return Ok(None);
        }
        let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
        let tensor = tensor.ok_or_else(|| fail("it is not a tensor".to_owned()))?;
        let kind = tensor.elem_type.unwrap_or(0);
        if !matches!(kind, data_type::FLOAT | data_type::FLOAT16 | data_type::DOUBLE | data_type::BFLOAT16) {
            return Err(fail(format!("it holds {} and not floats", data_type::name(kind))));
        }
        let shape = tensor.shape.as_ref().ok_or_else(|| fail("it has no dimensions".to_owned()))?;
        let Some((batch, rest)) = shape.dim.split_first() else {
            return Err(fail("it has no batch dimension".to_owned()));
        };
        self.batch = self.batch.or(batch.dim_value.filter(|&n| n > 0));
        if rest.len() > limits::RANK {
            return Err(fail(format!("it has {} dimensions", shape.dim.len())));
        }
        let mut dims = Vec::new();
        for (i, dim) in rest.iter().enumerate() {
            let size = dim.dim_value.and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
            dims.push(size.ok_or_else(|| fail(format!("its dimension {} has no fixed size; only the batch may vary", i + 1)))?);
        }
        let len = limits::elements(&dims).ok_or_else(|| fail("it has too many elements".to_owned()))?;
        self.activations.take(len).map_err(|e| IrError::TooLarge(e.to_owned()))?;
        let id = self.value(name.to_owned(), dims);
        self.define(name, Operand::Value(id))?;
        Ok(Some(id))
    }

    fn output(&self, info: &ValueInfoProto) -> Result<ValueId, IrError> {
        let name = info.name.as_deref().unwrap_or("");
        let fail = |reason: &str| IrError::Output { name: shorten(name), reason: reason.to_owned() };
        match self.names.get(name) {
            Some(Operand::Value(id)) => Ok(*id),
            Some(Operand::Constant(_)) => Err(fail("it is a constant")),
            Some(Operand::Turned(_)) => Err(fail(call::TURNED)),
            Some(Operand::Unread(reason)) => Err(fail(reason)),
            None => Err(fail("no node writes it")),
        }
    }

    fn value(&mut self, name: String, dims: Vec<usize>) -> ValueId {
        self.values.push(Value { name, dims, quant: None, simulated: None });
        ValueId(self.values.len() - 1)
    }

    /// A name for a node that no other has.
    fn node_name(&mut self, node: &NodeProto, index: usize) -> String {
        let own = node.name.as_deref().filter(|n| !n.is_empty()).map(ToOwned::to_owned);
        let base = own.unwrap_or_else(|| format!("{}_{index}", node.op_type.as_deref().unwrap_or("")));
        self.node_names.unique(base)
    }

    fn node(&mut self, node: &NodeProto, name: &str) -> Result<(), IrError> {
        let op_type = node.op_type.as_deref().unwrap_or("");
        let domain = node.domain.as_deref().unwrap_or("");
        let convert = if matches!(domain, "" | "ai.onnx") { convert::converter(op_type) } else { None };
        let Some(convert) = convert else {
            let op = if domain.is_empty() { op_type.to_owned() } else { format!("{domain}.{op_type}") };
            return Err(IrError::Unsupported { node: shorten(name), op: shorten(&op) });
        };
        let fail = |reason: String| IrError::node(name, op_type, reason);
        let (output, unread) = match node.output.split_first() {
            Some((first, unread)) if !first.is_empty() => (first, unread),
            _ => return Err(fail("it has no output".to_owned())),
        };
        let mut call = Call::new(self, node, name).map_err(fail)?;
        let made = convert(&mut call).map_err(fail)?;
        call.finish().map_err(fail)?;
        match made {
            Made::Constant(constant) => self.define(output, Operand::Constant(constant))?,
            Made::Turned(id) => self.define(output, Operand::Turned(id))?,
            Made::Node(op, inputs, activation) => {
                let id = self.emit(name.to_owned(), output.clone(), *op, inputs, activation).map_err(fail)?;
                self.define(output, Operand::Value(id))?;
            }
        }
        for extra in unread.iter().filter(|o| !o.is_empty()) {
            self.define(extra, Operand::Unread("it is a further output of a node of which only the first is supported"))?;
        }
        Ok(())
    }

    /// Adds a node and the value it writes.
    fn emit(&mut self, name: String, output: String, op: Op, inputs: Vec<ValueId>, activation: Activation) -> Result<ValueId, String> {
        let operands: Vec<_> = inputs.iter().map(|id| self.values[id.0].dims.as_slice()).collect();
        let dims = infer(&op, &operands, Layout::Nchw)?;
        self.activations.take(dims.iter().product())?;
        let output = self.value(output, dims);
        self.nodes.push(Node { name, op, inputs, output, activation, dynamic: None });
        Ok(output)
    }

    /// Counts the elements of a constant that is about to be copied.
    fn charge(&mut self, constant: &Constant) -> Result<(), String> {
        Ok(self.constants.take(constant.len())?)
    }
}
