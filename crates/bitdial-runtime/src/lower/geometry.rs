//! Shapes of convolutions and pools, checked against the values they read and write.

use bitdial_ir::{Conv, Graph, Linear, Node, Pool, Window};
use bitdial_kernels::{ConvShape, PoolShape};

use crate::error::RuntimeError;

/// Elements a kernel may copy an image with its border into.
const MAX_BORDERED: usize = 1 << 28;

/// Rows, columns, channels of a value.
fn image(graph: &Graph, node: &Node, id: bitdial_ir::ValueId) -> Result<[usize; 3], RuntimeError> {
    let dims = &graph.value(id).dims;
    <[usize; 3]>::try_from(dims.as_slice())
        .map_err(|_| RuntimeError::node(node, format!("it needs images of rows, columns and channels, not {dims:?}")))
}

fn check_window(node: &Node, window: &Window) -> Result<(), RuntimeError> {
    let sizes = [window.kernel, window.stride, window.dilation];
    if sizes.as_flattened().contains(&0) {
        return Err(RuntimeError::node(node, "a window, stride or dilation of 0 is not possible"));
    }
    Ok(())
}

/// First tap of the last window plus all its taps: how far the windows reach along an axis, border included.
fn reach(window: &Window, axis: usize, output: usize) -> Option<usize> {
    let last = (output.checked_sub(1)?).checked_mul(window.stride[axis])?;
    let taps = (window.kernel[axis] - 1).checked_mul(window.dilation[axis])?;
    last.checked_add(taps)?.checked_add(1)
}

fn check_reach(node: &Node, window: &Window, input: [usize; 3], output: [usize; 3], exact: bool) -> Result<(), RuntimeError> {
    check_window(node, window)?;
    let mut bordered = Some(input[2]);
    for axis in 0..2 {
        let (before, after) = (window.pad[axis], window.pad[axis + 2]);
        let available = input[axis].checked_add(before).and_then(|n| n.checked_add(after));
        let reach = reach(window, axis, output[axis]);
        let fits = match (reach, available) {
            // The output is as large as the padded image allows.
            (Some(reach), Some(available)) => !exact || reach <= available && available - reach < window.stride[axis],
            _ => false,
        };
        if !fits {
            let reason = format!("a window of {:?} over {input:?} does not give {output:?}", window.kernel);
            return Err(RuntimeError::node(node, reason));
        }
        bordered = bordered.zip(reach.zip(available)).and_then(|(n, (r, a))| n.checked_mul(r.max(a)));
    }
    match bordered {
        Some(n) if n <= MAX_BORDERED => Ok(()),
        _ => Err(RuntimeError::node(node, "its padding makes the image too large")),
    }
}

/// The shape of a convolution.
///
/// # Errors
/// If it does not lead from the node's input to its output.
pub fn conv(graph: &Graph, node: &Node, conv: &Conv) -> Result<ConvShape, RuntimeError> {
    let (input, output) = (image(graph, node, node.inputs[0])?, image(graph, node, node.output)?);
    let Conv { in_channels, out_channels, groups, window, .. } = conv;
    if input[2] != *in_channels || output[2] != *out_channels {
        return Err(RuntimeError::node(node, format!("{in_channels} to {out_channels} channels do not fit {input:?} to {output:?}")));
    }
    check_reach(node, window, input, output, true)?;
    let Window { kernel, stride, pad, dilation } = *window;
    let shape = ConvShape { input, output, kernel, stride, pad: [pad[0], pad[1]], dilation, groups: *groups };
    Ok(shape)
}

/// The shape of a linear layer: a 1x1 convolution over as many pixels as the input has rows.
///
/// # Errors
/// If it does not lead from the node's input to its output.
pub fn linear(graph: &Graph, node: &Node, linear: &Linear) -> Result<ConvShape, RuntimeError> {
    let (input, output) = (&graph.value(node.inputs[0]).dims, &graph.value(node.output).dims);
    let Linear { in_features, out_features, .. } = *linear;
    let fits = input.last() == Some(&in_features) && output.last() == Some(&out_features);
    if !fits || input[..input.len() - 1] != output[..output.len() - 1] {
        return Err(RuntimeError::node(node, format!("{in_features} to {out_features} features do not fit {input:?} to {output:?}")));
    }
    let rows = input[..input.len() - 1].iter().product();
    Ok(ConvShape {
        input: [rows, 1, in_features],
        output: [rows, 1, out_features],
        kernel: [1, 1],
        stride: [1, 1],
        pad: [0, 0],
        dilation: [1, 1],
        groups: 1,
    })
}

/// The shape of a pooling window. Its output may reach beyond the padding, as ONNX's `ceil_mode` lets it.
///
/// # Errors
/// If it does not lead from the node's input to its output.
pub fn pool(graph: &Graph, node: &Node, pool: &Pool) -> Result<PoolShape, RuntimeError> {
    let (input, output) = (image(graph, node, node.inputs[0])?, image(graph, node, node.output)?);
    if input[2] != output[2] {
        return Err(RuntimeError::node(node, format!("pooling does not lead from {input:?} to {output:?}")));
    }
    check_reach(node, &pool.window, input, output, false)?;
    let Window { kernel, stride, pad, dilation } = pool.window;
    if kernel[0].saturating_mul(kernel[1]) > 1 << 22 {
        return Err(RuntimeError::node(node, "a pooling window of more than 2^22 taps is not supported"));
    }
    let output = [output[0], output[1]];
    Ok(PoolShape { input, output, kernel, stride, pad: [pad[0], pad[1]], dilation, count_include_pad: pool.count_include_pad })
}
