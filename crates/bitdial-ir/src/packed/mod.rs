//! Packed models: the file in which a model's size is counted.
//!
//! | part | bytes |
//! |---|---|
//! | magic | `BDPM`, then the version of the format, 1 |
//! | layout | 0 for NCHW, 1 for NHWC; 2 more if the width of accumulators and whether they saturate follow, a byte each |
//! | name | text |
//! | inputs | count; for each: value, dimensions |
//! | nodes | count; for each: name, operator, its inputs, its output as a value, activation, dynamic quantization |
//! | outputs | count; for each: number of the value |
//!
//! Counts, dimensions and numbers of values are LEB128. A text is the number of bytes it shares with the text before
//! it (at most 255, one byte), the number of its further bytes, and these. A value is its number, its name and how it is
//! held: one byte, 0 for f32, 1 for integers, then scale, zero point, smallest and largest integer, and others for formats
//! that are simulated (`simulated.rs`). Dimensions of other
//! values than inputs are not written: they follow. Weights are packed at their bit-width, without gaps; scales,
//! biases and other real numbers are little-endian f32; zero points are one byte each and left out where all are 0.
//! Where weights have scales in groups, the weights of a group are a number after the byte of their form. Where they are
//! codes, there follow three bytes of what they mean and one of their scales (`coded`); before the codes stand codebooks
//! and the scale of a whole tensor, after them the other scales.

mod coded;
mod read;
mod simulated;
mod write;

pub use read::read;
pub use write::{node_bytes, write};

/// First bytes of the file.
const MAGIC: [u8; 5] = *b"BDPM\x01";

/// Longest part of a text that can be shared with the one before.
const SHARED: usize = u8::MAX as usize;

/// Added to the layout where integer sums have a width of their own.
const ACCUMULATOR: u8 = 2;

/// How a value is held.
mod held {
    pub const FLOAT: u8 = 0;
    pub const GRID: u8 = 1;
    pub const WIDE_GRID: u8 = 2;
    pub const DYNAMIC_GRID: u8 = 3;
    pub const SCALED: u8 = 4;
    pub const DYNAMIC_SCALED: u8 = 5;
    pub const MX: u8 = 6;
    pub const NVFP4: u8 = 7;
    pub const DYNAMIC_NVFP4: u8 = 8;
}

/// Bits of the byte that says how weights are written; the lowest four are the bit-width of integers, 0
/// for f32, 15 for codes.
mod form {
    pub const WIDTH: u8 = 0x0F;
    /// In the place of a width: codes.
    pub const CODED: u8 = 0x0F;
    pub const PER_CHANNEL: u8 = 0x10;
    pub const ZERO_POINTS: u8 = 0x20;
    pub const BIAS: u8 = 0x40;
    pub const GROUPS: u8 = 0x80;
}

/// First byte of an operator.
mod tag {
    pub const CONV: u8 = 0;
    pub const LINEAR: u8 = 1;
    pub const BATCH_NORM: u8 = 2;
    pub const ACTIVATE: u8 = 3;
    pub const ADD: u8 = 4;
    pub const MUL: u8 = 5;
    pub const ADD_CONST: u8 = 6;
    pub const MUL_CONST: u8 = 7;
    pub const CONCAT: u8 = 8;
    pub const MAX_POOL: u8 = 9;
    pub const AVERAGE_POOL: u8 = 10;
    pub const MEAN: u8 = 11;
    pub const RESHAPE: u8 = 12;
    pub const TRANSPOSE: u8 = 13;
    pub const PAD: u8 = 14;
    pub const SOFTMAX: u8 = 15;
}

/// First byte of an activation.
mod activation {
    pub const NONE: u8 = 0;
    pub const RELU: u8 = 1;
    pub const CLIP: u8 = 2;
    pub const LEAKY_RELU: u8 = 3;
    pub const HARD_SIGMOID: u8 = 4;
    pub const HARD_SWISH: u8 = 5;
    pub const SIGMOID: u8 = 6;
}

/// Highest bit of the byte of dynamic quantization; the others are the bit-width, and all are 0 for none.
const SYMMETRIC: u8 = 0x80;
