//! The conformance suite on WebGPU, in a worker of a real browser. Without an adapter it fails.
#![cfg(target_arch = "wasm32")]

use bitdial_conformance::{GraphCase, Values, graph_cases};
use bitdial_gpu::{Candidate, Gpu, GpuError, Options, Plan};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Random shapes besides the fixed ones: a software adapter takes its time.
const RANDOM_SHAPES: usize = 12;

/// Runs a case on the device twice, once looking at every value; says how many values were equal, or what differs.
async fn check(gpu: &Gpu, case: &GraphCase, options: Options) -> Result<usize, String> {
    let failed = |e: GpuError| e.to_string();
    let (expected, outputs) = Values::reference(&case.graph, &[&case.input], case.batch).map_err(|e| e.to_string())?;
    let mut plan = Plan::compile(gpu, &case.graph, options).await.map_err(failed)?;
    let found = plan.run(&[&case.input], case.batch).await.map_err(failed)?;
    let mut values = Values::default();
    plan.observe(&[&case.input], case.batch, &mut |id, value| values.see(id, value)).await.map_err(failed)?;
    if let Some((id, wrong)) = expected.difference(&values) {
        return Err(format!("'{}': {wrong}", case.graph.value(id).name));
    }
    Values::outputs_differ(&found, &outputs).map_or(Ok(values.count()), |wrong| Err(format!("the outputs: {wrong}")))
}

#[wasm_bindgen_test]
async fn graphs_are_computed_as_the_reference_does() {
    let gpu = Gpu::open().await.unwrap_or_else(|e| panic!("{e}"));
    console_log!("{:?}", gpu.info());
    let candidates = Candidate::all(&gpu);
    let (mut graphs, mut values) = (0, 0);
    for (i, case) in graph_cases(RANDOM_SHAPES).enumerate() {
        // Every other one with room for more images than there are, every third without fused sums.
        let fuse = !i.is_multiple_of(3);
        // Every kernel now and then: compiling one takes long.
        let candidate = if i.is_multiple_of(37) { i / 37 % candidates.len() } else { 0 };
        let (candidate, exact) = (Some(candidates[candidate]), i.is_multiple_of(101));
        let options = Options { batch: 1 + i % 2, fuse, candidate, exact, ..Options::default() };
        match check(&gpu, &case, options).await {
            Ok(count) => {
                graphs += 1;
                values += count;
            }
            Err(wrong) => panic!("{}, {options:?}: {wrong}", case.name),
        }
    }
    console_log!("webgpu: {graphs} graphs, {values} values equal");
    assert!(graphs > 500, "{graphs} graphs");
}

#[wasm_bindgen_test]
async fn a_lost_device_says_so() {
    let gpu = Gpu::open().await.unwrap_or_else(|e| panic!("{e}"));
    let case = graph_cases(0).next().expect("there is a case");
    let mut plan = Plan::compile(&gpu, &case.graph, Options::default()).await.unwrap_or_else(|e| panic!("{e}"));
    gpu.destroy();
    let error = plan.run(&[&case.input], case.batch).await.expect_err("the device is gone");
    assert!(matches!(error, GpuError::DeviceLost(_)), "{error}");
}
