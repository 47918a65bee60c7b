//! Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout: other dimensions for the same elements.

use crate::infer::show;
use crate::limits;
use crate::onnx::call::{Call, Made, Operand, axis};
use crate::onnx::constant::{Constant, Int};
use crate::op::Op;

pub fn identity(call: &mut Call) -> Result<Made, String> {
    match call.operand(0)? {
        Operand::Constant(c) => Ok(Made::Constant(c)),
        _ => {
            let input = call.value(0)?;
            Ok(Made::op(Op::Reshape(call.dims(input).to_vec()), input))
        }
    }
}

/// Does nothing outside of training.
pub fn dropout(call: &mut Call) -> Result<Made, String> {
    call.attributes.ignore(&["ratio", "seed"]);
    if call.opset < 7 && !call.attributes.flag("is_test", false)? {
        return Err("it is in training mode; export the model for inference".to_owned());
    }
    if call.opset >= 12 {
        call.optional(1);
        // A boolean, of which only the absence is understood.
        if call.optional(2).is_some() {
            return Err("it may be in training mode; export the model for inference".to_owned());
        }
    }
    identity(call)
}

pub fn flatten(call: &mut Call) -> Result<Made, String> {
    let input = call.value(0)?;
    let dims = call.dims(input);
    let rank = dims.len() + 1;
    // The axis may lie behind the last one.
    let from = axis_to(call.attributes.int("axis")?.unwrap_or(1), rank)?;
    let dims = call.dims(input);
    if from == 0 || dims[..from - 1].iter().any(|&d| d != 1) {
        return Err(format!("it mixes the batch with other dimensions of {}", show(dims)));
    }
    Ok(Made::op(Op::Reshape(vec![dims.iter().product()]), input))
}

/// An axis that may be one behind the last.
fn axis_to(index: i64, rank: usize) -> Result<usize, String> {
    if usize::try_from(index) == Ok(rank) { Ok(rank) } else { axis(index, rank) }
}

pub fn reshape(call: &mut Call) -> Result<Made, String> {
    let operand = call.operand(0)?;
    let shape = call.constant(1, "dimensions")?;
    let allow_zero = call.attributes.flag("allowzero", false)?;
    let shape = shape.list()?;
    if allow_zero && shape.contains(&Int::Known(0)) {
        return Err("it asks for an empty result".to_owned());
    }
    match operand {
        Operand::Value(input) => {
            let dims = batch_first(shape, call.dims(input), call.batch())?;
            Ok(Made::op(Op::Reshape(dims), input))
        }
        Operand::Constant(c) => {
            let dims = resolve(shape, &c.dims)?;
            recast(call, &c, dims)
        }
        _ => Err("it reshapes what has no batch in front".to_owned()),
    }
}

/// A constant with other dimensions.
fn recast(call: &mut Call, constant: &Constant, dims: Vec<usize>) -> Result<Made, String> {
    if dims.len() > limits::RANK || constant.shape().is_ok_and(|s| s.len() > limits::SHAPE) {
        return Err(format!("it makes a constant of {} dimensions and {} elements", dims.len(), constant.len()));
    }
    call.charge(constant)?;
    Ok(Made::Constant(Constant { dims, data: constant.data.clone() }.into()))
}

/// Dimensions without the batch, from a target that counts it.
///
/// Exporters write the batch as 0 (keep), as -1 (what is left), as the number they traced with, or as what `Shape`
/// gave. All of them mean the batch where the rest of the target holds exactly one image.
fn batch_first(target: &[Int], dims: &[usize], batch: Option<i64>) -> Result<Vec<usize>, String> {
    let refuse = || format!("its target does not keep the batch apart from the other dimensions of {}", show(dims));
    let (first, rest) = target.split_first().ok_or("its target has no dimensions")?;
    match *first {
        Int::Batch | Int::Known(0) => {}
        Int::Known(-1) if !rest.contains(&Int::Known(-1)) => {}
        Int::Known(n) if n == 1 || Some(n) == batch => {}
        Int::Known(_) => return Err(refuse()),
    }
    // A 0 keeps the dimension at its place, which counts the batch.
    resolve(rest, dims).map_err(|_| refuse())
}

/// Dimensions from a target with 0 (keep) and -1 (what is left).
fn resolve(target: &[Int], dims: &[usize]) -> Result<Vec<usize>, String> {
    let refuse = || format!("its target does not fit the elements of {}", show(dims));
    let mut out = Vec::with_capacity(target.len());
    let mut open = None;
    for (i, entry) in target.iter().enumerate() {
        out.push(match *entry {
            Int::Known(0) => *dims.get(i).ok_or_else(refuse)?,
            Int::Known(-1) if open.is_none() => {
                open = Some(i);
                1
            }
            Int::Known(n) => usize::try_from(n).map_err(|_| refuse())?,
            Int::Batch => return Err(refuse()),
        });
    }
    let total: usize = dims.iter().product();
    let known = out.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).ok_or_else(refuse)?;
    match open {
        Some(i) if known > 0 && total.is_multiple_of(known) => out[i] = total / known,
        None if known == total => {}
        _ => return Err(refuse()),
    }
    Ok(out)
}

/// The axes, which are an attribute before version 13 and an operand since.
fn axes(call: &mut Call) -> Result<Option<Vec<i64>>, String> {
    if call.opset < 13 {
        Ok(call.attributes.ints("axes")?.map(<[i64]>::to_vec))
    } else {
        call.optional_constant(1, "axes")?.map(|c| c.known_ints()).transpose()
    }
}

/// Indices of axes in a shape of this rank, sorted.
fn indices(axes: &[i64], rank: usize) -> Result<Vec<usize>, String> {
    if axes.len() > limits::RANK {
        return Err(format!("it has {} axes", axes.len()));
    }
    let mut out = axes.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
    out.sort_unstable();
    if out.windows(2).any(|w| w[0] == w[1]) { Err("it has an axis twice".to_owned()) } else { Ok(out) }
}

pub fn squeeze(call: &mut Call) -> Result<Made, String> {
    let operand = call.operand(0)?;
    let axes = axes(call)?;
    let squeezed = |dims: &[usize], offset: usize| {
        let all = || (0..dims.len()).filter(|&i| dims[i] == 1).collect();
        let drop: Vec<usize> = match &axes {
            None => all(),
            Some(axes) => indices(axes, dims.len() + offset)?
                .into_iter()
                .map(|i| i.checked_sub(offset).ok_or("it removes the batch"))
                .collect::<Result<_, _>>()?,
        };
        if drop.iter().any(|&i| dims[i] != 1) {
            return Err(format!("it removes a dimension of {} that is not 1", show(dims)));
        }
        Ok(dims.iter().enumerate().filter(|(i, _)| !drop.contains(i)).map(|(_, &d)| d).collect::<Vec<_>>())
    };
    match operand {
        Operand::Constant(c) => {
            let dims = squeezed(&c.dims, 0)?;
            recast(call, &c, dims)
        }
        _ => {
            let input = call.value(0)?;
            let dims = squeezed(call.dims(input), 1)?;
            Ok(Made::op(Op::Reshape(dims), input))
        }
    }
}

pub fn unsqueeze(call: &mut Call) -> Result<Made, String> {
    let operand = call.operand(0)?;
    let axes = axes(call)?.ok_or("its axes are missing")?;
    let unsqueezed = |dims: &[usize], offset: usize| {
        let mut out = dims.to_vec();
        for i in indices(&axes, dims.len() + offset + axes.len())? {
            let i = i.checked_sub(offset).ok_or("it adds a dimension before the batch")?;
            out.insert(i, 1);
        }
        Ok::<_, String>(out)
    };
    match operand {
        Operand::Constant(c) => {
            let dims = unsqueezed(&c.dims, 0)?;
            recast(call, &c, dims)
        }
        _ => {
            let input = call.value(0)?;
            let dims = unsqueezed(call.dims(input), 1)?;
            Ok(Made::op(Op::Reshape(dims), input))
        }
    }
}
