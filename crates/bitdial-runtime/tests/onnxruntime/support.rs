//! Fixture files and prepared models.

use std::io::Read;
use std::path::{Path, PathBuf};

use bitdial_ir::{Graph, onnx, passes};

/// A path in the repository.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(relative)
}

/// A file's bytes, unzipped if it is zipped.
pub fn bytes(relative: &str) -> Vec<u8> {
    let path = path(relative);
    let file = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if !relative.ends_with(".gz") {
        return file;
    }
    let mut unzipped = Vec::new();
    flate2::read::GzDecoder::new(&file[..]).read_to_end(&mut unzipped).unwrap();
    unzipped
}

/// Little-endian floats.
pub fn floats(relative: &str) -> Vec<f32> {
    bytes(relative).as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
}

/// JSON of a known form.
pub fn json<T: serde::de::DeserializeOwned>(relative: &str) -> T {
    serde_json::from_slice(&bytes(relative)).unwrap()
}

/// An ONNX file, ready to compile.
pub fn prepared(relative: &str) -> Graph {
    let graph = onnx::read(&bytes(relative)).unwrap_or_else(|e| panic!("{relative}: {e}"));
    passes::prepare(graph).unwrap_or_else(|e| panic!("{relative}: {e}"))
}

/// An error unless two tensors agree to `tolerance` of the largest expected magnitude.
pub fn close(got: &[f32], expected: &[f32], tolerance: f32) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!("{} numbers, not {}", got.len(), expected.len()));
    }
    let difference = got.iter().zip(expected).map(|(g, e)| (g - e).abs()).fold(0.0, |worst: f32, d| if d <= worst { worst } else { d });
    let largest = expected.iter().fold(0.0f32, |m, e| m.max(e.abs()));
    if difference <= tolerance * largest { Ok(()) } else { Err(format!("differs by {difference}, of {largest}")) }
}
