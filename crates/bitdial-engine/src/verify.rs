//! Compares the backends of this build with the scalar reference on this device, value by value.

use std::sync::Arc;

use bitdial_ir::{Graph, ValueId};
use bitdial_kernels::Backend;
use bitdial_protocol::BackendCheck;
use bitdial_runtime::{Observed, Plan};

use crate::error::EngineError;
use crate::images::Images;
use crate::machine::Machine;
use crate::progress::Progress;
use crate::quantized::options;

/// What one image's run wrote into one value.
enum Seen {
    F32(Vec<f32>),
    U8(Vec<u8>),
}

/// A comparison that has begun: one image a step.
///
/// Every integer must be equal. So must every f32: the plans are compiled as the model that runs is, strict.
#[derive(Debug)]
pub struct Verification {
    graph: Arc<Graph>,
    reference: Plan,
    others: Vec<(Plan, BackendCheck)>,
    images: Arc<Images>,
    done: usize,
    count: usize,
}

impl Verification {
    pub(crate) fn new(graph: &Arc<Graph>, machine: &Machine, images: Arc<Images>, count: usize) -> Result<Self, EngineError> {
        let tuning = machine.tuning();
        let plan = |backend| Plan::tuned(graph, options(backend), &tuning);
        let others = Backend::available().into_iter().filter(|&backend| backend != Backend::Scalar);
        let others = others
            .map(|backend| {
                let check = BackendCheck { backend: backend.name().to_owned(), values: 0, difference: 0, layer: None };
                Ok((plan(backend)?, check))
            })
            .collect::<Result<Vec<_>, EngineError>>()?;
        let count = count.min(images.count());
        Ok(Self { graph: Arc::clone(graph), reference: plan(Backend::Scalar)?, others, images, done: 0, count })
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { done: self.done, total: self.count }
    }

    /// Runs the next image on every backend.
    ///
    /// # Errors
    /// [`EngineError::Runtime`] if a plan cannot run.
    pub fn step(&mut self) -> Result<Progress, EngineError> {
        if !self.progress().is_done() {
            let input = self.images.inputs(self.done..self.done + 1)?;
            let expected = observe(&mut self.reference, &input)?;
            for (plan, check) in &mut self.others {
                let found = observe(plan, &input)?;
                compare(&self.graph, &expected, &found, check);
            }
            self.done += 1;
        }
        Ok(self.progress())
    }

    /// One result for each backend of this build other than the reference.
    #[must_use]
    pub fn finish(self) -> Vec<BackendCheck> {
        self.others.into_iter().map(|(_, check)| check).collect()
    }
}

fn observe(plan: &mut Plan, input: &[f32]) -> Result<Vec<(ValueId, Seen)>, EngineError> {
    let mut seen = Vec::new();
    plan.observe(&[input], 1, &mut |id, value| {
        let value = match value {
            Observed::F32(value) => Seen::F32(value.to_vec()),
            Observed::U8(value) => Seen::U8(value.to_vec()),
        };
        seen.push((id, value));
    })?;
    Ok(seen)
}

/// Adds one image's values to a check.
fn compare(graph: &Graph, expected: &[(ValueId, Seen)], found: &[(ValueId, Seen)], check: &mut BackendCheck) {
    if expected.len() != found.len() {
        differ(check, u32::MAX, || "(the number of layers)".to_owned());
    }
    for ((id, a), (other, b)) in expected.iter().zip(found) {
        let (values, difference) = match (a, b) {
            (Seen::U8(a), Seen::U8(b)) if id == other && a.len() == b.len() => {
                (a.len(), a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).max())
            }
            (Seen::F32(a), Seen::F32(b)) if id == other && a.len() == b.len() => {
                (a.len(), a.iter().zip(b).map(|(a, b)| steps_between(*a, *b)).max())
            }
            _ => (0, Some(u32::MAX)),
        };
        check.values += values as u64;
        differ(check, difference.unwrap_or(0), || graph.producer(*id).map_or_else(|| graph.value(*id).name.clone(), |n| n.name.clone()));
    }
}

/// Notes a difference, and where the first one is.
fn differ(check: &mut BackendCheck, difference: u32, layer: impl FnOnce() -> String) {
    if difference > 0 && check.layer.is_none() {
        check.layer = Some(layer());
    }
    check.difference = check.difference.max(difference);
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
    fn the_first_layer_that_differs_is_named() {
        let value = |name: &str| bitdial_ir::Value { name: name.into(), dims: vec![2], quant: None, simulated: None };
        let graph = Graph {
            name: String::new(),
            values: vec![value("a"), value("b")],
            nodes: vec![],
            inputs: vec![],
            outputs: vec![],
            layout: bitdial_ir::Layout::Nhwc,
            accumulator: None,
        };
        let run = |u: u8, f: f32| vec![(ValueId(0), Seen::U8(vec![1, u])), (ValueId(1), Seen::F32(vec![f]))];
        for (found, difference, layer) in [
            (run(2, 1.0), 0, None),
            (run(2, 1.0 + f32::EPSILON), 1, Some("b")),
            (run(5, 2.0), 1 << 23, Some("a")),
            (vec![(ValueId(0), Seen::U8(vec![1, 2]))], u32::MAX, Some("(the number of layers)")),
        ] {
            let mut check = BackendCheck { backend: String::new(), values: 0, difference: 0, layer: None };
            compare(&graph, &run(2, 1.0), &found, &mut check);
            assert_eq!((check.difference, check.layer.as_deref()), (difference, layer));
            assert!(check.values >= 2);
        }
    }
}
