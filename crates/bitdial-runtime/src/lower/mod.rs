//! From nodes to code: each node becomes closures in which everything is decided.

mod activation;
mod binary;
mod broadcast;
mod check;
mod concat;
mod conv;
mod float;
mod geometry;
mod grouped;
mod integer;
mod movement;
mod pool;
mod residual;
mod simulate;
mod weight_only;

use bitdial_ir::{Graph, Node, Op, ValueId};
use bitdial_kernels::{ConvCase, Elementwise, Kernels, Tuning};
use bitdial_numerics::ActivationParams;

use crate::arena::{Buf, Lives};
use crate::error::RuntimeError;
use crate::memory::{AllLives, Element, Lens, Memory, Need};
use crate::plan::{Execution, Step};
use crate::ranges::{Ranges, wanted};

use residual::{Candidate, candidates};

pub(crate) use simulate::Simulation;

pub use check::check;

/// What every lowering of a graph decides alike, also one to other hardware: shapes, grids, constants, which sums fuse.
pub mod shared {
    pub use super::activation::{apply, clamped, interval, split, table, table_if_needed};
    pub use super::binary::{covers, factors};
    pub use super::broadcast::{Cover, cover, spread};
    pub use super::geometry::{conv as conv_shape, linear as linear_shape, pool as pool_shape};
    pub use super::integer::{check_factors, grid_of, int_bias};
    pub use super::residual::{Candidate, candidates};
    pub use crate::arena::{Life, place};
}

/// A part of it.
pub(crate) type Code = Box<dyn Fn(&mut Memory) + Send + Sync>;

/// Prepared code of one node.
pub(crate) struct StepCode {
    pub code: Vec<Code>,
    /// The value that it writes.
    pub output: ValueId,
    /// Whether it goes on to a sum with another value ([`Memory::sums`]), over what it has written.
    pub sums: bool,
    /// Whether it counts overflows, in [`Memory::narrow`].
    pub narrow: bool,
}

/// How and where a value is held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held {
    /// As real numbers.
    F32(Buf<f32>),
    /// As integers on a grid.
    U8(Buf<u8>, ActivationParams),
}

/// The f32 result of a node, its value, and the integers it must become if that has a grid.
#[derive(Clone, Copy)]
pub(crate) struct FloatOutput {
    pub buf: Buf<f32>,
    value: ValueId,
    quantized: Option<(Buf<u8>, ActivationParams)>,
}

/// What a step is called, how it computes, what it costs.
pub(crate) struct Lowered {
    pub kernel: String,
    pub execution: Execution,
    pub macs: u64,
    pub weight_bytes: usize,
    pub conv: Option<ConvCase>,
}

impl Lowered {
    /// A step without weights.
    pub(crate) fn new(kernel: &str, execution: Execution) -> Self {
        Self { kernel: kernel.to_owned(), execution, macs: 0, weight_bytes: 0, conv: None }
    }
}

/// The state of compiling a graph.
pub(crate) struct Lowering<'g> {
    pub graph: &'g Graph,
    pub kernels: Kernels,
    pub tuning: &'g Tuning,
    pub strict: bool,
    lives: AllLives,
    held: Vec<Option<Held>>,
    /// For each value the sum that its producer could compute; empty if none shall.
    candidates: Vec<Option<Candidate>>,
    /// For each value the node that has computed it in place of its own.
    summed_by: Vec<Option<String>>,
    /// Whether the current node computes the sum of another.
    sums: bool,
    /// For each value whether it holds numbers of a simulated format.
    simulated: Vec<bool>,
    /// Integer layers with sums of a width of their own, so far.
    narrow: usize,
    /// For each value whether its range is of use.
    wanted: Vec<bool>,
    /// Buffers whose ranges are found where they are written.
    ranged: Vec<usize>,
    /// Position in time: 0 is the inputs, `i + 1` is node `i`.
    at: usize,
    code: Vec<Code>,
    /// Scratch of all nodes.
    needs: Vec<Need>,
}

impl<'g> Lowering<'g> {
    /// For a graph that was checked. If `fuse`, convolutions compute the residual sums that follow them.
    pub(crate) fn new(graph: &'g Graph, kernels: Kernels, tuning: &'g Tuning, strict: bool, fuse: bool) -> Self {
        let mut lowering = Self {
            graph,
            kernels,
            tuning,
            strict,
            lives: AllLives { f32s: Lives::new(), u8s: Lives::new() },
            held: vec![None; graph.values.len()],
            candidates: if fuse { candidates(graph) } else { Vec::new() },
            summed_by: vec![None; graph.values.len()],
            sums: false,
            simulated: simulate::simulated(graph),
            narrow: 0,
            wanted: wanted(graph),
            ranged: Vec::new(),
            at: 0,
            code: Vec::new(),
            needs: Vec::new(),
        };
        for &input in &graph.inputs {
            lowering.hold(input);
        }
        lowering
    }

    /// Compiles node `index`; nodes come in order.
    pub(crate) fn node(&mut self, index: usize) -> Result<(Step, StepCode), RuntimeError> {
        let node = &self.graph.nodes[index];
        self.at = index + 1;
        self.sums = false;
        let narrow = self.narrow;
        let lowered = match self.summed(node) {
            Some(lowered) => lowered,
            None => self.op(node)?,
        };
        let Lowered { kernel, mut execution, macs, weight_bytes, conv } = lowered;
        let simulated = node.inputs.iter().any(|input| self.simulated[input.0]) || self.graph.value(node.output).simulated.is_some();
        if simulated && matches!(execution, Execution::Float | Execution::WeightOnly) {
            execution = Execution::Simulated;
        }
        let narrow = self.narrow > narrow;
        let code = StepCode { code: std::mem::take(&mut self.code), output: node.output, sums: self.sums, narrow };
        Ok((Step { node: index, kernel, execution, macs, weight_bytes, conv }, code))
    }

    fn op(&mut self, node: &'g Node) -> Result<Lowered, RuntimeError> {
        Ok(match &node.op {
            Op::Conv(_) | Op::Linear(_) => conv::lower(self, node)?,
            Op::Binary(op) => binary::values(self, node, *op)?,
            Op::BinaryConst(op, constant) => binary::constant(self, node, *op, constant)?,
            Op::Concat(axis) => concat::lower(self, node, *axis)?,
            Op::MaxPool(pool) => pool::max(self, node, pool)?,
            Op::AveragePool(pool) => pool::average(self, node, pool)?,
            Op::Mean { axes, keep } => pool::mean(self, node, axes, *keep)?,
            Op::Activate => activation::lower(self, node)?,
            Op::Reshape(dims) => movement::reshape(self, node, dims)?,
            Op::Transpose(perm) => movement::transpose(self, node, perm)?,
            Op::Pad { pads, value } => movement::pad(self, node, pads, *value)?,
            Op::BatchNorm { factor, offset } => float::batch_norm(self, node, factor, offset)?,
            Op::Softmax(axis) => float::softmax(self, node, *axis)?,
        })
    }

    /// A place for the range of a value that is written to `buf`, if it is of use.
    pub(crate) fn range_slot(&mut self, value: ValueId, buf: Buf<f32>) -> Option<usize> {
        if !self.wanted[value.0] {
            return None;
        }
        self.ranged.push(buf.index());
        Some(self.ranged.len() - 1)
    }

    /// A place to count the overflows of the current node.
    pub(crate) fn overflow_slot(&mut self) -> usize {
        self.narrow += 1;
        self.narrow - 1
    }

    /// The place of a buffer's range, if it is known when the buffer is read.
    pub(crate) fn range_of(&self, buf: Buf<f32>) -> Option<usize> {
        self.ranged.iter().position(|&index| index == buf.index())
    }

    /// Keeps the outputs until the end; gives the buffers, the scratch, the ranges and where every value is.
    pub(crate) fn finish(mut self) -> (AllLives, Vec<Need>, Ranges, Vec<Option<Held>>) {
        self.at += 1;
        for &output in &self.graph.outputs {
            self.use_value(output);
        }
        (self.lives, self.needs, Ranges::new(self.ranged.len()), self.held)
    }

    pub(crate) fn elementwise(&self) -> &'static dyn Elementwise {
        self.kernels.elementwise()
    }

    /// Adds code to the current node.
    pub(crate) fn emit(&mut self, code: impl Fn(&mut Memory) + Send + Sync + 'static) {
        self.code.push(Box::new(code));
    }

    /// Sees to it that there is scratch for the current node: `lens(images of a chunk)`.
    pub(crate) fn need(&mut self, lens: impl Fn(usize) -> Lens + Send + Sync + 'static) {
        self.needs.push(Box::new(lens));
    }

    /// Elements of a value, one image.
    pub(crate) fn len(&self, value: ValueId) -> usize {
        self.graph.value(value).len()
    }

    /// A buffer of this node only.
    pub(crate) fn temporary<T: Element>(&mut self, len: usize) -> Buf<T> {
        let at = self.at;
        T::lives(&mut self.lives).add(len, at)
    }

    fn use_value(&mut self, value: ValueId) -> Held {
        let held = self.held[value.0].expect("`check` has seen that values are written before they are read");
        match held {
            Held::F32(buf) => self.lives.f32s.touch(buf, self.at),
            Held::U8(buf, _) => self.lives.u8s.touch(buf, self.at),
        }
        held
    }

    /// Input `i` of a node, as it is held.
    pub(crate) fn input(&mut self, node: &Node, i: usize) -> Held {
        self.use_value(node.inputs[i])
    }

    /// Input `i` of a node in f32.
    pub(crate) fn float_input(&mut self, node: &Node, i: usize) -> Buf<f32> {
        match self.input(node, i) {
            Held::F32(buf) => buf,
            Held::U8(from, grid) => {
                let buf = self.temporary(self.len(node.inputs[i]));
                let kernels = self.elementwise();
                self.emit(move |m| kernels.dequantize(m.u8s.get(from), &grid, m.f32s.get_mut(buf)));
                buf
            }
        }
    }

    /// Gives a value a buffer of its own.
    fn hold(&mut self, value: ValueId) -> Held {
        let about = self.graph.value(value);
        let held = match about.quant {
            Some(grid) => Held::U8(self.temporary(about.len()), grid),
            None => Held::F32(self.temporary(about.len())),
        };
        self.held[value.0] = Some(held);
        held
    }

    /// A buffer for the output of a node whose value has a grid.
    pub(crate) fn output_u8(&mut self, node: &Node) -> Buf<u8> {
        match self.hold(node.output) {
            Held::U8(buf, _) => buf,
            Held::F32(_) => unreachable!("'{}' has no grid", node.name),
        }
    }

    /// Makes the output of a node another name of a buffer.
    pub(crate) fn output_is(&mut self, node: &Node, held: Held) {
        self.held[node.output.0] = Some(held);
    }

    /// A buffer for the output of a node in f32; to be followed by [`Lowering::finish_float`].
    pub(crate) fn float_output(&mut self, node: &Node) -> FloatOutput {
        match self.hold(node.output) {
            Held::F32(buf) => FloatOutput { buf, value: node.output, quantized: None },
            Held::U8(to, grid) => {
                FloatOutput { buf: self.temporary(self.len(node.output)), value: node.output, quantized: Some((to, grid)) }
            }
        }
    }

    /// Quantizes an f32 output if its value has a grid, or takes it to the format that is simulated.
    pub(crate) fn finish_float(&mut self, out: &FloatOutput) {
        let from = out.buf;
        match out.quantized {
            Some((to, grid)) => {
                let kernels = self.elementwise();
                self.emit(move |m| kernels.quantize(m.f32s.get(from), &grid, m.u8s.get_mut(to)));
            }
            None => self.emit_simulation(out.value, from),
        }
    }
}
