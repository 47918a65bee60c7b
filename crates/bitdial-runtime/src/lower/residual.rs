//! Residual sums that the convolution before them computes, on the way of its own results to memory.
//!
//! Possible where nothing but the sum reads the convolution's output, both activations are clamps, all three values
//! are held alike, and the other operand is written before the convolution runs. The results are those of two steps.

use bitdial_ir::{Binary, Graph, Node, Op, ValueId};
use bitdial_kernels::{ConvShape, F32Sum, F32Tail, U8Sum};
use bitdial_numerics::ActivationParams;

use super::activation::{clamped, interval};
use super::binary::factors;
use super::conv::images;
use super::integer::check_factors;
use super::{FloatOutput, Held, Lowered, Lowering};
use crate::arena::{Buf, Others};
use crate::plan::Execution;
use crate::ranges::Ranges;

/// A sum that the convolution that writes one of its operands could compute.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// The node of the sum.
    pub sum: usize,
    /// The other operand.
    pub other: ValueId,
}

/// For each value the sum that its producer could compute.
#[must_use]
pub fn candidates(graph: &Graph) -> Vec<Option<Candidate>> {
    let mut found = vec![None; graph.values.len()];
    let mut reads = vec![0usize; graph.values.len()];
    let mut writers: Vec<Option<usize>> = vec![None; graph.values.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        node.inputs.iter().for_each(|input| reads[input.0] += 1);
        writers[node.output.0] = Some(index);
    }
    graph.outputs.iter().for_each(|output| reads[output.0] += 1);
    let clamps = |node: &Node| interval(node.activation).is_some();
    for (sum, node) in graph.nodes.iter().enumerate() {
        let (Op::Binary(Binary::Add), &[a, b]) = (&node.op, &node.inputs[..]) else { continue };
        let dims = |id: ValueId| &graph.value(id).dims;
        if !clamps(node) || dims(a) != dims(b) || dims(a) != dims(node.output) {
            continue;
        }
        for (own, other) in [(a, b), (b, a)] {
            let producer = writers[own.0].map(|writer| (writer, &graph.nodes[writer]));
            // A graph input has no writer, and is there before everything.
            let possible = producer.is_some_and(|(writer, conv)| {
                matches!(conv.op, Op::Conv(_) | Op::Linear(_)) && clamps(conv) && reads[own.0] == 1 && writers[other.0] < Some(writer)
            });
            if possible {
                found[own.0] = Some(Candidate { sum, other });
            }
        }
    }
    found
}

/// A sum of integers, computed by the convolution.
pub(crate) struct IntSum {
    /// Where the sum goes, and what the convolution gives without it.
    pub out: Buf<u8>,
    scale: f32,
    other: (Buf<u8>, ActivationParams),
    grid: ActivationParams,
}

impl IntSum {
    /// Its part for image `i`, of which a result has `len` elements.
    pub(crate) fn of<'a>(&'a self, others: &'a Others<'_, u8>, i: usize, len: usize) -> U8Sum<'a> {
        let (other, grid) = &self.other;
        U8Sum { scale: self.scale, other: (&others.get(*other)[i * len..][..len], grid), grid: &self.grid }
    }
}

/// A sum in f32, computed by the convolution.
pub(crate) struct FloatSum {
    other: Buf<f32>,
    low: f32,
    high: f32,
}

impl FloatSum {
    /// Its part for image `i`, of which a result has `len` elements.
    pub(crate) fn of<'a>(&self, others: &'a Others<'_, f32>, i: usize, len: usize) -> F32Sum<'a> {
        F32Sum { other: &others.get(self.other)[i * len..][..len], low: self.low, high: self.high }
    }
}

/// The f32 results of a convolution.
pub(crate) struct ConvOutput {
    /// Where they go.
    pub out: FloatOutput,
    /// What is added to them.
    sum: Option<FloatSum>,
    /// Where the range of each image goes, if it is of use.
    range: Option<usize>,
}

impl From<FloatOutput> for ConvOutput {
    fn from(out: FloatOutput) -> Self {
        Self { out, sum: None, range: None }
    }
}

impl ConvOutput {
    /// A chunk as the kernel takes it: image by image where each has a range.
    pub(crate) fn images(&self, shape: &ConvShape, chunk: usize) -> (ConvShape, usize) {
        if self.range.is_some() { (*shape, chunk) } else { images(shape, chunk) }
    }

    /// What is done to result `i` of `len` elements; `sums` and `ranges` are those of [`Memory`].
    ///
    /// [`Memory`]: crate::memory::Memory
    pub(crate) fn tail<'a>(&self, sums: bool, ranges: &'a Ranges, others: &'a Others<'_, f32>, i: usize, len: usize) -> F32Tail<'a> {
        F32Tail {
            add: self.sum.as_ref().filter(|_| sums).map(|sum| sum.of(others, i, len)),
            range: self.range.map(|slot| ranges.start(slot, i)),
        }
    }
}

impl<'g> Lowering<'g> {
    /// The sum that a convolution of integers to the grid `own` computes, if any.
    pub(crate) fn int_sum(&mut self, node: &Node, own: ActivationParams) -> Option<IntSum> {
        let (sum, other) = self.candidate(node)?;
        let grid = self.graph.value(sum.output).quant.and_then(|grid| clamped(grid, sum.activation))?;
        let Held::U8(other, other_grid) = self.held[other.0]? else { return None };
        // Where its scales do not fit, its own step says so.
        check_factors(sum, &factors(Binary::Add, own, other_grid, grid)).ok()?;
        self.lives.u8s.touch(other, self.at);
        let Held::U8(out, _) = self.hold(sum.output) else { return None };
        self.fuse(node, sum, Held::U8(out, own));
        Some(IntSum { out, scale: own.scale, other: (other, other_grid), grid })
    }

    /// Where a convolution's f32 output goes; to be followed by [`Lowering::finish_float`].
    pub(crate) fn conv_output(&mut self, node: &Node) -> ConvOutput {
        let (out, sum, value) = match self.float_sum(node) {
            Some((sum, buf, value)) => (FloatOutput { buf, value, quantized: None }, Some(sum), value),
            None => (self.float_output(node), None, node.output),
        };
        let last = out.quantized.is_none() && self.graph.value(value).simulated.is_none() && interval(node.activation).is_some();
        let range = if last { self.range_slot(value, out.buf) } else { None };
        ConvOutput { out, sum, range }
    }

    /// The sum that a convolution to f32 computes, if any, and where it goes.
    fn float_sum(&mut self, node: &Node) -> Option<(FloatSum, Buf<f32>, ValueId)> {
        let (sum, other) = self.candidate(node)?;
        let (low, high) = interval(sum.activation)?;
        let held_as_is = |id: ValueId| self.graph.value(id).quant.is_none() && self.graph.value(id).simulated.is_none();
        if !held_as_is(node.output) || !held_as_is(sum.output) {
            return None;
        }
        let Held::F32(other) = self.held[other.0]? else { return None };
        self.lives.f32s.touch(other, self.at);
        let Held::F32(out) = self.hold(sum.output) else { return None };
        self.fuse(node, sum, Held::F32(out));
        Some((FloatSum { other, low, high }, out, sum.output))
    }

    fn candidate(&self, node: &Node) -> Option<(&'g Node, ValueId)> {
        let candidate = self.candidates.get(node.output.0).copied().flatten()?;
        Some((&self.graph.nodes[candidate.sum], candidate.other))
    }

    fn fuse(&mut self, node: &Node, sum: &Node, held: Held) {
        self.held[node.output.0] = Some(held);
        self.summed_by[sum.output.0] = Some(node.name.clone());
        self.sums = true;
    }

    /// The step of a sum that a convolution has computed.
    pub(crate) fn summed(&mut self, node: &Node) -> Option<Lowered> {
        let by = self.summed_by[node.output.0].take()?;
        let execution = match self.use_value(node.output) {
            Held::U8(..) => Execution::Integer,
            Held::F32(_) => Execution::Float,
        };
        Some(Lowered::new(&format!("fused into {by}"), execution))
    }
}
