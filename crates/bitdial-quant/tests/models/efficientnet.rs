//! EfficientNet-Lite0, quantized: there are no labels here, so its logits are compared with those in f32.
//! The measure is what onnxruntime.quantization reaches at the same W8A8 with the same images: crops of 56 x 56 pixels
//! leave this model undecided, and 8 bits are tight for it.

use bitdial_protocol::Recipe;
use bitdial_quant::quantize;

use crate::files::{bytes, prepared};
use crate::run::{argmax, calibrated, logits};

const SIDE: usize = 224;
const IMAGES: usize = 8;

/// The first crops of the f32 fixtures: u8, 3 x 56 x 56, each pixel a square of 4 x 4.
fn crops() -> Vec<f32> {
    let pixels = bytes("tests/fixtures/f32/efficientnet-lite0.images.bin.gz");
    let at = |i: usize| {
        let (plane, y, x) = (i / (SIDE * SIDE), i / SIDE % SIDE, i % SIDE);
        (f32::from(pixels[(plane * SIDE / 4 + y / 4) * SIDE / 4 + x / 4]) - 127.0) / 128.0
    };
    (0..IMAGES * 3 * SIDE * SIDE).map(at).collect()
}

#[test]
fn w8a8_is_as_near_to_f32_as_onnxruntime_comes() {
    let (graph, images) = (prepared("efficientnet-lite0"), crops());
    let ranges = calibrated(&graph, &images, IMAGES);
    let quantized = quantize(&graph, &Recipe::default(), Some(&ranges)).unwrap();
    let (real, integer) = (logits(&graph, &images, IMAGES), logits(&quantized, &images, IMAGES));
    let classes = |logits: &[f32]| logits.chunks_exact(1000).map(argmax).collect::<Vec<_>>();
    let same = classes(&real).iter().zip(classes(&integer)).filter(|(a, b)| **a == *b).count();
    let power = |x: &mut dyn Iterator<Item = f32>| x.map(|x| f64::from(x).powi(2)).sum::<f64>();
    let signal = power(&mut real.iter().copied());
    let sqnr = 10.0 * (signal / power(&mut real.iter().zip(&integer).map(|(a, b)| a - b))).log10();
    let judge: serde_json::Value = serde_json::from_slice(&bytes("tests/fixtures/qdq/efficientnet-lite0.json")).unwrap();
    assert_eq!(judge["images"], IMAGES);
    let (their_same, theirs) = (judge["same_class"].as_u64().unwrap(), judge["sqnr_db"].as_f64().unwrap());
    println!("efficientnet-lite0: {same} of {IMAGES} classes as in f32 ({their_same}), logits {sqnr:.1} dB ({theirs:.1} dB)");
    assert!(same as u64 >= their_same && sqnr > theirs - 0.5, "{same} of {IMAGES}, {sqnr} dB");
}
