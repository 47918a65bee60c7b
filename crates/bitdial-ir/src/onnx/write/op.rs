//! Operators as ONNX has them. Axes of ONNX count the batch.

use crate::graph::{Graph, Node};
use crate::onnx::write::file::{File, Step, float, int, ints};
use crate::onnx::write::{dynamic, weights};
use crate::op::{Binary, Conv, Linear, Op, Pool, Weights, Window};

/// The tensor that a node starts from and the steps that compute its operator, without activation and grid.
///
/// # Errors
/// A sentence about what ONNX cannot say.
pub fn steps(file: &mut File, graph: &Graph, node: &Node) -> Result<(String, Vec<Step>), String> {
    let dims = &graph.value(node.inputs[0]).dims;
    let from = match node.dynamic {
        Some(how) => dynamic::quantized(file, graph, node.inputs[0], how),
        None => file.value(node.inputs[0]),
    };
    let others = |file: &File| node.inputs[1..].iter().map(|&id| file.value(id)).collect::<Vec<_>>();
    let binary = |kind: Binary| if kind == Binary::Add { "Add" } else { "Mul" };
    let axes = |axes: &[usize]| axes.iter().map(|&a| a as i64 + 1).collect::<Vec<_>>();
    let steps = match &node.op {
        Op::Conv(conv) => vec![convolution(file, graph, node, conv)?],
        Op::Linear(linear) if dims.len() == 1 => vec![gemm(file, graph, node, linear)?],
        Op::Linear(linear) => product(file, graph, node, linear)?,
        Op::BatchNorm { factor, offset } => {
            let channels = [factor.len()];
            let mut constant = |what: &str, data: &[f32]| file.floats(format!("{}/{what}", node.name), &channels, data);
            let more = vec![
                constant("scale", factor),
                constant("bias", offset),
                constant("mean", &vec![0.0; factor.len()]),
                constant("variance", &vec![1.0; factor.len()]),
            ];
            vec![Step::with("BatchNormalization", more).set(float("epsilon", 0.0))]
        }
        Op::Activate => Vec::new(),
        Op::Binary(kind) => vec![Step::with(binary(*kind), others(file))],
        Op::BinaryConst(kind, tensor) => {
            let constant = file.floats(format!("{}/constant", node.name), &tensor.dims, &tensor.data);
            vec![Step::with(binary(*kind), vec![constant])]
        }
        Op::Concat(axis) => vec![Step::with("Concat", others(file)).set(int("axis", axis + 1))],
        Op::MaxPool(pool) => vec![window(Step::new("MaxPool"), &fitted(pool, graph, node))],
        Op::AveragePool(pool) => {
            let step = Step::new("AveragePool").set(int("count_include_pad", usize::from(pool.count_include_pad)));
            let step = window(step, &fitted(pool, graph, node));
            // onnxruntime's integer kernel knows no dilation.
            let apart = (pool.window.dilation != [1, 1]).then(|| nothing(file, node));
            apart.into_iter().chain([step]).collect()
        }
        // Over no axes, ONNX would take all of them.
        Op::Mean { axes, .. } if axes.is_empty() => Vec::new(),
        Op::Mean { axes, keep: true } if dims.len() == 3 && *axes == [1, 2] => vec![Step::new("GlobalAveragePool")],
        Op::Mean { axes: over, keep } => {
            let over = file.ints(format!("{}/axes", node.name), &axes(over));
            vec![Step::with("ReduceMean", vec![over]).set(int("keepdims", usize::from(*keep)))]
        }
        Op::Reshape(to) => vec![reshape(file, &node.name, to)],
        Op::Transpose(perm) => vec![Step::new("Transpose").set(ints("perm", std::iter::once(0).chain(perm.iter().map(|p| p + 1))))],
        Op::Pad { pads, value } => {
            let side = |i: usize| std::iter::once(0).chain(pads.iter().map(move |pad| pad[i] as i64));
            let pads = file.ints(format!("{}/pads", node.name), &side(0).chain(side(1)).collect::<Vec<_>>());
            let value = file.floats(format!("{}/border", node.name), &[], &[*value]);
            vec![Step::with("Pad", vec![pads, value])]
        }
        Op::Softmax(axis) => vec![Step::new("Softmax").set(int("axis", axis + 1))],
    };
    // onnxruntime would round real weights to integers of 8 bits where it finds them between integers.
    let real = match &node.op {
        Op::Conv(Conv { weights, .. }) | Op::Linear(Linear { weights, .. }) => !matches!(weights, Weights::Int(_)),
        _ => false,
    };
    let apart = (real && graph.value(node.inputs[0]).quant.is_some()).then(|| nothing(file, node));
    Ok((from, apart.into_iter().chain(steps).collect()))
}

/// A step that changes nothing, behind which onnxruntime does not look for integers.
fn nothing(file: &mut File, node: &Node) -> Step {
    let mut end = |what: &str, x: f32| file.floats(format!("{}/{what}", node.name), &[], &[x]);
    Step::with("Clip", vec![end("least", f32::MIN), end("most", f32::MAX)])
}

/// Other dimensions for each image. A 0 keeps the batch.
fn reshape(file: &mut File, name: &str, to: &[usize]) -> Step {
    let to: Vec<i64> = std::iter::once(0).chain(to.iter().map(|&d| d as i64)).collect();
    Step::with("Reshape", vec![file.ints(format!("{name}/shape"), &to)])
}

fn convolution(file: &mut File, graph: &Graph, node: &Node, conv: &Conv) -> Result<Step, String> {
    let [rows, columns] = conv.window.kernel;
    let dims = [conv.out_channels, rows, columns, conv.in_channels / conv.groups];
    let more = weights::operands(file, graph, node, (&conv.weights, conv.bias.as_deref()), weights::Form::Filters(dims))?;
    Ok(window(Step::with("Conv", more).set(int("group", conv.groups)), &conv.window))
}

/// A matrix product of a list of features.
fn gemm(file: &mut File, graph: &Graph, node: &Node, linear: &Linear) -> Result<Step, String> {
    let form = weights::Form::Rows([linear.out_features, linear.in_features]);
    let more = weights::operands(file, graph, node, (&linear.weights, linear.bias.as_deref()), form)?;
    Ok(Step::with("Gemm", more).set(int("transB", 1)))
}

/// A matrix product over the last of several dimensions.
fn product(file: &mut File, graph: &Graph, node: &Node, linear: &Linear) -> Result<Vec<Step>, String> {
    let form = weights::Form::Columns([linear.out_features, linear.in_features]);
    let mut more = weights::operands(file, graph, node, (&linear.weights, linear.bias.as_deref()), form)?;
    let bias = more.split_off(1);
    let mut steps = vec![Step::with("MatMul", more)];
    steps.extend((!bias.is_empty()).then(|| Step::with("Add", bias)));
    Ok(steps)
}

fn window(step: Step, window: &Window) -> Step {
    let Window { kernel, stride, pad, dilation } = window;
    let attributes = [("kernel_shape", &kernel[..]), ("strides", stride), ("pads", pad), ("dilations", dilation)];
    let needed = attributes.into_iter().filter(|(name, values)| *name != "dilations" || **values != [1, 1]);
    needed.fold(step, |step, (name, values)| step.set(ints(name, values.iter().copied())))
}

/// The window of a pool without the padding that no window reaches: onnxruntime takes no more of it than a window.
fn fitted(pool: &Pool, graph: &Graph, node: &Node) -> Window {
    let mut window = pool.window;
    let (from, to) = (&graph.value(node.inputs[0]).dims, &graph.value(node.output).dims);
    for axis in 0..2 {
        let reach = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
        let end = (to[axis + 1] - 1) * window.stride[axis] + reach;
        window.pad[axis + 2] = end.saturating_sub(from[axis + 1] + window.pad[axis]);
    }
    window
}
