//! Adding or multiplying a constant as a factor and an offset per channel.

use crate::graph::Node;
use crate::op::{Binary, Op, Tensor};
use crate::passes::fold::Affine;

/// What the node does, if its constant differs along `axis` only.
pub fn affine(node: &Node, rank: usize, axis: usize, channels: usize) -> Option<Affine> {
    let Op::BinaryConst(kind, tensor) = &node.op else { return None };
    let values = per_channel(tensor, rank, axis, channels)?;
    Some(match kind {
        Binary::Add => Affine { factor: vec![1.0; channels], offset: values },
        Binary::Mul => Affine { factor: values, offset: vec![0.0; channels] },
    })
}

/// One number per channel.
fn per_channel(tensor: &Tensor, rank: usize, axis: usize, channels: usize) -> Option<Vec<f64>> {
    // Dimensions are aligned at the last one.
    let missing = rank.checked_sub(tensor.dims.len())?;
    let flat = tensor.dims.iter().enumerate().all(|(i, &d)| d == 1 || i + missing == axis);
    match tensor.data.as_slice() {
        &[single] => Some(vec![f64::from(single); channels]),
        data if flat && data.len() == channels => Some(data.iter().map(|&x| f64::from(x)).collect()),
        _ => None,
    }
}
