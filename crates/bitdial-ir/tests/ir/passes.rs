//! What is left of small graphs when they are prepared, and what must not be touched.

use bitdial_ir::{Activation, Binary, Conv, Graph, Layout, Linear, Node, Op, Tensor, Value, ValueId, Weights, Window, infer, passes};

use crate::interpret;
use crate::ops::distance;

/// A graph of one input that grows node by node.
struct Build(Graph);

impl Build {
    fn new(input: &[usize]) -> Self {
        let x = Value { name: "x".to_owned(), dims: input.to_vec(), quant: None, simulated: None };
        let (nodes, outputs) = (Vec::new(), Vec::new());
        Self(Graph {
            name: String::new(),
            values: vec![x],
            nodes,
            inputs: vec![ValueId(0)],
            outputs,
            layout: Layout::Nchw,
            accumulator: None,
        })
    }

    fn node(&mut self, op: Op, inputs: &[usize], activation: Activation) -> usize {
        let inputs: Vec<_> = inputs.iter().map(|&i| ValueId(i)).collect();
        let dims: Vec<_> = inputs.iter().map(|&id| self.0.value(id).dims.as_slice()).collect();
        let dims = infer(&op, &dims, Layout::Nchw).unwrap();
        let output = ValueId(self.0.values.len());
        self.0.values.push(Value { name: format!("v{}", output.0), dims, quant: None, simulated: None });
        self.0.nodes.push(Node { name: format!("n{}", output.0), op, inputs, output, activation, dynamic: None });
        output.0
    }

    fn op(&mut self, op: Op, input: usize) -> usize {
        self.node(op, &[input], Activation::None)
    }

    fn activate(&mut self, activation: Activation, input: usize) -> usize {
        self.node(Op::Activate, &[input], activation)
    }

    /// Operators and activations after preparing, in order; checks that the meaning stays.
    fn prepared(mut self, outputs: &[usize]) -> Vec<String> {
        self.0.outputs = outputs.iter().map(|&i| ValueId(i)).collect();
        let input: Vec<f32> = (0..self.0.values[0].len()).map(|i| (i * 29 % 83) as f32 / 41.0 - 1.0).collect();
        let prepared = passes::prepare(self.0.clone()).unwrap();
        for (before, after) in interpret::run(&self.0, &[&input]).iter().zip(&interpret::run(&prepared, &[&input])) {
            assert!(distance(after, before) < 1e-5);
        }
        let show = |n: &Node| match n.activation {
            Activation::None => n.op.name().to_owned(),
            activation => format!("{} {activation:?}", n.op.name()),
        };
        prepared.nodes.iter().map(show).collect()
    }
}

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect()
}

fn conv(input: usize, output: usize) -> Op {
    let window = Window { kernel: [3, 3], stride: [1, 1], pad: [1; 4], dilation: [1, 1] };
    let weights = Weights::F32(numbers(9 * input * output));
    Op::Conv(Conv { out_channels: output, in_channels: input, groups: 1, window, weights, bias: None })
}

fn linear(input: usize, output: usize) -> Op {
    Op::Linear(Linear { out_features: output, in_features: input, weights: Weights::F32(numbers(input * output)), bias: None })
}

fn norm(channels: usize) -> Op {
    Op::BatchNorm { factor: numbers(channels), offset: numbers(channels) }
}

fn constant(kind: Binary, dims: &[usize]) -> Op {
    Op::BinaryConst(kind, Tensor { dims: dims.to_vec(), data: numbers(dims.iter().product()) })
}

const MEAN: fn(bool) -> Op = |keep| Op::Mean { axes: vec![1, 2], keep };
const TO_NHWC: [usize; 3] = [1, 2, 0];
const TO_NCHW: [usize; 3] = [2, 0, 1];

#[test]
fn what_can_be_folded_is_folded() {
    // The image has two channels, so that it must be transposed on its way in and out.
    type Body = fn(&mut Build) -> usize;
    let bodies: [(&str, Body, &[&str]); 12] = [
        (
            "norm, then relu",
            |b| {
                let c = b.op(conv(2, 3), 0);
                let n = b.op(norm(3), c);
                b.activate(Activation::Relu, n)
            },
            &["Transpose", "Conv Relu", "Transpose"],
        ),
        (
            "factor and offset",
            |b| {
                let c = b.op(conv(2, 3), 0);
                let m = b.op(constant(Binary::Mul, &[3, 1, 1]), c);
                b.op(constant(Binary::Add, &[]), m)
            },
            &["Transpose", "Conv", "Transpose"],
        ),
        (
            "an offset per pixel",
            |b| {
                let c = b.op(conv(2, 3), 0);
                b.op(constant(Binary::Add, &[4, 5]), c)
            },
            &["Transpose", "Conv", "Add", "Transpose"],
        ),
        (
            "a second activation",
            |b| {
                let c = b.op(conv(2, 3), 0);
                let r = b.activate(Activation::Relu, c);
                b.activate(Activation::Clip(0.0, 1.0), r)
            },
            &["Transpose", "Conv Relu", "Activation Clip(0.0, 1.0)", "Transpose"],
        ),
        (
            "norm behind relu",
            |b| {
                let c = b.op(conv(2, 3), 0);
                let r = b.activate(Activation::Relu, c);
                b.op(norm(3), r)
            },
            &["Transpose", "Conv Relu", "BatchNormalization", "Transpose"],
        ),
        (
            "an activation that does not clamp",
            |b| {
                let c = b.op(conv(2, 3), 0);
                b.activate(Activation::HardSwish, c)
            },
            &["Transpose", "Conv", "Activation HardSwish", "Transpose"],
        ),
        (
            "relu behind a pool",
            |b| {
                let c = b.op(MEAN(true), 0);
                b.activate(Activation::Relu, c)
            },
            &["ReduceMean Relu"],
        ),
        (
            "a border of zeros",
            |b| {
                let p = b.op(Op::Pad { pads: vec![[0, 0], [1, 0], [0, 2]], value: 0.0 }, 0);
                b.op(conv(2, 3), p)
            },
            &["Transpose", "Conv", "Transpose"],
        ),
        (
            "a border of ones",
            |b| {
                let p = b.op(Op::Pad { pads: vec![[0, 0], [1, 0], [0, 2]], value: 1.0 }, 0);
                b.op(conv(2, 3), p)
            },
            &["Pad", "Transpose", "Conv", "Transpose"],
        ),
        (
            "mean, flatten, linear",
            |b| {
                let c = b.op(conv(2, 3), 0);
                let m = b.op(MEAN(true), c);
                let f = b.op(Op::Reshape(vec![3]), m);
                b.op(linear(3, 4), f)
            },
            &["Transpose", "Conv", "ReduceMean", "Gemm"],
        ),
        (
            "flatten, linear",
            |b| {
                let c = b.op(conv(2, 3), 0);
                let f = b.op(Op::Reshape(vec![60]), c);
                let l = b.op(linear(60, 4), f);
                b.op(norm(4), l)
            },
            &["Transpose", "Conv", "Reshape", "Gemm"],
        ),
        (
            "channels last inside",
            |b| {
                let c = b.op(conv(2, 3), 0);
                let t = b.op(Op::Transpose(TO_NHWC.to_vec()), c);
                let l = b.op(linear(3, 2), t);
                let t = b.op(Op::Transpose(TO_NCHW.to_vec()), l);
                let c = b.op(conv(2, 1), t);
                b.op(MEAN(false), c)
            },
            &["Transpose", "Conv", "Gemm", "Conv", "ReduceMean"],
        ),
    ];
    for (what, body, left) in bodies {
        let mut build = Build::new(&[2, 4, 5]);
        let output = body(&mut build);
        assert_eq!(build.prepared(&[output]), left, "{what}");
    }
}

#[test]
fn what_something_else_reads_stays() {
    type Body = fn(&mut Build) -> Vec<usize>;
    let bodies: [(&str, Body, &[&str]); 7] = [
        (
            "a convolution before its norm",
            |b| {
                let c = b.op(conv(1, 3), 0);
                let n = b.op(norm(3), c);
                vec![b.node(Op::Binary(Binary::Add), &[c, n], Activation::None)]
            },
            &["Reshape", "Conv", "BatchNormalization", "Add", "Transpose"],
        ),
        (
            "a sum before its relu",
            |b| {
                let s = b.node(Op::Binary(Binary::Add), &[0, 0], Activation::None);
                let r = b.activate(Activation::Relu, s);
                vec![s, r]
            },
            &["Add", "Activation Relu"],
        ),
        (
            "a mean before its flatten",
            |b| {
                let m = b.op(MEAN(true), 0);
                let f = b.op(Op::Reshape(vec![1]), m);
                vec![m, f]
            },
            &["ReduceMean", "Reshape"],
        ),
        (
            "a flatten that two layers read",
            |b| {
                let c = b.op(conv(1, 3), 0);
                let f = b.op(Op::Reshape(vec![60]), c);
                vec![b.op(linear(60, 2), f), b.op(linear(60, 4), f)]
            },
            &["Reshape", "Conv", "Transpose", "Reshape", "Gemm", "Gemm"],
        ),
        ("an input that is an output", |b| vec![b.op(Op::Reshape(vec![1, 4, 5]), 0), 0], &["Reshape"]),
        (
            "two copies of one value",
            |b| {
                let r = b.activate(Activation::Relu, 0);
                vec![b.op(Op::Reshape(vec![1, 4, 5]), r), b.op(Op::Reshape(vec![1, 4, 5]), r)]
            },
            &["Activation Relu", "Reshape"],
        ),
        (
            "one value twice",
            |b| {
                let r = b.activate(Activation::Relu, 0);
                let r = b.op(Op::Reshape(vec![1, 4, 5]), r);
                vec![r, r]
            },
            &["Activation Relu"],
        ),
    ];
    for (what, body, left) in bodies {
        let mut build = Build::new(&[1, 4, 5]);
        let outputs = body(&mut build);
        assert_eq!(build.prepared(&outputs), left, "{what}");
    }
}
