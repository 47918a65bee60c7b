//! The contract between the engine and whatever runs compiled models.
//!
//! The kernels of this crate's [`Cpu`](crate::Cpu) fulfil it, and a GPU does in a crate of its own. What may have to wait
//! for a device is a future; on the CPU it is always ready.

use bitdial_ir::Graph;
use bitdial_kernels::Part;
use bitdial_protocol::{BackendChoice, Capabilities, KernelTime, MemoryUse, Rooflines};
use bitdial_runtime::{Overflows, See, Step};

use crate::error::EngineError;

/// A clock in milliseconds.
pub type Now<'a> = &'a dyn Fn() -> f64;

/// What a model is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The f32 model that quantized ones are timed against: as fast as it can be.
    Baseline,
    /// A quantized model: what it computes is what the scalar reference computes.
    Exact,
}

/// A device and the ways to compute on it.
pub trait Backend: Sized + 'static {
    /// A compiled model.
    type Plan: Executable;

    /// Gets hold of the device.
    ///
    /// # Errors
    /// [`EngineError::Backend`] or [`EngineError::Device`] if this build or this device cannot do it.
    fn open(choice: BackendChoice) -> impl Future<Output = Result<Self, EngineError>>;

    /// What can run here.
    fn capabilities(&self) -> Capabilities;

    /// Compiles a prepared graph, quantized or not.
    ///
    /// # Errors
    /// [`EngineError::Runtime`] or [`EngineError::Device`] if it cannot run here; the node is named.
    fn compile(&self, graph: &Graph, purpose: Purpose) -> impl Future<Output = Result<Self::Plan, EngineError>>;

    /// Every way to compute here, by name, each of which must give what the scalar reference gives.
    ///
    /// # Errors
    /// As [`Backend::compile`].
    fn rivals(&self, graph: &Graph) -> impl Future<Output = Result<Vec<(String, Self::Plan)>, EngineError>>;

    /// A model was loaded, for whose kernels there is time to be tried out.
    fn allow_tuning(&self);

    /// What the device does at best, measured at the first call; `None` where the clock is too coarse for that.
    fn rooflines(&self, now: Now<'_>) -> impl Future<Output = Option<Rooflines>>;
}

/// A compiled model.
pub trait Executable {
    /// What it does, one step for each node of the graph.
    fn steps(&self) -> &[Step];

    /// The memory that one inference takes.
    fn memory(&self) -> MemoryUse;

    /// Images that are best given to it at a time.
    fn chunk(&self) -> usize;

    /// Whether a step has anything to do.
    fn computes(&self, step: usize) -> bool;

    /// Whether parts of a step can be repeated by themselves.
    fn has_parts(&self) -> bool;

    /// The kernels that a step had a choice of, with their times.
    fn alternatives(&self, step: &Step) -> Vec<KernelTime>;

    /// What narrow accumulators did since this was asked last.
    fn take_overflows(&mut self) -> Vec<Overflows>;

    /// Runs a batch of images (f32, NCHW) into vectors of the caller's, one for each output (f32, batch first).
    ///
    /// # Errors
    /// [`EngineError::Runtime`] for an input of another length, [`EngineError::Device`] if the device cannot go on.
    fn run_into(&mut self, input: &[f32], batch: usize, outputs: &mut Vec<Vec<f32>>) -> impl Future<Output = Result<(), EngineError>>;

    /// Runs one image and shows what is held in memory after each step.
    ///
    /// # Errors
    /// As [`Executable::run_into`].
    fn observe(&mut self, input: &[f32], see: See<'_>) -> impl Future<Output = Result<(), EngineError>>;

    /// Runs a step, or a part of it, `times` times on what the last run left in memory. Gives the milliseconds that all of
    /// it took where the device has a clock of its own, which is then a better one than the caller's.
    ///
    /// # Errors
    /// [`EngineError::Device`] if the device cannot go on.
    fn repeat(&mut self, step: usize, part: Part, times: u32) -> impl Future<Output = Result<Option<f64>, EngineError>>;

    /// Tries out kernels between which this device decides, for 100 ms at most of each model that is loaded, and goes on
    /// with the fastest. `graph` is what was compiled. Results stay as they are; those of f32 models within rounding. A
    /// clock that is too coarse changes nothing.
    ///
    /// # Errors
    /// As [`Backend::compile`].
    fn tune(&mut self, graph: &Graph, now: Now<'_>) -> impl Future<Output = Result<(), EngineError>>;
}
