//! Models and fixtures of the repository.

use std::io::Read;
use std::path::PathBuf;

use bitdial_ir::{Graph, onnx};

/// A path from the root of the repository.
pub fn path(from_root: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(from_root)
}

pub fn bytes(from_root: &str) -> Vec<u8> {
    std::fs::read(path(from_root)).unwrap_or_else(|e| panic!("{from_root}: {e}"))
}

/// The bytes of a gzipped file.
pub fn unzipped(from_root: &str) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes(from_root).as_slice()).read_to_end(&mut out).unwrap();
    out
}

pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
}

/// The committed models.
pub const MODELS: [&str; 4] = ["digits", "fashion-resnet", "fashion-mobilenet", "efficientnet-lite0"];

pub fn model_bytes(model: &str) -> Vec<u8> {
    bytes(&format!("models/{model}.onnx"))
}

pub fn model(model: &str) -> Graph {
    onnx::read(&model_bytes(model)).unwrap_or_else(|e| panic!("{model}: {e}"))
}

/// A model of one operator, with what onnxruntime makes of it.
pub struct Case {
    pub name: String,
    /// Both with the batch in front.
    pub input_dims: Vec<usize>,
    pub output_dims: Vec<usize>,
    pub onnx: Vec<u8>,
}

impl Case {
    pub fn input(&self) -> Vec<f32> {
        floats(&bytes(&format!("tests/fixtures/ops/{}.in.bin", self.name)))
    }

    pub fn output(&self) -> Vec<f32> {
        floats(&bytes(&format!("tests/fixtures/ops/{}.out.bin", self.name)))
    }
}

/// Every fixture of one operator.
pub fn cases() -> Vec<Case> {
    let index: serde_json::Value = serde_json::from_slice(&bytes("tests/fixtures/ops/index.json")).unwrap();
    let dims = |v: &serde_json::Value| v.as_array().unwrap().iter().map(|d| d.as_u64().unwrap() as usize).collect();
    let case = |entry: &serde_json::Value| {
        let name = entry["name"].as_str().unwrap().to_owned();
        let onnx = bytes(&format!("tests/fixtures/ops/{name}.onnx"));
        Case { name, input_dims: dims(&entry["input"]), output_dims: dims(&entry["output"]), onnx }
    };
    index.as_array().unwrap().iter().map(case).collect()
}
