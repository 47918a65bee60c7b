//! What is added to the results of a convolution before they are stored: the other operand of a residual sum.

use bitdial_numerics::ActivationParams;

/// The sum of integer results and another value, on a grid of its own. The result is rounded to its own grid first, so
/// the sum is what [`crate::Elementwise::add_u8`] gives.
#[derive(Clone, Copy, Debug)]
pub struct U8Sum<'a> {
    /// Scale of the result.
    pub scale: f32,
    /// The other operand: rows x columns x channels, and its grid.
    pub other: (&'a [u8], &'a ActivationParams),
    /// The grid of the sum; an activation that clamps is part of it.
    pub grid: &'a ActivationParams,
}

impl U8Sum<'_> {
    /// What a step of the result and of the other operand are in steps of the sum.
    pub(crate) fn factors(&self) -> [f32; 2] {
        [self.scale / self.grid.scale, self.other.1.scale / self.grid.scale]
    }
}

/// `clamp(y + other, low, high)` for f32 results `y`, as [`crate::Elementwise::add_f32`] has it.
#[derive(Clone, Copy, Debug)]
pub struct F32Sum<'a> {
    /// The other operand: rows x columns x channels.
    pub other: &'a [f32],
    /// Smallest sum; an activation that clamps is part of it.
    pub low: f32,
    /// Largest sum.
    pub high: f32,
}

/// What else is done to f32 results on their way to memory; nothing by default.
#[derive(Debug, Default)]
pub struct F32Tail<'a> {
    /// Something is added.
    pub add: Option<F32Sum<'a>>,
}
