//! The pipeline on the small models: what it makes, in which steps, and what each correction is worth.

use std::sync::Arc;

use bitdial_ir::packed;
use bitdial_kernels::Backend;
use bitdial_protocol::{Correction, Recipe};
use bitdial_quant::{Pipeline, QuantError, Samples, Setup, Stage, quantize};

use crate::files::{IMAGE, Model};
use crate::run::calibrated;

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
