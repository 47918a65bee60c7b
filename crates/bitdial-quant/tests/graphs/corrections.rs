//! Corrections on random graphs: what equalization leaves alone, and that bytes do not depend on the steps.

use std::sync::Arc;

use bitdial_ir::{Activation, Graph, Op, packed};
use bitdial_kernels::Backend;
use bitdial_protocol::{Correction, Recipe};
use bitdial_quant::{Outcome, Pipeline, Samples, Setup};
use bitdial_runtime::{Options, Plan};
use proptest::prelude::*;

use crate::generate::{graph, images};
use crate::random::recipe;

#[derive(Debug)]
struct Given(Vec<f32>, usize);

impl Samples for Given {
    fn count(&self) -> usize {
        self.0.len() / self.1
    }

    fn batch(&self, first: usize, count: usize) -> Vec<f32> {
        self.0[first * self.1..(first + count) * self.1].to_vec()
    }
}

fn finished(graph: &Graph, recipe: &Recipe, samples: &[f32], step: usize) -> Outcome {
    let len = graph.value(graph.inputs[0]).len();
    let normalized = graph.nodes.iter().map(|node| node.name.clone()).collect();
    let setup = Setup { backend: Backend::Scalar, samples: Some(Box::new(Given(samples.to_vec(), len))), ranges: None, normalized };
    let mut pipeline = Pipeline::new(&Arc::new(graph.clone()), recipe, setup).unwrap();
    while !pipeline.is_done() {
        let progress = pipeline.step(step).unwrap();
        assert!((1..=progress.total).contains(&progress.done), "{progress:?}");
    }
    pipeline.finish().unwrap()
}

fn outputs(graph: &Graph, images: &[f32], count: usize) -> Vec<f32> {
    Plan::compile(graph, Options { backend: Backend::Scalar, strict: true }).unwrap().run(&[images], count).unwrap().concat()
}

fn clips(graph: &Graph) -> bool {
    graph.nodes.iter().any(|node| matches!(node.activation, Activation::Clip(..)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 500, ..ProptestConfig::default() })]

    #[test]
    fn equalization_keeps_what_f32_computes(graph in graph(), seed: u64, correction in prop::sample::select(vec![Correction::Cle, Correction::Smooth])) {
        let samples = images(&graph, 5, seed);
        let outcome = finished(&graph, &Recipe { corrections: vec![correction], ..Recipe::default() }, &samples, 2);
        let absorbed = outcome.reports[0].summary.contains("high biases");
        if !clips(&graph) && !absorbed {
            let (old, new) = (outputs(&graph, &samples, 5), outputs(&outcome.reference, &samples, 5));
            let most = old.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            for (old, new) in old.iter().zip(new) {
                prop_assert!((old - new).abs() <= 1e-3 * most, "{old} {new} of {most}");
            }
        }
        // What it reports changed, and nothing else.
        let changed = graph.nodes.iter().zip(&outcome.reference.nodes).filter(|(old, new)| old.op != new.op).map(|(old, _)| &old.name);
        let reported = outcome.reports[0].entries.iter().filter(|e| e.figure.contains("weight range")).map(|e| &e.layer);
        prop_assert_eq!(changed.collect::<Vec<_>>(), reported.collect::<Vec<_>>());
    }

    #[test]
    fn corrected_graphs_run_and_do_not_depend_on_the_steps(graph in graph(), recipe in recipe(), seed: u64, which in 0usize..5) {
        use Correction::{Bias, Bn, Cle, Smooth};
        let corrections = [&[Bias][..], &[Bn], &[Cle, Bias], &[Smooth, Bn, Bias], &[Cle, Smooth]][which].to_vec();
        let recipe = Recipe { corrections, ..recipe };
        let samples = images(&graph, 5, seed);
        let outcome = finished(&graph, &recipe, &samples, 1);
        let again = finished(&graph, &recipe, &samples, 3);
        prop_assert_eq!(packed::write(&outcome.graph), packed::write(&again.graph));
        prop_assert_eq!(&outcome.reports, &again.reports);
        prop_assert_eq!(outcome.reports.len(), recipe.corrections.len());
        prop_assert!(outputs(&outcome.graph, &samples, 5).iter().all(|x| x.is_finite()));
        // Weights of the reference are in f32, layer by layer those of the result.
        for (from, to) in outcome.reference.nodes.iter().zip(&outcome.graph.nodes) {
            prop_assert_eq!(&from.name, &to.name);
            if let (Op::Conv(from), Op::Conv(to)) = (&from.op, &to.op) {
                prop_assert_eq!(from.weights.len(), to.weights.len());
            }
        }
    }
}
