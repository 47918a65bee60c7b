//! What an operator gives for the dimensions it gets, and whether its own constants fit.

use crate::graph::{Dims, Layout};
use crate::limits::{self, WINDOW};
use crate::op::{Activation, Conv, Linear, Op, Pool, Tensor, Weights, Window};

/// Dimensions of the result of `op` on values of these dimensions.
///
/// # Errors
/// A sentence about the first thing that does not fit: number of operands, rank, channels, lengths of constants,
/// a window larger than its image, a constant that is not finite, more elements than a value may have.
pub fn infer(op: &Op, inputs: &[&[usize]], layout: Layout) -> Result<Dims, String> {
    let operands = match op {
        Op::Binary(_) => 2,
        Op::Concat(_) => inputs.len().max(1),
        _ => 1,
    };
    if inputs.len() != operands {
        return Err(format!("it needs {operands} operands and has {}", inputs.len()));
    }
    let dims = inputs[0];
    let out = match op {
        Op::Conv(conv) => conv_dims(conv, dims, layout)?,
        Op::Linear(linear) => linear_dims(linear, dims)?,
        Op::BatchNorm { factor, offset } => batch_norm_dims(factor, offset, dims, layout)?,
        Op::Activate => dims.to_vec(),
        Op::Binary(_) => broadcast(dims, inputs[1])?,
        Op::BinaryConst(_, tensor) => binary_const_dims(tensor, dims)?,
        Op::Concat(axis) => concat_dims(*axis, inputs)?,
        Op::MaxPool(pool) | Op::AveragePool(pool) => pool_dims(pool, dims, layout)?,
        Op::Mean { axes, keep } => mean_dims(axes, *keep, dims)?,
        Op::Reshape(to) => reshape_dims(to, dims)?,
        Op::Transpose(perm) => transpose_dims(perm, dims)?,
        Op::Pad { pads, value } => pad_dims(pads, *value, dims)?,
        Op::Softmax(axis) => {
            check_axis(*axis, dims)?;
            dims.to_vec()
        }
    };
    match limits::elements(&out) {
        Some(_) => Ok(out),
        None => Err(format!("its result would have the dimensions {}, which are empty or too many", show(&out))),
    }
}

/// Multiplications (or taps of a window) that `op` makes for one image; saturates.
#[must_use]
pub fn work(op: &Op, input: &[usize], output: &[usize]) -> u64 {
    let product = |dims: &[usize]| dims.iter().fold(1u64, |n, &d| n.saturating_mul(d as u64));
    let out = product(output);
    match op {
        Op::Conv(c) => out.saturating_mul((c.weights.len() / c.out_channels.max(1)) as u64),
        Op::Linear(l) => out.saturating_mul(l.in_features as u64),
        Op::MaxPool(p) | Op::AveragePool(p) => out.saturating_mul(product(&p.window.kernel)),
        _ => out.max(product(input)),
    }
}

/// Whether an activation is one that can be computed: finite parameters and an interval that is not empty.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn check_activation(activation: Activation) -> Result<(), String> {
    let fine = match activation {
        Activation::Clip(low, high) => low <= high,
        Activation::LeakyRelu(alpha) => alpha.is_finite(),
        Activation::HardSigmoid(alpha, beta) => alpha.is_finite() && beta.is_finite(),
        _ => true,
    };
    if fine { Ok(()) } else { Err(format!("its activation {activation:?} has bounds that are no numbers or no interval")) }
}

/// Dimensions as `2x3x4`.
pub(crate) fn show(dims: &[usize]) -> String {
    if dims.is_empty() { "()".to_owned() } else { dims.iter().map(ToString::to_string).collect::<Vec<_>>().join("x") }
}

/// Channels, rows and columns of an image.
pub(crate) fn image(dims: &[usize], layout: Layout) -> Result<[usize; 3], String> {
    match (dims, layout) {
        (&[c, h, w], Layout::Nchw) | (&[h, w, c], Layout::Nhwc) => Ok([c, h, w]),
        _ => Err(format!("it needs images (channels, rows, columns), not {}", show(dims))),
    }
}

/// Dimensions of an image.
pub(crate) fn image_dims([c, h, w]: [usize; 3], layout: Layout) -> Dims {
    match layout {
        Layout::Nchw => vec![c, h, w],
        Layout::Nhwc => vec![h, w, c],
    }
}

/// The axis of the channels of a value with this many dimensions.
pub(crate) fn channel_axis(rank: usize, layout: Layout) -> usize {
    if layout == Layout::Nhwc && rank == 3 { 2 } else { 0 }
}

fn check_axis(axis: usize, dims: &[usize]) -> Result<(), String> {
    if axis < dims.len() { Ok(()) } else { Err(format!("it works along axis {}, which {} has not", axis + 1, show(dims))) }
}

fn check_finite(what: &str, data: &[f32]) -> Result<(), String> {
    if data.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(format!("its {what} are not all finite numbers")) }
}

fn check_len(what: &str, found: usize, wanted: usize) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("it has {found} {what} and needs {wanted}")) }
}

fn check_weights(weights: &Weights, channels: usize, wanted: Option<usize>) -> Result<(), String> {
    check_len("weights", weights.len(), wanted.ok_or("it needs more weights than can be")?)?;
    match weights {
        Weights::F32(data) => check_finite("weights", data),
        Weights::Int(weights) if weights.is_sound(channels) => Ok(()),
        Weights::Coded(weights) if weights.is_sound(channels) => Ok(()),
        Weights::Coded(weights) => {
            Err(format!("its {} weight scales or what its codes mean are not those of {channels} rows", weights.scales.len()))
        }
        Weights::Int(weights) => {
            Err(format!("its {} weight scales and zero points are not those of {channels} rows of integers", weights.params.len()))
        }
    }
}

fn check_bias(bias: Option<&Vec<f32>>, channels: usize) -> Result<(), String> {
    let Some(bias) = bias else { return Ok(()) };
    check_len("biases", bias.len(), channels)?;
    check_finite("biases", bias)
}

fn conv_dims(conv: &Conv, dims: &[usize], layout: Layout) -> Result<Dims, String> {
    let [c, h, w] = image(dims, layout)?;
    let Conv { out_channels, in_channels, groups, window, weights, bias } = conv;
    if c != *in_channels {
        return Err(format!("its weights are for {in_channels} input channels, and its input {} has {c}", show(dims)));
    }
    if *groups == 0 || c % groups != 0 || out_channels % groups != 0 || *out_channels == 0 {
        return Err(format!("its {c} input and {out_channels} output channels do not divide into {groups} groups"));
    }
    let [rows, columns] = slide(window, [h, w])?;
    let wanted = [*out_channels, window.kernel[0], window.kernel[1], c / groups];
    check_weights(weights, *out_channels, wanted.iter().try_fold(1usize, |n, &d| n.checked_mul(d)))?;
    check_bias(bias.as_ref(), *out_channels)?;
    Ok(image_dims([*out_channels, rows, columns], layout))
}

fn linear_dims(linear: &Linear, dims: &[usize]) -> Result<Dims, String> {
    let Linear { out_features, in_features, weights, bias } = linear;
    let Some((last, before)) = dims.split_last() else {
        return Err("its input has no dimension but the batch".to_owned());
    };
    if last != in_features {
        return Err(format!("its weights are for {in_features} inputs, and its input {} has {last}", show(dims)));
    }
    check_weights(weights, *out_features, in_features.checked_mul(*out_features))?;
    check_bias(bias.as_ref(), *out_features)?;
    Ok(before.iter().chain([out_features]).copied().collect())
}

fn batch_norm_dims(factor: &[f32], offset: &[f32], dims: &[usize], layout: Layout) -> Result<Dims, String> {
    let Some(&channels) = dims.get(channel_axis(dims.len(), layout)) else {
        return Err("its input has no dimension but the batch".to_owned());
    };
    check_len("factors", factor.len(), channels)?;
    check_len("offsets", offset.len(), channels)?;
    check_finite("factors", factor)?;
    check_finite("offsets", offset)?;
    Ok(dims.to_vec())
}

fn broadcast(a: &[usize], b: &[usize]) -> Result<Dims, String> {
    let fits = |(&x, &y): (&usize, &usize)| match (x, y) {
        _ if x == y || y == 1 => Some(x),
        (1, _) => Some(y),
        _ => None,
    };
    let dims: Option<Dims> = if a.len() == b.len() { a.iter().zip(b).map(fits).collect() } else { None };
    dims.ok_or_else(|| format!("its operands {} and {} do not broadcast", show(a), show(b)))
}

fn binary_const_dims(tensor: &Tensor, dims: &[usize]) -> Result<Dims, String> {
    let wanted = limits::elements(&tensor.dims).ok_or("its constant has no usable dimensions")?;
    check_len("elements in its constant", tensor.data.len(), wanted)?;
    check_finite("constants", &tensor.data)?;
    let fits = tensor.dims.iter().rev().zip(dims.iter().rev()).all(|(&c, &d)| c == d || c == 1);
    if tensor.dims.len() <= dims.len() && fits {
        Ok(dims.to_vec())
    } else {
        Err(format!("its constant {} does not broadcast to its operand {}", show(&tensor.dims), show(dims)))
    }
}

fn concat_dims(axis: usize, inputs: &[&[usize]]) -> Result<Dims, String> {
    let mut out = inputs[0].to_vec();
    check_axis(axis, &out)?;
    for dims in &inputs[1..] {
        let same = dims.len() == out.len() && dims.iter().zip(&out).enumerate().all(|(i, (a, b))| i == axis || a == b);
        if !same {
            return Err(format!("its operands {} and {} differ in more than axis {}", show(inputs[0]), show(dims), axis + 1));
        }
        out[axis] = out[axis].checked_add(dims[axis]).ok_or("its result is too long")?;
    }
    Ok(out)
}

fn pool_dims(pool: &Pool, dims: &[usize], layout: Layout) -> Result<Dims, String> {
    let [c, h, w] = image(dims, layout)?;
    let out = slide(&pool.window, [h, w])?;
    let Window { kernel, stride, pad, dilation } = pool.window;
    for axis in 0..2 {
        for o in 0..out[axis] {
            // The first tap at or behind the image's first row must lie before its last.
            let start = o * stride[axis];
            let skip = pad[axis].saturating_sub(start).div_ceil(dilation[axis]);
            if skip >= kernel[axis] || start + skip * dilation[axis] - pad[axis] >= [h, w][axis] {
                return Err("a window of its pool lies wholly in the padding".to_owned());
            }
        }
    }
    Ok(image_dims([c, out[0], out[1]], layout))
}

/// Positions of a window over the rows and columns of an image.
fn slide(window: &Window, size: [usize; 2]) -> Result<[usize; 2], String> {
    let Window { kernel, stride, pad, dilation } = *window;
    let positive = kernel.iter().chain(&stride).chain(&dilation).all(|n| (1..=WINDOW).contains(n));
    if !positive || pad.iter().any(|&n| n > WINDOW) {
        return Err(format!("its window has an entry below 1 or above {WINDOW}"));
    }
    let mut out = [0; 2];
    for axis in 0..2 {
        let reach = (kernel[axis] - 1) * dilation[axis] + 1;
        let padded = size[axis] + pad[axis] + pad[axis + 2];
        let room = padded
            .checked_sub(reach)
            .ok_or_else(|| format!("its window reaches over {reach} and its padded input has {padded} {}", ["rows", "columns"][axis]))?;
        out[axis] = room / stride[axis] + 1;
    }
    Ok(out)
}

fn mean_dims(axes: &[usize], keep: bool, dims: &[usize]) -> Result<Dims, String> {
    if axes.windows(2).any(|w| w[0] >= w[1]) {
        return Err("its axes are not in order".to_owned());
    }
    axes.iter().try_for_each(|&a| check_axis(a, dims))?;
    let size = |(i, &d): (usize, &usize)| match (axes.contains(&i), keep) {
        (false, _) => Some(d),
        (true, true) => Some(1),
        (true, false) => None,
    };
    Ok(dims.iter().enumerate().filter_map(size).collect())
}

fn reshape_dims(to: &[usize], dims: &[usize]) -> Result<Dims, String> {
    let fits = limits::elements(to).is_some_and(|n| Some(n) == limits::elements(dims));
    if fits { Ok(to.to_vec()) } else { Err(format!("{} does not reshape to {}", show(dims), show(to))) }
}

fn transpose_dims(perm: &[usize], dims: &[usize]) -> Result<Dims, String> {
    let all = perm.len() == dims.len() && (0..perm.len()).all(|i| perm.contains(&i));
    if all { Ok(perm.iter().map(|&i| dims[i]).collect()) } else { Err(format!("{perm:?} is no order of the axes of {}", show(dims))) }
}

fn pad_dims(pads: &[[usize; 2]], value: f32, dims: &[usize]) -> Result<Dims, String> {
    check_len("pairs of pads", pads.len(), dims.len())?;
    check_finite("border", &[value])?;
    let grow = |(&d, &[before, after]): (&usize, &[usize; 2])| d.checked_add(before)?.checked_add(after);
    dims.iter().zip(pads).map(grow).collect::<Option<Dims>>().ok_or_else(|| "its result is too large".to_owned())
}
