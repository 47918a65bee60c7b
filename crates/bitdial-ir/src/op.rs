//! Operators and their constants.

use std::borrow::Cow;

use bitdial_numerics::{PackedInts, WeightParams};

use crate::coded::CodedWeights;

/// A constant tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Dimensions.
    pub dims: Vec<usize>,
    /// Elements; as many as the product of the dimensions.
    pub data: Vec<f32>,
}

/// The weights of a convolution or linear layer: `out_channels` rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Weights {
    /// Real values.
    F32(Vec<f32>),
    /// Integers with their grids.
    Int(QuantizedWeights),
    /// Codes of a format that has no integer kernel.
    Coded(CodedWeights),
}

/// Weights as packed integers.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedWeights {
    /// The integers, in the order of the f32 weights they stand for.
    pub values: PackedInts,
    /// One grid for all, or one for each output channel, or one for each group of each output channel; each as wide as
    /// `values`.
    pub params: Vec<WeightParams>,
    /// Weights of a group, one of [`GROUPS`]; the last group of a row may have fewer. `None` where a row has one grid.
    pub group: Option<usize>,
}

/// Weights that a group may have.
pub const GROUPS: [usize; 4] = [16, 32, 64, 128];

impl QuantizedWeights {
    /// The grid of one output channel, where there are no groups.
    #[must_use]
    pub fn params_of(&self, channel: usize) -> WeightParams {
        if self.params.len() == 1 { self.params[0] } else { self.params[channel] }
    }

    /// The grid of one weight, of a layer with `channels` output channels.
    #[must_use]
    pub fn grid(&self, index: usize, channels: usize) -> WeightParams {
        let row = self.row(channels);
        match self.group {
            None => self.params_of(index / row),
            Some(group) => self.params[index / row * row.div_ceil(group) + index % row / group],
        }
    }

    /// Weights of an output channel.
    fn row(&self, channels: usize) -> usize {
        (self.values.len() / channels.max(1)).max(1)
    }

    /// Whether there are as many grids as a layer with `channels` output channels needs, and each is one.
    #[must_use]
    pub fn is_sound(&self, channels: usize) -> bool {
        let bits = self.values.bits();
        let sound = |p: &WeightParams| {
            p.bits == bits && p.scale.is_finite() && p.scale > 0.0 && {
                let (low, high) = p.range();
                (low..=high).contains(&p.zero_point) && (bits > 1 || p.zero_point == 0)
            }
        };
        let enough = match self.group {
            None => self.params.len() == 1 || self.params.len() == channels,
            Some(group) => GROUPS.contains(&group) && channels.checked_mul(self.row(channels).div_ceil(group)) == Some(self.params.len()),
        };
        (1..=8).contains(&bits) && enough && self.params.iter().all(sound)
    }

    /// The real values the integers stand for, of a layer with `channels` output channels.
    #[must_use]
    pub fn dequantize(&self, channels: usize) -> Vec<f32> {
        self.values.iter().enumerate().map(|(i, q)| self.grid(i, channels).dequantize(q)).collect()
    }
}

impl Weights {
    /// Number of weights.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(w) => w.len(),
            Self::Int(w) => w.values.len(),
            Self::Coded(w) => w.codes.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The real values that are multiplied with, of a layer with `channels` output channels.
    #[must_use]
    pub fn dequantize(&self, channels: usize) -> Cow<'_, [f32]> {
        match self {
            Self::F32(w) => Cow::Borrowed(w),
            Self::Int(w) => Cow::Owned(w.dequantize(channels)),
            Self::Coded(w) => Cow::Owned(w.dequantize(channels)),
        }
    }

    /// Bits of one weight; `None` for f32.
    #[must_use]
    pub fn bits(&self) -> Option<u8> {
        match self {
            Self::F32(_) => None,
            Self::Int(w) => Some(w.values.bits()),
            Self::Coded(w) => Some(w.codes.bits()),
        }
    }

    /// The values that the weight at `index` could take, ascending, of a layer with `channels` output channels; none for
    /// more than 8 bits.
    #[must_use]
    pub fn grid(&self, index: usize, channels: usize) -> Vec<f32> {
        match self {
            Self::F32(_) => Vec::new(),
            Self::Int(w) => {
                let grid = w.grid(index, channels);
                grid.integers().map(|integer| grid.dequantize(integer)).collect()
            }
            Self::Coded(w) => w.grid(index, channels),
        }
    }

    /// Number of scales; 0 for f32 and for formats that have none.
    #[must_use]
    pub fn scales(&self) -> usize {
        match self {
            Self::F32(_) => 0,
            Self::Int(w) => w.params.len(),
            Self::Coded(w) => w.scales.len(),
        }
    }
}

/// How a window slides over rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Steps.
    pub stride: [usize; 2],
    /// Rows above, columns left, rows below, columns right.
    pub pad: [usize; 4],
    /// Distance between taps.
    pub dilation: [usize; 2],
}

/// A two-dimensional convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Output channels.
    pub out_channels: usize,
    /// Input channels, of all groups together.
    pub in_channels: usize,
    /// Groups; `in_channels` of them is a depthwise convolution.
    pub groups: usize,
    /// Geometry.
    pub window: Window,
    /// In the order output channel, kernel row, kernel column, input channel of the group (OHWI), in either layout.
    pub weights: Weights,
    /// One per output channel.
    pub bias: Option<Vec<f32>>,
}

/// A fully connected layer (Gemm, or `MatMul` with a constant): `out = weights * in + bias`, over the last dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// Outputs.
    pub out_features: usize,
    /// Inputs.
    pub in_features: usize,
    /// Row-major `[out][in]`.
    pub weights: Weights,
    /// One per output.
    pub bias: Option<Vec<f32>>,
}

/// A pooling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Geometry. Padding never wins a maximum.
    pub window: Window,
    /// Whether padding counts in an average.
    pub count_include_pad: bool,
}

/// An operation on two operands, broadcast as in numpy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// Sum.
    Add,
    /// Product.
    Mul,
}

/// A dimension of a value, not counting the batch.
pub type Axis = usize;

/// What a node does. Dimensions and axes leave out the batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Convolution of one image.
    Conv(Conv),
    /// Fully connected layer.
    Linear(Linear),
    /// `x * factor + offset` per channel; folded away by `passes` where it follows a convolution or linear layer.
    /// The channels are the first axis, except of images in NHWC, where they are the last. A graph in NHWC has it on
    /// values of one or three dimensions only: the last axis there.
    BatchNorm {
        /// One per channel: `gamma / sqrt(variance + epsilon)`.
        factor: Vec<f32>,
        /// One per channel: `beta - mean * factor`.
        offset: Vec<f32>,
    },
    /// The node's [`Activation`] and nothing else.
    Activate,
    /// Two values.
    Binary(Binary),
    /// A value and a constant whose dimensions, without a batch, broadcast to the value's.
    BinaryConst(Binary, Tensor),
    /// Along one axis.
    Concat(Axis),
    /// Largest of each window.
    MaxPool(Pool),
    /// Mean of each window.
    AveragePool(Pool),
    /// Mean over axes (ascending), which stay with size 1 if `keep`. `GlobalAveragePool` is this over rows and columns.
    Mean {
        /// Which.
        axes: Vec<Axis>,
        /// Whether they stay.
        keep: bool,
    },
    /// Other dimensions for the same elements in the same order; Flatten, Squeeze, Unsqueeze, Identity and Dropout too.
    Reshape(Vec<usize>),
    /// `output axis i` is `input axis perm[i]`.
    Transpose(Vec<Axis>),
    /// Constant border: for each axis, elements before and after.
    Pad {
        /// Before and after, per axis.
        pads: Vec<[usize; 2]>,
        /// What the border holds.
        value: f32,
    },
    /// Over one axis.
    Softmax(Axis),
}

/// What is applied to a result, element by element.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, low), high)`; ReLU6 is `Clip(0, 6)`.
    Clip(f32, f32),
    /// `x`, or `alpha * x` below 0.
    LeakyRelu(f32),
    /// `max(0, min(1, alpha * x + beta))`.
    HardSigmoid(f32, f32),
    /// `x * HardSigmoid(1/6, 1/2)(x)`.
    HardSwish,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

impl Activation {
    /// The interval it clamps to, if that is all it does: such an activation costs nothing where a result is
    /// requantized.
    #[must_use]
    pub fn clamp(self) -> Option<(f32, f32)> {
        match self {
            Self::None => Some((f32::NEG_INFINITY, f32::INFINITY)),
            Self::Relu => Some((0.0, f32::INFINITY)),
            Self::Clip(low, high) => Some((low, high)),
            _ => None,
        }
    }
}

/// How a layer quantizes its input on each run: over the whole tensor of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DynamicQuant {
    /// Width, 1..=8.
    pub bits: u8,
    /// Whether the zero point is in the middle.
    pub symmetric: bool,
}

impl Op {
    /// ONNX's name for it, or the nearest.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv(_) => "Conv",
            Self::Linear(_) => "Gemm",
            Self::BatchNorm { .. } => "BatchNormalization",
            Self::Activate => "Activation",
            Self::Binary(Binary::Add) | Self::BinaryConst(Binary::Add, _) => "Add",
            Self::Binary(Binary::Mul) | Self::BinaryConst(Binary::Mul, _) => "Mul",
            Self::Concat(_) => "Concat",
            Self::MaxPool(_) => "MaxPool",
            Self::AveragePool(_) => "AveragePool",
            Self::Mean { .. } => "ReduceMean",
            Self::Reshape(_) => "Reshape",
            Self::Transpose(_) => "Transpose",
            Self::Pad { .. } => "Pad",
            Self::Softmax(_) => "Softmax",
        }
    }

    /// Elements of its constants: weights, biases, factors, offsets.
    #[must_use]
    pub fn constant_len(&self) -> usize {
        match self {
            Self::Conv(Conv { weights, bias, .. }) | Self::Linear(Linear { weights, bias, .. }) => {
                weights.len() + bias.as_ref().map_or(0, Vec::len)
            }
            Self::BatchNorm { factor, offset } => factor.len() + offset.len(),
            Self::BinaryConst(_, tensor) => tensor.data.len(),
            _ => 0,
        }
    }
}
