//! Rewrites of a graph that keep what it computes.

mod dead;
mod fold;
mod fold_batch_norm;
mod fold_binary_const;
mod fold_pad;
mod fold_reshape;
mod fuse_activation;
mod layout;
mod linear_order;
mod movement;
mod normalized;
mod uses;

use crate::error::IrError;
use crate::graph::{Graph, Layout};

pub use normalized::normalized;

/// Makes a graph of [`crate::onnx::read`] what quantization and the runtime take: BatchNorm and constant factors
/// folded into weights, padding folded into convolutions, clamping activations fused into [`crate::Node::activation`],
/// images in NHWC, nothing left that does nothing. A graph in NHWC is taken to be prepared and stays as it is.
///
/// Activations that do more than clamp keep a node of their own, because their inputs need a grid of their own.
/// Names of convolutions and linear layers stay.
///
/// # Errors
/// [`IrError`] if the graph breaks an invariant of [`Graph::check`].
pub fn prepare(mut graph: Graph) -> Result<Graph, IrError> {
    graph.check()?;
    if graph.layout == Layout::Nhwc {
        return Ok(graph);
    }
    movement::simplify(&mut graph);
    dead::remove(&mut graph);
    fold_pad::fold(&mut graph);
    fold::fold(&mut graph);
    fuse_activation::fuse(&mut graph);
    let mut graph = layout::to_nhwc(&graph);
    movement::simplify(&mut graph);
    dead::remove(&mut graph);
    fold_reshape::fold(&mut graph);
    linear_order::fold(&mut graph);
    movement::simplify(&mut graph);
    dead::remove(&mut graph);
    graph.check()?;
    Ok(graph)
}

/// The reverse of [`prepare`] as far as the layout goes: a graph that computes the same, with its images in ONNX's order.
/// It may be quantized. A graph in NCHW stays as it is.
///
/// # Errors
/// [`IrError`] if the graph breaks an invariant of [`Graph::check`].
pub(crate) fn in_onnx_order(graph: &Graph) -> Result<Graph, IrError> {
    graph.check()?;
    if graph.layout == Layout::Nchw {
        return Ok(graph.clone());
    }
    let mut graph = layout::to_nchw(graph);
    movement::simplify(&mut graph);
    dead::remove(&mut graph);
    graph.check()?;
    Ok(graph)
}
