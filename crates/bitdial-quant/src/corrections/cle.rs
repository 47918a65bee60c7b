//! Cross-layer equalization: the weight ranges of the channels between two layers are made equal. Nagel et al. 2019,
//! 'Data-free quantization through weight equalization and bias correction', sections 4.1 and 4.2.
//!
//! With `r1` the largest magnitude of the weights of an output channel of the first layer and `r2` that of the weights that
//! read it in the second, both become `sqrt(r1 r2)` by `s = sqrt(r1 / r2)` (equation 11). All pairs of the model are taken in
//! turn until no factor is far from 1; a depthwise layer, which is second in one pair and first in the next, ends with the
//! ranges of both its neighbours.
//!
//! Then high biases are absorbed (equations 12 to 15): a channel that lies at least `c = mean - 3 deviations > 0` above 0
//! before its ReLU gets `b1 - c`, and what the second layer made of `c` moves into `b2`. Mean and deviation are those of the
//! calibration images, where the paper, without data, takes them from BatchNorm. Where the second layer sees a border of
//! zeros, which `c` does not reach, nothing is absorbed.

use std::collections::BTreeMap;

use bitdial_ir::{Activation, Graph, Weights};

use super::chains::{Magnitudes, Pair, Shape, rescale};
use super::layer::{parts, parts_mut};
use crate::pipeline::stats::Channels;

/// Times that all pairs are taken at most.
const ROUNDS: usize = 100;
/// A factor this near to 1 changes nothing worth another round.
const NEAR: f64 = 1e-3;
/// Factors of a channel, of all rounds together, stay within this and its reciprocal.
const MOST: f64 = 1e4;
/// Deviations below the mean above which a channel is taken to be always.
const DEVIATIONS: f64 = 3.0;

/// Equalizes all pairs; the channels that were absorbed, by first layer. `channels` are those of the graph as it is.
pub(super) fn apply(graph: &mut Graph, pairs: &[Pair], channels: &[Option<Channels>]) -> usize {
    let all = factors(graph, pairs);
    for (pair, factors) in pairs.iter().zip(&all) {
        rescale(graph, pair, factors);
    }
    let absorb = |(pair, factors): (&Pair, &Vec<f64>)| channels[pair.first].as_ref().map_or(0, |found| absorb(graph, pair, factors, found));
    pairs.iter().zip(&all).map(absorb).sum()
}

/// The factors of each pair, one for each channel.
fn factors(graph: &Graph, pairs: &[Pair]) -> Vec<Vec<f64>> {
    let layers = pairs.iter().flat_map(|pair| [pair.first, pair.second]);
    let mut magnitudes: BTreeMap<usize, Magnitudes> =
        layers.filter_map(|index| Some((index, Magnitudes::of(&graph.nodes[index])?))).collect();
    let mut all: Vec<Vec<f64>> = Vec::new();
    for pair in pairs {
        all.push(vec![1.0; magnitudes.get(&pair.first).map_or(0, |layer| layer.shape.outputs)]);
    }
    for _ in 0..ROUNDS {
        let mut farthest = 1.0f64;
        for (pair, total) in pairs.iter().zip(&mut all) {
            let (Some(first), Some(second)) = (magnitudes.get(&pair.first), magnitudes.get(&pair.second)) else { continue };
            let ranges = first.outputs().into_iter().zip(second.inputs());
            let now: Vec<f64> = ranges.zip(&mut *total).map(|((r1, r2), total)| step(r1, r2, total)).collect();
            farthest = now.iter().fold(farthest, |far, s| far.max(*s).max(1.0 / s));
            magnitudes.entry(pair.first).and_modify(|layer| layer.divide_outputs(&now));
            magnitudes.entry(pair.second).and_modify(|layer| layer.multiply_inputs(&now));
        }
        if farthest < 1.0 + NEAR {
            break;
        }
    }
    all
}

/// The factor of one channel in one round; `total` is that of all rounds.
fn step(r1: f64, r2: f64, total: &mut f64) -> f64 {
    let wanted = (r1 / r2).sqrt();
    // A channel that no weight makes, or none reads, has no range.
    if !(wanted.is_finite() && wanted > 0.0) {
        return 1.0;
    }
    let before = *total;
    *total = (before * wanted).clamp(1.0 / MOST, MOST);
    *total / before
}

/// Moves high biases of a pair that was rescaled into the second layer; how many. `channels` are those of the first layer
/// before it was rescaled.
fn absorb(graph: &mut Graph, pair: &Pair, factors: &[f64], channels: &Channels) -> usize {
    let clamps = matches!(graph.nodes[pair.first].activation, Activation::Relu | Activation::Clip(..));
    if !pair.close || !clamps {
        return 0;
    }
    let height = |c: usize| (channels.mean(c) - DEVIATIONS * channels.deviation(c)) / factors[c];
    let heights: Vec<f64> = (0..channels.len()).map(|c| Some(height(c)).filter(|h| h.is_finite() && *h > 0.0).unwrap_or(0.0)).collect();
    let absorbed = heights.iter().filter(|h| **h > 0.0).count();
    let (Some(shape), Some((Weights::F32(weights), outputs))) = (Shape::of(&graph.nodes[pair.second]), parts(&graph.nodes[pair.second]))
    else {
        return 0;
    };
    if absorbed == 0 {
        return 0;
    }
    let mut moved = vec![0.0f64; outputs];
    for (i, &w) in weights.iter().enumerate() {
        let (output, input) = shape.place(shape.of_weight(i));
        moved[output] += f64::from(w) * heights[input];
    }
    let mut add = |index: usize, amount: &[f64]| {
        if let Some(layer) = parts_mut(&mut graph.nodes[index]) {
            let bias = layer.bias.get_or_insert_with(|| vec![0.0; layer.channels]);
            bias.iter_mut().zip(amount).for_each(|(b, a)| *b = (f64::from(*b) + a) as f32);
        }
    };
    add(pair.first, &heights.iter().map(|h| -h).collect::<Vec<_>>());
    add(pair.second, &moved);
    absorbed
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{Conv, Layout, Linear, Node, Op, Value, ValueId, Window};
    use bitdial_kernels::Backend;
    use bitdial_runtime::{Options, Plan};

    use super::*;
    use crate::corrections::chains::pairs;

    fn conv(out_channels: usize, groups: usize, side: usize, pad: usize, weights: Vec<f32>) -> Op {
        let window = Window { kernel: [side; 2], stride: [1; 2], pad: [pad; 4], dilation: [1; 2] };
        let bias = Some((0..out_channels).map(|c| c as f32 / 4.0).collect());
        Op::Conv(Conv { out_channels, in_channels: 2, groups, window, weights: Weights::F32(weights), bias })
    }

    /// Pointwise, depthwise and pointwise convolutions of images of three by three with two channels, mean, linear layer.
    fn graph(activation: Activation) -> Graph {
        let depthwise = (0..18).map(|i| if i % 2 == 0 { 5.0 } else { -0.02 } * (1.0 + (i % 5) as f32)).collect();
        let linear = Linear { out_features: 2, in_features: 2, weights: Weights::F32(vec![1.0, 8.0, -1.0, 0.5]), bias: None };
        let ops = [
            (conv(2, 1, 1, 0, vec![4.0, -1.0, 0.01, 0.02]), activation, &[3, 3, 2][..]),
            (conv(2, 2, 3, 1, depthwise), activation, &[3, 3, 2]),
            (conv(2, 1, 1, 0, vec![0.5, 0.25, -3.0, 1.0]), Activation::Relu, &[3, 3, 2]),
            (Op::Mean { axes: vec![0, 1], keep: false }, Activation::None, &[2]),
            (Op::Linear(linear), Activation::None, &[2]),
        ];
        let value = |i: usize, dims: &[usize]| Value { name: format!("v{i}"), dims: dims.to_vec(), quant: None, simulated: None };
        let mut values = vec![value(0, &[3, 3, 2])];
        let mut nodes = Vec::new();
        for (i, (op, activation, dims)) in ops.into_iter().enumerate() {
            values.push(value(i + 1, dims));
            let (inputs, output) = (vec![ValueId(i)], ValueId(i + 1));
            nodes.push(Node { name: format!("n{i}"), op, inputs, output, activation, dynamic: None });
        }
        Graph {
            name: String::new(),
            values,
            nodes,
            inputs: vec![ValueId(0)],
            outputs: vec![ValueId(5)],
            layout: Layout::Nhwc,
            accumulator: None,
        }
    }

    fn run(graph: &Graph) -> Vec<f32> {
        let images: Vec<f32> = (0..20 * 18).map(|i| (i * i % 37) as f32 / 20.0 - 0.7).collect();
        Plan::compile(graph, Options { backend: Backend::Scalar, strict: true }).unwrap().run(&[&images], 20).unwrap().remove(0)
    }

    fn ranges(graph: &Graph, pair: &Pair) -> (Vec<f64>, Vec<f64>) {
        let of = |index: usize| Magnitudes::of(&graph.nodes[index]).unwrap();
        (of(pair.first).outputs(), of(pair.second).inputs())
    }

    fn nothing(graph: &Graph) -> Vec<Option<Channels>> {
        vec![None; graph.nodes.len()]
    }

    #[test]
    fn ranges_of_all_pairs_become_equal_and_outputs_stay() {
        let mut graph = graph(Activation::Relu);
        let pairs = pairs(&graph);
        let ends: Vec<_> = pairs.iter().map(|pair| (pair.first, pair.second, pair.close)).collect();
        assert_eq!(ends, [(0, 1, false), (1, 2, true), (2, 4, false)]);
        let before = run(&graph);
        let unmeasured = nothing(&graph);
        assert_eq!(apply(&mut graph, &pairs, &unmeasured), 0);
        for pair in &pairs {
            let (first, second) = ranges(&graph, pair);
            assert!(first.iter().zip(&second).all(|(r1, r2)| (r1 / r2 - 1.0).abs() < 0.01), "{first:?} {second:?}");
        }
        assert!(before.iter().zip(run(&graph)).all(|(old, new)| (old - new).abs() < 1e-4 * (1.0 + old.abs())));
    }

    #[test]
    fn nothing_is_clipped_that_was_not() {
        let original = graph(Activation::Clip(0.0, 1.5));
        let (mut graph, pairs) = (original.clone(), pairs(&original));
        let factors = factors(&original, &pairs);
        apply(&mut graph, &pairs, &nothing(&original));
        for (pair, factors) in pairs.iter().zip(&factors).take(2) {
            let Activation::Clip(0.0, high) = graph.nodes[pair.first].activation else { panic!("{:?}", graph.nodes[pair.first]) };
            let bounds = || factors.iter().map(|s| 1.5 / s);
            assert!(bounds().all(|bound| bound <= f64::from(high) * 1.000_001), "{high} {factors:?}");
            assert!(bounds().any(|bound| bound >= f64::from(high) * 0.999_999), "{high} {factors:?}");
        }
    }

    #[test]
    fn high_biases_are_absorbed_where_no_border_is_in_the_way() {
        let mut graph = graph(Activation::Relu);
        // Both channels of both layers lie far above 0 on all images.
        for index in [0, 1] {
            if let Op::Conv(conv) = &mut graph.nodes[index].op {
                conv.bias = Some(vec![400.0, 50.0]);
            }
        }
        let before = run(&graph);
        let mut channels = nothing(&graph);
        for index in [0, 1] {
            let mut found = Channels::new(2);
            found.add(&[301.0, 302.0, 302.0, 303.0, 303.0, 304.0]);
            channels[index] = Some(found);
        }
        let pairs = pairs(&graph);
        assert_eq!(apply(&mut graph, &pairs, &channels), 2, "only before the pointwise layer");
        let worst = before.iter().zip(run(&graph)).map(|(old, new)| (old - new).abs() / (1.0 + old.abs())).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{worst}");
    }
}
