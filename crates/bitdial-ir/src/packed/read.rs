//! Bytes as a graph.

use bitdial_numerics::{ActivationParams, PackedInts, WeightParams};
use prost::encoding::decode_varint;

use crate::error::IrError;
use crate::graph::{Accumulator, Graph, Layout, Node, Value, ValueId};
use crate::infer::infer;
use crate::limits;
use crate::op::{Activation, Binary, Conv, DynamicQuant, GROUPS, Linear, Op, Pool, QuantizedWeights, Tensor, Weights, Window};
use crate::packed::{ACCUMULATOR, MAGIC, SYMMETRIC, activation, form, held, simulated, tag};

/// Reads what [`crate::packed::write`] wrote.
///
/// # Errors
/// [`IrError::Packed`] if the bytes are not such a file, else what [`Graph::check`] finds.
pub fn read(bytes: &[u8]) -> Result<Graph, IrError> {
    let body = bytes.strip_prefix(MAGIC.as_slice()).ok_or_else(|| IrError::Packed("it does not start like one".to_owned()))?;
    let graph = Reader { rest: body, last: Vec::new(), values: Vec::new() }.graph().map_err(IrError::Packed)?;
    graph.check()?;
    Ok(graph)
}

/// What is not read yet.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    last: Vec<u8>,
    values: Vec<Option<Value>>,
}

impl<'a> Reader<'a> {
    fn graph(mut self) -> Result<Graph, String> {
        let layout = self.byte()?;
        let accumulator = if layout & ACCUMULATOR == 0 { None } else { Some(Accumulator { bits: self.byte()?, saturate: self.flag()? }) };
        let layout = match layout & !ACCUMULATOR {
            0 => Layout::Nchw,
            1 => Layout::Nhwc,
            other => return Err(format!("it has {other} where only a layout can be")),
        };
        let name = self.text()?;
        let mut inputs = Vec::new();
        for _ in 0..self.count()? {
            let (id, value) = self.value()?;
            let dims = self.numbers()?;
            self.define(id, Value { dims, ..value })?;
            inputs.push(id);
        }
        let mut nodes = Vec::new();
        for _ in 0..self.count()? {
            nodes.push(self.node(layout)?);
        }
        let outputs = (0..self.count()?).map(|_| self.id()).collect::<Result<_, _>>()?;
        if !self.rest.is_empty() {
            return Err(format!("{} bytes follow its end", self.rest.len()));
        }
        let values = self.values.into_iter().collect::<Option<_>>().ok_or("it leaves out the number of a value")?;
        Ok(Graph { name, values, nodes, inputs, outputs, layout, accumulator })
    }

    fn define(&mut self, id: ValueId, value: Value) -> Result<(), String> {
        if id.0 >= self.values.len() {
            self.values.resize(id.0 + 1, None);
        }
        match self.values[id.0].replace(value) {
            None => Ok(()),
            Some(_) => Err(format!("it writes value {} twice", id.0)),
        }
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or("it ends too early")?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn flag(&mut self) -> Result<bool, String> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(format!("it has {other} where only 0 or 1 can be")),
        }
    }

    fn number(&mut self) -> Result<usize, String> {
        let number = decode_varint(&mut self.rest).map_err(|_| "it has a number that does not end")?;
        usize::try_from(number).map_err(|_| format!("it has the number {number}, which is too large"))
    }

    /// A number of things, each of which takes one byte at least.
    fn count(&mut self) -> Result<usize, String> {
        let count = self.number()?;
        if count <= self.rest.len() { Ok(count) } else { Err("it ends too early".to_owned()) }
    }

    fn numbers(&mut self) -> Result<Vec<usize>, String> {
        (0..self.count()?).map(|_| self.number()).collect()
    }

    fn array<const N: usize>(&mut self) -> Result<[usize; N], String> {
        let mut out = [0; N];
        for to in &mut out {
            *to = self.number()?;
        }
        Ok(out)
    }

    /// The number of a value. There are at most as many values as nodes and inputs.
    fn id(&mut self) -> Result<ValueId, String> {
        let id = self.number()?;
        if id < limits::NODES + limits::ENDS { Ok(ValueId(id)) } else { Err(format!("it has a value numbered {id}")) }
    }

    pub(super) fn float(&mut self) -> Result<f32, String> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(f32::from_le_bytes(bytes))
    }

    pub(super) fn floats(&mut self, len: usize) -> Result<Vec<f32>, String> {
        let bytes = self.take(len.checked_mul(4).ok_or("it has a constant that is too large")?)?;
        Ok(bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect())
    }

    fn text(&mut self) -> Result<String, String> {
        let shared = usize::from(self.byte()?);
        let len = self.number()?;
        let mut text = self.last.get(..shared).ok_or("it shares more of a text than there is")?.to_vec();
        text.extend(self.take(len)?);
        self.last.clone_from(&text);
        String::from_utf8(text).map_err(|_| "it has a text that is not UTF-8".to_owned())
    }

    /// A value without its dimensions.
    fn value(&mut self) -> Result<(ValueId, Value), String> {
        let id = self.id()?;
        let name = self.text()?;
        let mut value = Value { name, dims: Vec::new(), quant: None, simulated: None };
        match self.byte()? {
            held::FLOAT => {}
            held::GRID => {
                let scale = self.float()?;
                let [zero_point, low, high] = [self.byte()?, self.byte()?, self.byte()?];
                value.quant = Some(ActivationParams { scale, zero_point, low, high });
            }
            how => {
                let unknown = || format!("it has a value in a format numbered {how} that is not one");
                let bytes = self.take(simulated::len(how).ok_or_else(unknown)?)?;
                value.simulated = Some(simulated::read(how, bytes).ok_or_else(unknown)?);
            }
        }
        Ok((id, value))
    }

    fn node(&mut self, layout: Layout) -> Result<Node, String> {
        let name = self.text()?;
        let op = self.op()?;
        let count = match op {
            Op::Concat(_) => self.count()?,
            Op::Binary(_) => 2,
            _ => 1,
        };
        let inputs = (0..count).map(|_| self.id()).collect::<Result<Vec<_>, _>>()?;
        let (output, value) = self.value()?;
        let mut operands = Vec::with_capacity(inputs.len());
        for id in &inputs {
            let operand = self.values.get(id.0).and_then(Option::as_ref);
            operands.push(operand.ok_or_else(|| format!("it reads value {}, which nothing before writes", id.0))?.dims.as_slice());
        }
        let dims = infer(&op, &operands, layout)?;
        self.define(output, Value { dims, ..value })?;
        let activation = match self.byte()? {
            activation::NONE => Activation::None,
            activation::RELU => Activation::Relu,
            activation::CLIP => Activation::Clip(self.float()?, self.float()?),
            activation::LEAKY_RELU => Activation::LeakyRelu(self.float()?),
            activation::HARD_SIGMOID => Activation::HardSigmoid(self.float()?, self.float()?),
            activation::HARD_SWISH => Activation::HardSwish,
            activation::SIGMOID => Activation::Sigmoid,
            other => return Err(format!("it has an activation numbered {other}")),
        };
        let dynamic = match self.byte()? {
            0 => None,
            byte => Some(DynamicQuant { bits: byte & !SYMMETRIC, symmetric: byte & SYMMETRIC != 0 }),
        };
        Ok(Node { name, op, inputs, output, activation, dynamic })
    }

    fn op(&mut self) -> Result<Op, String> {
        Ok(match self.byte()? {
            tag::CONV => {
                let [out_channels, in_channels, groups] = self.array()?;
                let window = self.window()?;
                let group_channels = in_channels.checked_div(groups).ok_or("it has a convolution of 0 groups")?;
                let row = [window.kernel[0], window.kernel[1], group_channels];
                let (weights, bias) = self.weights(out_channels, &row)?;
                Op::Conv(Conv { out_channels, in_channels, groups, window, weights, bias })
            }
            tag::LINEAR => {
                let [out_features, in_features] = self.array()?;
                let (weights, bias) = self.weights(out_features, &[in_features])?;
                Op::Linear(Linear { out_features, in_features, weights, bias })
            }
            tag::BATCH_NORM => {
                let channels = self.number()?;
                Op::BatchNorm { factor: self.floats(channels)?, offset: self.floats(channels)? }
            }
            tag::ACTIVATE => Op::Activate,
            tag::ADD => Op::Binary(Binary::Add),
            tag::MUL => Op::Binary(Binary::Mul),
            tag::ADD_CONST => Op::BinaryConst(Binary::Add, self.tensor()?),
            tag::MUL_CONST => Op::BinaryConst(Binary::Mul, self.tensor()?),
            tag::CONCAT => Op::Concat(self.number()?),
            tag::MAX_POOL => Op::MaxPool(self.pool()?),
            tag::AVERAGE_POOL => Op::AveragePool(self.pool()?),
            tag::MEAN => Op::Mean { keep: self.flag()?, axes: self.numbers()? },
            tag::RESHAPE => Op::Reshape(self.numbers()?),
            tag::TRANSPOSE => Op::Transpose(self.numbers()?),
            tag::PAD => {
                let value = self.float()?;
                let numbers = self.numbers()?;
                let (pads, odd) = numbers.as_chunks();
                if !odd.is_empty() {
                    return Err("it has an odd number of pads".to_owned());
                }
                Op::Pad { pads: pads.to_vec(), value }
            }
            tag::SOFTMAX => Op::Softmax(self.number()?),
            other => return Err(format!("it has an operator numbered {other}")),
        })
    }

    fn tensor(&mut self) -> Result<Tensor, String> {
        let dims = self.numbers()?;
        let data = self.floats(limits::elements(&dims).ok_or("it has a constant without usable dimensions")?)?;
        Ok(Tensor { dims, data })
    }

    fn pool(&mut self) -> Result<Pool, String> {
        Ok(Pool { count_include_pad: self.flag()?, window: self.window()? })
    }

    fn window(&mut self) -> Result<Window, String> {
        Ok(Window { kernel: self.array()?, stride: self.array()?, pad: self.array()?, dilation: self.array()? })
    }

    /// Weights of a group.
    fn group(&mut self) -> Result<usize, String> {
        let group = self.number()?;
        if GROUPS.contains(&group) { Ok(group) } else { Err(format!("it has weights in groups of {group}")) }
    }

    /// The weights of `channels` rows, and their biases.
    fn weights(&mut self, channels: usize, row: &[usize]) -> Result<(Weights, Option<Vec<f32>>), String> {
        let form = self.byte()?;
        let group = if form & form::GROUPS == 0 { None } else { Some(self.group()?) };
        let len = row.iter().try_fold(channels, |n, &d| n.checked_mul(d)).ok_or("it has weights that are too many")?;
        let weights = match form & form::WIDTH {
            0 if group.is_none() => Weights::F32(self.floats(len)?),
            bits @ 1..=8 => {
                let bytes = len.checked_mul(usize::from(bits)).ok_or("it has weights that are too many")?.div_ceil(8);
                let bytes = self.take(bytes)?.to_vec();
                let values = PackedInts::from_bytes(bytes, len, bits).ok_or("it has weights of the wrong length")?;
                let scales = match group {
                    Some(group) => {
                        channels.checked_mul((len / channels.max(1)).div_ceil(group)).ok_or("it has scales that are too many")?
                    }
                    None if form & form::PER_CHANNEL == 0 => 1,
                    None => channels,
                };
                let scales = self.floats(scales)?;
                let zero_points = if form & form::ZERO_POINTS == 0 { None } else { Some(self.take(scales.len())?) };
                let zero_point = |i: usize| zero_points.map_or(0, |z| z[i] as i8);
                let params = scales.iter().enumerate().map(|(i, &scale)| WeightParams { scale, zero_point: zero_point(i), bits });
                Weights::Int(QuantizedWeights { values, params: params.collect(), group })
            }
            form::CODED => Weights::Coded(self.coded(channels, len, form, group)?),
            bits => return Err(format!("it has weights of {bits} bits")),
        };
        let bias = if form & form::BIAS == 0 { None } else { Some(self.floats(channels)?) };
        Ok((weights, bias))
    }
}
