//! The last step of a convolution, one sum at a time.

use crate::api::{F32Store, I32Store};

impl I32Store<'_> {
    /// Stores the sum of output `index`, which belongs to channel `c`.
    pub(crate) fn put(&mut self, index: usize, c: usize, sum: i32) {
        match self {
            Self::U8 { multipliers, zero_point, low, high, out } => {
                out[index] = requantize(sum as f32 * multipliers[c], *zero_point, *low, *high);
            }
            Self::F32 { scales, bias, low, high, out } => out[index] = clamp(sum as f32 * scales[c] + bias[c], *low, *high),
        }
    }
}

impl F32Store<'_> {
    /// Stores the sum of output `index`, which belongs to channel `c`.
    pub(crate) fn put(&mut self, index: usize, c: usize, sum: f32) {
        self.out[index] = clamp(sum + self.bias[c], self.low, self.high);
    }
}

/// `round_ties_even(clamp(x, low - zero_point, high - zero_point)) + zero_point`.
pub(crate) fn requantize(x: f32, zero_point: u8, low: u8, high: u8) -> u8 {
    /// 1.5 * 2^23: adding it leaves no bits for a fraction, so the sum is rounded to an integer, ties to even.
    const ROUND: f32 = 12_582_912.0;
    let zero = f32::from(zero_point);
    let x = clamp(x, f32::from(low) - zero, f32::from(high) - zero);
    ((x + ROUND).to_bits() as i32 - ROUND.to_bits() as i32 + i32::from(zero_point)) as u8
}

/// `x`, or the end of the interval that it is beyond.
pub(crate) fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if high < x { high } else { x }
}
