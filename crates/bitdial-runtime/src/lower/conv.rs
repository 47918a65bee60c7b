//! Convolutions and linear layers: which of five ways they compute, and the two in f32.

use std::ops::Range;

use bitdial_ir::{Node, Op, QuantizedWeights, Weights};
use bitdial_kernels::{Arithmetic, ConvCase, ConvF32, ConvShape, F32Store, F32Tail};

use super::activation::split;
use super::{Held, Lowered, Lowering, geometry, grouped, integer, weight_only};
use crate::error::RuntimeError;
use crate::memory::{Lens, Memory, grown};
use crate::plan::Execution;

/// What a convolution and a linear layer have in common.
pub(crate) struct Layer<'g> {
    pub node: &'g Node,
    pub shape: ConvShape,
    pub bias: Option<&'g [f32]>,
}

impl Layer<'_> {
    /// The bias of each output channel, 0 where there is none.
    pub(crate) fn float_bias(&self) -> Vec<f32> {
        self.bias.map_or_else(|| vec![0.0; self.shape.output[2]], <[f32]>::to_vec)
    }
}

/// A chunk of images as a kernel takes it: `count` images of a shape. A pointwise convolution takes all as one.
pub(crate) fn images(shape: &ConvShape, chunk: usize) -> (ConvShape, usize) {
    let pointwise = shape.kernel == [1, 1] && shape.stride == [1, 1] && shape.pad == [0, 0] && shape.input[..2] == shape.output[..2];
    if !pointwise {
        return (*shape, chunk);
    }
    let mut whole = *shape;
    whole.input[0] *= chunk;
    whole.output[0] *= chunk;
    (whole, 1)
}

/// Elements of an image.
pub(crate) fn len(dims: [usize; 3]) -> usize {
    dims.iter().product()
}

/// Compiles a convolution or linear layer.
pub(crate) fn lower<'g>(l: &mut Lowering<'g>, node: &'g Node) -> Result<Lowered, RuntimeError> {
    let (shape, weights, bias) = match &node.op {
        Op::Conv(conv) => (geometry::conv(l.graph, node, conv)?, &conv.weights, &conv.bias),
        Op::Linear(linear) => (geometry::linear(l.graph, node, linear)?, &linear.weights, &linear.bias),
        _ => return Err(RuntimeError::node(node, "it is no convolution or linear layer")),
    };
    let layer = Layer { node, shape, bias: bias.as_deref() };
    let mut lowered = match (weights, l.input(node, 0)) {
        (Weights::F32(_), _) if node.dynamic.is_some() => {
            return Err(RuntimeError::node(node, "f32 weights cannot be multiplied with integers"));
        }
        (Weights::F32(weights), _) => float(l, &layer, weights),
        (Weights::Coded(_), _) if node.dynamic.is_some() => {
            return Err(RuntimeError::node(node, "weights of this format cannot be multiplied with integers"));
        }
        (Weights::Coded(weights), _) => {
            let channels = shape.output[2];
            if !weights.is_sound(channels) {
                return Err(RuntimeError::node(
                    node,
                    "its codes, codebooks or scales do not fit, or its weights are not all finite numbers",
                ));
            }
            simulated(l, &layer, &weights.dequantize(channels), weights.codes.bits())
        }
        (Weights::Int(weights), held) => {
            check_grids(node, weights, shape.output[2])?;
            match (node.dynamic, held) {
                (Some(dynamic), Held::F32(x)) => match weights.group {
                    Some(group) => grouped::dynamic(l, &layer, weights, group, (x, dynamic))?,
                    None => integer::dynamic(l, &layer, weights, dynamic, x)?,
                },
                (Some(_), Held::U8(..)) => {
                    return Err(RuntimeError::node(node, "its input is quantized already"));
                }
                (None, Held::U8(x, grid)) => match weights.group {
                    Some(group) => grouped::fixed(l, &layer, weights, group, (x, grid))?,
                    None => integer::fixed(l, &layer, weights, x, grid)?,
                },
                (None, Held::F32(_)) => weight_only::lower(l, &layer, weights),
            }
        }
    };
    lowered.macs = shape.macs();
    if matches!(lowered.execution, Execution::Float | Execution::WeightOnly | Execution::Simulated) {
        lowered.conv = Some(ConvCase { shape, arithmetic: Arithmetic::F32 { strict: l.strict } });
    }
    Ok(lowered)
}

fn check_grids(node: &Node, weights: &QuantizedWeights, channels: usize) -> Result<(), RuntimeError> {
    match weights.is_sound(channels) {
        true => Ok(()),
        false => Err(RuntimeError::node(node, "the scales or zero points of its weights are out of range")),
    }
}

/// An f32 kernel with its bias and clamp.
pub(super) struct Float {
    pub kernel: &'static dyn ConvF32,
    pub shape: ConvShape,
    bias: Vec<f32>,
    low: f32,
    high: f32,
}

impl Float {
    pub fn new(l: &Lowering, layer: &Layer) -> Self {
        let (low, high, _) = split(layer.node.activation);
        Self { kernel: l.tuning.conv_f32(&l.kernels, &layer.shape, l.strict), shape: layer.shape, bias: layer.float_bias(), low, high }
    }

    /// Some output channels; there is one group.
    pub fn channels(&self, channels: Range<usize>) -> Self {
        let [rows, columns, _] = self.shape.output;
        let shape = ConvShape { output: [rows, columns, channels.len()], ..self.shape };
        Self { shape, bias: self.bias[channels].to_vec(), ..*self }
    }

    /// Floats of an image's output.
    pub fn out_len(&self) -> usize {
        len(self.shape.output)
    }

    /// What it needs for a chunk.
    pub fn need(&self) -> impl Fn(usize) -> Lens + Send + Sync + use<> {
        let (kernel, shape) = (self.kernel, self.shape);
        move |chunk| Lens { floats: kernel.scratch_len(&images(&shape, chunk).0), ..Lens::default() }
    }

    /// Runs a chunk, given as [`images`] does it. `tail(i, len)` is what else is done to result `i` of `len` elements.
    pub fn run<'a>(
        &self,
        packed: &[f32],
        x: &[f32],
        scratch: &mut Vec<f32>,
        out: &mut [f32],
        (shape, count): (ConvShape, usize),
        tail: impl Fn(usize, usize) -> F32Tail<'a>,
    ) {
        let (x_len, out_len) = (len(shape.input), len(shape.output));
        let scratch = grown(scratch, self.kernel.scratch_len(&shape));
        for (i, (x, out)) in x.chunks_exact(x_len).zip(out.chunks_exact_mut(out_len)).take(count).enumerate() {
            let mut store = F32Store { bias: &self.bias, low: self.low, high: self.high, tail: tail(i, out_len), out };
            self.kernel.run(&shape, packed, x, scratch, &mut store);
        }
    }
}

/// Weights of a format without an integer kernel, decoded once.
fn simulated(l: &mut Lowering, layer: &Layer, weights: &[f32], bits: u8) -> Lowered {
    let lowered = float(l, layer, weights);
    Lowered { kernel: format!("{}+decoded{bits}", lowered.kernel), execution: Execution::Simulated, ..lowered }
}

/// f32 weights and activations.
fn float(l: &mut Lowering, layer: &Layer, weights: &[f32]) -> Lowered {
    let float = Float::new(l, layer);
    let mut packed = vec![0.0; float.kernel.packed_len(&float.shape)];
    float.kernel.pack(&float.shape, weights, &mut packed);
    let lowered = Lowered { weight_bytes: 4 * packed.len(), ..Lowered::new(float.kernel.name(), Execution::Float) };
    l.need(float.need());
    let x = l.float_input(layer.node, 0);
    let output = l.conv_output(layer.node);
    let to = output.out;
    l.emit(move |m| {
        let Memory { f32s, scratch, images, sums, ranges, .. } = m;
        let chunk = output.images(&float.shape, *images);
        let (out, others) = f32s.write(to.buf);
        float.run(&packed, others.get(x), &mut scratch.floats, out, chunk, |i, len| output.tail(*sums, ranges, &others, i, len));
    });
    l.emit_rest(layer.node, &to);
    l.finish_float(&to);
    lowered
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{Activation, CodedWeights, Graph, Layout, Linear, Meaning, Scales, Value, ValueId};
    use bitdial_kernels::Backend;
    use bitdial_numerics::{ActivationParams, Minifloat, Numbers, PackedCodes};

    use super::*;
    use crate::{Options, Plan};

    const OPTIONS: Options = Options { backend: Backend::Scalar, strict: true };

    fn graph(weights: Weights, quant: Option<ActivationParams>) -> Graph {
        let value = |name: &str, len, quant| Value { name: name.into(), dims: vec![len], quant, simulated: None };
        let node = |name: &str, weights, from| Node {
            name: name.into(),
            op: Op::Linear(Linear { out_features: 2, in_features: 2, weights, bias: Some(vec![0.5, -0.5]) }),
            inputs: vec![ValueId(from)],
            output: ValueId(from + 1),
            activation: Activation::Relu,
            dynamic: None,
        };
        Graph {
            name: String::new(),
            values: vec![value("x", 2, quant), value("y", 2, quant), value("z", 2, None)],
            nodes: vec![node("a", weights.clone(), 0), node("b", weights, 1)],
            inputs: vec![ValueId(0)],
            outputs: vec![ValueId(2)],
            layout: Layout::Nhwc,
            accumulator: None,
        }
    }

    /// 0, 0.5, 1, ... times 1 in the first row and 2 in the second.
    fn coded(codes: [u16; 4], scales: Vec<f32>) -> CodedWeights {
        let meaning = Meaning::Numbers(Numbers::Minifloat(Minifloat::E2M1));
        CodedWeights { codes: PackedCodes::pack(&codes, 4), meaning, scales: Scales::F32(scales, None) }
    }

    #[test]
    fn codes_run_as_what_they_mean_between_f32_and_integers() {
        let coded = coded([1, 2, 11, 7], vec![1.0, 2.0]);
        let real = coded.dequantize(2);
        assert_eq!(real, [0.5, 1.0, -3.0, 12.0]);
        let x = [0.3, 0.9, -1.0, 2.0];
        for quant in [None, Some(ActivationParams::affine(-1.0, 30.0, 8))] {
            let mut plan = Plan::compile(&graph(Weights::Coded(coded.clone()), quant), OPTIONS).unwrap();
            let step = &plan.steps()[0];
            assert_eq!((step.execution, step.macs, step.conv.is_some()), (Execution::Simulated, 4, true));
            assert!(step.kernel.ends_with("+decoded4"), "{}", step.kernel);
            let mut expected = Plan::compile(&graph(Weights::F32(real.clone()), quant), OPTIONS).unwrap();
            assert_eq!(plan.run(&[&x], 2).unwrap(), expected.run(&[&x], 2).unwrap(), "{quant:?}");
        }
    }

    #[test]
    fn codes_that_are_no_numbers_are_refused() {
        let sound = coded([1, 2, 3, 4], vec![1.0]);
        let unsound = [
            CodedWeights { scales: Scales::F32(vec![f32::NAN], None), ..sound.clone() },
            CodedWeights { scales: Scales::E8m0(vec![127; 3]), ..sound.clone() },
            CodedWeights { scales: Scales::E8m0(vec![127, 255]), ..sound.clone() },
            CodedWeights { scales: Scales::E4m3(vec![0x38, 0x7F], 1.0), ..sound.clone() },
            CodedWeights { scales: Scales::E4m3(vec![0x38, 0x39], -1.0), ..sound.clone() },
            CodedWeights { scales: Scales::F32(vec![f32::MAX], None), ..sound.clone() },
            CodedWeights { meaning: Meaning::Numbers(Numbers::MXINT8), ..sound.clone() },
            CodedWeights { meaning: Meaning::Codebook(vec![1.0; 15]), ..sound.clone() },
        ];
        for weights in unsound {
            let error = Plan::compile(&graph(Weights::Coded(weights.clone()), None), OPTIONS).unwrap_err().to_string();
            assert!(error.contains("or its weights are not all finite numbers"), "{weights:?}: {error}");
        }
        let mut graph = graph(Weights::Coded(sound), None);
        graph.nodes[0].dynamic = Some(bitdial_ir::DynamicQuant { bits: 8, symmetric: false });
        let error = Plan::compile(&graph, OPTIONS).unwrap_err().to_string();
        assert!(error.contains("weights of this format cannot be multiplied with integers"), "{error}");
    }
}
