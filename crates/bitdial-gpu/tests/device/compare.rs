//! A graph on the device and on the reference: every value, bit for bit.

use bitdial_conformance::Values;
use bitdial_gpu::{Gpu, GpuError, Options, Plan};
use bitdial_ir::Graph;
use futures::executor::block_on;

/// Runs a graph on the device twice, once looking at every value; says how many values were equal, and which kernels ran, or
/// what differs.
pub fn check(gpu: &Gpu, graph: &Graph, options: Options, input: &[f32], batch: usize) -> Result<(usize, Vec<String>), String> {
    let (expected, outputs) = Values::reference(graph, &[input], batch).map_err(|e| e.to_string())?;
    let failed = |e: GpuError| e.to_string();
    let mut plan = block_on(Plan::compile(gpu, graph, options)).map_err(failed)?;
    let found = block_on(plan.run(&[input], batch)).map_err(failed)?;
    let mut values = Values::default();
    block_on(plan.observe(&[input], batch, &mut |id, value| values.see(id, value))).map_err(failed)?;
    if let Some((id, wrong)) = expected.difference(&values) {
        let step = graph.nodes.iter().position(|node| node.output == id).map(|i| &plan.steps()[i].kernel);
        return Err(format!("'{}' ({step:?}): {wrong}", graph.value(id).name));
    }
    match Values::outputs_differ(&found, &outputs) {
        Some(wrong) => Err(format!("the outputs: {wrong}")),
        None => Ok((values.count(), plan.steps().iter().map(|step| step.kernel.clone()).collect())),
    }
}
