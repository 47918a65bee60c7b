//! What holds for every graph: passes keep its meaning, packing loses nothing.

use bitdial_ir::{Layout, Op, packed, passes};
use proptest::prelude::*;

use crate::generate::{graphs, quantized_graphs};
use crate::interpret;
use crate::ops::distance;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn preparing_keeps_what_a_graph_computes(graph in graphs(), seed in 0usize..100) {
        graph.check().unwrap();
        let input: Vec<f32> = (0..graph.value(graph.inputs[0]).len()).map(|i| ((i * 29 + seed) % 83) as f32 / 41.0 - 1.0).collect();
        let prepared = passes::prepare(graph.clone()).unwrap();
        prop_assert_eq!(prepared.layout, Layout::Nhwc);
        let ends = |g: &bitdial_ir::Graph| g.inputs.iter().chain(&g.outputs).map(|&id| g.value(id).clone()).collect::<Vec<_>>();
        prop_assert_eq!(ends(&prepared), ends(&graph));
        for (before, after) in interpret::run(&graph, &[&input]).iter().zip(&interpret::run(&prepared, &[&input])) {
            let error = distance(after, before);
            prop_assert!(error < 1e-4, "{}", error);
        }
    }

    #[test]
    fn preparing_leaves_nothing_to_do(graph in graphs()) {
        let prepared = passes::prepare(graph).unwrap();
        for node in &prepared.nodes {
            let input = prepared.value(node.inputs[0]);
            match &node.op {
                Op::Reshape(dims) if *dims == input.dims && node.activation == bitdial_ir::Activation::None => {
                    let copies = prepared.outputs.contains(&node.output);
                    prop_assert!(copies, "{} does nothing", node.name);
                }
                Op::BatchNorm { .. } => prop_assert!(matches!(input.dims.len(), 1 | 3), "{} has channels in the middle", node.name),
                _ => {}
            }
            let read = prepared.consumers(node.output).next().is_some() || prepared.outputs.contains(&node.output);
            prop_assert!(read, "nothing needs {}", node.name);
        }
    }

    #[test]
    fn packing_loses_nothing(graph in quantized_graphs()) {
        graph.check().unwrap();
        let bytes = packed::write(&graph);
        prop_assert_eq!(packed::read(&bytes), Ok(graph.clone()));
        let constants: usize = graph.nodes.iter().map(packed::node_bytes).sum();
        prop_assert!(constants < bytes.len());
    }

    #[test]
    fn damaged_quantized_models_are_survived(graph in quantized_graphs(), damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4), cut in any::<proptest::sample::Index>()) {
        let bytes = packed::write(&graph);
        prop_assert!(packed::read(&bytes[..cut.index(bytes.len())]).is_err());
        let mut damaged = bytes;
        for (at, byte) in damage {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        if let Ok(graph) = packed::read(&damaged) {
            graph.check().unwrap();
            let again = packed::write(&graph);
            prop_assert_eq!(packed::read(&again), Ok(graph));
        }
    }

    #[test]
    fn what_is_not_packed_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(packed::read(&bytes).is_err());
        let framed = [b"BDPM\x01".as_slice(), &bytes].concat();
        if let Ok(graph) = packed::read(&framed) {
            graph.check().unwrap();
        }
    }
}
