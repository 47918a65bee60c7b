//! A loaded model, in f32.

use std::sync::Arc;

use bitdial_ir::{Graph, packed};
use bitdial_protocol::ModelInfo;
use bitdial_runtime::Options;

use crate::describe;
use crate::energy::energy;
use crate::error::EngineError;
use crate::machine::Machine;
use crate::quantized::Quantized;
use crate::runner::{Runnable, Runner};

/// An f32 model, compiled.
#[derive(Debug)]
pub struct Model {
    graph: Arc<Graph>,
    machine: Arc<Machine>,
    runner: Runner,
    info: ModelInfo,
}

impl Model {
    pub(crate) fn load(bytes: &[u8], machine: &Arc<Machine>) -> Result<Self, EngineError> {
        let graph = packed::read(bytes)?;
        machine.allow_tuning();
        // The baseline that quantized models are timed against: it may use the fastest kernels there are.
        let runner = Runner::new(&graph, Options { backend: machine.backend(), strict: false }, machine)?;
        let layers = runner.layers().to_vec();
        let info = ModelInfo {
            inputs: describe::tensors(&graph, &graph.inputs),
            outputs: describe::tensors(&graph, &graph.outputs),
            parameters: layers.iter().map(|layer| layer.parameters).sum(),
            macs: layers.iter().map(|layer| layer.macs).sum(),
            layers,
            size: bytes.len(),
            energy: energy(&graph),
            memory: runner.memory(),
        };
        Ok(Self { graph: Arc::new(graph), machine: Arc::clone(machine), runner, info })
    }

    /// What it is.
    #[must_use]
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Takes a model that was quantized from this one, packed.
    ///
    /// # Errors
    /// [`EngineError::Ir`] for bytes that are no packed model, [`EngineError::Runtime`] for one that cannot run here.
    pub fn adopt(&self, packed: &[u8]) -> Result<Quantized, EngineError> {
        Quantized::read(packed, &self.machine)
    }
}

impl Runnable for Model {
    fn runner(&mut self) -> &mut Runner {
        &mut self.runner
    }

    fn tune(&mut self, now: &dyn Fn() -> f64) -> Result<(), EngineError> {
        self.runner.tune(&self.graph, now)
    }
}
