//! From nodes to dispatches: a kernel, its numbers, how many threads.

mod conv;
mod conv_f32;
mod conv_int;
mod elementwise;
mod movement;
mod pool;

use bitdial_ir::{Activation, Graph, Node, Op, ValueId};
use bitdial_numerics::ActivationParams;
use bitdial_runtime::shared::{Candidate as Sum, candidates, split};

use crate::arena::{Buf, Lives, Rows};
use crate::constants::Constants;
use crate::error::GpuError;
use crate::kernel::Kernel;
use crate::tune::{Candidate, Tile};

/// A number of a dispatch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Word {
    Is(u32),
    /// Where a piece of the arena starts.
    At(Buf),
}

/// The numbers of a dispatch, in the order of its kernel's `Params`, without the first two.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(pub Vec<Word>);

impl Params {
    pub(crate) fn at(mut self, buf: Buf) -> Self {
        self.0.push(Word::At(buf));
        self
    }

    pub(crate) fn u(mut self, values: &[usize]) -> Self {
        self.0.extend(values.iter().map(|&value| Word::Is(value as u32)));
        self
    }

    pub(crate) fn i(mut self, values: &[i32]) -> Self {
        self.0.extend(values.iter().map(|value| Word::Is(value.cast_unsigned())));
        self
    }

    /// Infinities become the largest numbers: a shader need not know any.
    pub(crate) fn f(mut self, values: &[f32]) -> Self {
        self.0.extend(values.iter().map(|value| Word::Is(value.clamp(f32::MIN, f32::MAX).to_bits())));
        self
    }
}

/// How many threads run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Grid {
    /// So many an image, 64 a group.
    Items(usize),
    /// Tiles over the pixels that an image has and over its vectors of four channels.
    Tiles { pixels: usize, panel: usize, tile: Tile },
    /// A group an image.
    Images,
}

/// One kernel's run.
#[derive(Clone, Debug)]
pub(crate) struct Dispatch {
    pub kernel: Kernel,
    pub params: Params,
    pub grid: Grid,
    /// The same without the sum that it goes on to, for those who want to see what it would be without.
    pub alone: Option<Params>,
}

impl Dispatch {
    /// Lets another kernel do the same, if this is one that has rivals: they differ in their tiles and in what multiplies,
    /// not in how weights lie.
    pub(crate) fn take(&mut self, candidate: Candidate) {
        let Grid::Tiles { tile, .. } = &mut self.grid else { return };
        *tile = candidate.tile;
        let [wx, wy] = candidate.tile.threads();
        for (constant, value) in &mut self.kernel.constants {
            match *constant {
                "WX" => *value = wx as u32,
                "WY" => *value = wy as u32,
                _ => {}
            }
        }
        if let "conv-dot4" | "conv-plain" = self.kernel.name {
            self.kernel.name = candidate.dot.kernel();
        }
    }
}

/// How and where a value is held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held {
    F32(Buf),
    U8(Buf, ActivationParams),
}

/// The f32 result of a node, and the integers it must become if its value has a grid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FloatOutput {
    pub buf: Buf,
    quantized: Option<(Buf, ActivationParams)>,
}

/// What the device can do, and what was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    /// Products rounded before they are added.
    pub strict: bool,
    /// Products in f16.
    pub half: bool,
    /// Requantization in integers.
    pub exact: bool,
    /// Whether convolutions compute the sums that follow them.
    pub fuse: bool,
}

/// A graph's input that is quantized when it is given.
pub(crate) type Given = (ValueId, Buf);

/// The state of compiling a graph.
pub(crate) struct Lowering<'g> {
    pub graph: &'g Graph,
    pub mode: Mode,
    pub lives: Lives,
    pub held: Vec<Option<Held>>,
    pub constants: Constants,
    /// Where what the caller gives is written, for each input.
    pub given: Vec<Given>,
    dispatches: Vec<Dispatch>,
    choices: &'g dyn Fn(usize) -> Candidate,
    candidates: Vec<Option<Sum>>,
    /// For each value the index of the node that has computed it in place of its own.
    summed_by: Vec<Option<usize>>,
    /// Position in time: 0 is the inputs, `i + 1` is node `i`.
    at: usize,
}

/// A node's step before what is known about it anyway is added.
pub(crate) struct Lowered {
    pub kernel: String,
    pub rivals: bool,
    /// The node that has done it already.
    pub done_by: Option<usize>,
}

impl Lowered {
    pub(crate) fn new(kernel: &str) -> Self {
        Self { kernel: kernel.to_owned(), rivals: false, done_by: None }
    }
}

impl<'g> Lowering<'g> {
    /// For a graph that the runtime has compiled, so that nothing about it can be wrong.
    pub(crate) fn new(graph: &'g Graph, mode: Mode, choices: &'g dyn Fn(usize) -> Candidate) -> Self {
        let mut lowering = Self {
            graph,
            mode,
            lives: Lives::default(),
            held: vec![None; graph.values.len()],
            constants: Constants::default(),
            given: Vec::new(),
            dispatches: Vec::new(),
            choices,
            candidates: if mode.fuse { candidates(graph) } else { vec![None; graph.values.len()] },
            summed_by: vec![None; graph.values.len()],
            at: 0,
        };
        for &input in &graph.inputs {
            lowering.give(input);
        }
        lowering
    }

    /// A place for what the caller gives, and its quantization.
    fn give(&mut self, input: ValueId) {
        let rows = self.rows(input);
        match self.hold(input) {
            Held::F32(buf) => self.given.push((input, buf)),
            Held::U8(to, grid) => {
                let from = self.temporary(rows.len());
                self.given.push((input, from));
                self.quantize(from, to, grid, rows);
            }
        }
    }

    /// The dispatches since the last time.
    pub(crate) fn take(&mut self) -> Vec<Dispatch> {
        std::mem::take(&mut self.dispatches)
    }

    /// Compiles node `index`; nodes come in order.
    pub(crate) fn node(&mut self, index: usize) -> Result<Lowered, GpuError> {
        let node = &self.graph.nodes[index];
        self.at = index + 1;
        if self.graph.value(node.output).simulated.is_some() {
            return Err(GpuError::unsupported(node, "its output has a format that is simulated"));
        }
        if let Some(by) = self.summed_by[node.output.0].take() {
            self.use_value(node.output);
            let kernel = format!("fused into {}", self.graph.nodes[by].name);
            return Ok(Lowered { kernel, rivals: false, done_by: Some(by) });
        }
        match &node.op {
            Op::Conv(_) | Op::Linear(_) => conv::lower(self, node, (self.choices)(index)),
            Op::Binary(op) => elementwise::values(self, node, *op),
            Op::BinaryConst(op, constant) => elementwise::constant(self, node, *op, constant),
            Op::BatchNorm { factor, offset } => elementwise::batch_norm(self, node, factor, offset),
            Op::Activate => elementwise::activate(self, node),
            Op::Concat(axis) => movement::concat(self, node, *axis),
            Op::Reshape(_) => movement::reshape(self, node),
            Op::Transpose(perm) => movement::transpose(self, node, perm),
            Op::Pad { pads, value } => movement::pad(self, node, pads, *value),
            Op::MaxPool(window) => pool::largest(self, node, window),
            Op::AveragePool(window) => pool::average(self, node, window),
            Op::Mean { axes, .. } => pool::mean(self, node, axes),
            Op::Softmax(_) => Err(GpuError::unsupported(node, "there is no softmax")),
        }
    }

    /// Keeps the outputs until the end.
    pub(crate) fn finish(&mut self) {
        self.at += 1;
        for &output in &self.graph.outputs {
            self.use_value(output);
        }
    }

    /// How a value's elements lie.
    pub(crate) fn rows(&self, value: ValueId) -> Rows {
        Rows::of(&self.graph.value(value).dims)
    }

    /// A piece of the arena for this node only.
    pub(crate) fn temporary(&mut self, words: usize) -> Buf {
        self.lives.add(words, self.at)
    }

    /// A piece that holds a value.
    pub(crate) fn hold(&mut self, value: ValueId) -> Held {
        let rows = self.rows(value);
        let held = match self.graph.value(value).quant {
            Some(grid) => Held::U8(self.temporary(rows.words()), grid),
            None => Held::F32(self.temporary(rows.len())),
        };
        self.held[value.0] = Some(held);
        held
    }

    /// A value, as it is held.
    pub(crate) fn use_value(&mut self, value: ValueId) -> Held {
        // The runtime has seen that values are written before they are read.
        let held = self.held[value.0].unwrap_or(Held::F32(Buf::default()));
        let (Held::F32(buf) | Held::U8(buf, _)) = held;
        self.lives.touch(buf, self.at);
        held
    }

    /// Input `i` of a node, as it is held.
    pub(crate) fn input(&mut self, node: &Node, i: usize) -> Held {
        self.use_value(node.inputs[i])
    }

    /// Input `i` of a node in f32.
    pub(crate) fn float_input(&mut self, node: &Node, i: usize) -> Buf {
        match self.input(node, i) {
            Held::F32(buf) => buf,
            Held::U8(from, grid) => {
                let rows = self.rows(node.inputs[i]);
                let to = self.temporary(rows.len());
                self.dequantize(from, to, grid, rows);
                to
            }
        }
    }

    /// Makes the output of a node another name of what is held.
    pub(crate) fn output_is(&mut self, node: &Node, held: Held) {
        self.held[node.output.0] = Some(held);
    }

    /// A piece for the output of a node in f32; to be followed by [`Lowering::finish_float`].
    pub(crate) fn float_output(&mut self, node: &Node) -> FloatOutput {
        match self.hold(node.output) {
            Held::F32(buf) => FloatOutput { buf, quantized: None },
            Held::U8(to, grid) => FloatOutput { buf: self.temporary(self.rows(node.output).len()), quantized: Some((to, grid)) },
        }
    }

    /// Applies what a kernel's clamp does not do of the activation, and quantizes where the value has a grid.
    pub(crate) fn finish_float(&mut self, node: &Node, out: FloatOutput) -> Result<(), GpuError> {
        if split(node.activation).2 {
            self.activation(node, out.buf, out.buf)?;
        }
        if let Some((to, grid)) = out.quantized {
            self.quantize(out.buf, to, grid, self.rows(node.output));
        }
        Ok(())
    }

    /// Adds a dispatch.
    pub(crate) fn emit(&mut self, kernel: Kernel, params: Params, grid: Grid) {
        self.dispatches.push(Dispatch { kernel, params, grid, alone: None });
    }

    /// The last dispatch, to add to it.
    pub(crate) fn last(&mut self) -> Option<&mut Dispatch> {
        self.dispatches.last_mut()
    }

    /// The sum that the convolution of a node could compute, and its other operand.
    pub(crate) fn candidate(&self, node: &Node) -> Option<(&'g Node, ValueId)> {
        let candidate = self.candidates.get(node.output.0).copied().flatten()?;
        Some((&self.graph.nodes[candidate.sum], candidate.other))
    }

    /// Notes that `node`, the one that is compiled now, computes `sum`; both values are in `held`.
    pub(crate) fn fuse(&mut self, node: &Node, sum: &Node, held: Held) {
        self.held[node.output.0] = Some(held);
        self.summed_by[sum.output.0] = Some(self.at - 1);
    }

    /// Emits f32 to u8.
    pub(crate) fn quantize(&mut self, from: Buf, to: Buf, grid: ActivationParams, rows: Rows) {
        let params = quantize_params(from, to, rows).u(&[0]).i(&[grid.zero_point, grid.low, grid.high].map(i32::from)).f(&[grid.scale]);
        self.emit(Kernel::new("quantize"), params, Grid::Items(rows.words()));
    }

    fn dequantize(&mut self, from: Buf, to: Buf, grid: ActivationParams, rows: Rows) {
        let params = quantize_params(from, to, rows).i(&[i32::from(grid.zero_point)]).f(&[grid.scale]);
        self.emit(Kernel::new("dequantize"), params, Grid::Items(rows.words()));
    }

    /// Emits an activation in f32.
    pub(crate) fn activation(&mut self, node: &Node, x: Buf, y: Buf) -> Result<(), GpuError> {
        let (low, high, _) = split(node.activation);
        let (kind, a, b) = match node.activation {
            Activation::LeakyRelu(alpha) => (1, alpha, 0.0),
            Activation::HardSigmoid(alpha, beta) => (2, alpha, beta),
            Activation::HardSwish => (3, 1.0 / 6.0, 0.0),
            Activation::Sigmoid => return Err(GpuError::unsupported(node, "there is no sigmoid of real numbers")),
            _ => (0, low, high),
        };
        let len = self.rows(node.output).len();
        let params = Params::default().at(x).at(y).u(&[len, kind]).f(&[a, b]);
        self.emit(Kernel::new("activation-f32"), params, Grid::Items(len));
        Ok(())
    }
}

/// What quantization and its reverse have in common; `from` of f32 or `to` of it.
pub(crate) fn quantize_params(from: Buf, to: Buf, rows: Rows) -> Params {
    Params::default().at(from).at(to).u(&[rows.len(), rows.last, rows.words(), rows.row_words()])
}
