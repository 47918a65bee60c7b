//! Runs a graph one image at a time with plain loops and f64 sums.

use bitdial_ir::{Activation, Binary, Conv, Graph, Layout, Op, Pool, Tensor, Weights};

/// The outputs for one image.
pub fn run(graph: &Graph, inputs: &[&[f32]]) -> Vec<Vec<f32>> {
    let mut values: Vec<Vec<f32>> = vec![Vec::new(); graph.values.len()];
    for (&id, data) in graph.inputs.iter().zip(inputs) {
        assert_eq!(data.len(), graph.value(id).len());
        values[id.0] = data.to_vec();
    }
    for node in &graph.nodes {
        let inputs: Vec<_> = node.inputs.iter().map(|id| (values[id.0].as_slice(), graph.value(*id).dims.as_slice())).collect();
        let mut out = compute(&node.op, &inputs, &graph.value(node.output).dims, graph.layout);
        assert_eq!(out.len(), graph.value(node.output).len(), "{}", node.name);
        out.iter_mut().for_each(|x| *x = activate(node.activation, *x));
        values[node.output.0] = out;
    }
    graph.outputs.iter().map(|id| values[id.0].clone()).collect()
}

fn activate(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Clip(low, high) => x.max(low).min(high),
        Activation::LeakyRelu(alpha) => {
            if x < 0.0 {
                alpha * x
            } else {
                x
            }
        }
        Activation::HardSigmoid(alpha, beta) => (alpha * x + beta).clamp(0.0, 1.0),
        Activation::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
    }
}

type Operand<'a> = (&'a [f32], &'a [usize]);

/// A position for each place in a tensor of these dimensions, in order.
fn positions(dims: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    (0..dims.iter().product()).map(|mut i: usize| {
        let mut at = vec![0; dims.len()];
        for axis in (0..dims.len()).rev() {
            at[axis] = i % dims[axis];
            i /= dims[axis];
        }
        at
    })
}

/// The element at a position, counted from the last axis; axes of size 1 are broadcast.
fn at(data: &[f32], dims: &[usize], position: &[usize]) -> f32 {
    let position = &position[position.len() - dims.len()..];
    data[dims.iter().zip(position).fold(0, |i, (&d, &p)| i * d + if d == 1 { 0 } else { p })]
}

fn compute(op: &Op, inputs: &[Operand], out: &[usize], layout: Layout) -> Vec<f32> {
    let (data, dims) = inputs[0];
    let binary = |kind: Binary, a: f32, b: f32| if kind == Binary::Add { a + b } else { a * b };
    let broadcast =
        |kind, b: &[f32], b_dims: &[usize]| positions(out).map(|p| binary(kind, at(data, dims, &p), at(b, b_dims, &p))).collect();
    match op {
        Op::Conv(conv) => convolve(conv, data, dims, out, layout),
        Op::Linear(linear) => {
            let Weights::F32(weights) = &linear.weights else { panic!("weights are f32 here") };
            let row = |x: &[f32], o: usize| {
                let w = &weights[o * linear.in_features..][..linear.in_features];
                let sum: f64 = x.iter().zip(w).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum();
                (sum + linear.bias.as_ref().map_or(0.0, |b| f64::from(b[o]))) as f32
            };
            data.chunks(linear.in_features).flat_map(|x| (0..linear.out_features).map(move |o| row(x, o))).collect()
        }
        Op::BatchNorm { factor, offset } => {
            let axis = if layout == Layout::Nhwc && dims.len() == 3 { 2 } else { 0 };
            positions(out).map(|p| at(data, dims, &p) * factor[p[axis]] + offset[p[axis]]).collect()
        }
        Op::Activate | Op::Reshape(_) => data.to_vec(),
        Op::Binary(kind) => broadcast(*kind, inputs[1].0, inputs[1].1),
        Op::BinaryConst(kind, Tensor { dims: b_dims, data: b }) => broadcast(*kind, b, b_dims),
        Op::Concat(axis) => positions(out)
            .map(|mut p| {
                let mut inputs = inputs.iter();
                loop {
                    let (data, dims) = inputs.next().unwrap();
                    if p[*axis] < dims[*axis] {
                        return at_exactly(data, dims, &p);
                    }
                    p[*axis] -= dims[*axis];
                }
            })
            .collect(),
        Op::MaxPool(pool) => {
            windows(pool, data, dims, out, layout).iter().map(|(taps, _)| taps.iter().copied().fold(f32::NEG_INFINITY, f32::max)).collect()
        }
        Op::AveragePool(pool) => windows(pool, data, dims, out, layout)
            .iter()
            .map(|(taps, padding)| {
                let count = taps.len() + if pool.count_include_pad { *padding } else { 0 };
                (taps.iter().map(|&x| f64::from(x)).sum::<f64>() / count as f64) as f32
            })
            .collect(),
        Op::Mean { axes, .. } => {
            let kept = |p: &[usize]| p.iter().enumerate().filter(|(a, _)| !axes.contains(a)).map(|(_, &i)| i).collect::<Vec<_>>();
            let out: Vec<usize> = kept(dims);
            let mut sums = vec![0f64; out.iter().product()];
            for (p, &x) in positions(dims).zip(data) {
                sums[kept(&p).iter().zip(&out).fold(0, |i, (&p, &d)| i * d + p)] += f64::from(x);
            }
            let count = (data.len() / sums.len()) as f64;
            sums.iter().map(|s| (s / count) as f32).collect()
        }
        Op::Transpose(perm) => positions(out)
            .map(|p| {
                let mut from = vec![0; p.len()];
                perm.iter().zip(&p).for_each(|(&axis, &i)| from[axis] = i);
                at_exactly(data, dims, &from)
            })
            .collect(),
        Op::Pad { pads, value } => positions(out)
            .map(|p| {
                let inside: Option<Vec<_>> =
                    p.iter().zip(pads).zip(dims).map(|((&i, pad), &d)| i.checked_sub(pad[0]).filter(|&i| i < d)).collect();
                inside.map_or(*value, |p| at_exactly(data, dims, &p))
            })
            .collect(),
        Op::Softmax(axis) => positions(out)
            .map(|p| {
                let along = |i: usize| {
                    let mut p = p.clone();
                    p[*axis] = i;
                    f64::from(at_exactly(data, dims, &p))
                };
                let largest = (0..dims[*axis]).map(along).fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = (0..dims[*axis]).map(|i| (along(i) - largest).exp()).sum();
                ((along(p[*axis]) - largest).exp() / sum) as f32
            })
            .collect(),
    }
}

fn at_exactly(data: &[f32], dims: &[usize], position: &[usize]) -> f32 {
    data[dims.iter().zip(position).fold(0, |i, (&d, &p)| i * d + p)]
}

/// Channel, row, column of a position, and back.
fn image(position: &[usize], layout: Layout) -> [usize; 3] {
    match layout {
        Layout::Nchw => [position[0], position[1], position[2]],
        Layout::Nhwc => [position[2], position[0], position[1]],
    }
}

fn pixel(data: &[f32], dims: &[usize], layout: Layout, [c, y, x]: [usize; 3]) -> f32 {
    let position = if layout == Layout::Nchw { [c, y, x] } else { [y, x, c] };
    at_exactly(data, dims, &position)
}

/// The row or column of a tap, if it lies in the image.
fn tap(window: &bitdial_ir::Window, axis: usize, out: usize, k: usize, size: usize) -> Option<usize> {
    (out * window.stride[axis] + k * window.dilation[axis]).checked_sub(window.pad[axis]).filter(|&i| i < size)
}

fn convolve(conv: &Conv, data: &[f32], dims: &[usize], out: &[usize], layout: Layout) -> Vec<f32> {
    let Weights::F32(weights) = &conv.weights else { panic!("weights are f32 here") };
    let [_, rows, columns] = image(dims, layout);
    let (ins, outs) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let [kh, kw] = conv.window.kernel;
    let one = |p: Vec<usize>| {
        let [o, y, x] = image(&p, layout);
        let mut sum = conv.bias.as_ref().map_or(0.0, |b| f64::from(b[o]));
        for ky in 0..kh {
            let Some(row) = tap(&conv.window, 0, y, ky, rows) else { continue };
            for kx in 0..kw {
                let Some(column) = tap(&conv.window, 1, x, kx, columns) else { continue };
                for i in 0..ins {
                    let w = weights[((o * kh + ky) * kw + kx) * ins + i];
                    let a = pixel(data, dims, layout, [o / outs * ins + i, row, column]);
                    sum += f64::from(w) * f64::from(a);
                }
            }
        }
        sum as f32
    };
    positions(out).map(one).collect()
}

/// For each output, the taps inside of the image and the number of those outside.
fn windows(pool: &Pool, data: &[f32], dims: &[usize], out: &[usize], layout: Layout) -> Vec<(Vec<f32>, usize)> {
    let [_, rows, columns] = image(dims, layout);
    let [kh, kw] = pool.window.kernel;
    let one = |p: Vec<usize>| {
        let [c, y, x] = image(&p, layout);
        let mut taps = Vec::new();
        for ky in 0..kh {
            for kx in 0..kw {
                if let (Some(row), Some(column)) = (tap(&pool.window, 0, y, ky, rows), tap(&pool.window, 1, x, kx, columns)) {
                    taps.push(pixel(data, dims, layout, [c, row, column]));
                }
            }
        }
        let padding = kh * kw - taps.len();
        (taps, padding)
    };
    positions(out).map(one).collect()
}
