//! Convolutions and linear layers: which way they compute, and the numbers that all of them have.

use bitdial_ir::{Node, Op, Weights};
use bitdial_kernels::ConvShape;
use bitdial_runtime::shared::{conv_shape, linear_shape};

use super::{Grid, Held, Lowered, Lowering, Params, conv_f32, conv_int};
use crate::arena::Buf;
use crate::error::GpuError;
use crate::kernel::Kernel;
use crate::tune::{Candidate, Tile};

/// What a convolution and a linear layer have in common.
pub(super) struct Layer<'g> {
    pub node: &'g Node,
    pub shape: ConvShape,
    /// One per output channel, 0 where there is none.
    pub bias: Vec<f32>,
    pub candidate: Candidate,
}

impl Layer<'_> {
    /// Output channels.
    pub fn channels(&self) -> usize {
        self.shape.output[2]
    }

    /// Vectors of four output channels.
    pub fn panel(&self) -> usize {
        self.channels().div_ceil(4)
    }

    /// Pixels of an image's output.
    pub fn pixels(&self) -> usize {
        self.shape.output[0] * self.shape.output[1]
    }

    /// Whether the window is one pixel and moves by one.
    pub fn is_point(&self) -> bool {
        let shape = &self.shape;
        shape.kernel == [1, 1] && shape.stride == [1, 1] && shape.pad == [0, 0] && shape.input[..2] == shape.output[..2]
    }

    /// The threads of a kernel that computes tiles.
    pub fn tiles(&self, tile: Tile) -> Grid {
        Grid::Tiles { pixels: self.pixels(), panel: self.panel(), tile }
    }

    /// The threads of a kernel that computes four channels a thread.
    pub fn quads(&self) -> Grid {
        Grid::Items(self.pixels() * self.panel())
    }

    /// A kernel with the shape of a tile.
    pub fn tiled(&self, name: &'static str, depth: u32) -> Kernel {
        let [wx, wy] = self.candidate.tile.threads();
        let kernel = Kernel::new(name).with("WX", wx as u32).with("WY", wy as u32).with("TK", depth);
        if self.is_point() { kernel.with("POINT", 1u32) } else { kernel }
    }
}

/// What becomes of a sum.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Store {
    /// Whether it is stored in f32.
    pub real: bool,
    /// Whether something is added.
    pub sum: bool,
    /// Zero point, smallest and largest integer.
    pub to: [i32; 3],
    pub other_zero: i32,
    /// The same of the sum.
    pub sum_to: [i32; 3],
    /// What a step of either operand is in steps of the sum.
    pub factors: [f32; 2],
    pub clamp: [f32; 2],
    pub sum_clamp: [f32; 2],
}

/// The numbers of a convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvParams {
    pub x: Buf,
    pub y: Buf,
    pub other: Option<Buf>,
    pub grids: Option<Buf>,
    pub weights: u32,
    pub table: u32,
    pub scales: u32,
    pub zeros: u32,
    pub in_words: usize,
    pub row: usize,
    pub group: usize,
    pub zero_point: i32,
    pub scale: f32,
    pub store: Store,
}

impl ConvParams {
    /// In the order of `conv_params.wgsl`.
    pub fn build(&self, shape: &ConvShape) -> Params {
        let at = |params: Params, buf: Option<Buf>| match buf {
            Some(buf) => params.at(buf),
            None => params.u(&[0]),
        };
        let params = Params::default().at(self.x).at(self.y).u(&[self.weights as usize, self.table as usize]);
        let params = at(at(params, self.other), self.grids);
        let store = &self.store;
        let [rows, columns, channels] = shape.output;
        params
            .u(&[shape.input[0], shape.input[1], self.in_words, rows, columns, channels, shape.kernel[1]])
            .u(&shape.stride)
            .u(&shape.pad)
            .u(&shape.dilation)
            .u(&[self.row, shape.input[2], channels.div_ceil(4), self.group])
            .u(&[shape.input[2] / shape.groups, channels / shape.groups])
            .u(&[usize::from(store.real) + 2 * usize::from(store.sum)])
            .i(&[self.zero_point])
            .i(&store.to)
            .i(&[store.other_zero])
            .i(&store.sum_to)
            .f(&store.factors)
            .f(&store.clamp)
            .f(&store.sum_clamp)
            .f(&[self.scale])
            .u(&[self.scales as usize, self.zeros as usize])
    }
}

impl Lowering<'_> {
    /// Emits a convolution, and notes what it would be without the sum that it goes on to.
    pub(super) fn emit_conv(&mut self, layer: &Layer, kernel: Kernel, params: &ConvParams, grid: Grid) {
        self.emit(kernel, params.build(&layer.shape), grid);
        if params.store.sum {
            let alone = ConvParams { store: Store { sum: false, ..params.store }, ..*params };
            if let Some(dispatch) = self.last() {
                dispatch.alone = Some(alone.build(&layer.shape));
            }
        }
    }
}

/// Compiles a convolution or linear layer.
pub(super) fn lower(l: &mut Lowering, node: &Node, candidate: Candidate) -> Result<Lowered, GpuError> {
    let (shape, weights, bias) = match &node.op {
        Op::Conv(conv) => (conv_shape(l.graph, node, conv)?, &conv.weights, &conv.bias),
        Op::Linear(linear) => (linear_shape(l.graph, node, linear)?, &linear.weights, &linear.bias),
        _ => return Err(GpuError::unsupported(node, "it is no convolution or linear layer")),
    };
    if l.graph.accumulator.is_some() && matches!(weights, Weights::Int(_)) {
        return Err(GpuError::unsupported(node, "sums always have 32 bits"));
    }
    let bias = bias.clone().unwrap_or_else(|| vec![0.0; shape.output[2]]);
    let layer = Layer { node, shape, bias, candidate };
    match (weights, node.dynamic, l.input(node, 0)) {
        (Weights::F32(weights), None, _) => conv_f32::real(l, &layer, weights, None),
        (Weights::Coded(weights), None, _) => conv_f32::real(l, &layer, &weights.dequantize(shape.output[2]), Some(weights.codes.bits())),
        (Weights::Int(weights), Some(dynamic), Held::F32(x)) => conv_int::dynamic(l, &layer, weights, dynamic, x),
        (Weights::Int(weights), None, Held::U8(x, grid)) => conv_int::fixed(l, &layer, weights, x, grid),
        (Weights::Int(weights), None, Held::F32(_)) => conv_f32::decoded(l, &layer, weights),
        _ => Err(GpuError::unsupported(node, "its weights and its input do not go together")),
    }
}
