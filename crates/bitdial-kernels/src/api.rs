//! What a kernel is given and what it promises.
//!
//! Images are NHWC with the channels innermost, one image a call. Activations are u8 with a zero point, weights are
//! signed integers of 1 to 8 bits (-1 and 1 at 1 bit) in the order output channel, row, column, input channel of the group (OHWI).

use crate::sums::{F32Tail, U8Sum};

/// A set of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Backend {
    /// The reference: plain loops.
    Scalar,
    /// wasm SIMD with 128-bit vectors.
    Simd128,
    /// wasm SIMD with the relaxed instructions.
    RelaxedSimd,
}

/// Geometry of a convolution. A fully connected layer is one with 1x1 images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Rows, columns, channels of the input.
    pub input: [usize; 3],
    /// Rows, columns, channels of the output.
    pub output: [usize; 3],
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Steps.
    pub stride: [usize; 2],
    /// Rows above and columns to the left of the image; what lies below and to the right follows from the output.
    pub pad: [usize; 2],
    /// Distance between taps.
    pub dilation: [usize; 2],
    /// Groups; both channel counts are multiples of it.
    pub groups: usize,
}

impl ConvShape {
    /// Weights per output channel.
    #[must_use]
    pub fn row_len(&self) -> usize {
        self.kernel[0] * self.kernel[1] * (self.input[2] / self.groups)
    }

    /// Weights in all.
    #[must_use]
    pub fn weight_len(&self) -> usize {
        self.output[2] * self.row_len()
    }

    /// Whether each of several channels has one output of its own.
    #[must_use]
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.input[2] && self.groups == self.output[2]
    }

    /// Multiply-accumulates, those on padding included.
    #[must_use]
    pub fn macs(&self) -> u64 {
        (self.output[0] * self.output[1]) as u64 * self.weight_len() as u64
    }
}

/// Integer weights before packing.
#[derive(Clone, Copy, Debug)]
pub struct IntWeights<'a> {
    /// OHWI, each within `bits` bits.
    pub values: &'a [i8],
    /// Width, 1..=8.
    pub bits: u8,
    /// Zero points: empty if all are 0, else one per output channel, each within `bits` bits; 0 at 1 bit.
    pub zero_points: &'a [i8],
}

/// The integer operands of one image's convolution.
#[derive(Clone, Copy, Debug)]
pub struct IntInput<'a> {
    /// `input` rows x columns x channels.
    pub image: &'a [u8],
    /// The integer that stands for 0.0, and what padding holds.
    pub zero_point: u8,
    /// Added to the sum: one per output channel.
    pub bias: &'a [i32],
}

/// What becomes of the i32 sums `sum_k (a_k - zero_point) * (w_k - weight_zero_point) + bias`, channel by channel.
///
/// Every step is one correctly rounded f32 operation, never fused, so that all backends agree in the last bit.
#[derive(Debug)]
pub enum I32Store<'a> {
    /// `q = round_ties_even(clamp(sum as f32 * multipliers[c], low - zero_point, high - zero_point)) + zero_point`.
    U8 {
        /// `input scale * weight scale / output scale`, one per output channel.
        multipliers: &'a [f32],
        /// Zero point of the output.
        zero_point: u8,
        /// Smallest output; an activation that clamps is part of it.
        low: u8,
        /// Largest output.
        high: u8,
        /// What is added to it then, if anything.
        add: Option<U8Sum<'a>>,
        /// Rows x columns x channels.
        out: &'a mut [u8],
    },
    /// `y = clamp(sum as f32 * scales[c] + bias[c], low, high)`, with the product rounded before the addition.
    F32 {
        /// `input scale * weight scale`, one per output channel.
        scales: &'a [f32],
        /// One per output channel.
        bias: &'a [f32],
        /// Smallest output; an activation that clamps is part of it.
        low: f32,
        /// Largest output.
        high: f32,
        /// What is done to it then.
        tail: F32Tail<'a>,
        /// Rows x columns x channels.
        out: &'a mut [f32],
    },
}

/// What becomes of f32 sums: `clamp(sum + bias[c], low, high)`.
#[derive(Debug)]
pub struct F32Store<'a> {
    /// One per output channel.
    pub bias: &'a [f32],
    /// Smallest output.
    pub low: f32,
    /// Largest output.
    pub high: f32,
    /// What is done to it then.
    pub tail: F32Tail<'a>,
    /// Rows x columns x channels.
    pub out: &'a mut [f32],
}

/// An integer convolution kernel.
///
/// The weights of a layer go through two forms: *packed* (kept: panel order, at their bit-width, zero points included)
/// and *panels* (scratch: what the inner loop reads). Where they are the same bytes, `panel_len` is 0.
///
/// Both forms depend on the window, the channels and the groups of a shape and not on its rows and columns. So a 1x1
/// convolution without stride or padding (a fully connected layer too) may take a whole batch as one image of more
/// rows.
pub trait ConvI8: Sync {
    /// Data types, tile and instruction, e.g. `conv-u8i8-4x8-dot16`.
    fn name(&self) -> &'static str;

    /// Whether it can run this shape with weights of this width on activations of at most `activation_high`.
    fn supports(&self, shape: &ConvShape, weight_bits: u8, activation_high: u8) -> bool;

    /// Packs weights at their width.
    fn pack(&self, shape: &ConvShape, weights: &IntWeights) -> Vec<u8>;

    /// Bytes of scratch that `unpack` fills and `run` reads.
    fn panel_len(&self, shape: &ConvShape, weight_bits: u8) -> usize;

    /// Fills the panels, once for any number of images. Does nothing where `panel_len` is 0.
    fn unpack(&self, shape: &ConvShape, packed: &[u8], weight_bits: u8, panels: &mut [u8]);

    /// Bytes of scratch that `run` needs for itself. Their contents do not matter, before or after.
    fn scratch_len(&self, shape: &ConvShape) -> usize;

    /// Convolves one image. `panels` is the scratch that `unpack` filled, or `packed` itself where `panel_len` is 0.
    ///
    /// # Panics
    /// If a slice is shorter than the shape says.
    fn run(&self, shape: &ConvShape, panels: &[u8], input: &IntInput, scratch: &mut [u8], store: &mut I32Store);
}

/// An f32 convolution kernel. Packed weights do not depend on the rows and columns of a shape.
pub trait ConvF32: Sync {
    /// Data type, tile and instruction, e.g. `conv-f32-4x8-fma`.
    fn name(&self) -> &'static str;

    /// Whether every output is the sum over rows, columns, input channels in this order, starting at +0.0, with each
    /// product rounded, padding being 0.0: equal to the reference, as long as weights and inputs are finite.
    fn strict(&self) -> bool;

    /// Whether it can run this shape.
    fn supports(&self, shape: &ConvShape) -> bool;

    /// Floats that `pack` fills.
    fn packed_len(&self, shape: &ConvShape) -> usize;

    /// Packs OHWI weights into `packed`.
    fn pack(&self, shape: &ConvShape, weights: &[f32], packed: &mut [f32]);

    /// Floats of scratch that `run` needs. Their contents do not matter, before or after.
    fn scratch_len(&self, shape: &ConvShape) -> usize;

    /// Convolves one image.
    ///
    /// # Panics
    /// If a slice is shorter than the shape says.
    fn run(&self, shape: &ConvShape, packed: &[f32], image: &[f32], scratch: &mut [f32], store: &mut F32Store);
}

/// Geometry of a pooling window over one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolShape {
    /// Rows, columns, channels of the input.
    pub input: [usize; 3],
    /// Rows and columns of the output.
    pub output: [usize; 2],
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Steps.
    pub stride: [usize; 2],
    /// Rows above and columns to the left of the image.
    pub pad: [usize; 2],
    /// Distance between taps.
    pub dilation: [usize; 2],
    /// Whether an average divides by the whole window instead of by the taps that lie on the image.
    pub count_include_pad: bool,
}

impl PoolShape {
    /// Elements of the output.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.output[0] * self.output[1] * self.input[2]
    }
}
