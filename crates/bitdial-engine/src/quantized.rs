//! A quantized model: what it is, and what runs.

use std::sync::Arc;

use bitdial_ir::{Graph, Node, Value, packed};
use bitdial_kernels::Backend;
use bitdial_protocol::{Execution, QuantizedInfo, QuantizedLayer};
use bitdial_runtime::{Options, Step};

use crate::describe;
use crate::energy::energy;
use crate::error::EngineError;
use crate::images::Images;
use crate::machine::Machine;
use crate::runner::{Runnable, Runner};
use crate::verify::Verification;

/// A quantized model, compiled.
#[derive(Debug)]
pub struct Quantized {
    graph: Arc<Graph>,
    runner: Runner,
    info: QuantizedInfo,
}

impl Quantized {
    pub(crate) fn read(bytes: &[u8], machine: &Arc<Machine>) -> Result<Self, EngineError> {
        let graph = packed::read(bytes)?;
        let runner = Runner::new(&graph, options(machine.backend()), machine)?;
        let layers = graph.nodes.iter().zip(runner.steps()).map(|(node, step)| QuantizedLayer {
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
            memory: runner.memory(),
            corrections: Vec::new(),
        };
        Ok(Self { graph: Arc::new(graph), runner, info })
    }

    /// What it is.
    #[must_use]
    pub fn info(&self) -> &QuantizedInfo {
        &self.info
    }

    /// Starts to compare the backends of this build on the first `count` images of a set.
    ///
    /// # Errors
    /// [`EngineError::Shape`] if the images do not fit the model, [`EngineError::Runtime`] if it cannot be compiled.
    pub fn verification(&self, images: Arc<Images>, count: usize) -> Result<Verification, EngineError> {
        self.runner.check_images(&images)?;
        Verification::new(&self.graph, self.runner.machine(), images, count)
    }
}

impl Runnable for Quantized {
    fn runner(&mut self) -> &mut Runner {
        &mut self.runner
    }

    fn tune(&mut self, now: &dyn Fn() -> f64) -> Result<(), EngineError> {
        self.runner.tune(&self.graph, now)?;
        for (layer, step) in self.info.layers.iter_mut().zip(self.runner.steps()) {
            layer.kernel.clone_from(&step.kernel);
        }
        Ok(())
    }
}

/// How every quantized model is compiled, to run and to be verified: strict, so that what it computes in f32 (all of
/// it, for weights only) is the same on every backend, as its integers are.
pub(crate) fn options(backend: Backend) -> Options {
    Options { backend, strict: true }
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
