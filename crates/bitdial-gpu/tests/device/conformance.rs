//! Every case as a graph, and some of them on every kernel there is.

use std::collections::BTreeMap;

use bitdial_conformance::{GraphCase, graph_cases};
use bitdial_gpu::{Candidate, Dot, Gpu, Options, Tile};

use super::compare::check;
use super::gpu;

/// Random shapes besides the fixed ones.
const RANDOM_SHAPES: usize = 120;
/// How many of the cases every kernel runs: compiling one takes a software adapter as long as a hundred cases.
const STEP: usize = 7;

/// Runs cases, each with its options, and fails with those that differ, or if there are fewer than so many.
fn run(gpu: &Gpu, least: usize, cases: impl Iterator<Item = (GraphCase, Options)>) -> BTreeMap<String, usize> {
    let (mut passed, mut values, mut failures) = (0, 0, Vec::new());
    let mut kernels: BTreeMap<String, usize> = BTreeMap::new();
    for (case, options) in cases {
        match check(gpu, &case.graph, options, &case.input, case.batch) {
            Ok((count, steps)) => {
                passed += 1;
                values += count;
                for step in steps.into_iter().filter(|step| !step.starts_with("fused into")) {
                    *kernels.entry(step).or_default() += 1;
                }
            }
            Err(wrong) => failures.push(format!("{}, {options:?}: {wrong}", case.name)),
        }
    }
    for (kernel, count) in &kernels {
        println!("{count:6} {kernel}");
    }
    println!("{passed} graphs of {} passed, {values} values equal", passed + failures.len());
    for failure in failures.iter().take(15) {
        println!("FAILED {failure}");
    }
    assert!(failures.is_empty() && passed >= least, "{} of {} graphs differ", failures.len(), passed + failures.len());
    kernels
}

#[test]
fn graphs_are_computed_as_the_reference_does() {
    let candidate = Some(Candidate { dot: Dot::Packed, tile: Tile::Small });
    let options = |i: usize| Options { batch: 1 + i % 2, candidate, fuse: !i.is_multiple_of(3), ..Options::default() };
    let kernels = run(&gpu(), 3000, graph_cases(RANDOM_SHAPES).enumerate().map(|(i, case)| (case, options(i))));
    for kernel in [
        "conv-u8i8-32x32-dot4",
        "conv-u8i4-32x32-dot4",
        "conv-u8i2-32x32-dot4",
        "conv-u1i1-32x32-popcount",
        "conv-u8i8-32x32-dot4-groups",
        "conv-u8i2-32x32-dot4-groups",
        "depthwise-u8i8-1x4",
        "direct-u8i8-1x4",
        "conv-f32-32x32",
        "conv-f32-32x32+decode8",
        "conv-f32-32x32+decode4",
        "conv-f32-32x32+decode2",
        "direct-f32-1x4",
        "add-u8",
        "mul-u8",
        "max-pool-u8",
        "average-pool-u8",
        "mean-u8",
        "concat-u8",
        "transpose-u8",
        "pad-u8",
        "table-u8",
    ] {
        assert!(kernels.contains_key(kernel), "{kernel} never ran");
    }
}

#[test]
fn every_kernel_computes_the_same() {
    let gpu = gpu();
    let candidates = Candidate::all(&gpu);
    assert_eq!(candidates.len(), 8, "this device has no dot4");
    let options = |i: usize| Options { batch: 3, candidate: Some(candidates[i % 8]), exact: i % 16 < 8, ..Options::default() };
    let kernels = run(&gpu, 150, graph_cases(0).step_by(STEP).enumerate().map(|(i, case)| (case, options(i + i / 16))));
    for candidate in candidates {
        assert!(kernels.keys().any(|kernel| kernel.contains(&candidate.name())), "{} never ran", candidate.name());
    }
}
