//! Number formats on the weights of the models: codebooks against scikit-learn's, what each format costs and keeps.

use bitdial_ir::{Graph, Node, Op, Weights, onnx, packed};
use bitdial_protocol::{Bits, Exponent, Format, Granularity, Recipe, WeightScheme};
use bitdial_quant::{Chance, quantize, quantize_weights, weight_sqnr};
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::files::{IMAGE, Model, bytes};
use crate::run::{percent_equal, predictions};

#[derive(Deserialize)]
struct Facts {
    model: String,
    layer: String,
    weights: usize,
    tensor: BTreeMap<u8, f64>,
    channel: BTreeMap<u8, f64>,
}

fn weights_of(node: &Node) -> Option<(&[f32], usize)> {
    match &node.op {
        Op::Conv(conv) => Some((&conv.weights, conv.out_channels)),
        Op::Linear(linear) => Some((&linear.weights, linear.out_features)),
        _ => None,
    }
    .and_then(|(weights, channels)| if let Weights::F32(weights) = weights { Some((weights.as_slice(), channels)) } else { None })
}

fn inertia(weights: &[f32], channels: usize, bits: u8, granularity: Granularity) -> f64 {
    let scheme = WeightScheme { format: Format::Codebook, bits: Bits::new(bits).unwrap(), granularity, ..WeightScheme::default() };
    let back = quantize_weights(weights, channels, &scheme, &vec![0.0; channels], &mut Chance::new(0, 0)).dequantize(channels).into_owned();
    weights.iter().zip(&back).map(|(w, b)| (f64::from(*w) - f64::from(*b)).powi(2)).sum()
}

#[test]
fn codebooks_are_as_near_as_those_of_scikit_learn() {
    let facts: Vec<Facts> = serde_json::from_slice(&bytes("tests/fixtures/kmeans.json")).unwrap();
    assert!(facts.len() >= 9);
    let mut worst = 0.0f64;
    for Facts { model, layer, weights: count, tensor, channel } in facts {
        let graph = onnx::read(&bytes(&format!("models/{model}.onnx"))).unwrap();
        let node = graph.nodes.iter().find(|node| node.name == layer).unwrap();
        let (weights, channels) = weights_of(node).unwrap();
        assert_eq!(weights.len(), count);
        for (bits, theirs) in tensor {
            let ratio = inertia(weights, channels, bits, Granularity::Tensor) / theirs;
            println!("{model} {layer}, {bits} bits: {ratio:.4} of scikit-learn's inertia");
            worst = worst.max(ratio);
        }
        let row = weights.len() / channels;
        let some: Vec<f32> = weights.chunks(row).step_by(8).flatten().copied().collect();
        for (bits, theirs) in channel {
            let ratio = inertia(&some, some.len() / row, bits, Granularity::Channel) / theirs;
            println!("{model} {layer}, {bits} bits per channel: {ratio:.4} of scikit-learn's inertia");
            worst = worst.max(ratio);
        }
    }
    assert!(worst < 1.01, "{worst}");
}

/// SQNR of all weights together, dB, and of the layer where it is least.
fn sqnr(original: &Graph, quantized: &Graph) -> (f64, f32) {
    let (mut signal, mut noise, mut least) = (0.0, 0.0, f32::INFINITY);
    for (before, after) in original.nodes.iter().zip(&quantized.nodes) {
        let Some((weights, channels)) = weights_of(before) else { continue };
        let (Op::Conv(bitdial_ir::Conv { weights: now, .. }) | Op::Linear(bitdial_ir::Linear { weights: now, .. })) = &after.op else {
            continue;
        };
        for (w, b) in weights.iter().zip(now.dequantize(channels).iter()) {
            signal += f64::from(*w).powi(2);
            noise += (f64::from(*w) - f64::from(*b)).powi(2);
        }
        least = least.min(weight_sqnr(weights, now, channels).unwrap_or(f32::INFINITY));
    }
    (10.0 * (signal / noise).log10(), least)
}

#[test]
fn every_format_runs_and_keeps_what_it_should() {
    let model = Model::named("fashion-mobilenet");
    let parameters: usize = model.graph.nodes.iter().filter_map(weights_of).map(|(weights, _)| weights.len()).sum();
    let (images, labels) = (model.images("t10k"), model.labels("t10k"));
    let count = 500;
    let (images, labels) = (&images[..count * IMAGE], &labels[..count]);
    let f32_accuracy = percent_equal(&predictions(&model.graph, images), labels);
    println!("f32: {f32_accuracy:.2} %, {} bytes, {parameters} weights", packed::write(&model.graph).len());
    // Format, bits, least SQNR of all weights in dB, most points of accuracy lost, most bits of a weight with its scales.
    for (format, bits, db, points, width) in [
        (Format::Int, 8, 48.0, 0.7, 8.6),
        (Format::Int, 4, 23.0, 6.0, 4.6),
        (Format::Int, 16, 97.0, 0.3, 16.6),
        (Format::Fixed, 8, 43.0, 0.9, 8.6),
        (Format::Ternary, 2, 7.0, 90.0, 2.6),
        (Format::Minifloat, 8, 33.0, 1.0, 8.6),
        (Format::Fp16, 16, 75.0, 0.3, 16.0),
        (Format::Bf16, 16, 56.0, 0.3, 16.0),
        (Format::E4m3, 8, 31.0, 1.0, 8.6),
        (Format::E5m2, 8, 27.0, 1.5, 8.6),
        (Format::E3m2, 6, 27.0, 1.5, 6.6),
        (Format::E2m3, 6, 33.0, 1.0, 6.6),
        (Format::E2m1, 4, 20.0, 9.0, 4.6),
        (Format::Mxfp8E4m3, 8, 29.5, 1.5, 8.35),
        (Format::Mxfp8E5m2, 8, 26.5, 1.7, 8.35),
        (Format::Mxfp6E3m2, 6, 26.5, 1.7, 6.35),
        (Format::Mxfp6E2m3, 6, 29.5, 1.2, 6.35),
        (Format::Mxfp4, 4, 20.0, 11.0, 4.35),
        (Format::Mxint8, 8, 43.0, 0.9, 8.35),
        (Format::Nvfp4, 4, 20.5, 4.0, 4.6),
        (Format::Codebook, 4, 38.0, 1.0, 12.5),
        (Format::Nf4, 4, 20.5, 4.0, 4.6),
        (Format::Pot, 4, 17.0, 40.0, 4.6),
        (Format::Apot, 4, 21.5, 7.0, 4.6),
    ] {
        let weights =
            WeightScheme { format, exponent: Exponent::new(4).unwrap(), bits: Bits::new(bits).unwrap(), ..WeightScheme::default() };
        let recipe = Recipe { weights, activations: None, ..Recipe::default() };
        let quantized = quantize(&model.graph, &recipe, None).unwrap();
        let bytes = packed::write(&quantized);
        assert_eq!(packed::read(&bytes).as_ref(), Ok(&quantized), "{format:?}");
        let constants: usize = quantized.nodes.iter().map(packed::node_bytes).sum();
        // Biases and other constants stay as they are.
        let others: usize = model.graph.nodes.iter().map(packed::node_bytes).sum::<usize>() - 4 * parameters;
        let each = 8.0 * (constants - others) as f64 / parameters as f64;
        let (all, least) = sqnr(&model.graph, &quantized);
        let accuracy = percent_equal(&predictions(&quantized, images), labels);
        println!(
            "{format:?} {bits}: {accuracy:.2} %, {} bytes, {each:.2} bits a weight, SQNR {all:.1} dB, least {least:.1} dB",
            bytes.len()
        );
        assert!(all > db, "{format:?} {bits}: {all} dB");
        assert!(f32_accuracy - accuracy < points, "{format:?} {bits}: {accuracy} of {f32_accuracy}");
        assert!(each <= width, "{format:?} {bits}: {each} bits");
    }
}
