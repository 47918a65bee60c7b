//! A graph evaluated as its annotations say, one element at a time: the formulas of the integer semantics, written
//! down a second time without kernels, plans, packing or chunks.

use bitdial_ir::{Accumulator, Activation, Binary, Conv, Graph, Node, Op, Pool, Value, ValueId, Weights};
use bitdial_numerics::ActivationParams;

/// A value of one image.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    F32(Vec<f32>),
    U8(Vec<u8>),
}

/// Every value for one image.
pub fn evaluate(graph: &Graph, input: &[f32]) -> Vec<Tensor> {
    let mut values: Vec<Tensor> = vec![Tensor::F32(Vec::new()); graph.values.len()];
    let id = graph.inputs[0];
    values[id.0] = stored(input.to_vec(), graph.value(id));
    for node in &graph.nodes {
        values[node.output.0] = Eval { graph, node, values: &values }.output();
    }
    values
}

/// Real numbers as a value holds them.
fn stored(mut x: Vec<f32>, value: &Value) -> Tensor {
    if let Some(grid) = value.quant {
        return Tensor::U8(x.into_iter().map(|x| grid.quantize(x)).collect());
    }
    if let Some(format) = value.simulated {
        format.prepare().apply(&mut x, *value.dims.last().unwrap());
    }
    Tensor::F32(x)
}

/// What an accumulator makes of a sum.
fn held(graph: &Graph, sum: i64) -> i64 {
    let Some(Accumulator { bits, saturate }) = graph.accumulator else { return sum };
    let half = 1i64 << (bits - 1);
    if saturate { sum.clamp(-half, half - 1) } else { (sum + half).rem_euclid(2 * half) - half }
}

pub fn activate(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Clip(low, high) => x.max(low).min(high),
        Activation::LeakyRelu(alpha) => {
            if x < 0.0 {
                x * alpha
            } else {
                x
            }
        }
        Activation::HardSigmoid(alpha, beta) => (alpha * x + beta).clamp(0.0, 1.0),
        Activation::HardSwish => x * (x * (1.0 / 6.0) + 0.5).clamp(0.0, 1.0),
        Activation::Sigmoid => 1.0 / (1.0 + libm::expf(-x)),
    }
}

/// All indices of some dimensions, row-major.
fn indices(dims: &[usize]) -> Vec<Vec<usize>> {
    dims.iter().fold(vec![Vec::new()], |all, &d| {
        all.into_iter().flat_map(|index| (0..d).map(move |i| [index.clone(), vec![i]].concat())).collect()
    })
}

fn at(dims: &[usize], index: &[usize]) -> usize {
    dims.iter().zip(index).fold(0, |at, (d, i)| at * d + i)
}

/// The place in an operand of dimensions `dims` that belongs to a place in the result.
fn broadcast(dims: &[usize], index: &[usize]) -> usize {
    let index: Vec<usize> = dims.iter().zip(&index[index.len() - dims.len()..]).map(|(&d, &i)| if d == 1 { 0 } else { i }).collect();
    at(dims, &index)
}

struct Eval<'a> {
    graph: &'a Graph,
    node: &'a Node,
    values: &'a [Tensor],
}

impl Eval<'_> {
    fn dims(&self, id: ValueId) -> &[usize] {
        &self.graph.value(id).dims
    }

    fn in_dims(&self) -> &[usize] {
        self.dims(self.node.inputs[0])
    }

    fn out_dims(&self) -> &[usize] {
        self.dims(self.node.output)
    }

    fn grid(&self, i: usize) -> ActivationParams {
        self.graph.value(self.node.inputs[i]).quant.unwrap()
    }

    fn out_grid(&self) -> Option<ActivationParams> {
        self.graph.value(self.node.output).quant
    }

    fn ints(&self, i: usize) -> Option<&[u8]> {
        if let Tensor::U8(x) = &self.values[self.node.inputs[i].0] { Some(x) } else { None }
    }

    fn reals(&self, i: usize) -> Vec<f32> {
        match &self.values[self.node.inputs[i].0] {
            Tensor::F32(x) => x.clone(),
            Tensor::U8(x) => x.iter().map(|&q| self.grid(i).dequantize(q)).collect(),
        }
    }

    /// Applies the activation and stores.
    fn finish(&self, x: Vec<f32>) -> Tensor {
        stored(x.into_iter().map(|x| activate(self.node.activation, x)).collect(), self.graph.value(self.node.output))
    }

    /// Takes a multiple of the output's scale to the grid.
    fn requantize(&self, x: f32, grid: ActivationParams) -> u8 {
        let (low, high) = self.node.activation.clamp().unwrap();
        let zero = f32::from(grid.zero_point);
        let (low, high) = (f32::from(grid.quantize(low)) - zero, f32::from(grid.quantize(high)) - zero);
        (x.max(low).min(high).round_ties_even() + zero) as u8
    }

    /// The output's grid, if the operator can compute in integers.
    fn integer(&self) -> Option<ActivationParams> {
        let all = (0..self.node.inputs.len()).all(|i| self.ints(i).is_some());
        self.out_grid().filter(|_| all && self.node.activation.clamp().is_some())
    }

    /// What each integer of input `i` becomes on the output's grid.
    fn mapped(&self, i: usize, q: u8) -> u8 {
        self.out_grid().unwrap().quantize(activate(self.node.activation, self.grid(i).dequantize(q)))
    }

    fn output(&self) -> Tensor {
        match &self.node.op {
            Op::Conv(conv) => self.conv(conv),
            Op::Linear(linear) => {
                let rows = self.in_dims().iter().rev().skip(1).product();
                let window = bitdial_ir::Window { kernel: [1, 1], stride: [1, 1], pad: [0; 4], dilation: [1, 1] };
                let conv = Conv {
                    out_channels: linear.out_features,
                    in_channels: linear.in_features,
                    groups: 1,
                    window,
                    weights: linear.weights.clone(),
                    bias: linear.bias.clone(),
                };
                self.conv_of(&conv, [rows, 1, linear.in_features], [rows, 1, linear.out_features])
            }
            Op::Binary(op) => self.binary(*op),
            Op::BinaryConst(op, constant) => {
                let x = self.reals(0);
                let all = indices(self.out_dims());
                let y = all.iter().enumerate().map(|(i, index)| combine(*op, x[i], constant.data[broadcast(&constant.dims, index)]));
                self.finish(y.collect())
            }
            Op::BatchNorm { factor, offset } => {
                let x = self.reals(0);
                let channels = factor.len();
                self.finish(x.iter().enumerate().map(|(i, &x)| x * factor[i % channels] + offset[i % channels]).collect())
            }
            Op::Activate if self.ints(0).is_some() && self.out_grid().is_some() => {
                Tensor::U8(self.ints(0).unwrap().iter().map(|&q| self.mapped(0, q)).collect())
            }
            Op::Activate => self.finish(self.reals(0)),
            Op::Concat(axis) => self.concat(*axis),
            Op::MaxPool(pool) => self.max_pool(pool),
            Op::AveragePool(pool) => self.average_pool(pool),
            Op::Mean { axes, .. } => self.mean(axes),
            Op::Reshape(_) => self.moved(Some, 0.0),
            Op::Transpose(perm) => {
                let all = indices(self.out_dims());
                self.moved(
                    |i| {
                        let mut from = vec![0; perm.len()];
                        perm.iter().zip(&all[i]).for_each(|(&p, &x)| from[p] = x);
                        Some(at(self.in_dims(), &from))
                    },
                    0.0,
                )
            }
            Op::Pad { pads, value } => {
                let all = indices(self.out_dims());
                self.moved(
                    |i| {
                        let from = all[i].iter().zip(pads).map(|(&x, p)| x.checked_sub(p[0]));
                        let from: Vec<usize> = from.zip(self.in_dims()).map(|(x, &d)| x.filter(|&x| x < d)).collect::<Option<_>>()?;
                        Some(at(self.in_dims(), &from))
                    },
                    *value,
                )
            }
            Op::Softmax(axis) => self.softmax(*axis),
        }
    }

    fn conv(&self, conv: &Conv) -> Tensor {
        let image = |dims: &[usize]| <[usize; 3]>::try_from(dims).unwrap();
        self.conv_of(conv, image(self.in_dims()), image(self.out_dims()))
    }

    fn conv_of(&self, conv: &Conv, input: [usize; 3], output: [usize; 3]) -> Tensor {
        let bias = |c: usize| conv.bias.as_ref().map_or(0.0, |b| b[c]);
        let Weights::Int(weights) = &conv.weights else {
            let weights = conv.weights.dequantize(conv.out_channels);
            return self.finish(self.float_conv(conv, &weights, input, output));
        };
        // The integers that are multiplied, and their grid.
        let (ints, grid) = match (self.ints(0), self.node.dynamic) {
            (Some(ints), _) => (ints.to_vec(), self.grid(0)),
            (None, Some(dynamic)) => {
                let x = self.reals(0);
                let (min, max) = (x.iter().copied().fold(f32::INFINITY, f32::min), x.iter().copied().fold(f32::NEG_INFINITY, f32::max));
                let of = if dynamic.symmetric { ActivationParams::symmetric } else { ActivationParams::affine };
                let grid = of(min, max, dynamic.bits);
                (x.iter().map(|&x| grid.quantize(x)).collect(), grid)
            }
            (None, None) => {
                let decoded = weights.dequantize(conv.out_channels);
                return self.finish(self.float_conv(conv, &decoded, input, output));
            }
        };
        let values = weights.values.unpack();
        let row = values.len() / conv.out_channels;
        if let Some(group) = weights.group {
            return self.finish(taps(conv, input, output, |c, taps| {
                let mut sums = vec![0i64; row.div_ceil(group)];
                for (k, i) in taps {
                    let zero = i64::from(weights.grid(c * row + k, conv.out_channels).zero_point);
                    sums[k / group] += (i64::from(ints[*i]) - i64::from(grid.zero_point)) * (i64::from(values[c * row + k]) - zero);
                }
                let scale = |g: usize| weights.grid(c * row + g * group, conv.out_channels).scale;
                let total = sums.iter().enumerate().fold(0.0, |total, (g, &sum)| total + sum as f32 * scale(g));
                total * grid.scale + bias(c)
            }));
        }
        let scale = |c: usize| grid.scale * weights.params_of(c).scale;
        let to = self.out_grid().filter(|_| self.node.activation.clamp().is_some());
        let sums = taps(conv, input, output, |c, taps| {
            let zero = i64::from(weights.params_of(c).zero_point);
            let term =
                |(k, i): &(usize, usize)| (i64::from(ints[*i]) - i64::from(grid.zero_point)) * (i64::from(values[c * row + k]) - zero);
            let start = if to.is_some() { (bias(c) / scale(c)).round_ties_even() as i32 } else { 0 };
            (c, taps.iter().map(term).fold(held(self.graph, i64::from(start)), |sum, term| held(self.graph, sum + term)))
        });
        if let Some(to) = to {
            let store = |(c, sum): (usize, i64)| {
                let sum = i32::try_from(sum).expect("the compiler has seen that it fits");
                self.requantize(sum as f32 * (scale(c) / to.scale), to)
            };
            return Tensor::U8(sums.into_iter().map(store).collect());
        }
        self.finish(sums.into_iter().map(|(c, sum)| sum as i32 as f32 * scale(c) + bias(c)).collect())
    }

    fn float_conv(&self, conv: &Conv, weights: &[f32], input: [usize; 3], output: [usize; 3]) -> Vec<f32> {
        let x = self.reals(0);
        let row = weights.len() / conv.out_channels;
        taps(conv, input, output, |c, taps| {
            let sum = taps.iter().fold(0.0, |sum, &(k, i)| sum + x[i] * weights[c * row + k]);
            sum + conv.bias.as_ref().map_or(0.0, |b| b[c])
        })
    }

    fn binary(&self, op: Binary) -> Tensor {
        let (a_dims, b_dims) = (self.in_dims(), self.dims(self.node.inputs[1]));
        let pairs = indices(self.out_dims()).into_iter().map(|index| (broadcast(a_dims, &index), broadcast(b_dims, &index)));
        let Some(to) = self.integer() else {
            let (a, b) = (self.reals(0), self.reals(1));
            return self.finish(pairs.map(|(i, j)| combine(op, a[i], b[j])).collect());
        };
        let (a, b) = (self.ints(0).unwrap(), self.ints(1).unwrap());
        let (a_grid, b_grid) = (self.grid(0), self.grid(1));
        let less = |q: u8, grid: ActivationParams| i32::from(q) - i32::from(grid.zero_point);
        let value = |(i, j): (usize, usize)| {
            let (a, b) = (less(a[i], a_grid), less(b[j], b_grid));
            let x = match op {
                Binary::Add => a as f32 * (a_grid.scale / to.scale) + b as f32 * (b_grid.scale / to.scale),
                Binary::Mul => (a * b) as f32 * (a_grid.scale * b_grid.scale / to.scale),
            };
            self.requantize(x, to)
        };
        Tensor::U8(pairs.map(value).collect())
    }

    fn concat(&self, axis: usize) -> Tensor {
        let all_ints = (0..self.node.inputs.len()).all(|i| self.ints(i).is_some()) && self.out_grid().is_some();
        let place = |mut index: Vec<usize>| {
            let mut part = 0;
            while index[axis] >= self.dims(self.node.inputs[part])[axis] {
                index[axis] -= self.dims(self.node.inputs[part])[axis];
                part += 1;
            }
            (part, at(self.dims(self.node.inputs[part]), &index))
        };
        let places = indices(self.out_dims()).into_iter().map(place);
        if all_ints {
            return Tensor::U8(places.map(|(part, i)| self.mapped(part, self.ints(part).unwrap()[i])).collect());
        }
        self.finish(places.map(|(part, i)| self.reals(part)[i]).collect())
    }

    fn max_pool(&self, pool: &Pool) -> Tensor {
        let windows = self.windows(pool);
        match (self.ints(0), self.out_grid()) {
            (Some(x), Some(_)) => {
                Tensor::U8(windows.iter().map(|taps| self.mapped(0, taps.iter().map(|&i| x[i]).max().unwrap())).collect())
            }
            _ => {
                let x = self.reals(0);
                self.finish(windows.iter().map(|taps| taps.iter().map(|&i| x[i]).fold(f32::NEG_INFINITY, f32::max)).collect())
            }
        }
    }

    fn average_pool(&self, pool: &Pool) -> Tensor {
        let counted = pool.window.kernel[0] * pool.window.kernel[1];
        self.averages(&self.windows(pool), |taps| if pool.count_include_pad { counted } else { taps })
    }

    fn mean(&self, axes: &[usize]) -> Tensor {
        let dims = self.in_dims();
        let kept: Vec<usize> = (0..dims.len()).filter(|a| !axes.contains(a)).collect();
        let pick = |axes: &[usize]| axes.iter().map(|&a| dims[a]).collect::<Vec<_>>();
        let group = |kept_index: Vec<usize>| {
            let member = |index: Vec<usize>| {
                let mut from = vec![0; dims.len()];
                kept.iter().zip(&kept_index).for_each(|(&a, &i)| from[a] = i);
                axes.iter().zip(&index).for_each(|(&a, &i)| from[a] = i);
                at(dims, &from)
            };
            indices(&pick(axes)).into_iter().map(member).collect()
        };
        let groups: Vec<Vec<usize>> = indices(&pick(&kept)).into_iter().map(group).collect();
        self.averages(&groups, |n| n)
    }

    fn averages(&self, groups: &[Vec<usize>], divisor: impl Fn(usize) -> usize) -> Tensor {
        let Some(to) = self.integer() else {
            let x = self.reals(0);
            let mean = |taps: &Vec<usize>| taps.iter().fold(0.0, |sum, &i| sum + x[i]) / divisor(taps.len()) as f32;
            return self.finish(groups.iter().map(mean).collect());
        };
        let (x, from) = (self.ints(0).unwrap(), self.grid(0));
        let mean = |taps: &Vec<usize>| {
            let sum: i32 = taps.iter().map(|&i| i32::from(x[i]) - i32::from(from.zero_point)).sum();
            self.requantize(sum as f32 * (from.scale / (to.scale * divisor(taps.len()) as f32)), to)
        };
        Tensor::U8(groups.iter().map(mean).collect())
    }

    /// For each output element the input elements of its window.
    fn windows(&self, pool: &Pool) -> Vec<Vec<usize>> {
        let [rows, columns, channels] = self.out_dims() else { panic!("images have three dimensions") };
        let dims = self.in_dims();
        let tap = |y: usize, x: usize, c: usize, index: &Vec<usize>| {
            let place = |axis: usize, o: usize| {
                let w = &pool.window;
                (o * w.stride[axis] + index[axis] * w.dilation[axis]).checked_sub(w.pad[axis]).filter(|&i| i < dims[axis])
            };
            Some(at(dims, &[place(0, y)?, place(1, x)?, c]))
        };
        let outputs = indices(&[*rows, *columns, *channels]);
        outputs.iter().map(|o| indices(&pool.window.kernel).iter().filter_map(|w| tap(o[0], o[1], o[2], w)).collect()).collect()
    }

    /// Elements that come from input element `from(i)`, or from a border.
    fn moved(&self, from: impl Fn(usize) -> Option<usize>, border: f32) -> Tensor {
        let len = self.out_dims().iter().product();
        match (self.ints(0), self.out_grid()) {
            (Some(x), Some(to)) => {
                let border = to.quantize(activate(self.node.activation, border));
                Tensor::U8((0..len).map(|i| from(i).map_or(border, |i| self.mapped(0, x[i]))).collect())
            }
            _ => {
                let x = self.reals(0);
                self.finish((0..len).map(|i| from(i).map_or(border, |i| x[i])).collect())
            }
        }
    }

    fn softmax(&self, axis: usize) -> Tensor {
        let (x, dims) = (self.reals(0), self.in_dims());
        let line = |index: &Vec<usize>| {
            (0..dims[axis])
                .map(|i| {
                    let mut n = index.clone();
                    n[axis] = i;
                    at(dims, &n)
                })
                .collect::<Vec<_>>()
        };
        let value = |index: &Vec<usize>| {
            let line = line(index);
            let max = line.iter().map(|&i| x[i]).fold(f32::NEG_INFINITY, f32::max);
            let sum = line.iter().fold(0.0, |sum, &i| sum + libm::expf(x[i] - max));
            libm::expf(x[at(dims, index)] - max) / sum
        };
        self.finish(indices(dims).iter().map(value).collect())
    }
}

fn combine(op: Binary, a: f32, b: f32) -> f32 {
    match op {
        Binary::Add => a + b,
        Binary::Mul => a * b,
    }
}

/// Calls `f(channel, [(weight, image element)])` for each output element, taps in the order of the weights.
fn taps<T>(conv: &Conv, input: [usize; 3], output: [usize; 3], f: impl Fn(usize, &[(usize, usize)]) -> T) -> Vec<T> {
    let (group_in, group_out) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let window = &conv.window;
    let of = |o: &Vec<usize>| {
        let mut found = Vec::new();
        for (k, w) in indices(&[window.kernel[0], window.kernel[1], group_in]).iter().enumerate() {
            let place = |axis: usize| {
                (o[axis] * window.stride[axis] + w[axis] * window.dilation[axis]).checked_sub(window.pad[axis]).filter(|&i| i < input[axis])
            };
            if let (Some(y), Some(x)) = (place(0), place(1)) {
                found.push((k, at(&input, &[y, x, o[2] / group_out * group_in + w[2]])));
            }
        }
        f(o[2], &found)
    };
    indices(&output).iter().map(of).collect()
}
