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

    let (mut tuned, choices) = block_on(Plan::tune(&gpu, &case.graph, options, (3, f64::INFINITY), &now)).unwrap();
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
    let conv = tuned.steps().iter().position(|step| step.macs > 0).unwrap();
    let ms = block_on(tuned.repeat(conv, 5)).unwrap();
    assert!(ms.is_some() == gpu.info().timestamps && ms.is_none_or(|ms| ms > 0.0), "{ms:?}");
    assert!(block_on(tuned.repeat(99, 1)).is_err());
    for (i, step) in tuned.steps().iter().enumerate() {
        println!("{}: {} MAC, {} bytes", step.kernel, step.macs, tuned.traffic(i).total());
        assert_eq!(tuned.traffic(i).total() > 0, tuned.computes(i));
    }
}

#[test]
fn a_budget_ends_the_timing() {
    let gpu = gpu();
    let case = graph_cases(0).find(|case| case.name.starts_with("3x3, Sum")).unwrap();
    let ticks = std::cell::Cell::new(0.0);
    let now = || ticks.replace(ticks.get() + 1.0);
    let (_, choices) = block_on(Plan::tune(&gpu, &case.graph, Options::default(), (1, 0.5), &now)).unwrap();
    assert!(choices.iter().all(|choice| choice.times.is_empty()), "{choices:?}");
}

#[test]
fn a_baseline_that_may_fuse_is_close_to_the_reference() {
    let gpu = gpu();
    let cases = graph_cases(0).filter(|case| case.name.contains(", Real")).step_by(5);
    let (mut compared, mut halves) = (0, 0);
    for case in cases {
        let (_, expected) = bitdial_conformance::Values::reference(&case.graph, &[&case.input], case.batch).unwrap();
        // Half the precision where the device has it.
        for (half, relative) in [(false, 1e-5), (true, 2e-2)] {
            let options = Options { strict: false, half, batch: case.batch, ..Options::default() };
            let mut plan = block_on(Plan::compile(&gpu, &case.graph, options)).unwrap();
            halves += plan.steps().iter().filter(|step| step.kernel.contains("f16")).count();
            let found = block_on(plan.run(&[&case.input], case.batch)).unwrap();
            let size = expected[0].iter().fold(1.0f32, |size, x| size.max(x.abs()));
            for (found, expected) in found[0].iter().zip(&expected[0]) {
                assert!((found - expected).abs() <= relative * size, "{}: {found} instead of {expected}", case.name);
                compared += 1;
            }
        }
    }
    println!("{compared} numbers close, {halves} steps in f16");
    assert!(compared > 1000 && (halves > 0) == gpu.info().f16);
}
