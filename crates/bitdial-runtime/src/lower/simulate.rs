//! Formats of activations that are simulated: f32 values are taken to the format and back right after they are written,
//! and what computes with them computes in f32.

use bitdial_ir::{Activation, Graph, Op, Value, ValueId};
use bitdial_numerics::FakeQuantizer;

use super::Lowering;
use crate::arena::Buf;

/// What is done to a value after it was written.
#[derive(Debug)]
pub(crate) struct Simulation {
    quantizer: FakeQuantizer,
    /// Elements of an image, and of a row of channels.
    len: usize,
    row: usize,
}

impl Simulation {
    /// That of a value, if its format is simulated.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let quantizer = value.simulated?.prepare();
        Some(Self { quantizer, len: value.len().max(1), row: value.dims.last().copied().unwrap_or(1) })
    }

    /// Does it to the images of a chunk.
    pub(crate) fn apply(&self, images: &mut [f32]) {
        for image in images.chunks_exact_mut(self.len) {
            self.quantizer.apply(image, self.row);
        }
    }
}

/// For each value whether its numbers are those of a simulated format: its own, or that of a value it only moves.
pub(crate) fn simulated(graph: &Graph) -> Vec<bool> {
    let mut found: Vec<bool> = graph.values.iter().map(|value| value.simulated.is_some()).collect();
    for node in &graph.nodes {
        let moves = matches!(node.op, Op::Reshape(_) | Op::Transpose(_) | Op::Pad { .. } | Op::MaxPool(_));
        if moves && node.activation == Activation::None && found[node.inputs[0].0] {
            found[node.output.0] = true;
        }
    }
    found
}

impl Lowering<'_> {
    /// Takes a value that was written to `buf` to its format, if that is simulated.
    pub(crate) fn emit_simulation(&mut self, value: ValueId, buf: Buf<f32>) {
        if let Some(simulation) = Simulation::of(self.graph.value(value)) {
            self.emit(move |m| simulation.apply(m.f32s.get_mut(buf)));
        }
    }
}
