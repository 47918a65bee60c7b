//! The models, quantized, on the device and on the reference.

use std::path::Path;
use std::sync::Arc;

use bitdial_engine::Images;
use bitdial_gpu::Options;
use bitdial_ir::Graph;
use bitdial_kernels::Backend;
use bitdial_protocol::{ActivationMode, ActivationScheme, Bits, Granularity, Normalize, Recipe};

use super::compare::check;
use super::gpu;

const UNIT: Normalize = Normalize { mean: 0.0, std: 255.0 };

pub fn file(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn images(set: &str, part: &str) -> Arc<Images> {
    let read = |kind| file(&format!("assets/{set}/{part}-{kind}-ubyte.gz"));
    Arc::new(Images::from_idx(&read("images-idx3"), &read("labels-idx1"), UNIT).unwrap())
}

pub fn quantized(name: &str, recipe: &Recipe, calibration: &Arc<Images>) -> Graph {
    let model = bitdial_lab::Model::load(&file(&format!("models/{name}.onnx")), Backend::best()).unwrap();
    model.quantizer(recipe, Some(Arc::clone(calibration))).unwrap().finish().unwrap().graph().clone()
}

pub fn recipe(bits: u8, granularity: Granularity) -> Recipe {
    let mut recipe = Recipe::default();
    recipe.weights.bits = Bits::new(bits).unwrap();
    recipe.weights.granularity = granularity;
    recipe.calibration.samples = 32;
    recipe
}

/// Compares a quantized model on so many test images: every value, and so every prediction.
fn compare(name: &str, set: &str, part: &str, recipe: &Recipe, count: usize, options: Options) {
    let graph = quantized(name, recipe, &images(set, "calib"));
    let input = images(set, part).inputs(0..count).unwrap();
    let (values, _) = check(&gpu(), &graph, options, &input, count).unwrap_or_else(|e| panic!("{name} {recipe:?}: {e}"));
    println!(
        "{name}, weights of {} bits per {:?}: {values} values of {count} images equal",
        recipe.weights.bits, recipe.weights.granularity
    );
}

/// 8 and 4 bits, a scale for each channel and for each layer.
fn widths(name: &str, set: &str, count: usize) {
    for bits in [8, 4] {
        for granularity in [Granularity::Channel, Granularity::Tensor] {
            compare(name, set, "t10k", &recipe(bits, granularity), count, Options { batch: 64, ..Options::default() });
        }
    }
}

#[test]
fn digits_are_equal() {
    widths("digits", "mnist", 150);
}

#[test]
fn fashion_resnet_is_equal() {
    widths("fashion-resnet", "fashion-mnist", 100);
}

#[test]
fn fashion_mobilenet_is_equal() {
    widths("fashion-mobilenet", "fashion-mnist", 100);
}

#[test]
fn other_schemes_are_equal() {
    let compare =
        |recipe: &Recipe| compare("fashion-mobilenet", "fashion-mnist", "t10k", recipe, 20, Options { batch: 16, ..Options::default() });
    for bits in [1, 2, 3, 6] {
        compare(&recipe(bits, Granularity::Channel));
    }
    for (bits, granularity) in [(8, Granularity::Channel), (4, Granularity::Group)] {
        for activations in [Some(ActivationMode::Static), Some(ActivationMode::Dynamic), None] {
            let mut recipe = recipe(bits, granularity);
            recipe.weights.symmetric = bits == 8;
            recipe.activations = activations.map(|mode| ActivationScheme { mode, ..ActivationScheme::default() });
            compare(&recipe);
        }
    }
}

/// Quantized on one photo, run on two: it is the shapes that matter here.
#[test]
fn efficientnet_is_equal() {
    let model = bitdial_lab::Model::load(&file("models/efficientnet-lite0.onnx"), Backend::best()).unwrap();
    let len = 3 * 224 * 224;
    // Stripes and a gradient: as good as any picture for integers.
    let input: Vec<f32> = (0..2 * len).map(|i| ((i % 224) as f32 / 112.0 - 1.0) * if i / 1000 % 3 == 0 { 0.9 } else { -0.4 }).collect();
    for bits in [8, 4] {
        let graph =
            model.quantizer_with(&recipe(bits, Granularity::Channel), input[..len].to_vec()).unwrap().finish().unwrap().graph().clone();
        let (values, _) = check(&gpu(), &graph, Options { batch: 2, ..Options::default() }, &input, 2).unwrap_or_else(|e| panic!("{e}"));
        println!("efficientnet-lite0, weights of {bits} bits: {values} values of 2 images equal");
    }
}
