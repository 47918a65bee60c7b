//! AdaRound and GPTQ on the small models: better outputs than the nearest values give, the same bytes however they are
//! stepped, and layers that are left alone.

use std::sync::Arc;

use bitdial_ir::packed;
use bitdial_kernels::Backend;
use bitdial_protocol::Recipe;
use bitdial_quant::{Outcome, Pipeline, Progress, QuantError, Setup};

use crate::files::{IMAGE, Model};
use crate::pipeline::Given;

/// The pipeline of a recipe on some calibration images.
fn begin(model: &Model, recipe: &str, images: usize) -> Result<Pipeline, QuantError> {
    let samples = Given(model.images("calib")[..images * IMAGE].to_vec());
    let setup = Setup { backend: Backend::Scalar, samples: Some(Box::new(samples)), ranges: None, normalized: Vec::new() };
    Pipeline::new(&Arc::new(model.graph.clone()), &Recipe::from_json(recipe).unwrap(), setup)
}

/// What comes out, and every progress on the way.
fn run(model: &Model, recipe: &str, images: usize, step: usize) -> (Outcome, Vec<Progress>) {
    let mut pipeline = begin(model, recipe, images).unwrap();
    let mut seen = Vec::new();
    while !pipeline.is_done() {
        seen.push(pipeline.step(step).unwrap());
    }
    (pipeline.finish().unwrap(), seen)
}

/// Fails unless the output of each layer is nearer to f32 than with the nearest values, by `decibels` on average.
fn assert_better(name: &str, outcome: &Outcome, decibels: f32) {
    let [report] = &outcome.reports[..] else { panic!("{name}: {} reports", outcome.reports.len()) };
    let gains: Vec<f32> = report.entries.iter().map(|entry| entry.after - entry.before).collect();
    let mean = gains.iter().sum::<f32>() / gains.len() as f32;
    assert!(mean > decibels && gains.iter().all(|&gain| gain > -1.0), "{name}: {gains:?}");
}

#[test]
fn gptq_beats_the_nearest_values_in_every_layer() {
    for (model, gain) in Model::all().iter().zip([1.0, 1.0, 0.5]) {
        for recipe in [
            r#"{"weights":{"bits":3},"corrections":["gptq"]}"#,
            r#"{"weights":{"bits":4,"granularity":"tensor"},"corrections":["gptq"]}"#,
            r#"{"weights":{"bits":2,"granularity":"group","group":16,"symmetric":false},"activations":null,"corrections":["gptq"]}"#,
        ] {
            let (outcome, _) = run(model, recipe, 12, 1000);
            assert_better(&format!("{} {recipe}", model.name), &outcome, gain);
        }
    }
}

/// A recipe for fashion-mobilenet that leaves all but three layers alone, which are a depthwise, a dense and a fully
/// connected one: they are small enough to learn in a test.
fn three_layers(model: &Model, method: &str) -> String {
    let learned = ["/1/1.0/1.0.0/Conv", "/1/1.1/1.1.0/Conv", "/8/Gemm"];
    let left = model.graph.nodes.iter().filter(|node| !learned.contains(&node.name.as_str()));
    let layers: Vec<String> = left
        .filter(|node| matches!(node.op, bitdial_ir::Op::Conv(_) | bitdial_ir::Op::Linear(_)))
        .map(|node| format!(r#""{}":{{"weights":{{"bits":1}}}}"#, node.name))
        .collect();
    format!(r#"{{"weights":{{"bits":3}},"corrections":["{method}"],"layers":{{{}}}}}"#, layers.join(","))
}

#[test]
fn adaround_learns_to_round_and_leaves_signs_alone() {
    let model = Model::named("fashion-mobilenet");
    let (outcome, seen) = run(&model, &three_layers(&model, "adaround"), 16, 20);
    assert_better("adaround", &outcome, 1.5);
    let report = &outcome.reports[0];
    assert_eq!(report.entries.len(), 3);
    assert!(report.summary.contains("9 layers without a choice of rounding stay as they are, '/0/0.0/Conv' first"), "{}", report.summary);
    // Progress never goes back, and only the last step is the end.
    let mine: Vec<_> = seen.iter().filter(|progress| progress.stage.name() == "adaround").collect();
    assert!(mine.len() > 2 && mine.windows(2).all(|pair| pair[0].done <= pair[1].done && pair[0].total == pair[1].total));
    assert!(mine.iter().rev().skip(1).all(|progress| progress.done < progress.total));
    // AdaRound on the same inputs does better than GPTQ, which does not know the activation function.
    let (gptq, _) = run(&model, &three_layers(&model, "gptq"), 16, 500);
    let after = |outcome: &Outcome| outcome.reports[0].entries.iter().map(|entry| entry.after).sum::<f32>();
    assert!(after(&outcome) > after(&gptq) + 1.0, "{} {}", after(&outcome), after(&gptq));
}

#[test]
fn bytes_do_not_depend_on_the_steps() {
    let model = Model::named("fashion-mobilenet");
    for method in ["gptq", "adaround"] {
        let recipe = three_layers(&model, method);
        let bytes = |step| packed::write(&run(&model, &recipe, 9, step).0.graph);
        assert_eq!(bytes(1), bytes(100_000), "{method}");
    }
    let seeded = |seed| {
        let recipe = format!(r#"{{"weights":{{"bits":3}},"calibration":{{"seed":{seed}}},"corrections":["gptq"]}}"#);
        packed::write(&run(&model, &recipe, 9, 50).0.graph)
    };
    assert_ne!(seeded(0), seeded(1), "windows are drawn by the seed");
}
