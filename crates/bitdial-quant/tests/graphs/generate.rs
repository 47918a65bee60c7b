//! Small random graphs in the form that `passes::prepare` gives them.

use bitdial_ir::{Activation, Binary, Conv, Graph, Layout, Linear, Node, Op, Pool, Tensor, Value, ValueId, Weights, Window};
use proptest::prelude::*;

/// A linear congruential sequence (Knuth's MMIX constants): enough to make weights and choices from one seed.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// A number in -1..1.
    pub fn real(&mut self) -> f32 {
        self.below(1 << 20) as f32 / (1 << 19) as f32 - 1.0
    }

    pub fn reals(&mut self, n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|_| self.real() * scale).collect()
    }
}

/// What a graph may be made of.
#[derive(Clone, Copy, Debug)]
pub enum Piece {
    Conv,
    Depthwise,
    Residual,
    Shortcut,
    Gate,
    Spread,
    Concat,
    MaxPool,
    AveragePool,
    Mean,
    Pad,
    Activate,
    Transpose,
    Constant,
    BatchNorm,
    Reshape,
    Softmax,
}

/// A strategy for graphs of one input, up to eight pieces and one or two outputs.
pub fn graph() -> impl Strategy<Value = Graph> {
    use Piece::{
        Activate, AveragePool, BatchNorm, Concat, Constant, Conv, Depthwise, Gate, MaxPool, Mean, Pad, Reshape, Residual, Shortcut,
        Softmax, Spread, Transpose,
    };
    let piece = prop_oneof![
        6 => Just(Conv),
        2 => Just(Depthwise),
        2 => prop::sample::select(vec![Residual, Gate, Spread, Concat]),
        1 => Just(Shortcut),
        3 => prop::sample::select(vec![MaxPool, AveragePool, Mean, Pad, Activate]),
        1 => prop::sample::select(vec![Transpose, Constant, BatchNorm, Reshape, Softmax]),
    ];
    (any::<u64>(), prop::collection::vec(piece, 0..8)).prop_map(|(seed, pieces)| Builder::build(seed, &pieces))
}

/// Images that fit a graph, NCHW.
pub fn images(graph: &Graph, count: usize, seed: u64) -> Vec<f32> {
    Dice(seed).reals(count * graph.value(graph.inputs[0]).len(), 2.0)
}

struct Builder {
    dice: Dice,
    graph: Graph,
    /// The value that the next piece reads.
    last: ValueId,
}

impl Builder {
    fn build(seed: u64, pieces: &[Piece]) -> Graph {
        let mut dice = Dice(seed);
        let dims = vec![1 + dice.below(4), 2 + dice.below(7), 2 + dice.below(7)];
        let input = Value { name: "image".into(), dims: dims.clone(), quant: None, simulated: None };
        let graph = Graph {
            name: "random".into(),
            values: vec![input],
            nodes: Vec::new(),
            inputs: vec![ValueId(0)],
            outputs: Vec::new(),
            layout: Layout::Nhwc,
            accumulator: None,
        };
        let mut builder = Self { dice, graph, last: ValueId(0) };
        builder.push("nhwc", Op::Transpose(vec![1, 2, 0]), &[ValueId(0)], vec![dims[1], dims[2], dims[0]], Activation::None);
        for &piece in pieces {
            builder.piece(piece);
        }
        builder.head();
        builder.graph
    }

    fn dims(&self, id: ValueId) -> Vec<usize> {
        self.graph.value(id).dims.clone()
    }

    fn push(&mut self, name: &str, op: Op, inputs: &[ValueId], dims: Vec<usize>, activation: Activation) -> ValueId {
        let output = ValueId(self.graph.values.len());
        let name = format!("{name}{}", self.graph.nodes.len());
        self.graph.values.push(Value { name: format!("{name}:0"), dims, quant: None, simulated: None });
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), output, activation, dynamic: None });
        self.last = output;
        output
    }

    fn activation(&mut self) -> Activation {
        self.dice.one_of(&[
            Activation::None,
            Activation::None,
            Activation::Relu,
            Activation::Relu,
            Activation::Clip(0.0, 6.0),
            Activation::Clip(-0.5, 0.75),
            Activation::LeakyRelu(0.1),
            Activation::HardSigmoid(0.2, 0.5),
            Activation::HardSwish,
            Activation::Sigmoid,
        ])
    }

    /// A window that fits an image, and the size of the output.
    fn window(&mut self, dims: &[usize], max_pad: usize) -> (Window, [usize; 2]) {
        let mut window = Window { kernel: [1, 1], stride: [1, 1], pad: [0; 4], dilation: [1, 1] };
        let mut output = [0; 2];
        for axis in 0..2 {
            window.kernel[axis] = 1 + self.dice.below(3);
            window.stride[axis] = 1 + self.dice.below(2);
            window.dilation[axis] = self.dice.one_of(&[1, 1, 2]);
            // A window never lies on padding alone: what a maximum of nothing is, no one asks.
            let most = if window.dilation[axis] == 1 { max_pad.min(window.kernel[axis] - 1) } else { 0 };
            (window.pad[axis], window.pad[axis + 2]) = (self.dice.below(most + 1), self.dice.below(most + 1));
            let room = dims[axis] + window.pad[axis] + window.pad[axis + 2];
            if (window.kernel[axis] - 1) * window.dilation[axis] + 1 > room {
                (window.kernel[axis], window.pad[axis], window.pad[axis + 2]) = (1, 0, 0);
            }
            let room = dims[axis] + window.pad[axis] + window.pad[axis + 2];
            output[axis] = (room - (window.kernel[axis] - 1) * window.dilation[axis] - 1) / window.stride[axis] + 1;
        }
        (window, output)
    }

    fn conv(&mut self, groups: usize, out_channels: usize) {
        let x = self.last;
        let dims = self.dims(x);
        let (window, [rows, columns]) = self.window(&dims, 2);
        let len = out_channels * window.kernel[0] * window.kernel[1] * (dims[2] / groups);
        let weights = Weights::F32(self.channels_of(len, out_channels));
        let bias = (self.dice.below(3) > 0).then(|| self.dice.reals(out_channels, 0.5));
        let conv = Conv { out_channels, in_channels: dims[2], groups, window, weights, bias };
        let activation = self.activation();
        self.push("conv", Op::Conv(conv), &[x], vec![rows, columns, out_channels], activation);
    }

    /// Weights whose channels have ranges of their own, now and then nothing but zeros or next to nothing.
    fn channels_of(&mut self, len: usize, channels: usize) -> Vec<f32> {
        (0..channels)
            .flat_map(|_| {
                let scale = self.dice.one_of(&[0.3, 0.5, 0.5, 1.0, 2.0, 0.0, 1e-12]);
                self.dice.reals(len / channels, scale)
            })
            .collect()
    }

    fn piece(&mut self, piece: Piece) {
        let x = self.last;
        let dims = self.dims(x);
        let [rows, columns, channels] = <[usize; 3]>::try_from(dims.as_slice()).unwrap();
        let activation = self.activation();
        match piece {
            Piece::Conv => {
                let groups = if channels.is_multiple_of(2) { self.dice.one_of(&[1, 1, 2]) } else { 1 };
                let out_channels = groups * (1 + self.dice.below(6));
                self.conv(groups, out_channels);
            }
            Piece::Depthwise => {
                let times = 1 + self.dice.below(2);
                self.conv(channels, channels * times);
            }
            Piece::Residual => {
                let other = self.alike(&dims);
                let op = self.dice.one_of(&[Binary::Add, Binary::Add, Binary::Mul]);
                self.push("residual", Op::Binary(op), &[x, other], dims, activation);
            }
            Piece::Shortcut => {
                // A convolution that leaves the dimensions as they are, and the sum of what it reads and writes.
                let [kernel, pad] = self.dice.one_of(&[[1, 0], [3, 1]]);
                let window = Window { kernel: [kernel; 2], stride: [1, 1], pad: [pad; 4], dilation: [1, 1] };
                let weights = Weights::F32(self.channels_of(channels * kernel * kernel * channels, channels));
                let bias = Some(self.dice.reals(channels, 0.5));
                let conv = Conv { out_channels: channels, in_channels: channels, groups: 1, window, weights, bias };
                let own = self.push("conv", Op::Conv(conv), &[x], dims.clone(), activation);
                let other = self.alike(&dims);
                let (inputs, activation) = (self.dice.one_of(&[[own, x], [x, own], [own, other]]), self.activation());
                self.push("shortcut", Op::Binary(Binary::Add), &inputs, dims, activation);
            }
            Piece::Gate => {
                let gate = self.push("squeeze", Op::Mean { axes: vec![0, 1], keep: true }, &[x], vec![1, 1, channels], activation);
                let inputs = self.dice.one_of(&[[x, gate], [gate, x]]);
                let op = self.dice.one_of(&[Binary::Add, Binary::Mul]);
                self.push("gate", Op::Binary(op), &inputs, dims, activation);
            }
            Piece::Spread => {
                // Two operands that both have to be spread: a column of pixels and a row of pixels.
                let a = self.push("rows", Op::Mean { axes: vec![1], keep: true }, &[x], vec![rows, 1, channels], Activation::None);
                let b = self.push("columns", Op::Mean { axes: vec![0], keep: true }, &[x], vec![1, columns, channels], activation);
                let op = self.dice.one_of(&[Binary::Add, Binary::Mul]);
                self.push("spread", Op::Binary(op), &[a, b], dims, activation);
            }
            Piece::Concat => {
                let other = self.alike(&dims);
                let axis = self.dice.below(3);
                let mut joined = dims;
                joined[axis] *= 3;
                self.push("concat", Op::Concat(axis), &[x, other, x], joined, activation);
            }
            Piece::MaxPool | Piece::AveragePool => {
                let (window, [rows, columns]) = self.window(&dims, 1);
                let pool = Pool { window, count_include_pad: self.dice.below(2) == 0 };
                let op = if matches!(piece, Piece::MaxPool) { Op::MaxPool(pool) } else { Op::AveragePool(pool) };
                let activation = self.dice.one_of(&[Activation::None, activation]);
                self.push("pool", op, &[x], vec![rows, columns, channels], activation);
            }
            Piece::Mean => {
                let axes = self.dice.one_of(&[&[0][..], &[0, 1], &[1, 2], &[2], &[0, 2]]).to_vec();
                let dims = (0..3).map(|a| if axes.contains(&a) { 1 } else { dims[a] }).collect();
                self.push("mean", Op::Mean { axes, keep: true }, &[x], dims, activation);
            }
            Piece::Pad => {
                let pads: Vec<[usize; 2]> = (0..3).map(|_| [self.dice.below(2), self.dice.below(2)]).collect();
                let value = self.dice.one_of(&[0.0, 0.0, -0.5]);
                let dims = dims.iter().zip(&pads).map(|(d, p)| d + p[0] + p[1]).collect();
                self.push("pad", Op::Pad { pads, value }, &[x], dims, Activation::None);
            }
            Piece::Activate => {
                self.push("activate", Op::Activate, &[x], dims, activation);
            }
            Piece::Transpose => {
                self.push("transpose", Op::Transpose(vec![1, 2, 0]), &[x], vec![columns, channels, rows], Activation::None);
            }
            Piece::Constant => {
                let shape = self.dice.one_of(&[&[][..], &[channels], &[rows, 1, channels], &[columns, 1]]).to_vec();
                let data = self.dice.reals(shape.iter().product(), 1.0);
                let op = self.dice.one_of(&[Binary::Add, Binary::Mul]);
                self.push("constant", Op::BinaryConst(op, Tensor { dims: shape, data }), &[x], dims, activation);
            }
            Piece::BatchNorm => {
                let (factor, offset) = (self.dice.reals(channels, 2.0), self.dice.reals(channels, 1.0));
                self.push("norm", Op::BatchNorm { factor, offset }, &[x], dims, activation);
            }
            Piece::Reshape => {
                let dims = vec![rows * columns, 1, channels];
                self.push("reshape", Op::Reshape(dims.clone()), &[x], dims, Activation::None);
            }
            Piece::Softmax => {
                let axis = self.dice.below(3);
                self.push("softmax", Op::Softmax(axis), &[x], dims, Activation::None);
            }
        }
        // Keep the graphs small.
        if self.graph.value(self.last).len() > 600 {
            let dims = self.dims(self.last);
            let window = Window { kernel: [2, 2], stride: [2, 2], pad: [0, 0, 1, 1], dilation: [1, 1] };
            let pool = Pool { window, count_include_pad: false };
            let half = vec![(dims[0] - 1) / 2 + 1, (dims[1] - 1) / 2 + 1, dims[2]];
            self.push("shrink", Op::MaxPool(pool), &[self.last], half, Activation::None);
        }
    }

    /// A value with these dimensions, the last one if need be.
    fn alike(&mut self, dims: &[usize]) -> ValueId {
        let all: Vec<ValueId> = (0..self.graph.values.len()).map(ValueId).filter(|&v| v.0 > 0 && self.dims(v) == dims).collect();
        self.dice.one_of(&all)
    }

    /// A linear layer over all there is, and now and then a value of the middle as second output.
    fn head(&mut self) {
        let x = self.last;
        let len = self.graph.value(x).len();
        let flat = self.push("flatten", Op::Reshape(vec![len]), &[x], vec![len], Activation::None);
        let (in_features, out_features) = (len, 3);
        let weights = Weights::F32(self.channels_of(3 * len, 3));
        let bias = Some(self.dice.reals(3, 0.5));
        let activation = self.dice.one_of(&[Activation::None, Activation::None, Activation::Relu, Activation::Sigmoid]);
        let linear = Linear { out_features, in_features, weights, bias };
        let logits = self.push("linear", Op::Linear(linear), &[flat], vec![3], activation);
        self.graph.outputs = vec![logits];
        if self.dice.below(4) == 0 {
            let middle = ValueId(self.dice.below(self.graph.values.len() - 1));
            self.graph.outputs.push(middle);
        }
    }
}
