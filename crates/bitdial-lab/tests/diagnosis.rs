//! Diagnosis, advice and search as a page asks for them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bitdial_engine::Images;
use bitdial_kernels::Backend;
use bitdial_lab::{LabError, Model, Quantized};
use bitdial_protocol::{Budget, Isolation, Normalize, Recipe};

fn file(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn images(set: &str) -> Arc<Images> {
    let read = |kind| file(&format!("assets/{set}/calib-{kind}-ubyte.gz"));
    Arc::new(Images::from_idx(&read("images-idx3"), &read("labels-idx1"), Normalize { mean: 0.0, std: 255.0 }).unwrap())
}

fn digits() -> Model {
    Model::load(&file("models/digits.onnx"), Backend::best()).unwrap()
}

fn make(model: &Model, recipe: &str, images: &Arc<Images>) -> Quantized {
    model.quantizer(&Recipe::from_json(recipe).unwrap(), Some(Arc::clone(images))).unwrap().finish().unwrap()
}

#[test]
fn a_diagnosis_tells_which_layer_is_to_blame() {
    let (model, images) = (digits(), images("mnist"));
    let blamed = model.graph().nodes[3].name.clone();
    for recipe in [
        format!(r#"{{"layers":{{"{blamed}":{{"weights":{{"bits":2}}}}}}}}"#),
        format!(r#"{{"corrections":["cle","bias"],"layers":{{"{blamed}":{{"weights":{{"bits":2}}}}}}}}"#),
    ] {
        let quantized = make(&model, &recipe, &images);
        let mut diagnosing = quantized.diagnose(&images).unwrap();
        let progress = diagnosing.step().unwrap();
        assert!(progress.done == 1 && progress.total > 1);
        let found = diagnosing.finish().unwrap();
        let worst = found.layers.iter().min_by(|a, b| a.only.partial_cmp(&b.only).unwrap()).unwrap();
        assert_eq!(worst.name, blamed);
        assert!(worst.only.unwrap() < 25.0 && worst.weights.as_ref().unwrap().sqnr.unwrap() < 15.0, "{worst:?}");
        let others = found.layers.iter().filter(|layer| layer.name != blamed);
        others.for_each(|layer| assert!(layer.only.is_none_or(|db| db > 30.0), "{} {:?}", layer.name, layer.only));
        // Equalized, the model is the same in f32: with that layer in f32 again nothing is lost.
        let except = quantized.isolated(&blamed, Isolation::Except).unwrap();
        assert!(except.len() > quantized.packed().len());
        let advice = quantized.advise(&found, Some(3.0));
        assert!(advice.iter().any(|advice| advice.text.contains(&format!("'{blamed}' alone brings"))), "{advice:?}");
    }
}

#[test]
fn a_search_measures_once_and_keeps_its_budget() {
    let (model, images) = (digits(), images("mnist"));
    let base = r#"{"weights":{"bits":4},"calibration":{"samples":32}}"#;
    let quantized = make(&model, base, &images);
    let searching = quantized.search(&images, Budget::Bits(4.0)).unwrap();
    let first = searching.progress();
    let found = searching.finish().unwrap();
    let (uniform, chosen) = (found.uniform.clone().unwrap(), found.chosen.clone().unwrap());
    assert!(chosen.bits <= 4.0 && uniform.widths.iter().all(|&bits| bits == 4));
    assert!(chosen.measured.unwrap().loss <= uniform.measured.unwrap().loss);
    // With its activations and all, the model is as large as was predicted.
    let recipe = found.recipe(&chosen, &Recipe::from_json(base).unwrap());
    let mixed = make(&model, &recipe.to_json(), &images);
    assert_eq!(mixed.packed().len(), chosen.bytes);
    // Other widths and budgets are no other measurement.
    let again = mixed.search(&images, Budget::Drop(0.5)).unwrap();
    assert!(again.progress().total < first.total);
    let again = again.finish().unwrap();
    assert_eq!(again.layers, found.layers);
    assert!(again.chosen.unwrap().measured.unwrap().drop <= 0.5);
    // Another range is.
    let other = make(&model, r#"{"weights":{"bits":4,"range":"mse"},"calibration":{"samples":32}}"#, &images);
    assert_eq!(other.search(&images, Budget::Bits(4.0)).unwrap().progress(), first);
    let fixed = make(&model, r#"{"weights":{"format":"nf4"}}"#, &images).search(&images, Budget::Bits(4.0));
    assert!(matches!(fixed, Err(LabError::FixedWidth)));
}
