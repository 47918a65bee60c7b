//! How much memory a plan takes, known before it runs.

/// Bytes that a plan takes while it runs, inputs and outputs of the caller's not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Activations of the images of a chunk, at the moment when most are alive.
    pub activations: usize,
    /// Weights of all layers, as kernels keep them.
    pub weights: usize,
    /// Weights of one layer, unpacked or decoded.
    pub unpacked: usize,
    /// What kernels need for themselves: copies with borders, per-channel constants, an image quantized on the run,
    /// ranges found on the run.
    pub scratch: usize,
}

impl Footprint {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> usize {
        self.activations + self.weights + self.unpacked + self.scratch
    }
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{Activation, Conv, DynamicQuant, Graph, Layout, Node, Op, QuantizedWeights, Value, ValueId, Weights, Window};
    use bitdial_kernels::Backend;
    use bitdial_numerics::{ActivationParams, PackedInts, WeightParams};

    use super::*;
    use crate::memory::GROWTHS;
    use crate::{Options, Plan, Step};

    const CHANNELS: usize = 6;
    /// Weights of an output channel of a 3x3 convolution.
    const ROW: usize = 9 * CHANNELS;

    fn int(bits: u8, group: Option<usize>) -> Weights {
        let params = WeightParams { scale: 0.5, zero_point: 0, bits };
        let levels: Vec<i8> = params.integers().collect();
        let values: Vec<i8> = (0..CHANNELS * ROW).map(|i| levels[i * i % levels.len()]).collect();
        let grids = group.map_or(CHANNELS, |group| CHANNELS * ROW.div_ceil(group));
        Weights::Int(QuantizedWeights { values: PackedInts::pack(&values, bits), params: vec![params; grids], group })
    }

    /// Two 3x3 convolutions one after the other, on images of 5x7.
    fn graph(weights: &Weights, quant: Option<ActivationParams>, dynamic: Option<DynamicQuant>) -> Graph {
        let value = |name: &str| Value { name: name.into(), dims: vec![5, 7, CHANNELS], quant, simulated: None };
        let conv = |name: &str, input| Node {
            name: name.into(),
            op: Op::Conv(Conv {
                out_channels: CHANNELS,
                in_channels: CHANNELS,
                groups: 1,
                window: Window { kernel: [3, 3], stride: [1, 1], pad: [1; 4], dilation: [1, 1] },
                weights: weights.clone(),
                bias: None,
            }),
            inputs: vec![ValueId(input)],
            output: ValueId(input + 1),
            activation: Activation::Relu,
            dynamic,
        };
        Graph {
            name: String::new(),
            // An output of a model is f32.
            values: vec![value("x"), value("y"), Value { quant: None, ..value("z") }],
            nodes: vec![conv("first", 0), conv("second", 1)],
            inputs: vec![ValueId(0)],
            outputs: vec![ValueId(2)],
            layout: Layout::Nhwc,
            accumulator: None,
        }
    }

    #[test]
    fn it_is_what_a_run_takes() {
        let grid = Some(ActivationParams::affine(-1.0, 3.0, 8));
        let dynamic = Some(DynamicQuant { bits: 8, symmetric: false });
        let float = Weights::F32(vec![0.5; CHANNELS * ROW]);
        for (name, weights, grid, dynamic) in [
            ("f32", &float, None, None),
            ("weight-only", &int(4, None), None, None),
            ("static", &int(8, None), grid, None),
            ("static, 3 bits", &int(3, None), grid, None),
            ("dynamic", &int(4, None), None, dynamic),
            ("groups", &int(4, Some(16)), grid, None),
            ("groups, dynamic", &int(8, Some(32)), None, dynamic),
        ] {
            for (backend, batch) in Backend::available().into_iter().flat_map(|backend| [1, 2, 3, 7].map(|batch| (backend, batch))) {
                let mut plan = Plan::compile(&graph(weights, grid, dynamic), Options { backend, strict: true }).unwrap();
                plan.set_chunk(3);
                let expected = plan.footprint(batch);
                let growths = GROWTHS.get();
                plan.run(&[&vec![0.5; batch * 35 * CHANNELS]], batch).unwrap();
                assert_eq!(GROWTHS.get(), growths, "{name}: scratch that the plan did not foresee");
                let (memory, lens) = (plan.memory(), plan.memory().scratch.lens());
                let found = Footprint {
                    activations: memory.activation_bytes(),
                    weights: plan.packed_weight_bytes(),
                    unpacked: lens.weight_bytes(),
                    scratch: lens.other_bytes() + memory.ranges.held(),
                };
                assert_eq!(expected, found, "{name}, {batch} images, {}", backend.name());
                let unpacks = |step: &Step| step.kernel.contains("+unpack") || step.kernel.contains("+decode");
                assert!(plan.steps().iter().all(|step| unpacks(step) == (found.unpacked > 0)), "{name}: {:?}", plan.steps());
                assert!(found.scratch > 0 && (found.unpacked > 0) == (name != "f32" && name != "static"), "{name}: {found:?}");
            }
        }
    }
}
