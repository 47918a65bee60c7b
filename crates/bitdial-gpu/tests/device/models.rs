//! The models, quantized, on the device and on the reference.

use std::path::Path;
use std::sync::Arc;

use bitdial_engine::Images;
use bitdial_gpu::Options;
use bitdial_ir::Graph;
use bitdial_kernels::Backend;
use bitdial_protocol::{Bits, Granularity, Normalize, Recipe};

use super::compare::{check, reference};
use super::gpu;

const UNIT: Normalize = Normalize { mean: 0.0, std: 255.0 };

fn file(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn images(set: &str, part: &str) -> Arc<Images> {
    let read = |kind| file(&format!("assets/{set}/{part}-{kind}-ubyte.gz"));
    Arc::new(Images::from_idx(&read("images-idx3"), &read("labels-idx1"), UNIT).unwrap())
}

fn quantized(name: &str, recipe: &Recipe, calibration: &Arc<Images>) -> Graph {
    let model = bitdial_lab::Model::load(&file(&format!("models/{name}.onnx")), Backend::best()).unwrap();
    model.quantizer(recipe, Some(Arc::clone(calibration))).unwrap().finish().unwrap().graph().clone()
}

fn recipe(bits: u8, granularity: Granularity) -> Recipe {
    let mut recipe = Recipe::default();
    recipe.weights.bits = Bits::new(bits).unwrap();
    recipe.weights.granularity = granularity;
    recipe.calibration.samples = 32;
    recipe
}

/// Compares a quantized model on so many test images.
fn compare(name: &str, set: &str, part: &str, recipe: &Recipe, count: usize, options: Options) {
    let graph = quantized(name, recipe, &images(set, "calib"));
    let input = images(set, part).inputs(0..count).unwrap();
    let expected = reference(&graph, &[&input], count, true);
    let values = check(&gpu(), &graph, options, &[&input], count, &expected).unwrap_or_else(|e| panic!("{name} {recipe:?}: {e}"));
    println!(
        "{name}, weights of {} bits per {:?}: {values} values of {count} images equal",
        recipe.weights.bits, recipe.weights.granularity
    );
}

#[test]
fn digits_are_equal() {
    for bits in [8, 4] {
        for granularity in [Granularity::Channel, Granularity::Tensor] {
            compare("digits", "mnist", "t10k", &recipe(bits, granularity), 20, Options { batch: 16, ..Options::default() });
        }
    }
}
