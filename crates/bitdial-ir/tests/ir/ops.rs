//! Every fixture of one operator: read, prepared and packed, it computes what onnxruntime computes.

use bitdial_ir::{Graph, Layout, onnx, packed, passes};

use crate::files::{Case, cases};
use crate::interpret;

/// The largest distance of two results, relative to the largest of the numbers.
pub fn distance(found: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(found.len(), wanted.len());
    let largest = wanted.iter().fold(1e-6f32, |m, x| m.max(x.abs()));
    found.iter().zip(wanted).map(|(a, b)| (a - b).abs() / largest).fold(0.0, f32::max)
}

fn check(case: &Case, graph: &Graph, what: &str) {
    let (input, wanted) = (case.input(), case.output());
    let (image, result): (usize, usize) = (case.input_dims[1..].iter().product(), case.output_dims[1..].iter().product());
    for (x, y) in input.chunks(image).zip(wanted.chunks(result)) {
        let found = interpret::run(graph, &[x]);
        let error = distance(&found[0], y);
        assert!(error < 2e-6, "{} {what}: {error}", case.name);
    }
}

#[test]
fn every_operator_computes_what_onnxruntime_computes() {
    let cases = cases();
    assert!(cases.len() > 100);
    for case in cases {
        let graph = onnx::read(&case.onnx).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert_eq!(graph.value(graph.inputs[0]).dims, case.input_dims[1..], "{}", case.name);
        assert_eq!(graph.value(graph.outputs[0]).dims, case.output_dims[1..], "{}", case.name);
        check(&case, &graph, "as read");
        let prepared = passes::prepare(graph).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert_eq!(prepared.layout, Layout::Nhwc);
        assert_eq!(prepared.value(prepared.outputs[0]).dims, case.output_dims[1..], "{}", case.name);
        assert_eq!(prepared.value(prepared.outputs[0]).name, "y", "{}", case.name);
        check(&case, &prepared, "as prepared");
        assert_eq!(packed::read(&packed::write(&prepared)).as_ref(), Ok(&prepared), "{}", case.name);
    }
}
