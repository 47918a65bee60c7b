//! Compares what can run a model on this device with the scalar reference, value by value.

use std::collections::HashMap;
use std::sync::Arc;

use bitdial_ir::{Graph, ValueId};
use bitdial_kernels::Backend;
use bitdial_protocol::{BackendCheck, LayerDifference};
use bitdial_runtime::{Observed, Options, Plan};

use crate::backend::Executable;
use crate::classify::classify;
use crate::error::EngineError;
use crate::images::Images;
use crate::progress::Progress;

/// What one image's run wrote into one value.
enum Seen {
    F32(Vec<f32>),
    U8(Vec<u8>),
}

/// A comparison that has begun: one image a step.
#[derive(Debug)]
pub struct Verification<P> {
    graph: Arc<Graph>,
    reference: Plan,
    rivals: Vec<(P, BackendCheck)>,
    images: Arc<Images>,
    done: usize,
    count: usize,
}

impl<P: Executable> Verification<P> {
    pub(crate) fn new(graph: &Arc<Graph>, rivals: Vec<(String, P)>, images: Arc<Images>, count: usize) -> Result<Self, EngineError> {
        let rivals = rivals.into_iter().map(|(backend, plan)| (plan, BackendCheck { backend, ..BackendCheck::default() })).collect();
        let count = count.min(images.count());
        let reference = Plan::compile(graph, Options { backend: Backend::Scalar, strict: true })?;
        Ok(Self { graph: Arc::clone(graph), reference, rivals, images, done: 0, count })
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { done: self.done, total: self.count }
    }

    /// Runs the next image everywhere.
    ///
    /// # Errors
    /// [`EngineError::Runtime`] if a plan cannot run, [`EngineError::Device`] if the device cannot go on.
    pub async fn step(&mut self) -> Result<Progress, EngineError> {
        if !self.progress().is_done() {
            let input = self.images.inputs(self.done..self.done + 1)?;
            let mut expected = HashMap::new();
            self.reference.observe(&[&input], 1, &mut |id, value| drop(expected.insert(id, seen(value))))?;
            for (plan, check) in &mut self.rivals {
                let mut found = Vec::new();
                plan.observe(&input, &mut |id, value| found.push((id, seen(value)))).await?;
                compare(&self.graph, &expected, &found, check);
            }
            self.done += 1;
        }
        Ok(self.progress())
    }

    /// One result for each backend of this build other than the reference.
    #[must_use]
    pub fn finish(self) -> Vec<BackendCheck> {
        self.rivals.into_iter().map(|(_, check)| check).collect()
    }
}

fn seen(value: Observed<'_>) -> Seen {
    match value {
        Observed::F32(value) => Seen::F32(value.to_vec()),
        Observed::U8(value) => Seen::U8(value.to_vec()),
    }
}

/// Adds one image's values to a check. Values that a backend does not hold in memory count by what is made of them; that
/// there are outputs is part of the comparison.
fn compare(graph: &Graph, expected: &HashMap<ValueId, Seen>, found: &[(ValueId, Seen)], check: &mut BackendCheck) {
    check.images += 1;
    for &output in &graph.outputs {
        if !found.iter().any(|(id, _)| *id == output) {
            differ(check, &graph.value(output).name, u32::MAX);
        }
    }
    for (id, found) in found {
        let name = || graph.producer(*id).map_or(&*graph.value(*id).name, |node| &*node.name);
        match (expected.get(id), found) {
            (Some(Seen::U8(a)), Seen::U8(b)) if a.len() == b.len() => {
                check.values += a.len() as u64;
                let most = a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).max().unwrap_or(0);
                differ(check, name(), most);
            }
            (Some(Seen::F32(a)), Seen::F32(b)) if a.len() == b.len() => {
                check.values += a.len() as u64;
                let most = a.iter().zip(b).map(|(a, b)| steps_between(*a, *b)).max().unwrap_or(0);
                check.steps = check.steps.max(most);
                if Some(id) == graph.outputs.first() {
                    check.agreeing += usize::from(classify(a, false).class == classify(b, false).class);
                }
            }
            _ => differ(check, name(), u32::MAX),
        }
    }
}

/// Notes the largest difference of a layer's integers.
fn differ(check: &mut BackendCheck, layer: &str, most: u32) {
    if most > 0 {
        match check.differences.iter_mut().find(|known| known.layer == layer) {
            Some(known) => known.most = known.most.max(most),
            None => check.differences.push(LayerDifference { layer: layer.to_owned(), most }),
        }
    }
}

/// How many f32 lie from one to the other; every NaN is the same one.
fn steps_between(a: f32, b: f32) -> u32 {
    // Puts the bit patterns of all f32 into their order.
    let rank = |x: f32| {
        let bits = x.to_bits() as i32;
        if bits < 0 { i32::MIN.wrapping_sub(bits) } else { bits }
    };
    if a.is_nan() && b.is_nan() { 0 } else { rank(a).abs_diff(rank(b)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f32_are_counted_in_steps() {
        for (a, b, steps) in [
            (1.0, 1.0, 0),
            (1.0, 1.0 + f32::EPSILON, 1),
            (f32::NAN, -f32::NAN, 0),
            (0.0, -0.0, 0),
            (f32::from_bits(1), -f32::from_bits(1), 2),
            (f32::MAX, f32::INFINITY, 1),
        ] {
            assert_eq!((steps_between(a, b), steps_between(b, a)), (steps, steps), "{a} {b}");
        }
        assert!(steps_between(f32::NAN, 1.0) > 0);
    }

    #[test]
    fn layers_that_differ_are_named() {
        let value = |name: &str| bitdial_ir::Value { name: name.into(), dims: vec![2], quant: None, simulated: None };
        let graph = Graph {
            name: String::new(),
            values: vec![value("a"), value("b")],
            nodes: vec![],
            inputs: vec![],
            outputs: vec![ValueId(1)],
            layout: bitdial_ir::Layout::Nhwc,
            accumulator: None,
        };
        let a = |u: u8| (ValueId(0), Seen::U8(vec![1, u]));
        let b = |f: f32| (ValueId(1), Seen::F32(vec![1.5, f]));
        for (found, differences, steps, agreeing) in [
            (vec![a(2), b(1.0)], vec![], 0, 1),
            (vec![a(2), b(1.0 + f32::EPSILON)], vec![], 1, 1),
            (vec![a(5), b(2.0)], vec![("a", 3)], 1 << 23, 0),
            // What is not held is not compared, but for outputs.
            (vec![b(1.0)], vec![], 0, 1),
            (vec![a(2)], vec![("b", u32::MAX)], 0, 0),
            (vec![b(1.0), (ValueId(0), Seen::U8(vec![1]))], vec![("a", u32::MAX)], 0, 1),
        ] {
            let mut check = BackendCheck::default();
            compare(&graph, &HashMap::from([a(2), b(1.0)]), &found, &mut check);
            let named: Vec<_> = check.differences.iter().map(|d| (&*d.layer, d.most)).collect();
            assert_eq!((named, check.steps, check.agreeing, check.images), (differences, steps, agreeing, 1));
            assert!(check.values >= 1);
        }
    }
}
