//! Estimated energy of one inference: what the graph computes and moves, times Horowitz's table.
//!
//! Source of the table: M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014,
//! figure 1.1.9: 45 nm, 0.9 V. It ranks schemes; it does not measure a device. What the table does not say follows
//! these rules:
//!
//! - A product of a `w`-bit and an `a`-bit integer costs `w * a / 64` of an 8-bit product: an array multiplier has one
//!   cell per pair of bits. (32 x 32 bits by this rule: 3.2 pJ; the table says 3.1.) Sums are 32-bit additions.
//! - Requantizing a result, decoding a weight, scaling an operand: one f32 multiplication each. Scaling and adding the
//!   sum of a group of weights: one and an f32 addition.
//! - A result that is looked up in a table costs one read of the cache.
//! - Weights, scales and biases come from DRAM once, as many bytes as the packed model has. Activations are written
//!   to the cache by one layer and read by the next, a byte each as integers and four as f32. Operands move in units
//!   of 64 bits; a read of DRAM costs the middle of the table's 1300 to 2600 pJ.

use bitdial_ir::{Activation, Binary, Graph, Node, Op, Pool, Value, ValueId, Weights, packed};
use bitdial_numerics::ActivationParams;
use bitdial_protocol::Energy;

use crate::describe;

/// Picojoules of one operation.
const FLOAT_ADD: f64 = 0.9;
const FLOAT_MUL: f64 = 3.7;
const INT8_ADD: f64 = 0.03;
const INT32_ADD: f64 = 0.1;
const INT8_MUL: f64 = 0.2;
/// Picojoules of a byte, an eighth of a 64-bit access.
const CACHE_BYTE: f64 = 10.0 / 8.0;
const DRAM_BYTE: f64 = 1950.0 / 8.0;
/// Bits of an 8-bit product: one cell per pair of bits.
const INT8_CELLS: f64 = 64.0;

/// What a node computes and moves for one image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Work {
    float_adds: f64,
    float_muls: f64,
    int8_adds: f64,
    int32_adds: f64,
    /// Integer products, each counted as the product of its operands' widths.
    int_mul_cells: f64,
    table_reads: f64,
    cache_bytes: f64,
    dram_bytes: f64,
}

/// The estimate for one image through a prepared graph, quantized or not.
#[must_use]
pub fn energy(graph: &Graph) -> Energy {
    graph
        .nodes
        .iter()
        .map(|node| Work::of(graph, node).energy())
        .fold(Energy::default(), |sum, part| Energy { compute: sum.compute + part.compute, memory: sum.memory + part.memory })
}

impl Work {
    fn energy(&self) -> Energy {
        let compute = self.float_adds * FLOAT_ADD
            + self.float_muls * FLOAT_MUL
            + self.int8_adds * INT8_ADD
            + self.int32_adds * INT32_ADD
            + self.int_mul_cells / INT8_CELLS * INT8_MUL;
        let memory = (self.cache_bytes + 8.0 * self.table_reads) * CACHE_BYTE + self.dram_bytes * DRAM_BYTE;
        Energy { compute, memory }
    }

    fn of(graph: &Graph, node: &Node) -> Self {
        let mut work = Self { dram_bytes: packed::node_bytes(node) as f64, ..Self::default() };
        if !matches!(node.op, Op::Reshape(_)) {
            work.cache_bytes = node.inputs.iter().chain([&node.output]).map(|&id| bytes(graph, id)).sum();
        }
        let integer = graph.value(node.output).quant.is_some() && node.inputs.iter().all(|&id| graph.value(id).quant.is_some());
        work.operate(graph, node, integer);
        work.activate(graph, node, integer);
        work
    }

    /// Counts what the operator does.
    fn operate(&mut self, graph: &Graph, node: &Node, integer: bool) {
        let out = graph.value(node.output).len() as f64;
        match &node.op {
            Op::Conv(_) | Op::Linear(_) => self.multiply_accumulate(graph, node),
            Op::BatchNorm { .. } => {
                self.float_muls += out;
                self.float_adds += out;
            }
            Op::Binary(Binary::Add) if integer => {
                self.float_muls += 2.0 * out;
                self.float_adds += out;
            }
            Op::Binary(Binary::Mul) if integer => {
                let cells: f64 = node.inputs.iter().map(|&id| width(graph.value(id).quant)).product();
                self.int_mul_cells += out * cells;
                self.float_muls += out;
            }
            Op::Binary(Binary::Add) | Op::BinaryConst(Binary::Add, _) => self.float_adds += out,
            Op::Binary(Binary::Mul) | Op::BinaryConst(Binary::Mul, _) => self.float_muls += out,
            // A comparison costs an addition.
            Op::MaxPool(pool) if integer => self.int8_adds += out * taps(pool),
            Op::MaxPool(pool) => self.float_adds += out * taps(pool),
            Op::AveragePool(pool) => self.average(out * taps(pool), out, integer),
            Op::Mean { .. } => {
                let summed = node.inputs.first().map_or(0, |&id| graph.value(id).len());
                self.average(summed as f64, out, integer);
            }
            // Requantizes inputs whose grid is another than the output's: through a table.
            Op::Concat(_) if integer => {
                let target = graph.value(node.output).quant;
                let other = node.inputs.iter().map(|&id| graph.value(id)).filter(|value| value.quant != target);
                self.table_reads += other.map(|value| value.len() as f64).sum::<f64>();
            }
            // An exponential as a polynomial of five terms, a sum and a division.
            Op::Softmax(_) => {
                self.float_muls += 6.0 * out;
                self.float_adds += 6.0 * out;
            }
            Op::Activate | Op::Concat(_) | Op::Reshape(_) | Op::Transpose(_) | Op::Pad { .. } => {}
        }
    }

    fn multiply_accumulate(&mut self, graph: &Graph, node: &Node) {
        let Some((weights, _)) = describe::weights(node) else { return };
        let macs = describe::macs(graph, node) as f64;
        let out = graph.value(node.output).len() as f64;
        let input = node.inputs.first().map(|&id| graph.value(id));
        let in_grid = input.and_then(|value| value.quant);
        if let Weights::Int(w) = weights
            && let Some(group) = w.group.filter(|_| in_grid.is_some() || node.dynamic.is_some())
        {
            let row = macs / out.max(1.0);
            let sums = out * (row / group as f64).ceil();
            self.float_muls += sums;
            self.float_adds += sums;
        }
        match (weights, in_grid, node.dynamic) {
            (Weights::Int(w), Some(_), _) => {
                self.int_mul_cells += macs * f64::from(w.values.bits()) * width(in_grid);
                self.int32_adds += macs + out;
                self.float_muls += out;
            }
            (Weights::Int(w), None, Some(dynamic)) => {
                self.int_mul_cells += macs * f64::from(w.values.bits()) * f64::from(dynamic.bits);
                self.int32_adds += macs;
                // The input's two ends and its quantization, then the output's scale and bias.
                let len = input.map_or(0, Value::len) as f64;
                self.float_adds += 2.0 * len + out;
                self.float_muls += len + out;
            }
            (weights, _, _) => {
                self.float_muls += macs;
                self.float_adds += macs + out;
                if !matches!(weights, Weights::F32(_)) {
                    self.float_muls += weights.len() as f64;
                }
            }
        }
    }

    fn average(&mut self, summed: f64, out: f64, integer: bool) {
        if integer {
            self.int32_adds += summed;
        } else {
            self.float_adds += summed;
        }
        self.float_muls += out;
    }

    /// Counts what the activation does: a clamp is part of storing a result, anything else is a table in integers,
    /// and in f32 a multiplication and an addition, or six of each where there is an exponential.
    fn activate(&mut self, graph: &Graph, node: &Node, integer: bool) {
        let out = graph.value(node.output).len() as f64;
        if node.activation.clamp().is_some() {
            return;
        }
        if integer {
            self.table_reads += out;
            return;
        }
        let steps = if node.activation == Activation::Sigmoid { 6.0 } else { 1.0 };
        self.float_muls += steps * out;
        self.float_adds += steps * out;
    }
}

/// Bytes of one image's value, as it is held.
fn bytes(graph: &Graph, id: ValueId) -> f64 {
    let value = graph.value(id);
    value.len() as f64 * if value.quant.is_some() { 1.0 } else { 4.0 }
}

/// Bits that a grid uses.
fn width(grid: Option<ActivationParams>) -> f64 {
    grid.map_or(32.0, |grid| f64::from(u8::BITS - grid.high.leading_zeros()))
}

fn taps(pool: &Pool) -> f64 {
    (pool.window.kernel[0] * pool.window.kernel[1]) as f64
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{Layout, Linear, QuantizedWeights};
    use bitdial_numerics::{PackedInts, WeightParams};

    use super::*;

    /// The same with four groups in each row.
    fn grouped(mut graph: Graph) -> Graph {
        let Op::Linear(Linear { weights: Weights::Int(weights), .. }) = &mut graph.nodes[0].op else { return graph };
        (weights.group, weights.params) = (Some(32), vec![weights.params[0]; 40]);
        graph
    }

    /// A fully connected layer of 10 x 100 weights, quantized or not.
    fn linear(weight_bits: Option<u8>, input: Option<ActivationParams>, output: Option<ActivationParams>) -> Graph {
        let weights = match weight_bits {
            None => Weights::F32(vec![0.0; 1000]),
            Some(bits) => {
                let params = vec![WeightParams { scale: 1.0, zero_point: 0, bits }];
                Weights::Int(QuantizedWeights { values: PackedInts::pack(&[0; 1000], bits), params, group: None })
            }
        };
        let value = |len, quant| Value { name: "v".into(), dims: vec![len], quant, simulated: None };
        let node = Node {
            name: "fc".into(),
            op: Op::Linear(Linear { out_features: 10, in_features: 100, weights, bias: None }),
            inputs: vec![ValueId(0)],
            output: ValueId(1),
            activation: Activation::None,
            dynamic: None,
        };
        Graph {
            name: "g".into(),
            values: vec![value(100, input), value(10, output)],
            nodes: vec![node],
            inputs: vec![ValueId(0)],
            outputs: vec![ValueId(1)],
            layout: Layout::Nhwc,
            accumulator: None,
        }
    }

    #[test]
    fn arithmetic_follows_the_table() {
        let grid = |bits| Some(ActivationParams::affine(0.0, 1.0, bits));
        // 1000 products and sums, and what 10 results cost beyond that.
        for (graph, expected) in [
            (linear(None, None, None), 1000.0 * (3.7 + 0.9) + 10.0 * 0.9),
            (linear(Some(8), grid(8), grid(8)), 1000.0 * (0.2 + 0.1) + 10.0 * (0.1 + 3.7)),
            (linear(Some(4), grid(8), grid(8)), 1000.0 * (0.1 + 0.1) + 10.0 * (0.1 + 3.7)),
            (linear(Some(2), grid(2), grid(8)), 1000.0 * (0.0125 + 0.1) + 10.0 * (0.1 + 3.7)),
            (grouped(linear(Some(4), grid(8), grid(8))), 1000.0 * (0.1 + 0.1) + 10.0 * (0.1 + 3.7) + 40.0 * (3.7 + 0.9)),
            (linear(Some(4), None, None), 1000.0 * (3.7 + 0.9) + 10.0 * 0.9 + 1000.0 * 3.7),
        ] {
            let found = energy(&graph).compute;
            assert!((found - expected).abs() < 1e-6 * expected, "{found} {expected}");
        }
    }

    #[test]
    fn memory_follows_the_bytes() {
        let memory = |graph: &Graph| {
            let weights = packed::node_bytes(&graph.nodes[0]) as f64;
            (energy(graph).memory - weights * 1950.0 / 8.0) / (10.0 / 8.0)
        };
        let grid = Some(ActivationParams::affine(0.0, 1.0, 8));
        assert!((memory(&linear(None, None, None)) - 440.0).abs() < 1e-6, "f32 in and out");
        assert!((memory(&linear(Some(8), grid, grid)) - 110.0).abs() < 1e-6, "u8 in and out");
        assert!((memory(&linear(Some(8), grid, None)) - 140.0).abs() < 1e-6, "u8 in, f32 out");
    }

    #[test]
    fn the_rule_for_widths_meets_the_table_at_32_bits() {
        let work = Work { int_mul_cells: 32.0 * 32.0, ..Work::default() };
        assert!((work.energy().compute - 3.1).abs() < 0.2);
    }
}
