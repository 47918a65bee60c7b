//! The engine: a backend, and models loaded for it.

use std::sync::Arc;

use bitdial_protocol::{BackendChoice, Capabilities, Rooflines};

use crate::backend::{Backend, Now};
use crate::cpu::Cpu;
use crate::error::EngineError;
use crate::model::Model;

/// A backend that models are loaded for.
#[derive(Debug)]
pub struct Engine<B: Backend = Cpu> {
    backend: Arc<B>,
}

impl<B: Backend> Engine<B> {
    /// An engine that runs on what was chosen.
    ///
    /// # Errors
    /// [`EngineError::Backend`] or [`EngineError::Device`] if this build or this device cannot do it.
    pub async fn new(choice: BackendChoice) -> Result<Self, EngineError> {
        Ok(Self { backend: Arc::new(B::open(choice).await?) })
    }

    /// What this build can run on this device.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    /// What this device does at best in this build, one thread of it where it is a processor; measured at the first call,
    /// which takes some dozens of milliseconds. `now` is a clock in milliseconds; `None` if it is too coarse.
    pub async fn rooflines(&self, now: Now<'_>) -> Option<Rooflines> {
        self.backend.rooflines(now).await
    }

    /// Reads a packed f32 model, prepared to run.
    ///
    /// # Errors
    /// [`EngineError::Ir`] for bytes that are no packed model, [`EngineError::Runtime`] or [`EngineError::Device`] for one
    /// that cannot run here.
    pub async fn load(&self, packed: &[u8]) -> Result<Model<B>, EngineError> {
        Model::load(packed, &self.backend).await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().expect("nothing waits")
    }

    #[test]
    fn the_reference_is_always_there() {
        let engine = now(Engine::<Cpu>::new(BackendChoice::Scalar)).unwrap();
        let capabilities = engine.capabilities();
        assert_eq!(capabilities.backend, "scalar");
        assert!(capabilities.backends.contains(&capabilities.build));
    }

    #[cfg(not(target_arch = "wasm32"))]
    #[test]
    fn missing_kernels_are_an_error() {
        for (choice, name) in [(BackendChoice::RelaxedSimd, "relaxed-simd"), (BackendChoice::WebGpu, "WebGPU")] {
            let error = now(Engine::<Cpu>::new(choice)).unwrap_err().to_string();
            assert_eq!(error, format!("this build of the engine has no {name} kernels; it has scalar"));
        }
    }
}
