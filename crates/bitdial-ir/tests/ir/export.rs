//! Graphs to ONNX files and back. Our own reader knows f32 models only; onnxruntime judges the others.

use bitdial_ir::onnx::{self, About};
use bitdial_ir::{Graph, IrError, Layout, passes};
use proptest::prelude::*;

use crate::files::{MODELS, cases, model};
use crate::generate::{graphs, quantized_graphs};
use crate::interpret;
use crate::ops::distance;

const ABOUT: About = About { version: "1.2.3", recipe: Some(r#"{"weights":{"bits":4}}"#) };

/// The graph, written and read.
fn again(graph: &Graph) -> Graph {
    onnx::read(&onnx::write(graph, ABOUT).unwrap()).unwrap()
}

/// What a caller sees of a graph. A value that is given twice has another name the second time.
fn ends(graph: &Graph) -> Vec<&[usize]> {
    graph.inputs.iter().chain(&graph.outputs).map(|&id| graph.value(id).dims.as_slice()).collect()
}

fn input(graph: &Graph, seed: usize) -> Vec<f32> {
    (0..graph.value(graph.inputs[0]).len()).map(|i| ((i * 29 + seed) % 83) as f32 / 41.0 - 1.0).collect()
}

/// Largest distance of the outputs of two graphs on the same input.
fn apart(a: &Graph, b: &Graph, seed: usize) -> f32 {
    let input = input(a, seed);
    let (a, b) = (interpret::run(a, &[&input]), interpret::run(b, &[&input]));
    a.iter().zip(&b).map(|(a, b)| distance(b, a)).fold(0.0, f32::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_graph_that_is_written_and_read_computes_the_same(graph in graphs(), seed in 0usize..100) {
        for graph in [graph.clone(), passes::prepare(graph).unwrap()] {
            let again = again(&graph);
            prop_assert_eq!(again.layout, Layout::Nchw);
            prop_assert_eq!(ends(&again), ends(&graph));
            let apart = apart(&graph, &again, seed);
            prop_assert!(apart < 1e-5, "{}", apart);
        }
    }

    #[test]
    fn every_quantized_graph_is_written_or_refused_with_its_layer(graph in quantized_graphs()) {
        match onnx::write(&graph, ABOUT) {
            Ok(bytes) => prop_assert!(!bytes.is_empty()),
            Err(IrError::Export { layer, reason }) => {
                prop_assert!(graph.nodes.iter().any(|n| n.name == layer) || graph.values.iter().any(|v| v.name == layer));
                prop_assert!(!reason.is_empty());
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

#[test]
fn models_are_written_as_they_were_read() {
    for name in MODELS {
        let graph = model(name);
        assert_eq!(again(&graph), graph, "{name}");
        // Prepared, written, read and prepared: what is left is the same, under the same names.
        let prepared = passes::prepare(graph).unwrap();
        let twice = passes::prepare(again(&prepared)).unwrap();
        let layers = |graph: &Graph| graph.nodes.iter().map(|n| (n.name.clone(), n.op.name())).collect::<Vec<_>>();
        assert_eq!(layers(&twice), layers(&prepared), "{name}");
        if name != "efficientnet-lite0" {
            assert!(apart(&prepared, &twice, 3) < 1e-6, "{name}");
        }
    }
}

#[test]
fn operators_are_written_as_they_were_read() {
    for case in cases() {
        let graph = onnx::read(&case.onnx).unwrap();
        let again = again(&graph);
        assert_eq!(ends(&again), ends(&graph), "{}", case.name);
        assert!(apart(&graph, &again, 5) < 1e-6, "{}", case.name);
    }
}
