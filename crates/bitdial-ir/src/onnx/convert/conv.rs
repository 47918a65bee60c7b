//! Conv and `BatchNormalization`.

use crate::infer::show;
use crate::limits::VALUE_ELEMENTS;
use crate::onnx::call::{Call, Made};
use crate::onnx::constant::Constant;
use crate::onnx::convert::window;
use crate::op::{Conv, Op, Weights};

pub fn conv(call: &mut Call) -> Result<Made, String> {
    let input = call.value(0)?;
    let weights = call.constant(1, "weights")?;
    let bias = call.optional_constant(2, "biases")?;
    let &[out_channels, group_channels, rows, columns] = weights.dims.as_slice() else {
        return Err(format!("its weights are {}; only two-dimensional convolutions are supported", show(&weights.dims)));
    };
    let groups = call.attributes.int("group")?.unwrap_or(1);
    let groups =
        usize::try_from(groups).ok().filter(|g| (1..=VALUE_ELEMENTS).contains(g)).ok_or_else(|| format!("it has {groups} groups"))?;
    let kernel = [rows, columns];
    if window::kernel(call)?.is_some_and(|shape| shape != kernel) {
        return Err(format!("its kernel_shape is not that of its weights, {}", show(&weights.dims)));
    }
    let window = window::window(call, input, kernel, false)?.window;
    let in_channels = group_channels.checked_mul(groups).ok_or("it has too many groups")?;
    call.charge(&weights)?;
    let weights = Weights::F32(ohwi(weights.floats()?, group_channels, rows * columns));
    let bias = bias.map(|b| vector(&b, "biases", out_channels)).transpose()?;
    Ok(Made::op(Op::Conv(Conv { out_channels, in_channels, groups, window, weights, bias }), input))
}

/// Weights in the order output channel, input channel, tap as output channel, tap, input channel.
fn ohwi(oihw: &[f32], channels: usize, taps: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(oihw.len());
    for filter in oihw.chunks_exact((channels * taps).max(1)) {
        for tap in 0..taps {
            out.extend(filter.iter().skip(tap).step_by(taps));
        }
    }
    out
}

/// A constant with one number per channel.
fn vector(constant: &Constant, what: &str, channels: usize) -> Result<Vec<f32>, String> {
    let data = constant.floats()?;
    if data.len() == channels { Ok(data.to_vec()) } else { Err(format!("it has {} {what} and needs {channels}", data.len())) }
}

pub fn batch_norm(call: &mut Call) -> Result<Made, String> {
    let input = call.value(0)?;
    let epsilon = call.attributes.float("epsilon")?.unwrap_or(1e-5);
    if call.attributes.flag("training_mode", false)? || call.opset < 7 && !call.attributes.flag("is_test", false)? {
        return Err("it is in training mode; export the model for inference".to_owned());
    }
    if call.attributes.int("spatial")?.unwrap_or(1) != 1 {
        return Err("it normalizes each pixel (spatial = 0), which is not supported".to_owned());
    }
    call.attributes.ignore(&["momentum"]);
    let channels = *call.dims(input).first().ok_or("its input has no dimension but the batch")?;
    let mut read = |index, what| {
        let constant = call.constant(index, what)?;
        call.charge(&constant)?;
        vector(&constant, what, channels)
    };
    let (gamma, beta) = (read(1, "scales")?, read(2, "biases")?);
    let (mean, variance) = (read(3, "means")?, read(4, "variances")?);
    let mut factor = Vec::with_capacity(channels);
    let mut offset = Vec::with_capacity(channels);
    for c in 0..channels {
        let f = f64::from(gamma[c]) / (f64::from(variance[c]) + f64::from(epsilon)).sqrt();
        factor.push(f as f32);
        offset.push((f64::from(beta[c]) - f64::from(mean[c]) * f) as f32);
    }
    Ok(Made::op(Op::BatchNorm { factor, offset }, input))
}
