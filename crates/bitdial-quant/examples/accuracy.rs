//! Prints the accuracy of the small models under a few recipes.
//!
//! usage: `cargo run --release -p bitdial-quant --example accuracy [images]`

#[path = "../tests/models/files.rs"]
mod files;
#[path = "../tests/models/run.rs"]
mod run;

use bitdial_protocol::{ActivationMode, ActivationScheme, Bits, Granularity, Recipe, WeightScheme};
use bitdial_quant::{draw_samples, quantize};
use files::{IMAGE, Model};
use run::{calibrated, percent_equal, predictions};

fn main() {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(10_000);
    for model in Model::all() {
        let (images, labels) = (model.images("t10k"), model.labels("t10k"));
        let count = labels.len().min(count);
        let (images, labels) = (&images[..count * IMAGE], &labels[..count]);
        let calibration = model.images("calib");
        let drawn = draw_samples(calibration.len() / IMAGE, &Recipe::default().calibration);
        let drawn: Vec<f32> = drawn.into_iter().flat_map(|i| &calibration[i * IMAGE..][..IMAGE]).copied().collect();
        let ranges = calibrated(&model.graph, &drawn, drawn.len() / IMAGE);
        println!("{}, {count} images", model.name);
        let f32 = predictions(&model.graph, images);
        println!("  f32                      {:6.2} %", percent_equal(&f32, labels));
        for (name, recipe) in recipes() {
            let quantized = quantize(&model.graph, &recipe, Some(&ranges)).expect("these recipes fit every model");
            let predicted = predictions(&quantized, images);
            let (accuracy, same) = (percent_equal(&predicted, labels), percent_equal(&predicted, &f32));
            println!("  {name:24} {accuracy:6.2} %   {same:6.2} % as f32");
        }
    }
}

fn recipes() -> Vec<(String, Recipe)> {
    let activations = |mode| Some(ActivationScheme { mode, ..ActivationScheme::default() });
    let mut recipes = Vec::new();
    for granularity in [Granularity::Channel, Granularity::Tensor] {
        for bits in [8, 6, 4, 3, 2] {
            let weights = WeightScheme { bits: Bits::new(bits).expect("2 to 8"), granularity, ..WeightScheme::default() };
            let name = if granularity == Granularity::Channel { "channel" } else { "tensor" };
            let recipe = Recipe { weights, activations: activations(ActivationMode::Static), ..Recipe::default() };
            recipes.push((format!("W{bits}A8 per {name}"), recipe));
        }
    }
    recipes.push(("W8A8 dynamic".into(), Recipe { activations: activations(ActivationMode::Dynamic), ..Recipe::default() }));
    recipes.push(("W8 weight-only".into(), Recipe { activations: None, ..Recipe::default() }));
    recipes
}
