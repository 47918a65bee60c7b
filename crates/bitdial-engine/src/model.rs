//! A loaded model, in f32.

use std::sync::Arc;

use bitdial_ir::packed;
use bitdial_protocol::ModelInfo;

use crate::backend::{Backend, Executable, Purpose};
use crate::cpu::Cpu;
use crate::describe;
use crate::energy::energy;
use crate::error::EngineError;
use crate::quantized::Quantized;
use crate::runner::Runner;

/// An f32 model, compiled.
#[derive(Debug)]
pub struct Model<B: Backend = Cpu> {
    backend: Arc<B>,
    runner: Runner<B::Plan>,
    info: ModelInfo,
}

impl<B: Backend> Model<B> {
    pub(crate) async fn load(bytes: &[u8], backend: &Arc<B>) -> Result<Self, EngineError> {
        let graph = Arc::new(packed::read(bytes)?);
        backend.allow_tuning();
        let plan = backend.compile(&graph, Purpose::Baseline).await?;
        let layers = describe::layers(&graph);
        let info = ModelInfo {
            inputs: describe::tensors(&graph, &graph.inputs),
            outputs: describe::tensors(&graph, &graph.outputs),
            parameters: layers.iter().map(|layer| layer.parameters).sum(),
            macs: layers.iter().map(|layer| layer.macs).sum(),
            layers,
            size: bytes.len(),
            energy: energy(&graph),
            memory: plan.memory(),
        };
        Ok(Self { backend: Arc::clone(backend), runner: Runner::new(graph, plan), info })
    }

    /// What it is.
    #[must_use]
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// What runs it.
    pub fn runner(&mut self) -> &mut Runner<B::Plan> {
        &mut self.runner
    }

    /// Takes a model that was quantized from this one, packed.
    ///
    /// # Errors
    /// [`EngineError::Ir`] for bytes that are no packed model, [`EngineError::Runtime`] or [`EngineError::Device`] for one
    /// that cannot run here.
    pub async fn adopt(&self, packed: &[u8]) -> Result<Quantized<B>, EngineError> {
        Quantized::read(packed, &self.backend).await
    }
}
