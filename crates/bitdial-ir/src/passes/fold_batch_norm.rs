//! BatchNorm as a factor and an offset per channel.

use crate::graph::{Layout, Node};
use crate::infer::channel_axis;
use crate::op::Op;
use crate::passes::fold::Affine;

/// What a BatchNorm does, if its channels lie on `axis`.
pub fn affine(node: &Node, rank: usize, axis: usize, layout: Layout) -> Option<Affine> {
    let Op::BatchNorm { factor, offset } = &node.op else { return None };
    let wide = |data: &[f32]| data.iter().map(|&x| f64::from(x)).collect();
    (channel_axis(rank, layout) == axis).then(|| Affine { factor: wide(factor), offset: wide(offset) })
}
