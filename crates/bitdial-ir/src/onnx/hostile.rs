//! Tests: files that are well-formed protobuf and no model, or one that would cost too much.

use prost::Message;

use super::proto::*;
use super::read;

fn model(graph: GraphProto) -> ModelProto {
    let opset = OperatorSetIdProto { domain: None, version: Some(17) };
    ModelProto { ir_version: Some(8), graph: Some(graph), opset_import: vec![opset] }
}

fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim = |&d: &i64| DimensionProto { dim_value: (d > 0).then_some(d), dim_param: (d <= 0).then(|| "N".to_owned()) };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor_type = Some(TensorTypeProto { elem_type: Some(data_type::FLOAT), shape });
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(TypeProto { tensor_type }) }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(|w| if w == "-" { String::new() } else { w.to_owned() }).collect()
}

fn node(op: &str, inputs: &str, outputs: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    let (name, op_type) = (Some(format!("the {op}")), Some(op.to_owned()));
    NodeProto { input: words(inputs), output: words(outputs), name, op_type, attribute, domain: None }
}

fn named(name: &str, kind: i32) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), r#type: Some(kind), ..Default::default() }
}

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { ints: ints.to_vec(), ..named(name, kind::INTS) }
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i: Some(i), ..named(name, kind::INT) }
}

fn text(name: &str, s: &str) -> AttributeProto {
    AttributeProto { s: Some(s.as_bytes().to_vec()), ..named(name, kind::STRING) }
}

fn floats(name: &str, dims: &[i64], value: f32) -> TensorProto {
    let len = dims.iter().product::<i64>() as usize;
    TensorProto {
        dims: dims.to_vec(),
        data_type: Some(data_type::FLOAT),
        float_data: vec![value; len],
        name: Some(name.to_owned()),
        ..Default::default()
    }
}

fn integers(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        dims: vec![values.len() as i64],
        data_type: Some(data_type::INT64),
        int64_data: values.to_vec(),
        name: Some(name.to_owned()),
        ..Default::default()
    }
}

/// A graph from `x`, an image of 2 x 6 x 6, to `y`.
fn graph(node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> GraphProto {
    let (input, output) = (vec![value("x", &[0, 2, 6, 6])], vec![value("y", &[])]);
    GraphProto { node, initializer, input, output, ..Default::default() }
}

fn refusal(model: &ModelProto) -> String {
    match read(&model.encode_to_vec()) {
        Ok(graph) => panic!("read as {graph:?}"),
        Err(error) => error.to_string(),
    }
}

/// A convolution of `x` with weights of 4 x 2 x 3 x 3.
fn conv(attributes: Vec<AttributeProto>) -> GraphProto {
    graph(vec![node("Conv", "x w", "y", attributes)], vec![floats("w", &[4, 2, 3, 3], 1.0)])
}

fn pool(attributes: Vec<AttributeProto>) -> GraphProto {
    graph(vec![node("MaxPool", "x", "y", attributes)], vec![])
}

fn reshape(target: &[i64]) -> GraphProto {
    graph(vec![node("Reshape", "x t", "y", vec![])], vec![integers("t", target)])
}

fn unary(op: &str, attributes: Vec<AttributeProto>) -> GraphProto {
    graph(vec![node(op, "x", "y", attributes)], vec![])
}

/// The graph with something changed.
fn with(mut graph: GraphProto, change: impl FnOnce(&mut GraphProto)) -> GraphProto {
    change(&mut graph);
    graph
}

#[test]
fn what_the_others_are_variants_of_is_read() {
    for graph in [
        conv(vec![]),
        pool(vec![ints("kernel_shape", &[2, 2])]),
        reshape(&[0, -1]),
        reshape(&[-1, 72]),
        reshape(&[1, 8, 9]),
        reshape(&[0, 2, 1, 1, 1, 1, 1, 1, 36]),
        unary("Relu", vec![]),
    ] {
        read(&model(graph).encode_to_vec()).unwrap();
    }
}

#[test]
fn nodes_that_do_not_fit_are_refused() {
    for (graph, reason) in [
        // Operators and attributes.
        (unary("Einsum", vec![]), "node `the Einsum` needs the operator Einsum, which is not supported"),
        (unary("", vec![]), "needs the operator , which"),
        (with(unary("Relu", vec![]), |g| g.node[0].domain = Some("com.microsoft".to_owned())), "operator com.microsoft.Relu"),
        (unary("Relu", vec![int("alpha", 1)]), "node `the Relu` (Relu): its attribute `alpha` is not one of this operator"),
        (unary("Relu", vec![AttributeProto { g: Some(vec![0xFF]), ..named("body", 5) }]), "`body` is a graph"),
        (unary("LeakyRelu", vec![int("alpha", 1)]), "`alpha` has the wrong type"),
        (unary("LeakyRelu", vec![AttributeProto { f: Some(f32::NAN), ..named("alpha", kind::FLOAT) }]), "no numbers"),
        (unary("Softmax", vec![int("axis", 1), int("axis", 2)]), "the attribute `axis` twice"),
        (unary("Softmax", vec![int("axis", 0)]), "along the batch"),
        (unary("Softmax", vec![int("axis", i64::MIN)]), "outside of its 4 dimensions"),
        (unary("Flatten", vec![int("axis", 0)]), "mixes the batch"),
        (unary("Flatten", vec![int("axis", 2)]), "mixes the batch"),
        (unary("Transpose", vec![ints("perm", &[1, 0, 2, 3])]), "moves the batch"),
        (unary("Transpose", vec![ints("perm", &[0, 1, 1, 3])]), "no order of its axes"),
        (unary("Transpose", vec![]), "moves the batch"),
        (unary("ReduceMean", vec![]), "over all images of a batch"),
        (unary("ReduceMean", vec![ints("axes", &[2, -2])]), "an axis twice"),
        (unary("Concat", vec![]), "its axis is missing"),
        (unary("Cast", vec![int("to", 7)]), "changes the type to int64"),
        (unary("Constant", vec![]), "no value of a supported type"),
        // Operands.
        (with(unary("Relu", vec![]), |g| g.node[0].input.clear()), "it has no operand 1"),
        (with(unary("Relu", vec![]), |g| g.node[0].output.clear()), "it has no output"),
        (with(unary("Relu", vec![]), |g| g.node[0].input = words("z")), "reads `z`, which is neither"),
        (with(unary("Relu", vec![]), |g| g.node[0].input = words("x x")), "has 2 operands, more than the operator takes"),
        (graph(vec![node("Add", "a b", "y", vec![])], vec![floats("a", &[300], 1.0), floats("b", &[300], 1.0)]), "both of its operands"),
        (
            graph(vec![node("Add", "x b", "y", vec![])], vec![floats("b", &[3, 1, 1], 1.0)]),
            "constant 3x1x1 does not broadcast to its operand 2x6x6",
        ),
        (graph(vec![node("Mul", "x b", "y", vec![])], vec![floats("b", &[2, 2, 6, 6], 1.0)]), "differs from image to image"),
        (graph(vec![node("Mul", "x b", "y", vec![])], vec![floats("b", &[], f32::INFINITY)]), "constants are not all finite"),
        (graph(vec![node("Clip", "x low", "y", vec![])], vec![floats("low", &[2], 0.0)]), "needs a single number and gets 2"),
        (graph(vec![node("Clip", "x low", "y", vec![])], vec![floats("low", &[], f32::NAN)]), "a bound is not a number"),
        (graph(vec![node("MatMul", "w x", "y", vec![])], vec![floats("w", &[6, 6], 1.0)]), "operand 1 is a constant"),
        (graph(vec![node("MatMul", "x w", "y", vec![])], vec![floats("w", &[5, 6], 1.0)]), "for 5 inputs, and its input is 2x6x6"),
        (graph(vec![node("MatMul", "x x", "y", vec![])], vec![]), "are computed by the graph; only constants"),
        (graph(vec![node("Gemm", "x w", "y", vec![])], vec![floats("w", &[6, 6], 1.0)]), "one dimension besides the batch"),
        // Convolutions.
        (with(conv(vec![]), |g| g.initializer[0] = floats("w", &[4, 3, 3, 3], 1.0)), "for 3 input channels, and its input 2x6x6 has 2"),
        (with(conv(vec![]), |g| g.initializer[0] = floats("w", &[4, 2, 7, 7], 1.0)), "reaches over 7 and its padded input has 6 rows"),
        (with(conv(vec![]), |g| g.initializer[0] = floats("w", &[4, 2, 3], 1.0)), "only two-dimensional convolutions"),
        (with(conv(vec![]), |g| g.initializer[0] = floats("w", &[4, 2, 0, 3], 1.0)), "below 1"),
        (with(conv(vec![]), |g| g.initializer[0] = floats("w", &[0, 2, 3, 3], 1.0)), "do not divide"),
        (with(conv(vec![]), |g| g.initializer[0] = floats("w", &[4, 2, 3, 3], f32::NAN)), "weights are not all finite"),
        (with(conv(vec![]), |g| g.initializer[0] = integers("w", &[1])), "weights are 1;"),
        (with(conv(vec![]), |g| g.initializer[0].data_type = Some(9)), "gets type bool"),
        (conv(vec![int("group", 0)]), "it has 0 groups"),
        (conv(vec![int("group", -1)]), "it has -1 groups"),
        (conv(vec![int("group", 3)]), "for 6 input channels"),
        (conv(vec![int("group", i64::MAX)]), "it has 9223372036854775807 groups"),
        (conv(vec![ints("strides", &[0, 1])]), "below 1"),
        (conv(vec![ints("strides", &[-1, 1])]), "its strides has the entry -1"),
        (conv(vec![ints("strides", &[1])]), "its strides has 1 entries and needs 2"),
        (conv(vec![ints("dilations", &[1 << 40, 1])]), "its dilations has the entry"),
        (conv(vec![ints("pads", &[1, 1, 1, i64::MAX])]), "its pads has the entry"),
        (conv(vec![ints("pads", &[32768, 32768, 32768, 32768])]), "empty or too many"),
        (conv(vec![ints("kernel_shape", &[5, 5])]), "kernel_shape is not that of its weights, 4x2x3x3"),
        (conv(vec![text("auto_pad", "SAME_SIDE")]), "auto_pad is `SAME_SIDE`"),
        (conv(vec![text("auto_pad", "SAME_UPPER"), ints("pads", &[1, 1, 1, 1])]), "both pads and auto_pad"),
        (
            with(conv(vec![]), |g| {
                g.node[0].input.push("b".to_owned());
                g.initializer.push(floats("b", &[3], 1.0));
            }),
            "3 biases and needs 4",
        ),
        // Pools.
        (pool(vec![]), "kernel_shape is missing"),
        (pool(vec![ints("kernel_shape", &[7, 1])]), "reaches over 7 and its padded input has 6 rows"),
        (pool(vec![ints("kernel_shape", &[2, 2]), ints("pads", &[2, 0, 0, 0])]), "wholly in the padding"),
        (pool(vec![ints("kernel_shape", &[2, 2]), ints("pads", &[0, 0, 9, 9])]), "wholly in the padding"),
        (pool(vec![ints("kernel_shape", &[2, 2]), int("ceil_mode", 2)]), "`ceil_mode` is 2, not 0 or 1"),
        (with(pool(vec![ints("kernel_shape", &[2, 2])]), |g| g.node[0].output = words("p y")), "`y`: it is a further output"),
        // Shapes.
        (reshape(&[]), "has no dimensions"),
        (reshape(&[-1, -1]), "does not keep the batch apart"),
        (reshape(&[-1, 36]), "does not keep the batch apart"),
        (reshape(&[0, 0, 0, 0, 0]), "does not keep the batch apart"),
        (reshape(&[0, 7, -1]), "does not keep the batch apart"),
        (reshape(&[72]), "does not keep the batch apart"),
        (reshape(&[0, i64::MAX, i64::MAX]), "does not keep the batch apart"),
        (reshape(&[0, -2]), "does not keep the batch apart"),
        (reshape(&[0, 2, 1, 1, 1, 1, 1, 1, 1, 36]), "does not reshape to"),
        (reshape(&vec![1; 100_000]), "only lists of up to 256"),
        (graph(vec![node("Unsqueeze", "x a", "y", vec![])], vec![integers("a", &[0])]), "before the batch"),
        (
            graph(vec![node("Unsqueeze", "x a", "y", vec![])], vec![integers("a", &(0..100_000).collect::<Vec<_>>())]),
            "needs a few integers and gets 100000",
        ),
        (graph(vec![node("Unsqueeze", "x a", "y", vec![])], vec![integers("a", &[5, 6, 7, 8, 9, 4])]), "does not reshape to"),
        (graph(vec![node("Squeeze", "x a", "y", vec![])], vec![integers("a", &[1])]), "removes a dimension of 2x6x6 that is not 1"),
        (graph(vec![node("Pad", "x p", "y", vec![])], vec![integers("p", &[0, 0, 0, 0, 0, 0, 0, -1])]), "a pad of -1"),
        (graph(vec![node("Pad", "x p", "y", vec![])], vec![integers("p", &[1, 0, 0, 0, 0, 0, 0, 0])]), "pads the batch"),
        (graph(vec![node("Pad", "x p", "y", vec![])], vec![integers("p", &[0, 0, 1 << 26, 0, 0, 0, 0, 0])]), "empty or too many"),
        (graph(vec![node("Pad", "x p", "y", vec![text("mode", "reflect")])], vec![integers("p", &[0; 8])]), "mode is `reflect`"),
        (graph(vec![node("Concat", "x c", "y", vec![int("axis", 1)])], vec![integers("c", &[1])]), "a constant and a value together"),
    ] {
        let error = refusal(&model(graph));
        assert!(error.contains(reason), "wanted: {reason}\nfound: {error}");
    }
}

#[test]
fn graphs_that_do_not_hold_together_are_refused() {
    let relu = || unary("Relu", vec![]);
    for (graph, reason) in [
        (GraphProto::default(), "its graph has no output"),
        (with(relu(), |g| g.output.clear()), "its graph has no output"),
        (with(relu(), |g| g.output[0] = value("z", &[])), "graph output `z`: no node writes it"),
        (with(relu(), |g| g.node.clear()), "graph output `y`: no node writes it"),
        (with(conv(vec![]), |g| g.output[0] = value("w", &[])), "graph output `w`: it is a constant"),
        (with(relu(), |g| g.node.push(node("Sigmoid", "x", "y", vec![]))), "`y` is defined twice"),
        (with(relu(), |g| g.node.push(node("Sigmoid", "x", "x", vec![]))), "`x` is defined twice"),
        (with(relu(), |g| g.input.push(value("x", &[0, 1]))), "`x` is defined twice"),
        (with(conv(vec![]), |g| g.initializer.push(floats("w", &[1], 1.0))), "`w` is defined twice"),
        (with(relu(), |g| g.node[0].input = words("y")), "node `the Relu` (Relu) needs its own result"),
        (
            graph(
                vec![
                    node("Relu", "c", "y", vec![]),
                    node("Sigmoid", "b", "a", vec![]),
                    node("Add", "a x", "b", vec![]),
                    node("HardSwish", "a", "c", vec![]),
                ],
                vec![],
            ),
            "node `the Sigmoid` (Sigmoid) needs its own result",
        ),
        (with(relu(), |g| g.input[0] = value("x", &[0, 2, 0, 6])), "graph input `x`: its dimension 2 has no fixed size"),
        (with(relu(), |g| g.input[0] = value("x", &[])), "it has no batch dimension"),
        (with(relu(), |g| g.input[0] = value("x", &[1; 30])), "it has 30 dimensions"),
        (with(relu(), |g| g.input[0] = value("x", &[0, 1 << 40, 1 << 40])), "graph input `x`: "),
        (with(relu(), |g| g.input[0] = value("x", &[0, 1 << 14, 1 << 14])), "too many elements"),
        (with(relu(), |g| g.input[0].r#type = None), "it is not a tensor"),
        (
            with(relu(), |g| {
                g.input[0] = ValueInfoProto {
                    r#type: Some(TypeProto { tensor_type: Some(TensorTypeProto { elem_type: Some(7), shape: None }) }),
                    ..value("x", &[])
                }
            }),
            "it holds int64 and not floats",
        ),
        (
            with(conv(vec![]), |g| g.initializer[0].float_data.truncate(71)),
            "initializer `w`: its dimensions 4x2x3x3 need 72 elements, and it has 71",
        ),
        (with(conv(vec![]), |g| g.initializer[0].dims = vec![1 << 30; 4]), "initializer `w`: its dimensions"),
        (with(conv(vec![]), |g| g.initializer[0].data_location = Some(1)), "another file"),
        (with(conv(vec![]), |g| g.initializer[0].name = None), "it has no name"),
        (with(relu(), |g| g.sparse_initializer.push(vec![])), "sparse"),
    ] {
        let error = refusal(&model(graph));
        assert!(error.contains(reason), "wanted: {reason}\nfound: {error}");
    }
}

#[test]
fn versions_that_are_not_known_are_refused() {
    let good = model(unary("Relu", vec![]));
    let opset = |domain: Option<&str>, version| OperatorSetIdProto { domain: domain.map(ToOwned::to_owned), version };
    for (model, reason) in [
        (ModelProto { opset_import: vec![], ..good.clone() }, "does not say which version"),
        (ModelProto { opset_import: vec![opset(Some("ai.onnx.ml"), Some(3))], ..good.clone() }, "does not say which version"),
        (ModelProto { opset_import: vec![opset(None, Some(5))], ..good.clone() }, "needs version 5 of"),
        (ModelProto { opset_import: vec![opset(Some(""), Some(1000))], ..good.clone() }, "needs version 1000 of"),
        (ModelProto { graph: None, ..good.clone() }, "it has no graph"),
        (ModelProto::default(), "neither a graph nor versions"),
    ] {
        let error = refusal(&model);
        assert!(error.contains(reason), "wanted: {reason}\nfound: {error}");
    }
    for bytes in [b"".as_slice(), b"PK\x03\x04", b"<html>", &[0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], &[0xFF; 64], &[0x0B; 64]] {
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.starts_with("this file is not an ONNX model"), "{bytes:?}: {error}");
    }
}

#[test]
fn models_that_would_cost_too_much_are_refused() {
    // Half a kilobyte of file for each: the cost would lie in memory or time.
    let chain = |count: usize, op: &str, initializer: Vec<TensorProto>, operand: &str| {
        let step = |i: usize| {
            let to = if i + 1 == count { "y".to_owned() } else { format!("v{i}") };
            let from = if i == 0 { "x".to_owned() } else { format!("v{}", i - 1) };
            NodeProto { name: None, ..node(op, &format!("{from} {operand}"), &to, vec![]) }
        };
        graph((0..count).map(step).collect(), initializer)
    };
    let wide = |g: &mut GraphProto| g.input[0] = value("x", &[0, 1 << 11, 1 << 11]);
    let empty = |tag: u8, count: usize| [&[0x3A][..], &varint(2 * count), &[tag, 0].repeat(count)].concat();
    for (bytes, reason) in [
        (model(with(chain(100, "Relu", vec![], ""), wide)).encode_to_vec(), "134 million elements"),
        (model(chain(1000, "MatMul", vec![floats("w", &[6, 6], 1.0)], "w")).encode_to_vec(), ""),
        // Weights that many nodes share are copied for each.
        (
            model(with(chain(70, "MatMul", vec![floats("w", &[1000, 1000], 1.0)], "w"), |g| g.input[0] = value("x", &[0, 1000])))
                .encode_to_vec(),
            "67 million elements",
        ),
        // A window of 1,000 x 1,000 at a million places.
        (
            model(with(pool(vec![ints("kernel_shape", &[1000, 1000])]), |g| g.input[0] = value("x", &[0, 1, 2000, 2000]))).encode_to_vec(),
            "69 billion multiplications",
        ),
        // Two bytes each in the file, some hundred in memory.
        (empty(0x0A, 20_000), "20000 nodes"),
        (empty(0x2A, 100_000), "100000 initializers"),
        (empty(0x5A, 100_000), "100000 inputs and outputs"),
    ] {
        let start = std::time::Instant::now();
        match (read(&bytes), reason) {
            (Ok(_), "") => {}
            (Ok(_), _) => panic!("read, and wanted: {reason}"),
            (Err(error), _) => assert!(!reason.is_empty() && error.to_string().contains(reason), "wanted: {reason}\nfound: {error}"),
        }
        assert!(start.elapsed().as_secs() < 5, "{reason}: {:?}", start.elapsed());
    }
}

fn varint(n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(n as u64, &mut bytes);
    bytes
}

#[test]
fn what_exporters_write_for_a_dynamic_flatten_is_a_flatten() {
    let constant = |name: &str, values: &[i64]| {
        let tensor = Box::new(integers("", values));
        node("Constant", "", name, vec![AttributeProto { t: Some(tensor), ..named("value", kind::TENSOR) }])
    };
    let scalar = |name: &str, i: i64| node("Constant", "", name, vec![int("value_int", i)]);
    let concat = |inputs: &str| node("Concat", inputs, "t", vec![int("axis", 0)]);
    let end = || node("Reshape", "x t", "y", vec![]);
    for nodes in [
        // x.view(x.size(0), -1)
        vec![
            node("Shape", "x", "s", vec![]),
            scalar("i", 0),
            node("Gather", "s i", "n", vec![int("axis", 0)]),
            constant("zero", &[0]),
            node("Unsqueeze", "n zero", "n1", vec![]),
            constant("rest", &[-1]),
            concat("n1 rest"),
            end(),
        ],
        // x.reshape(x.shape[0], x.shape[1] * x.shape[2] * x.shape[3])
        vec![
            node("Shape", "x", "s", vec![int("start", 0), int("end", 1)]),
            node("Shape", "x", "all", vec![]),
            constant("one", &[1]),
            constant("two", &[2]),
            constant("three", &[3]),
            constant("four", &[4]),
            node("Slice", "all one two", "c", vec![]),
            node("Slice", "all two three", "h", vec![]),
            node("Slice", "all three four", "w", vec![]),
            node("Mul", "c h", "ch", vec![]),
            node("Mul", "ch w", "chw", vec![]),
            node("Cast", "chw", "chw64", vec![int("to", 7)]),
            concat("s chw64"),
            end(),
        ],
    ] {
        let graph = read(&model(graph(nodes, vec![])).encode_to_vec()).unwrap();
        assert_eq!(graph.nodes.len(), 1);
        assert_eq!(graph.value(graph.outputs[0]).dims, [72]);
    }
}

#[test]
fn nodes_may_stand_in_any_order_and_without_names() {
    let mut nodes = vec![node("Sigmoid", "b", "y", vec![]), node("Relu", "a", "b", vec![]), node("HardSwish", "x", "a", vec![])];
    let names = |nodes: &[NodeProto]| {
        let graph = read(&model(graph(nodes.to_vec(), vec![])).encode_to_vec()).unwrap();
        graph.nodes.into_iter().map(|n| n.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&nodes), ["the HardSwish", "the Relu", "the Sigmoid"]);
    nodes.iter_mut().for_each(|n| n.name = Some("twin".to_owned()));
    let twins = names(&nodes);
    assert!(twins.contains(&"twin".to_owned()) && twins[0] != twins[1] && twins[1] != twins[2]);
    nodes.iter_mut().for_each(|n| n.name = None);
    assert_eq!(names(&nodes), ["HardSwish_2", "Relu_1", "Sigmoid_0"]);
}
