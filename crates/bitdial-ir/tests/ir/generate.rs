//! Graphs made up from a list of numbers, so that proptest can shrink them.

use bitdial_ir::{
    Activation, Binary, CodedWeights, Conv, DynamicQuant, Graph, Layout, Linear, Meaning, Node, Op, Pool, QuantizedWeights, Scales, Tensor,
    Value, ValueId, Weights, Window, infer,
};
use bitdial_numerics::{ActivationParams, Coder, Minifloat, Numbers, PackedCodes, PackedInts, Rounding, WeightParams};
use proptest::prelude::*;

/// Choices that end in zeros.
pub struct Choices(std::vec::IntoIter<u8>);

impl Choices {
    fn pick(&mut self, below: usize) -> usize {
        usize::from(self.0.next().unwrap_or(0)) % below
    }

    fn flag(&mut self) -> bool {
        self.pick(2) == 1
    }

    /// Numbers between -1 and 1 that follow from one choice.
    fn floats(&mut self, len: usize) -> Vec<f32> {
        let seed = self.pick(251);
        (0..len).map(|i| ((i * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect()
    }
}

/// A graph in ONNX's order with one or two outputs.
pub fn graphs() -> impl Strategy<Value = Graph> {
    proptest::collection::vec(any::<u8>(), 0..160).prop_map(|bytes| graph(&mut Choices(bytes.into_iter())))
}

/// A graph as quantization leaves it: some values on grids, some weights integers. It need not be one that runs.
pub fn quantized_graphs() -> impl Strategy<Value = Graph> {
    (graphs(), proptest::collection::vec(any::<u8>(), 0..100)).prop_map(|(mut graph, bytes)| {
        let mut choices = Choices(bytes.into_iter());
        for value in &mut graph.values {
            value.quant = match choices.pick(3) {
                0 => None,
                1 => Some(ActivationParams::affine(-(choices.pick(9) as f32), choices.pick(9) as f32, 2 + choices.pick(7) as u8)),
                _ => Some(ActivationParams::symmetric(-(choices.pick(9) as f32), choices.pick(9) as f32, 2 + choices.pick(7) as u8)),
            };
        }
        for node in &mut graph.nodes {
            let (weights, channels) = match &mut node.op {
                Op::Conv(conv) => (&mut conv.weights, conv.out_channels),
                Op::Linear(linear) => (&mut linear.weights, linear.out_features),
                _ => continue,
            };
            match choices.pick(3) {
                0 => {}
                1 => *weights = Weights::Int(integers(&mut choices, weights.len(), channels)),
                _ => *weights = Weights::Coded(codes(&mut choices, weights.len(), channels)),
            }
            if choices.flag() {
                node.dynamic = Some(DynamicQuant { bits: 1 + choices.pick(8) as u8, symmetric: choices.flag() });
            }
        }
        graph
    })
}

fn integers(choices: &mut Choices, len: usize, channels: usize) -> QuantizedWeights {
    let bits = 1 + choices.pick(8) as u8;
    let values: Vec<i8> = choices.floats(len).iter().map(|x| ((x * 127.0) as i8) >> (8 - bits) | i8::from(bits == 1)).collect();
    let affine = choices.flag();
    let grid = |i: usize| {
        let max = 1.0 + i as f32;
        if affine { WeightParams::affine(-0.3, max, bits) } else { WeightParams::symmetric(-1.0, max, bits) }
    };
    let (count, group) = match choices.pick(3) {
        0 => (1, None),
        1 => (channels, None),
        _ => (channels * (len / channels).div_ceil(16), Some(16)),
    };
    QuantizedWeights { values: PackedInts::pack(&values, bits), params: (0..count).map(grid).collect(), group }
}

fn codes(choices: &mut Choices, len: usize, channels: usize) -> CodedWeights {
    const FORMATS: [Numbers; 10] = [
        Numbers::Minifloat(Minifloat::FP16),
        Numbers::Minifloat(Minifloat::BF16),
        Numbers::Minifloat(Minifloat::E4M3),
        Numbers::Minifloat(Minifloat::E3M2),
        Numbers::Minifloat(Minifloat::E2M1),
        Numbers::INT16,
        Numbers::MXINT8,
        Numbers::Nf4,
        Numbers::PowersOfTwo(3),
        Numbers::AdditivePowersOfTwo(5),
    ];
    let (bits, meaning) = if choices.pick(3) == 0 {
        let bits = 1 + choices.pick(8) as u8;
        let books = if choices.flag() { channels } else { 1 };
        (bits, Meaning::Codebook(choices.floats(books << bits)))
    } else {
        let numbers = FORMATS[choices.pick(FORMATS.len())];
        (numbers.bits(), Meaning::Numbers(numbers))
    };
    let coder = Coder::new(FORMATS[0]);
    let values: Vec<u16> = match meaning {
        Meaning::Codebook(_) => choices.floats(len).iter().map(|x| (x.abs() * 255.0) as u16 % (1 << bits)).collect(),
        Meaning::Numbers(numbers) => {
            choices.floats(len).iter().map(|&x| Coder::new(numbers).encode(x * coder.max(), Rounding::Nearest)).collect()
        }
    };
    let blocks = |block| channels * (len / channels).div_ceil(block);
    let scales = match choices.pick(6) {
        0 => Scales::One,
        1 => Scales::F32(vec![0.5], None),
        2 => Scales::F32((0..channels).map(|c| 1.0 + c as f32).collect(), None),
        3 => Scales::F32((0..blocks(64)).map(|c| 1.0 + c as f32).collect(), Some(64)),
        4 => Scales::E8m0((0..blocks(32)).map(|c| (120 + c % 9) as u8).collect()),
        _ => Scales::E4m3((0..blocks(16)).map(|c| (c % 127) as u8).collect(), 0.25),
    };
    CodedWeights { codes: PackedCodes::pack(&values, bits), meaning, scales }
}

fn graph(choices: &mut Choices) -> Graph {
    let value = |name: String, dims| Value { name, dims, quant: None, simulated: None };
    let input = match choices.pick(4) {
        0 => vec![1 + choices.pick(6)],
        1 => vec![1 + choices.pick(4), 1 + choices.pick(5)],
        _ => vec![1 + choices.pick(4), 1 + choices.pick(6), 1 + choices.pick(6)],
    };
    let mut values = vec![value("x".to_owned(), input)];
    let mut nodes: Vec<Node> = Vec::new();
    for i in 0..1 + choices.pick(14) {
        // Mostly a chain, with a branch here and there.
        let from = if choices.pick(4) == 0 { choices.pick(values.len()) } else { values.len() - 1 };
        let (op, activation) = operation(choices, &values[from].dims);
        let mut inputs = vec![ValueId(from)];
        if matches!(op, Op::Binary(_) | Op::Concat(_)) {
            inputs.push(ValueId(choices.pick(values.len())));
        }
        let dims: Vec<_> = inputs.iter().map(|id| values[id.0].dims.as_slice()).collect();
        let Ok(out) = infer(&op, &dims, Layout::Nchw) else { continue };
        if out.iter().product::<usize>() > 2000 {
            continue;
        }
        values.push(value(format!("value {i}"), out));
        nodes.push(Node { name: format!("node {i}"), op, inputs, output: ValueId(values.len() - 1), activation, dynamic: None });
    }
    let mut outputs = vec![ValueId(values.len() - 1)];
    if choices.pick(3) == 0 {
        outputs.push(ValueId(choices.pick(values.len())));
    }
    Graph { name: "made up".to_owned(), values, nodes, inputs: vec![ValueId(0)], outputs, layout: Layout::Nchw, accumulator: None }
}

fn window(choices: &mut Choices) -> Window {
    let mut pair = |from, below| [from + choices.pick(below), from + choices.pick(below)];
    let (kernel, stride, dilation) = (pair(1, 3), pair(1, 2), pair(1, 2));
    let ([top, left], [bottom, right]) = (pair(0, 2), pair(0, 2));
    Window { kernel, stride, pad: [top, left, bottom, right], dilation }
}

fn operation(choices: &mut Choices, dims: &[usize]) -> (Op, Activation) {
    let rank = dims.len();
    let channels = dims.first().copied().unwrap_or(1);
    let kind = |flag| if flag { Binary::Mul } else { Binary::Add };
    let op = match choices.pick(16) {
        0 | 1 => {
            let groups = if choices.pick(3) == 0 { channels } else { 1 };
            let out_channels = groups * (1 + choices.pick(3));
            let window = window(choices);
            let len = out_channels * window.kernel[0] * window.kernel[1] * channels / groups;
            let bias = choices.flag().then(|| choices.floats(out_channels));
            Op::Conv(Conv { out_channels, in_channels: channels, groups, window, weights: Weights::F32(choices.floats(len)), bias })
        }
        2 => {
            let (in_features, out_features) = (dims.last().copied().unwrap_or(1), 1 + choices.pick(5));
            let bias = choices.flag().then(|| choices.floats(out_features));
            Op::Linear(Linear { out_features, in_features, weights: Weights::F32(choices.floats(in_features * out_features)), bias })
        }
        3 => Op::BatchNorm { factor: choices.floats(channels), offset: choices.floats(channels) },
        4 => Op::Activate,
        5 => Op::Binary(kind(choices.flag())),
        6 | 7 => {
            // Some of the last axes, some of them broadcast.
            let skip = choices.pick(rank + 1);
            let dims: Vec<_> = dims[skip..].iter().map(|&d| if choices.flag() { d } else { 1 }).collect();
            let data = choices.floats(dims.iter().product());
            Op::BinaryConst(kind(choices.flag()), Tensor { dims, data })
        }
        8 => Op::Concat(choices.pick(rank.max(1))),
        9 => Op::MaxPool(Pool { window: window(choices), count_include_pad: false }),
        10 => Op::AveragePool(Pool { window: window(choices), count_include_pad: choices.flag() }),
        11 => Op::Mean { axes: (0..rank).filter(|_| choices.flag()).collect(), keep: choices.flag() },
        12 => {
            let total = dims.iter().product();
            Op::Reshape(match choices.pick(4) {
                0 => vec![total],
                1 => dims.to_vec(),
                2 => vec![1, total, 1],
                _ => dims.iter().rev().copied().collect(),
            })
        }
        13 => {
            let mut perm: Vec<_> = (0..rank).collect();
            (1..rank).for_each(|i| perm.swap(i, choices.pick(i + 1)));
            Op::Transpose(perm)
        }
        14 => {
            let pads = dims.iter().map(|_| [choices.pick(2), choices.pick(2)]).collect();
            Op::Pad { pads, value: if choices.flag() { 0.5 } else { 0.0 } }
        }
        _ => Op::Softmax(choices.pick(rank.max(1))),
    };
    let activation = match choices.pick(12) {
        0 => Activation::Relu,
        1 => Activation::Clip(-0.5, 0.75),
        2 => Activation::LeakyRelu(0.1),
        3 => Activation::HardSigmoid(0.2, 0.5),
        4 => Activation::HardSwish,
        5 => Activation::Sigmoid,
        _ => Activation::None,
    };
    (op, activation)
}
