//! What recipes do to a graph, case by case.

use bitdial_ir::{Activation, Conv, Graph, Layout, Linear, Node, Op, Pool, Value, ValueId, Weights, Window};
use bitdial_kernels::Backend;
use bitdial_protocol::Recipe;
use bitdial_quant::{Calibrator, Chance, QuantError, Ranges, quantize, quantize_weights, weight_sqnr};
use bitdial_runtime::{Options, Plan};

const WINDOW: Window = Window { kernel: [1, 1], stride: [1, 1], pad: [0; 4], dilation: [1, 1] };

/// image 2x2x1 -> conv (2 channels, ReLU) -> pool -> flatten -> linear -> logits. The first channel is a hundred times
/// as strong as the second.
fn graph() -> Graph {
    let value = |name: &str, dims: &[usize]| Value { name: name.into(), dims: dims.into(), quant: None, simulated: None };
    let node = |name: &str, op, input, activation| Node {
        name: name.into(),
        op,
        inputs: vec![ValueId(input)],
        output: ValueId(input + 1),
        activation,
        dynamic: None,
    };
    let conv = Conv {
        out_channels: 2,
        in_channels: 1,
        groups: 1,
        window: WINDOW,
        weights: Weights::F32(vec![1.0, 0.01]),
        bias: Some(vec![0.5, -0.25]),
    };
    let pool = Pool { window: Window { kernel: [2, 2], ..WINDOW }, count_include_pad: false };
    let linear = Linear { out_features: 2, in_features: 2, weights: Weights::F32(vec![1.0, -2.0, 0.5, 0.25]), bias: None };
    Graph {
        name: "small".into(),
        values: vec![
            value("image", &[2, 2, 1]),
            value("features", &[2, 2, 2]),
            value("pooled", &[1, 1, 2]),
            value("flat", &[2]),
            value("logits", &[2]),
        ],
        nodes: vec![
            node("conv", Op::Conv(conv), 0, Activation::Relu),
            node("pool", Op::MaxPool(pool), 1, Activation::None),
            node("flatten", Op::Reshape(vec![2]), 2, Activation::None),
            node("linear", Op::Linear(linear), 3, Activation::None),
        ],
        inputs: vec![ValueId(0)],
        outputs: vec![ValueId(4)],
        layout: Layout::Nhwc,
        accumulator: None,
    }
}

fn ranges(graph: &Graph) -> Ranges {
    let mut calibrator = Calibrator::new(graph, Backend::Scalar).unwrap();
    let image: Vec<f32> = (0..graph.value(graph.inputs[0]).len()).map(|i| i as f32 - 1.0).collect();
    calibrator.feed(&image, 1).unwrap();
    calibrator.finish()
}

fn quantized(json: &str) -> Result<Graph, QuantError> {
    let graph = graph();
    quantize(&graph, &Recipe::from_json(json).unwrap(), Some(&ranges(&graph)))
}

fn weights(node: &Node) -> &bitdial_ir::QuantizedWeights {
    match &node.op {
        Op::Conv(Conv { weights: Weights::Int(w), .. }) | Op::Linear(Linear { weights: Weights::Int(w), .. }) => w,
        op => panic!("{op:?} has no integer weights"),
    }
}

#[test]
fn weights_take_width_granularity_and_symmetry() {
    for (json, bits, scales, zero_points) in [
        ("{}", 8, vec![1.0 / 127.0, 0.01 / 127.0], vec![0, 0]),
        (r#"{"weights":{"bits":3,"granularity":"tensor"}}"#, 3, vec![1.0 / 3.0], vec![0]),
        (r#"{"weights":{"bits":2,"symmetric":false}}"#, 2, vec![1.0 / 3.0, 0.01 / 3.0], vec![-2, -2]),
    ] {
        let graph = quantized(json).unwrap();
        let weights = weights(&graph.nodes[0]);
        assert_eq!(weights.values.bits(), bits, "{json}");
        assert_eq!(weights.params.iter().map(|p| p.scale).collect::<Vec<_>>(), scales, "{json}");
        assert_eq!(weights.params.iter().map(|p| p.zero_point).collect::<Vec<_>>(), zero_points, "{json}");
    }
}

#[test]
fn static_activations_share_grids_where_numbers_stay_and_outputs_are_real() {
    let graph = quantized("{}").unwrap();
    let grid = |i: usize| graph.values[i].quant;
    // The image was -1, 0, 1, 2; the features max(0, x + 0.5) and max(0, 0.01 x - 0.25).
    let image = grid(0).unwrap();
    assert_eq!((image.scale, image.zero_point), (3.0 / 255.0, 85));
    let features = grid(1).unwrap();
    assert_eq!((features.scale, features.zero_point), (2.5 / 255.0, 0));
    assert_eq!((grid(2), grid(3), grid(4)), (grid(1), grid(1), None));

    let graph = quantized(r#"{"activations":{"bits":4,"symmetric":true}}"#).unwrap();
    let image = graph.values[0].quant.unwrap();
    assert_eq!((image.scale, image.zero_point, image.low, image.high), (2.0 / 7.0, 8, 1, 15));
    let features = graph.values[1].quant.unwrap();
    assert_eq!((features.scale, features.zero_point, features.high), (2.5 / 7.0, 0, 7));
}

#[test]
fn dynamic_and_weight_only_leave_values_real() {
    for (json, bits) in
        [(r#"{"activations":{"mode":"dynamic","bits":5,"symmetric":true}}"#, Some((5, true))), (r#"{"activations":null}"#, None)]
    {
        // Neither needs calibration.
        let graph = quantize(&graph(), &Recipe::from_json(json).unwrap(), None).unwrap();
        assert!(graph.values.iter().all(|v| v.quant.is_none()), "{json}");
        for node in [&graph.nodes[0], &graph.nodes[3]] {
            assert_eq!(node.dynamic.map(|d| (d.bits, d.symmetric)), bits, "{json}");
            assert_eq!(weights(node).values.bits(), 8, "{json}");
        }
        assert!(graph.nodes[1].dynamic.is_none());
    }
}

#[test]
fn exceptions_change_one_layer() {
    let graph = quantized(
        r#"{"layers":{"linear":{"weights":{"bits":3,"granularity":"tensor"}},"conv":{"activations":{"bits":2}},"pool":{"activations":{"bits":7}}}}"#,
    )
    .unwrap();
    assert_eq!((weights(&graph.nodes[0]).values.bits(), weights(&graph.nodes[0]).params.len()), (8, 2));
    assert_eq!((weights(&graph.nodes[3]).values.bits(), weights(&graph.nodes[3]).params.len()), (3, 1));
    // The pool has a width of its own, and what follows shares it.
    let highs: Vec<_> = graph.values.iter().map(|v| v.quant.map(|q| q.high)).collect();
    assert_eq!(highs, [Some(255), Some(3), Some(127), Some(127), None]);

    // A dynamic layer quantizes what the layer before puts out.
    let json = r#"{"activations":{"mode":"dynamic"},"layers":{"conv":{"activations":{"bits":4}}}}"#;
    let graph = quantized(json).unwrap();
    assert_eq!(graph.nodes[0].dynamic.map(|d| d.bits), Some(8));
    assert_eq!(graph.nodes[3].dynamic.map(|d| d.bits), Some(4));
}

#[test]
fn impossible_recipes_are_refused_with_a_reason() {
    for (json, reason) in [
        (
            r#"{"layers":{"conv7":{}}}"#,
            "names a layer 'conv7' that the model does not have; its layers are 'conv', 'pool', 'flatten', 'linear'",
        ),
        (
            r#"{"layers":{"pool":{"weights":{"bits":4}}}}"#,
            "weights of layer 'pool', which has none; layers with weights are 'conv', 'linear'",
        ),
    ] {
        let error = quantized(json).unwrap_err().to_string();
        assert!(error.contains(reason), "{json}: {error}");
    }
    let (plain, recipe) = (graph(), Recipe::default());
    assert_eq!(quantize(&plain, &recipe, None), Err(QuantError::NotCalibrated));
    let empty = Calibrator::new(&plain, Backend::Scalar).unwrap().finish();
    assert_eq!(quantize(&plain, &recipe, Some(&empty)), Err(QuantError::NoRange { value: "image".into() }));
    let mut infinite = Calibrator::new(&plain, Backend::Scalar).unwrap();
    infinite.feed(&[0.0, f32::INFINITY, 0.0, 0.0], 1).unwrap();
    assert_eq!(quantize(&plain, &recipe, Some(&infinite.finish())), Err(QuantError::NoRange { value: "image".into() }));
    let once = quantized("{}").unwrap();
    assert_eq!(quantize(&once, &recipe, Some(&ranges(&plain))), Err(QuantError::AlreadyQuantized { name: "conv".into() }));
    let error = Calibrator::new(&plain, Backend::Scalar).unwrap().feed(&[0.0; 5], 1).unwrap_err();
    assert_eq!(error.to_string(), "the input 'image' takes 4 numbers for 1 images, not 5");
}

/// A channel next to nothing, or nothing at all, keeps its bias.
#[test]
fn the_bias_of_a_dead_channel_survives() {
    for dead in [0.0, 1e-30, 1e-12, 1e-4] {
        for json in ["{}", r#"{"weights":{"symmetric":false}}"#, r#"{"weights":{"granularity":"tensor"}}"#, r#"{"weights":{"bits":2}}"#] {
            let mut graph = graph();
            let Op::Conv(conv) = &mut graph.nodes[0].op else { unreachable!() };
            conv.weights = Weights::F32(vec![dead, dead]);
            conv.bias = Some(vec![0.5, 2.0]);
            let quantized = quantize(&graph, &Recipe::from_json(json).unwrap(), Some(&ranges(&graph))).unwrap();
            let mut plan = Plan::compile(&quantized, Options { backend: Backend::Scalar, strict: true }).unwrap();
            let mut features = Vec::new();
            plan.observe(&[&[0.0; 4]], 1, &mut |value, seen| {
                if let (ValueId(1), bitdial_runtime::Observed::U8(q)) = (value, seen) {
                    features = q.to_vec();
                }
            })
            .unwrap();
            let grid = quantized.values[1].quant.unwrap();
            assert_eq!(features[..2], [grid.quantize(0.5), grid.quantize(2.0)], "{dead} {json}");
        }
    }
}

#[test]
fn sums_that_could_overflow_are_refused() {
    let row = i32::MAX as usize / (255 * 255) + 1;
    for (in_features, bias, fits) in [(row, 0.0, false), (row - 1, 0.0, true), (row - 1, 1e9, true)] {
        let mut graph = graph();
        graph.values[0].dims = vec![in_features];
        graph.values[1].dims = vec![2];
        let linear = Linear { out_features: 2, in_features, weights: Weights::F32(vec![1e-3; 2 * in_features]), bias: Some(vec![bias; 2]) };
        graph.nodes = vec![Node { name: "wide".into(), op: Op::Linear(linear), ..graph.nodes[0].clone() }];
        graph.nodes.push(Node { op: Op::Activate, inputs: vec![ValueId(1)], output: ValueId(4), ..graph.nodes[0].clone() });
        let quantized = quantize(&graph, &Recipe::default(), Some(&ranges(&graph))).unwrap();
        let plan = Plan::compile(&quantized, Options { backend: Backend::Scalar, strict: false });
        match (fits, plan) {
            (true, plan) => assert!(plan.is_ok(), "{plan:?}"),
            (false, plan) => {
                let error = plan.unwrap_err().to_string();
                assert!(error.contains("layer 'wide' cannot run: a sum of 33026 products could overflow 32 bits"), "{error}");
            }
        }
    }
}

#[test]
fn sqnr_grows_by_six_decibels_a_bit() {
    let mut dice = crate::generate::Dice(5);
    let weights = dice.reals(4096, 1.0);
    let sqnr = |bits: u8| {
        let scheme = Recipe::from_json(&format!(r#"{{"weights":{{"bits":{bits}}}}}"#)).unwrap().weights;
        weight_sqnr(&weights, &quantize_weights(&weights, 4, &scheme, &[0.0; 4], &mut Chance::new(0, 0)), 4).unwrap()
    };
    // A uniform signal of full range: 6.02 dB a bit (Bennett 1948), less at few bits, whose positive half is shorter.
    for bits in 4..=8 {
        let expected = 6.02 * f32::from(bits);
        assert!((sqnr(bits) - expected).abs() < 1.5, "{bits}: {} dB, expected {expected}", sqnr(bits));
    }
    assert!((2..8).all(|bits| sqnr(bits) < sqnr(bits + 1)));
    let scheme = Recipe::default().weights;
    assert_eq!(weight_sqnr(&[1.0, 0.0], &quantize_weights(&[1.0, 0.0], 1, &scheme, &[0.0], &mut Chance::new(0, 0)), 1), None);
}
