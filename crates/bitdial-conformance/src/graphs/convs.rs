//! Convolutions and linear layers: every width, with scales for channels and groups, fixed and dynamic, with sums.

use bitdial_ir::{Activation, Binary, Conv, DynamicQuant, GROUPS, Linear, Op, QuantizedWeights, Weights, Window};
use bitdial_kernels::ConvShape;
use bitdial_numerics::{ActivationParams, PackedInts, WeightParams};

use super::{Builder, GraphCase, grid, real};
use crate::Random;
use crate::conv_i8::{self, Filling, IntCase};

/// Cases of a shape.
pub(super) fn cases(name: &str, shape: &ConvShape, random: &mut Random) -> Vec<GraphCase> {
    let mut all = Vec::new();
    for case in conv_i8::cases(shape, random) {
        let kind = random.one_of(&[Kind::Fixed, Kind::Fixed, Kind::Sum, Kind::Float]);
        all.push(integer(name, &case, kind, random));
    }
    for kind in [Kind::Dynamic, Kind::Groups, Kind::DynamicGroups, Kind::WeightOnly, Kind::Real, Kind::RealSum] {
        let bits = random.between(1, 8) as u8;
        let high = random.one_of(&[255, 255, 15]);
        let zero_point = random.one_of(&[0, high / 2 + 1, high]);
        let affine = bits > 1 && random.between(0, 1) == 1;
        let case = IntCase { shape: *shape, bits, high, zero_point, affine, filling: Filling::Random };
        if !matches!(kind, Kind::Groups | Kind::DynamicGroups) || shape.groups == 1 {
            all.push(integer(name, &case, kind, random));
        }
    }
    all
}

/// What a layer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Integers to integers.
    Fixed,
    /// The same with a residual sum.
    Sum,
    /// Integers to f32.
    Float,
    /// A grid for each image.
    Dynamic,
    /// Scales for groups of weights.
    Groups,
    DynamicGroups,
    /// Integer weights on f32.
    WeightOnly,
    /// All f32.
    Real,
    /// With a residual sum.
    RealSum,
}

fn integer(name: &str, case: &IntCase, kind: Kind, random: &mut Random) -> GraphCase {
    let IntCase { shape, bits, high, zero_point, .. } = *case;
    let grouped = matches!(kind, Kind::Groups | Kind::DynamicGroups);
    let dynamic = matches!(kind, Kind::Dynamic | Kind::DynamicGroups);
    let held = dynamic || matches!(kind, Kind::WeightOnly | Kind::Real | Kind::RealSum);
    let batch = random.one_of(&[1, 1, 2, 3]);
    let x_grid = ActivationParams { scale: 0.05 * (1.1 + random.float()), zero_point, low: 0, high };
    let group = grouped.then(|| random.one_of(&GROUPS));
    let (weights, scale) = weights(case, group, random);
    // Sums of random operands are about this large.
    let (low, top) = range(bits);
    let widest = f32::from(top).max(-f32::from(low));
    let spread = (shape.row_len() as f32).sqrt() * f32::from(high) * widest * x_grid.scale * scale;
    let bias = random.many(shape.output[2], |random| 0.3 * spread * random.float());
    let bias = (random.between(0, 3) > 0).then_some(bias);
    let weights = match kind {
        Kind::Real | Kind::RealSum => Weights::F32(random.many(shape.weight_len(), Random::float)),
        _ => Weights::Int(weights),
    };
    let activation = random.one_of(&[Activation::None, Activation::Relu, Activation::Clip(-0.3 * spread, 0.4 * spread)]);
    let rest = random.one_of(&[Activation::HardSwish, Activation::LeakyRelu(0.1), Activation::HardSigmoid(0.2, 0.5)]);
    let real_activation = if random.between(0, 3) == 0 { rest } else { activation };

    let mut b = Builder::new(&shape.input, (!held).then_some(x_grid));
    let x = b.graph.inputs[0];
    let out = matches!(kind, Kind::Fixed | Kind::Sum).then(|| grid(random, spread));
    let activation = if out.is_some() || kind == Kind::RealSum { activation } else { real_activation };
    let (op, dims) = op(&shape, weights, bias);
    if dims != shape.output.to_vec() {
        b.graph.values[x.0].dims = vec![shape.input[0], shape.input[2]];
    }
    let sums = matches!(kind, Kind::Sum | Kind::RealSum);
    // The other operand of a sum is there before the convolution, and as large as its result.
    let other = sums.then(|| b.node(op.clone(), &[x], &dims, out.map(|_| grid(random, spread)), Activation::None));
    let mut y = b.node(op, &[x], &dims, out, activation);
    if dynamic && let Some(node) = b.graph.nodes.last_mut() {
        node.dynamic = Some(DynamicQuant { bits: random.between(1, 8) as u8, symmetric: random.between(0, 1) == 1 });
    }
    if let Some(other) = other {
        let operands = random.one_of(&[[y, other], [other, y]]);
        let sum = out.map(|_| grid(random, 1.5 * spread));
        y = b.node(Op::Binary(Binary::Add), &operands, &dims, sum, random.one_of(&[Activation::None, Activation::Relu]));
    }
    let len = shape.input.iter().product::<usize>() * batch;
    let input = match held {
        true => random.many(len, |random| 3.0 * random.float() + 0.5),
        false => real(&integers(case, len, random), x_grid),
    };
    GraphCase { name: format!("{name}, {kind:?}, {case:?}"), graph: b.finish(y), input, batch }
}

/// The layer, and the dimensions of its output: a linear one where the shape is that.
fn op(shape: &ConvShape, weights: Weights, bias: Option<Vec<f32>>) -> (Op, Vec<usize>) {
    let linear = shape.input[1] == 1 && shape.kernel == [1, 1] && shape.stride == [1, 1] && shape.groups == 1 && shape.output[1] == 1;
    if linear && shape.pad == [0, 0] && shape.input[0] == shape.output[0] {
        let (in_features, out_features) = (shape.input[2], shape.output[2]);
        return (Op::Linear(Linear { out_features, in_features, weights, bias }), vec![shape.output[0], out_features]);
    }
    let reach = |axis: usize| (shape.output[axis] - 1) * shape.stride[axis] + (shape.kernel[axis] - 1) * shape.dilation[axis] + 1;
    let after = |axis: usize| reach(axis).saturating_sub(shape.input[axis] + shape.pad[axis]);
    let window = Window {
        kernel: shape.kernel,
        stride: shape.stride,
        pad: [shape.pad[0], shape.pad[1], after(0), after(1)],
        dilation: shape.dilation,
    };
    let conv = Conv { out_channels: shape.output[2], in_channels: shape.input[2], groups: shape.groups, window, weights, bias };
    (Op::Conv(conv), shape.output.to_vec())
}

fn range(bits: u8) -> (i8, i8) {
    if bits == 1 { (-1, 1) } else { (i8::MIN >> (8 - bits), i8::MAX >> (8 - bits)) }
}

/// Weights of a case, and about how large their scales are.
fn weights(case: &IntCase, group: Option<usize>, random: &mut Random) -> (QuantizedWeights, f32) {
    let IntCase { shape, bits, affine, filling, .. } = *case;
    let (low, top) = range(bits);
    let weight = |random: &mut Random| match filling {
        Filling::Random if bits > 1 => random.between(i32::from(low), i32::from(top)) as i8,
        Filling::Saturating => low,
        _ => random.one_of(&[low, top]),
    };
    let values = random.many(shape.weight_len(), weight);
    let channels = shape.output[2];
    let count = match group {
        Some(group) => channels * shape.row_len().div_ceil(group),
        None if random.between(0, 2) == 0 => 1,
        None => channels,
    };
    let zero_point = |random: &mut Random| match filling {
        _ if !affine || bits == 1 => 0,
        Filling::Saturating => top,
        _ => random.between(i32::from(low), i32::from(top)) as i8,
    };
    let params = random.many(count, |random| WeightParams { scale: 0.01 * (1.1 + random.float()), zero_point: zero_point(random), bits });
    (QuantizedWeights { values: PackedInts::pack(&values, bits), params, group }, 0.01)
}

fn integers(case: &IntCase, len: usize, random: &mut Random) -> Vec<u8> {
    random.many(len, |random| match case.filling {
        Filling::Random => random.between(0, i32::from(case.high)) as u8,
        Filling::Saturating => case.high,
        Filling::Ends => random.one_of(&[0, case.high]),
    })
}
