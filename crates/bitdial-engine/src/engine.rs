//! The engine: a choice of kernels, and models loaded for them.

use std::sync::Arc;

use bitdial_kernels::{Backend, DotSemantics, dot_semantics};
use bitdial_protocol::{BackendChoice, Capabilities, Rooflines};

use crate::error::EngineError;
use crate::machine::Machine;
use crate::model::Model;

/// A choice of kernels.
#[derive(Clone, Debug)]
pub struct Engine {
    machine: Arc<Machine>,
}

impl Engine {
    /// An engine that runs on the kernels chosen.
    ///
    /// # Errors
    /// [`EngineError::Backend`] if this build does not have them.
    pub fn new(choice: BackendChoice) -> Result<Self, EngineError> {
        let backend = match choice {
            BackendChoice::Auto => Backend::best(),
            BackendChoice::Scalar => Backend::Scalar,
            BackendChoice::Simd128 => Backend::Simd128,
            BackendChoice::RelaxedSimd => Backend::RelaxedSimd,
        };
        let available = Backend::available();
        if available.contains(&backend) {
            Ok(Self { machine: Arc::new(Machine::new(backend)) })
        } else {
            let available = available.iter().map(|b| b.name()).collect::<Vec<_>>().join(", ");
            Err(EngineError::Backend { wanted: backend.name(), available })
        }
    }

    /// The kernels in use.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.machine.backend()
    }

    /// What this build can run on this device.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let name = |backend: Backend| backend.name().to_owned();
        Capabilities {
            build: name(Backend::best()),
            backend: name(self.backend()),
            backends: Backend::available().into_iter().map(name).collect(),
            dot: dot_semantics().map(|dot| dot_name(dot).to_owned()),
        }
    }

    /// What one thread of this device does at best in this build; measured at the first call, which takes some dozens
    /// of milliseconds. `now` is a clock in milliseconds; `None` if it is too coarse.
    #[must_use]
    pub fn rooflines(&self, now: &dyn Fn() -> f64) -> Option<Rooflines> {
        self.machine.rooflines(now).cloned()
    }

    /// Reads a packed f32 model, prepared to run.
    ///
    /// # Errors
    /// [`EngineError::Ir`] for bytes that are no packed model, [`EngineError::Runtime`] for one that cannot run here.
    pub fn load(&self, packed: &[u8]) -> Result<Model, EngineError> {
        Model::load(packed, &self.machine)
    }
}

fn dot_name(dot: DotSemantics) -> &'static str {
    match dot {
        DotSemantics::Signed => "signed",
        DotSemantics::Unsigned => "unsigned",
        DotSemantics::Saturating => "saturating",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_always_there() {
        let engine = Engine::new(BackendChoice::Scalar).unwrap();
        let capabilities = engine.capabilities();
        assert_eq!(capabilities.backend, "scalar");
        assert!(capabilities.backends.contains(&capabilities.build));
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[test]
    fn missing_kernels_are_an_error() {
        let error = Engine::new(BackendChoice::RelaxedSimd).unwrap_err().to_string();
        assert_eq!(error, "this build of the engine has no relaxed-simd kernels; it has scalar");
    }
}
