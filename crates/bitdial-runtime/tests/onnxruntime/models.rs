//! The logits of all models, in f32, against onnxruntime.

use crate::support::{bytes, close, floats, json, prepared};
use bitdial_ir::ValueId;
use bitdial_kernels::Backend;
use bitdial_runtime::{Options, Plan};
use serde::Deserialize;

#[derive(Deserialize)]
struct Entry {
    model: String,
    logits: String,
    shape: [usize; 2],
    images: Option<Images>,
}

/// Stored small: every pixel stands for a square of `repeat` x `repeat`.
#[derive(Deserialize)]
struct Images {
    file: String,
    shape: [usize; 4],
    repeat: usize,
}

/// The inputs behind an entry: the first test images, or the stored crops.
fn inputs(entry: &Entry) -> Vec<f32> {
    let Some(images) = &entry.images else {
        let dataset = if entry.model == "digits" { "mnist" } else { "fashion-mnist" };
        let file = bytes(&format!("assets/{dataset}/t10k-images-idx3-ubyte.gz"));
        return file[16..][..entry.shape[0] * 28 * 28].iter().map(|&p| f32::from(p) / 255.0).collect();
    };
    let pixels = bytes(&format!("tests/fixtures/f32/{}", images.file));
    let ([.., rows, columns], repeat) = (images.shape, images.repeat);
    let row = |row: &[u8]| row.iter().flat_map(|&p| std::iter::repeat_n((f32::from(p) - 127.0) / 128.0, repeat)).collect::<Vec<f32>>();
    assert_eq!(pixels.len(), images.shape.iter().product::<usize>());
    assert!(pixels.len().is_multiple_of(rows * columns));
    pixels.chunks_exact(columns).map(row).flat_map(|row| std::iter::repeat_n(row, repeat)).flatten().collect()
}

#[test]
fn the_models_give_the_logits_that_onnxruntime_gives() {
    let entries: Vec<Entry> = json("tests/fixtures/f32/index.json");
    assert_eq!(entries.len(), 4);
    for entry in entries {
        let graph = prepared(&format!("models/{}.onnx", entry.model));
        let mut plan = Plan::compile(&graph, Options { backend: Backend::Scalar, strict: false }).unwrap();
        let (x, y) = (inputs(&entry), floats(&format!("tests/fixtures/f32/{}", entry.logits)));
        assert!(entry.shape[0] >= 64);
        let got = plan.run(&[&x], entry.shape[0]).unwrap();
        close(&got[0], &y, 1e-4).unwrap_or_else(|e| panic!("{}: {e}", entry.model));
        // The arena is reused: its size is that of a layer and what waits for a residual sum, not that of the model.
        let bytes = |ids: &[ValueId]| ids.iter().map(|&id| 4 * graph.value(id).len()).sum::<usize>();
        let layer = graph.nodes.iter().map(|n| bytes(&n.inputs) + bytes(&[n.output])).max().unwrap();
        let all: usize = graph.values.iter().map(|v| 4 * v.len()).sum();
        println!("{}: arena {}, largest layer {layer}, all {all} bytes; chunk {}", entry.model, plan.arena_bytes(), plan.chunk());
        assert!(plan.arena_bytes() < layer + layer / 2, "{}: {} bytes, {layer}", entry.model, plan.arena_bytes());
    }
}
