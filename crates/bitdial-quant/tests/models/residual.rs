//! Residual sums that a convolution computes: the same bits as in a step of their own, in every precision.

use bitdial_kernels::Backend;
use bitdial_protocol::{ActivationMode, ActivationScheme, Recipe};
use bitdial_quant::quantize;
use bitdial_runtime::{Options, Plan};

use crate::files::{Model, prepared};
use crate::run::calibrated;

#[test]
fn the_models_compute_the_same_with_and_without_fused_sums() {
    let dynamic = ActivationScheme { mode: ActivationMode::Dynamic, ..ActivationScheme::default() };
    let recipes = [
        ("W8A8", Recipe::default()),
        ("dynamic", Recipe { activations: Some(dynamic), ..Recipe::default() }),
        ("weights only", Recipe { activations: None, ..Recipe::default() }),
    ];
    let mut models: Vec<_> = Model::all().into_iter().map(|m| (m.name, m.graph, 5)).collect();
    models.push(("efficientnet-lite0", prepared("efficientnet-lite0"), 1));
    for (name, graph, count) in models {
        let len = graph.value(graph.inputs[0]).len();
        let images: Vec<f32> = (0..count * len).map(|i| (i * i % 255) as f32 / 255.0).collect();
        let ranges = calibrated(&graph, &images, count);
        let quantized = recipes.iter().map(|(what, recipe)| (*what, quantize(&graph, recipe, Some(&ranges)).unwrap()));
        for (what, graph) in std::iter::once(("f32", graph.clone())).chain(quantized) {
            let options = Options { backend: Backend::Scalar, strict: true };
            let mut fused = Plan::compile(&graph, options).unwrap();
            let mut unfused = Plan::compile_unfused(&graph, options).unwrap();
            let sums = |plan: &Plan| plan.steps().iter().filter(|step| step.kernel.starts_with("fused into ")).count();
            let expected = match name {
                "fashion-resnet" => 3,
                "efficientnet-lite0" => 9,
                _ => 0,
            };
            assert_eq!((sums(&fused), sums(&unfused)), (expected, 0), "{name}, {what}");
            assert!(fused.arena_bytes() <= unfused.arena_bytes(), "{name}, {what}");
            assert_eq!(fused.run(&[&images], count), unfused.run(&[&images], count), "{name}, {what}");
        }
    }
}
