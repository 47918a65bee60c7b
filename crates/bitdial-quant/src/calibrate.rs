//! Which range every value takes on the calibration images.

use bitdial_ir::{Graph, ValueId};
use bitdial_kernels::{Backend, Kernels};
use bitdial_runtime::{Observed, Options, Plan};

use crate::error::QuantError;

/// The smallest and the largest number that each value took.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges {
    of: Vec<(f32, f32)>,
}

impl Ranges {
    /// Smallest and largest number of a value; `None` if none was seen, or not all were finite.
    #[must_use]
    pub fn get(&self, value: ValueId) -> Option<(f32, f32)> {
        let &(min, max) = self.of.get(value.0)?;
        (min <= max && min.is_finite() && max.is_finite()).then_some((min, max))
    }
}

/// Runs images through an f32 graph and keeps the range of every value.
///
/// The plan is strict, so the ranges are the same bits on every backend; and they do not depend on how the images are
/// split into calls.
#[derive(Debug)]
pub struct Calibrator {
    plan: Plan,
    kernels: Kernels,
    ranges: Ranges,
}

impl Calibrator {
    /// Compiles the graph for calibration.
    ///
    /// # Errors
    /// If the graph has several inputs or cannot be compiled.
    pub fn new(graph: &Graph, backend: Backend) -> Result<Self, QuantError> {
        if graph.inputs.len() != 1 {
            return Err(QuantError::Inputs(graph.inputs.len()));
        }
        let plan = Plan::compile_unfused(graph, Options { backend, strict: true })?;
        let ranges = Ranges { of: vec![(f32::INFINITY, f32::NEG_INFINITY); graph.values.len()] };
        Ok(Self { kernels: plan.kernels(), plan, ranges })
    }

    /// Takes `batch` more images, NCHW.
    ///
    /// # Errors
    /// If the input has the wrong length.
    pub fn feed(&mut self, input: &[f32], batch: usize) -> Result<(), QuantError> {
        let (ranges, kernels) = (&mut self.ranges.of, self.kernels);
        self.plan.observe(&[input], batch, &mut |value, observed| {
            if let Observed::F32(x) = observed {
                let (min, max) = kernels.elementwise().range(x);
                let range = &mut ranges[value.0];
                *range = (range.0.min(min), range.1.max(max));
            }
        })?;
        Ok(())
    }

    /// What was seen.
    #[must_use]
    pub fn finish(self) -> Ranges {
        self.ranges
    }
}
