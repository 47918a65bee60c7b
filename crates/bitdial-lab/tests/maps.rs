//! Feature maps of real models.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bitdial_engine::{Images, describe};
use bitdial_kernels::Backend;
use bitdial_lab::{LabError, Model};
use bitdial_protocol::{Normalize, Recipe};

fn file(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn fewer_bits_make_other_maps() {
    let read = |kind| file(&format!("assets/mnist/calib-{kind}-ubyte.gz"));
    let images = Arc::new(Images::from_idx(&read("images-idx3"), &read("labels-idx1"), Normalize { mean: 0.0, std: 255.0 }).unwrap());
    let model = Model::load(&file("models/digits.onnx"), Backend::best()).unwrap();
    let weighted = model.graph().nodes.iter().filter(|node| describe::weights(node).is_some());
    let layers: Vec<String> = weighted.map(|node| node.name.clone()).collect();
    let mut last = vec![f32::INFINITY; layers.len()];
    // Equalized, f32 is another model that computes the same: what is left is rounding.
    for recipe in [r#"{"weights":{"bits":8},"corrections":["cle"]}"#, r#"{"weights":{"bits":4}}"#, r#"{"weights":{"bits":2}}"#] {
        let recipe = Recipe::from_json(recipe).unwrap();
        let quantized = model.quantizer(&recipe, Some(Arc::clone(&images))).unwrap().finish().unwrap();
        for (layer, last) in layers.iter().zip(&mut last) {
            let (maps, [float, ints, difference]) = quantized.maps(&images, layer).unwrap();
            let values = maps.channels.len() * maps.rows * maps.columns;
            assert!(values > 0 && [&float, &ints, &difference].iter().all(|picture| picture.len() == values), "{layer}");
            assert!(maps.most > 0.0 && (float.contains(&255) || ints.contains(&255)), "{layer} {} {maps:?}", recipe.to_json());
            let sqnr = maps.sqnr.unwrap();
            assert!(sqnr < *last, "{layer}: {sqnr} dB after {last}");
            *last = sqnr;
        }
    }
    let quantized = model.quantizer(&Recipe::default(), Some(Arc::clone(&images))).unwrap().finish().unwrap();
    assert!(quantized.maps(&images, layers.first().unwrap()).unwrap().0.sqnr.unwrap() > 25.0);
    assert!(matches!(quantized.maps(&images, "none"), Err(LabError::NoNode(_))));
    let small = Images::from_pixels(vec![0; 4], 1, [2, 2, 1], Normalize { mean: 0.0, std: 255.0 }).unwrap();
    assert!(matches!(quantized.maps(&small, &layers[0]), Err(LabError::Images(_))));
}
