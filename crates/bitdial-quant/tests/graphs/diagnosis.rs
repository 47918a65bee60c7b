//! Diagnoses of random graphs: their short cuts through a graph give what whole runs of isolated layers give.

use std::sync::Arc;

use bitdial_ir::{Graph, packed};
use bitdial_kernels::Backend;
use bitdial_protocol::Isolation;
use bitdial_quant::{Diagnoser, QuantError, isolate};
use bitdial_runtime::{Options, Plan};
use proptest::prelude::*;

use crate::generate::{graph, images};
use crate::random::{quantized, recipe};

const IMAGES: usize = 3;

fn run(graph: &Graph, input: &[f32]) -> Vec<f32> {
    let mut plan = Plan::compile(graph, Options { backend: Backend::Scalar, strict: true }).unwrap();
    plan.run(&[input], IMAGES).unwrap().concat()
}

/// Signal to noise, dB.
fn sqnr(are: &[f32], should: &[f32]) -> Option<f32> {
    let square = |x: f32| f64::from(x) * f64::from(x);
    let signal: f64 = should.iter().map(|&x| square(x)).sum();
    let noise: f64 = are.iter().zip(should).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    (signal > 0.0 && noise > 0.0).then(|| (10.0 * (signal / noise).log10()) as f32)
}

fn close(a: Option<f32>, b: Option<f32>) -> bool {
    a.zip(b).map_or(a == b, |(a, b)| (a - b).abs() < 1e-2)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_diagnosis_is_what_whole_runs_say(graph in graph(), recipe in recipe(), seed: u64) {
        let input = images(&graph, IMAGES, seed);
        let now = quantized(&graph, &recipe, &images(&graph, 4, seed ^ 1), 4);
        let should = run(&graph, &input);
        let diagnoser = Diagnoser::new(Arc::new(graph.clone()), Arc::new(now.clone()), input.clone(), IMAGES, Backend::Scalar).unwrap();
        let found = diagnoser.finish().unwrap();
        prop_assert!(close(found.output, sqnr(&run(&now, &input), &should)));
        for layer in &found.layers {
            for (isolation, db) in [(Isolation::Only, layer.only), (Isolation::UpTo, layer.up_to)] {
                let alone = isolate(&graph, &now, &layer.name, isolation).unwrap();
                let expected = sqnr(&run(&alone, &input), &should);
                prop_assert!(close(db, expected), "{} {isolation:?}: {db:?}, {expected:?}", layer.name);
            }
            let except = isolate(&graph, &now, &layer.name, Isolation::Except).unwrap();
            prop_assert_eq!(packed::read(&packed::write(&except)), Ok(except.clone()));
            prop_assert!(except != now, "{}", layer.name);
            for tensor in layer.weights.iter().chain(&layer.activations) {
                let shares = [tensor.clipped, tensor.zeroed];
                prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)) && tensor.range_ratio >= 1.0, "{tensor:?}");
                prop_assert!(tensor.grid.is_sorted_by(|a, b| a < b) && tensor.low <= tensor.high);
            }
        }
        // Whatever a recipe quantizes is some layer's.
        let last = found.layers.last();
        prop_assert!(close(last.map_or(found.output, |layer| layer.up_to), found.output));
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut one = || proptest::strategy::ValueTree::current(&graph().new_tree(&mut runner).unwrap());
    let (graph, mut other) = (Arc::new(one()), one());
    other.nodes[0].name = "another".into();
    let input = images(&graph, IMAGES, 1);
    let new =
        |quantized: Graph, images| Diagnoser::new(Arc::clone(&graph), Arc::new(quantized), input.clone(), images, Backend::Scalar).err();
    assert_eq!(new(other, IMAGES), Some(QuantError::OtherModel));
    let each = graph.value(graph.inputs[0]).len();
    for images in [0, IMAGES + 1, usize::MAX] {
        assert_eq!(new((*graph).clone(), images), Some(QuantError::Images { images, len: input.len(), each }));
    }
    assert_eq!(new((*graph).clone(), IMAGES), None);
    let missing = isolate(&graph, &graph, "no such layer", Isolation::Only);
    assert!(matches!(missing, Err(QuantError::UnknownLayer { .. })));
}
