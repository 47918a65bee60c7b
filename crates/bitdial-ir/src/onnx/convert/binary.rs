//! Add and Mul, of two values or of a value and a constant.

use crate::limits;
use crate::onnx::call::{Call, Made, Operand, TURNED};
use crate::onnx::constant::{Constant, Data, Int};
use crate::op::{Activation, Binary, Op, Tensor};

pub fn add(call: &mut Call) -> Result<Made, String> {
    binary(call, Binary::Add)
}

pub fn mul(call: &mut Call) -> Result<Made, String> {
    binary(call, Binary::Mul)
}

fn binary(call: &mut Call, kind: Binary) -> Result<Made, String> {
    let (a, b) = (call.operand(0)?, call.operand(1)?);
    match (a, b) {
        (Operand::Value(a), Operand::Value(b)) => Ok(Made::Node(Op::Binary(kind).into(), vec![a, b], Activation::None)),
        (Operand::Value(value), Operand::Constant(c)) | (Operand::Constant(c), Operand::Value(value)) => {
            let rank = call.dims(value).len();
            let dims = match c.dims.as_slice() {
                [1, rest @ ..] if rest.len() == rank => rest,
                dims if dims.len() <= rank => dims,
                [_, rest @ ..] if rest.len() == rank => return Err("its constant differs from image to image of a batch".to_owned()),
                _ => return Err("its constant has more dimensions than its other operand".to_owned()),
            };
            let dims = dims.to_vec();
            call.charge(&c)?;
            let data = c.floats()?.to_vec();
            Ok(Made::op(Op::BinaryConst(kind, Tensor { dims, data }), value))
        }
        (Operand::Constant(a), Operand::Constant(b)) => {
            if a.len().max(b.len()) > limits::SHAPE {
                return Err("both of its operands are constants".to_owned());
            }
            Ok(Made::Constant(ints(kind, &a, &b)?.into()))
        }
        _ => Err(TURNED.to_owned()),
    }
}

/// Arithmetic of shapes: two integer constants of one dimension, or with a single element.
fn ints(kind: Binary, a: &Constant, b: &Constant) -> Result<Constant, String> {
    let (x, y) = (a.shape()?, b.shape()?);
    let dims = match (x.len(), y.len()) {
        (_, 1) if a.dims.len() >= b.dims.len() => &a.dims,
        (1, _) if b.dims.len() >= a.dims.len() => &b.dims,
        _ if a.dims == b.dims => &a.dims,
        _ => return Err("its constant operands have different dimensions".to_owned()),
    };
    let at = |data: &[Int], i: usize| data[if data.len() == 1 { 0 } else { i }];
    let one = |i| match (kind, at(x, i), at(y, i)) {
        (Binary::Add, Int::Known(a), Int::Known(b)) => a.checked_add(b).map(Int::Known),
        (Binary::Mul, Int::Known(a), Int::Known(b)) => a.checked_mul(b).map(Int::Known),
        (Binary::Add, Int::Batch, Int::Known(0)) | (Binary::Add, Int::Known(0), Int::Batch) => Some(Int::Batch),
        (Binary::Mul, Int::Batch, Int::Known(1)) | (Binary::Mul, Int::Known(1), Int::Batch) => Some(Int::Batch),
        _ => None,
    };
    let data = (0..dims.iter().product()).map(one).collect::<Option<Vec<_>>>();
    let data = data.ok_or("it computes with the size of the batch, or with numbers that are too large")?;
    Ok(Constant { dims: dims.clone(), data: Data::Int(data) })
}
