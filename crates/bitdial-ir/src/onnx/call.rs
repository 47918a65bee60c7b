//! What a converter sees of a node: its operands, its attributes, and the way to add nodes.

use std::rc::Rc;

use crate::error::shorten;
use crate::graph::ValueId;
use crate::onnx::Reader;
use crate::onnx::attributes::Attributes;
use crate::onnx::constant::Constant;
use crate::onnx::proto::NodeProto;
use crate::op::{Activation, Op};

/// What a name of the file stands for.
#[derive(Clone, Debug)]
pub enum Operand {
    /// Something computed.
    Value(ValueId),
    /// Something known.
    Constant(Rc<Constant>),
    /// A value of one dimension with the batch behind it, as `Gemm` takes it with `transA`.
    Turned(ValueId),
    /// Something that nobody may read, and why.
    Unread(&'static str),
}

/// What a node of the file became.
pub enum Made {
    /// One node, with its inputs and its activation.
    Node(Box<Op>, Vec<ValueId>, Activation),
    /// A constant.
    Constant(Rc<Constant>),
    /// A value of one dimension, with the batch behind it.
    Turned(ValueId),
}

/// Why most operators do not take a value whose batch is not first.
pub const TURNED: &str = "its batch is not the first dimension, which only Gemm with transA can undo";

impl Made {
    /// One node without an activation.
    pub fn op(op: Op, input: ValueId) -> Self {
        Self::Node(op.into(), vec![input], Activation::None)
    }
}

/// A node of the file being converted.
pub struct Call<'r, 'n> {
    /// Its attributes.
    pub attributes: Attributes<'n>,
    /// Version of the operators.
    pub opset: i64,
    reader: &'r mut Reader,
    name: &'n str,
    output: &'n str,
    operands: Vec<Option<Operand>>,
    read: usize,
}

impl<'r, 'n> Call<'r, 'n> {
    pub(crate) fn new(reader: &'r mut Reader, node: &'n NodeProto, name: &'n str) -> Result<Self, String> {
        let find = |input: &String| match reader.names.get(input) {
            _ if input.is_empty() => Ok(None),
            Some(Operand::Unread(reason)) => Err(format!("it reads `{}`, and {reason}", shorten(input))),
            Some(operand) => Ok(Some(operand.clone())),
            None => Err(format!("it reads `{}`, which is neither an initializer nor written by any node", shorten(input))),
        };
        let operands = node.input.iter().map(find).collect::<Result<_, _>>()?;
        let attributes = Attributes::new(&node.attribute)?;
        let output = node.output.first().map_or("", String::as_str);
        Ok(Self { attributes, opset: reader.opset, reader, name, output, operands, read: 0 })
    }

    /// Says if the node has something that its converter did not ask for.
    pub(crate) fn finish(&self) -> Result<(), String> {
        if self.operands.iter().skip(self.read).any(Option::is_some) {
            return Err(format!("it has {} operands, more than the operator takes", self.operands.len()));
        }
        self.attributes.finish()
    }

    /// Number of operands in the file.
    pub fn arity(&self) -> usize {
        self.operands.len()
    }

    /// An operand, if it is there.
    pub fn optional(&mut self, index: usize) -> Option<Operand> {
        self.read = self.read.max(index + 1);
        self.operands.get(index).cloned().flatten()
    }

    /// An operand that must be there.
    pub fn operand(&mut self, index: usize) -> Result<Operand, String> {
        self.optional(index).ok_or_else(|| format!("it has no operand {}", index + 1))
    }

    /// An operand that must be a value.
    pub fn value(&mut self, index: usize) -> Result<ValueId, String> {
        match self.operand(index)? {
            Operand::Value(id) => Ok(id),
            Operand::Turned(_) => Err(format!("its operand {}: {TURNED}", index + 1)),
            _ => Err(format!("its operand {} is a constant, which is not supported", index + 1)),
        }
    }

    /// An operand that must be a constant if it is there.
    pub fn optional_constant(&mut self, index: usize, what: &str) -> Result<Option<Rc<Constant>>, String> {
        match self.optional(index) {
            None => Ok(None),
            Some(Operand::Constant(constant)) => Ok(Some(constant)),
            Some(_) => Err(format!("its {what} are computed by the graph; only constants are supported")),
        }
    }

    /// An operand that must be a constant.
    pub fn constant(&mut self, index: usize, what: &str) -> Result<Rc<Constant>, String> {
        self.optional_constant(index, what)?.ok_or_else(|| format!("its {what} are missing"))
    }

    /// Dimensions of a value, without the batch.
    pub fn dims(&self, id: ValueId) -> &[usize] {
        &self.reader.values[id.0].dims
    }

    /// The batch as the file has it, if it is a number.
    pub fn batch(&self) -> Option<i64> {
        self.reader.batch
    }

    /// Counts the elements of a constant that is about to be copied.
    pub fn charge(&mut self, constant: &Constant) -> Result<(), String> {
        self.reader.charge(constant)
    }

    /// Counts elements that are about to be made.
    pub fn charge_len(&mut self, len: usize) -> Result<(), String> {
        Ok(self.reader.constants.take(len)?)
    }

    /// Adds a node before the one being converted, and gives its value.
    pub fn before(&mut self, suffix: &str, op: Op, input: ValueId) -> Result<ValueId, String> {
        let name = self.reader.node_names.unique(format!("{}/{suffix}", self.name));
        self.reader.emit(name, format!("{}/{suffix}", self.output), op, vec![input], Activation::None)
    }
}

/// An axis of ONNX, which counts the batch and may count from the end, as an index.
pub fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let rank = i64::try_from(rank).unwrap_or(i64::MAX);
    let index = if axis < 0 { axis.saturating_add(rank) } else { axis };
    if (0..rank).contains(&index) { Ok(index as usize) } else { Err(format!("its axis {axis} is outside of its {rank} dimensions")) }
}

/// The same for a value: an index that leaves out the batch.
pub fn value_axis(index: i64, dims: &[usize]) -> Result<usize, String> {
    axis(index, dims.len() + 1)?.checked_sub(1).ok_or_else(|| "it works along the batch".to_owned())
}
