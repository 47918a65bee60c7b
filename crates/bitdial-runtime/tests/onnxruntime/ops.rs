//! Every operator of the fixtures, in f32, against onnxruntime.

use crate::support::{bytes, close, floats, json};
use bitdial_ir::{onnx, passes};
use bitdial_kernels::Backend;
use bitdial_runtime::{Options, Plan};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    input: Vec<usize>,
    output: Vec<usize>,
    operators: Vec<String>,
}

/// Runs a case on strict kernels and on the others.
fn run(case: &Case) -> Result<(), String> {
    let file = |end: &str| format!("tests/fixtures/ops/{}.{end}", case.name);
    let graph = onnx::read(&bytes(&file("onnx"))).and_then(passes::prepare).map_err(|e| e.to_string())?;
    let (x, y) = (floats(&file("in.bin")), floats(&file("out.bin")));
    assert_eq!(case.output.iter().product::<usize>(), y.len(), "{}", case.name);
    for strict in [false, true] {
        let mut plan = Plan::compile(&graph, Options { backend: Backend::Scalar, strict }).map_err(|e| e.to_string())?;
        let got = plan.run(&[&x], case.input[0]).map_err(|e| e.to_string())?;
        close(&got[0], &y, 1e-4)?;
    }
    Ok(())
}

#[test]
fn every_operator_gives_what_onnxruntime_gives() {
    let cases: Vec<Case> = json("tests/fixtures/ops/index.json");
    assert!(cases.len() > 100, "{} cases", cases.len());
    let failed = |case: &Case| run(case).err().map(|e| format!("{} {:?}: {e}", case.name, case.operators));
    let failed: Vec<String> = cases.iter().filter_map(failed).collect();
    assert!(failed.is_empty(), "{} of {} cases fail:\n{}", failed.len(), cases.len(), failed.join("\n"));
}
