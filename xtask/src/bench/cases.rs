//! What is timed: every runtime, build and scheme on a model.

use serde_json::{Value, json};

use crate::worker::BUILDS;

/// What the arithmetic of a case is, which says which peers and which peak it is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Float,
    Integer,
    /// Bits are counted.
    Binary,
}

/// One runtime with one model.
#[derive(Clone, Debug)]
pub struct Case {
    /// The id of the model.
    pub model: String,
    pub runtime: &'static str,
    /// The instructions that its module needs.
    pub build: &'static str,
    pub scheme: &'static str,
    pub arithmetic: Arithmetic,
    /// Of one weight, as it is kept in memory.
    pub weight_bits: u32,
    /// What `case.mjs` is given.
    pub spec: Value,
}

/// bitdial's schemes: name, arithmetic, bits of a weight, recipe.
fn schemes() -> [(&'static str, Arithmetic, u32, Option<Value>); 7] {
    use Arithmetic::{Binary, Float, Integer};
    let bits = |bits: u32| json!({ "weights": { "bits": bits } });
    [
        ("f32", Float, 32, None),
        ("w8a8", Integer, 8, Some(bits(8))),
        ("w4a8", Integer, 4, Some(bits(4))),
        ("w2a8", Integer, 2, Some(bits(2))),
        ("w1a1", Binary, 1, Some(json!({ "weights": { "bits": 1 }, "activations": { "bits": 1 } }))),
        ("w8a8-dynamic", Integer, 8, Some(json!({ "activations": { "mode": "dynamic" } }))),
        ("w4-only", Float, 4, Some(json!({ "weights": { "bits": 4 }, "activations": null }))),
    ]
}

/// The peers: runtime, build, scheme, the ending of its model file. `{}` in front stands for the model.
const PEERS: [(&str, &str, &str, &str); 7] = [
    ("litert", "relaxed-simd", "f32", "/peer-models/{}.tflite"),
    ("litert", "relaxed-simd", "int8", "/peer-models/{}.int8.tflite"),
    ("litert", "simd128", "f32", "/peer-models/{}.tflite"),
    ("litert", "simd128", "int8", "/peer-models/{}.int8.tflite"),
    ("ort", "simd128", "f32", "/models/{}.onnx"),
    ("ort", "simd128", "int8", "/peer-models/{}.int8.onnx"),
    ("tfjs", "simd128", "f32", "/peer-models/{}.tfjs/model.json"),
];

impl Case {
    /// `<model> <runtime> <build> <scheme>`.
    pub fn name(&self) -> String {
        format!("{} {}", self.model, self.short_name())
    }

    /// Without the model.
    pub fn short_name(&self) -> String {
        format!("{} {} {}", self.runtime, self.build, self.scheme)
    }
}

/// Every case of a model, an entry of models.json; `folder` is the worker's.
pub fn of(model: &Value, folder: &str, peers: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for build in BUILDS.iter().rev() {
        for (scheme, arithmetic, weight_bits, recipe) in schemes() {
            let spec = spec(model, folder, build.name, recipe);
            cases.push(Case { model: id(model), runtime: "bitdial", build: build.name, scheme, arithmetic, weight_bits, spec });
        }
    }
    for (runtime, build, scheme, file) in PEERS.into_iter().filter(|_| peers) {
        let (arithmetic, weight_bits) = if scheme == "f32" { (Arithmetic::Float, 32) } else { (Arithmetic::Integer, 8) };
        let file = file.replace("{}", &id(model));
        let spec = json!({ "runtime": runtime, "build": build, "file": file, "model": model });
        cases.push(Case { model: id(model), runtime, build, scheme, arithmetic, weight_bits, spec });
    }
    cases
}

/// The f32 model on the scalar kernels, which says what the logits should be.
pub fn reference(model: &Value, folder: &str) -> Value {
    let mut spec = spec(model, folder, BUILDS[0].name, None);
    spec["backend"] = "scalar".into();
    spec
}

/// What `evaluation.mjs` is given.
pub fn evaluation(model: &Value, folder: &str, recipe: Option<Value>, workers: u32, times: u32) -> Value {
    let mut spec = spec(model, folder, BUILDS[1].name, recipe);
    spec["workers"] = workers.into();
    spec["times"] = times.into();
    spec
}

fn spec(model: &Value, folder: &str, build: &str, recipe: Option<Value>) -> Value {
    let file = format!("/{}", model["file"].as_str().unwrap_or_default());
    json!({ "runtime": "bitdial", "build": build, "backend": "auto", "folder": folder, "file": file, "model": model, "recipe": recipe })
}

/// The id of an entry of models.json.
pub fn id(model: &Value) -> String {
    model["id"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own_and_a_file() {
        let model = json!({ "id": "digits", "file": "models/digits.onnx" });
        let all = of(&model, "worker-1", true);
        let names: HashSet<String> = all.iter().map(Case::name).collect();
        assert_eq!((all.len(), names.len()), (2 * 7 + 7, all.len()));
        assert!(names.contains("digits bitdial relaxed-simd w4-only") && names.contains("digits litert simd128 int8"));
        for case in &all {
            let file = case.spec["file"].as_str().expect("a file");
            assert!(file.contains("models/digits."), "{file}");
        }
        assert_eq!(of(&model, "worker-1", false).len(), 14);
        assert!(of(&model, "worker-1", false).iter().all(|case| case.runtime == "bitdial"));
    }
}
