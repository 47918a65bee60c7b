//! Mixed precision of a small model: what is measured, and what is predicted of the result.

use std::sync::Arc;

use bitdial_ir::{Graph, Op, packed};
use bitdial_kernels::Backend;
use bitdial_protocol::{Bits, Budget, Frontier, Isolation, LayerSensitivity, Recipe, WeightScheme};
use bitdial_quant::{Measured, Refining, Sensitivity, TrialImages, Trials, Variant, isolate, quantize};

use crate::files::{IMAGE, Model};
use crate::run::logits;

const IMAGES: usize = 16;
const WIDTHS: [u8; 3] = [2, 4, 8];

fn uniform_recipe(bits: u8) -> Recipe {
    let weights = WeightScheme { bits: Bits::new(bits).unwrap(), ..WeightScheme::default() };
    Recipe { weights, activations: None, ..Recipe::default() }
}

fn digits() -> (Arc<Graph>, Vec<f32>) {
    let model = Model::all().into_iter().find(|model| model.name == "digits").unwrap();
    let images = model.images("calib")[..IMAGES * IMAGE].to_vec();
    (Arc::new(model.graph), images)
}

fn variants(graph: &Arc<Graph>) -> Vec<Variant> {
    WIDTHS.map(|bits| Variant { bits, graph: quantize(graph, &uniform_recipe(bits), None).unwrap() }).to_vec()
}

fn measured(graph: &Arc<Graph>, images: &[f32], unbiased: bool) -> Vec<LayerSensitivity> {
    Sensitivity::new(Arc::clone(graph), variants(graph), unbiased, images.to_vec(), IMAGES, Backend::Scalar).unwrap().finish().unwrap()
}

/// The mean Kullback-Leibler divergence of the softmax, from its definition.
fn divergence(should: &[f32], are: &[f32]) -> f64 {
    let softmax = |logits: &[f32]| {
        let exp: Vec<f64> = logits.iter().map(|&x| f64::from(x).exp()).collect();
        let sum: f64 = exp.iter().sum();
        exp.into_iter().map(|e| e / sum).collect::<Vec<_>>()
    };
    let image = |(p, q): (&[f32], &[f32])| softmax(p).iter().zip(softmax(q)).map(|(p, q)| p * (p / q).ln()).sum::<f64>();
    should.chunks(10).zip(are.chunks(10)).map(image).sum::<f64>() / IMAGES as f64
}

#[test]
fn losses_are_those_of_whole_runs() {
    let (graph, images) = digits();
    let should = logits(&graph, &images, IMAGES);
    let layers = measured(&graph, &images, false);
    assert_eq!(layers.len(), graph.nodes.iter().filter(|node| matches!(node.op, Op::Conv(_) | Op::Linear(_))).count());
    for layer in &layers {
        assert_eq!(layer.options.iter().map(|option| option.bits).collect::<Vec<_>>(), WIDTHS);
        for option in &layer.options {
            let quantized = quantize(&graph, &uniform_recipe(option.bits), None).unwrap();
            let alone = isolate(&graph, &quantized, &layer.name, Isolation::Only).unwrap();
            let expected = divergence(&should, &logits(&alone, &images, IMAGES));
            assert!((f64::from(option.loss) - expected).abs() < 1e-4 * expected + 1e-7, "{} {option:?}: {expected}", layer.name);
        }
    }
    // Without the shift of the means, narrow weights lose less.
    let at_two_bits = |layers: &[LayerSensitivity]| layers.iter().map(|layer| layer.options[0].loss).sum::<f32>();
    let unbiased = measured(&graph, &images, true);
    assert!(at_two_bits(&unbiased) < at_two_bits(&layers), "{unbiased:?}");
}

#[test]
fn allocations_are_as_large_as_predicted() {
    let (graph, images) = digits();
    let layers = measured(&graph, &images, false);
    let base = uniform_recipe(4);
    let size = |recipe: &Recipe| packed::write(&quantize(&graph, recipe, None).unwrap()).len();
    let rest = size(&base) - layers.iter().map(|layer| layer.options[1].bytes).sum::<usize>();
    let measured = Measured { layers: &layers, rest };
    let chosen = measured.allocate(Budget::Bits(4.0)).unwrap();
    let uniform = measured.uniform(4).unwrap();
    assert!(chosen.bits <= 4.0 && chosen.loss <= uniform.loss, "{chosen:?}");
    let points = measured.frontier();
    let frontier = Frontier { images: IMAGES, run_images: 0, layers: layers.clone(), points: Vec::new(), uniform: None, chosen: None };
    for point in points.iter().step_by(9).chain([&chosen, &uniform]) {
        assert_eq!(size(&frontier.recipe(point, &base)), point.bytes, "{point:?}");
    }
    let within = measured.allocate(Budget::Bytes(chosen.bytes)).unwrap();
    assert!(within.bytes <= chosen.bytes && within.loss <= chosen.loss, "{within:?}");
}

/// What a search with a budget finds, of a model that takes 1000 bytes beside its layers.
fn refined(graph: &Arc<Graph>, images: &[f32], unbiased: bool, budget: Budget) -> Frontier {
    let layers = Arc::new(measured(graph, images, unbiased));
    let images = TrialImages { input: images.to_vec(), count: IMAGES, labels: Vec::new() };
    let trials = |images| Trials::new(graph, variants(graph), unbiased, images, Backend::Scalar).unwrap();
    let scouts = trials(images.first(IMAGES / 2));
    let mut refining = Refining::new(layers, 1000, budget, trials(images), scouts);
    let (mut done, most) = refining.progress();
    while refining.step().unwrap() {
        let progress = refining.progress();
        assert!(progress.0 == done + 1 && progress.0 < progress.1, "{progress:?} of {most}");
        done = progress.0;
    }
    refining.finish(IMAGES).unwrap()
}

#[test]
fn what_is_chosen_was_run_and_is_not_worse_than_uniform() {
    let (graph, images) = digits();
    let should = logits(&graph, &images, IMAGES);
    for unbiased in [false, true] {
        for budget in [Budget::Bits(2.0), Budget::Bits(4.0), Budget::Bytes(20_000)] {
            let found = refined(&graph, &images, unbiased, budget);
            let (uniform, chosen) = (found.uniform.clone().unwrap(), found.chosen.clone().unwrap());
            let loss = chosen.measured.unwrap().loss;
            assert!(loss <= uniform.measured.unwrap().loss, "{budget:?}: {uniform:?} {chosen:?}");
            match budget {
                Budget::Bits(bits) => assert!(chosen.bits <= bits && uniform.bits == bits, "{chosen:?}"),
                Budget::Bytes(bytes) => assert!(chosen.bytes <= bytes && uniform.bytes <= bytes, "{chosen:?}"),
                Budget::Drop(_) => {}
            }
            if unbiased {
                continue;
            }
            let mixed = quantize(&graph, &found.recipe(&chosen, &uniform_recipe(8)), None).unwrap();
            let expected = divergence(&should, &logits(&mixed, &images, IMAGES)) as f32;
            assert!((loss - expected).abs() <= 1e-4 * expected + 1e-7, "{loss} {expected}");
        }
    }
    assert_eq!(refined(&graph, &images, false, Budget::Bytes(1)).chosen, None);
}

#[test]
fn a_budget_of_accuracy_is_kept_by_the_smallest_that_was_run() {
    let (graph, images) = digits();
    let mut before = usize::MAX;
    for drop in [0.0, 10.0, 30.0] {
        let found = refined(&graph, &images, false, Budget::Drop(drop));
        let (uniform, chosen) = (found.uniform.unwrap(), found.chosen.unwrap());
        assert!(chosen.measured.unwrap().drop <= drop && chosen.bytes <= uniform.bytes && chosen.bytes <= before, "{chosen:?}");
        assert!(found.points.iter().any(|point| point.measured.is_some()));
        before = chosen.bytes;
    }
    assert_eq!(refined(&graph, &images, false, Budget::Drop(-1.0)).chosen, None);
}
