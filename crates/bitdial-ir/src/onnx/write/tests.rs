//! What is in a written file. Whether it computes the same is for onnxruntime to say.

use bitdial_numerics::{ActivationParams, FakeQuant, Numbers, PackedCodes, PackedInts, WeightParams, WideGrid};
use prost::Message;

use crate::graph::{Accumulator, Graph, Layout, Node, Value, ValueId};
use crate::onnx::proto::{WrittenModelProto, data_type};
use crate::onnx::write::{About, write};
use crate::op::{Activation, DynamicQuant, Linear, Op, QuantizedWeights, Weights};
use crate::{CodedWeights, Meaning, Scales};

const ABOUT: About = About { version: "1.2.3", recipe: Some("{}") };

/// A fully connected layer of two inputs and two outputs, `x` on a grid.
fn graph(weights: Weights) -> Graph {
    let value = |name: &str, quant| Value { name: name.into(), dims: vec![2], quant, simulated: None };
    let grid = ActivationParams { scale: 0.5, zero_point: 3, low: 0, high: 15 };
    let node = Node {
        name: "fc".into(),
        op: Op::Linear(Linear { out_features: 2, in_features: 2, weights, bias: Some(vec![1.0, -1.0]) }),
        inputs: vec![ValueId(0)],
        output: ValueId(1),
        activation: Activation::None,
        dynamic: None,
    };
    let values = vec![value("x", Some(grid)), value("y", None)];
    let (inputs, outputs) = (vec![ValueId(0)], vec![ValueId(1)]);
    Graph { name: String::new(), values, nodes: vec![node], inputs, outputs, layout: Layout::Nhwc, accumulator: None }
}

fn integers(bits: u8) -> Weights {
    let params = vec![WeightParams { scale: 0.5, zero_point: 0, bits }; 2];
    Weights::Int(QuantizedWeights { values: PackedInts::pack(&[-1, 1, 1, -1], bits), params, group: None })
}

fn decoded(graph: &Graph) -> WrittenModelProto {
    WrittenModelProto::decode(write(graph, ABOUT).unwrap().as_slice()).unwrap()
}

fn ops(model: &WrittenModelProto) -> Vec<&str> {
    model.graph.iter().flat_map(|g| &g.node).filter_map(|n| n.op_type.as_deref()).collect()
}

/// Type and bytes of an initializer.
fn stored(model: &WrittenModelProto, name: &str) -> (i32, Vec<u8>) {
    let tensor = model.graph.iter().flat_map(|g| &g.initializer).find(|t| t.name.as_deref() == Some(name)).unwrap();
    (tensor.data_type.unwrap(), tensor.raw_data.clone().unwrap())
}

fn note<'m>(model: &'m WrittenModelProto, key: &str) -> Option<&'m str> {
    model.metadata_props.iter().find(|entry| entry.key.as_deref() == Some(key))?.value.as_deref()
}

#[test]
fn integers_take_the_next_larger_type() {
    for (bits, kind, bytes, opset, name) in [
        (1, data_type::INT2, vec![0b1101_0111], 25, "INT2"),
        (2, data_type::INT2, vec![0b1101_0111], 25, "INT2"),
        (3, data_type::INT4, vec![0x1F, 0xF1], 21, "INT4"),
        (4, data_type::INT4, vec![0x1F, 0xF1], 21, "INT4"),
        (5, data_type::INT8, vec![0xFF, 1, 1, 0xFF], 21, "INT8"),
        (8, data_type::INT8, vec![0xFF, 1, 1, 0xFF], 21, "INT8"),
    ] {
        let model = decoded(&graph(integers(bits)));
        assert_eq!(stored(&model, "fc/integers"), (kind, bytes), "{bits}");
        assert_eq!(model.opset_import[0].version, Some(opset), "{bits}");
        let text = format!("integers of {bits} bits, a scale for each output channel, in {name}");
        assert_eq!(note(&model, "bitdial.weights.fc"), Some(text.as_str()));
    }
}

#[test]
fn a_narrow_grid_ends_where_it_ends() {
    let model = decoded(&graph(integers(8)));
    assert_eq!(ops(&model), ["QuantizeLinear", "Clip", "DequantizeLinear", "DequantizeLinear", "Gemm"]);
    assert_eq!((stored(&model, "x/low").1, stored(&model, "x/high").1), (vec![0], vec![15]));
    assert_eq!(note(&model, "bitdial.activations.x"), Some("integers 0 to 15, in UINT8"));
    assert_eq!(note(&model, "bitdial.recipe"), Some("{}"));
    assert_eq!((model.producer_name.as_deref(), model.producer_version.as_deref()), (Some("bitdial"), Some("1.2.3")));
    let mut whole = graph(integers(8));
    whole.values[0].quant = Some(ActivationParams::affine(-1.0, 1.0, 8));
    assert_eq!(ops(&decoded(&whole)), ["QuantizeLinear", "DequantizeLinear", "DequantizeLinear", "Gemm"]);
}

#[test]
fn a_wide_grid_is_one_of_u16() {
    for (bits, written) in [(16, &["QuantizeLinear", "DequantizeLinear"][..]), (12, &["Clip", "QuantizeLinear", "DequantizeLinear"])] {
        let mut wide = graph(integers(8));
        wide.values[0].quant = None;
        let grid = WideGrid::affine(-1.0, 1.0, bits);
        wide.values[0].simulated = Some(FakeQuant::Grid(grid));
        let model = decoded(&wide);
        assert_eq!(ops(&model)[..written.len()], *written);
        assert_eq!(stored(&model, "x/zero_point"), (data_type::UINT16, grid.zero_point.to_le_bytes().to_vec()));
    }
}

#[test]
fn codes_have_a_type_or_a_table() {
    let coded = |numbers: Numbers, codes: [u16; 4], scales: Scales| {
        Weights::Coded(CodedWeights { codes: PackedCodes::pack(&codes, numbers.bits()), meaning: Meaning::Numbers(numbers), scales })
    };
    let one = || Scales::F32(vec![0.5], None);
    for (numbers, kind, written) in [
        (Numbers::Minifloat(bitdial_numerics::Minifloat::FP16), data_type::FLOAT16, &["Cast", "Mul"][..]),
        (Numbers::Minifloat(bitdial_numerics::Minifloat::E4M3), data_type::FLOAT8E4M3FN, &["DequantizeLinear"]),
        (Numbers::Minifloat(bitdial_numerics::Minifloat::E2M1), data_type::UINT4, &["Cast", "Gather", "Mul"]),
        (Numbers::Nf4, data_type::UINT4, &["Cast", "Gather", "Mul"]),
        (Numbers::INT16, data_type::INT16, &["Cast", "Mul", "Mul"]),
    ] {
        let model = decoded(&graph(coded(numbers, [1, 2, 3, 4], one())));
        assert_eq!(stored(&model, "fc/codes").0, kind, "{numbers:?}");
        // The Clip keeps onnxruntime from rounding the weights to integers.
        assert_eq!(ops(&model)[3..], [written, &["Clip", "Gemm"]].concat(), "{numbers:?}");
    }
    let mx = coded(Numbers::MXINT8, [1, 2, 3, 4], Scales::E8m0(vec![127, 128]));
    let model = decoded(&graph(mx));
    assert_eq!(stored(&model, "fc/scales"), (data_type::FLOAT8E8M0, vec![127, 128]));
    assert_eq!(model.opset_import[0].version, Some(24));
}

#[test]
fn names_are_given_once() {
    let mut graph = graph(integers(8));
    graph.values[1].name = "x".into();
    graph.nodes[0].name = "x/QuantizeLinear".into();
    graph.outputs.push(ValueId(1));
    graph.outputs.push(ValueId(0));
    let model = decoded(&graph).graph.unwrap();
    let made = model.node.iter().flat_map(|n| n.output.clone()).chain(model.initializer.iter().filter_map(|t| t.name.clone()));
    let mut tensors: Vec<_> = made.chain(model.input.iter().filter_map(|i| i.name.clone())).collect();
    let mut nodes: Vec<_> = model.node.iter().filter_map(|n| n.name.clone()).collect();
    let mut outputs: Vec<_> = model.output.iter().filter_map(|o| o.name.clone()).collect();
    for names in [&mut tensors, &mut nodes, &mut outputs] {
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
    }
    assert!(outputs.iter().all(|output| tensors.contains(output)));
}

#[test]
fn a_dynamic_layer_finds_the_range_of_each_image() {
    let mut dynamic = graph(integers(4));
    dynamic.values[0].quant = None;
    dynamic.nodes[0].dynamic = Some(DynamicQuant { bits: 8, symmetric: false });
    let model = decoded(&dynamic);
    let found: Vec<_> = ops(&model).into_iter().filter(|op| matches!(*op, "ReduceMin" | "ReduceMax" | "Round" | "Gemm")).collect();
    assert_eq!(found, ["ReduceMin", "ReduceMax", "Round", "Round", "Gemm"]);
    // All axes but the batch.
    assert_eq!(stored(&model, "x/dynamic8/axes").1, 1i64.to_le_bytes());
}

#[test]
fn what_onnx_cannot_say_is_refused_with_its_layer() {
    let mut narrow = graph(integers(8));
    narrow.accumulator = Some(Accumulator { bits: 16, saturate: false });
    let mut simulated = graph(integers(8));
    simulated.values[0].quant = None;
    simulated.values[0].simulated = Some(FakeQuant::Mx(Numbers::MXINT8));
    for (graph, layer, reason) in [(narrow, "`fc`", "it adds in 16 bits"), (simulated, "`x`", "a format that is simulated here")] {
        let error = write(&graph, ABOUT).unwrap_err().to_string();
        assert!(error.starts_with(&format!("layer {layer} cannot be written as ONNX: ")) && error.contains(reason), "{error}");
    }
}
