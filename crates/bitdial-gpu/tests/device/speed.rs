//! Timing and choosing: what is reported, not how fast a software adapter is.

use std::time::Instant;

use bitdial_conformance::graph_cases;
use bitdial_gpu::{Candidate, Clock, Options, Plan};
use futures::executor::block_on;

use super::gpu;

#[test]
fn rival_kernels_are_timed_and_give_the_same() {
    let gpu = gpu();
    let case = graph_cases(0).find(|case| case.name.starts_with("3x3, Sum")).unwrap();
    let options = Options { batch: case.batch, ..Options::default() };
    let start = Instant::now();
    let now = || start.elapsed().as_secs_f64() * 1e3;
    let mut usual = block_on(Plan::compile(&gpu, &case.graph, options)).unwrap();
    let expected = block_on(usual.run(&[&case.input], case.batch)).unwrap();

    let (mut tuned, choices) = block_on(Plan::tune(&gpu, &case.graph, options, 3, &now)).unwrap();
    assert!(!choices.is_empty());
    for choice in &choices {
        assert_eq!(choice.times.len(), Candidate::all(&gpu).len());
        let best = choice.times.iter().filter(|(_, ms)| *ms > 0.0).map(|(_, ms)| *ms).fold(f64::INFINITY, f64::min);
        let taken = choice.times.iter().find(|(candidate, _)| *candidate == choice.chosen).unwrap();
        assert!(best.is_infinite() || taken.1 <= best, "{choice:?}");
        println!("{}: {} of {:?}", tuned.steps()[choice.node].kernel, choice.chosen.name(), choice.times);
        assert!(tuned.steps()[choice.node].kernel.contains(choice.chosen.tile.name()));
    }
    assert_eq!(block_on(tuned.run(&[&case.input], case.batch)).unwrap(), expected);

    let profile = block_on(tuned.profile(3, &now)).unwrap();
    assert_eq!(profile.clock, if gpu.info().timestamps { Clock::Timestamps } else { Clock::Wall });
    assert_eq!(profile.steps.len(), case.graph.nodes.len());
    assert!(profile.steps.iter().map(|step| step.ms).sum::<f64>() > 0.0, "{profile:?}");
    assert!(block_on(tuned.time(2, &now)).unwrap() > 0.0);
    for (i, step) in tuned.steps().iter().enumerate() {
        println!("{}: {} MAC, {} bytes", step.kernel, step.macs, tuned.bytes(i));
        assert!(tuned.bytes(i) > 0);
    }
}
