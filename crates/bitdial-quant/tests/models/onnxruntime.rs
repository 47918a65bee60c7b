//! Static W8A8, per channel, min-max over all calibration images, against what onnxruntime.quantization makes of the
//! same ONNX file and the same images.

use bitdial_ir::Graph;
use bitdial_protocol::{Calibration, Recipe};
use bitdial_quant::quantize;
use serde::Deserialize;

use crate::files::{IMAGE, Model, bytes};
use crate::run::{calibrated, percent_equal, predictions};

#[derive(Deserialize)]
struct Facts {
    calibration_images: u32,
    predictions: String,
    accuracy: f64,
    activations: Vec<Activation>,
}

#[derive(Deserialize)]
struct Activation {
    tensor: String,
    scale: f32,
    zero_point: u8,
}

#[test]
fn w8a8_agrees_with_onnxruntime() {
    for model in Model::all() {
        let facts: Facts = serde_json::from_slice(&bytes(&format!("tests/fixtures/qdq/{}.json", model.name))).unwrap();
        let theirs = bytes(&format!("tests/fixtures/qdq/{}", facts.predictions));
        let calibration = Calibration { samples: facts.calibration_images, ..Calibration::default() };
        let calibration_images = model.images("calib");
        let ranges = calibrated(&model.graph, &calibration_images, calibration_images.len() / IMAGE);
        let quantized = quantize(&model.graph, &Recipe { calibration, ..Recipe::default() }, Some(&ranges)).unwrap();

        check_grids(&quantized, &facts.activations);
        let ours = predictions(&quantized, &model.images("t10k"));
        let accuracy = percent_equal(&ours, &model.labels("t10k"));
        let agreement = percent_equal(&ours, &theirs);
        let theirs = 100.0 * facts.accuracy;
        println!("{}: {accuracy:.2} %, onnxruntime {theirs:.2} %, {agreement:.2} % of the predictions equal", model.name);
        assert!((accuracy - theirs).abs() <= 0.2, "{}: {accuracy} and {theirs}", model.name);
        assert!(agreement >= 98.5, "{}: {agreement}", model.name);
    }
}

/// Both put the same grids on the same activations. onnxruntime has two more: on the logits, and on what Flatten reads,
/// which here is one value with what it writes.
fn check_grids(quantized: &Graph, theirs: &[Activation]) {
    let mut compared = 0;
    for their in theirs {
        let Some(ours) = quantized.values.iter().find(|v| v.name == their.tensor).and_then(|v| v.quant) else { continue };
        assert_eq!(ours.zero_point, their.zero_point, "{}", their.tensor);
        assert!((ours.scale / their.scale - 1.0).abs() < 1e-5, "{}: {} and {}", their.tensor, ours.scale, their.scale);
        compared += 1;
    }
    assert!(compared + 2 >= theirs.len(), "{compared} of {}", theirs.len());
}
