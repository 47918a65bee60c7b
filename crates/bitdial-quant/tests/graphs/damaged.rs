//! Graphs with one thing wrong: an error or a result, never a panic.

use bitdial_ir::{Activation, DynamicQuant, Graph, Layout, Op, Scales, ValueId, Weights, Window};
use bitdial_kernels::Backend;
use bitdial_protocol::Recipe;
use bitdial_quant::{Calibrator, quantize};
use bitdial_runtime::{Options, Plan};
use proptest::prelude::*;

use crate::generate::{Dice, graph, images};
use crate::random::{quantized, recipe};

/// A size that is wrong in one of many ways.
fn size(dice: &mut Dice) -> usize {
    dice.one_of(&[0, 0, 1, 2, 3, 5, 1000, 1 << 20, 1 << 31, 1 << 40, usize::MAX / 2, usize::MAX])
}

fn real(dice: &mut Dice) -> f32 {
    dice.one_of(&[0.0, -1.0, 1e-45, 1e30, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN])
}

fn damage_window(window: &mut Window, dice: &mut Dice) {
    let axis = dice.below(2);
    match dice.below(4) {
        0 => window.kernel[axis] = size(dice),
        1 => window.stride[axis] = size(dice),
        2 => window.dilation[axis] = size(dice),
        _ => window.pad[dice.below(4)] = size(dice),
    }
}

fn damage_weights(weights: &mut Weights, dice: &mut Dice) {
    match weights {
        Weights::F32(w) => w.truncate(dice.below(w.len() + 1)),
        Weights::Int(w) => match dice.below(5) {
            0 => w.params.truncate(dice.below(w.params.len() + 1)),
            1 => w.params[0].scale = real(dice),
            2 => w.group = [None, Some(16), Some(size(dice))][dice.below(3)],
            3 => w.params[0].zero_point = dice.below(256) as u8 as i8,
            _ => w.params[0].bits = dice.below(10) as u8,
        },
        Weights::Coded(w) => match (&mut w.scales, dice.below(3)) {
            (Scales::F32(scales, _), 0) => scales.truncate(dice.below(scales.len() + 1)),
            (Scales::F32(scales, _), 1) => scales[0] = real(dice),
            (Scales::F32(_, group), _) => *group = [None, Some(16), Some(size(dice))][dice.below(3)],
            (Scales::E8m0(codes) | Scales::E4m3(codes, _), 0) => codes[0] = dice.below(256) as u8,
            (Scales::E4m3(_, tensor), _) => *tensor = real(dice),
            (scales, _) => *scales = [Scales::One, Scales::F32(vec![real(dice)], None)][dice.below(2)].clone(),
        },
    }
}

fn damage_op(op: &mut Op, dice: &mut Dice) {
    match op {
        Op::Conv(conv) => match dice.below(6) {
            0 => conv.out_channels = size(dice),
            1 => conv.in_channels = size(dice),
            2 => conv.groups = size(dice),
            3 => conv.bias = Some(vec![real(dice); dice.below(5)]),
            4 => damage_window(&mut conv.window, dice),
            _ => damage_weights(&mut conv.weights, dice),
        },
        Op::Linear(linear) => match dice.below(4) {
            0 => linear.out_features = size(dice),
            1 => linear.in_features = size(dice),
            2 => linear.bias = Some(vec![real(dice); dice.below(5)]),
            _ => damage_weights(&mut linear.weights, dice),
        },
        Op::BatchNorm { factor, offset } => {
            dice.one_of(&[true, false]).then(|| factor.pop());
            offset.pop();
        }
        Op::BinaryConst(_, constant) => match dice.below(2) {
            0 => constant.dims.push(size(dice)),
            _ => constant.data.truncate(dice.below(constant.data.len())),
        },
        Op::Concat(axis) | Op::Softmax(axis) => *axis = size(dice),
        Op::MaxPool(pool) | Op::AveragePool(pool) => damage_window(&mut pool.window, dice),
        Op::Mean { axes, keep } => match dice.below(3) {
            0 => axes.push(size(dice)),
            1 => *keep = !*keep,
            _ => axes.reverse(),
        },
        Op::Reshape(dims) => dims.push(size(dice)),
        Op::Transpose(perm) => perm[0] = size(dice),
        Op::Pad { pads, value } => match dice.below(3) {
            0 => pads[0][dice.below(2)] = size(dice),
            1 => pads.truncate(1),
            _ => *value = real(dice),
        },
        Op::Activate | Op::Binary(_) => *op = Op::Transpose(vec![0, 0]),
    }
}

fn damage(graph: &mut Graph, dice: &mut Dice) {
    let id = ValueId(dice.below(graph.values.len() + 2));
    let node = dice.below(graph.nodes.len());
    let value = dice.below(graph.values.len());
    match dice.below(12) {
        0 => graph.values[value].dims.push(size(dice)),
        1 => {
            graph.values[value].dims.pop();
        }
        2 => {
            let axis = dice.below(graph.values[value].dims.len());
            graph.values[value].dims[axis] = size(dice);
        }
        3 => {
            let mut grid = bitdial_numerics::ActivationParams::affine(-1.0, 1.0, 8);
            match dice.below(4) {
                0 => grid.scale = real(dice),
                1 => grid.low = 200,
                2 => grid.high = dice.below(256) as u8,
                _ => grid.zero_point = dice.below(256) as u8,
            }
            graph.values[value].quant = Some(grid);
        }
        4 => graph.nodes[node].output = id,
        5 => graph.nodes[node].inputs.push(id),
        6 => graph.nodes[node].inputs = vec![id],
        7 => graph.nodes[node].dynamic = Some(DynamicQuant { bits: dice.below(12) as u8, symmetric: true }),
        8 => graph.nodes[node].activation = Activation::Clip(real(dice), real(dice)),
        9 => match dice.below(3) {
            0 => graph.outputs.push(id),
            1 => graph.inputs = vec![id],
            _ => graph.layout = Layout::Nchw,
        },
        _ => damage_op(&mut graph.nodes[node].op, dice),
    }
}

/// Compiles and, if that works, runs.
fn survives(graph: &Graph) {
    let Ok(mut plan) = Plan::compile(graph, Options { backend: Backend::Scalar, strict: false }) else { return };
    let inputs: Vec<Vec<f32>> = graph.inputs.iter().map(|&i| vec![0.5; graph.value(i).len()]).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    // What is too large to be tried here was still compiled.
    if plan.arena_bytes() < 1 << 24 {
        let outputs = plan.run(&inputs, 1).unwrap();
        assert_eq!(outputs.len(), graph.outputs.len());
    }
    assert!(plan.run(&[], 1).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn damaged_graphs_are_refused_or_run(graph in graph(), recipe in recipe(), seed: u64, integers: bool) {
        let mut dice = Dice(seed);
        let mut graph = if integers { quantized(&graph, &recipe, &images(&graph, 2, seed), 2) } else { graph };
        damage(&mut graph, &mut dice);
        survives(&graph);
        if let Ok(calibrator) = Calibrator::new(&graph, Backend::Scalar) {
            let _ = quantize(&graph, &Recipe::default(), Some(&calibrator.finish()));
        }
        let weight_only = Recipe { activations: None, ..Recipe::default() };
        if let Ok(quantized) = quantize(&graph, &weight_only, None) {
            survives(&quantized);
        }
    }
}
