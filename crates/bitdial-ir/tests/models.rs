//! The committed models.

use bitdial_ir::{Graph, Layout, Op, onnx, passes};

fn read(model: &str) -> Graph {
    let path = format!("{}/../../models/{model}.onnx", env!("CARGO_MANIFEST_DIR"));
    onnx::read(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_model_is_read_and_prepared() {
    // Nodes as they stand in the file (constants apart), and what is left of them.
    for (model, nodes, prepared, input, outputs) in [
        ("digits", 18, 9, vec![1, 28, 28], 10),
        ("fashion-resnet", 31, 16, vec![1, 28, 28], 10),
        ("fashion-mobilenet", 36, 15, vec![1, 28, 28], 10),
        ("efficientnet-lite0", 143, 62, vec![3, 224, 224], 1000),
    ] {
        let graph = read(model);
        assert_eq!((graph.layout, graph.nodes.len()), (Layout::Nchw, nodes), "{model}");
        let graph = passes::prepare(graph).unwrap();
        assert_eq!((graph.layout, graph.nodes.len()), (Layout::Nhwc, prepared), "{model}");
        assert_eq!(graph.value(graph.inputs[0]).dims, input, "{model}");
        let output = graph.value(graph.outputs[0]);
        assert_eq!((output.name.as_str(), &output.dims), ("logits", &vec![outputs]), "{model}");
        let left = |op: &Op| matches!(op, Op::BatchNorm { .. } | Op::Activate | Op::BinaryConst(..));
        assert!(!graph.nodes.iter().any(|n| left(&n.op)), "{model} has a node that should be folded or fused");
        let again = passes::prepare(graph.clone()).unwrap();
        assert_eq!(again, graph, "{model}: preparing twice is preparing once");
    }
}
