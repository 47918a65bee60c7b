//! Scales by calibration method, against onnxruntime's calibrators on the same activations of the same images.

use std::collections::BTreeMap;

use bitdial_kernels::Backend;
use bitdial_protocol::Recipe;
use bitdial_quant::{Calibrator, quantize};
use serde::Deserialize;

use crate::files::{IMAGE, Model, bytes};

#[derive(Deserialize)]
struct Facts {
    images: usize,
    tensors: Vec<Tensor>,
}

#[derive(Deserialize)]
struct Tensor {
    tensor: String,
    /// Smallest and largest number that is kept, by method.
    ranges: BTreeMap<String, [f32; 2]>,
    /// Whether its histogram has, by rounding, the number 0 on the wrong side.
    zeros_left: bool,
}

#[test]
fn scales_are_those_of_onnxruntime() {
    for model in Model::all().into_iter().filter(|model| model.name.starts_with("fashion")) {
        let facts: Facts = serde_json::from_slice(&bytes(&format!("tests/fixtures/calibration/{}.json", model.name))).unwrap();
        let images = model.images("calib");
        let input = &images[..facts.images * IMAGE];
        for (method, bound) in [
            ("minmax", 1e-5),
            ("percentile-99", 0.02),
            ("percentile-99.9", 0.02),
            ("percentile-99.99", 0.02),
            ("percentile-99.999", 0.02),
            ("entropy", 0.02),
        ] {
            let recipe = Recipe::from_json(&format!(r#"{{"calibration":{{"method":"{method}"}}}}"#)).unwrap();
            let mut calibrator = Calibrator::for_method(&model.graph, Backend::Scalar, recipe.calibration.method).unwrap();
            // Calls of several sizes: they do not matter.
            for part in input.chunks(7 * IMAGE) {
                calibrator.feed(part, part.len() / IMAGE).unwrap();
            }
            let quantized = quantize(&model.graph, &recipe, Some(&calibrator.finish())).unwrap();
            let (mut compared, mut worst) = (0, 0.0f32);
            for their in &facts.tensors {
                let Some(ours) = quantized.values.iter().find(|v| v.name == their.tensor).and_then(|v| v.quant) else { continue };
                if method == "entropy" && their.zeros_left {
                    continue;
                }
                let [low, high] = their.ranges[method];
                let scale = (high.max(0.0) - low.min(0.0)) / 255.0;
                let ratio = ours.scale / scale - 1.0;
                assert!(ratio.abs() <= bound, "{} {}: {method} {} and {scale}", model.name, their.tensor, ours.scale);
                worst = worst.max(ratio.abs());
                compared += 1;
            }
            println!("{} {method}: {compared} scales, the farthest off by {:.5} %", model.name, 100.0 * worst);
            assert!(compared >= 6, "{compared} tensors have the same name");
        }
    }
}
