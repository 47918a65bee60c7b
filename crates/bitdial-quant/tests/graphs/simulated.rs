//! Random graphs with activations that are simulated, and with accumulators of few bits.

use std::collections::BTreeSet;

use bitdial_ir::{Accumulator, Graph, packed};
use bitdial_protocol::{CalibrationMethod, Recipe};
use bitdial_quant::{Calibrator, quantize};
use bitdial_runtime::{Execution, Plan};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::generate::{graph, images};
use crate::random::{STRICT, check, quantized};

const METHODS: [&str; 9] =
    ["minmax", "moving-average", "percentile-99", "percentile-99.9", "percentile-99.99", "percentile-99.999", "mse", "entropy", "z-score"];

/// Activations that are simulated.
fn simulated() -> impl Strategy<Value = Recipe> {
    let format = prop::sample::select(vec![
        r#""bits":16"#,
        r#""bits":16,"symmetric":true"#,
        r#""format":"fixed","bits":16"#,
        r#""format":"fp16""#,
        r#""format":"bf16""#,
        r#""format":"e4m3""#,
        r#""format":"e2m1""#,
        r#""format":"minifloat","exponent":2,"bits":5"#,
        r#""format":"mxfp6-e3m2""#,
        r#""format":"mxint8""#,
        r#""format":"nvfp4""#,
        r#""format":"nf4""#,
        r#""format":"pot","bits":4"#,
        r#""format":"apot","bits":5"#,
    ]);
    let mode = prop::sample::select(vec!["", r#","mode":"dynamic""#, r#","mode":"dynamic","granularity":"row""#]);
    let method = prop::sample::select(METHODS.to_vec());
    (format, mode, method, 2u8..=8).prop_map(|(format, mode, method, bits)| {
        // A fixed point has no scale that is found on the run.
        let mode = if format.contains("fixed") { "" } else { mode };
        let json = format!(
            r#"{{"weights":{{"bits":{bits}}},"activations":{{{format}{mode}}},"calibration":{{"method":"{method}","deviations":2}}}}"#
        );
        Recipe::from_json(&json).unwrap()
    })
}

fn integers() -> impl Strategy<Value = Recipe> {
    let format = prop::sample::select(vec!["int", "fixed"]);
    let accumulator = prop::option::weighted(0.7, (8u8..=32, prop::sample::select(vec!["wrap", "saturate"])));
    (1u8..=8, 1u8..=8, format, any::<bool>(), any::<bool>(), accumulator, prop::sample::select(METHODS.to_vec())).prop_map(
        |(weights, bits, format, symmetric, dynamic, accumulator, method)| {
            let mode = if dynamic && format == "int" { "dynamic" } else { "static" };
            let accumulator = accumulator
                .map_or(String::new(), |(bits, overflow)| format!(r#""accumulator":{{"bits":{bits},"overflow":"{overflow}"}},"#));
            let activations = format!(r#"{{"bits":{bits},"format":"{format}","symmetric":{symmetric},"mode":"{mode}"}}"#);
            let json = format!(
                r#"{{{accumulator}"weights":{{"bits":{weights}}},"activations":{activations},"calibration":{{"method":"{method}"}}}}"#
            );
            Recipe::from_json(&json).unwrap()
        },
    )
}

fn apply(graph: &Graph, recipe: &Recipe, seed: u64) -> Graph {
    let mut calibrator = Calibrator::for_method(graph, STRICT.backend, recipe.calibration.method).unwrap();
    calibrator.feed(&images(graph, 4, seed), 4).unwrap();
    quantize(graph, recipe, Some(&calibrator.finish())).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn simulated_plans_compute_the_graph(graph in graph(), recipe in prop_oneof![simulated(), integers()], seed: u64) {
        let quantized = apply(&graph, &recipe, seed ^ 1);
        prop_assert_eq!(packed::read(&packed::write(&quantized)), Ok(quantized.clone()));
        check(&quantized, &images(&graph, 3, seed), 3)?;
    }

    #[test]
    fn wide_sums_are_the_usual_ones(graph in graph(), recipe in integers(), seed: u64, saturate: bool) {
        let plain = apply(&graph, &Recipe { accumulator: None, ..recipe }, seed ^ 1);
        let wide = Graph { accumulator: Some(Accumulator { bits: 32, saturate }), ..plain.clone() };
        let input = images(&graph, 3, seed);
        let mut plan = Plan::compile(&wide, STRICT).unwrap();
        prop_assert_eq!(plan.run(&[&input], 3).unwrap(), Plan::compile(&plain, STRICT).unwrap().run(&[&input], 3).unwrap());
        for (of, step) in plan.take_overflows().iter().zip(plan.steps().iter().filter(|step| step.kernel.contains("conv-u8i8-4x8-"))) {
            prop_assert_eq!((of.step, of.additions, of.overflows), (step.node, 3 * step.macs, 0));
        }
    }

    #[test]
    fn no_method_keeps_more_than_there_is(graph in graph(), seed: u64, images_in_calls in prop::collection::vec(1usize..20, 1..4)) {
        let count = images_in_calls.iter().sum();
        let input = images(&graph, count, seed);
        let len = input.len() / count;
        for method in METHODS {
            let recipe = Recipe::from_json(&format!(r#"{{"calibration":{{"method":"{method}"}},"activations":{{"bits":4}}}}"#)).unwrap();
            let calibrated = |calls: &[usize]| {
                let mut calibrator = Calibrator::for_method(&graph, STRICT.backend, recipe.calibration.method).unwrap();
                let mut first = 0;
                for count in calls {
                    calibrator.feed(&input[first * len..(first + count) * len], *count).unwrap();
                    first += count;
                }
                calibrator.finish()
            };
            let (once, again) = (calibrated(&[count]), calibrated(&images_in_calls));
            prop_assert_eq!(&once, &again, "{}", method);
            let chosen = quantize(&graph, &recipe, Some(&once)).unwrap();
            let minmax = Recipe { calibration: bitdial_protocol::Calibration { method: CalibrationMethod::MinMax, ..recipe.calibration }, ..recipe };
            let whole = quantize(&graph, &minmax, Some(&once)).unwrap();
            for (a, b) in chosen.values.iter().zip(&whole.values) {
                prop_assert!(a.quant.map(|g| g.scale) <= b.quant.map(|g| g.scale), "{method} {}", a.name);
            }
        }
    }
}

/// Weights without an integer kernel, activations with a scale found on each run: the value is simulated, and only there.
#[test]
fn codes_are_multiplied_with_simulated_dynamic_activations() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let recipe = Recipe::from_json(r#"{"weights":{"format":"nf4"},"activations":{"mode":"dynamic","bits":6}}"#).unwrap();
    let mut simulated = 0;
    for seed in 0..60 {
        let graph = graph().new_tree(&mut runner).unwrap().current();
        let quantized = quantize(&graph, &recipe, None).unwrap();
        assert!(quantized.nodes.iter().all(|node| node.dynamic.is_none()));
        simulated += quantized.values.iter().filter(|value| value.simulated.is_some()).count();
        check(&quantized, &images(&graph, 3, seed), 3).unwrap();
    }
    assert!(simulated > 60, "{simulated}");
}

/// 16-bit grids around an integer one: simulated in f32, the numbers are the same.
#[test]
fn simulation_of_an_integer_grid_is_the_integer_grid() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut compared = 0;
    for seed in 0..60 {
        let graph = graph().new_tree(&mut runner).unwrap().current();
        let integers = quantized(&graph, &Recipe::default(), &images(&graph, 4, seed), 4);
        let mut simulated = integers.clone();
        for value in &mut simulated.values {
            value.simulated = value.quant.take().map(|grid| {
                let bitdial_numerics::ActivationParams { scale, zero_point, low, high } = grid;
                let (zero_point, low, high) = (zero_point.into(), low.into(), high.into());
                bitdial_numerics::FakeQuant::Grid(bitdial_numerics::WideGrid { scale, zero_point, low, high })
            });
        }
        let input = images(&graph, 3, seed);
        let run = |graph: &Graph| Plan::compile(graph, STRICT).unwrap().run(&[&input], 3).unwrap();
        for (a, b) in run(&integers).concat().iter().zip(run(&simulated).concat()) {
            // Sums in f32 are rounded, and may fall to the other side of a tie; softmax and such are f32 in both.
            compared += usize::from((a - b).abs() <= 0.05 * a.abs().max(0.1));
            assert!((a - b).abs() <= 0.5 * a.abs().max(1.0), "{a} and {b} of seed {seed}");
        }
    }
    assert!(compared > 500, "{compared}");
}

#[test]
fn what_cannot_be_simulated_is_refused_with_a_reason() {
    let graph = graph().new_tree(&mut proptest::test_runner::TestRunner::deterministic()).unwrap().current();
    let calibrated = |method| {
        let mut calibrator = Calibrator::for_method(&graph, STRICT.backend, method).unwrap();
        calibrator.feed(&images(&graph, 2, 1), 2).unwrap();
        calibrator.finish()
    };
    for (json, reason) in [
        (r#"{"activations":{"granularity":"row"}}"#, "find it on each run: choose dynamic ones"),
        (r#"{"activations":{"format":"codebook"}}"#, "cannot have a codebook"),
        (r#"{"activations":null,"accumulator":{"bits":16}}"#, "choose integer activations too"),
        (r#"{"activations":{"format":"bf16"},"accumulator":{"bits":16}}"#, "are multiplied with activations that are simulated in f32"),
        (r#"{"weights":{"format":"nf4"},"accumulator":{"bits":16}}"#, "have a format without integer kernels"),
        (r#"{"calibration":{"method":"mse"}}"#, "from another calibration method than the recipe's"),
    ] {
        let error = quantize(&graph, &Recipe::from_json(json).unwrap(), Some(&calibrated(CalibrationMethod::MinMax))).unwrap_err();
        assert!(error.to_string().contains(reason), "{json}: {error}");
    }
    // What needs no range needs no calibration; what a histogram serves is every percentile, and min-max.
    let blocks = Recipe::from_json(r#"{"activations":{"format":"mxfp4"}}"#).unwrap();
    assert!(quantize(&graph, &blocks, None).is_ok());
    for method in ["percentile-99.9", "entropy", "minmax"] {
        let recipe = Recipe::from_json(&format!(r#"{{"calibration":{{"method":"{method}"}}}}"#)).unwrap();
        assert!(quantize(&graph, &recipe, Some(&calibrated(CalibrationMethod::Mse))).is_ok(), "{method}");
    }
}

#[test]
fn a_layer_of_32_bits_puts_out_f32() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut found = 0;
    for seed in 0..40 {
        let graph = graph().new_tree(&mut runner).unwrap().current();
        for base in [r#""bits":8"#, r#""format":"e4m3""#] {
            let Some(node) = graph.nodes.iter().find(|node| !graph.outputs.contains(&node.output) && node.op.constant_len() > 0) else {
                continue;
            };
            let json = format!(r#"{{"activations":{{{base}}},"layers":{{"{}":{{"activations":{{"bits":32}}}}}}}}"#, node.name);
            let quantized = apply(&graph, &Recipe::from_json(&json).unwrap(), seed);
            let value = quantized.value(node.output);
            assert_eq!((value.quant, value.simulated), (None, None), "{json}");
            check(&quantized, &images(&graph, 2, seed), 2).unwrap();
            found += 1;
        }
    }
    assert!(found > 20, "{found}");
}

#[test]
fn the_random_recipes_reach_every_kind_of_step() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut reached, mut overflows, mut formats) = (BTreeSet::new(), 0, BTreeSet::new());
    for seed in 0..200 {
        let graph = graph().new_tree(&mut runner).unwrap().current();
        let recipe = prop_oneof![simulated(), integers()].new_tree(&mut runner).unwrap().current();
        let quantized = apply(&graph, &recipe, seed);
        formats.extend(
            quantized.values.iter().filter_map(|v| v.simulated).map(|f| format!("{f:?}").split([' ', '(']).next().unwrap().to_owned()),
        );
        let mut plan = Plan::compile(&quantized, STRICT).unwrap();
        plan.run(&[&images(&graph, 2, seed)], 2).unwrap();
        overflows += plan.take_overflows().iter().map(|o| o.overflows).sum::<u64>();
        for step in plan.steps() {
            let kind = if step.macs > 0 { step.kernel.split('-').next_back().unwrap_or("") } else { "" };
            reached.insert(format!("{kind} {:?}", step.execution));
        }
    }
    for expected in ["saturating Integer", "wrapping Integer", "wrapping DynamicInteger", " Simulated"] {
        assert!(reached.contains(expected), "{expected} of {reached:?}");
    }
    assert!(reached.iter().any(|step| step.contains("decode") && step.ends_with(&format!("{:?}", Execution::Simulated))), "{reached:?}");
    assert_eq!(formats.len(), 6, "{formats:?}");
    assert!(overflows > 0);
}
