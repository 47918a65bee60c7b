//! Everything that is no convolution: pools, means, sums and products, movement, activations, in integers and in f32.

use bitdial_ir::{Activation, Binary, Op, Pool, Tensor, Window};
use bitdial_numerics::ActivationParams;

use super::{Builder, GraphCase, grid};
use crate::Random;
use crate::pool::SHAPES as POOLS;

/// Numbers that quantization meets seldom.
const AWKWARD: &[f32] = &[0.0, -0.0, 0.5, -0.5, 1e-30, -1e-30, 1e30, -1e30, 3.0e38, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

const ACTIVATIONS: &[Activation] = &[
    Activation::None,
    Activation::Relu,
    Activation::Clip(-0.5, 0.75),
    Activation::LeakyRelu(0.1),
    Activation::HardSigmoid(0.2, 0.5),
    Activation::HardSwish,
];

/// All of them, each with and without grids.
pub(super) fn cases(random: &mut Random) -> Vec<GraphCase> {
    let mut all = Vec::new();
    for quantized in [true, false] {
        pools(quantized, random, &mut all);
        binary(quantized, random, &mut all);
        movement(quantized, random, &mut all);
        for &activation in ACTIVATIONS {
            for dims in [vec![5], vec![3, 3, 6], vec![2, 2, 64]] {
                all.push(one(&format!("{activation:?}"), &dims, Op::Activate, &dims, activation, quantized, random));
            }
        }
    }
    awkward(random, &mut all);
    all
}

/// A graph of one node with one input.
fn one(name: &str, from: &[usize], op: Op, to: &[usize], activation: Activation, quantized: bool, random: &mut Random) -> GraphCase {
    let mut quant = || quantized.then(|| grid(random, 1.0));
    let (before, after) = (quant(), quant());
    let mut b = Builder::new(from, before);
    let x = b.graph.inputs[0];
    let y = b.node(op, &[x], to, after, activation);
    case(format!("{name} of {from:?}, quantized: {quantized}"), b, y, random)
}

fn case(name: String, b: Builder, y: bitdial_ir::ValueId, random: &mut Random) -> GraphCase {
    let batch = random.size(1, 3);
    let len = b.graph.value(b.graph.inputs[0]).len() * batch;
    GraphCase { name, graph: b.finish(y), input: random.many(len, |random| 2.0 * random.float()), batch }
}

fn any(random: &mut Random) -> Activation {
    random.one_of(&[Activation::None, Activation::None, Activation::Relu, Activation::Clip(-0.5, 0.75), Activation::HardSwish])
}

fn pools(quantized: bool, random: &mut Random, all: &mut Vec<GraphCase>) {
    for shape in POOLS {
        let after = |axis: usize| {
            let reach = (shape.output[axis] - 1) * shape.stride[axis] + (shape.kernel[axis] - 1) * shape.dilation[axis] + 1;
            reach.saturating_sub(shape.input[axis] + shape.pad[axis])
        };
        let pad = [shape.pad[0], shape.pad[1], after(0), after(1)];
        let window = Window { kernel: shape.kernel, stride: shape.stride, pad, dilation: shape.dilation };
        let pool = Pool { window, count_include_pad: shape.count_include_pad };
        let to = [shape.output[0], shape.output[1], shape.input[2]];
        for _ in 0..3 {
            all.push(one("max pool", &shape.input, Op::MaxPool(pool), &to, any(random), quantized, random));
            all.push(one("average pool", &shape.input, Op::AveragePool(pool), &to, any(random), quantized, random));
        }
    }
    for (dims, axes) in [
        (vec![7, 7, 20], vec![0, 1]),
        (vec![5, 4, 13], vec![0, 1]),
        (vec![3, 4, 6], vec![2]),
        (vec![3, 4, 6], vec![0, 2]),
        (vec![6, 5], vec![0, 1]),
        (vec![9], vec![0]),
    ] {
        for keep in [true, false] {
            let axis = |a: usize| if axes.contains(&a) { keep.then_some(1) } else { Some(dims[a]) };
            let to: Vec<usize> = (0..dims.len()).filter_map(axis).collect();
            let op = Op::Mean { axes: axes.clone(), keep };
            all.push(one("mean", &dims, op, &to, any(random), quantized, random));
        }
    }
}

fn binary(quantized: bool, random: &mut Random, all: &mut Vec<GraphCase>) {
    for (a, b) in [
        (vec![3, 5, 8], vec![3, 5, 8]),
        (vec![3, 5, 7], vec![3, 5, 7]),
        (vec![3, 5, 7], vec![7]),
        (vec![3, 5, 8], vec![1, 1, 8]),
        (vec![1, 1, 6], vec![4, 3, 6]),
        (vec![3, 5, 7], vec![1]),
        (vec![3, 5, 7], vec![3, 1, 7]),
        (vec![3, 5, 1], vec![3, 5, 7]),
        (vec![4], vec![4]),
    ] {
        let to: Vec<usize> = if a.iter().product::<usize>() > b.iter().product() { a.clone() } else { b.clone() };
        for op in [Binary::Add, Binary::Mul] {
            // Both operands are views of parts of the input.
            let mut quant = || quantized.then(|| grid(random, 1.0));
            let (x_grid, b_grid, to_grid) = (quant(), quant(), quant());
            let mut builder = Builder::new(&a, x_grid);
            let x = builder.graph.inputs[0];
            let mean = Op::Mean { axes: (0..a.len()).collect(), keep: false };
            let mean = builder.node(mean, &[x], &[], quantized.then(|| grid(random, 0.3)), Activation::None);
            let ones = Op::BinaryConst(Binary::Mul, Tensor { dims: vec![], data: vec![1.5] });
            let scaled = builder.node(ones, &[mean], &[], b_grid, Activation::None);
            let shape = vec![1; b.len()];
            let spread = builder.node(Op::Reshape(shape.clone()), &[scaled], &shape, b_grid, Activation::None);
            let pads = b.iter().map(|&n| [n / 2, n - 1 - n / 2]).collect();
            let other = builder.node(Op::Pad { pads, value: 0.25 }, &[spread], &b, b_grid, Activation::None);
            let activation = random.one_of(&[Activation::None, Activation::Relu, Activation::HardSwish]);
            let operands = random.one_of(&[[x, other], [other, x]]);
            let y = builder.node(Op::Binary(op), &operands, &to, to_grid, activation);
            all.push(case(format!("{op:?} of {a:?} and {b:?}, quantized: {quantized}"), builder, y, random));
        }
    }
    for op in [Binary::Add, Binary::Mul] {
        for dims in [vec![1], vec![7], vec![5, 7], vec![5, 1]] {
            let len = dims.iter().product();
            let constant = Tensor { dims, data: random.many(len, Random::float) };
            all.push(one("constant", &[5, 7], Op::BinaryConst(op, constant), &[5, 7], any(random), quantized, random));
        }
    }
    let channels = |random: &mut Random| random.many(6, Random::float);
    let op = Op::BatchNorm { factor: channels(random), offset: channels(random) };
    all.push(one("batch norm", &[4, 3, 6], op, &[4, 3, 6], any(random), quantized, random));
}

fn movement(quantized: bool, random: &mut Random, all: &mut Vec<GraphCase>) {
    for (dims, perm) in [
        (vec![3, 8, 9], vec![1, 2, 0]),
        (vec![1, 8, 9], vec![1, 2, 0]),
        (vec![4, 6, 8], vec![2, 0, 1]),
        (vec![2, 3, 4, 5], vec![3, 1, 0, 2]),
        (vec![5, 7], vec![1, 0]),
    ] {
        let to: Vec<usize> = perm.iter().map(|&p| dims[p]).collect();
        all.push(one("transpose", &dims, Op::Transpose(perm), &to, any(random), quantized, random));
    }
    for (dims, to) in [(vec![3, 4, 5], vec![60]), (vec![2, 2, 8], vec![32]), (vec![6, 10], vec![4, 15]), (vec![3, 1, 1], vec![3])] {
        all.push(one("reshape", &dims, Op::Reshape(to.clone()), &to, any(random), quantized, random));
    }
    for (dims, pads) in
        [(vec![3, 4, 5], vec![[1, 2], [0, 1], [2, 0]]), (vec![4, 4, 8], vec![[1, 1], [1, 1], [0, 0]]), (vec![6], vec![[3, 2]])]
    {
        let to: Vec<usize> = dims.iter().zip(&pads).map(|(d, p): (&usize, &[usize; 2])| d + p[0] + p[1]).collect();
        let value = random.one_of(&[0.0, 0.6, -2.0]);
        all.push(one("pad", &dims, Op::Pad { pads, value }, &to, any(random), quantized, random));
    }
    for (dims, axis, parts) in [(vec![3, 4, 5], 2, 2), (vec![3, 4, 8], 2, 3), (vec![3, 4, 6], 0, 2), (vec![7], 0, 3), (vec![2, 3, 3], 1, 2)]
    {
        let mut b = Builder::new(&dims, quantized.then(|| grid(random, 1.0)));
        let x = b.graph.inputs[0];
        // Parts on grids of their own.
        let parts: Vec<_> =
            (0..parts).map(|_| b.node(Op::Activate, &[x], &dims, quantized.then(|| grid(random, 1.0)), any(random))).collect();
        let mut to = dims.clone();
        to[axis] *= parts.len();
        let y = b.node(Op::Concat(axis), &parts, &to, quantized.then(|| grid(random, 1.0)), any(random));
        all.push(case(format!("concat of {dims:?}, quantized: {quantized}"), b, y, random));
    }
}

/// Quantizing the numbers that there is trouble with.
fn awkward(random: &mut Random, all: &mut Vec<GraphCase>) {
    let grids = [
        ActivationParams::affine(-1.0, 2.0, 8),
        ActivationParams::affine(-1e-3, 1e30, 8),
        ActivationParams::symmetric(-1.0, 1.0, 5),
        ActivationParams { scale: 0.1, zero_point: 100, low: 90, high: 130 },
    ];
    for grid in grids {
        let len = 64;
        let mut b = Builder::new(&[len], Some(grid));
        let x = b.graph.inputs[0];
        let y = b.node(Op::Activate, &[x], &[len], None, Activation::None);
        // Halves of steps, and their neighbours.
        let half = |random: &mut Random| {
            let x = (random.between(-300, 300) as f32 + 0.5) * grid.scale;
            f32::from_bits(x.to_bits().wrapping_add_signed(random.between(-1, 1)))
        };
        let number = |random: &mut Random| if random.between(0, 2) == 0 { random.one_of(AWKWARD) } else { half(random) };
        let input = random.many(8 * len, number);
        all.push(GraphCase { name: format!("quantize to {grid:?}"), graph: b.finish(y), input, batch: 8 });
    }
}
