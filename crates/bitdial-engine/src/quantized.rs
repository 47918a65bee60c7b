//! A quantized model: what it is, and what runs.

use std::sync::Arc;

use bitdial_ir::{Graph, Node, Value, packed};
use bitdial_protocol::{Execution, QuantizedInfo, QuantizedLayer};
use bitdial_runtime::Step;

use crate::backend::{Backend, Executable, Purpose};
use crate::cpu::Cpu;
use crate::describe;
use crate::energy::energy;
use crate::error::EngineError;
use crate::images::Images;
use crate::runner::Runner;
use crate::verify::Verification;

/// A quantized model, compiled.
#[derive(Debug)]
pub struct Quantized<B: Backend = Cpu> {
    backend: Arc<B>,
    graph: Arc<Graph>,
    runner: Runner<B::Plan>,
    info: QuantizedInfo,
}

impl<B: Backend> Quantized<B> {
    pub(crate) async fn read(bytes: &[u8], backend: &Arc<B>) -> Result<Self, EngineError> {
        let graph = Arc::new(packed::read(bytes)?);
        let plan = backend.compile(&graph, Purpose::Exact).await?;
        let layers = graph.nodes.iter().zip(plan.steps()).map(|(node, step)| QuantizedLayer {
            name: node.name.clone(),
            op: describe::operator(node),
            kernel: step.kernel.clone(),
            execution: execution(step),
            weight_bits: weight_bits(node),
            activation_bits: activation_bits(graph.value(node.output)),
            bytes: packed::node_bytes(node),
            weight_sqnr: None,
        });
        let info = QuantizedInfo {
            layers: layers.collect(),
            size: bytes.len(),
            energy: energy(&graph),
            memory: plan.memory(),
            corrections: Vec::new(),
        };
        Ok(Self { backend: Arc::clone(backend), runner: Runner::new(Arc::clone(&graph), plan), graph, info })
    }

    /// What it is. Its kernels are those that it was compiled with first.
    #[must_use]
    pub fn info(&self) -> &QuantizedInfo {
        &self.info
    }

    /// What runs it.
    pub fn runner(&mut self) -> &mut Runner<B::Plan> {
        &mut self.runner
    }

    /// Starts to compare everything that can run it here with the reference, on the first `count` images of a set.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the images do not fit the model, [`EngineError::Runtime`] or [`EngineError::Device`] if it
    /// cannot be compiled.
    pub async fn verification(&self, images: Arc<Images>, count: usize) -> Result<Verification<B::Plan>, EngineError> {
        self.runner.check_images(&images)?;
        let rivals = self.backend.rivals(&self.graph).await?;
        Verification::new(&self.graph, rivals, images, count)
    }
}

pub(crate) fn execution(step: &Step) -> Execution {
    match step.execution {
        bitdial_runtime::Execution::Float => Execution::Float,
        bitdial_runtime::Execution::WeightOnly => Execution::WeightOnly,
        bitdial_runtime::Execution::Simulated => Execution::Simulated,
        bitdial_runtime::Execution::Integer => Execution::Integer,
        bitdial_runtime::Execution::DynamicInteger => Execution::DynamicInteger,
        bitdial_runtime::Execution::Movement => Execution::Movement,
    }
}

fn weight_bits(node: &Node) -> Option<u8> {
    describe::weights(node)?.0.bits()
}

/// The width that holds the numbers of a value, if it is quantized. The lab knows better: a symmetric grid without negative values leaves a
/// bit unused.
fn activation_bits(value: &Value) -> Option<u8> {
    let integers = value.quant.map(|grid| (u8::BITS - grid.high.leading_zeros()) as u8);
    integers.or_else(|| value.simulated.map(|format| format.bits()))
}
