//! The logits of the small models, in f32, against onnxruntime: natively, in the browser, on every backend, with the
//! strict kernels and with the fastest.

use std::io::Read;

use bitdial_ir::{Graph, onnx, passes};
use bitdial_kernels::Backend;
use bitdial_runtime::{Options, Plan};
use flate2::read::GzDecoder;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// A model, its test images as IDX, and the logits that onnxruntime gives for the first of them.
struct Case {
    name: &'static str,
    onnx: &'static [u8],
    images: &'static [u8],
    logits: &'static [u8],
}

const FASHION: &[u8] = include_bytes!("../../../assets/fashion-mnist/first-images-idx3-ubyte.gz");

const CASES: [Case; 3] = [
    Case {
        name: "digits",
        onnx: include_bytes!("../../../models/digits.onnx"),
        images: include_bytes!("../../../assets/mnist/first-images-idx3-ubyte.gz"),
        logits: include_bytes!("../../../tests/fixtures/f32/digits.logits.bin.gz"),
    },
    Case {
        name: "fashion-mobilenet",
        onnx: include_bytes!("../../../models/fashion-mobilenet.onnx"),
        images: FASHION,
        logits: include_bytes!("../../../tests/fixtures/f32/fashion-mobilenet.logits.bin.gz"),
    },
    Case {
        name: "fashion-resnet",
        onnx: include_bytes!("../../../models/fashion-resnet.onnx"),
        images: FASHION,
        logits: include_bytes!("../../../tests/fixtures/f32/fashion-resnet.logits.bin.gz"),
    },
];

/// Images of each model that are looked at.
const COUNT: usize = 16;
/// Numbers of one image, and classes.
const PIXELS: usize = 28 * 28;
const CLASSES: usize = 10;
/// Bytes before an IDX file's first pixel.
const HEADER: usize = 16;
/// Of the largest logit.
const TOLERANCE: f32 = 1e-4;

fn unzip(file: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The largest difference from the expected logits, as a part of the largest of them.
fn deviation(graph: &Graph, options: Options, inputs: &[f32], expected: &[f32]) -> f32 {
    let found = Plan::compile(graph, options).unwrap().run(&[inputs], COUNT).unwrap().remove(0);
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    // `f32::max` would pass over a NaN.
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |worst: f32, d| if d <= worst { worst } else { d }) / largest
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn every_backend_gives_the_logits_that_onnxruntime_gives() {
    for case in &CASES {
        let graph = passes::prepare(onnx::read(case.onnx).unwrap()).unwrap();
        let inputs: Vec<f32> = unzip(case.images)[HEADER..][..COUNT * PIXELS].iter().map(|&p| f32::from(p) / 255.0).collect();
        let logits: Vec<f32> = unzip(case.logits).as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        for backend in Backend::available() {
            for strict in [true, false] {
                let found = deviation(&graph, Options { backend, strict }, &inputs, &logits[..COUNT * CLASSES]);
                assert!(found <= TOLERANCE, "{}, {}, strict {strict}: differs by {found}", case.name, backend.name());
            }
        }
    }
}
