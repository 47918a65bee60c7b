//! Every case as a graph, and some of them on every kernel there is.

use bitdial_conformance::{GraphCase, graph_cases};
use bitdial_gpu::{Candidate, Dot, Gpu, Options, Tile};

use super::compare::check;
use super::gpu;

/// Random shapes besides the fixed ones.
const RANDOM_SHAPES: usize = 120;
/// How many of the cases every kernel runs: compiling one takes a software adapter as long as a hundred cases.
const STEP: usize = 7;

/// Runs cases, each with its options, and fails with those that differ, or if there are fewer than so many.
fn run(gpu: &Gpu, least: usize, cases: impl Iterator<Item = (GraphCase, Options)>) {
    let (mut passed, mut values, mut failures) = (0, 0, Vec::new());
    for (case, options) in cases {
        match check(gpu, &case.graph, options, &case.input, case.batch) {
            Ok(count) => {
                passed += 1;
                values += count;
            }
            Err(wrong) => failures.push(format!("{}, {options:?}: {wrong}", case.name)),
        }
    }
    println!("{passed} graphs of {} passed, {values} values equal", passed + failures.len());
    for failure in failures.iter().take(15) {
        println!("FAILED {failure}");
    }
    assert!(failures.is_empty() && passed >= least, "{} of {} graphs differ", failures.len(), passed + failures.len());
}

#[test]
fn graphs_are_computed_as_the_reference_does() {
    let candidate = Some(Candidate { dot: Dot::Packed, tile: Tile::Small });
    let options = |i: usize| Options { batch: 1 + i % 2, candidate, fuse: !i.is_multiple_of(3), ..Options::default() };
    run(&gpu(), 3000, graph_cases(RANDOM_SHAPES).enumerate().map(|(i, case)| (case, options(i))));
}

#[test]
fn every_kernel_computes_the_same() {
    let gpu = gpu();
    let candidates = Candidate::all(&gpu);
    assert_eq!(candidates.len(), 8, "this device has no dot4");
    let options = |i: usize| Options { batch: 3, candidate: Some(candidates[i % 8]), exact: i % 16 < 8, ..Options::default() };
    run(&gpu, 150, graph_cases(0).step_by(STEP).enumerate().map(|(i, case)| (case, options(i + i / 16))));
}
