//! What every value takes on the calibration images, and which range of it a method keeps.

mod entropy;
mod histogram;
mod mse;
mod ranges;
mod seen;

use bitdial_ir::Graph;
use bitdial_kernels::{Backend, Kernels};
use bitdial_protocol::CalibrationMethod;
use bitdial_runtime::{Observed, Options, Plan};

use crate::error::QuantError;

pub(crate) use mse::Quantizer;
pub use ranges::{Ranges, Statistics};
use seen::Seen;

/// Runs images through an f32 graph and keeps what a calibration method must know of every value.
///
/// The plan is strict, so what is seen is the same bits on every backend. Images are taken one by one in their order, so
/// it does not depend on how they are split into calls; extremes do not depend on the order either.
#[derive(Debug)]
pub struct Calibrator {
    plan: Plan,
    kernels: Kernels,
    statistics: Statistics,
    seen: Vec<Seen>,
    lens: Vec<usize>,
}

impl Calibrator {
    /// Compiles the graph for [`CalibrationMethod::MinMax`].
    ///
    /// # Errors
    /// If the graph has several inputs or cannot be compiled.
    pub fn new(graph: &Graph, backend: Backend) -> Result<Self, QuantError> {
        Self::for_method(graph, backend, CalibrationMethod::MinMax)
    }

    /// Compiles the graph for a method, and those that need to know the same.
    ///
    /// # Errors
    /// As [`Calibrator::new`].
    pub fn for_method(graph: &Graph, backend: Backend, method: CalibrationMethod) -> Result<Self, QuantError> {
        if graph.inputs.len() != 1 {
            return Err(QuantError::Inputs(graph.inputs.len()));
        }
        let plan = Plan::compile_unfused(graph, Options { backend, strict: true })?;
        let statistics = Statistics::of(method);
        Ok(Self {
            kernels: plan.kernels(),
            plan,
            statistics,
            seen: vec![Seen::new(statistics); graph.values.len()],
            lens: graph.values.iter().map(bitdial_ir::Value::len).collect(),
        })
    }

    /// Takes `batch` more images, NCHW.
    ///
    /// # Errors
    /// If the input has the wrong length.
    pub fn feed(&mut self, input: &[f32], batch: usize) -> Result<(), QuantError> {
        let Self { plan, kernels, seen, lens, .. } = self;
        plan.observe(&[input], batch, &mut |value, observed| {
            if let Observed::F32(x) = observed {
                for image in x.chunks_exact(lens[value.0]) {
                    seen[value.0].take(image, kernels.elementwise().range(image));
                }
            }
        })?;
        Ok(())
    }

    /// What was seen.
    #[must_use]
    pub fn finish(self) -> Ranges {
        Ranges::new(self.statistics, self.seen)
    }
}
