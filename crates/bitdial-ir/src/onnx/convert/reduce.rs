//! `GlobalAveragePool`, `ReduceMean`, `Softmax`.

use crate::onnx::call::{Call, Made, value_axis};
use crate::op::Op;

pub fn global_average_pool(call: &mut Call) -> Result<Made, String> {
    let input = call.value(0)?;
    let axes = (1..call.dims(input).len()).collect::<Vec<_>>();
    if axes.is_empty() { Err("its input has no rows and columns".to_owned()) } else { Ok(Made::op(Op::Mean { axes, keep: true }, input)) }
}

/// The axes are an attribute before version 18 and an operand since.
pub fn reduce_mean(call: &mut Call) -> Result<Made, String> {
    let input = call.value(0)?;
    let keep = call.attributes.flag("keepdims", true)?;
    let axes = if call.opset < 18 {
        call.attributes.ints("axes")?.map(<[i64]>::to_vec)
    } else {
        call.optional_constant(1, "axes")?.map(|c| c.known_ints()).transpose()?
    };
    let noop = call.attributes.flag("noop_with_empty_axes", false)?;
    let dims = call.dims(input).to_vec();
    let axes = match axes.filter(|a| !a.is_empty()) {
        Some(axes) => axes,
        None if noop => return Ok(Made::op(Op::Reshape(dims), input)),
        None => return Err("it takes the mean over all images of a batch".to_owned()),
    };
    let mut axes = axes.iter().map(|&a| value_axis(a, &dims)).collect::<Result<Vec<_>, _>>()?;
    axes.sort_unstable();
    if axes.windows(2).any(|w| w[0] == w[1]) {
        return Err("it has an axis twice".to_owned());
    }
    Ok(Made::op(Op::Mean { axes, keep }, input))
}

/// Before version 13, it works over all axes from the given one on, as if they were one.
pub fn softmax(call: &mut Call) -> Result<Made, String> {
    let input = call.value(0)?;
    let dims = call.dims(input).to_vec();
    let newer = call.opset >= 13;
    let axis = call.attributes.int("axis")?.unwrap_or(if newer { -1 } else { 1 });
    let axis = value_axis(axis, &dims)?;
    if newer || axis + 1 == dims.len() {
        return Ok(Made::op(Op::Softmax(axis), input));
    }
    let flat = vec![dims[..axis].iter().product(), dims[axis..].iter().product()];
    let flat = call.before("flat", Op::Reshape(flat), input)?;
    let soft = call.before("softmax", Op::Softmax(1), flat)?;
    Ok(Made::op(Op::Reshape(dims), soft))
}
