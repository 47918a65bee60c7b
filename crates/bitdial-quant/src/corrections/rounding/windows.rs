//! Which windows of the calibration images a layer is judged by, and copies of them.

use std::ops::Range;

use bitdial_ir::Graph;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::layer::Layer;
use super::relay::Relay;
use crate::sample::below;
use bitdial_kernels::matrix::LANES;

/// Windows of a batch: what one step of learning looks at.
pub(crate) const BATCH: usize = 64;

/// An image and a position in the layer's output.
pub(crate) type Pick = (usize, usize);

/// About `wanted` windows of a layer, whole batches of them: as many of each image, at positions that are drawn without
/// replacement. If there are fewer, all of them, and the first ones again to fill a batch.
pub(crate) fn draw(layer: &Layer, images: usize, wanted: usize, seed: u32) -> Vec<Pick> {
    let (positions, images) = (layer.positions(), images.max(1));
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    bytes[4..8].copy_from_slice(&(layer.node as u32).to_le_bytes());
    // Another stream than that of the draw of images.
    bytes[8] = 1;
    let mut random = ChaCha8Rng::from_seed(bytes);
    let each = wanted.div_ceil(images).clamp(1, positions.max(1));
    let mut order: Vec<usize> = (0..positions).collect();
    let mut picks = vec![(0, 0); images * each];
    for image in 0..images {
        for i in 0..each.min(positions) {
            order.swap(i, i + below((positions - i) as u64, &mut random) as usize);
            // Neighbours in the list are of different images.
            picks[i * images + image] = (image, order[i]);
        }
    }
    let whole = if picks.len() > wanted { (wanted / BATCH).max(1) * BATCH } else { picks.len().next_multiple_of(BATCH) };
    picks.iter().copied().cycle().take(whole).collect()
}

/// Windows of one group of a layer, in batches of [`BATCH`].
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Windows {
    /// Numbers of a window.
    pub len: usize,
    /// The same with zeros to a multiple of [`LANES`].
    pub padded: usize,
    /// Batch after batch, each `[window][padded]`.
    pub by_window: Vec<f32>,
    /// Batch after batch, each `[number][BATCH]`.
    pub by_number: Vec<f32>,
}

impl Windows {
    /// Copies windows of some groups.
    pub fn gather(relay: &Relay, graph: &Graph, layer: &Layer, groups: Range<usize>, picks: &[Pick]) -> Vec<Self> {
        let padded = layer.row_len.next_multiple_of(LANES);
        let mut windows = vec![vec![0.0; picks.len() * padded]; groups.len()];
        for (i, &(image, position)) in picks.iter().enumerate() {
            let Some(image) = relay.image(graph, layer.input, image) else { continue };
            for (group, windows) in groups.clone().zip(&mut windows) {
                let window = &mut windows[i * padded..][..padded];
                layer.runs(group, position, |from, to, count| image.copy(from, &mut window[to..to + count]));
            }
        }
        windows.into_iter().map(|by_window| Self::new(layer.row_len, by_window)).collect()
    }

    /// Windows of `len` numbers, each filled up with zeros to a multiple of [`LANES`].
    pub fn new(len: usize, by_window: Vec<f32>) -> Self {
        let padded = len.next_multiple_of(LANES);
        let mut by_number = vec![0.0; by_window.len() / padded.max(1) * len];
        for (from, to) in by_window.chunks_exact(BATCH * padded).zip(by_number.chunks_exact_mut(BATCH * len)) {
            for (i, window) in from.chunks_exact(padded).enumerate() {
                for (k, &x) in window[..len].iter().enumerate() {
                    to[k * BATCH + i] = x;
                }
            }
        }
        Self { len, padded, by_window, by_number }
    }

    /// Number of batches.
    pub fn batches(&self) -> usize {
        self.by_number.len() / (BATCH * self.len).max(1)
    }

    /// Batch `i` as `[window][padded]` and as `[number][BATCH]`.
    pub fn batch(&self, i: usize) -> (&[f32], &[f32]) {
        let (window, number) = (BATCH * self.padded, BATCH * self.len);
        (&self.by_window[i * window..][..window], &self.by_number[i * number..][..number])
    }
}

#[cfg(test)]
mod tests {
    use bitdial_ir::{Activation, Conv, Layout, Linear, Node, Op, Value, ValueId, Weights, Window};
    use bitdial_kernels::Backend;
    use bitdial_numerics::ActivationParams;
    use bitdial_runtime::{Options, Plan};

    use super::super::problem::Problem;
    use super::super::testing::numbers;
    use super::*;

    /// One layer, its input of these dimensions on a grid or in f32.
    fn graph(op: Op, input: &[usize], output: &[usize], activation: Activation, quant: Option<ActivationParams>) -> Graph {
        let value = |name: &str, dims: &[usize], quant| Value { name: name.into(), dims: dims.into(), quant, simulated: None };
        let node = Node { name: "layer".into(), op, inputs: vec![ValueId(0)], output: ValueId(1), activation, dynamic: None };
        Graph {
            name: String::new(),
            values: vec![value("x", input, quant), value("y", output, None)],
            nodes: vec![node],
            inputs: vec![ValueId(0)],
            outputs: vec![ValueId(1)],
            layout: Layout::Nhwc,
            accumulator: None,
        }
    }

    fn conv(groups: usize, channels: [usize; 2], window: Window) -> Op {
        let row = window.kernel[0] * window.kernel[1] * channels[0] / groups;
        let (weights, bias) = (Weights::F32(numbers(row * channels[1], 7)), Some(numbers(channels[1], 8)));
        Op::Conv(Conv { out_channels: channels[1], in_channels: channels[0], groups, window, weights, bias })
    }

    #[test]
    fn weights_times_windows_are_the_layer() {
        let window = |kernel, stride, pad, dilation| Window { kernel, stride, pad, dilation };
        let dense = conv(1, [3, 5], window([3, 2], [2, 1], [1, 0, 1, 1], [1, 2]));
        let depthwise = conv(4, [4, 4], window([3, 3], [2, 2], [1; 4], [1, 1]));
        let grouped = conv(2, [4, 6], window([1, 3], [1, 1], [0, 2, 0, 0], [1, 1]));
        let linear = Op::Linear(Linear { out_features: 3, in_features: 10, weights: Weights::F32(numbers(30, 7)), bias: None });
        let grid = ActivationParams::affine(-1.0, 1.0, 8);
        for (op, input, output, activation, quant) in [
            (dense, &[7, 6, 3][..], &[4, 5, 5][..], Activation::Relu, None),
            (depthwise, &[5, 6, 4], &[3, 3, 4], Activation::Clip(-0.5, 0.5), Some(grid)),
            (grouped, &[4, 3, 4], &[4, 3, 6], Activation::None, None),
            (linear.clone(), &[10], &[3], Activation::None, None),
            (linear, &[2, 3, 10], &[2, 3, 3], Activation::Relu, Some(grid)),
        ] {
            let graph = graph(op, input, output, activation, quant);
            let (images, len, size) = (5, graph.values[0].len(), graph.values[1].len());
            let x = numbers(images * len, 9);
            let expected = Plan::compile(&graph, Options { backend: Backend::Scalar, strict: true }).unwrap().run(&[&x], images).unwrap();
            let mut relay = Relay::default();
            relay.enter(&graph, x[..2 * len].to_vec(), 2);
            relay.enter(&graph, x[2 * len..].to_vec(), 3);
            let layer = Layer::new(&graph, 0).unwrap();
            let picks = draw(&layer, images, 100, 0);
            let (weights, channels) = crate::corrections::layer::parts(&graph.nodes[0]).unwrap();
            let (rows, weights) = (layer.rows, weights.dequantize(channels));
            let clamp = activation.clamp().unwrap();
            let groups = Windows::gather(&relay, &graph, &layer, 0..layer.groups, &picks);
            for (group, windows) in groups.into_iter().enumerate() {
                let own = weights[group * rows * layer.row_len..][..rows * layer.row_len].to_vec();
                let bias = super::super::layer::bias(&graph.nodes[0]).map_or(vec![0.0; rows], |b| b[group * rows..][..rows].to_vec());
                let problem = Problem::new(&windows.clone(), windows, own.clone(), bias, clamp);
                assert_eq!(problem.noise(&own), 0.0);
                for (i, &(image, position)) in picks.iter().enumerate() {
                    for row in 0..rows {
                        let y = problem.target(i / BATCH)[row * BATCH + i % BATCH];
                        let expected = expected[0][image * size + position * channels + group * rows + row];
                        assert!((y - expected).abs() < 1e-5, "{:?} at {position} of image {image}: {y} {expected}", graph.nodes[0].op);
                    }
                }
            }
        }
    }

    #[test]
    fn windows_are_drawn_evenly_without_replacement() {
        let point = Window { kernel: [1, 1], stride: [1, 1], pad: [0; 4], dilation: [1, 1] };
        let graph = graph(conv(1, [2, 2], point), &[8, 8, 2], &[8, 8, 2], Activation::None, None);
        let layer = Layer::new(&graph, 0).unwrap();
        for (images, wanted, whole, each) in
            [(10, 320, 320, 32), (10, 100, 128, 10), (3, 9999, 192, 64), (1, 10, 64, 10), (5, 9999, 320, 64)]
        {
            let picks = draw(&layer, images, wanted, 4);
            assert_eq!(picks.len(), whole, "{images} {wanted}");
            let mut distinct = picks.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert!(distinct.len() == whole.min(images * each), "{images} {wanted}: {}", distinct.len());
            assert!(picks.iter().all(|&(image, position)| image < images && position < 64));
            assert_eq!(draw(&layer, images, wanted, 4), picks);
            assert_ne!(draw(&layer, images, wanted, 5), picks);
        }
    }
}
