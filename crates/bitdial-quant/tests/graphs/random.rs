//! Random graphs under random recipes: what the plan computes is what the graph's annotations say, bit for bit.

use std::collections::{BTreeMap, BTreeSet};

use crate::generate::{Dice, graph, images};
use crate::interpreter::{Tensor, evaluate};
use bitdial_ir::{Graph, Op, packed};
use bitdial_kernels::Backend;
use bitdial_protocol::{
    ActivationMode, ActivationOverride, ActivationScheme, Bits, Exponent, Format, Granularity, GroupSize, LayerOverride, Recipe, Rounding,
    WeightOverride, WeightRange, WeightScheme,
};
use bitdial_quant::{Calibrator, quantize};
use bitdial_runtime::{Observed, Options, Plan};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

pub const STRICT: Options = Options { backend: Backend::Scalar, strict: true };

fn bits() -> impl Strategy<Value = Bits> {
    (1u8..=8).prop_map(|b| Bits::new(b).unwrap())
}

pub fn recipe() -> impl Strategy<Value = Recipe> {
    let granularity = prop::sample::select(vec![Granularity::Tensor, Granularity::Channel, Granularity::Group]);
    let weights = (bits(), any::<bool>(), granularity).prop_map(|(bits, symmetric, granularity)| WeightScheme {
        bits,
        symmetric,
        granularity,
        group: GroupSize::ALL[0],
        ..WeightScheme::default()
    });
    let activations = (bits(), any::<bool>(), prop::bool::weighted(0.3)).prop_map(|(bits, symmetric, dynamic)| ActivationScheme {
        bits,
        symmetric,
        mode: if dynamic { ActivationMode::Dynamic } else { ActivationMode::Static },
        ..ActivationScheme::default()
    });
    let format = prop::option::weighted(0.3, (prop::sample::select(Format::ALL.to_vec()), prop::sample::select(vec![2, 3, 5, 8, 16, 32])));
    let rounding = prop::sample::select(vec![Rounding::Nearest, Rounding::Nearest, Rounding::Stochastic, Rounding::Floor]);
    let range = prop::sample::select(vec![WeightRange::MinMax, WeightRange::MinMax, WeightRange::Mse]);
    (weights, prop::option::weighted(0.85, activations), format, rounding, range).prop_map(
        |(mut weights, activations, other, rounding, range)| {
            (weights.rounding, weights.range) = (rounding, range);
            let dynamic = activations.is_some_and(|a: ActivationScheme| a.mode == ActivationMode::Dynamic);
            if let Some((format, bits)) = other.filter(|(format, bits)| !dynamic || format.is_integer() && *bits != 16) {
                let wide = matches!(format, Format::Int | Format::Fixed);
                weights.format = format;
                weights.bits = Bits::new(if bits == 16 && !wide { 4 } else { bits }).unwrap();
                weights.exponent = Exponent::new(1).unwrap();
                if format == Format::Codebook && weights.granularity == Granularity::Group {
                    weights.granularity = Granularity::Channel;
                }
            }
            Recipe { weights, activations, ..Recipe::default() }
        },
    )
}

/// Exceptions for some layers of a graph.
fn exceptions(graph: &Graph, seed: u64) -> BTreeMap<String, LayerOverride> {
    let mut dice = Dice(seed);
    let mut layers = BTreeMap::new();
    for node in &graph.nodes {
        if dice.below(4) > 0 {
            continue;
        }
        let width = |dice: &mut Dice| Bits::new(1 + dice.below(8) as u8).ok();
        let weights = matches!(node.op, Op::Conv(_) | Op::Linear(_)).then(|| WeightOverride {
            format: Some(Format::Int),
            bits: width(&mut dice),
            granularity: Some(dice.one_of(&[Granularity::Tensor, Granularity::Channel, Granularity::Group])),
            symmetric: None,
        });
        let activations = (dice.below(2) == 0).then(|| ActivationOverride { bits: width(&mut dice) });
        layers.insert(node.name.clone(), LayerOverride { weights, activations });
    }
    layers
}

pub fn quantized(graph: &Graph, recipe: &Recipe, calibration: &[f32], count: usize) -> Graph {
    let mut calibrator = Calibrator::new(graph, Backend::Scalar).unwrap();
    calibrator.feed(calibration, count).unwrap();
    quantize(graph, recipe, Some(&calibrator.finish())).unwrap()
}

/// Every value of every image, and the outputs.
fn run(graph: &Graph, input: &[f32], batch: usize, chunk: usize) -> (Vec<Vec<Tensor>>, Vec<Vec<f32>>) {
    let mut plan = Plan::compile(graph, STRICT).unwrap();
    plan.set_chunk(chunk);
    let mut seen = vec![vec![]; graph.values.len()];
    let outputs = plan
        .observe(&[input], batch, &mut |value, observed| {
            let len = graph.value(value).len();
            match observed {
                Observed::F32(x) => seen[value.0].extend(x.chunks_exact(len).map(|x| Tensor::F32(x.to_vec()))),
                Observed::U8(x) => seen[value.0].extend(x.chunks_exact(len).map(|x| Tensor::U8(x.to_vec()))),
            }
        })
        .unwrap();
    (seen, outputs)
}

pub fn check(graph: &Graph, input: &[f32], batch: usize) -> Result<(), TestCaseError> {
    let (seen, outputs) = run(graph, input, batch, 2);
    let len = input.len() / batch;
    for (image, input) in input.chunks_exact(len).enumerate() {
        let expected = evaluate(graph, input);
        for (id, value) in graph.values.iter().enumerate() {
            let made_by = graph.producer(bitdial_ir::ValueId(id)).map(|n| &n.name);
            prop_assert_eq!(&seen[id][image], &expected[id], "value '{}' made by {:?}, image {}", value.name, made_by, image);
        }
        for (output, values) in graph.outputs.iter().zip(&outputs) {
            let len = graph.value(*output).len();
            prop_assert_eq!(&Tensor::F32(values[image * len..][..len].to_vec()), &expected[output.0]);
        }
    }
    // Neither the chunk nor the batch matters, nor what ran before.
    for chunk in [1, batch + 1] {
        prop_assert_eq!(&run(graph, input, batch, chunk).1, &outputs);
    }
    let mut plan = Plan::compile(graph, STRICT).unwrap();
    for (image, input) in input.chunks_exact(len).enumerate().rev() {
        for ((output, all), one) in graph.outputs.iter().zip(&outputs).zip(plan.run(&[input], 1).unwrap()) {
            let len = graph.value(*output).len();
            prop_assert_eq!(&all[image * len..][..len], &one[..]);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn f32_plans_compute_the_graph(graph in graph(), seed: u64) {
        check(&graph, &images(&graph, 3, seed), 3)?;
    }

    #[test]
    fn quantized_plans_compute_the_graph(graph in graph(), recipe in recipe(), seed: u64, exceptional: bool) {
        let layers = if exceptional { exceptions(&graph, seed) } else { BTreeMap::new() };
        let recipe = Recipe { layers, ..recipe };
        let quantized = quantized(&graph, &recipe, &images(&graph, 4, seed ^ 1), 4);
        check(&quantized, &images(&graph, 3, seed), 3)?;
    }

    #[test]
    fn the_same_recipe_gives_the_same_bytes(graph in graph(), recipe in recipe(), seed: u64) {
        let images = images(&graph, 4, seed);
        let once = quantized(&graph, &recipe, &images, 4);
        // Split into other calls, the ranges are the same.
        let mut calibrator = Calibrator::new(&graph, Backend::Scalar).unwrap();
        let len = images.len() / 4;
        calibrator.feed(&images[3 * len..], 1).unwrap();
        calibrator.feed(&images[..3 * len], 3).unwrap();
        let again = quantize(&graph, &recipe, Some(&calibrator.finish())).unwrap();
        prop_assert_eq!(packed::write(&once), packed::write(&again));
        prop_assert_eq!(packed::read(&packed::write(&once)), Ok(once));
    }
}

#[test]
fn the_random_graphs_reach_every_kind_of_step() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for seed in 0..400 {
        let graph = graph().new_tree(&mut runner).unwrap().current();
        let recipe = recipe().new_tree(&mut runner).unwrap().current();
        let plan = Plan::compile(&quantized(&graph, &recipe, &images(&graph, 2, seed), 2), STRICT).unwrap();
        for step in plan.steps() {
            // Only convolutions have kernels of several names.
            let name = match step.kernel.as_str() {
                kernel if kernel.starts_with("fused into conv") => "fused into conv",
                kernel if step.macs == 0 => kernel,
                kernel if kernel.contains("-groups+unpack") => "grouped",
                kernel if kernel.contains("u1i1") => "binary",
                _ => "conv",
            };
            reached.insert(format!("{name} {:?}", step.execution));
        }
    }
    let expected = [
        "activation-f32 Float",
        "add-f32 Float",
        "add-u8 Integer",
        "average-pool-f32 Float",
        "average-pool-u8 Integer",
        "binary Integer",
        "batch-norm-f32 Float",
        "concat-f32 Float",
        "concat-u8 Integer",
        "conv DynamicInteger",
        "conv Integer",
        "conv Simulated",
        "conv WeightOnly",
        "fused into conv Float",
        "fused into conv Integer",
        "grouped DynamicInteger",
        "grouped Integer",
        "max-pool-f32 Float",
        "max-pool-u8 Integer",
        "mean-f32 Float",
        "mean-u8 Integer",
        "mul-f32 Float",
        "mul-u8 Integer",
        "pad-f32 Movement",
        "pad-u8 Movement",
        "softmax-f32 Float",
        "table-u8 Integer",
        "transpose-f32 Movement",
        "transpose-u8 Movement",
        "view Movement",
    ];
    let missing: Vec<_> = expected.iter().filter(|e| !reached.contains(**e)).collect();
    assert!(missing.is_empty(), "{missing:?} of {reached:?}");
}
