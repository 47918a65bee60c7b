//! Integer weights, f32 activations: weights stay packed and are decoded into what an f32 kernel reads, once for each
//! chunk of images.

use std::ops::Range;

use bitdial_ir::QuantizedWeights;
use bitdial_kernels::{ConvShape, Elementwise, F32Tail, PackedForF32, Part};

use super::conv::{Float, Layer};
use super::{Lowered, Lowering};
use crate::memory::{Lens, Memory, Scratch, grown};
use crate::plan::Execution;

/// Floats that a slice of channels is decoded to, where an image's output is one pixel: what is read once should not
/// leave the cache before.
const SLICE: usize = 1 << 14;
/// Channels of a slice are a multiple of this, so that kernels fill their tiles.
const CHANNELS: usize = 16;

/// Some output channels of a layer.
struct Slice {
    channels: Range<usize>,
    float: Float,
    weights: PackedForF32,
}

/// Compiles a layer with integer weights on an f32 input.
pub(crate) fn lower(l: &mut Lowering, layer: &Layer, weights: &QuantizedWeights) -> Lowered {
    let slices = slices(&Float::new(l, layer), weights);
    let kernel = slices.first().map_or("", |slice| slice.float.kernel.name());
    let name = format!("{kernel}+decode{}", weights.values.bits());
    let weight_bytes = slices.iter().map(|slice| slice.weights.bytes()).sum();
    let lowered = Lowered { weight_bytes, ..Lowered::new(&name, Execution::WeightOnly) };
    for slice in &slices {
        let (need, decoded, channels) = (slice.float.need(), slice.weights.len(), slice.channels.len());
        let whole = channels == layer.shape.output[2];
        l.need(move |chunk| Lens { decoded, part: if whole { 0 } else { chunk * channels }, ..need(chunk) });
    }
    let x = l.float_input(layer.node, 0);
    let output = if slices.len() == 1 { l.conv_output(layer.node) } else { l.float_output(layer.node).into() };
    let (kernels, to) = (l.elementwise(), output.out);
    l.emit(move |m| {
        let Memory { f32s, scratch, images, sums, ranges, .. } = m;
        let (out, others) = f32s.write(to.buf);
        for slice in &slices {
            let chunk = output.images(&slice.float.shape, *images);
            slice.run(kernels, others.get(x), scratch, out, (*images, chunk), |i, len| output.tail(*sums, ranges, &others, i, len));
        }
    });
    l.emit_rest(layer.node, &to);
    l.finish_float(&to);
    lowered
}

/// All channels as one slice, or several where an image's output is one pixel.
fn slices(whole: &Float, weights: &QuantizedWeights) -> Vec<Slice> {
    let (row, [rows, columns, channels]) = (whole.shape.row_len(), whole.shape.output);
    let alone = rows * columns == 1 && whole.shape.groups == 1;
    let step = if alone { (SLICE / row).next_multiple_of(CHANNELS).max(CHANNELS) } else { channels };
    let values = weights.values.unpack();
    let slice = |first: usize| {
        let channels = first..channels.min(first + step);
        let float = whole.channels(channels.clone());
        let values = &values[first * row..channels.end * row];
        let grid = |i: usize| weights.grid(first * row + i, whole.shape.output[2]);
        Slice { weights: PackedForF32::new(float.kernel, &float.shape, values, weights.values.bits(), grid), channels, float }
    };
    (0..channels).step_by(step).map(slice).collect()
}

impl Slice {
    /// Runs a chunk. `tail` is for [`Float::run`], and only taken where this slice is the whole layer.
    fn run<'a>(
        &self,
        kernels: &dyn Elementwise,
        x: &[f32],
        scratch: &mut Scratch,
        out: &mut [f32],
        (images, chunk): (usize, (ConvShape, usize)),
        tail: impl Fn(usize, usize) -> F32Tail<'a>,
    ) {
        let Scratch { decoded, floats, part, .. } = scratch;
        let weights = grown(decoded, self.weights.len());
        if Part::unpacks() {
            kernels.decode(&self.weights, weights);
        }
        let n = self.channels.len();
        if out.len() == images * self.float.out_len() {
            return self.float.run(weights, x, floats, out, chunk, tail);
        }
        let channels = out.len() / images;
        let part = grown(part, images * n);
        self.float.run(weights, x, floats, part, chunk, |_, _| F32Tail::default());
        for (out, part) in out.chunks_exact_mut(channels).zip(part.chunks_exact(n)) {
            out[self.channels.clone()].copy_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{Activation, Graph, Layout, Linear, Node, Op, Value, ValueId, Weights};
    use bitdial_kernels::Backend;
    use bitdial_numerics::{PackedInts, WeightParams};

    use super::*;
    use crate::{Options, Plan};

    /// A fully connected layer.
    fn graph(inputs: usize, outputs: usize, weights: Weights) -> Graph {
        let value = |name: &str, len| Value { name: name.into(), dims: vec![len], quant: None, simulated: None };
        let bias = Some((0..outputs).map(|c| c as f32).collect());
        let node = Node {
            name: "fc".into(),
            op: Op::Linear(Linear { out_features: outputs, in_features: inputs, weights, bias }),
            inputs: vec![ValueId(0)],
            output: ValueId(1),
            activation: Activation::Relu,
            dynamic: None,
        };
        Graph {
            name: String::new(),
            values: vec![value("x", inputs), value("y", outputs)],
            nodes: vec![node],
            inputs: vec![ValueId(0)],
            outputs: vec![ValueId(1)],
            layout: Layout::Nhwc,
            accumulator: None,
        }
    }

    #[test]
    fn slices_of_channels_make_the_whole_layer() {
        // Several slices, the last one narrower; one slice.
        for (inputs, outputs, bits) in [(SLICE / CHANNELS, 2 * CHANNELS + 5, 4), (2 * SLICE, CHANNELS + 1, 1), (40, 7, 7)] {
            let params: Vec<_> = (0..outputs).map(|c| WeightParams { scale: 0.01 + c as f32, zero_point: 0, bits }).collect();
            let levels: Vec<i8> = params[0].integers().collect();
            let values: Vec<i8> = (0..inputs * outputs).map(|i| levels[(i * i + i / 7) % levels.len()]).collect();
            let weights = QuantizedWeights { values: PackedInts::pack(&values, bits), params, group: None };
            let real = weights.dequantize(outputs);
            let x: Vec<f32> = (0..5 * inputs).map(|i| (i % 17) as f32 - 8.0).collect();
            let run = |weights, chunk| {
                let options = Options { backend: Backend::Scalar, strict: true };
                let mut plan = Plan::compile(&graph(inputs, outputs, weights), options).unwrap();
                plan.set_chunk(chunk);
                plan.run(&[&x], 5).unwrap()
            };
            let expected = run(Weights::F32(real), 1);
            for chunk in [1, 2, 5] {
                assert_eq!(run(Weights::Int(weights.clone()), chunk), expected, "{inputs} to {outputs} in chunks of {chunk}");
            }
        }
    }
}
