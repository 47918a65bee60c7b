//! What goes wrong, and what is said then.

use bitdial_conformance::graph_cases;
use bitdial_gpu::{Gpu, GpuError, Options, Plan};
use bitdial_ir::{Activation, Graph, Layout, Linear, Node, Op, Value, ValueId, Weights};
use futures::executor::block_on;

use super::gpu;

/// A linear layer and what comes after it.
fn graph(inputs: usize, outputs: usize, activation: Activation) -> Graph {
    let value = |name: &str, len: usize| Value { name: name.into(), dims: vec![len], quant: None, simulated: None };
    let weights = Weights::F32(vec![0.5; inputs * outputs]);
    let node = Node {
        name: "fc".into(),
        op: Op::Linear(Linear { out_features: outputs, in_features: inputs, weights, bias: None }),
        inputs: vec![ValueId(0)],
        output: ValueId(1),
        activation,
        dynamic: None,
    };
    Graph {
        name: String::new(),
        values: vec![value("x", inputs), value("y", outputs)],
        nodes: vec![node],
        inputs: vec![ValueId(0)],
        outputs: vec![ValueId(1)],
        layout: Layout::Nhwc,
        accumulator: None,
    }
}

fn compile(gpu: &Gpu, graph: &Graph, batch: usize) -> Result<Plan, GpuError> {
    block_on(Plan::compile(gpu, graph, Options { batch, ..Options::default() }))
}

#[test]
fn a_lost_device_is_said_to_be_lost() {
    let gpu = gpu();
    let case = graph_cases(0).next().unwrap();
    let mut plan = compile(&gpu, &case.graph, 1).unwrap();
    assert!(block_on(plan.run(&[&case.input], case.batch)).is_ok());
    assert_eq!(gpu.lost(), None);
    gpu.destroy();
    assert!(gpu.lost().is_some());
    let lost = |error: Option<GpuError>| assert!(matches!(error, Some(GpuError::DeviceLost(_))), "{error:?}");
    lost(block_on(plan.run(&[&case.input], case.batch)).err());
    lost(block_on(plan.observe(&[&case.input], case.batch, &mut |_, _| {})).err());
    lost(block_on(plan.profile(1, &|| 0.0)).err());
    lost(compile(&gpu, &case.graph, 1).err());
    // Another one can be opened.
    let mut plan = compile(&super::gpu(), &case.graph, 1).unwrap();
    assert!(block_on(plan.run(&[&case.input], case.batch)).is_ok());
}

#[test]
fn what_does_not_fit_is_said_not_to() {
    let gpu = gpu();
    let limit = gpu.info().max_buffer.min(gpu.info().max_binding);
    // Weights of more bytes than a buffer may have; the activations are small.
    let side = (limit as f64 / 4.0).sqrt() as usize + 64;
    let error = compile(&gpu, &graph(side, side, Activation::None), 1).err();
    let Some(GpuError::TooLarge { what, needs, limit: found }) = &error else { panic!("{error:?}") };
    assert!(what == "the weights" && needs > found && *found == limit, "{error:?}");
    // A batch that does not fit is computed in parts.
    let plan = compile(&gpu, &graph(1 << 20, 1, Activation::None), usize::MAX / (1 << 20)).unwrap();
    assert!(plan.capacity() > 1 && plan.memory_bytes()[0] as u64 <= limit, "{}", plan.capacity());
}

#[test]
fn what_has_no_kernel_is_named() {
    let gpu = gpu();
    let error = compile(&gpu, &graph(4, 4, Activation::Sigmoid), 1).err().map(|e| e.to_string());
    assert_eq!(error.as_deref(), Some("layer 'fc' does not run on the GPU yet: there is no sigmoid of real numbers"));
    let mut wrong = graph(4, 4, Activation::None);
    wrong.values[1].dims = vec![5];
    assert!(matches!(compile(&gpu, &wrong, 1), Err(GpuError::Graph(_))));
}

#[test]
fn inputs_of_another_length_are_refused() {
    let mut plan = compile(&gpu(), &graph(4, 3, Activation::None), 2).unwrap();
    for (inputs, batch) in [(&[][..], 1), (&[&[0.0; 4][..], &[0.0; 4]], 1), (&[&[0.0; 5]], 1), (&[&[0.0; 4]], 2)] {
        assert!(matches!(block_on(plan.run(inputs, batch)), Err(GpuError::Graph(_))), "{} {batch}", inputs.len());
    }
    for batch in [0, 1, 2, 5] {
        let output = block_on(plan.run(&[&vec![1.0; 4 * batch]], batch)).unwrap();
        assert_eq!(output, [vec![2.0; 3 * batch]]);
    }
}
