//! The machine that models run on: the kernels chosen, and what was found out about them here.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bitdial_kernels::{Backend, ConvCase, Kernels, Tuning, peaks};
use bitdial_protocol::{Bandwidth, KernelTime, Rooflines};
use bitdial_runtime::Step;

/// Milliseconds that kernels may be tried out for: for a model in all precisions, and for one of them.
const TUNING: [f64; 2] = [100.0, 50.0];

/// Shared by an engine and everything that it loads.
#[derive(Debug)]
pub struct Machine {
    backend: Backend,
    tuning: Mutex<Tuning>,
    rooflines: OnceLock<Option<Rooflines>>,
}

impl Machine {
    pub fn new(backend: Backend) -> Self {
        Self { backend, tuning: Mutex::default(), rooflines: OnceLock::new() }
    }

    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// What was found out so far.
    pub fn tuning(&self) -> MutexGuard<'_, Tuning> {
        self.tuning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A model was loaded, whose kernels may be tried out.
    pub fn allow_tuning(&self) {
        self.tuning().allow(TUNING[0]);
    }

    /// Tries out the kernels that some steps have a choice of; says whether one of them would run faster on another.
    pub fn tune(&self, steps: &[Step], now: &dyn Fn() -> f64) -> bool {
        let Some(kernels) = Kernels::new(self.backend) else { return false };
        let mut tuning = self.tuning();
        tuning.tune(&kernels, steps.iter().filter_map(|step| step.conv), TUNING[1], now);
        let other = |step: &Step| {
            let chosen = step.conv.and_then(|case| tuning.choice(&kernels, &case));
            // What is done besides stands after a plus.
            chosen.is_some_and(|choice| step.kernel.split('+').next() != Some(choice.times[choice.chosen].0))
        };
        steps.iter().any(other)
    }

    /// What one thread does at best, measured at the first call; `None` if the clock is too coarse for that.
    pub fn rooflines(&self, now: &dyn Fn() -> f64) -> Option<&Rooflines> {
        let measured = || {
            let peaks = peaks(now)?;
            let memory = peaks.memory.map(|at| Bandwidth { bytes: at.bytes, read: at.read, copy: at.copy });
            Some(Rooflines { dot: peaks.dot, float: peaks.float, bits: peaks.bits, memory: memory.to_vec() })
        };
        self.rooflines.get_or_init(measured).as_ref()
    }

    /// The kernels that a step had a choice of, with their times; none where there was no choice or no time for it.
    pub fn alternatives(&self, case: Option<ConvCase>) -> Vec<KernelTime> {
        let (Some(kernels), Some(case)) = (Kernels::new(self.backend), case) else { return Vec::new() };
        let time = |&(kernel, ms): &(&str, f64)| KernelTime { kernel: kernel.to_owned(), ms };
        self.tuning().choice(&kernels, &case).map_or(Vec::new(), |choice| choice.times.iter().map(time).collect())
    }
}
