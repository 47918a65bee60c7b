//! Concat, Transpose, Pad.

use std::rc::Rc;

use crate::limits;
use crate::onnx::call::{Call, Made, Operand, TURNED, axis, value_axis};
use crate::onnx::constant::{Constant, Data};
use crate::op::{Activation, Op};

pub fn concat(call: &mut Call) -> Result<Made, String> {
    let along = call.attributes.int("axis")?.ok_or("its axis is missing")?;
    let operands = (0..call.arity()).map(|i| call.operand(i)).collect::<Result<Vec<_>, _>>()?;
    if operands.is_empty() {
        return Err("it has no operand".to_owned());
    }
    let mut values = Vec::new();
    let mut ints = Vec::new();
    for operand in &operands {
        match operand {
            Operand::Value(id) => values.push(*id),
            Operand::Constant(c) => ints.extend_from_slice(c.list()?),
            _ => return Err(TURNED.to_owned()),
        }
    }
    match (values.first(), ints.is_empty()) {
        (Some(&first), true) => {
            let along = value_axis(along, call.dims(first))?;
            Ok(Made::Node(Op::Concat(along).into(), values, Activation::None))
        }
        (Some(_), false) => Err("it puts a constant and a value together, which is not supported".to_owned()),
        (None, _) => {
            axis(along, 1)?;
            if ints.len() > limits::SHAPE {
                return Err(format!("it makes a shape of {} dimensions", ints.len()));
            }
            Ok(Made::Constant(Constant::ints(ints).into()))
        }
    }
}

pub fn transpose(call: &mut Call) -> Result<Made, String> {
    let operand = call.operand(0)?;
    let perm = call.attributes.ints("perm")?;
    let rank = match &operand {
        Operand::Value(id) => call.dims(*id).len() + 1,
        Operand::Constant(c) => c.dims.len(),
        _ => return Err("it transposes what has no batch in front".to_owned()),
    };
    let perm: Vec<usize> = match perm {
        None => (0..rank).rev().collect(),
        Some(perm) if perm.len() == rank => perm.iter().map(|&p| axis(p, rank)).collect::<Result<_, _>>()?,
        Some(perm) => return Err(format!("its perm has {} entries and needs {rank}", perm.len())),
    };
    if (0..rank).any(|i| !perm.contains(&i)) {
        return Err(format!("its perm {perm:?} is no order of its axes"));
    }
    match operand {
        Operand::Constant(c) => {
            call.charge(&c)?;
            Ok(Made::Constant(Rc::new(transposed(&c, &perm)?)))
        }
        Operand::Value(id) if perm == [1, 0] => Ok(Made::Turned(id)),
        _ if perm[0] != 0 => Err("it moves the batch".to_owned()),
        _ => Ok(Made::op(Op::Transpose(perm[1..].iter().map(|p| p - 1).collect()), call.value(0)?)),
    }
}

/// A constant with its axes in another order.
fn transposed(constant: &Constant, perm: &[usize]) -> Result<Constant, String> {
    let data = crate::permute::permute(constant.floats()?, &constant.dims, perm);
    Ok(Constant { dims: perm.iter().map(|&p| constant.dims[p]).collect(), data: Data::Float(data) })
}

/// The pads are attributes before version 11 and operands since.
pub fn pad(call: &mut Call) -> Result<Made, String> {
    let input = call.value(0)?;
    let mode = call.attributes.text("mode")?.unwrap_or_else(|| "constant".to_owned());
    if mode != "constant" {
        return Err(format!("its mode is `{mode}`; only constant is supported"));
    }
    let rank = call.dims(input).len() + 1;
    let (pads, value, axes) = if call.opset < 11 {
        let pads = call.attributes.ints("pads")?.ok_or("its pads are missing")?.to_vec();
        (pads, call.attributes.float("value")?, None)
    } else {
        let pads = call.constant(1, "pads")?.known_ints()?;
        let value = call.optional_constant(2, "border")?.map(|c| c.float()).transpose()?;
        (pads, value, call.optional_constant(3, "axes")?)
    };
    let axes = match axes {
        None => (0..rank).collect(),
        Some(axes) => axes.known_ints()?.into_iter().map(|a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?,
    };
    if pads.len() != 2 * axes.len() {
        return Err(format!("it has {} pads for {} axes", pads.len(), axes.len()));
    }
    let mut out = vec![[0, 0]; rank];
    if (1..axes.len()).any(|i| axes[..i.min(rank)].contains(&axes[i])) {
        return Err("it has an axis twice".to_owned());
    }
    for (i, &along) in axes.iter().enumerate() {
        for (to, from) in [(0, i), (1, i + axes.len())] {
            let n = usize::try_from(pads[from]).ok().filter(|&n| n <= limits::VALUE_ELEMENTS);
            out[along][to] = n.ok_or_else(|| format!("it has a pad of {}", pads[from]))?;
        }
    }
    if out[0] != [0, 0] {
        return Err("it pads the batch".to_owned());
    }
    Ok(Made::op(Op::Pad { pads: out.split_off(1), value: value.unwrap_or(0.0) }, input))
}
