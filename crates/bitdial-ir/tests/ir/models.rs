//! The committed models.

use bitdial_ir::{Layout, Op, packed, passes};

use crate::files::{MODELS, floats, model, unzipped};
use crate::interpret;
use crate::ops::distance;

#[test]
fn every_model_is_read_and_prepared() {
    // Nodes as they stand in the file (constants apart), and what is left of them.
    for (name, nodes, prepared, input, outputs) in [
        ("digits", 18, 8, vec![1, 28, 28], 10),
        ("fashion-resnet", 31, 15, vec![1, 28, 28], 10),
        ("fashion-mobilenet", 36, 14, vec![1, 28, 28], 10),
        ("efficientnet-lite0", 143, 61, vec![3, 224, 224], 1000),
    ] {
        let graph = model(name);
        assert_eq!((graph.layout, graph.nodes.len()), (Layout::Nchw, nodes), "{name}");
        let graph = passes::prepare(graph).unwrap();
        assert_eq!((graph.layout, graph.nodes.len()), (Layout::Nhwc, prepared), "{name}");
        assert_eq!(graph.value(graph.inputs[0]).dims, input, "{name}");
        let output = graph.value(graph.outputs[0]);
        assert_eq!((output.name.as_str(), &output.dims), ("logits", &vec![outputs]), "{name}");
        let left = |op: &Op| matches!(op, Op::BatchNorm { .. } | Op::Activate | Op::BinaryConst(..));
        assert!(!graph.nodes.iter().any(|n| left(&n.op)), "{name} has a node that should be folded or fused");
    }
}

#[test]
fn prepared_models_give_the_logits_of_onnxruntime() {
    for (name, images) in [("digits", "mnist"), ("fashion-resnet", "fashion-mnist"), ("fashion-mobilenet", "fashion-mnist")] {
        let graph = passes::prepare(model(name)).unwrap();
        let pixels = unzipped(&format!("assets/{images}/t10k-images-idx3-ubyte.gz"));
        let logits = floats(&unzipped(&format!("tests/fixtures/f32/{name}.logits.bin.gz")));
        for (image, wanted) in pixels[16..].chunks(28 * 28).zip(logits.chunks(10)).take(3) {
            let input: Vec<f32> = image.iter().map(|&p| f32::from(p) / 255.0).collect();
            let found = interpret::run(&graph, &[&input]);
            let error = distance(&found[0], wanted);
            assert!(error < 1e-5, "{name}: {error}");
        }
    }
}

#[test]
fn a_packed_model_is_little_more_than_its_weights() {
    for name in MODELS {
        let graph = passes::prepare(model(name)).unwrap();
        let bytes = packed::write(&graph);
        assert_eq!(packed::read(&bytes).as_ref(), Ok(&graph), "{name}");
        let constants: usize = graph.nodes.iter().map(packed::node_bytes).sum();
        let elements: usize = graph.nodes.iter().map(|n| n.op.constant_len()).sum();
        assert_eq!(constants, 4 * elements, "{name}: f32 takes four bytes");
        let structure = bytes.len() - constants;
        assert!(structure < 60 * graph.nodes.len(), "{name}: {structure} bytes for {} nodes", graph.nodes.len());
    }
}
