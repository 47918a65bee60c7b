//! What plans say they do is what their graphs say.

use bitdial_engine::Engine;
use bitdial_gpu::{Options, Plan, Tile, Traffic};
use bitdial_ir::{Graph, Node, Op, Weights};
use bitdial_kernels::Backend;
use bitdial_protocol::{BackendChoice, Granularity};
use futures::executor::block_on;

use super::gpu;
use super::models::{file, images, quantized, recipe};

/// Bytes of activations that a graph's nodes read and write, each alone.
fn activations(graph: &Graph, nodes: impl Iterator<Item = Node>) -> u64 {
    let bytes = |id| {
        let value = graph.value(id);
        value.len() * if value.quant.is_some() { 1 } else { 4 }
    };
    nodes.map(|node| node.inputs.iter().chain([&node.output]).map(|&id| bytes(id)).sum::<usize>() as u64).sum()
}

/// Weights as the packed file has them, in bytes, and their output channels.
fn weights(node: &Node) -> Option<(usize, usize)> {
    let (weights, channels) = match &node.op {
        Op::Conv(conv) => (&conv.weights, conv.out_channels),
        Op::Linear(linear) => (&linear.weights, linear.out_features),
        _ => return None,
    };
    Some(match weights {
        Weights::F32(weights) => (4 * weights.len(), channels),
        Weights::Int(weights) => ((weights.values.len() * usize::from(weights.values.bits())).div_ceil(8), channels),
        Weights::Coded(weights) => (4 * weights.codes.len(), channels),
    })
}

#[test]
fn the_work_of_a_plan_is_that_of_its_graph() {
    let (gpu, calibration) = (gpu(), images("fashion-mnist", "calib"));
    let float = bitdial_lab::Model::load(&file("models/fashion-resnet.onnx"), Backend::best()).unwrap();
    let cpu = block_on(Engine::<bitdial_engine::Cpu>::new(BackendChoice::Auto)).unwrap();
    let info = block_on(cpu.load(&float.packed())).unwrap().info().clone();
    let int = |bits| quantized("fashion-resnet", &recipe(bits, Granularity::Channel), &calibration);
    for (name, graph, fuse) in
        [("f32", float.graph().clone(), true), ("int8", int(8), true), ("int4", int(4), true), ("int8, nothing fused", int(8), false)]
    {
        for images in [1, 64] {
            let plan = block_on(Plan::compile(&gpu, &graph, Options { batch: images, fuse, ..Options::default() })).unwrap();
            let work = plan.work(images);
            assert_eq!(work.iter().map(|work| work.macs).sum::<u64>(), images as u64 * info.macs, "{name}");
            assert!(work.iter().map(|work| work.dispatches).sum::<usize>() <= plan.dispatches(), "{name}");

            // What is not computed by itself moves nothing. Whoever computes a sum reads the other operand, and writes the sum
            // in place of its own result.
            let own = (0..graph.nodes.len()).filter(|&i| work[i].dispatches > 0).map(|i| graph.nodes[i].clone());
            let sums = (0..graph.nodes.len()).filter(|&i| work[i].kernel.starts_with("fused into"));
            let other = |i: usize| {
                let value = graph.value(graph.nodes[i].output);
                value.len() * if value.quant.is_some() { 1 } else { 4 }
            };
            let fused: u64 = sums.map(other).sum::<usize>() as u64;
            assert_eq!(fused > 0, fuse, "{name}");
            let found: u64 = work.iter().map(|work| work.traffic.read + work.traffic.written).sum();
            assert_eq!(found, images as u64 * (activations(&graph, own) + fused), "{name}, {images} images");

            for (i, node) in graph.nodes.iter().enumerate() {
                let Some((packed, channels)) = weights(node) else { continue };
                let Traffic { weights, .. } = work[i].traffic;
                // Bias, correction, zero point and scale of each channel, words and panels filled up.
                let most = 2 * packed + 16 * channels.next_multiple_of(64) + 1024;
                assert!((packed..=most).contains(&(weights as usize)), "{name}, {}: {weights} for {packed}", node.name);
                // Every result has a thread.
                let results = images * graph.value(node.output).len();
                let largest = 16 * Tile::Large.threads().iter().product::<usize>();
                assert!(work[i].groups as usize * largest >= results, "{name}, {}: {work:?}", node.name);
            }
        }
    }
}
