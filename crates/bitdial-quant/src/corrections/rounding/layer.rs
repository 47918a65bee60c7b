//! A convolution or linear layer as what it computes: products of weight rows with windows of the input.

use bitdial_ir::{Graph, Node, Op, ValueId, Window};

use crate::corrections::layer::parts;

/// Shape of a layer with weights. A linear layer is a convolution of one pixel's window, over all of its positions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layer {
    /// Index of its node.
    pub node: usize,
    /// What it reads.
    pub input: ValueId,
    /// Groups, each with rows and input channels of its own.
    pub groups: usize,
    /// Output channels of a group.
    pub rows: usize,
    /// Weights of a row: kernel rows times kernel columns times input channels of a group.
    pub row_len: usize,
    /// Rows, columns and channels of the input.
    size: [usize; 3],
    /// Rows and columns of the output.
    output: [usize; 2],
    window: Window,
}

impl Layer {
    /// The shape of node `index` of a prepared graph, if it has weights.
    pub fn new(graph: &Graph, index: usize) -> Option<Self> {
        let node = graph.nodes.get(index)?;
        let (weights, channels) = parts(node)?;
        let (input, output) = (graph.value(node.inputs[0]), graph.value(node.output));
        let (groups, window, size, output) = match &node.op {
            Op::Conv(conv) => {
                let size: [usize; 3] = input.dims.as_slice().try_into().ok()?;
                let &[rows, columns, _] = output.dims.as_slice() else { return None };
                (conv.groups, conv.window, size, [rows, columns])
            }
            _ => {
                let features = *input.dims.last()?;
                let positions = input.len() / features.max(1);
                let point = Window { kernel: [1, 1], stride: [1, 1], pad: [0; 4], dilation: [1, 1] };
                (1, point, [positions, 1, features], [positions, 1])
            }
        };
        let row_len = weights.len() / channels.max(1);
        let whole = groups > 0 && channels > 0 && row_len == window.kernel[0] * window.kernel[1] * size[2] / groups;
        whole.then(|| Self { node: index, input: node.inputs[0], groups, rows: channels / groups, row_len, size, output, window })
    }

    /// Weights of all groups.
    pub fn weights(&self) -> usize {
        self.groups * self.rows * self.row_len
    }

    /// Windows of one image.
    pub fn positions(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Calls `copy(input, window, len)` for each run of numbers that a group's window at a position takes from the input
    /// of one image: `len` numbers from element `input` on become those from element `window` on. Padding is left out.
    pub fn runs(&self, group: usize, position: usize, mut copy: impl FnMut(usize, usize, usize)) {
        let ([height, width, channels], [kernel_rows, kernel_columns]) = (self.size, self.window.kernel);
        let len = channels / self.groups;
        let at = [position / self.output[1], position % self.output[1]];
        let coordinate = |axis: usize, tap: usize, size: usize| {
            (at[axis] * self.window.stride[axis] + tap * self.window.dilation[axis])
                .checked_sub(self.window.pad[axis])
                .filter(|&x| x < size)
        };
        for ky in 0..kernel_rows {
            let Some(y) = coordinate(0, ky, height) else { continue };
            for kx in 0..kernel_columns {
                let Some(x) = coordinate(1, kx, width) else { continue };
                copy((y * width + x) * channels + group * len, (ky * kernel_columns + kx) * len, len);
            }
        }
    }
}

/// The bias of a node that has weights, if it has one.
pub(crate) fn bias(node: &Node) -> Option<&[f32]> {
    match &node.op {
        Op::Conv(conv) => conv.bias.as_deref(),
        Op::Linear(linear) => linear.bias.as_deref(),
        _ => None,
    }
}
