//! What else happens to the results of a convolution before they are stored: a residual sum, a look at their range.

use crate::scalar;
use bitdial_numerics::ActivationParams;
use std::cell::Cell;

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
    /// The range of what is stored is added to this one.
    pub range: Option<&'a Cell<Extremes>>,
}

/// The smallest and the largest number so far, in four lanes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    pub(crate) min: [f32; 4],
    pub(crate) max: [f32; 4],
}

impl Default for Extremes {
    fn default() -> Self {
        Self { min: [f32::INFINITY; 4], max: [f32::NEG_INFINITY; 4] }
    }
}

impl Extremes {
    /// As [`crate::Elementwise::range`] gives it for all numbers so far.
    #[must_use]
    pub fn range(&self) -> (f32, f32) {
        (scalar::range(&self.min).0, scalar::range(&self.max).1)
    }

    /// Takes one more; NaN is left out.
    pub(crate) fn take(&mut self, y: f32) {
        self.min[0] = if y < self.min[0] { y } else { self.min[0] };
        self.max[0] = if y > self.max[0] { y } else { self.max[0] };
    }
}
