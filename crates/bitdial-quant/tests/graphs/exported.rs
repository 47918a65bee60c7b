//! Random quantized graphs as ONNX files. Where `BITDIAL_EXPORT` names a folder, they go there with what we compute, for
//! `tests/onnx/judge.py`.

use std::path::PathBuf;

use bitdial_ir::IrError;
use bitdial_ir::onnx::{self, About};
use bitdial_kernels::Backend;
use bitdial_runtime::{Options, Plan};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::generate::{graph, images};
use crate::random::{quantized, recipe};

/// How many graphs, and images of each.
const GRAPHS: usize = 150;
const IMAGES: usize = 4;

#[test]
fn random_graphs_are_written_or_refused_with_a_reason() {
    let folder = std::env::var_os("BITDIAL_EXPORT").map(PathBuf::from);
    let mut runner = TestRunner::deterministic();
    let (mut cases, mut refused) = (Vec::new(), 0);
    for seed in 0..GRAPHS {
        let (graph, recipe) = (graph(), recipe()).new_tree(&mut runner).unwrap().current();
        let inputs = images(&graph, IMAGES, seed as u64);
        let quantized = quantized(&graph, &recipe, &inputs, IMAGES);
        let about = About { version: "0.0.0", recipe: Some(&recipe.to_json()) };
        let bytes = match onnx::write(&quantized, about) {
            Ok(bytes) => bytes,
            Err(IrError::Export { layer, reason }) => {
                assert!(!layer.is_empty() && reason.contains("simulated"), "{layer}: {reason}");
                refused += 1;
                continue;
            }
            Err(other) => panic!("{other}"),
        };
        let Some(folder) = &folder else { continue };
        let mut plan = Plan::compile(&quantized, Options { backend: Backend::Scalar, strict: true }).unwrap();
        let outputs = plan.run(&[&inputs], IMAGES).unwrap();
        let dims = &quantized.value(quantized.inputs[0]).dims;
        let file = format!("random-{seed}.onnx");
        std::fs::write(folder.join(&file), bytes).unwrap();
        cases
            .push(json!({ "file": file, "recipe": recipe.to_json(), "dims": dims, "images": IMAGES, "input": inputs, "outputs": outputs }));
    }
    assert!(refused < GRAPHS / 5, "{refused} of {GRAPHS} graphs were refused");
    if let Some(folder) = folder {
        std::fs::write(folder.join("random.json"), serde_json::to_string(&cases).unwrap()).unwrap();
    }
}
