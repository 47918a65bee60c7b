//! Constant, and what exporters compute shapes with: Shape, Gather, Slice, Cast.

use std::rc::Rc;

use crate::onnx::call::{Call, Made, Operand, axis};
use crate::onnx::constant::{Constant, Data, Int};
use crate::onnx::convert::reshape;
use crate::onnx::proto::data_type;

pub fn constant(call: &mut Call) -> Result<Made, String> {
    let attributes = &mut call.attributes;
    let made = if let Some(tensor) = attributes.tensor("value")? {
        tensor
    } else if let Some(x) = attributes.float("value_float")? {
        Constant { dims: Vec::new(), data: Data::Float(vec![x]) }
    } else if let Some(xs) = attributes.floats("value_floats")? {
        Constant { dims: vec![xs.len()], data: Data::Float(xs.to_vec()) }
    } else if let Some(i) = attributes.int("value_int")? {
        Constant { dims: Vec::new(), data: Data::Int(vec![Int::Known(i)]) }
    } else if let Some(is) = attributes.ints("value_ints")? {
        Constant::ints(is.iter().map(|&i| Int::Known(i)).collect())
    } else {
        return Err("it has no value of a supported type".to_owned());
    };
    Ok(Made::Constant(Rc::new(made)))
}

pub fn shape(call: &mut Call) -> Result<Made, String> {
    let known = |dims: &[usize]| dims.iter().map(|&d| Int::Known(d as i64)).collect::<Vec<_>>();
    let all = match call.operand(0)? {
        Operand::Value(id) => [vec![Int::Batch], known(call.dims(id))].concat(),
        Operand::Constant(c) => known(&c.dims),
        _ => return Err("it asks for the shape of what has no batch in front".to_owned()),
    };
    let start = call.attributes.int("start")?.unwrap_or(0);
    let end = call.attributes.int("end")?.unwrap_or(i64::MAX);
    let range = range(start, end, all.len());
    Ok(Made::Constant(Constant::ints(all[range].to_vec()).into()))
}

/// Python's `start..end`: from the end where negative, clamped to `len`.
fn range(start: i64, end: i64, len: usize) -> std::ops::Range<usize> {
    let len = len as i64;
    let index = |i: i64| (if i < 0 { i.saturating_add(len) } else { i }).clamp(0, len) as usize;
    let (start, end) = (index(start), index(end));
    start..end.max(start)
}

/// Elements of a list of integers.
pub fn gather(call: &mut Call) -> Result<Made, String> {
    let data = call.constant(0, "elements")?;
    let indices = call.constant(1, "indices")?;
    axis(call.attributes.int("axis")?.unwrap_or(0), 1)?;
    let list = data.list()?;
    let picked = indices.known_ints()?.into_iter().map(|i| axis(i, list.len()).map(|i| list[i]));
    let picked = picked.collect::<Result<Vec<_>, _>>()?;
    Ok(Made::Constant(Constant { dims: indices.dims.clone(), data: Data::Int(picked) }.into()))
}

/// A part of a list of integers. The bounds are attributes before version 10 and operands since.
pub fn slice(call: &mut Call) -> Result<Made, String> {
    let data = call.constant(0, "elements")?;
    let list = data.list()?;
    let single = |what: &str, v: Vec<i64>| match v.as_slice() {
        &[i] => Ok(i),
        _ => Err(format!("it has {} {what} for one dimension", v.len())),
    };
    let mut bounds = |name: &str, index| {
        let values = if call.opset < 10 {
            call.attributes.ints(name)?.map(<[i64]>::to_vec)
        } else {
            call.optional_constant(index, name)?.map(|c| c.known_ints()).transpose()?
        };
        values.map(|v| single(name, v)).transpose()
    };
    let start = bounds("starts", 1)?.ok_or("its starts are missing")?;
    let end = bounds("ends", 2)?.ok_or("its ends are missing")?;
    axis(bounds("axes", 3)?.unwrap_or(0), 1)?;
    let step = if call.opset < 10 { 1 } else { call.optional_constant(4, "steps")?.map_or(Ok(1), |c| single("steps", c.known_ints()?))? };
    if step != 1 {
        return Err(format!("its step is {step}; only 1 is supported"));
    }
    Ok(Made::Constant(Constant::ints(list[range(start, end, list.len())].to_vec()).into()))
}

/// Between types of floats, all of which are f32 here, or of integers.
pub fn cast(call: &mut Call) -> Result<Made, String> {
    let to = call.attributes.int("to")?.and_then(|to| i32::try_from(to).ok()).unwrap_or(0);
    call.attributes.ignore(&["saturate"]);
    let float = matches!(to, data_type::FLOAT | data_type::FLOAT16 | data_type::DOUBLE | data_type::BFLOAT16);
    let fits = match call.operand(0)? {
        Operand::Constant(c) => match c.data {
            Data::Float(_) => float,
            Data::Int(_) => matches!(to, data_type::INT32 | data_type::INT64),
            Data::Other(_) => false,
        },
        _ => float,
    };
    if fits { reshape::identity(call) } else { Err(format!("it changes the type to {}, which is not supported", data_type::name(to))) }
}
