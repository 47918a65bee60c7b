//! Gemm and `MatMul` with constant weights.

use crate::graph::ValueId;
use crate::infer::show;
use crate::onnx::call::{Call, Made, Operand};
use crate::onnx::constant::Constant;
use crate::op::{Linear, Op, Weights};

/// `alpha * A * B + beta * C`, where B may be transposed.
pub fn gemm(call: &mut Call) -> Result<Made, String> {
    let input = match (call.operand(0)?, call.attributes.flag("transA", false)?) {
        (Operand::Turned(id), true) => id,
        (Operand::Value(_), true) => return Err("it transposes its input, and with it the batch".to_owned()),
        _ => call.value(0)?,
    };
    let weights = call.constant(1, "weights")?;
    let bias = call.optional_constant(2, "biases")?;
    if call.opset < 7 {
        call.attributes.ignore(&["broadcast"]);
    }
    let alpha = call.attributes.float("alpha")?.unwrap_or(1.0);
    let beta = call.attributes.float("beta")?.unwrap_or(1.0);
    let transposed = call.attributes.flag("transB", false)?;
    if call.dims(input).len() != 1 {
        return Err(format!("it needs one dimension besides the batch and gets {}", show(call.dims(input))));
    }
    let mut linear = linear(call, input, &weights, transposed)?;
    if let Weights::F32(data) = &mut linear.weights
        && alpha != 1.0
    {
        data.iter_mut().for_each(|w| *w *= alpha);
    }
    linear.bias = bias.map(|b| gemm_bias(&b, beta, linear.out_features)).transpose()?;
    Ok(Made::op(Op::Linear(linear), input))
}

/// C is broadcast to a row per image and a column per output.
fn gemm_bias(bias: &Constant, beta: f32, outputs: usize) -> Result<Vec<f32>, String> {
    let data = bias.floats()?;
    let fits = match bias.dims.as_slice() {
        [] | [1] | [1, 1] => true,
        [n] | [1, n] => *n == outputs,
        _ => false,
    };
    match data {
        _ if !fits => Err(format!("its biases are {} and it has {outputs} outputs", show(&bias.dims))),
        [single] => Ok(vec![single * beta; outputs]),
        _ => Ok(data.iter().map(|b| b * beta).collect()),
    }
}

/// A product over the last dimension.
pub fn mat_mul(call: &mut Call) -> Result<Made, String> {
    let input = call.value(0)?;
    let weights = call.constant(1, "second operand's elements")?;
    Ok(Made::op(Op::Linear(linear(call, input, &weights, false)?), input))
}

/// Weights as a row per output, from a matrix with a row per input, or `transposed`.
fn linear(call: &mut Call, input: ValueId, weights: &Constant, transposed: bool) -> Result<Linear, String> {
    let (rows, columns) = match weights.dims.as_slice() {
        [leading @ .., rows, columns] if leading.iter().all(|&d| d == 1) => (*rows, *columns),
        dims => return Err(format!("its weights are {}, not a matrix", show(dims))),
    };
    let data = weights.floats()?;
    let (out_features, in_features) = if transposed { (rows, columns) } else { (columns, rows) };
    // Before anything is made of the numbers of the file.
    if call.dims(input).last() != Some(&in_features) {
        return Err(format!("its weights are for {in_features} inputs, and its input is {}", show(call.dims(input))));
    }
    call.charge(weights)?;
    call.charge_len(out_features)?;
    let data = if transposed {
        data.to_vec()
    } else {
        let mut out = Vec::with_capacity(data.len());
        for o in 0..columns {
            out.extend(data.iter().skip(o).step_by(columns));
        }
        out
    };
    Ok(Linear { out_features, in_features, weights: Weights::F32(data), bias: None })
}
