//! Models, images and fixture files.

use std::io::Read;
use std::path::Path;

use bitdial_ir::{Graph, onnx, passes};

/// Elements of one image of the small models.
pub const IMAGE: usize = 28 * 28;

/// A small model with its data.
pub struct Model {
    pub name: &'static str,
    dataset: &'static str,
    pub graph: Graph,
    /// Layers that had a BatchNorm.
    pub normalized: Vec<String>,
}

impl Model {
    pub fn all() -> Vec<Self> {
        ["digits", "fashion-resnet", "fashion-mobilenet"].map(Self::named).into()
    }

    /// One of them.
    pub fn named(name: &'static str) -> Self {
        let graph = read(name);
        let normalized = passes::normalized(&graph);
        let graph = passes::prepare(graph).unwrap_or_else(|e| panic!("{name}: {e}"));
        Self { name, dataset: if name == "digits" { "mnist" } else { "fashion-mnist" }, graph, normalized }
    }

    /// pixel/255, image after image.
    pub fn images(&self, set: &str) -> Vec<f32> {
        idx(&format!("assets/{}/{set}-images-idx3-ubyte.gz", self.dataset), 16).into_iter().map(|p| f32::from(p) / 255.0).collect()
    }

    pub fn labels(&self, set: &str) -> Vec<u8> {
        idx(&format!("assets/{}/{set}-labels-idx1-ubyte.gz", self.dataset), 8)
    }
}

/// An ONNX model of the repository, ready to quantize.
pub fn prepared(name: &str) -> Graph {
    passes::prepare(read(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn read(name: &str) -> Graph {
    onnx::read(&bytes(&format!("models/{name}.onnx"))).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The elements of an IDX file.
fn idx(relative: &str, header: usize) -> Vec<u8> {
    let file = bytes(relative);
    assert_eq!(file[2], 8, "{relative} does not hold bytes");
    file[header..].to_vec()
}

/// A file of the repository, unzipped if it is zipped.
pub fn bytes(relative: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(relative);
    let file = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if !relative.ends_with(".gz") {
        return file;
    }
    let mut unzipped = Vec::new();
    flate2::read::GzDecoder::new(&file[..]).read_to_end(&mut unzipped).unwrap();
    unzipped
}
