//! The pipeline on the small models: what it makes, in which steps, and what each correction is worth.

use std::sync::Arc;

use bitdial_ir::{Graph, packed};
use bitdial_kernels::Backend;
use bitdial_protocol::{ActivationMode, ActivationScheme, Bits, Correction, Granularity, Recipe};
use bitdial_quant::{Outcome, Pipeline, QuantError, Samples, Setup, Stage, quantize};

use crate::files::{IMAGE, Model};
use crate::run::{calibrated, logits, percent_equal, predictions};

/// Images of a set, one after the other.
#[derive(Debug)]
pub struct Given(pub Vec<f32>);

impl Samples for Given {
    fn count(&self) -> usize {
        self.0.len() / IMAGE
    }

    fn batch(&self, first: usize, count: usize) -> Vec<f32> {
        self.0[first * IMAGE..(first + count) * IMAGE].to_vec()
    }
}

fn setup(model: &Model, images: &[f32]) -> Setup {
    let samples: Box<dyn Samples> = Box::new(Given(images.to_vec()));
    Setup { backend: Backend::Scalar, samples: Some(samples), ranges: None, normalized: model.normalized.clone() }
}

#[test]
fn without_corrections_it_calibrates_and_quantizes() {
    let model = Model::named("digits");
    let images = &model.images("calib")[..40 * IMAGE];
    let (graph, recipe) = (Arc::new(model.graph.clone()), Recipe::default());
    let ranges = calibrated(&graph, images, 40);
    let expected = packed::write(&quantize(&graph, &recipe, Some(&ranges)).unwrap());
    let mut pipeline = Pipeline::new(&graph, &recipe, setup(&model, images)).unwrap();
    let mut seen = Vec::new();
    while !pipeline.is_done() {
        let progress = pipeline.step(15).unwrap();
        seen.push((progress.stage.name(), progress.done, progress.total));
    }
    assert_eq!(seen, [("calibrating", 15, 40), ("calibrating", 30, 40), ("calibrating", 40, 40), ("quantizing", 1, 1)]);
    let outcome = pipeline.finish().unwrap();
    assert_eq!(packed::write(&outcome.graph), expected);
    assert_eq!((outcome.ranges.as_deref(), outcome.rescaled), (Some(&ranges), false));
    assert!(Arc::ptr_eq(&outcome.reference, &graph) && outcome.reports.is_empty());
    // With ranges that are known there is nothing to look at.
    let known = Setup { samples: None, ranges: outcome.ranges, ..setup(&model, images) };
    let pipeline = Pipeline::new(&graph, &recipe, known).unwrap();
    assert_eq!(pipeline.stages().collect::<Vec<_>>(), [Stage::Quantizing]);
    assert_eq!(packed::write(&pipeline.finish().unwrap().graph), expected);
}

#[test]
fn images_that_are_missing_are_asked_for() {
    let model = Model::named("digits");
    let graph = Arc::new(model.graph.clone());
    let begin = |recipe: &Recipe| Pipeline::new(&graph, recipe, setup(&model, &[])).map(|_| ()).unwrap_err();
    assert_eq!(begin(&Recipe::default()), QuantError::NotCalibrated);
    let recipe = Recipe { activations: None, corrections: vec![Correction::Bias], ..Recipe::default() };
    assert!(begin(&recipe).to_string().contains("'bias' needs calibration images"));
}

#[test]
fn layers_with_a_batch_norm_are_known() {
    let names = Model::all().into_iter().map(|model| (model.normalized.len(), model.graph.nodes.len()));
    assert_eq!(names.map(|(normalized, _)| normalized).collect::<Vec<_>>(), [5, 9, 11]);
}

fn recipe(bits: u8, corrections: &[Correction]) -> Recipe {
    let mut recipe = Recipe { corrections: corrections.to_vec(), ..Recipe::default() };
    recipe.weights.bits = Bits::new(bits).unwrap();
    recipe
}

fn finished(model: &Model, recipe: &Recipe, images: &[f32]) -> Outcome {
    Pipeline::new(&Arc::new(model.graph.clone()), recipe, setup(model, images)).unwrap().finish().unwrap()
}

#[test]
fn bytes_do_not_depend_on_the_size_of_steps() {
    let model = Model::named("digits");
    let images = &model.images("calib")[..20 * IMAGE];
    for correction in [Correction::Bias, Correction::Bn] {
        let recipe = recipe(3, &[correction]);
        let graph = Arc::new(model.graph.clone());
        let by = |step: usize| {
            let mut pipeline = Pipeline::new(&graph, &recipe, setup(&model, images)).unwrap();
            while !pipeline.is_done() {
                let progress = pipeline.step(step).unwrap();
                assert!(progress.done <= progress.total && progress.done > 0, "{progress:?}");
            }
            packed::write(&pipeline.finish().unwrap().graph)
        };
        assert_eq!(by(1), by(7), "{correction:?}");
        assert_eq!(by(1), by(1000), "{correction:?}");
    }
}

#[test]
fn means_of_the_outputs_are_those_of_f32_after_bias_correction() {
    let model = Model::named("digits");
    let images = &model.images("calib")[..64 * IMAGE];
    let means = |graph: &Graph| {
        let logits = logits(graph, images, 64);
        (0..10).map(|c| logits[c..].iter().step_by(10).map(|&x| f64::from(x)).sum::<f64>() / 64.0).collect::<Vec<_>>()
    };
    let off = |graph: &Graph| means(graph).iter().zip(means(&model.graph)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let dynamic = ActivationScheme { mode: ActivationMode::Dynamic, ..ActivationScheme::default() };
    for activations in [Recipe::default().activations, Some(dynamic), None] {
        let plain = finished(&model, &Recipe { activations, ..recipe(3, &[]) }, images);
        let outcome = finished(&model, &Recipe { activations, ..recipe(3, &[Correction::Bias]) }, images);
        assert!(off(&plain.graph) > 0.1, "{}", off(&plain.graph));
        assert!(off(&outcome.graph) < 1e-4, "{}", off(&outcome.graph));
        let [report] = &outcome.reports[..] else { panic!("{:?}", outcome.reports) };
        assert_eq!((report.correction, report.entries.len()), (Correction::Bias, 6));
        assert!(report.entries.iter().all(|e| e.before > 0.0 && e.after < 1e-6), "{report:?}");
    }
}

/// The share of the first test images that a graph gets right, in percent.
fn accuracy(model: &Model, graph: &Graph) -> f64 {
    const COUNT: usize = 500;
    percent_equal(&predictions(graph, &model.images("first")[..COUNT * IMAGE]), &model.labels("first")[..COUNT])
}

#[test]
fn corrections_of_channels_bring_accuracy_back() {
    let model = Model::named("fashion-mobilenet");
    let images = model.images("calib")[..64 * IMAGE].to_vec();
    let f32 = accuracy(&model, &model.graph);
    let of = |corrections: &[Correction]| accuracy(&model, &finished(&model, &recipe(3, corrections), &images).graph);
    let (plain, bias, bn) = (of(&[]), of(&[Correction::Bias]), of(&[Correction::Bn]));
    println!("f32 {f32}, 3 bits {plain}, with bias {bias}, with bn {bn}");
    assert!(plain < f32 - 4.0 && bias > f32 - 3.0 && bn > f32 - 3.0, "{f32} {plain} {bias} {bn}");
}

#[test]
fn equalization_brings_back_what_one_scale_per_layer_loses() {
    let model = Model::named("fashion-mobilenet");
    let images = model.images("calib")[..64 * IMAGE].to_vec();
    let mut recipe = recipe(5, &[]);
    recipe.weights.granularity = Granularity::Tensor;
    let plain = accuracy(&model, &finished(&model, &recipe, &images).graph);
    recipe.corrections = vec![Correction::Cle];
    let outcome = finished(&model, &recipe, &images);
    let [f32, rescaled, cle] = [&model.graph, &*outcome.reference, &outcome.graph].map(|graph| accuracy(&model, graph));
    println!("f32 {f32}, equalized {rescaled}, 5 bits {plain}, equalized {cle}");
    assert!(rescaled > f32 - 0.3 && plain < f32 - 20.0 && cle > (f32 + plain) / 2.0, "{f32} {rescaled} {plain} {cle}");
    let first = outcome.reports[0].entries.iter().find(|e| e.layer == "/1/1.0/1.0.0/Conv").unwrap();
    // As the model's card says.
    assert!((first.before - 415.0).abs() < 1.0 && first.after < 5.0, "{first:?}");
}

#[test]
fn a_model_without_clips_computes_the_same_when_it_is_equalized() {
    for (name, pairs) in [("digits", 5), ("fashion-resnet", 3)] {
        let model = Model::named(name);
        let images = model.images("calib")[..16 * IMAGE].to_vec();
        let before = logits(&model.graph, &images, 16);
        for correction in [Correction::Cle, Correction::Smooth] {
            let outcome = finished(&model, &recipe(8, &[correction]), &images);
            assert!(outcome.rescaled && outcome.reports[0].summary.contains(&format!("between {pairs} pairs")), "{:?}", outcome.reports);
            let after = logits(&outcome.reference, &images, 16);
            assert!(before.iter().zip(after).all(|(old, new)| (old - new).abs() < 1e-3), "{name}, {correction:?}");
        }
    }
}
