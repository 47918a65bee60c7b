//! What a run wrote into each value, and what differs from another run.

use bitdial_ir::{Graph, ValueId};
use bitdial_kernels::Backend;
use bitdial_runtime::{Observed, Options, Plan, RuntimeError};

/// What was in a value.
#[derive(Clone, Debug)]
enum Seen {
    F32(Vec<f32>),
    U8(Vec<u8>),
}

/// All values of a run.
#[derive(Clone, Debug, Default)]
pub struct Values(Vec<(ValueId, Seen)>);

impl Values {
    /// Those that the scalar plan computes, strict, and its outputs.
    ///
    /// # Errors
    /// If the graph cannot be compiled or run.
    pub fn reference(graph: &Graph, inputs: &[&[f32]], batch: usize) -> Result<(Self, Vec<Vec<f32>>), RuntimeError> {
        let mut plan = Plan::compile(graph, Options { backend: Backend::Scalar, strict: true })?;
        let mut values = Self::default();
        let outputs = plan.observe(inputs, batch, &mut |id, value| values.see(id, value))?;
        Ok((values, outputs))
    }

    /// Takes a value, or more images of one.
    pub fn see(&mut self, id: ValueId, value: Observed<'_>) {
        let known = self.0.iter_mut().find(|(known, _)| *known == id).map(|(_, seen)| seen);
        match (known, value) {
            (Some(Seen::F32(all)), Observed::F32(more)) => all.extend(more),
            (Some(Seen::U8(all)), Observed::U8(more)) => all.extend(more),
            (_, Observed::F32(all)) => self.0.push((id, Seen::F32(all.to_vec()))),
            (_, Observed::U8(all)) => self.0.push((id, Seen::U8(all.to_vec()))),
        }
    }

    /// Numbers in all values.
    #[must_use]
    pub fn count(&self) -> usize {
        let len = |seen: &Seen| match seen {
            Seen::F32(all) => all.len(),
            Seen::U8(all) => all.len(),
        };
        self.0.iter().map(|(_, seen)| len(seen)).sum()
    }

    /// The first value of these that differs in another run, and how. Zeros of either sign are equal, and so are all NaN.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<(ValueId, String)> {
        self.0.iter().find_map(|(id, expected)| {
            let found = other.0.iter().find(|(known, _)| known == id).map(|(_, seen)| seen);
            let wrong = match (expected, found) {
                (Seen::U8(expected), Some(Seen::U8(found))) => differing(found, expected, |a, b| a == b),
                (Seen::F32(expected), Some(Seen::F32(found))) => numbers(found, expected),
                _ => Some("it is missing, or held otherwise".to_owned()),
            };
            wrong.map(|wrong| (*id, wrong))
        })
    }

    /// How two sets of outputs differ.
    #[must_use]
    pub fn outputs_differ(found: &[Vec<f32>], expected: &[Vec<f32>]) -> Option<String> {
        if found.len() != expected.len() {
            return Some(format!("{} outputs instead of {}", found.len(), expected.len()));
        }
        found.iter().zip(expected).find_map(|(found, expected)| numbers(found, expected))
    }
}

fn numbers(found: &[f32], expected: &[f32]) -> Option<String> {
    differing(found, expected, |a, b| a == b || (a.is_nan() && b.is_nan()))
}

fn differing<T: Copy + std::fmt::Debug>(found: &[T], expected: &[T], equal: impl Fn(T, T) -> bool) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{} elements instead of {}", found.len(), expected.len()));
    }
    let i = found.iter().zip(expected).position(|(&a, &b)| !equal(a, b))?;
    Some(format!("element {i} of {} is {:?} instead of {:?}", expected.len(), found[i], expected[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let values = |q: u8, x: f32| {
            let mut values = Values::default();
            values.see(ValueId(3), Observed::U8(&[1]));
            values.see(ValueId(4), Observed::F32(&[x]));
            values.see(ValueId(3), Observed::U8(&[q]));
            values
        };
        let expected = values(2, f32::NAN);
        assert_eq!(expected.count(), 3);
        assert_eq!(expected.difference(&values(2, -f32::NAN)), None);
        assert_eq!(values(2, 0.0).difference(&values(2, -0.0)), None);
        let wrong = "element 1 of 2 is 5 instead of 2".to_owned();
        assert_eq!(expected.difference(&values(5, 0.0)), Some((ValueId(3), wrong)));
        assert_eq!(expected.difference(&values(2, 0.0)).map(|(id, _)| id), Some(ValueId(4)));
        assert!(expected.difference(&Values::default()).is_some());
        assert_eq!(Values::outputs_differ(&[vec![1.0]], &[vec![1.0]]), None);
        assert!(Values::outputs_differ(&[vec![1.0]], &[vec![1.5]]).is_some());
        assert!(Values::outputs_differ(&[], &[vec![1.5]]).is_some());
    }
}
