//! ONNX out: a graph, quantized or not, to a file that onnxruntime runs.
//!
//! Integers are written as QDQ: a value on a grid goes through `QuantizeLinear` and `DequantizeLinear`, integer weights
//! are initializers behind a `DequantizeLinear`. A runtime that knows the pattern computes in integers, any other
//! computes the same in f32.
//!
//! What is said exactly:
//! - A grid that does not use all of u8 (fewer bits, a symmetric one, a clamping activation) has a `Clip` of u8 between
//!   the two, so that saturation happens at the grid's own ends.
//! - Grids of up to 16 bits, which are simulated here, are UINT16.
//! - Weights of 1 and 2 bits are INT2 (version 25 of the operators), of 3 and 4 bits INT4, others INT8; -1 and 1 at 1 bit.
//! - Scales in groups are blocks along a row of `[outputs, inputs]`; a `Reshape` and a `Transpose` make it ONNX's order.
//! - Floats of 8 and 16 bits have types, and so has the scale of MX blocks (version 24). Other codes are places in a table
//!   of values (`Gather`): onnxruntime reads no FLOAT4E2M1, and codebooks, NF4 and powers of two have no type.
//! - A layer that quantizes its input on each run does so image by image. `DynamicQuantizeLinear` would take the range of
//!   the whole batch and knows 8 bits only, so the range, the grid and the rounding are written with elementary operators.

mod coded;
mod dynamic;
mod file;
mod grid;
mod layer;
mod op;
#[cfg(test)]
mod tests;
mod weights;

use bitdial_numerics::FakeQuant;

use crate::error::{IrError, shorten};
use crate::graph::Graph;
use crate::passes;

/// What a file says about itself, besides the model.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// Version of the program that wrote it.
    pub version: &'a str,
    /// The recipe, as JSON, that the model was quantized by.
    pub recipe: Option<&'a str>,
}

/// The bytes of an ONNX file that computes what the graph computes, with the batch free.
///
/// `metadata_props` of the file names, for each layer with integer weights (`bitdial.weights.LAYER`) and each value on a
/// grid narrower than u8 (`bitdial.activations.VALUE`), the true width; `bitdial.recipe` is the recipe.
///
/// # Errors
/// [`IrError::Export`] with the layer that ONNX has no form for, or what [`Graph::check`] finds.
pub fn write(graph: &Graph, about: About) -> Result<Vec<u8>, IrError> {
    refuse(graph)?;
    let graph = passes::in_onnx_order(graph)?;
    let mut file = file::File::new(&graph);
    for &input in &graph.inputs {
        file.input(&graph, input);
    }
    for node in &graph.nodes {
        layer::write(&mut file, &graph, node)?;
    }
    for &output in &graph.outputs {
        file.output(&graph, output);
    }
    Ok(file.finish(&graph.name, about))
}

/// What has no form in ONNX wherever it is.
fn refuse(graph: &Graph) -> Result<(), IrError> {
    let fail = |layer: &str, reason: String| Err(IrError::Export { layer: shorten(layer), reason });
    if let (Some(accumulator), Some(node)) = (graph.accumulator, graph.nodes.iter().find(|node| node.op.constant_len() > 0)) {
        return fail(&node.name, format!("it adds in {} bits, and the sums of ONNX are as wide as they need be", accumulator.bits));
    }
    match graph.values.iter().find(|value| !matches!(value.simulated, None | Some(FakeQuant::Grid(_)))) {
        Some(value) => {
            fail(&value.name, "its activations are taken to a format that is simulated here and has no operator in ONNX".to_owned())
        }
        None => Ok(()),
    }
}
