//! A plan that has run once runs again without allocating.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeSet;

use bitdial_ir::Graph;
use bitdial_kernels::Backend;
use bitdial_runtime::{Options, Plan};
use proptest::strategy::{Strategy, ValueTree};

use crate::generate::{graph, images};
use crate::random::{quantized, recipe};

thread_local! {
    /// Allocations of this thread.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: all of it is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as the caller vouches.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller vouches.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as the caller vouches.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of a run.
fn count(plan: &mut Plan, input: &[f32], batch: usize, outputs: &mut Vec<Vec<f32>>) -> usize {
    let before = COUNT.get();
    plan.run_into(&[input], batch, outputs).unwrap();
    COUNT.get() - before
}

fn check(graph: &Graph, strict: bool) -> Vec<String> {
    let mut plan = Plan::compile(graph, Options { backend: Backend::Scalar, strict }).unwrap();
    plan.set_chunk(3);
    let (input, mut outputs) = (images(graph, 7, 5), Vec::new());
    let len = input.len() / 7;
    let kernels: Vec<String> = plan.steps().iter().map(|step| format!("{} {:?}", step.kernel, step.execution)).collect();
    let mut most = 0;
    for batch in [1, 1, 2, 2, 1, 7, 5, 7, 3, 1] {
        let allocations = count(&mut plan, &input[..batch * len], batch, &mut outputs);
        assert!((allocations == 0) == (batch <= most), "{allocations} in a run of {batch} after {most}, of {kernels:?}");
        most = most.max(batch);
    }
    kernels
}

#[test]
fn only_a_larger_batch_allocates() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for seed in 0..150 {
        let graph = graph().new_tree(&mut runner).unwrap().current();
        let recipe = recipe().new_tree(&mut runner).unwrap().current();
        reached.extend(check(&graph, false));
        reached.extend(check(&quantized(&graph, &recipe, &images(&graph, 2, seed), 2), true));
    }
    for execution in ["Float", "WeightOnly", "Simulated", "Integer", "DynamicInteger", "Movement"] {
        assert!(reached.iter().any(|step| step.ends_with(execution)), "{execution}");
    }
}
