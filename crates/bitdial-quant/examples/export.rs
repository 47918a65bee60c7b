//! Writes quantized models as ONNX files, each with the classes that our own runtime predicts, for a judge who runs the
//! files: `tests/onnx/judge.py`.
//!
//! usage: `cargo run --release -p bitdial-quant --example export FOLDER [IMAGES]`

use std::io::Read;
use std::path::Path;
use std::thread;

use bitdial_ir::onnx::{self, About};
use bitdial_ir::{Graph, passes};
use bitdial_kernels::Backend;
use bitdial_protocol::Recipe;
use bitdial_quant::{Calibrator, Ranges, draw_samples, quantize};
use bitdial_runtime::{Options, Plan};
use serde_json::json;

/// Elements of one image.
const IMAGE: usize = 28 * 28;

/// A small model and what its images are called.
struct Model {
    name: &'static str,
    dataset: &'static str,
    graph: Graph,
}

const MODELS: [(&str, &str); 3] = [("digits", "mnist"), ("fashion-resnet", "fashion-mnist"), ("fashion-mobilenet", "fashion-mnist")];

/// Recipes that are judged on all images, on two models.
const WHOLE: [(&str, &str); 4] = [
    ("W8A8 per tensor", r#"{"weights":{"granularity":"tensor"}}"#),
    ("W8A8 per channel", "{}"),
    ("W4A8 per tensor", r#"{"weights":{"bits":4,"granularity":"tensor"}}"#),
    ("W4A8 per channel", r#"{"weights":{"bits":4}}"#),
];
/// Recipes that are judged on some images, on one model each: what else there is to write.
const SOME: [(&str, &str, &str); 31] = [
    ("fashion-mobilenet", "f32", r#"{"weights":{"bits":32},"activations":null}"#),
    ("fashion-resnet", "W8A8 asymmetric", r#"{"weights":{"symmetric":false}}"#),
    ("fashion-mobilenet", "W8A8 asymmetric per tensor", r#"{"weights":{"symmetric":false,"granularity":"tensor"}}"#),
    ("fashion-mobilenet", "W4A8 groups of 16", r#"{"weights":{"bits":4,"granularity":"group","group":16}}"#),
    ("fashion-resnet", "W3A8 asymmetric groups of 32", r#"{"weights":{"bits":3,"granularity":"group","symmetric":false}}"#),
    ("fashion-mobilenet", "W8A8 groups of 16", r#"{"weights":{"granularity":"group","group":16}}"#),
    ("fashion-mobilenet", "W2A8 groups of 16", r#"{"weights":{"bits":2,"granularity":"group","group":16}}"#),
    ("fashion-resnet", "W8A8 groups of 128", r#"{"weights":{"granularity":"group","group":128}}"#),
    ("fashion-mobilenet", "W6A6", r#"{"weights":{"bits":6},"activations":{"bits":6}}"#),
    ("fashion-resnet", "W4A4 symmetric", r#"{"weights":{"bits":4},"activations":{"bits":4,"symmetric":true}}"#),
    ("fashion-resnet", "W2A8", r#"{"weights":{"bits":2}}"#),
    ("digits", "W1A8", r#"{"weights":{"bits":1}}"#),
    ("fashion-mobilenet", "W8 weights only", r#"{"activations":null}"#),
    ("digits", "W4 weights only, groups of 32", r#"{"weights":{"bits":4,"granularity":"group"},"activations":null}"#),
    ("digits", "FP16 weights", r#"{"weights":{"format":"fp16"}}"#),
    ("digits", "BF16 weights only", r#"{"weights":{"format":"bf16"},"activations":null}"#),
    ("digits", "16-bit weights", r#"{"weights":{"bits":16}}"#),
    ("fashion-mobilenet", "E4M3 weights", r#"{"weights":{"format":"e4m3"}}"#),
    ("digits", "E5M2 weights per tensor", r#"{"weights":{"format":"e5m2","granularity":"tensor"}}"#),
    ("digits", "E4M3 weights, groups of 16", r#"{"weights":{"format":"e4m3","granularity":"group","group":16}}"#),
    ("digits", "E2M1 weights, groups of 16", r#"{"weights":{"format":"e2m1","granularity":"group","group":16}}"#),
    ("digits", "minifloat weights, 6 bits", r#"{"weights":{"format":"minifloat","exponent":3,"bits":6}}"#),
    ("fashion-mobilenet", "MXFP8 weights", r#"{"weights":{"format":"mxfp8-e4m3"}}"#),
    ("fashion-resnet", "MXFP4 weights", r#"{"weights":{"format":"mxfp4"}}"#),
    ("digits", "MXINT8 weights only", r#"{"weights":{"format":"mxint8"},"activations":null}"#),
    ("fashion-resnet", "NVFP4 weights", r#"{"weights":{"format":"nvfp4"}}"#),
    ("fashion-mobilenet", "codebooks of 2 bits", r#"{"weights":{"format":"codebook","bits":2}}"#),
    ("digits", "one codebook of 5 bits", r#"{"weights":{"format":"codebook","bits":5,"granularity":"tensor"}}"#),
    ("fashion-mobilenet", "NF4 weights", r#"{"weights":{"format":"nf4"}}"#),
    ("fashion-resnet", "W8A8 dynamic", r#"{"activations":{"mode":"dynamic"}}"#),
    (
        "fashion-mobilenet",
        "W4A5 dynamic, symmetric",
        r#"{"weights":{"bits":4},"activations":{"mode":"dynamic","bits":5,"symmetric":true}}"#,
    ),
];
/// How many images those are.
const SOME_IMAGES: usize = 300;

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().expect("usage: export FOLDER [IMAGES]");
    let most = args.next().map_or(usize::MAX, |n| n.parse().expect("IMAGES is a number"));
    let mut cases = Vec::new();
    for (name, dataset) in MODELS {
        let graph = onnx::read(&bytes(&format!("models/{name}.onnx"))).and_then(passes::prepare).expect("our own models are read");
        let model = Model { name, dataset, graph };
        let whole = WHOLE.iter().filter(|_| name.starts_with("fashion")).map(|&(name, recipe)| (name, recipe, most));
        let some = SOME.iter().filter(|(of, ..)| *of == name).map(|&(_, name, recipe)| (name, recipe, most.min(SOME_IMAGES)));
        let (images, labels) = (model.images("t10k"), model.elements("t10k-labels-idx1", 8));
        let ranges = model.ranges();
        for (recipe_name, recipe, count) in whole.chain(some) {
            let count = count.min(labels.len());
            let (file, predictions) = export(Path::new(&folder), &model, (recipe_name, recipe), &ranges, &images[..count * IMAGE]);
            let right = predictions.iter().zip(&labels).filter(|(a, b)| a == b).count();
            cases.push(json!({ "model": name, "recipe": recipe_name, "file": file, "images": count,
                "accuracy": 100.0 * right as f64 / count as f64, "predictions": predictions }));
        }
    }
    let text = serde_json::to_string(&cases).expect("cases have string keys");
    std::fs::write(Path::new(&folder).join("cases.json"), text).expect("the folder can be written");
}

impl Model {
    /// The bytes of an IDX file of the model's data.
    fn elements(&self, name: &str, header: usize) -> Vec<u8> {
        bytes(&format!("assets/{}/{name}-ubyte.gz", self.dataset)).split_off(header)
    }

    /// pixel/255, image after image.
    fn images(&self, set: &str) -> Vec<f32> {
        self.elements(&format!("{set}-images-idx3"), 16).into_iter().map(|p| f32::from(p) / 255.0).collect()
    }

    /// Ranges on the images that the default recipe draws.
    fn ranges(&self) -> Ranges {
        let images = self.images("calib");
        let drawn = draw_samples(images.len() / IMAGE, &Recipe::default().calibration);
        let drawn: Vec<f32> = drawn.into_iter().flat_map(|i| &images[i * IMAGE..][..IMAGE]).copied().collect();
        let mut calibrator = Calibrator::new(&self.graph, Backend::Scalar).expect("the model can be calibrated");
        calibrator.feed(&drawn, drawn.len() / IMAGE).expect("the images fit the model");
        calibrator.finish()
    }
}

/// A file of the repository, unzipped if it is zipped.
fn bytes(relative: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(relative);
    let file = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut unzipped = Vec::new();
    if relative.ends_with(".gz") {
        flate2::read::GzDecoder::new(&file[..]).read_to_end(&mut unzipped).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        return unzipped;
    }
    file
}

/// The class of each image, on as many threads as there are processors.
fn predictions(graph: &Graph, images: &[f32]) -> Vec<u8> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = (images.len() / IMAGE).div_ceil(threads) * IMAGE;
    let classes = |images: &[f32]| -> Vec<u8> {
        let mut plan = Plan::compile(graph, Options { backend: Backend::Scalar, strict: true }).expect("what is quantized runs");
        let logits = plan.run(&[images], images.len() / IMAGE).expect("the images fit the model").remove(0);
        logits.chunks_exact(logits.len() * IMAGE / images.len()).map(argmax).collect()
    };
    thread::scope(|scope| {
        let parts: Vec<_> = images.chunks(part).map(|images| scope.spawn(move || classes(images))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("no thread panics")).collect()
    })
}

/// The largest logit, the first where they tie.
fn argmax(logits: &[f32]) -> u8 {
    (1..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best }) as u8
}

/// Writes the file of a recipe; gives its name and our predictions.
fn export(folder: &Path, model: &Model, (name, recipe): (&str, &str), ranges: &Ranges, images: &[f32]) -> (String, Vec<u8>) {
    let of = |text: &str| Recipe::from_json(text).unwrap_or_else(|e| panic!("{name}: {e}"));
    let parsed = of(recipe);
    let graph = if parsed.weights.bits.is_float() {
        model.graph.clone()
    } else {
        quantize(&model.graph, &parsed, Some(ranges)).unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let about = About { version: env!("CARGO_PKG_VERSION"), recipe: Some(recipe) };
    let bytes = onnx::write(&graph, about).unwrap_or_else(|e| panic!("{name}: {e}"));
    let file = format!("{}-{}.onnx", model.name, name.replace([' ', ','], "-"));
    std::fs::write(folder.join(&file), bytes).unwrap_or_else(|e| panic!("{file}: {e}"));
    (file, predictions(&graph, images))
}
